#!/bin/sh
# An installer that fails, asks, hangs or builds a module that does not load: its own code, nothing left running, and it heals.
. "${0%/*}/lib.sh"

# nothing_runs: of what a hanging installer began in a session of its own
nothing_runs()
{
	orphan=$(cat "$T/state/orphans") || fail "the installer left no child in a session of its own"
	for pid in $orphan; do
		[ ! -e "/proc/$pid" ] || fail "the installer's child $pid still runs"
	done
	rm "$T/state/orphans"
}

fault_now=installer-fails
story_from restarted single --fault $fault_now
agent_run
expect_failed driver-install-failed
expect_words error.hint /var/log/nvidia-installer.log
expect error.step driver
trouble installer-asks driver-install-failed driver
expect steps.driver.cut_off false
trouble insmod-mismatch driver-install-failed driver
configure '{"steps": {"driver": {"timeout_s": 10}}}'
trouble installer-hangs driver-install-timeout driver
expect steps.driver.cut_off true
nothing_runs
configure '{"steps": {"driver": {"timeout_s": 60}}}'

say "== the step's worker crashes while the installer runs"
before=$(count commands nvidia-installer)
begin again
happens commands $((before + 1)) nvidia-installer
check appears "$T" orphans || fail "the installer does not get so far"
kill -SEGV "$(check worker "$T" "$(cat "$T/state/orphans")")" || fail "the agent has no worker"
finish
expect_failed worker-crashed
expect error.step driver
expect error.who gn8v
nothing_runs

say "== the installer is killed, and the shell that runs it ends in peace"
before=$(count commands nvidia-installer)
begin again
happens commands $((before + 1)) nvidia-installer
check appears "$T" orphans || fail "the installer does not get so far"
for pid in $(pgrep -f /fakes/nvidia-installer); do
	! grep -qz -F -x "TWIN_DIR=$T" "/proc/$pid/environ" || [ "$pid" = "$(cat "$T/state/orphans")" ] || kill -KILL "$pid"
done
finish
expect_failed driver-install-failed
expect steps.driver.cut_off true
nothing_runs

trouble cuda-fails cuda-install-failed cuda
expect_words error.hint /var/log/cuda-installer.log
expect_words error.message "its log: [ERROR]: Install of toolkit failed, quitting"
configure '{"steps": {"cuda": {"timeout_s": 1}}}'
trouble cuda-hangs cuda-install-timeout cuda
configure '{"steps": {"cuda": {"timeout_s": 60}}}'

say "== an installer that says success and leaves another version"
faults -cuda-hangs
fault_now=
url=https://developer.download.nvidia.com/compute/cuda
configure "{\"cuda\": {\"version\": \"12.4.9\", \"driver\": \"550.54.99\", \"urls\": [\"$url/12.4.1/local_installers/cuda_12.4.1_550.54.15_linux.run\"]}}"
agent_again
expect_failed step-without-effect
expect error.step cuda
expect_words error.message "CUDA 12.4.9 is not in /usr/local/cuda-12.4: version.json names cuda 12.4.20240401"
expect_words error.message "cuda.driver is 550.54.99"
configure "{\"cuda\": {\"version\": \"12.4.1\", \"driver\": \"550.54.15\", \"urls\": [\"$url/{version}/local_installers/cuda_{version}_{driver}_linux.run\"]}}"
heals
expect_boots 2
