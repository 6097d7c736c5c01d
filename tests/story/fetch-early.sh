#!/bin/sh
# With fetch.before_restart downloads begin before the restart, which does not wait for them, and go on after it with the bytes they have.
. "${0%/*}/lib.sh"

size=$((6 * 1048576))

# provisioned [what `twin create` takes]…: a fresh machine, to the end; cloud-init keeps the restart waiting for a while
provisioned()
{
	story_begin single --delay download=5 --systemd \
		'{"units": {"cloud-final.service": {"state": "activating", "seconds": 2, "then": "inactive"}}}' "$@"
	agent_run
	expect_ready
	expect_boots 2
	all_is_well
	follows_the_procedure
	check bytes "$T" cuda_12 > "$D/bytes"
	read -r before after < "$D/bytes"
	say "$before bytes of CUDA before the restart, $after after it; the file has $size"
}

say "== off, as it is when nothing is said"
provisioned
[ "$before" = 0 ] || fail "a download began before the restart"

say "== on"
provisioned --config '{"fetch": {"before_restart": true}}'
[ "$before" -gt $((size / 10)) ] || fail "nearly nothing came before the restart"
[ "$before" -lt "$size" ] || fail "the restart waited for the download"
[ "$after" -lt $((size - before + size / 10)) ] || fail "more than a tenth of the file came twice"
expect_words steps.fetch-cuda.reason "MiB of it were here from an earlier try"

say "== the plan says so; a restart that is left to its owner is said at once, whatever the downloads still need"
story_begin single --delay download=60 --config '{"fetch": {"before_restart": true}}'
"$TWIN" up "$T"
answers 0 plan
grep -E '^fetch-cuda +.* run ' "$D/out" > /dev/null || fail "the plan keeps CUDA until after the restart"
grep -E '^packages +.* after-restart ' "$D/out" > /dev/null || fail "the plan does not keep packages until after the restart"
answers 0 plan --json
python3 - "$D/out" <<'END' || fail "the plan does not show what time-sync needs now"
import json, sys
with open(sys.argv[1]) as f:
    needs = {s["id"]: s["needs"] for s in json.load(f)["steps"]}
sys.exit(needs["time-sync"] != ["preflight"] or needs["packages"] != ["restart", "time-sync"])
END
answers 4 run
expect_error restart-needed
expect_result failed
expect steps.fetch-cuda.state interrupted
[ -e "$T/root/var/cache/gn8v/partial/cuda_12.4.1_550.54.15_linux.run.part" ] || fail "nothing was fetched before the restart"
