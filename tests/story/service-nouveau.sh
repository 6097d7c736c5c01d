#!/bin/sh
# kernel.blacklist_nouveau: nouveau holds the GPU; kernel arguments and the one restart keep it away.
. "${0%/*}/lib.sh"

story_begin single --set nouveau=true --config '{"kernel": {"blacklist_nouveau": true}}'
[ -d "$T/root/sys/bus/pci/drivers/nouveau" ] || fail "nouveau is not bound: this story shows nothing"
agent_run
expect_ready
expect_boots 2
[ ! -d "$T/root/sys/bus/pci/drivers/nouveau" ] || fail "nouveau is bound"
for entry in "$T"/root/boot/loader/entries/*.conf; do
	grep -q '^options.* swiotlb=4194304,any.*nouveau' "$entry" || fail "without the arguments: $(cat "$entry")"
done
all_is_well
agent_boot
expect_ready
