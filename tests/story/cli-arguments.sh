#!/bin/sh
# Arguments that make no sense end with exit code 2, name what is wrong, and say where help is.
. "${0%/*}/lib.sh"

story_begin single

# wrong TEXT WORDS…
wrong()
{
	text=$1
	shift
	rc=0
	"$program" "$@" > "$D/out" 2> "$D/err" || rc=$?
	[ "$rc" = 2 ] || fail "gn8v $*: exit code $rc, not 2"
	has "$D/err" "$text"
	has "$D/err" "Try: gn8v --help"
	[ ! -s "$D/out" ] || fail "gn8v $* prints something as if it were an answer"
}

program=$(check program "$T")
wrong '' ''
wrong 'unknown command "install"' install
wrong 'run takes no argument "now"' run now
wrong '--colour' status --colour
wrong '--timeout' status --wait --timeout
wrong '--timeout: expected a whole number of seconds, found "soon"' status --wait --timeout soon
wrong '--timeout: expected a whole number of seconds, found "-1"' status --wait --timeout=-1
wrong '--timeout: expected a whole number of seconds, found "0"' status --wait --timeout 0
wrong '--timeout: expected a whole number of seconds, found "1e3"' status --wait --timeout 1e3
wrong '--timeout limits --wait' status --timeout 5
wrong 'run does not take --json' run --json
wrong 'plan does not take --wait' plan --wait
wrong 'status does not take --restart' status --restart
wrong 'version does not take --events' version --events
wrong '--json' plan --json=yes
wrong '--root' run --root
rc=0
"$program" > "$D/out" 2> "$D/err" || rc=$?
expect_exit 2
has "$D/err" "Try: gn8v --help"
rc=0
"$program" plan --root "$T/none" > "$D/out" 2> "$D/err" || rc=$?
expect_exit 2
has "$D/err" "$T/none"

"$program" --help > "$D/out" || fail "--help fails"
for word in run plan status verify version --root --config --json --wait --timeout "6 timed out"; do
	has "$D/out" "$word"
done
"$program" status --help > "$D/out2" || fail "status --help fails"
"$program" version > "$D/out" || fail "version fails"
grep -q -x 'gn8v [0-9].*' "$D/out" || fail "not a version: $(cat "$D/out")"
[ ! -e "$T/root/var/lib/gn8v" ] || fail "something was written"
