#!/bin/sh
# The agent is killed in the middle of a download, and goes on with what it has; nothing has the file's name before it is whole.
. "${0%/*}/lib.sh"
# shellcheck source=tests/story/fetching
. "$story_home/fetching"

# goes_on_alone LEAST: another run ends with the file, so many MiB of which are from the one that was killed
goes_on_alone()
{
	[ ! -e "$cache/$large" ] || fail "half a file has its final name"
	agent_again
	expect error.step cuda
	expect steps.fetch-cuda.state 'done'
	nothing_twice fetch-cuda 16 "$1"
	named_once
}

fetching_begin
say "== killed as soon as something is noted down, with less than half"
watching
holds download
begin again
until [ -s "$cache/partial/$large.part.json" ] || ! kill -0 "$story_run"; do sleep 0.05; done
"$TWIN" signal "$T" KILL || fail "the agent had ended"
finish
expect_exit 137
goes_on download
goes_on_alone 0.1

say "== killed after 11000000 bytes; slowly, so that sockets do not hold them all"
watching
echo '{"rate": 1000000}' > "$T/state/delays.json"
faults 'client-killed={"file": "cuda", "bytes": 11000000}'
agent_again
expect_exit 137
echo '{"rate": '$large_rate'}' > "$T/state/delays.json"
goes_on_alone 4
faults -client-killed
no_misuse
