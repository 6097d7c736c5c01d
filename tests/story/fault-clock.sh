#!/bin/sh
# A clock that is never synchronised: nothing over https, and that is said. Synchronised late, or not required, it goes on.
. "${0%/*}/lib.sh"

story_from restarted single --systemd '{"ntp_synchronized": false}' --config '{"time_sync": {"deadline_s": 1}}'
printf 'pool ntp.example iburst\n RtcSync\n' > "$T/root/etc/chrony.conf"
agent_boot
expect_failed clock-not-synchronised
case $(status error.hint) in *rtcsync*) fail "rtcsync is there" ;; esac
expect error.step time-sync
expect_words error.hint chronyd
expect_count 0 http '"via": "proxy"'
expect_count 0 http '"via": "direct"'

say "== chrony without rtcsync, for which systemd before 243 says no for ever: named"
printf 'pool ntp.example iburst\n#rtcsync\n' > "$T/root/etc/chrony.conf"
agent_again
expect_failed clock-not-synchronised
expect_words error.hint 'add the line "rtcsync" to /etc/chrony.conf'
expect_words error.hint chronyd

say "== timedated cannot be started, and nobody else can be asked: that is told, by its name, and is no time-out"
faults timedated-down
agent_boot
expect_failed clock-unknown
expect error.step time-sync
expect_words error.message "org.freedesktop.timedate1"
expect_words error.hint systemd-timedated
expect_count 0 http '"via": "proxy"'

say "== it comes back while it is waited for, and the clock is synchronised after a while"
configure '{"time_sync": {"deadline_s": 60}}'
begin boot
becomes steps.time-sync.state=running
faults -timedated-down
systemd '{"ntp_synchronized": true}'
finish
expect_ready
expect_words steps.time-sync.reason synchronised
! check get "$T" reduced | grep -q time_sync || fail "nothing was left out, and it says so"
all_is_well

say "== never, and not required: ready, with less than usual, and the status says so"
configure '{"time_sync": {"required": false}}'
systemd '{"ntp_synchronized": false}'
agent_boot
expect_ready
check get "$T" reduced | grep -q '"time_sync.required"' || fail "nothing says that the clock was not waited for"
all_is_well
