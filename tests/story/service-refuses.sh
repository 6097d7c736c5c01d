#!/bin/sh
# A service that may not be stopped, or not started, by hand is named: no driver under it, and no ready without it.
. "${0%/*}/lib.sh"

unit=etc/systemd/system/ollama.service

# ollama LINE: at the next boot its unit says so
ollama() { printf '[Unit]\n%s\n[Service]\nExecStart=/usr/local/bin/ollama serve\n[Install]\nWantedBy=multi-user.target\n' "$1" > "$T/root/$unit"; }

story_from restarted single
ollama RefuseManualStop=yes
ln -s "/$unit" "$T/root/etc/systemd/system/multi-user.target.wants/"
agent_boot
expect_failed hold-failed
expect error.step hold-services
expect_words error.message ollama.service
expect_count 0 commands .run

say "== held back at the next boot, and it may not be started"
ollama RefuseManualStart=yes
agent_boot
expect_failed service-failed
expect error.step release-services
expect_words error.message ollama.service
expect steps.attest.state 'done'

ollama ''
agent_boot
expect_ready
unit_becomes ollama.service active
all_is_well
