#!/bin/sh
# An RPM that is unsigned, signed by another key, corrupt, another version or not covered is never installed; then good ones are.
. "${0%/*}/lib.sh"

cache=root/var/cache/gn8v
steps='{"steps": {"fetch-fabricmanager": {"attempts": 1}, "fetch-nscq": {"attempts": 1}}}'

# nothing_installed: no RPM was installed, and none that was judged bad is left
nothing_installed()
{
	expect_count 0 commands '"-ivh"'
	for file in "$T/$cache"/*.rpm; do
		[ ! -e "$file" ] || fail "a bad RPM was kept: $file"
	done
}

say "== unsigned, and well signed but another version"
story_from restarted multi --config "$steps" --fault rpm-unsigned=fabric --fault rpm-other-version=nscq
agent_run
expect_exit 1
expect_result failed
expect_gate_closed
expect_step fetch-fabricmanager rpm-unsigned
expect_step fetch-nscq rpm-wrong-version
expect_words steps.fetch-nscq.error.message "contains package libnvidia-nscq-570-570.133.20-1.x86_64, and"
nothing_installed

say "== signed by another key, and corrupt"
faults -rpm-unsigned -rpm-other-version rpm-other-key=fabric rpm-corrupt=nscq
agent_again
expect_exit 1
expect_step fetch-fabricmanager rpm-other-key
expect_step fetch-nscq rpm-corrupt
nothing_installed

say "== nothing that rpmkeys says covers the payload: no word against it, and none for it"
faults -rpm-other-key -rpm-corrupt rpm-old-words=header
agent_again
expect_exit 1
expect_step fetch-fabricmanager rpm-not-covered
expect_words steps.fetch-fabricmanager.error.message "MD5 digest: OK"
expect_words steps.fetch-fabricmanager.error.hint '"fabricmanager": {"sha256"'
nothing_installed

say "== the key is not the pinned one"
faults -rpm-old-words key-wrong
agent_again
expect_failed rpm-key-wrong
expect_words error.message "expected $(check config "$T" rpm_key.sha256)"
expect_count 0 commands '"-ivh"'

say "== good RPMs that do not install"
faults -key-wrong rpm-install-fails
agent_again
expect_failed rpm-install-failed
expect error.step fabricmanager

say "== this host's rpm wants the key itself"
faults -rpm-install-fails rpm-wants-key
before=$(count commands '"-ivh"')
agent_again
expect_failed rpm-install-failed
expect_words error.message "does not verify"
expect_words error.hint "rpm --import https://developer.download.nvidia.com/compute/cuda/repos/rhel8/x86_64/D42D0685.pub; then: systemctl restart gn8v-agent"
expect_count $((before + 1)) commands '"-ivh"'

say "== rpm hangs"
faults -rpm-wants-key rpm-hangs
configure '{"steps": {"fabricmanager": {"timeout_s": 10}}}' # the key is fetched before
agent_again
expect_failed step-timeout
expect error.step fabricmanager

say "== good ones, of which rpmkeys says what it says of packages that an older rpm built"
faults -rpm-hangs rpm-old-words
configure '{"steps": {"fabricmanager": {"timeout_s": 60}}}'
heals
expect_boots 2
