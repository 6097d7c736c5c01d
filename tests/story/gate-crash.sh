#!/bin/sh
# An agent that crashes or is killed closes the gate; started again it opens it. One that is stopped leaves it as it is.
. "${0%/*}/lib.sh"
# shellcheck disable=SC3045
ulimit -c 0 2> /dev/null || :

# struck SIGNAL: the agent gets it while it waits for the metadata service and the gate is open
struck()
{
	say "== $1"
	faults 'metadata-slow={"file": "region-id", "seconds": 60}'
	asked=$(count http meta-data/instance/instance-type)
	begin again
	happens http $((asked + 1)) meta-data/instance/instance-type
	"$TWIN" signal "$T" "$1" || fail "the agent did not get SIG$1"
	finish
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
