#!/bin/sh
# gn8v status --wait waits for an agent that has not begun yet, ends with 4 at the restart, and with the result after it.
. "${0%/*}/lib.sh"

# waits CODE: what a waiting command that was started earlier ends with
waits()
{
	rc=0
	wait "$waiting" || rc=$?
	[ "$rc" = "$1" ] || fail "status --wait ended with $rc, not $1: $(cat "$D/err")"
}

story_begin single
"$TWIN" up "$T"
say "== before the agent ever ran"
answers 3 status
has "$D/err" "gn8v has not run on this machine yet"
has "$D/err" "systemctl start gn8v-agent"
answers 6 status --wait --timeout 1
has "$D/err" "not finished after 1 s"
[ ! -e "$T/root/var/lib/gn8v" ] || fail "waiting made the agent's folder"

say "== at the restart"
gn8v status --wait > "$D/out" 2> "$D/err" &
waiting=$!
agent_again
expect_exit 64
waits 4
has "$D/err" "the machine restarts now and goes on afterwards: ask again in the next boot"

say "== after it, before the agent"
"$TWIN" up "$T"
answers 6 status --wait --timeout 1
has "$D/out" pending
gn8v status --wait --timeout 4294968 > "$D/out" 2> "$D/err" &
waiting=$!
agent_again
expect_ready
waits 0
answers 0 status --wait --timeout 1

say "== a failure ends it too"
faults attest-rejected
"$TWIN" up "$T"
gn8v status --wait > "$D/out" 2> "$D/err" &
waiting=$!
agent_again
expect_failed attestation-rejected
waits 1
has "$D/out" attestation-rejected
faults -attest-rejected
heals
