#!/bin/sh
# twin-systemd on a small generated tree: each behaviour that the stories rely on.
# usage: selftest.sh [TWIN-SYSTEMD]; needs busctl and dbus-daemon
set -u

here=$(cd "$(dirname "$0")" && pwd)
program=${1:-${TWIN_SYSTEMD:-$here/../../../build/twin-systemd}}
[ -x "$program" ] || { echo "$program: no such program; make build/twin-systemd" >&2; exit 2; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/ts.XXXXXX")
pid=
failures=0

finish() {
	[ -z "$pid" ] || { kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; }
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

say() { printf '%s %s\n' "$1" "$2"; }
claim() {	# claim TEXT COMMAND...: the command succeeds
	text=$1
	shift
	if "$@"; then say ok "$text"; else say FAILED "$text"; failures=$((failures + 1)); fi
}
is() { [ "$1" = "$2" ] || { printf '   "%s", expected "%s"\n' "$1" "$2"; return 1; }; }
# until COMMAND...: the command comes true within a minute
until_true() {
	tries=1200
	while ! "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

state() { cat "$dir/state/units/$1" 2>/dev/null; }
is_state() { [ "$(state "$1")" = "$2" ]; }
becomes() { until_true is_state "$1" "$2" || is "$(state "$1")" "$2"; }
ctl() { busctl --address="unix:path=$dir/state/bus" "$@" 2>&1; }
manager() { ctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "$@"; }
start() { manager StartUnit ss "$1" replace >/dev/null; }
property() {	# property UNIT INTERFACE NAME
	object=$(manager LoadUnit s "$1" | cut -d'"' -f2)
	ctl get-property org.freedesktop.systemd1 "$object" "org.freedesktop.systemd1.$2" "$3" | cut -d' ' -f2-
}
has_job() { [ "$(property "$1" Unit Job | cut -d' ' -f1)" != 0 ]; }
has_none() { ! has_job "$1"; }
ended() { until_true has_none "$1" && state "$1"; }
let_go() { timeout 60 sh -c "echo go >'$dir/go'"; }
unit() { cat >"$dir/root/usr/lib/systemd/system/$1"; }
fake() { cat >"$dir/root/usr/bin/$1"; chmod +x "$dir/root/usr/bin/$1"; }
twin_begin() {
	mkfifo "$dir/ready"
	"$program" "$dir" >"$dir/ready" 2>>"$dir/log" &
	pid=$!
	read -r word <"$dir/ready"
	rm "$dir/ready"
	is "${word:-}" ready
}
twin_end() { kill "$pid" && wait "$pid"; code=$?; pid=; return "$code"; }
no_process_left() { ! grep -qs "$dir/root" /proc/[0-9]*/cmdline; }

mkdir -p "$dir/root/usr/lib/systemd/system" "$dir/root/etc/systemd/system/multi-user.target.wants" \
	"$dir/root/usr/bin" "$dir/state"
# settings TIME_SCALE: what the time-outs are multiplied by from now on
settings() {
	cat >"$dir/state/next.json" <<-J
		{"time_scale": $1, "start_limit_s": 0.1, "units": {"cloud-init.service": "activating",
		 "cloud-final.service": {"state": "activating", "seconds": 2, "then": "active"}}}
	J
	mv "$dir/state/next.json" "$dir/state/systemd.json"
}
settings 1

# It becomes a daemon when it is told to.
mkfifo "$dir/go"
fake daemon <<F
#!/bin/sh
read -r word <"$dir/go"
F
cat >>"$dir/root/usr/bin/daemon" <<'F'
setsid sh -c 'echo "$TWIN_UNIT" >daemon-ran; exec sleep 1000' daemon &
F
fake note <<F
#!/bin/sh
echo "\$*" >>"$dir/notes"
F
fake bad <<'F'
#!/bin/sh
exit 3
F
fake slow <<'F'
#!/bin/sh
exec sleep 1000
F
unit forking.service <<'U'
[Unit]
Description=A daemon
[Service]
Type=forking
ExecStart=/usr/bin/daemon
ExecStartPost=/usr/bin/note forking post
ExecStop=/usr/bin/note forking stop
ExecStopPost=-/usr/bin/bad
TimeoutStartSec=300
[Install]
WantedBy=multi-user.target
U
unit after.service <<'U'
[Unit]
After=forking.service
PartOf=gate.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/note "after start"
ExecStop=/usr/bin/note after stop
[Install]
WantedBy=multi-user.target
U
unit gate.target <<'U'
[Unit]
AssertPathExists=/run/open
U
unit held.service <<'U'
[Service]
ExecStart=/usr/bin/slow
U
mkdir "$dir/root/etc/systemd/system/held.service.d"
printf '[Unit]\nConditionPathExists=!/run/hold\n' >"$dir/root/etc/systemd/system/held.service.d/10-hold.conf"
unit bad.service <<'U'
[Service]
Type=oneshot
ExecStart=/usr/bin/bad
ExecStopPost=/usr/bin/note bad stop-post
U
unit needy.service <<'U'
[Unit]
Requires=bad.service
After=bad.service
[Service]
ExecStart=/usr/bin/slow
U
unit refusing.service <<'U'
[Unit]
RefuseManualStart=yes
[Service]
ExecStart=/usr/bin/slow
U
unit hanging.service <<'U'
[Service]
Type=forking
ExecStart=/usr/bin/slow
TimeoutStartSec=2000
U
unit watch.path <<'U'
[Path]
PathChanged=/lib/modules/x/modules.dep
Unit=bad.service
U
ln -s /usr/lib/systemd/system/forking.service "$dir/root/etc/systemd/system/multi-user.target.wants/"
ln -s /dev/null "$dir/root/etc/systemd/system/masked.service"
mkdir -p "$dir/root/run"
touch "$dir/root/run/hold"

claim "it says ready" twin_begin

claim "an enabled unit starts at boot: activating" becomes forking.service activating
claim "a preset unit is activating, with a job" is "$(property cloud-init.service Unit Job | cut -d' ' -f1 | sed 's/[1-9][0-9]*/N/')" N
start after.service
claim "a unit ordered after it has a job" has_job after.service
claim "and waits" is_state after.service inactive
let_go
claim "a forking service becomes active" becomes forking.service active
claim "then what waited starts" becomes after.service active
claim "its commands ran in that order" is "$(cat "$dir/notes")" "$(printf 'forking post\nafter start')"
claim "the daemon is found" test "$(property forking.service Service MainPID)" -gt 1

claim "it says what a unit is ordered after" is "$(property after.service Unit After)" '1 "forking.service"'
claim "from which file a unit is" is "$(property held.service Unit FragmentPath)" '"/usr/lib/systemd/system/held.service"'
claim "and what was dropped in" is "$(property held.service Unit DropInPaths)" '1 "/etc/systemd/system/held.service.d/10-hold.conf"'

moment() { property cloud-final.service Unit "$1TimestampMonotonic"; }
claim "a preset unit changes" becomes cloud-final.service active
claim "not before it is due" test $(($(moment ActiveEnter) - $(moment InactiveExit))) -ge 1999000
claim "one without a time does not" is_state cloud-init.service activating

start bad.service
claim "a failing command fails the unit" becomes bad.service failed
claim "its result is exit-code" is "$(property bad.service Service Result)" '"exit-code"'
claim "its ExecStopPost ran" grep -q '^bad stop-post$' "$dir/notes"
start needy.service
claim "what requires it is not started" is "$(ended needy.service)" inactive

start held.service
claim "a failed condition leaves it inactive" is "$(ended held.service)" inactive
claim "and says so" is "$(property held.service Unit ConditionResult)" false
rm "$dir/root/run/hold"
start held.service
claim "without the flag it starts, no reload needed" becomes held.service active

start gate.target
claim "a failed assert leaves it inactive" is "$(ended gate.target)" inactive
claim "and says so, too" is "$(property gate.target Unit AssertResult)" false
claim "a target that is inactive may be stopped" is "$(manager StopUnit ss gate.target replace | cut -c 1-2)" "o "
claim "which stops its parts" becomes after.service inactive

settings 0.0001
start hanging.service
claim "a start that hangs times out" becomes hanging.service failed
settings 1
claim "its result is timeout" is "$(property hanging.service Service Result)" '"timeout"'

claim "an unknown unit is refused" is "$(start nothing.service; manager StartUnit ss nothing.service replace)" \
	"Call failed: Unit nothing.service not found."
claim "a masked one, too" is "$(manager StartUnit ss masked.service replace)" "Call failed: Unit masked.service is masked."

claim "one that refuses it is not started by hand" is "$(manager StartUnit ss refusing.service replace)" \
	"Call failed: Operation refused, unit refusing.service may be requested by dependency only (it is configured to refuse manual start/stop)."

claim "an enabled unit says so" is "$(manager GetUnitFileState s forking.service)" 's "enabled"'
claim "one without [Install] is static" is "$(manager GetUnitFileState s bad.service)" 's "static"'
claim "enabling links" is "$(manager EnableUnitFiles asbb 1 after.service false false)" \
	'ba(sss) true 1 "symlink" "/etc/systemd/system/multi-user.target.wants/after.service" "/usr/lib/systemd/system/after.service"'
claim "the link does not carry the root" is \
	"$(readlink "$dir/root/etc/systemd/system/multi-user.target.wants/after.service")" /usr/lib/systemd/system/after.service
manager DisableUnitFiles asb 1 after.service false >/dev/null
claim "disabling removes it" is "$(manager GetUnitFileState s after.service)" 's "disabled"'

claim "nothing was misused so far" test ! -e "$dir/state/misuse"
echo 'Description=changed' >>"$dir/root/usr/lib/systemd/system/after.service"
start after.service
claim "a definition that changed without a reload is misuse" grep -q 'after.service.*no daemon-reload' "$dir/state/misuse"
manager Reload >/dev/null
rm "$dir/state/misuse"
claim "after a reload it is not" test ! -e "$dir/state/misuse"
manager Reboot >/dev/null
claim "Manager.Reboot is misuse" grep -q 'Manager.Reboot stops no service' "$dir/state/misuse"

manager ResetFailedUnit s bad.service >/dev/null
start watch.path
claim "a path unit waits" becomes watch.path active
mkdir -p "$dir/root/lib/modules/x"
echo changed >"$dir/modules.dep" # whole when it appears: a second change would start the service again
mv "$dir/modules.dep" "$dir/root/lib/modules/x/modules.dep"
claim "and starts its service when the file appears" becomes bad.service failed

echo '{"login1-down": true}' >"$dir/state/faults"
login1_gone() { ctl status org.freedesktop.login1 | grep -q 'No such device or address\|not provided\|No such'; }
claim "the fault login1-down takes logind off the bus" until_true login1_gone
rm "$dir/state/faults"
login1_back() { [ "$(ctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager CanReboot)" = 's "yes"' ]; }
claim "and back" until_true login1_back

sh -c 'trap "echo agent >>'"$dir"'/notes; exit 0" TERM; echo up >'"$dir"'/agent-up; while :; do sleep 0.1; done' &
echo $! >"$dir/state/agent.pid"
until_true test -s "$dir/agent-up"
: >"$dir/notes"
becomes after.service active
: >"$dir/notes"
ctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Reboot b false >/dev/null
wait "$pid"
claim "a restart ends it with success" is "$?" 0
pid=
rm "$dir/state/agent.pid" # the next restart must not meet another process of that number
claim "the agent is told first, then units stop in the reverse of their order" \
	is "$(cat "$dir/notes")" "$(printf 'agent\nafter stop\nforking stop')"
claim "it is written down who asked" is "$(cat "$dir/state/restart-requested")" login1
claim "no process is left" no_process_left

claim "the next boot begins" twin_begin
claim "the request is gone" test ! -e "$dir/state/restart-requested"
let_go
becomes forking.service active
manager StartUnit ss reboot.target replace-irreversibly >/dev/null
wait "$pid"
pid=
claim "reboot.target does the same" is "$(cat "$dir/state/restart-requested")" reboot.target

claim "and another" twin_begin
let_go
becomes forking.service active
claim "SIGTERM ends it" twin_end
claim "again no process is left" no_process_left

[ "$failures" -eq 0 ] || { cat "$dir/log"; cat "$dir/state/misuse" 2>/dev/null; exit 1; }
