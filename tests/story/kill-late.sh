#!/bin/sh
# Killed after an installer had ended and before that was noted: it is run again, although what it needs was thrown away.
. "${0%/*}/lib.sh"

steps="driver fabricmanager nscq verifier"

# begun_cuda: the record of a run of CUDA's installer whose end was not noted
begun_cuda()
{
	mkdir -p "$T/root/var/lib/gn8v/begun"
	echo "/usr/local/cuda-12.8 absent" > "$T/root/var/lib/gn8v/begun/cuda-12.8"
}

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

say "== cuda: its record says more than the status"
installs=$(count commands cuda-installer)
forgotten cuda
agent_again
expect_ready
expect_count "$installs" commands cuda-installer
begun_cuda
forgotten cuda
agent_again
expect_ready
expect steps.cuda.cut_off false
expect_count $((installs + 1)) commands cuda-installer
has "$T/state/agent.log" "an installation in /usr/local/cuda-12.8 did not end"

say "== the package database cannot be kept: nothing is installed, and what was cut off is not believed in the next run either"
installs=$(count commands '"--replacepkgs"')
forgotten fabricmanager
missing var/lib/rpm io fabricmanager
expect steps.fabricmanager.cut_off true
agent_again
expect_ready
expect_count $((installs + 1)) commands '"--replacepkgs"'

say "== all of them, over a restart"
begun_cuda
# shellcheck disable=SC2086
forgotten $steps cuda
agent_boot
expect_ready
all_is_well
