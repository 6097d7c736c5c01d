#!/bin/sh
# The agent is killed at random bytes of a download, and goes on with what it has; nothing has the file's name before it is whole.
. "${0%/*}/lib.sh"
# shellcheck source=tests/story/fetching
. "$story_home/fetching"

fetching_begin
for place in 4000000 11000000 19000000; do
	say "== killed after $place bytes"
	watching
	faults 'client-killed={"file": "cuda", "bytes": '$place'}'
	agent_again
	expect_exit 137
	[ ! -e "$cache/$large" ] || fail "half a file has its final name"
	agent_again
	expect error.step cuda
	expect steps.fetch-cuda.state 'done'
	named_once
	faults -client-killed
	expect_words steps.fetch-cuda.state 'done'
	sent=$(downloads sent "$T" $large)
	say "$sent bytes were sent of $large_size"
	# What lay in the sockets of the killed agent was sent, too.
	[ "$sent" -le $((large_size + large_size / 10)) ] || fail "too much was fetched twice"
done
no_misuse
