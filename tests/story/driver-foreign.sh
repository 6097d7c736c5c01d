#!/bin/sh
# A driver that came as packages is named before the download, with what to type; without it all goes well.
. "${0%/*}/lib.sh"

# packaged JSON: the package database has these too
packaged()
{
	python3 -B - "$T/state/packages.json" "$1" <<'END'
import json, os, sys
path, more = sys.argv[1:]
now = json.load(open(path)) if os.path.exists(path) else {}
now.update(json.loads(more))
json.dump({k: v for k, v in now.items() if v}, open(path, "w"))
END
}
lay() { mkdir -p "$T/root${1%/*}" && : > "$T/root$1"; }

marker=/usr/lib/nvidia/alternate-install-present
story_begin single
packaged '{"nvidia-driver": "535.261.03-1.el8.x86_64", "nvidia-driver-cuda-libs": "535.261.03-1.el8.x86_64"}'
lay $marker
lay /usr/lib64/libnvidia-ml.so.535.261.03
agent_boot
expect_exit 1
expect_result refused
expect_error driver-foreign
expect_words error.message "package nvidia-driver-535.261.03-1.el8 owns $marker"
expect_words error.hint "dnf remove nvidia-driver;"
touched_nothing
answers 1 plan
has "$D/err" "dnf remove nvidia-driver;"

say "== no package owns the marker"
packaged '{"nvidia-driver": null, "nvidia-driver-cuda-libs": null}'
rm "$T/root/usr/lib64/libnvidia-ml.so.535.261.03"
agent_boot
expect_error driver-foreign
expect_words error.hint "rm $marker"
touched_nothing

rm "$T/root$marker"
agent_run
expect_ready
all_is_well

say "== ours was cut off, and its owner has installed the same version as packages since: it is kept"
before=$(count commands .run)
packaged '{"nvidia-driver": "550.144.03-1.el8.x86_64", "nvidia-driver-cuda-libs": "550.144.03-1.el8.x86_64"}'
lay $marker
rm "$T/root/var/log/nvidia-installer.log"
mkdir -p "$T/root/var/lib/gn8v/begun"
echo 550.144.03 > "$T/root/var/lib/gn8v/begun/driver"
python3 -B - "$T/root/var/lib/gn8v/status.json" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    status = json.load(f)
[step] = [step for step in status["steps"] if step["id"] == "driver"]
step["cut_off"] = True
with open(sys.argv[1], "w") as f:
    json.dump(status, f)
END
agent_boot
expect_ready
expect_count "$before" commands .run
[ ! -e "$T/root/var/lib/gn8v/begun/driver" ] || fail "the record of ours is still there"
