#!/bin/sh
# While downloads run, gn8v status shows how far they are, on a terminal as they go; the last 200 events outlive the restart.
. "${0%/*}/lib.sh"

# tenths STEP: how often the journal has a tenth of a download
tenths() { grep -c -E "^$1 +[0-9]+ % of " "$T/state/agent.log" || true; }

# on_terminal WORDS…: a command of the program on a terminal; what it wrote is in $D/screen
on_terminal()
{
	rc=0
	python3 -B "$story_home/terminal.py" 90 "$TWIN" exec "$T" -- gn8v "$@" > "$D/screen" || rc=$?
}

# drawn N TEXT: wait until it is so often on the screen
drawn()
{
	for _ in $(seq 600); do
		if [ "$(grep -c -F -e "$2" "$D/screen")" -ge "$1" ]; then return; fi
		sleep 0.1
	done
	fail "it was drawn only $(grep -c -F -e "$2" "$D/screen") times: $2"
}

esc=$(printf '\033')
story_from restarted single --delay download=6
holds download
"$TWIN" up "$T"
{ on_terminal status --wait; exit "$rc"; } &
watcher=$!
begin again
downloaded fetch-driver 50
downloaded fetch-cuda 50
answers 3 status --json
has "$D/out" '"progress": {'
for key in step bytes total rate eta_s connections; do
	has "$D/out" "\"$key\": "
done
answers 3 status
has "$D/out" "MiB/s"
has "$D/out" "[###"
! grep -q progress "$T/root/var/lib/gn8v/status.json" || fail "progress is written to the disk"
drawn 1 "  fetch-cuda           [###"
drawn 4 "${esc}["
goes_on download
finish
expect_ready
wait "$watcher" || fail "status --wait on a terminal did not end with 0"
[ ! -e "$T/root/run/gn8v/progress.json" ] || fail "progress of a run that has ended"
status_validates
answers 0 status --events
has "$D/out" "cloud-init is idle"
has "$D/out" "ready: every step holds"

say "== on a terminal it is drawn in its place, and gone when it ends"
has "$D/screen" "${esc}[3A"
# What stands behind the last picture is printed for good, as wide as it is.
tr -d '\r' < "$D/screen" | awk '{ line[NR] = $0 } /\033/ { last = NR }
	END { for (i = 1; i < last; i++) { sub(/^.*J/, "", line[i]); if (length(line[i]) > 89) print line[i] } }' > "$D/wide"
[ ! -s "$D/wide" ] || fail "wider than the terminal: $(cat "$D/wide")"
answers 0 status --wait
! grep -F "$esc" "$D/out" || fail "it draws where no terminal is"

say "== one line of systemctl status for downloads side by side, ten lines of the journal for each at most"
grep -q -E 'STATUS=fetch-driver, fetch-cuda: [0-9]+ % of 9 MiB, [0-9.]+ MiB/s, [0-9]+ s left' "$T/state/notify.log" ||
	fail "no line has both downloads: $(grep -F fetch "$T/state/notify.log")"
for step in fetch-driver fetch-cuda; do
	[ "$(tenths $step)" -ge 1 ] && [ "$(tenths $step)" -le 10 ] || fail "$step: $(tenths $step) lines in the journal"
done

say "== 200 events are kept, the newest"
python3 -B - "$T/root/var/lib/gn8v/status.json" <<'PY'
import json, sys
with open(sys.argv[1]) as f:
    status = json.load(f)
status["events"] = [dict(status["events"][0], text="old %d" % n) for n in range(200)]
with open(sys.argv[1], "w") as f:
    json.dump(status, f)
PY
agent_boot
expect_ready
answers 0 status --events
[ "$(wc -l < "$D/out")" = 200 ] || fail "$(wc -l < "$D/out") events, not 200"
has "$D/out" "old 199"
! grep -q "old 0$" "$D/out" || fail "the oldest event is still there"
all_is_well

say "== a download that goes on where it was cut off does not count up to there again; run draws too"
story_from restarted single --delay download=4 --fault 'download-cut={"file": "cuda", "times": 1}' --config '{"fetch": {"connections": 1}}'
"$TWIN" up "$T"
on_terminal run
expect_exit 0
grep -E 'fetch-cuda +[0-9]+ % of ' "$D/screen" | tr -d '\r' > "$D/tenths"
[ "$(wc -l < "$D/tenths")" -le 10 ] || fail "more than ten lines: $(cat "$D/tenths")"
has "$D/screen" "] fetch-driver, fetch-cuda: "
has "$D/screen" "${esc}[1A"
expect_result ready
