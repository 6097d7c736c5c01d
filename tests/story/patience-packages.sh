#!/bin/sh
# A full /boot, a mirror or a lock that is in the way for a while: tried again for minutes, with the cause and the next try in
# the status, whatever the count; then ready.
. "${0%/*}/lib.sh"

install='"/usr/bin/yum", "install", "-y"'

say "== grubby fails for a while"
story_begin multi --fault grubby-fails --fault yum-fails --fault rpm-busy
begin run
is_waiting kernel-args boot-entry-failed
happens commands 2 '"--update-kernel=ALL"'
faults -grubby-fails

say "== then the mirror is away"
is_waiting packages package-install-failed
becomes result=waiting
happens commands 3 "$install"
is_waiting packages package-install-failed
faults -yum-fails

say "== then rpm finds its lock taken"
is_waiting fabricmanager rpm-busy
happens commands 2 '"/usr/bin/rpm", "-ivh"'
faults -rpm-busy
finish
expect_ready
expect_boots 2
said "; tried again in "
! grep -F "tried again in 0 s" "$D/events" || fail "it does not wait before it tries again"
expect steps.packages.next_try null
expect steps.packages.error null
all_is_well

say "== stopped while it waits: nothing is promised any more"
story_from restarted single --fault yum-fails
begin boot
is_waiting packages package-install-failed
"$TWIN" signal "$T" TERM
finish
expect_exit 143
expect steps.packages.next_try null

say "== and it stays away: the end comes when the time is over"
configure '{"steps": {"packages": {"patience_s": 1}}}'
agent_again
expect_failed package-install-failed
expect steps.packages.next_try null

say "== as people are told"
python3 -B - "$T/root/var/lib/gn8v/status.json" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    status = json.load(f)
for step in status["steps"]:
    if step["id"] == "packages":
        step.update(next_try="2026-01-02T03:04:05Z", gives_up="2026-01-02T03:14:00Z")
with open(sys.argv[1], "w") as f:
    json.dump(status, f)
END
answers 1 status
has "$D/out" "tried again at 2026-01-02T03:04:05Z, given up after 2026-01-02T03:14:00Z: "
has "$D/out" "Failed to download metadata"
