#!/bin/sh
# R24: services that use the GPU are ordered after nvidia-persistenced, also those that are installed later.
. "${0%/*}/lib.sh"

units=$(printf '%s ' cloudmonitor.service nvidia-cdi-refresh.service ollama.service)

# dropins NAME: the units that have this drop-in
dropins()
{
	for unit in "$T"/root/etc/systemd/system/*.d/"$1"; do
		unit=${unit%.d/*}
		[ ! -e "$unit.d" ] || printf '%s ' "${unit##*/}"
	done
}

ordered()
{
	grep -v '^#' "$T/root/etc/systemd/system/$1.d/50-gn8v-order.conf" > "$D/found"
	printf '[Unit]\nAfter=nvidia-persistenced.service\n' | diff - "$D/found" || fail "$1 is ordered otherwise"
}

story_from ready single
agent_run
expect_ready
[ "$(dropins 50-gn8v-order.conf)" = "$units" ] || fail "ordered are: $(dropins 50-gn8v-order.conf)"
[ -z "$(dropins 10-gn8v-hold.conf)" ] || fail "still held: $(dropins 10-gn8v-hold.conf)"
[ -z "$(dropins 60-gn8v-gate.conf)" ] || fail "gated: $(dropins 60-gn8v-gate.conf)"
for unit in $units; do
	ordered "$unit"
done

say "== a path may not be: it would close a circle"
mkdir -p "$T/root/etc/systemd/system/nvidia-cdi-refresh.path.d"
cp "$T/root/usr/share/gn8v/units/50-gn8v-order.conf" "$T/root/etc/systemd/system/nvidia-cdi-refresh.path.d/"
agent_boot
expect_ready
[ "$(dropins 50-gn8v-order.conf)" = "$units" ] || fail "ordered are: $(dropins 50-gn8v-order.conf)"

say "== installed later, and started by the boot"
printf '[Service]\nExecStart=/usr/local/bin/ollama serve\n' > "$T/root/etc/systemd/system/ollama.service"
ln -s /etc/systemd/system/ollama.service "$T/root/etc/systemd/system/multi-user.target.wants/"
echo '{"persistenced": 0.5}' > "$T/state/delays.json"
agent_boot
expect_ready
unit_becomes ollama.service active
happens gpu 1 '"ollama serve'
expect_count 1 gpu '"ollama serve'
all_is_well

say "== another list: the Before= of nvidia-persistenced.service follows it"
configure '{"services": {"gpu": ["mine.service", "cloudmonitor.service"]}}'
agent_again
expect_ready
grep -q '^Before=mine.service cloudmonitor.service$' "$T/root/usr/lib/systemd/system/nvidia-persistenced.service" ||
	fail "Before= is not the list"
ordered mine.service
all_is_well
