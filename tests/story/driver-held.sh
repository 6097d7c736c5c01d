#!/bin/sh
# A newer driver, and a program has a GPU open: it is named with its service; once it is gone, the driver is installed.
. "${0%/*}/lib.sh"

story_from ready single
run=NVIDIA-Linux-x86_64-570.148.08.run
digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["files"][sys.argv[2]]["sha256"])' \
	"${TWIN_BUILD:-${0%/*}/../../build/twin-assets}/assets.json" $run) || fail "there is no $run"
configure '{"driver": {"version": "570.148.08", "sha256": "'"$digest"'"}}'
"$TWIN" up "$T"
mkdir -p "$T/root/proc/4711/fd"
echo python3 > "$T/root/proc/4711/comm"
echo "0::/system.slice/my-model.service" > "$T/root/proc/4711/cgroup"
ln -s /dev/nvidia0 "$T/root/proc/4711/fd/7"
agent_again
expect_failed driver-install-failed
expect_words error.message "An NVIDIA kernel module 'nvidia' appears to be already loaded in your kernel."
expect_words error.message "the loaded driver is held by 4711 python3 (my-model.service)"
expect_words error.hint "systemctl stop my-model.service"
rm -r "$T/root/proc/4711"
heals
expect steps.driver.reason "driver 570.148.08 is installed, its module built for kernel 5.10.134-18.al8.x86_64"
