#!/bin/sh
# The NVLink fabric: waited for while it is in progress, failed at once when it ended with an error, and not ready when the
# driver calls it unhealthy, unless that is allowed.
. "${0%/*}/lib.sh"

asked='"/usr/bin/nvidia-smi", "-q"'

say "== in progress for a while, and once nvidia-smi does not answer"
story_from restarted multi --fault fabric-in-progress --fault smi-fails=-q
begin boot
becomes steps.fabric.error.code=fabric-not-completed
expect_words steps.fabric.error.message "could not be told: "
expect_words steps.fabric.error.message "Unknown Error"
faults -smi-fails
happens commands 2 "$asked"
becomes "steps.fabric.error.message=the fabric is complete for 0 of 8 GPUs: 8 In Progress"
is_waiting fabric fabric-not-completed
expect_words steps.fabric.error.message "complete for 0 of 8 GPUs: 8 In Progress"
happens commands 4 "$asked"
faults -fabric-in-progress
finish
expect_ready
"$TWIN" log "$T" events > "$D/events"
[ "$(grep -c -F "8 In Progress" "$D/events")" = 1 ] || fail "it is not said once: $(grep -F fabric "$D/events")"
expect steps.fabric.reason "the fabric is complete for 8 GPUs; of 8 the driver does not tell the health"
! status reduced | grep -q fabric || fail "the fabric is said to be reduced"
all_is_well

say "== Fabric Manager ends meanwhile"
echo '{"fabric": 10}' > "$T/state/delays.json"
begin boot
becomes steps.fabric.error.code=fabric-not-completed
kill "$(cat "$T/root/run/nvidia-fabricmanager/nv-fabricmanager.pid")"
finish
expect_failed fabricmanager-failed
expect error.step fabric

say "== it is started again, and it takes some seconds until all GPUs are registered"
before=$(count commands "$asked")
agent_again
expect_ready
[ "$(count commands "$asked")" -ge $((before + 2)) ] || fail "the fabric was complete at once"
"$TWIN" down "$T"
echo '{}' > "$T/state/delays.json"

# at_once FAULT CODE WORDS: one look is enough
at_once()
{
	before=$(count commands "$asked")
	trouble "$1" "$2" fabric
	expect_count $((before + 1)) commands "$asked"
	expect_words error.message "$3"
}

say "== final"
fault_now=fabric-fails
faults $fault_now
agent_boot
expect_failed fabric-failed
expect_words error.message 'ended with "GPU is lost" for 1 of 8 GPUs'
at_once "fabric-fails=Insufficient Resources" fabric-failed "Insufficient Resources"
at_once fabric-unhealthy=3 fabric-unhealthy "unhealthy for 1 of 8 GPUs: Bandwidth: Degraded"
expect error.who alibaba-cloud
say "== and it is allowed"
configure '{"fabric": {"allow_unhealthy": true}}'
agent_again
expect_ready
expect_words reduced fabric.allow_unhealthy
expect_words steps.fabric.reason "1 of them unhealthy: Bandwidth: Degraded"
said "fabric.allow_unhealthy goes on"
all_is_well
