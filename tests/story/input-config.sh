#!/bin/sh
# A config.json that makes no sense is refused with the place of the mistake; what the status knows is kept.
. "${0%/*}/lib.sh"

config=etc/gn8v/config.json

# refused TEXT: by the config that is there now
refused()
{
	answers 1 run --restart
	has "$D/err" "$1"
	has "$D/err" "correct /etc/gn8v/config.json"
}

# says CONTENT TEXT
says()
{
	say "== $1"
	printf '%s' "$1" > "$T/root/$config"
	refused "$2"
}

story_from ready single
agent_run
expect_ready
cp "$T/root/$config" "$D/config"
begun=$(mark)
says '{"driver": {' "config.json: line 1, column 13: "
expect_gate_closed
unit_is gn8v-ready.target inactive
agent_again
expect_exit 1
expect_result refused
expect_error config-invalid
expect_words error.message "config.json: line 1, column 13: "
expect gate closed
answers 1 status
says '{
  "driver": [}' "config.json: line 2, column "
says '' "config.json"
says '[]' "expected one JSON object"
says '{"colour": "blue"}' 'unknown key "colour"'
says '{"driver": {"colour": "blue"}}' 'unknown key "driver.colour"'
says '{"driver": "550"}' 'driver: expected an object'
says '{"cache": {"keep": "yes"}}' 'cache.keep: expected'
says '{"restart": {"max": 99}}' 'restart.max: expected a whole number from 0 to 5'
says '{"restart": {"max": 1.5}}' 'restart.max: expected a whole number'
says '{"services": {"gpu": "ollama.service"}}' 'services.gpu: expected'
says '{"services": {"gpu": ["../ollama"]}}' 'services.gpu'
says '{"gate": {"mode": "open"}}' 'gate.mode: expected'
says '{"driver": {"sha256": "abc"}}' 'driver.sha256'
says '{"driver": {"urls": ["ftp://example.com/x.run"]}}' 'driver.urls'
says '{"steps": {"drive": {"timeout_s": 3}}}' 'steps.drive'
says '{"steps": {"driver": {"timeout_s": 0}}}' 'steps.driver.timeout_s: expected a whole number from 1'

say "== a huge file"
truncate -s 64M "$T/root/$config"
refused "config.json"
say "== a folder"
rm "$T/root/$config"
mkdir "$T/root/$config"
refused "config.json"
rmdir "$T/root/$config"

check quiet "$T" "$begun" > "$D/did"
! grep -v -e "was called: .*StopUnit .*gn8v-ready.target" "$D/did" || fail "the machine was touched"

say "== what was known is still known"
expect_result refused
status_validates
expect attestation.verdict accepted
expect steps.driver.state "done"
said "ready: every step holds"
answers 0 plan # without a configuration no metadata service answers: the status knows what the machine is
answers 1 verify # under the roots of NVIDIA, which did not certify the simulated devices
cp "$D/config" "$T/root/$config"
heals

say "== another file"
printf '{"colour": 1}' > "$T/root/etc/other.json"
answers 1 plan --config /etc/other.json
has "$D/err" '/etc/other.json: unknown key "colour"'
all_is_well
