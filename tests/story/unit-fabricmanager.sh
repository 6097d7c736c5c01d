#!/bin/sh
# Fabric Manager's package orders it after multi-user.target: no boot waits for itself, and what gn8v wrote follows the package.
. "${0%/*}/lib.sh"

copy=etc/systemd/system/nvidia-fabricmanager.service
package=usr/lib/systemd/system/nvidia-fabricmanager.service

# behind: what Fabric Manager is ordered after, as systemd has read it
behind()
{
	busctl --address="unix:path=$T/state/bus" get-property org.freedesktop.systemd1 \
		/org/freedesktop/systemd1/unit/nvidia_2dfabricmanager_2eservice org.freedesktop.systemd1.Unit After
}

# in_order: the copy is there, is used, and multi-user.target was reached
in_order()
{
	[ -e "$T/root/$copy" ] || fail "there is no $copy"
	! behind | grep -q multi-user || fail "it is ordered after multi-user.target: $(behind)"
	unit_becomes multi-user.target active
	unit_is nvidia-fabricmanager.service active
}

story_from restarted multi --fault fabricmanager-unit=after-multi-user
agent_run
expect_ready
in_order
grep -q '^After=network-online.target$' "$T/root/$copy" || fail "the copy lost what it should have kept"
grep -q '^# Put here by gn8v' "$T/root/$copy" || fail "the copy does not say whose it is"
[ "$(sed -n '/^\[Service\]/,$p' "$T/root/$copy")" = "$(sed -n '/^\[Service\]/,$p' "$T/root/$package")" ] ||
	fail "the copy runs something else"
was_run nvidia-fabricmanager-start.sh || fail "the package's start script did not run"
said "$copy written"
all_is_well

say "== a third boot"
agent_boot
expect_ready
in_order
all_is_well

say "== the package is updated, and still in disorder"
"$TWIN" down "$T"
sed -i 's/^TimeoutStartSec=.*/TimeoutStartSec=600/' "$T/root/$package"
agent_boot
expect_ready
in_order
grep -q '^TimeoutStartSec=600$' "$T/root/$copy" || fail "the copy does not follow the package"

say "== in disorder by way of another unit"
"$TWIN" down "$T"
sed -i 's/^After=.*/After=network-online.target late.service/' "$T/root/$package"
printf '[Unit]\nAfter=multi-user.target\n[Service]\nExecStart=/usr/bin/bash\n' > "$T/root/usr/lib/systemd/system/late.service"
agent_boot
expect_ready
grep -q '^After=network-online.target$' "$T/root/$copy" || fail "it is still ordered after late.service"
in_order

say "== and then mended"
"$TWIN" down "$T"
cp "${0%/*}/../twin/payload/fabricmanager-590.service" "$T/root/$package"
agent_boot
expect_ready
[ ! -e "$T/root/$copy" ] || fail "the copy is still there"
said "$copy removed"
agent_boot
expect_ready
all_is_well

say "== an owner's own unit is not touched: it is refused"
"$TWIN" down "$T"
cp "${0%/*}/../twin/payload/fabricmanager-after-multi-user.service" "$T/root/$copy"
cp "$T/root/$copy" "$D/owners"
agent_boot
expect_exit 1
expect_error fabricmanager-unit-order
expect error.step preflight
expect_words error.message "ordered after multi-user.target"
cmp "$T/root/$copy" "$D/owners" || fail "the owner's unit was changed"
expect_gate_closed
