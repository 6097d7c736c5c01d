#!/bin/sh
# On a machine that is ready a second run does nothing and changes no file.
. "${0%/*}/lib.sh"

for shape in single multi; do
	story_from ready $shape
	agent_run
	expect_ready
	disk_snapshot > "$D/before"
	begun=$(mark)
	agent_again
	expect_ready
	disk_unchanged "$D/before"
	touched_nothing "$begun"
	all_is_well
done
