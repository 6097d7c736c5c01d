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

story_from restarted single --delay yum=0.1
"$TWIN" up "$T"
last=
while read -r step fault; do
	say "== $step ($fault)"
	case $fault in
	delay-*) faults "-$last" && printf '{"%s": 1}\n' "${fault#delay-}" > "$T/state/delays.json" ;;
	*) faults ${last:+"-$last"} "$fault" ;;
	esac
	signalled TERM "$step" again
	interrupted "$step"
	last=${fault%%=*}
done <<END
packages yum-hangs
fetch-driver download-stall=NVIDIA
driver installer-hangs
cuda cuda-hangs
verifier pip-hangs
persistenced-start delay-persistenced
attest attest-hangs
END
faults "-$last"
heals
expect_boots 2
