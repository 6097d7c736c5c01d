#!/bin/sh
# Downloads that are cut, corrupt, missing, stalled or from an untrusted server: each its own code, and it heals.
. "${0%/*}/lib.sh"

cuda=root/var/cache/gn8v/cuda_12.4.1_550.54.15_linux.run

nothing_kept() { [ ! -e "$T/$cuda" ] || fail "a bad file has its final name"; }

# fetching FAULT CODE
fetching()
{
	trouble "$1" "$2" fetch-cuda
	nothing_kept
}

story_from restarted single --config '{"fetch": {"connections": 1}, "steps": {"fetch-cuda": {"attempts": 1}}}' \
	--fault 'download-cut={"file": "NVIDIA", "times": 1}' --fault 'download-503={"file": "NVIDIA", "times": 1}' \
	--fault download-corrupt=cuda
agent_run
say "== cut once: continued where it was cut, in the same run"
expect steps.fetch-driver.state 'done'
expect steps.driver.state 'done'
expect_count 1 http '"range": "bytes='
said "the download goes on, and this source is asked again: https://"
say "== corrupt"
expect_failed digest-mismatch
expect_words error.message "expected $(check config "$T" cuda.sha256)"
expect_words error.message "SHA-256 is "
nothing_kept
[ ! -s "$T/${cuda%/*}/partial/${cuda##*/}.part" ] || fail "a corrupt file was not thrown away"

configure '{"fetch": {"connections": 8}}'
fault_now=download-corrupt
fetching download-404=cuda download-failed
expect_words error.message 404
fetching tls-expired=developer untrusted
expect_words error.hint "clock"
expect_words error.hint "CA"
fetching redirect-http=cuda download-failed
configure '{"fetch": {"deadline_s": 1}}' # what may pass is tried until it is over
fetching proxy-down download-failed
fetching download-stall=cuda download-failed
fetching download-cut=cuda download-failed

say "== healed: half is there already, and the server is overloaded for a moment"
configure '{"fetch": {"deadline_s": 600}}'
faults 'download-503={"file": "cuda", "times": 1}'
heals
expect_boots 2
