#!/bin/sh
# Fabric Manager or nvidia-persistenced that fails or never gets active: own codes, no proof is tried, and it heals.
. "${0%/*}/lib.sh"

fault_now=fabricmanager-fails
story_from restarted multi --fault $fault_now --systemd '{"time_scale": 0.004}'
agent_run
expect_failed fabricmanager-failed
expect error.step fabricmanager-start
configure '{"steps": {"fabricmanager-start": {"timeout_s": 1}}}'
trouble fabricmanager-hangs fabricmanager-failed fabricmanager-start
configure '{"steps": {"fabricmanager-start": {"timeout_s": 60}}}'
trouble persistenced-fails persistenced-failed persistenced-start
say "== it hangs: the agent's deadline is shorter than systemd's, then longer"
configure '{"steps": {"persistenced-start": {"timeout_s": 1}}}'
trouble persistenced-hangs persistenced-timeout persistenced-start
expect_words error.message "after 1 s"
configure '{"steps": {"persistenced-start": {"timeout_s": 60}}}'
agent_again
expect_failed persistenced-timeout
expect_words error.message "failed (timeout)"
heals
expect_boots 2
