#!/bin/sh
# Killed after an installer had ended and before that was noted: it is run again, although what it needs was thrown away.
. "${0%/*}/lib.sh"

# forgotten STEP…: as the status of an agent that was killed in them
forgotten()
{
	python3 -B - "$T/root/var/lib/gn8v/status.json" "$@" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    status = json.load(f)
for step in status["steps"]:
    if step["id"] in sys.argv[2:]:
        step.update(state="running", cut_off=True, attempts=1)
with open(sys.argv[1], "w") as f:
    json.dump(status, f)
END
}

steps="driver cuda fabricmanager nscq verifier"
story_from ready multi
agent_run
expect_ready
for step in $steps; do
	say "== $step"
	forgotten "$step"
	agent_again
	expect_ready
	expect "steps.$step.cut_off" false
	has "$T/state/agent.log" "run again: it was cut off in the middle"
done

say "== all of them, over a restart"
# shellcheck disable=SC2086
forgotten $steps
agent_boot
expect_ready
all_is_well
