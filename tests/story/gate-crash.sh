#!/bin/sh
# An agent that crashes or is killed closes the gate; started again it opens it. One that is stopped leaves it as it is.
. "${0%/*}/lib.sh"
ulimit -c 0

# The agent waits for the metadata service while the gate is open, and gets a signal.
struck()
{
	say "== $1"
	faults 'metadata-slow={"seconds": 2}'
	"$TWIN" signal "$T" "$1" &
	killer=$!
	begin again
	finish
	wait "$killer" || fail "the agent did not get SIG$1"
	faults -metadata-slow
}

story_begin single --with ollama --config '{"gate": {"mode": "attested"}}'
agent_run
expect_ready
unit_becomes ollama.service active
for crash in SEGV:139 KILL:137; do
	struck "${crash%:*}"
	expect_exit "${crash#*:}"
	expect_gate_closed
	for unit in gn8v-ready.target ollama.service cloudmonitor.service; do unit_is $unit inactive; done
	expect_result failed
	expect gate closed
	status_validates
	answers 1 status
	agent_again
	expect_ready
	for unit in gn8v-ready.target cloudmonitor.service ollama.service; do unit_becomes $unit active; done
done

struck TERM
expect_exit 143
[ -e "$T/root/run/gn8v/ready" ] || fail "stopping the agent closed the gate"
unit_is gn8v-ready.target active
unit_is ollama.service active
expect_result pending
expect gate open
answers 3 status
agent_again
expect_ready
all_is_well
