#!/bin/sh
# Runs every fake once in a twin of its own, the ways they fail included. No argument; prints what went wrong.
# shellcheck disable=SC2016 # the '$kernelopts' of a boot entry is text
set -u
fakes=$(cd "$(dirname "$0")" && pwd)
TWIN_DIR=$(mktemp -d)
export TWIN_DIR
REL=5.10.134-18.al8.x86_64
PIP_PAGE=https://attest-public-cn-beijing.oss-cn-beijing.aliyuncs.com/repo/pip/attest.html
PIP_WANT="nv_attestation_sdk==2.5.0.post6914366 nv_local_gpu_verifier==2.5.0.post6914366 nv_ppcie_verifier==1.5.0.post6914366"
# SHA-256 of the guide's two complete sample outputs, without the indentation of the page.
CC_SAMPLE=a9511f7678bf4104b7503acaf44d321f81042750ba509cd0eef3e9aa774e072d
PPCIE_SAMPLE=4afebe98822f6c362e8f39c59c80204892259eab8727d3017b2eae4550388282
failures=0
exec </dev/null

# What a daemon does at its end, it does to devices.json.
daemons_end() {
	for file in "$R"/var/run/nvidia-*/*.pid; do
		[ -f "$file" ] || continue
		daemon=$(cat "$file")
		kill "$daemon"
		until_true is_gone "$daemon" || fail "${file##*/} does not end"
	done
}
# shellcheck disable=SC2317 # called by the trap
clean() { daemons_end; rm -rf "$TWIN_DIR"; }
R=$TWIN_DIR/root
S=$TWIN_DIR/state
trap clean EXIT
# The verifiers leave their logs where they stand.
cd "$TWIN_DIR" || exit 1

fail() { echo "FAIL: $*"; failures=$((failures + 1)); }

# A fresh machine of a shape.
machine() {
	daemons_end
	rm -rf "$R" "$S"
	mkdir -p "$R/proc/sys/kernel" "$R/boot/loader/entries" "$R/boot/grub2" "$R/etc/default" "$R/etc/modprobe.d" \
		"$R/lib/modules/$REL/kernel/drivers" "$R/tmp" "$S/units"
	ln -s "$fakes" "$S/fakes"
	echo $REL >"$R/proc/sys/kernel/osrelease"
	echo 1 >"$S/boot"
	: >"$R/lib/modules/$REL/modules.dep"
	printf 'title Alibaba Cloud Linux (%s)\nversion %s\nlinux /boot/vmlinuz-%s\ninitrd /boot/initramfs-%s.img\noptions $kernelopts\n' \
		$REL $REL $REL $REL >"$R/boot/loader/entries/1234-$REL.conf"
	printf '# GRUB Environment Block\nsaved_entry=1234-%s\nkernelopts=root=UUID=1-2 ro swiotlb=1 quiet\n' $REL >"$R/boot/grub2/grubenv"
	echo 'GRUB_CMDLINE_LINUX="quiet"' >"$R/etc/default/grub"
	python3 "$fakes/twinlib.py" devices "$1" >"$S/devices.json"
	python3 "$fakes/twinlib.py" install "$TWIN_DIR" initial
}

