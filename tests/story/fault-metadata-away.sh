#!/bin/sh
# The metadata service is out of reach: cloud-init's copy or the status of the same machine says what instance it is, where PCI agrees.
. "${0%/*}/lib.sh"

# plan_says STEP ACTION
plan_says()
{
	grep -E "^$1 +.* $2 " "$D/out" > /dev/null || fail "the plan does not say $2 for $1: $(grep "^$1 " "$D/out")"
}

say "== a ready machine with eight GPUs: the plan is that of eight, by the status"
story_from ready multi --fault metadata-down --config '{"metadata": {"deadline_s": 1}}'
agent_boot
expect_ready
expect instance_type ecs.gn8v-tee-8x.16xlarge
expect instance_type_from status
expect_words notes "status of an earlier run"
answers 0 plan
has "$D/out" "ecs.gn8v-tee-8x.16xlarge, multi"
has "$D/out" "the instance type is from the status of an earlier run"
plan_says lkca "done"
plan_says fabric "done"
! grep -q "not for this shape" "$D/out" || [ "$(grep -c "not for this shape" "$D/out")" = "$(grep -c '^cublas' "$D/out")" ] || fail "the plan is that of another shape"
answers 0 plan --json
has "$D/out" '"instance_type_from": "status"'
has "$D/out" '"shape": "multi"'
all_is_well

say "== cloud-init's copy of this boot comes first"
"$TWIN" set "$T" cloud_init=true
agent_boot
expect_ready
expect instance_type_from cloud-init
status_validates

say "== another machine: its status says nothing, and nothing is planned for a shape that nobody knows"
"$TWIN" set "$T" cloud_init=false 'product_uuid="7f3c1a52-90be-4d61-8a07-5be2d3c4f601"'
"$TWIN" up "$T"
unit_becomes nvidia-persistenced.service active
begun=$(mark)
agent_again
expect_failed metadata-unreachable
expect_words error.message "not written on this machine"
touched_nothing "$begun"
answers 1 plan
plan_says preflight blocked
plan_says fabric waits
plan_says driver waits

say "== it is back"
faults -metadata-down
agent_again
expect_ready
expect instance_type_from metadata
faults metadata-down
agent_again
expect_ready
expect instance_type_from status

say "== the copy is of one GPU, and PCI shows eight"
"$TWIN" set "$T" cloud_init=true 'product_uuid="Not Settable"' instance_type=ecs.gn8v-tee.4xlarge
"$TWIN" up "$T"
unit_becomes nvidia-persistenced.service active
begun=$(mark)
agent_again
expect_failed metadata-unreachable
expect_words error.message "it says ecs.gn8v-tee.4xlarge, and PCI shows 8 GPUs"
expect_words error.message "no product_uuid"
touched_nothing "$begun"

say "== before the restart, one GPU may go on by the copy; with eight the number of ENIs must be known"
story_begin single --fault metadata-down --config '{"metadata": {"deadline_s": 1}}' --set cloud_init=true
agent_run
expect_ready
expect instance_type_from cloud-init
expect_boots 2
all_is_well
story_begin multi --fault metadata-down --config '{"metadata": {"deadline_s": 1}}' --set cloud_init=true
agent_run
expect_failed metadata-unreachable
expect instance_type_from cloud-init
expect shape multi
expect_words error.message "how many ENIs"
touched_nothing
expect_boots 1
