#!/bin/sh
# guide.sh DIR SHAPE PART: the guide's commands one after another, in the simulated machine DIR that is up.
#
# PART is before (the restart: R4, R5) or after (R7 to R21). What a person types is what runs here, with these
# replacements: wget is curl through the twin's network, systemctl is busctl on the twin's bus, and the system's python3
# is not switched by alternatives. One command is added, in both columns of the comparison: the compiler and the kernel's
# headers, without which the driver's installer refuses.
set -eu

dir=$1 shape=$2 part=$3
root=$dir/root
cache=$root/root/gn8v-guide
bus=unix:path=$dir/state/bus
number() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$dir/state/ports.json"; }
proxy=http://127.0.0.1:$(number proxy)

if [ "$shape" = multi ]; then
	driver=570.148.08 cuda=12.8.1 cuda_driver=570.124.06
	daemon='/usr/bin/nvidia-persistenced --user root --uvm-persistence-mode --verbose'
	after='After=nvidia-fabricmanager.service'
	limits='TimeoutStartSec=900
TimeoutStopSec=60'
else
	driver=550.144.03 cuda=12.4.1 cuda_driver=550.54.15
	daemon='/usr/bin/nvidia-persistenced --user root'
	after='' limits=''
fi
rpms=https://developer.download.nvidia.cn/compute/cuda/repos/rhel8/x86_64

# machine PROGRAM ARGS...: a program of the simulated machine, with what a login there would give it
machine() {
	program=$root$1
	shift
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 https_proxy="$proxy" "$program" "$@" < /dev/null
}

wget() {
	# https_proxy of the caller's own must not matter
	curl -sSf --noproxy '' --proxy "$proxy" --cacert "$root/etc/gn8v/twin-ca.pem" -e https://www.nvidia.cn/ -O "$1"
}

manager() {
	busctl --address="$bus" --timeout=1200 call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
		org.freedesktop.systemd1.Manager "$@" > /dev/null
}

is_active() { [ "$(cat "$dir/state/units/$1" 2> /dev/null)" = "$2" ]; }

# systemctl VERB UNIT, as far as the guide needs it; start waits, as systemctl does
systemctl() {
	case $1 in
	enable) manager EnableUnitFiles asbb 1 "$2" false true ;;
	disable) manager DisableUnitFiles asb 1 "$2" false ;;
	daemon-reload) manager Reload ;;
	stop) manager StopUnit ss "$2" replace ;;
	start)
		manager StartUnit ss "$2" replace
		until is_active "$2" active; do
			! is_active "$2" failed || exit 1
			sleep 0.02
		done
		;;
	esac
}

before_restart() {
	machine /usr/sbin/grubby --update-kernel=ALL --args=swiotlb=4194304,any
	[ "$shape" = multi ] || return 0
	cat > "$root/etc/modprobe.d/nvidia-lkca.conf" <<- 'END'
		install nvidia /sbin/modprobe ecdsa_generic; /sbin/modprobe ecdh; /sbin/modprobe --ignore-install nvidia
		options nvidia NVreg_RegistryDwords="RmEnableProtectedPcie=0x1"
	END
	machine /usr/bin/dracut --regenerate-all -f
}

persistenced_unit() {
	cat > "$root/usr/lib/systemd/system/nvidia-persistenced.service" <<- END
		[Unit]
		Description=NVIDIA Persistence Daemon
		Wants=syslog.target
		Before=cloudmonitor.service
		$after

		[Service]
		Type=forking
		ExecStart=$daemon
		ExecStartPost=/usr/bin/nvidia-smi conf-compute -srs 1
		ExecStopPost=/bin/rm -rf /var/run/nvidia-persistenced
		$limits

		[Install]
		WantedBy=multi-user.target
	END
}

install() {
	wget "https://cn.download.nvidia.cn/tesla/$driver/NVIDIA-Linux-x86_64-$driver.run"
	wget "https://developer.download.nvidia.com/compute/cuda/$cuda/local_installers/cuda_${cuda}_${cuda_driver}_linux.run"
	[ "$shape" != multi ] || wget "$rpms/nvidia-fabric-manager-$driver-1.x86_64.rpm"
	machine /usr/bin/yum install -y openssl3
	machine /usr/bin/yum install -y gcc make elfutils-libelf-devel "kernel-devel-$(cat "$root/proc/sys/kernel/osrelease")"
	systemctl disable cloudmonitor.service
	systemctl stop cloudmonitor.service
	persistenced_unit
	[ "$shape" != multi ] || machine /usr/bin/rpm -ivh "nvidia-fabric-manager-$driver-1.x86_64.rpm"
	machine /usr/bin/bash "NVIDIA-Linux-x86_64-$driver.run" --ui=none --no-questions --accept-license --disable-nouveau \
		--no-cc-version-check --install-libglvnd --kernel-module-build-directory=kernel-open --rebuild-initramfs
	machine /usr/bin/bash "cuda_${cuda}_${cuda_driver}_linux.run" --silent --toolkit
	systemctl daemon-reload
	if [ "$shape" = multi ]; then
		systemctl start nvidia-fabricmanager.service
		systemctl enable nvidia-fabricmanager.service
	fi
	systemctl start nvidia-persistenced.service
	systemctl enable nvidia-persistenced.service
	systemctl start cloudmonitor.service
	systemctl enable cloudmonitor.service
}

verify() {
	if [ "$shape" = multi ]; then
		machine /usr/bin/nvidia-smi conf-compute -mgm
	else
		machine /usr/bin/nvidia-smi conf-compute -f
	fi
	machine /usr/bin/yum install -y python3.11 python3.11-devel python3.11-pip
	python=/usr/bin/python3.11
	machine $python -m ensurepip --upgrade
	machine $python -m pip install --upgrade pip
	machine $python -m pip install nv_attestation_sdk==2.5.0.post6914366 nv_local_gpu_verifier==2.5.0.post6914366 \
		nv_ppcie_verifier==1.5.0.post6914366 -f https://attest-public-cn-beijing.oss-cn-beijing.aliyuncs.com/repo/pip/attest.html
	if [ "$shape" = multi ]; then
		wget "$rpms/libnvidia-nscq-${driver%%.*}-$driver-1.x86_64.rpm"
		machine /usr/bin/rpm -ivh "libnvidia-nscq-${driver%%.*}-$driver-1.x86_64.rpm"
		machine $python -m ppcie.verifier.verification --gpu-attestation-mode=LOCAL --switch-attestation-mode=LOCAL
	else
		machine $python -m verifier.cc_admin --user_mode
	fi
}

mkdir -p "$cache"
cd "$cache"
if [ "$part" = before ]; then
	before_restart
else
	install
	verify
fi
