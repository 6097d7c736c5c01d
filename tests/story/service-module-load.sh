#!/bin/sh
# driver.skip_module_load: not even the driver's installer opens a GPU before nvidia-persistenced is active.
. "${0%/*}/lib.sh"

story_from restarted single
agent_run
expect_ready
expect_count 1 gpu "installer test load"

story_from restarted single --config '{"driver": {"skip_module_load": true}}'
agent_run
expect_ready
expect_count 0 gpu "installer test load"
grep -F '"--rebuild-initramfs", "--skip-module-load"' "$T/state/commands.jsonl" > "$D/argv" ||
	fail "the installer did not get the option"
all_is_well
