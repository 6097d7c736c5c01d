#!/bin/sh
# Killed after an installer had ended and before that was noted: it is run again, although what it needs was thrown away.
. "${0%/*}/lib.sh"

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

say "== the package database cannot be kept: nothing is installed, and what was cut off is not believed in the next run either"
installs=$(count commands '"--replacepkgs"')
forgotten fabricmanager
missing var/lib/rpm io fabricmanager
expect steps.fabricmanager.cut_off true
agent_again
expect_ready
expect_count $((installs + 1)) commands '"--replacepkgs"'

say "== all of them, over a restart"
# shellcheck disable=SC2086
forgotten $steps
agent_boot
expect_ready
all_is_well
