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

# hung STEP [FAULT[=ARG]]: the signal comes in a step that this fault keeps from its end
hung()
{
	say "== $1${2:+ ($2)}"
	[ -z "${2:-}" ] || faults "$2"
	signalled TERM "$1" again
	interrupted "$1"
	[ -z "${2:-}" ] || faults "-${2%%=*}"
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

# All of them from the beginning: a signal may come late, and what other steps do until then must leave each its turn.
story_from restarted multi --systemd '{"ntp_synchronized": false}' --fault yum-hangs --fault download-stall=NVIDIA \
	--fault rpm-hangs --fault installer-hangs --fault cuda-hangs --fault pip-hangs --fault attest-hangs
"$TWIN" up "$T"
passing hold-services
hung time-sync
systemd '{"ntp_synchronized": true}'
hung packages yum-hangs
hung fetch-driver download-stall=NVIDIA
hung fabricmanager rpm-hangs
hung driver installer-hangs
holds persistenced
faults rpm-hangs
hung persistenced-start
goes_on persistenced
hung nscq rpm-hangs
hung verifier pip-hangs
hung cuda cuda-hangs
passing release-services
hung attest attest-hangs
passing ready
heals
expect_boots 2
