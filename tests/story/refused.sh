#!/bin/sh
# A machine that the procedure does not cover is refused with its own code before anything is touched.
. "${0%/*}/lib.sh"

# refuses CODE SHAPE [what `twin create` takes]…
refuses()
{
	story_code_expected=$1
	shift
	say "== $story_code_expected: $*"
	if [ -z "$T" ]; then story_begin "$@"; else story_again "$@"; fi
	agent_boot
	expect_exit 1
	expect_result refused
	expect_error "$story_code_expected"
	expect_boots 1
	expect_gate_closed
	touched_nothing
	all_is_well
}

refuses unsupported-os single --set os_release.ID=centos
refuses kernel-too-old single --set 'kernels=["5.10.134-9.1.al8.x86_64"]'
refuses instance-type-unknown single --type ecs.gn9-tee.2xlarge
refuses pci-mismatch multi --set gpus=7
refuses pci-mismatch multi --set nvswitches=3
refuses pci-mismatch single --type ecs.gn8v-tee-8x.16xlarge
refuses disk-too-small single --config '{"disk": {"free_min_gib": 99999}}'
refuses no-tdx single --set tdx=false
refuses nouveau-bound single --set nouveau=true
refuses extra-devices multi --set enis=2
refuses extra-devices multi --set data_disks=1
refuses config-invalid single --config '{"colour": "blue"}'
