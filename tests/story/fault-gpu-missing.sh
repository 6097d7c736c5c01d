#!/bin/sh
# nvidia-persistenced comes up well without a GPU that it could not open: told at once, by its address, and no proof is tried.
. "${0%/*}/lib.sh"

# told COUNT STEP ADDRESS: what the run has just said, before it asked for any evidence
told()
{
	expect_failed persistenced-gpu-missing
	expect error.who alibaba-cloud
	expect error.step "$2"
	expect_words error.message "$1"
	expect_words error.message "$3"
	expect steps.attest.state todo
}

fault_now=persistenced-skips-gpu
story_from restarted single --fault $fault_now
agent_run
told "0 of the 1 GPUs" persistenced-start 0000:00:07.0
heals

say "== at a later boot, where nvidia-persistenced is up before the agent looks"
story_from ready multi --fault persistenced-skips-gpu
agent_boot
told "7 of the 8 GPUs" devices 0000:00:0e.0
expect steps.fabric.state todo
