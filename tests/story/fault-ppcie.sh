#!/bin/sh
# Eight GPUs: a mode, fabric or number of GPUs that is not as it should be keeps the gate shut.
. "${0%/*}/lib.sh"

fault_now=mgm-none
story_from restarted multi --config '{"steps": {"fabric": {"attempts": 1}}}' --fault $fault_now
agent_run
expect_failed ppcie-off
expect error.who alibaba-cloud
trouble fabric-in-progress fabric-not-completed fabric
expect_words error.message "0 of 8"
trouble gpu-missing persistenced-gpu-missing devices
expect_words error.message "7 of the 8 GPUs"
expect_words error.message "0000:00:0e.0"
faults -gpu-missing
fault_now=
missing /dev/nvidia7 device-nodes-missing devices
missing /dev/nvidia-nvswitch3 device-nodes-missing devices
heals

say "== one GPU is gone from PCI at a later boot"
"$TWIN" set "$T" gpus=7 || fail "the machine could not be changed"
agent_boot
expect_exit 1
expect_result refused
expect_error pci-mismatch
expect_gate_closed
"$TWIN" set "$T" gpus=8 || fail "the machine could not be changed"
agent_boot
expect_ready
all_is_well
