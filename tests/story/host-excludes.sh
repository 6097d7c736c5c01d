#!/bin/sh
# yum's configuration hides kernel-devel: file, line and pattern are named, before anything is touched where that is certain.
. "${0%/*}/lib.sh"

kernel="kernel-devel-5.10.134-18.al8.x86_64"

story_begin single
mkdir -p "$T/root/etc/dnf"
printf '[main]\ngpgcheck=1\nexclude=vim kernel*\n' > "$T/root/etc/dnf/dnf.conf"
agent_boot
expect_exit 1
expect_result refused
expect_error packages-excluded
expect error.step preflight
expect_words error.message "$kernel is needed, and kernel* hides it from yum: /etc/dnf/dnf.conf, line 3"
expect_words error.hint "yum install -y --disableexcludes=all $kernel"
touched_nothing
answers 1 plan
has "$D/err" "/etc/dnf/dnf.conf, line 3"

say "== only a repository hides it: another might have had it"
story_from restarted single
mkdir -p "$T/root/etc/yum.repos.d"
printf '[plus]\nname=plus\nexcludepkgs=kernel-devel*\n' > "$T/root/etc/yum.repos.d/plus.repo"
agent_run
expect_failed packages-excluded
expect error.step packages
expect error.class stop
expect_words error.message "$kernel is hidden by kernel-devel*: /etc/yum.repos.d/plus.repo, line 3"
expect_count 0 commands .run
rm "$T/root/etc/yum.repos.d/plus.repo"
heals
