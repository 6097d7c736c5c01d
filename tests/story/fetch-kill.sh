#!/bin/sh
# The agent is killed at random bytes of a download, and goes on with what it has; nothing has the file's name before it is whole.
. "${0%/*}/lib.sh"
# shellcheck source=tests/story/fetching
. "$story_home/fetching"

fetching_begin
for place in 3000000 11000000; do
	say "== killed after $place bytes"
	watching
	faults 'client-killed={"file": "cuda", "bytes": '$place'}'
	agent_again
	expect_exit 137
	[ ! -e "$cache/$large" ] || fail "half a file has its final name"
	agent_again
	expect error.step cuda
	expect steps.fetch-cuda.state 'done'
	expect_words steps.fetch-cuda.reason "MiB of it were here from an earlier try"
	named_once
	faults -client-killed
	continued
done
no_misuse
