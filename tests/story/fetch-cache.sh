#!/bin/sh
# What downloads leave is gone once the machine is ready, an older version's too; cache.keep keeps what was fetched whole.
. "${0%/*}/lib.sh"

cache=root/var/cache/gn8v

# put NAME…: files in the folder of the downloads
put()
{
	mkdir -p "$T/$cache/partial"
	for name; do
		echo x > "$T/$cache/$name"
	done
}

# holds NAME…: these are there, and no others
holds()
{
	(cd "$T/$cache" && find . -type f | sed 's,^\./,,' | sort) > "$D/found"
	: > "$D/wanted"
	[ $# = 0 ] || printf '%s\n' "$@" | sort > "$D/wanted"
	diff "$D/wanted" "$D/found" || fail "not these files (< wanted, > found)"
}

say "== leftovers of an older version, and a file that is not ours"
story_from restarted single
put partial/NVIDIA-Linux-x86_64-1.0.run.part partial/NVIDIA-Linux-x86_64-1.0.run.part.json partial/x.key.part mine.txt
agent_run
expect_ready
holds mine.txt
all_is_well

say "== one that was fetched here whole, and never installed"
put cuda_1.0_linux.run
python3 - "$T/root/var/lib/gn8v/status.json" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    status = json.load(f)
status["packages"].append({"file": "cuda_1.0_linux.run", "sha256": "0" * 64})
status["packages"].append({"file": "../../../etc/passwd", "sha256": "0" * 64})
with open(sys.argv[1], "w") as f:
    json.dump(status, f)
END
: > "$T/root/etc/passwd"
agent_boot
expect_ready
holds mine.txt
[ -e "$T/root/etc/passwd" ] || fail "a name led out of the folder"

say "== kept"
story_from restarted single --config '{"cache": {"keep": true}}'
put partial/cut.run.part
agent_run
expect_ready
holds NVIDIA-Linux-x86_64-550.144.03.run cuda_12.4.1_550.54.15_linux.run
all_is_well
