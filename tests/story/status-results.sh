#!/bin/sh
# In every result status.json matches its schema, and gn8v status answers with that result's exit code.
. "${0%/*}/lib.sh"

# says RESULT CODE
says()
{
	say "== $1"
	expect_result "$1"
	status_validates
	answers "$2" status
	head -n 1 "$D/out" > "$D/first"
	has "$D/first" "$1"
	answers "$2" status --json
}

story_from restarted single --fault yum-hangs
says restarting 4
"$TWIN" up "$T"
expect_result restarting
answers 3 status
has "$D/out" "pending"

begin again
becomes steps.packages.state=running
says running 3
"$TWIN" signal "$T" TERM
finish
expect_exit 143
says pending 3

faults -yum-hangs attest-unknown
begin again
becomes result=waiting
says waiting 3
becomes steps.attest.error.code=attestation-unknown # it is gone while it is tried again
faults -attest-unknown
finish
expect_ready
says ready 0

say "== another boot has no answer yet"
"$TWIN" up "$T"
answers 3 status
has "$D/out" pending
answers 3 status --json
has "$D/out" '"result": "pending"'

faults attest-rejected
agent_again
expect_exit 1
says failed 1
faults -attest-rejected
configure '{"kernel": {"release_min": "99"}}'
agent_again
expect_exit 1
says refused 1
expect_error kernel-too-old
expect_gate_closed
configure '{"kernel": {"release_min": "5"}}'
heals
