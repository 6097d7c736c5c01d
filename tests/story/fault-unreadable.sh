#!/bin/sh
# The PCI bus, a disk or debugfs cannot be read: "could not tell", never "no device"; what this boot mapped stays true.
. "${0%/*}/lib.sh"

# unreadable PATH: it is there, and reading it fails, until `readable` puts it back
unreadable()
{
	mv "$T/root/$1" "$D/away" || fail "there is no $1"
	mkdir "$T/root/$1"
	unread=$1
}

readable()
{
	rmdir "$T/root/$unread"
	mv "$D/away" "$T/root/$unread"
}

story_from ready single
agent_boot
expect_ready
expect_words steps.restart.reason "mapped 8 GiB"

say "== debugfs is shut off in a boot that was ready: what was mapped is known"
rm -r "$T/root/sys/kernel/debug/swiotlb"
agent_again
expect_ready
expect_words steps.restart.reason "mapped 8 GiB of SWIOTLB, as was read earlier in this boot"
expect measured.swiotlb_bytes 8589934592
answers 0 plan
all_is_well

say "== in the next boot nothing is known of it, and that is told"
"$TWIN" up "$T"
rm -r "$T/root/sys/kernel/debug/swiotlb"
agent_again
expect_failed swiotlb-unknown

say "== a GPU whose vendor cannot be read is not absent"
"$TWIN" up "$T"
unreadable "$(cd "$T/root" && grep -l 0x10de sys/bus/pci/devices/*/vendor)"
agent_again
expect_exit 1
expect_result failed
expect error.code io
expect error.step preflight
expect_words error.message "$unread"
expect_gate_closed
readable

say "== nor a disk"
story_begin multi
"$TWIN" up "$T"
unreadable sys/block/vda/size
agent_again
expect_failed io
expect_words error.message sys/block/vda/size
touched_nothing
