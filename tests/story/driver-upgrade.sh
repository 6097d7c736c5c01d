#!/bin/sh
# A newer driver on a machine that runs: what the boot is starting on the old one is stopped first, and started on the new.
. "${0%/*}/lib.sh"

story_from ready single
run=NVIDIA-Linux-x86_64-570.148.08.run
digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["files"][sys.argv[2]]["sha256"])' \
	"${TWIN_BUILD:-${0%/*}/../../build/twin-assets}/assets.json" $run) || fail "there is no $run"

configure '{"driver": {"version": "570.148.08", "sha256": "'"$digest"'"}}'
holds persistenced
begin boot
happens commands 1 "bash\", \"$run"
goes_on persistenced
finish
expect_ready
expect steps.driver.reason "driver 570.148.08 is installed, its module built for kernel 5.10.134-18.al8.x86_64"
all_is_well
