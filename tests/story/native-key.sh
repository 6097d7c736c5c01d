#!/bin/sh
# A RIM service that wants a key gets it from root's own file, over TLS alone; it is written down nowhere, and nobody else gets it.
. "${0%/*}/lib.sh"

key=sEcReT-0123.456_789~
story_begin single --fault 'rim-key={"value": "Bearer sEcReT-0123.456_789~"}' \
	--config '{"attest": {"verifier": "native", "deadline_s": 1, "collateral_s": 5}}'

say "== without one: the status names the option"
agent_run
expect_failed attestation-unknown
expect_words error.message "status 401"
expect_words error.message "attest.rim_key_file"

say "== a file that others may read, or that is none: refused, and who has to mend it"
printf '%s\n' "$key" > "$T/root/etc/gn8v/rim.key"
chmod 640 "$T/root/etc/gn8v/rim.key"
configure '{"attest": {"rim_key_file": "/etc/gn8v/rim.key"}}'
agent_again
expect_result refused
expect_error config-invalid
expect_words error.message "/etc/gn8v/rim.key"
chmod 600 "$T/root/etc/gn8v/rim.key"

say "== a URL that is not https: refused"
configure '{"attest": {"rim_url": "http://rim.attestation.nvidia.com/v1/rim/"}}'
agent_again
expect_result refused
expect_error config-invalid
expect_words error.message "https://"
configure '{"attest": {"rim_url": "https://rim.attestation.nvidia.com/v1/rim/"}}'

say "== a file that is not there: named"
mv "$T/root/etc/gn8v/rim.key" "$D/key"
agent_again
expect_result refused
expect_error config-invalid
expect_words error.message "/etc/gn8v/rim.key: No such file"

say "== another key: said so, without a word of it"
printf '%s\n' "$key-old" > "$T/root/etc/gn8v/rim.key"
chmod 600 "$T/root/etc/gn8v/rim.key"
agent_again
expect_failed attestation-unknown
expect_words error.message "status 403"
expect_words error.message "does not take the key in attest.rim_key_file"

say "== the right one"
printf '%s\n' "$key" > "$T/root/etc/gn8v/rim.key"
agent_again
expect_ready
expect attestation.decided_by native
answers 0 plan --json
has "$D/out" '"rim_key_file": "/etc/gn8v/rim.key"'
all_written_down
expect_count 2 http "\"authorization\": \"Bearer $key\""
grep -F "\"authorization\"" "$T/state/http.jsonl" | grep -v -F '"host": "rim.attestation.nvidia.com"' &&
	fail "the key went to somebody else"
grep -F "\"authorization\"" "$T/state/http.jsonl" | grep -F '"method": "CONNECT"' && fail "the key went to the proxy"
rm "$T/root/etc/gn8v/rim.key"
! grep -r -q -F "$key" "$T/root" "$T/state/agent.log" "$T/state/notify.log" "$T/state/commands.jsonl" "$D/out" ||
	fail "the key was written down"
