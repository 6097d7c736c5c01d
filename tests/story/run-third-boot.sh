#!/bin/sh
# A boot with nothing to do: no restart, no file changed, and the proof taken again for this boot.
. "${0%/*}/lib.sh"

look() { "$TWIN" snapshot "$T" --content --without /etc/gn8v --without /var/lib/gn8v --without /var/log > "$D/$1"; }

started() { printf %s "StartUnit\",\"args\":[\"nvidia-$1.service\""; }

# changes_nothing BOOT: what the run did since look and mark. To start what systemd is starting is to wait for it.
changes_nothing()
{
	expect_ready
	expect_boots "$1"
	look after
	diff "$D/before" "$D/after" || fail "files changed (< before, > after)"
	expect_count 1 bus Manager.Reboot
	check quiet "$T" "$begun" > "$D/did"
	! grep -v -e "was called: .*StartUnit .*gn8v-ready.target" -e "was run: /usr/bin/nvidia-smi conf-compute -srs 1" \
		-e 'was called: .*StartUnit \["nvidia-\(fabricmanager\|persistenced\).service", "replace"\]' "$D/did" ||
		fail "more was done than to open the gate"
	expect attestation.verdict accepted
	expect attestation.boot_id "$(status boot_id)"
	[ "$(status boot_id)" != "$last" ] || fail "the proof is that of an earlier boot"
}

for shape in single multi; do
	story_from ready $shape
	last=$(status attestation.boot_id)
	look before
	begun=$(mark)
	agent_run
	changes_nothing 3
	all_is_well

	say "== $shape: the devices take their time, and the agent waits for them"
	last=$(status attestation.boot_id)
	slow="persistenced"
	[ $shape = single ] || slow="fabricmanager persistenced"
	for name in $slow; do
		holds $name
		count bus "$(started $name)" > "$D/$name"
	done
	begun=$(mark)
	begin boot
	for name in $slow; do
		happens bus $(($(cat "$D/$name") + 1)) "$(started $name)"
		goes_on $name
	done
	finish
	changes_nothing 4
	all_is_well
done
