#!/bin/sh
# SIGTERM in any step after the restart is "interrupted": not an attempt, nothing left running, and the next start goes on.
. "${0%/*}/lib.sh"

# interrupted STEP: exit code 143, the step is named, its attempt does not count
interrupted()
{
	expect_exit 143
	expect_result pending
	expect "steps.$1.state" interrupted
	expect "steps.$1.attempts" 0
	expect_words summary interrupted
	expect_gate_closed
	status_validates
}

# passing STEP: the same for a step that is quick: the signal may come as soon as it is done. Nothing comes after ready.
passing()
{
	say "== $1, or right behind it"
	"$TWIN" signal "$T" TERM --past "$1" &
	killer=$!
	begin again
	finish
	if ! wait "$killer" || [ "$rc" = 0 ]; then
		[ "$1 $rc" = "ready 0" ] || fail "the agent did not get SIGTERM in $1: it ended with $rc"
		return
	fi
	expect_exit 143
	expect_result pending
	[ "$1" = ready ] || expect_gate_closed
	status_validates
}

story_from restarted multi --delay yum=0.1 --delay persistenced=1 --systemd '{"ntp_synchronized": false, "ntp_after_s": 2}'
"$TWIN" up "$T"
say "== time-sync"
signalled TERM time-sync again
interrupted time-sync
passing hold-services
last=
while read -r step fault; do
	say "== $step ($fault)"
	faults ${last:+"-$last"} "$fault"
	signalled TERM "$step" again
	interrupted "$step"
	last=${fault%%=*}
done <<END
packages yum-hangs
fetch-driver download-stall=NVIDIA
fabricmanager rpm-hangs
driver installer-hangs
persistenced-start cuda-hangs
cuda cuda-hangs
nscq rpm-hangs
verifier pip-hangs
END
faults "-$last"
passing release-services
faults attest-hangs
signalled TERM attest again
interrupted attest
faults -attest-hangs
passing ready
heals
expect_boots 2
