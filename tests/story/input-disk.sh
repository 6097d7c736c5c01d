#!/bin/sh
# Where the agent cannot write its state it says which path, does nothing, and leaves the gate shut.
. "${0%/*}/lib.sh"

# stuck TEXT: by hand, since the unit's StateDirectory= would fail first
stuck()
{
	begun=$(mark)
	rc=0
	gn8v run --restart > "$D/out" 2> "$D/err" || rc=$?
	[ "$rc" = 1 ] || [ "$rc" = 3 ] || fail "exit code $rc, not 1 or 3: $(cat "$D/err")"
	cat "$D/out" "$D/err" > "$D/both"
	has "$D/both" "$1"
	touched_nothing "$begun"
	expect_gate_closed
}

story_begin single
"$TWIN" up "$T"
state=$T/root/var/lib/gn8v
rmdir "$state" 2> /dev/null || :
say "== a file in place of /var/lib/gn8v"
: > "$state"
stuck /var/lib/gn8v
rm "$state"

say "== a file in place of /run/gn8v"
rm -rf "$T/root/run/gn8v"
: > "$T/root/run/gn8v"
stuck /run/gn8v
rm "$T/root/run/gn8v"

if [ "$(id -u)" != 0 ]; then
	say "== folders that may not be written"
	mkdir -p "$state"
	chmod a-w "$state"
	stuck /var/lib/gn8v
	chmod u+w "$state"
fi
agent_run
expect_ready
all_is_well
