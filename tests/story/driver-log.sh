#!/bin/sh
# What the driver's installer says only in its log is in the status; it ended well when it ended with 0, or all is proven.
. "${0%/*}/lib.sh"

begun=/var/lib/gn8v/begun/driver

say "== the build lacks a package that nobody was told of"
story_from restarted single --config '{"packages": ["openssl3", "gcc", "make", "kernel-devel-{kernel}"]}'
log=$T/root/var/log/nvidia-installer.log
printf 'ERROR: of another run, long ago\n' > "$log"
agent_run
expect_failed driver-install-failed
expect_words error.message "please install libelf-dev, libelf-devel or elfutils-libelf-devel"
expect_words error.message "(first of 2 errors in /var/log/nvidia-installer.log)"
expect_words error.hint /var/log/nvidia-installer.log
[ -e "$T/root$begun" ] || fail "nobody remembers that it began"

say "== it ends before it writes a log: an old one is not quoted, and not named"
configure '{"packages": ["openssl3", "gcc", "make", "elfutils-libelf-devel", "kernel-devel-{kernel}"]}'
faults tmp-noexec
configure '{"driver": {"args": ["--tmpdir", "/tmp", "--ui=none", "--no-questions"]}}'
agent_again
expect_failed driver-install-failed
expect_words error.message "Temporary directory /tmp is not executable"
expect_words error.hint "by hand: cd /var/cache/gn8v && /usr/bin/bash NVIDIA-Linux-x86_64-550.144.03.run"
faults -tmp-noexec
configure '{"driver": {"args": ["--ui=none", "--no-questions", "--accept-license", "--disable-nouveau", "--no-cc-version-check",
	"--install-libglvnd", "--kernel-module-build-directory=kernel-open", "--rebuild-initramfs"]}}'

say "== all is installed, and no module is loaded: it is run again"
faults drm-fails=unloaded
agent_again
expect_failed driver-install-failed
expect_words error.message "Unable to load the 'nvidia-drm' kernel module"

say "== /boot is full: dracut deletes the initramfs, and the installer does not mind"
faults -drm-fails dracut-fails=boot
agent_again
expect_failed initramfs-failed
expect error.step driver
said "the initramfs of the running kernel is gone, and is made again"
[ -e "$T/root$begun" ] || fail "nobody remembers that the initramfs is missing"

say "== all is installed, and the driver is loaded: that will do, and is said"
faults -dracut-fails drm-fails
agent_again
expect_ready
expect_count 5 commands 'bash", "NVIDIA-Linux'
said "all that it installs is there, and its module is loaded"
[ -s "$T/root/boot/initramfs-5.10.134-18.al8.x86_64.img" ] || fail "the machine would not start again"
[ ! -e "$T/root$begun" ] || fail "it still counts as begun"

say "== the status is lost, and the installer was cut off"
faults -drm-fails
mkdir -p "$T/root${begun%/*}"
echo 550.144.03 > "$T/root$begun"
printf 'installer version: 550.144.03\n-> Building kernel modules\n' > "$T/root/var/log/nvidia-installer.log"
rm "$T/root/var/lib/gn8v/status.json"
answers 0 plan
has "$D/out" "install driver 550.144.03 again: its installer began and did not end well"
agent_again
expect_ready
all_is_well
