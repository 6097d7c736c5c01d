#!/bin/sh
# gn8v plan says what run would do, changes nothing, and is right: before, in between and after.
. "${0%/*}/lib.sh"

# plan_says STEP ACTION
plan_says()
{
	grep -E "^$1 +.* $2 " "$D/out" > /dev/null || fail "the plan does not say $2 for $1: $(grep "^$1 " "$D/out")"
}

# looks: both forms, and nothing changes
looks()
{
	disk_snapshot > "$D/before"
	begun=$(mark)
	answers 0 plan --json
	python3 -B -m json.tool < "$D/out" > "$D/plan" || fail "plan --json is no JSON"
	answers 0 plan
	touched_nothing "$begun"
	disk_unchanged "$D/before"
}

story_begin single --config '{"metadata": {"deadline_s": 121}}'
"$TWIN" up "$T"
looks
[ ! -e "$T/root/var/lib/gn8v/status.json" ] || fail "plan wrote a status"
has "$D/plan" '"instance_type": "ecs.gn8v-tee.4xlarge"'
has "$D/plan" '"deadline_s": 121' # the agent's, whatever plan itself waits
plan_says preflight "done"
has "$D/out" "TDX guest, SELinux disabled"
plan_says kernel-args run
plan_says lkca skip
plan_says driver after-restart

say "== after the restart"
agent_again
"$TWIN" up "$T"
looks
plan_says kernel-args "done"
plan_says packages run
plan_says fetch-driver run

say "== when all is done"
agent_again
expect_ready
looks
! grep -E '"action": "(run|waits|blocked)"' "$D/plan" || fail "something would still be done"
agent_again
expect_ready

say "== refused: the plan says why"
configure '{"kernel": {"release_min": "99"}}'
answers 1 plan
plan_says preflight blocked
has "$D/err" "kernel"
has "$D/err" "yum update -y kernel"
all_is_well
