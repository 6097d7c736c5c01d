#!/bin/sh
# A machine that the procedure does not cover is refused with its own code before anything is touched.
. "${0%/*}/lib.sh"

# refused CODE: what the run has just said, and nothing was done, in this boot or those before
refused()
{
	say "== $1"
	expect_exit 1
	expect_result refused
	expect_error "$1"
	expect_gate_closed
	touched_nothing
	all_is_well
}

# refuses CODE KEY=JSON…: with this changed in machine.json
refuses()
{
	refused_as=$1
	shift
	"$TWIN" set "$T" "$@" || fail "the machine could not be changed"
	agent_boot
	refused "$refused_as"
}

os_is() { sed -i "s/^ID=.*/ID=\"$1\"/" "$T/root/usr/lib/os-release"; }

story_begin single
os_is centos
agent_boot
refused unsupported-os
os_is alinux
refuses instance-type-unknown instance_type=ecs.gn9-tee.2xlarge
refuses pci-mismatch instance_type=ecs.gn8v-tee-8x.16xlarge
refuses no-tdx instance_type=ecs.gn8v-tee.4xlarge tdx=false
refuses nouveau-bound tdx=true nouveau=true
configure '{"disk": {"free_min_gib": 99999}}'
refuses disk-too-small nouveau=false
expect_words error.message 99999
configure '{"disk": {"free_min_gib": 0}}'
"$TWIN" kernel "$T" 5.10.134-9.1.al8.x86_64 || fail "the kernel could not be installed"
agent_boot
refused kernel-too-old
configure '{"colour": "blue"}'
agent_again
refused config-invalid

say "== 8 GPUs: a data disk at the first boot, another network interface while it runs"
story_begin multi --set data_disks=1
agent_boot
refused extra-devices
refuses pci-mismatch data_disks=0 nvswitches=3
refuses pci-mismatch nvswitches=4 gpus=7
"$TWIN" set "$T" gpus=8 enis=2
"$TWIN" up "$T" 2> "$D/down" && fail "8 GPUs with another network interface start"
"$TWIN" set "$T" enis=1
"$TWIN" up "$T" || fail "the machine does not start"
"$TWIN" set "$T" enis=2
agent_again
refused extra-devices
expect_boots 4
