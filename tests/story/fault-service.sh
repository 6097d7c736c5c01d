#!/bin/sh
# Fabric Manager or nvidia-persistenced that fails or never gets active: own codes, no proof is tried, and it heals.
. "${0%/*}/lib.sh"

# time_scale N: what systemd's time-outs are multiplied by from now on; nvidia-persistenced has 900 s, Fabric Manager 90 s
time_scale() { systemd "{\"time_scale\": $1}"; }

fault_now=fabricmanager-fails
story_from restarted multi --fault $fault_now
agent_run
expect_failed fabricmanager-failed
expect error.step fabricmanager-start
time_scale 0.004
trouble fabricmanager-hangs fabricmanager-failed fabricmanager-start
expect_words error.message "failed (timeout)"
time_scale 1
trouble persistenced-fails persistenced-failed persistenced-start
say "== it hangs: the agent's deadline is shorter than systemd's 18 s, then longer"
time_scale 0.02
configure '{"steps": {"persistenced-start": {"timeout_s": 3}}}'
trouble persistenced-hangs persistenced-timeout persistenced-start
expect_words error.message "no end of the job after"
said "nvidia-persistenced.service has 900 s to start, and steps.persistenced-start.timeout_s of the configuration leaves it "
configure '{"steps": {"persistenced-start": {"timeout_s": 60}}}'
agent_again
expect_failed persistenced-timeout
expect_words error.message "failed (timeout)"
time_scale 1
heals
expect_boots 2
