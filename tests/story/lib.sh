# What every story uses. A story begins with
#     . "${0%/*}/lib.sh"
#     story_begin single --fault download-cut
# and then has a twin in $T, which is ended and removed when the story ends, and a folder for its own
# files in $D. $rc is the exit code of the last run.
# STORY_KEEP=1 leaves the folder in place.
# shellcheck shell=sh disable=SC2034,SC2119,SC2120

set -u
story_home=$(cd "${0%/*}" && pwd)
TWIN=$story_home/../twin/twin
T=
D=
rc=

say() { printf '%s\n' "$*"; }

# Said last of all, behind what story_show tells; a subshell's word counts too.
fail()
{
	if [ -n "$D" ]; then say "FAILED: $*" >> "$D/failed"; else say "FAILED: $*"; fi
	exit 1
}

# story_begin SHAPE [what `twin create` takes]…: with a fresh instance, in the place of the one before
story_begin()
{
	story_folder
	story_create "$@"
}

# story_from restarted|ready SHAPE [--fault, --config, --delay, --systemd as of `twin create`]…: begin where a fresh
# instance has come to, with the next boot still to come: after the restart that R4 needs, or once it was ready. These
# are made once for all stories.
story_from()
{
	story_folder
	story_copy "$@"
}

story_folder()
{
	if [ -n "$T" ]; then
		"$TWIN" down "$T"
		no_report
		rm -rf "$T"
		return
	fi
	story_tmp=${TMPDIR:-/tmp}
	[ ${#story_tmp} -le 60 ] || story_tmp=/tmp # sockets lie below it, and their paths are short
	D=$(mktemp -d "$story_tmp/gn8v.XXXXXX") || exit 1
	T=$D/t
	trap story_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

story_create()
{
	story_shape=$1
	shift
	"$TWIN" create "$T" --shape "$story_shape" "$@" || fail "the twin could not be made"
}

story_copy()
{
	story_shape=$2
	story_shelf=${STORY_SHELF:-$D/shelf}/$1-$2
	mkdir -p "${story_shelf%/*}"
	(flock 9 && { [ -e "$story_shelf.made" ] || story_make "$1" || { T=$story_shelf && story_show && false; }; }) \
		9> "$story_shelf.lock" || fail "no $1 instance could be made"
	shift 2
	"$TWIN" copy "$story_shelf" "$T" "$@" || fail "the twin could not be copied"
}

story_make()
{
	rm -rf "$story_shelf"
	"$TWIN" create "$story_shelf" --shape "$story_shape" || return
	story_code=0
	"$TWIN" boot "$story_shelf" 9>&- || story_code=$?
	[ "$story_code" = 64 ] || return
	[ "$1" = restarted ] || "$TWIN" boot "$story_shelf" 9>&- || return
	: > "$story_shelf.made"
}

story_end()
{
	story_code=$?
	trap - EXIT HUP INT TERM
	[ ! -s "$D/failed" ] || story_code=1
	if [ -d "$T" ]; then
		[ $story_code -ne 0 ] || (no_report) || story_code=1
		[ $story_code -eq 0 ] || [ $story_code -eq 77 ] || story_show
		"$TWIN" down "$T"
	fi
	if [ -s "$D/failed" ]; then cat "$D/failed"; fi
	if [ -n "${STORY_KEEP:-}" ]; then
		say "kept: $T"
	else
		rm -rf "$D"
	fi
	exit $story_code
}

# A sanitizer may have something to report of a process whose exit code nobody looks at.
no_report()
{
	! grep -s -q -a -E 'Sanitizer|: runtime error: ' "$T"/state/*.log || fail "a sanitizer's report is in a log"
}

# For whoever has to find out why a story failed. The runner shows the last 80 lines.
story_show()
{
	# Signs of a crash, wherever in a log they are: tests/play.py looks for them in what a story prints.
	grep -s -H -a -E 'Sanitizer|: runtime error: |worker-crashed|ended with core-dump' "$T"/state/*.log "$D"/*
	say "--- status.json"
	check brief "$T"
	for story_log in systemd.log server.log agent.log misuse; do
		[ -s "$T/state/$story_log" ] || continue
		say "--- $story_log"
		tail -n 12 "$T/state/$story_log"
	done
}

check() { python3 -S -E "$story_home/check.py" "$@"; }

run_twin()
{
	rc=0
	"$TWIN" "$@" || rc=$?
	[ "$rc" -ne 77 ] || exit 77
}

# The agent, by its unit: to the end of all restarts, for one boot, once more in the boot that is up.
agent_run() { run_twin run "$T" --keep "$@"; }
agent_boot() { run_twin boot "$T" --keep "$@"; }
agent_again() { run_twin again "$T" "$@"; }

# Another command of the program: gn8v status --json
gn8v() { "$TWIN" exec "$T" -- gn8v "$@"; }

# status KEY: a value of status.json; error.code, steps.driver.state (a list is searched by id)
status() { check get "$T" "$1"; }

expect_exit() { [ "$rc" = "$1" ] || fail "the exit code is $rc, not $1"; }

# expect KEY VALUE: of status.json
expect()
{
	story_found=$(status "$1") || fail "status.json has no $1"
	[ "$story_found" = "$2" ] || fail "$1 is $story_found, not $2"
}

expect_result() { expect result "$1"; }

# expect_error CODE: and that somebody is told what to do
expect_error()
{
	check error "$T" "$1" || fail "the error is not $1, with a hint and who can mend it"
}

expect_ready()
{
	expect_exit 0
	expect_result ready
	[ -e "$T/root/run/gn8v/ready" ] || fail "ready, but the gate is closed"
}

expect_gate_closed()
{
	[ ! -e "$T/root/run/gn8v/ready" ] || fail "the gate is open"
}

# expect_boots N: so many starts of the machine
expect_boots() { [ "$(cat "$T/state/boot")" = "$1" ] || fail "$(cat "$T/state/boot") boots, not $1"; }

no_misuse()
{
	[ ! -s "$T/state/misuse" ] || fail "a fake was used wrongly: $(cat "$T/state/misuse")"
}

no_early_gpu_open() { check opens "$T" || fail "a GPU was opened too early"; }

status_validates() { check schema "$T" || fail "status.json does not match its schema"; }

follows_the_procedure()
{
	python3 -S -E "$story_home/compare.py" "$T" || fail "not what the procedure says"
}

# What has to hold at the end of every story that went well.
all_is_well() { check well "$T" || fail "not all is well"; }

# was_run NAME: whether a program was run (a name of argv[0], or of the file that bash or python3 was given)
was_run() { check ran "$T" "$1"; }

# touched_nothing [MARK]: nothing that changes the machine was run or called, since a mark of `mark`
touched_nothing() { check quiet "$T" "${1:-}" || fail "the machine was touched"; }
mark() { check mark "$T"; }

# disk_snapshot: the list of all files but the agent's own state
disk_snapshot() { "$TWIN" snapshot "$T" --without /var/lib/gn8v --without /var/log; }

disk_unchanged()
{
	disk_snapshot > "$D/now"
	diff "$1" "$D/now" || fail "files changed (< before, > after)"
}

# faults NAME[=ARG]… -NAME…: switch them on and off
faults() { "$TWIN" fault "$T" "$@" || fail "the faults could not be switched"; }

# configure JSON: change /etc/gn8v/config.json
configure() { "$TWIN" config "$T" "$1" || fail "the config could not be changed"; }

# systemd JSON: change the simulated systemd's settings
systemd() { "$TWIN" systemd "$T" "$1" || fail "the simulated systemd's settings could not be changed"; }

# expect_failed CODE: the run ended with this error, and the gate is shut
expect_failed()
{
	expect_exit 1
	check failed "$T" "$1" || fail "not as a run that failed with $1"
	expect_gate_closed
}

# expect_step ID CODE: a step's own error
expect_step()
{
	expect "steps.$1.state" failed
	expect "steps.$1.error.code" "$2"
	[ -n "$(status "steps.$1.error.hint")" ] || fail "the error of step $1 has no hint"
}

# expect_words KEY TEXT: a value of status.json has this text in it
expect_words()
{
	story_found=$(status "$1") || fail "status.json has no $1"
	case $story_found in
	*"$2"*) ;;
	*) fail "$1 does not name \"$2\": $story_found" ;;
	esac
}

# The faults that a story goes through one after another, in the boot that is up.
# trouble FAULT[=ARG] CODE [STEP]: in the place of the fault before it
fault_now=
trouble()
{
	say "== $1: $2"
	[ -z "$fault_now" ] || faults "-${fault_now%%=*}"
	fault_now=$1
	faults "$fault_now"
	agent_again
	expect_failed "$2"
	[ -z "${3:-}" ] || expect error.step "$3"
}

# missing PATH CODE STEP: a file of the machine is not there for one run
missing()
{
	say "== no $1: $2"
	mv "$T/root/$1" "$D/away" || fail "there is no $1"
	agent_again
	expect_failed "$2"
	expect error.step "$3"
	expect_words error.message "$1"
	mv "$D/away" "$T/root/$1"
}

# The last of them is gone: a run ends ready.
heals()
{
	[ -z "$fault_now" ] || faults "-${fault_now%%=*}"
	fault_now=
	agent_again
	expect_ready
	all_is_well
}

# all_written_down: the server writes a request down when it has answered it, and has done so when it ends; another boot
all_written_down()
{
	"$TWIN" down "$T"
	"$TWIN" up "$T"
}

# count LOG TEXT: how many records of a log (commands, bus, http, gpu) have this text
count() { grep -c -F -e "$2" "$T/state/$1.jsonl" || true; }

# expect_count N LOG TEXT. What is late to be written down is waited for.
expect_count()
{
	[ "$(count "$2" "$3")" -ge "$1" ] || check times "$T" "$2 $1 $3" || :
	story_found=$(count "$2" "$3")
	[ "$story_found" = "$1" ] || fail "$story_found times in $2.jsonl, not $1: $3"
}

# begin boot|run|again [what twin takes]…: a run in the background; finish waits for its end
begin()
{
	story_how=$1
	shift
	[ "$story_how" = again ] || set -- --keep "$@"
	"$TWIN" "$story_how" "$T" "$@" &
	story_run=$!
}

finish()
{
	rc=0
	wait "$story_run" || rc=$?
}

# signalled SIGNAL STEP boot|again…: a run whose agent gets this signal when the step is running
signalled()
{
	story_signal="$1 in $2"
	"$TWIN" signal "$T" "$1" --when "$2" &
	story_killer=$!
	shift 2
	begin "$@"
	finish
	wait "$story_killer" || fail "the agent did not get SIG$story_signal"
}

# forgotten STEP…: as the status of an agent that was cut off in them
forgotten()
{
	python3 -B - "$T/root/var/lib/gn8v/status.json" "$@" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    status = json.load(f)
for step in status["steps"]:
    if step["id"] in sys.argv[2:]:
        step.update(state="running", cut_off=True, attempts=1)
with open(sys.argv[1], "w") as f:
    json.dump(status, f)
END
}

# unit_is NAME STATE: ActiveState as the simulated systemd has it
unit_is()
{
	story_found=$(cat "$T/state/units/$1")
	[ "$story_found" = "$2" ] || fail "$1 is $story_found, not $2"
}

# answers CODE WORDS…: a command of the program ends with this exit code; what it prints is in $D/out and $D/err
answers()
{
	story_wanted=$1
	shift
	rc=0
	gn8v "$@" > "$D/out" 2> "$D/err" || rc=$?
	[ "$rc" = "$story_wanted" ] || fail "gn8v $*: exit code $rc, not $story_wanted: $(cat "$D/err")"
}

# has FILE TEXT
has() { grep -q -F -e "$2" "$1" || fail "nothing says \"$2\" in: $(cat "$1")"; }

# becomes KEY=VALUE: wait until status.json says so
becomes() { check until "$T" "$1" || fail "$1 does not come true"; }

# is_waiting STEP CODE: wait until the status says that a step waits for others: why, when it is tried again, and until when
is_waiting() { check waits "$T" "$1 $2" || fail "$1 does not wait for another try because of $2"; }

# unit_becomes NAME STATE…: wait for one of these
unit_becomes() { check unit "$T" "$*" || fail "it does not become so: $*"; }

# holds NAME: whoever comes to this delay (as in delays.json) stays in it; goes_on NAME lets all of them go. It stays open
# here: who has found the name and opens it only now finds a writer too.
holds() { mkfifo "$T/state/hold.$1" || fail "$1 cannot be held"; }
goes_on()
{
	mv "$T/state/hold.$1" "$D/hold" || fail "$1 is not held"
	story_fd=$((3 + (${story_fd:-3} - 2) % 6))
	eval "exec $story_fd<> \"\$D/hold\""
	rm "$D/hold"
}

# nothing_twice STEP SIZE LEAST: the file has SIZE MiB; so many of them at least were here from an earlier try, and were not
# fetched again. By the agent's own count: what was sent may lie in sockets.
nothing_twice() { check kept "$T" "$*" || fail "$1: too little was here, or too much came"; }

# downloaded STEP PERCENT: wait until so much of the file is here, as the progress of a running step says
downloaded() { check downloaded "$T" "$1 $2" || fail "$1 does not come to $2 %"; }

# happens LOG N TEXT: wait until that log has so many records with this text
happens() { check times "$T" "$1 $2 $3" || fail "it does not happen $2 times in $1.jsonl: $3"; }

# asked_before "METHOD UNIT" "METHOD UNIT": of such calls on the bus, the last one came before the other's last
asked_before() { check before "$T" "$1, $2" || fail "on the bus, $1 does not come before $2"; }

# comes TEXT FILE: wait until it is in there, or the run in the background has ended
comes()
{
	until grep -qsF -e "$1" "$2" || ! kill -0 "$story_run"; do
		sleep 0.05
	done
	has "$2" "$1"
}

# said TEXT: in the events of status.json
said()
{
	"$TWIN" log "$T" events > "$D/events"
	has "$D/events" "$1"
}

# lay_roots: the throw-away roots of the simulated devices and of their manifests, where a config may name them
lay_roots()
{
	[ -f "$T/state/devices/root.pem" ] || { say "skipped: the simulated devices were not built (TWIN_DEVICES)" && exit 77; }
	mkdir -p "$T/root/etc/gn8v"
	cp "$T/state/devices/root.pem" "$T/root/etc/gn8v/device.pem"
	cp "$T/state/devices/rim-root.pem" "$T/root/etc/gn8v/rim.pem"
}

# judged_as VERDICT ANCHORS: what verify --json printed
judged_as()
{
	check verdict "$T" "$D/out $1 $2" || fail "not a verdict: $1, $2"
}
