#!/bin/sh
# Packages of yum and pip that are missing, fail or hang: no installer runs without them, and it heals.
. "${0%/*}/lib.sh"

yum='"install", "-y"'
no_installer() { expect_count 0 commands .run; }

say "== no kernel-devel of the running kernel"
story_from restarted single --fault kernel-devel-missing --config '{"steps": {"packages": {"attempts": 2, "timeout_s": 20}}}'
agent_run
expect_failed kernel-devel-missing
expect_words error.message "kernel-devel-5.10.134-18.al8.x86_64"
no_installer

say "== its repository is out of reach, and yum passes over it: that there is none is not known"
faults -kernel-devel-missing yum-passes-over
before=$(count commands "$yum")
agent_again
expect_failed package-install-failed
expect_words error.message "kernel-devel-5.10.134-18.al8.x86_64"
expect_words error.hint "by hand: /usr/bin/yum install -y "
expect_count $((before + 2)) commands "$yum"
no_installer

say "== yum fails: tried as often as the config says"
faults -yum-passes-over yum-fails
before=$(count commands "$yum")
agent_again
expect_failed package-install-failed
expect_words error.hint "by hand: /usr/bin/yum install -y "
expect_count $((before + 2)) commands "$yum"
no_installer

say "== yum hangs"
faults -yum-fails yum-hangs
configure '{"steps": {"packages": {"timeout_s": 1}}}'
agent_again
expect_failed step-timeout
expect error.step packages
no_installer

say "== pip fails"
faults -yum-hangs pip-fails
configure '{"steps": {"packages": {"timeout_s": 20}, "verifier": {"attempts": 1}}}'
agent_again
expect_failed verifier-install-failed
expect steps.driver.state 'done'

say "== pip hangs"
faults -pip-fails pip-hangs
configure '{"steps": {"verifier": {"timeout_s": 2}}}'
agent_again
expect_failed step-timeout
expect error.step verifier

faults -pip-hangs
configure '{"steps": {"verifier": {"timeout_s": 60}}}'
heals
expect_boots 2
