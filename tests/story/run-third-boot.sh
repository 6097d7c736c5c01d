#!/bin/sh
# A boot with nothing to do: no restart, no file changed, and the proof taken again for this boot.
. "${0%/*}/lib.sh"

for shape in single multi; do
	story_from ready $shape
	first=$(status attestation.boot_id)
	"$TWIN" snapshot "$T" --content --without /etc/gn8v --without /var/lib/gn8v --without /var/log > "$D/before"
	restarts=$(count bus Manager.Reboot)
	begun=$(mark)
	agent_run
	expect_ready
	expect_boots 3
	"$TWIN" snapshot "$T" --content --without /etc/gn8v --without /var/lib/gn8v --without /var/log > "$D/after"
	diff "$D/before" "$D/after" || fail "files changed (< before, > after)"
	[ "$restarts" = 1 ] || fail "$restarts restarts were asked for, not 1"
	expect_count 1 bus Manager.Reboot
	check quiet "$T" "$begun" > "$D/did"
	! grep -v -e "was called: .*StartUnit .*gn8v-ready.target" -e "was run: /usr/bin/nvidia-smi conf-compute -srs 1" "$D/did" || fail "more was done than to open the gate"
	expect attestation.verdict accepted
	expect attestation.boot_id "$(status boot_id)"
	[ "$(status boot_id)" != "$first" ] || fail "the proof is that of an earlier boot"
	all_is_well
done