# want STATUS TEXT COMMAND…: the command ends with that status, and its output has the text in it.
want() {
	status=$1
	text=$2
	shift 2
	"$@" >"$TWIN_DIR/out" 2>&1
	got=$?
	[ $got = "$status" ] || { fail "$*: exit status $got, not $status"; tail -5 "$TWIN_DIR/out"; }
	[ -z "$text" ] || grep -qF -- "$text" "$TWIN_DIR/out" || { fail "$*: no '$text'"; tail -5 "$TWIN_DIR/out"; }
}
# until_true COMMAND…: the command comes true within a minute
until_true() {
	tries=600
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}
has() { grep -qF -- "$2" "$1" || fail "$1 has no '$2'"; }
faults() { printf '%s\n' "$1" >"$S/faults"; }
device() { python3 -c "import json, sys
path, key, value = sys.argv[1:]
now = json.load(open(path)); now[key] = json.loads(value); json.dump(now, open(path, 'w'))" "$S/devices.json" "$1" "$2"; }
sample() {
	sum=$(sha256sum <"$TWIN_DIR/out")
	[ "${sum%% *}" = "$1" ] || fail "$2 does not print the guide's sample"
}
installer() {
	"$S/fakes/nvidia-installer" "$1" --ui=none --no-questions --accept-license --disable-nouveau --no-cc-version-check \
		--install-libglvnd --kernel-module-build-directory=kernel-open --rebuild-initramfs
}
no_misuse() { [ ! -s "$S/misuse" ] || { fail "misuse:"; cat "$S/misuse"; }; }

boot_entries() {
	machine single
	want 0 "" "$R/usr/sbin/grubby" --update-kernel=ALL --args="swiotlb=4194304,any"
	want 0 'args="ro swiotlb=4194304,any quiet"' "$R/usr/sbin/grubby" --info=ALL
	want 0 "/boot/vmlinuz-$REL" "$R/usr/sbin/grubby" --default-kernel
	has "$R/etc/default/grub" 'GRUB_CMDLINE_LINUX="quiet swiotlb=4194304,any"'
	[ "$(wc -c <"$R/boot/grub2/grubenv")" = 1024 ] || fail "grubenv is not 1024 bytes"
	want 0 "" "$R/usr/sbin/grubby" --update-kernel=ALL --remove-args="quiet"
	want 0 'args="ro swiotlb=4194304,any"' "$R/usr/sbin/grubby" --info=DEFAULT
	echo "options nvidia x" >"$R/etc/modprobe.d/nvidia-lkca.conf"
	want 0 "" "$R/usr/bin/dracut" --regenerate-all -f
	has "$R/boot/initramfs-$REL.img" /etc/modprobe.d/nvidia-lkca.conf
	has "$S/commands.jsonl" '"argv": ["/usr/bin/dracut", "--regenerate-all", "-f"]'
	initramfs
	no_misuse
}

# Kernels without modules are passed over; an image that cannot be built stays, one that cannot be copied to /boot is gone.
initramfs() {
	old=5.10.134-17.3.al8.x86_64
	mkdir "$R/lib/modules/$old"
	echo "not ours" >"$R/boot/initramfs-$old.img"
	want 0 "" "$R/usr/bin/dracut" --regenerate-all -f
	has "$R/boot/initramfs-$old.img" "not ours"
	: >"$R/lib/modules/$old/modules.dep.bin"
	echo "not ours" >"$R/boot/initramfs-$REL.img"
	faults '{"dracut-fails": true}'
	want 2 "dracut: dracut: creation of /boot/initramfs-$REL.img failed" "$R/usr/bin/dracut" --regenerate-all -f
	has "$R/boot/initramfs-$REL.img" "not ours"
	faults '{"dracut-fails": "boot"}'
	want 1 "dracut: dracut: creation of /boot/initramfs-$REL.img failed" "$R/usr/bin/dracut" --regenerate-all -f
	[ ! -e "$R/boot/initramfs-$REL.img" ] || fail "dracut left what it could not copy"
	has "$R/boot/initramfs-$old.img" "kernel $old"
	faults '{"dracut-cut": true}'
	want 137 "" "$R/usr/bin/dracut" --regenerate-all -f
	[ ! -s "$R/boot/initramfs-$REL.img" ] || fail "dracut was not cut off"
	faults '{}'
	rm -r "$R/lib/modules/$old" "$R/boot/initramfs-$old.img"
	want 0 "" "$R/usr/bin/dracut" -f
	want 1 "dracut: Will not override existing initramfs (/boot/initramfs-$REL.img) without --force" "$R/usr/bin/dracut"
	want 1 "modinfo: ERROR: Module nosuch not found." "$R/usr/sbin/modinfo" -F version nosuch
	echo "kernel/drivers/video/nvidia.ko:" >"$R/lib/modules/$REL/modules.dep"
	want 1 "modinfo: ERROR: could not get modinfo from 'nvidia': No such file or directory" \
		"$R/usr/sbin/modinfo" -k $REL -F version nvidia
	mkdir -p "$R/lib/modules/$REL/kernel/drivers/video"
	: >"$R/lib/modules/$REL/kernel/drivers/video/nvidia.ko"
	want 1 "modinfo: ERROR: could not get modinfo from 'nvidia': Exec format error" \
		"$R/usr/sbin/modinfo" -k $REL -F version nvidia
	rm -r "$R/lib/modules/$REL/kernel/drivers/video"
	: >"$R/lib/modules/$REL/modules.dep"
}

packages() {
	machine single
	mkdir -p "$R/etc/dnf"
	printf '[main]\nexclude=kernel* vim\n' >"$R/etc/dnf/dnf.conf"
	want 1 "All matches were filtered out by exclude filtering for argument: kernel-devel-$REL" "$R/usr/bin/yum" install -y gcc kernel-devel-$REL
	rm "$R/etc/dnf/dnf.conf"
	want 0 "Complete!" "$R/usr/bin/yum" install -y openssl3 gcc make kernel-devel-$REL python3.11 python3.11-devel python3.11-pip
	want 1 "Unable to find a match: nosuch" "$R/usr/bin/dnf" install -y nosuch
	want 1 "package nosuch is not installed" "$R/usr/bin/rpm" -q gcc nosuch
	want 0 "5.10.134-18.al8" "$R/usr/bin/rpm" -q --qf '%{VERSION}-%{RELEASE}\n' kernel-devel-$REL
	echo '{"/usr/bin/gcc": "gcc"}' >"$S/owners.json"
	want 0 "gcc-" "$R/usr/bin/rpm" -qf --qf '%{NAME}-%{VERSION}\n' /usr/bin/gcc
	want 2 "file /usr is not owned by any package" "$R/usr/bin/rpm" -qf /usr /nosuch
	[ -d "$R/lib/modules/$REL/build/" ] || fail "no kernel build folder"
	want 1 "file /etc/default/grub is not owned by any package" "$R/usr/bin/rpm" -qf /usr/bin/gcc /etc/default/grub
	has "$TWIN_DIR/out" gcc-10.2.1-3.8.al8.x86_64
	verify_and_reinstall
	transactions
	in_a_transaction
	at_the_end_of_a_transaction
	faults '{"yum-fails": true}'
	want 1 "Failed to download metadata" "$R/usr/bin/yum" install -y tar
	faults '{"yum-passes-over": true}'
	want 1 "Unable to find a match: kernel-headers" "$R/usr/bin/yum" install -y kernel-headers
	has "$TWIN_DIR/out" "Ignoring repositories: alinux3-kernel"
	faults '{}'
	rpm_files
	no_misuse
	want 1 "Operation aborted" "$R/usr/bin/yum" install tar
	has "$S/misuse" "asks a question"
}

# All packages of a transaction have its id, and no other has.
transactions() {
	echo '{"base": "1-1.x86_64"}' >"$S/packages.json"
	want 0 "Complete!" "$R/usr/bin/yum" install -y gcc make
	want 0 "Complete!" "$R/usr/bin/yum" install -y libxml2
	want 0 "" "$R/usr/bin/rpm" -qa --qf '%{INSTALLTID} %{NAME} %{NVRA}\n'
	[ "$(cut -d' ' -f2- "$TWIN_DIR/out" | tr '\n' ' ')" = "base base-1-1.x86_64 gcc gcc-10.2.1-3.8.al8.x86_64 \
libxml2 libxml2-2.9.7-18.al8.x86_64 make make-4.2.1-11.al8.x86_64 " ] || fail "rpm -qa says $(cat "$TWIN_DIR/out")"
	[ "$(cut -d' ' -f1 "$TWIN_DIR/out" | sort | uniq -c | awk '{ print $1 }' | tr '\n' ' ')" = "1 2 1 " ] ||
		fail "these are other transactions: $(cat "$TWIN_DIR/out")"
	was=$("$R/usr/bin/rpm" -q --qf '%{INSTALLTID}' gcc)
	want 0 "Complete!" "$R/usr/bin/yum" reinstall -y gcc
	[ "$("$R/usr/bin/rpm" -q --qf '%{INSTALLTID}' gcc)" -gt "$was" ] || fail "gcc came again in the same transaction"
}

# One transaction at a time, behind rpm's lock; questions are answered meanwhile; who is killed leaves it broken.
in_a_transaction() {
	faults '{"yum-hangs": true}'
	"$R/usr/bin/yum" install -y tar >"$TWIN_DIR/hanging" 2>&1 &
	hanging=$!
	until grep -q "in a transaction" "$R/var/lib/rpm/Packages"; do
		sleep 0.05
	done
	want 0 "gcc" "$R/usr/bin/rpm" -q gcc
	want 1 "" python3 -c 'import fcntl, sys; fcntl.lockf(open(sys.argv[1], "r+b"), fcntl.LOCK_EX | fcntl.LOCK_NB)' \
		"$R/var/lib/rpm/.rpm.lock"
	kill -KILL $hanging
	wait $hanging 2>/dev/null
	want 1 "cannot open Packages database" "$R/usr/bin/rpm" -q gcc
	want 1 "cannot open Packages database" "$R/usr/bin/yum" install -y tar
	echo whole >"$R/var/lib/rpm/Packages"
	faults '{}'
}

# It ends between the look at the database and the look for its process: nothing was cut off.
at_the_end_of_a_transaction() {
	rm "$R/var/lib/rpm/Packages"
	mkfifo "$R/var/lib/rpm/Packages"
	"$R/usr/bin/rpm" -q gcc >"$TWIN_DIR/late" 2>&1 &
	exec 8>"$R/var/lib/rpm/Packages"
	rm "$R/var/lib/rpm/Packages"
	echo whole >"$R/var/lib/rpm/Packages"
	echo "in a transaction of 999999999 1" >&8
	exec 8>&-
	wait $! || fail "rpm -q at the end of a transaction: $(cat "$TWIN_DIR/late")"
}

verify_and_reinstall() {
	want 0 "" "$R/usr/bin/rpm" -V --nodeps --noscripts openssl3 gcc make python3.11 kernel-devel-$REL
	: >"$R/usr/bin/gcc"
	rm "$R/usr/bin/make"
	touch "$R/usr/lib64/libcrypto.so.3"
	echo "# ours" >"$R/etc/pki/tls/openssl3.cnf"
	ln -sfn elsewhere "$R/lib/modules/$REL/build"
	want 1 "S.5....T.    /usr/bin/gcc" "$R/usr/bin/rpm" -V gcc
	want 1 "missing     /usr/bin/make" "$R/usr/bin/rpm" -V make
	want 1 "S......T.    /usr/bin/gcc" "$R/usr/bin/rpm" -V --nofiledigest gcc
	want 1 ".......T.    /usr/lib64/libcrypto.so.3" "$R/usr/bin/rpm" -V openssl3
	want 1 "S.5....T.  c /etc/pki/tls/openssl3.cnf" "$R/usr/bin/rpm" -V openssl3
	want 1 "....L....    /lib/modules/$REL/build" "$R/usr/bin/rpm" -V kernel-devel-$REL
	want 2 "package nosuch is not installed" "$R/usr/bin/rpm" -V gcc nosuch
	want 1 "No packages marked for reinstall" "$R/usr/bin/yum" reinstall -y nosuch
	faults '{"yum-gone": "gcc"}'
	want 1 "No packages marked for reinstall" "$R/usr/bin/yum" reinstall -y gcc
	want 0 "Installed package gcc-10.2.1-3.8.al8.x86_64 not available." "$R/usr/bin/yum" reinstall -y gcc make
	faults '{}'
	want 0 "Complete!" "$R/usr/bin/yum" reinstall -y gcc openssl3 kernel-devel-$REL
	want 0 "" "$R/usr/bin/rpm" -V gcc make kernel-devel-$REL
	grep -q ours "$R/etc/pki/tls/openssl3.cnf" || fail "a changed configuration file was replaced"
	faults '{"rpm-silent": true}'
	want 0 "" "$R/usr/bin/rpm" -q gcc nosuch
	faults '{"rpm-db-broken": true}'
	want 2 "DB_RUNRECOVERY" "$R/usr/bin/rpm" -q gcc make
	want 1 "cannot open Packages database" "$R/usr/bin/yum" install -y gcc
	faults '{"rpm-db-broken": "answers"}'
	want 1 "package gcc is not installed" "$R/usr/bin/rpm" -q gcc
	faults '{}'
}

rpm_files() {
	command -v rpmbuild >/dev/null || { echo "rpm: not tried, no rpmbuild here"; return; }
	cat >"$TWIN_DIR/fm.spec" <<-'SPEC'
		Name: nvidia-fabric-manager
		Version: 570.148.08
		Release: 1
		Summary: simulated
		License: none
		%description
		simulated
		%install
		mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/nvidia/nvswitch
		echo real >%{buildroot}/usr/bin/nv-fabricmanager
		echo x=1 >%{buildroot}/usr/share/nvidia/nvswitch/fabricmanager.cfg
		%files
		/usr/bin/nv-fabricmanager
		/usr/share/nvidia/nvswitch/fabricmanager.cfg
	SPEC
	rpmbuild -bb --quiet --target x86_64 --define "_topdir $TWIN_DIR/rpm" --define "_build_id_links none" \
		"$TWIN_DIR/fm.spec" >/dev/null 2>&1 || { fail "rpmbuild"; return; }
	rpm=$R/tmp/fm.rpm
	cp "$TWIN_DIR"/rpm/RPMS/x86_64/*.rpm "$rpm"
	want 0 "570.148.08-1.x86_64" "$R/usr/bin/rpm" -qp --qf '%{VERSION}-%{RELEASE}.%{ARCH}\n' "$rpm"
	want 0 "Payload SHA256 digest: OK" "$R/usr/bin/rpmkeys" -Kv "$rpm"
	want 0 "nvidia-fabric-manager-570" "$R/usr/bin/rpm" -ivh "$rpm"
	want 1 "already installed" "$R/usr/bin/rpm" -ivh "$rpm"
	has "$R/usr/bin/nv-fabricmanager" TWIN_EXE
	has "$R/usr/share/nvidia/nvswitch/fabricmanager.cfg" x=1
	size=$(wc -c <"$rpm")
	printf '%040d' 0 | dd of="$rpm" bs=1 seek=$((size - 40)) conv=notrunc 2>/dev/null
	want 1 "BAD" "$R/usr/bin/rpm" -Uvh "$rpm"
}

driver() {
	want 1 "development tool" installer "$1"
	"$R/usr/bin/yum" install -y gcc make python3.11-pip >/dev/null
	want 1 "Unable to find the kernel source tree" installer "$1"
	mkdir -p "$R/sys/module/nouveau" "$R/usr/lib/nvidia"
	want 1 "Nouveau kernel driver is currently in use" installer "$1"
	rmdir "$R/sys/module/nouveau"
	"$R/usr/bin/yum" install -y kernel-devel-$REL >/dev/null
	want 1 "The nvidia kernel module was not created" installer "$1"
	has "$R/var/log/nvidia-installer.log" "Cannot generate ORC metadata"
	"$R/usr/bin/yum" install -y elfutils-libelf-devel >/dev/null
	: >"$R/usr/lib/nvidia/alternate-install-present"
	want 1 "presence of an alternate driver installation" installer "$1"
	mv "$R/usr/lib/nvidia/alternate-install-present" "$R/usr/lib/nvidia/alternate-install-available"
	want 1 "unrecognized option" "$S/fakes/nvidia-installer" "$1" --nosuch
	faults '{"installer-asks": true}'
	want 1 "Unable to get response" installer "$1"
	hanging "$1"
	faults '{"insmod-mismatch": true}'
	want 1 "Kernel module load error: Invalid argument" installer "$1"
	[ ! -e "$R/lib/modules/$REL/kernel/drivers/video" ] || fail "a module that does not load was installed"
	faults '{"installer-fails": true}'
	want 1 "has failed" installer "$1"
	[ ! -e "$R/usr/bin/nvidia-smi" ] || fail "a failed installer left the user space"
	faults '{"drm-fails": true, "dracut-fails": true}'
	want 1 "Unable to load the 'nvidia-drm' kernel module" installer "$1"
	[ -e "$R/usr/bin/nvidia-smi" ] || fail "a failed load took the user space away"
	has "$R/var/log/nvidia-installer.log" "Rebuilding initramfs failed"
	faults '{}'
	mkdir -p "$R/proc/4711/fd"
	ln -s /dev/nvidia0 "$R/proc/4711/fd/3"
	want 1 "already loaded in your kernel" installer "$1"
	rm -r "$R/proc/4711"
	want 0 "is now complete" installer "$1"
	has "$S/gpu.jsonl" "installer test load"
	want 0 "$1" "$R/usr/sbin/modinfo" -F version nvidia
	want 0 "nvidia" "$R/usr/sbin/lsmod"
	want 0 "Incomplete installation" "$S/fakes/cuda-installer" 12.4.1_550.54.15 --silent --toolkit
	[ -x "$R/usr/local/cuda/bin/cuda-uninstaller" ] || fail "no CUDA"
	has "$R/usr/local/cuda/version.json" '"version" : "12.4.20240401"'
	want 1 "Installation failed" "$S/fakes/cuda-installer" 12.4.1 --silent --toolkit
	want 0 "Incomplete installation" "$S/fakes/cuda-installer" 12.4.1 --silent --toolkit --override
	faults '{"cuda-existing": "refused"}'
	want 1 "Installation failed" "$S/fakes/cuda-installer" 12.4.1 --silent --toolkit --override
	rm -r "$R/usr/local/cuda-12.4"
	faults '{"cuda-no-space": true}'
	want 134 "No space left on device" "$S/fakes/cuda-installer" 12.4.1 --silent --toolkit
	faults '{}'
	want 1 "Installation failed" "$S/fakes/cuda-installer" 12.4.1 --silent --toolkit
	want 1 "EULA" "$S/fakes/cuda-installer" 12.4.1 --toolkit
}

# An installer that hangs has a child that escaped its process group; the lock is free once both are gone.
hanging() {
	faults '{"installer-hangs": true}'
	"$S/fakes/nvidia-installer" "$1" --silent >/dev/null 2>&1 &
	until_true [ -s "$S/orphans" ] || fail "no orphan of the hanging installer"
	kill "$!" && wait "$!" 2>/dev/null
	orphan=$(cat "$S/orphans")
	kill "$orphan"
	until_true is_gone "$orphan" || { fail "the orphan of the hanging installer does not end"; kill -KILL "$orphan"; }
}
is_gone() { ! grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

verifiers() {
	want 0 "" "$R/usr/bin/python3.11" -m venv "$R/var/lib/gn8v/venv"
	python=$R/var/lib/gn8v/venv/bin/python
	want 1 "No module named" "$python" -m verifier.cc_admin --user_mode
	# shellcheck disable=SC2086 # three requirements
	want 1 "No matching distribution" "$python" -m pip install $PIP_WANT
	# shellcheck disable=SC2086
	want 0 "Successfully installed" "$python" -m pip install --report "$R/tmp/report.json" $PIP_WANT -f $PIP_PAGE
	has "$R/tmp/report.json" '"hash": "sha256='
	if grep -q '"hashes"' "$R/tmp/report.json"; then fail "pip 22.3.1 knows no \"hashes\""; fi
	want 0 "pip-25" "$python" -m pip install --upgrade pip
	# shellcheck disable=SC2086
	want 0 "Successfully installed" "$python" -m pip install --force-reinstall --report "$R/tmp/report.json" $PIP_WANT -f $PIP_PAGE
	has "$R/tmp/report.json" '"sha256": "'
	want 0 "nv-ppcie-verifier==1.5.0.post6914366" "$python" -m pip freeze
}

single() {
	machine single
	driver 550.144.03
	verifiers
	no_misuse
	want 0 "CC status: ON" env TWIN_UNIT=nvidia-persistenced.service "$R/usr/bin/nvidia-smi" conf-compute -f
	want 0 "" "$R/usr/bin/nvidia-persistenced" --user root
	[ -e "$R/dev/nvidia0" ] || fail "no device node"
	echo active >"$S/units/nvidia-persistenced.service"
	want 1 "already loaded in your kernel" installer 550.144.03
	want 0 "" "$R/usr/bin/nvidia-smi" conf-compute -srs 1
	want 0 "Ready state: ready" "$R/usr/bin/nvidia-smi" conf-compute -grs
	want 0 "0, GPU-e1e94012-8c7b-f9a2-d712-fc5b014f364c, 96.00.cf.00.05" \
		"$R/usr/bin/nvidia-smi" --query-gpu=index,uuid,vbios_version --format=csv,noheader
	want 0 "GPU Attestation is Successful." "$python" -m verifier.cc_admin --user_mode
	sample $CC_SAMPLE cc_admin
	faults '{"attest-rejected": "0"}'
	want 1 "GPU Attestation failed." "$python" -m verifier.cc_admin --user_mode
	faults '{"attest-unknown": true}'
	want 1 "driver RIM from the RIM service due to Call to fetch_rim_file timed out after 10 seconds." \
		"$python" -m verifier.cc_admin --user_mode
	faults '{"attest-unknown": "rim-http"}'
	want 1 "Could not fetch RIM file from RIM service with id : NV_GPU_DRIVER_GH100_550.144.03" \
		"$python" -m verifier.cc_admin --user_mode
	faults '{"attest-unknown": "network"}'
	want 1 "<urlopen error [Errno -2] Name or service not known>" "$python" -m verifier.cc_admin --user_mode
	faults '{"attest-rim-bad": "schema"}'
	want 1 "Schema validation of driver RIM failed." "$python" -m verifier.cc_admin --user_mode
	faults '{"attest-rim-bad": "chain:vbios"}'
	want 1 "vbios RIM cert chain verification failed" "$python" -m verifier.cc_admin --user_mode
	faults '{"cc-off": true}'
	want 0 "CC status: OFF" "$R/usr/bin/nvidia-smi" conf-compute -f
	want 1 "Exception: System must be running in either" "$python" -m verifier.cc_admin --user_mode
	faults '{}'
	[ -e "$TWIN_DIR/verifier.log" ] || fail "the verifier left no log where it stood"
	mkdir -m 0500 "$TWIN_DIR/shut"
	[ "$(id -u)" = 0 ] || (cd "$TWIN_DIR/shut" && want 1 "PermissionError" "$python" -m verifier.cc_admin --user_mode)
	no_misuse
	echo inactive >"$S/units/nvidia-persistenced.service"
	"$R/usr/bin/nvidia-ctk" cdi generate >/dev/null 2>&1
	want 255 "Unknown Error" "$R/usr/bin/nvidia-smi" conf-compute -f
	want 1 "must never be run" "$R/usr/bin/systemctl" start x
	has "$S/misuse" systemctl
}

multi() {
	machine multi
	printf 'install nvidia /sbin/modprobe ecdsa_generic; /sbin/modprobe ecdh; /sbin/modprobe --ignore-install nvidia\n%s\n' \
		'options nvidia NVreg_RegistryDwords="RmEnableProtectedPcie=0x1"' >"$R/etc/modprobe.d/nvidia-lkca.conf"
	driver 570.148.08
	verifiers
	want 1 "fabric is not configured" "$R/usr/bin/nvidia-persistenced" --user root --uvm-persistence-mode --verbose
	fabric_manager
	want 0 "" "$R/usr/bin/nvidia-persistenced" --user root --uvm-persistence-mode --verbose
	echo active >"$S/units/nvidia-persistenced.service"
	want 0 "Multi-GPU Mode: Protected PCIe" "$R/usr/bin/nvidia-smi" conf-compute -mgm
	want 0 "CC status: OFF" "$R/usr/bin/nvidia-smi" conf-compute -f
	want 0 "state  Completed, status Success" "$R/usr/bin/nvidia-smi" --query-gpu=fabric.state,fabric.status --format=csv,noheader
	set -- "$python" -m ppcie.verifier.verification --gpu-attestation-mode=LOCAL --switch-attestation-mode=LOCAL
	want 0 "undefined symbol: nscq_session_create" "$@"
	mkdir -p "$R/usr/lib64"
	: >"$R/usr/lib64/libnvidia-nscq.so.2.0"
	"$R/usr/bin/nvidia-smi" conf-compute -srs 1
	device nonces '["006a638b032ae5eed158d6584dd13429de5743ce36498e60b7256703ce6a68ae",
		"2c345829a31f1650d6185413183b6878c578759c2ef9b4f1f0ed313d38f6c7c3"]'
	want 0 "|  Topology checks   | SUCCESS |" "$@"
	sample $PPCIE_SAMPLE ppcie
	faults '{"attest-rejected": "switch:2"}'
	want 0 "| Switch Attestation |  FAILED |" "$@"
	has "$S/devices.json" '"ready_state": 0'
	device ready_state 1
	faults '{"attest-unknown": "rim-missing"}'
	want 0 "|  GPU Attestation   |  FAILED |" "$@"
	faults '{"attest-rim-bad": "chain:switch"}'
	want 0 "vbios RIM cert chain verification failed" "$@"
	has "$TWIN_DIR/out" "| Switch Attestation |  FAILED |"
	[ -e "$TWIN_DIR/attestation_sdk.log" ] || fail "the SDK left no log where it stood"
	faults '{"ppcie-no-table": true}'
	want 0 "Number of NVSwitches" "$@"
	if grep -q STAGE "$TWIN_DIR/out"; then fail "a table in spite of ppcie-no-table"; fi
	faults '{}'
	no_misuse
	daemons_end
	restart
}

# Without the initramfs of R5 the option is not there at boot.
restart() {
	echo 2 >"$S/boot"
	rm -f "$S"/units/*
	python3 "$fakes/twinlib.py" boot "$TWIN_DIR"
	has "$S/devices.json" '"ppcie_loaded": true'
	rm "$R/boot/initramfs-$REL.img"
	python3 "$fakes/twinlib.py" boot "$TWIN_DIR" cold
	has "$S/devices.json" '"ppcie_loaded": false'
	has "$S/devices.json" '"driver": "570.148.08"'
}

fabric_manager() {
	mkdir -p "$R/usr/share/nvidia/nvswitch"
	: >"$R/usr/share/nvidia/nvswitch/fabricmanager.cfg"
	python3 "$fakes/twinlib.py" install "$TWIN_DIR" fabricmanager
	set -- "$R/usr/bin/nv-fabricmanager" -c "$R/usr/share/nvidia/nvswitch/fabricmanager.cfg"
	python3 -c "import json, sys
path, version = sys.argv[1:]
now = json.load(open(path)); now['nvidia-fabric-manager'] = version; json.dump(now, open(path, 'w'))" \
		"$S/packages.json" 570.133.20-1.x86_64
	want 1 "don't match" "$@"
	sed -i 's/570\.133\.20/570.148.08/' "$S/packages.json"
	want 0 "Successfully configured" "$@"
	echo active >"$S/units/nvidia-fabricmanager.service"
}

boot_entries
packages
single
multi
if [ $failures -gt 0 ]; then echo "$failures failures"; exit 1; fi
echo "fakes: all well"
