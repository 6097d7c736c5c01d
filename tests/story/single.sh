#!/bin/sh
# A fresh single-GPU instance: kernel arguments, one restart, everything installed, attested, ready.
. "${0%/*}/lib.sh"

story_begin single
agent_run
expect_ready
expect_boots 2
all_is_well
expect_count 1 gpu "installer test load"
follows_the_procedure

say "== its log is a story that a stranger can read"
grep -q -E '^gn8v [^ ]+ on ecs\.gn8v-tee\.[^ ]+ i-[^ ]+ \(single\): 1 GPU and 0 NVSwitches, kernel ' "$T/state/agent.log" ||
	fail "a run does not begin with who runs where"
said "restarting: gn8v goes on in the next boot"
said "install openssl3, gcc, make, elfutils-libelf-devel and kernel-devel-"
said "write the drop-ins of cloudmonitor.service, nvidia-cdi-refresh.service and ollama.service"
said "1 GPU and 0 NVSwitches: each has its device node"
! grep -F " 100 %" "$T/state/agent.log" || fail "the end of a download is said twice"
