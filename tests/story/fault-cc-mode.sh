#!/bin/sh
# One GPU at a later boot: CC mode off, developer tools on, an answer that is not understood or no device node keep the gate shut.
. "${0%/*}/lib.sh"

fault_now=cc-off
story_from ready single --fault $fault_now
agent_boot
expect_failed cc-off
expect error.who alibaba-cloud
trouble devtools-on devtools-on cc-mode
trouble smi-garbage nvidia-smi-failed cc-mode
configure '{"steps": {"cc-mode": {"timeout_s": 1}}}'
trouble smi-hangs nvidia-smi-failed cc-mode
configure '{"steps": {"cc-mode": {"timeout_s": 60}}}'
missing /dev/nvidia0 device-nodes-missing devices
missing /dev/nvidiactl device-nodes-missing devices
heals
expect_boots 3
