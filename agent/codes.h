/* The error codes of the agent, beside those of the library (core/err.h). The code is what programs
 * match on: it never changes its meaning. packaging/gn8v.8 explains them. */
#ifndef GN8V_CODES_H
#define GN8V_CODES_H

#include "core/err.h"

/* clang-format off */
#define CODES(X)                                                                                   \
	/* refusals: nothing was touched */                                                        \
	X(CODE_OS, "unsupported-os", REFUSE, "operator",                                           \
	  "create the instance from an Alibaba Cloud Linux 3 image")                               \
	X(CODE_KERNEL, "kernel-too-old", REFUSE, "operator",                                       \
	  "yum update -y kernel, restart, then: systemctl restart gn8v-agent")                     \
	X(CODE_TYPE, "instance-type-unknown", REFUSE, "operator",                                  \
	  "set \"shape\" to \"single\" or \"multi\" in /etc/gn8v/config.json if the type is newer than this gn8v") \
	X(CODE_PCI, "pci-mismatch", REFUSE, "alibaba-cloud",                                       \
	  "stop and start the instance; if the count stays wrong, open a ticket")                  \
	X(CODE_DISK, "disk-too-small", REFUSE, "operator",                                         \
	  "resize the system disk (60 GiB are enough), or free space; then: systemctl restart gn8v-agent") \
	X(CODE_TDX, "no-tdx", REFUSE, "alibaba-cloud",                                             \
	  "check that the instance is of an ecs.gn8v-tee type; if it is, open a ticket")           \
	X(CODE_NOUVEAU, "nouveau-bound", REFUSE, "operator",                                       \
	  "set \"kernel\": {\"blacklist_nouveau\": true} in /etc/gn8v/config.json, then: systemctl restart gn8v-agent") \
	X(CODE_EXTRA, "extra-devices", REFUSE, "operator",                                         \
	  "stop the instance, detach the secondary ENIs and all data disks, start it; or create it anew with one primary ENI and only the system disk. They may be attached once this has ended ready") \
	X(CODE_CONFIG, "config-invalid", REFUSE, "operator", "correct /etc/gn8v/config.json, then: systemctl restart gn8v-agent") \
	X(CODE_DIGEST_UNKNOWN, "digest-unknown", REFUSE, "operator",                               \
	  "set the SHA-256 of the file beside its version or URL in /etc/gn8v/config.json")        \
	X(CODE_CUDA_FOREIGN, "cuda-foreign", REFUSE, "operator",                                   \
	  "remove that toolkit, or set \"cuda\": {\"replace\": true} in /etc/gn8v/config.json, which moves it aside, or another cuda.version; then: systemctl restart gn8v-agent") \
	X(CODE_UNIT_MASKED, "unit-masked", REFUSE, "operator",                                     \
	  "systemctl unmask the named unit, then: systemctl restart gn8v-agent")                   \
	X(CODE_UNIT_OVERRIDDEN, "persistenced-unit-overridden", REFUSE, "operator",                \
	  "move the named file away, then: systemctl daemon-reload; systemctl restart gn8v-agent") \
	X(CODE_UNIT_ORDER, "fabricmanager-unit-order", STOP, "operator",                           \
	  "systemctl cat nvidia-fabricmanager; take the named After= out of it, then: systemctl daemon-reload; systemctl restart gn8v-agent") \
	X(CODE_TMP_NOEXEC, "tmp-noexec", REFUSE, "operator",                                       \
	  "mount -o remount,exec /tmp (and the same in /etc/fstab), or set fetch.dir in /etc/gn8v/config.json to a folder on a file system without noexec; then: systemctl restart gn8v-agent") \
	X(CODE_EXCLUDED, "packages-excluded", REFUSE, "operator",                                  \
	  "take the pattern out of the named file, then: systemctl restart gn8v-agent")            \
	X(CODE_DRIVER_FOREIGN, "driver-foreign", REFUSE, "operator",                               \
	  "remove the packaged driver (rpm -qf names the package, dnf remove takes it away), then: systemctl restart gn8v-agent") \
	/* the machine and its restart */                                                          \
	X(CODE_METADATA, "metadata-unreachable", RETRY, "alibaba-cloud",                           \
	  "curl -X PUT http://100.100.100.200/latest/api/token -H 'X-aliyun-ecs-metadata-token-ttl-seconds: 60'; check firewall rules for 100.100.100.200") \
	X(CODE_BOOT_ENTRY, "boot-entry-failed", RETRY, "operator",                                 \
	  "grubby --info=ALL; df -h /boot; then: systemctl restart gn8v-agent")                    \
	X(CODE_INITRAMFS, "initramfs-failed", STOP, "operator",                                    \
	  "dracut --regenerate-all -f; df -h /boot")                                               \
	X(CODE_BOOT_DEFAULT, "boot-default-gone", STOP, "operator",                                \
	  "grubby --info=DEFAULT; grubby --set-default=/boot/vmlinuz-$(uname -r); then: systemctl restart gn8v-agent") \
	X(CODE_SWIOTLB, "swiotlb-not-mapped", STOP, "alibaba-cloud",                               \
	  "the kernel did not map what its command line asks for (journalctl -k | grep -i 'io tlb'): use kernel 5.10.134-18 or newer, or open a ticket") \
	X(CODE_SWIOTLB_UNKNOWN, "swiotlb-unknown", RETRY, "operator",                              \
	  "mount -t debugfs none /sys/kernel/debug, then: systemctl restart gn8v-agent")           \
	X(CODE_RESTART_NO_EFFECT, "restart-no-effect", STOP, "operator",                           \
	  "compare grubby --info=DEFAULT with /proc/cmdline: another boot entry or boot loader was used") \
	X(CODE_RESTART_LIMIT, "restart-limit", STOP, "operator",                                   \
	  "find out what keeps undoing the change (journalctl -u gn8v-agent), then remove /var/lib/gn8v/restarts and restart the instance") \
	X(CODE_RESTART_IGNORED, "restart-ignored", STOP, "operator",                               \
	  "systemctl list-jobs; restart the instance by hand")                                     \
	X(CODE_RESTART_BY_HAND, "restart-needed", STOP, "operator",                                \
	  "systemctl reboot: gn8v-agent goes on in the next boot; or let gn8v do it: gn8v run --restart") \
	X(CODE_CLOCK, "clock-not-synchronised", RETRY, "operator",                                 \
	  "systemctl status chronyd; chronyc sources; or, if certificates may be judged by a clock that nobody vouches for, set \"time_sync\": {\"required\": false} in /etc/gn8v/config.json") \
	X(CODE_CLOCK_UNKNOWN, "clock-unknown", RETRY, "operator",                                  \
	  "systemctl status systemd-timedated dbus; journalctl -b -u systemd-timedated; or, if certificates may be judged by a clock that nobody vouches for, set \"time_sync\": {\"required\": false} in /etc/gn8v/config.json") \
	/* what is installed */                                                                    \
	X(CODE_PACKAGES, "package-install-failed", RETRY, "operator",                              \
	  "run the named yum command by hand; check the repositories and the proxy")               \
	X(CODE_KERNEL_DEVEL, "kernel-devel-missing", STOP, "operator",                             \
	  "yum install -y kernel-devel-$(uname -r); if no repository has it: yum update -y kernel kernel-devel, restart") \
	X(CODE_DOWNLOAD, "download-failed", RETRY, "network",                                      \
	  "check the public IPv4 address, DNS and proxy; or set another URL in /etc/gn8v/config.json") \
	X(CODE_RPM_KEY, "rpm-key-wrong", STOP, "nvidia",                                           \
	  "NVIDIA's key has changed or was tampered with: compare with NVIDIA's documentation, then set rpm_key.sha256") \
	X(CODE_RPM_UNSIGNED, "rpm-unsigned", STOP, "operator",                                     \
	  "do not install it: the file carries no signature; check URL, mirror and proxy")         \
	X(CODE_RPM_OTHER_KEY, "rpm-other-key", STOP, "operator",                                   \
	  "do not install it: it is signed by another key; check URL, mirror and proxy")           \
	X(CODE_RPM_NOT_COVERED, "rpm-not-covered", STOP, "operator",                               \
	  "rpm -Kv of the file shows what is missing; if you know the genuine file, set its SHA-256 in /etc/gn8v/config.json") \
	X(CODE_RPM_CORRUPT, "rpm-corrupt", STOP, "network",                                        \
	  "it was thrown away; systemctl restart gn8v-agent fetches it again")                     \
	X(CODE_RPM_VERSION, "rpm-wrong-version", STOP, "operator",                                 \
	  "the file is genuine but not what was asked for: check the URL")                         \
	X(CODE_RPM_DATABASE, "rpm-database", STOP, "operator",                                     \
	  "when no yum or rpm is running: rpm --rebuilddb; then: systemctl restart gn8v-agent")    \
	X(CODE_RPM_INSTALL, "rpm-install-failed", STOP, "operator", "run the named rpm command by hand") \
	X(CODE_RPM_BUSY, "rpm-busy", RETRY, "operator",                                            \
	  "another program is installing packages: ps -e | grep -E 'yum|dnf|rpm|packagekit'")      \
	X(CODE_DRIVER, "driver-install-failed", STOP, "operator",                                  \
	  "read /var/log/nvidia-installer.log from its end; then: systemctl restart gn8v-agent")   \
	X(CODE_DRIVER_TIMEOUT, "driver-install-timeout", STOP, "operator",                         \
	  "read /var/log/nvidia-installer.log; raise steps.driver.timeout_s in /etc/gn8v/config.json if it was only slow") \
	X(CODE_CUDA, "cuda-install-failed", STOP, "operator",                                      \
	  "read /var/log/cuda-installer.log; then: systemctl restart gn8v-agent")                  \
	X(CODE_CUDA_TIMEOUT, "cuda-install-timeout", STOP, "operator",                             \
	  "read /var/log/cuda-installer.log; raise steps.cuda.timeout_s in /etc/gn8v/config.json if it was only slow") \
	X(CODE_NO_EFFECT, "step-without-effect", STOP, "operator",                                 \
	  "the program reported success but left nothing: read journalctl -u gn8v-agent")          \
	X(CODE_STEP_TIMEOUT, "step-timeout", STOP, "operator",                                     \
	  "raise steps.<id>.timeout_s in /etc/gn8v/config.json if it was only slow")               \
	X(CODE_WORKER, "worker-crashed", STOP, "gn8v", "report this with journalctl -u gn8v-agent -b") \
	X(CODE_VERIFIER, "verifier-install-failed", RETRY, "operator",                             \
	  "check proxy.https in /etc/gn8v/config.json and the network, then: systemctl restart gn8v-agent") \
	/* services */                                                                             \
	X(CODE_HOLD, "hold-failed", STOP, "operator", "systemctl --failed; systemctl list-jobs")        \
	X(CODE_FABRICMANAGER, "fabricmanager-failed", STOP, "operator",                            \
	  "journalctl -b -u nvidia-fabricmanager; its version must equal the driver's")            \
	X(CODE_PERSISTENCED, "persistenced-failed", STOP, "operator",                              \
	  "journalctl -b -u nvidia-persistenced; stop and start the instance if a GPU cannot be attached") \
	X(CODE_PERSISTENCED_TIMEOUT, "persistenced-timeout", STOP, "alibaba-cloud",                \
	  "initialisation takes minutes on 8 GPUs; stop and start the instance; if it stays, open a ticket") \
	X(CODE_GPU_MISSING, "persistenced-gpu-missing", STOP, "alibaba-cloud",                     \
	  "journalctl -b -u nvidia-persistenced; journalctl -k | grep -i nvrm; stop and start the instance; if it stays, open a ticket") \
	X(CODE_SERVICE, "service-failed", STOP, "operator", "systemctl --failed; systemctl list-jobs")  \
	/* verification */                                                                         \
	X(CODE_DEVICES, "device-nodes-missing", STOP, "operator",                                  \
	  "ls -l /dev/nvidia*; journalctl -b -u nvidia-persistenced; stop and start the instance") \
	X(CODE_FABRIC, "fabric-not-completed", RETRY, "operator",                                  \
	  "journalctl -b -u nvidia-fabricmanager; nvidia-smi -q | grep -A4 Fabric")                \
	X(CODE_FABRIC_FAILED, "fabric-failed", STOP, "operator",                                   \
	  "nvidia-smi -q | grep -A12 Fabric; journalctl -b -u nvidia-fabricmanager; stop and start the instance; if it stays, open a ticket") \
	X(CODE_FABRIC_UNHEALTHY, "fabric-unhealthy", STOP, "alibaba-cloud",                        \
	  "nvidia-smi -q | grep -A12 Fabric; stop and start the instance; if it stays, open a ticket; to go on in spite of it, set \"fabric\": {\"allow_unhealthy\": true} in /etc/gn8v/config.json") \
	X(CODE_CC_OFF, "cc-off", STOP, "alibaba-cloud", "the instance is faulty: open a ticket")   \
	X(CODE_PPCIE_OFF, "ppcie-off", STOP, "alibaba-cloud", "the instance is faulty: open a ticket") \
	X(CODE_DEVTOOLS, "devtools-on", STOP, "alibaba-cloud",                                     \
	  "a GPU in developer-tools mode keeps no secrets: open a ticket")                         \
	X(CODE_SMI, "nvidia-smi-failed", STOP, "operator",                                         \
	  "stop and start the instance; journalctl -k | grep -i nvrm")                             \
	X(CODE_REJECTED, "attestation-rejected", STOP, "alibaba-cloud",                            \
	  "do not use this machine for secrets; gn8v status --json shows each check; stop and start the instance, then open a ticket") \
	X(CODE_UNKNOWN, "attestation-unknown", RETRY, "network",                                   \
	  "no authentic answer could be had: check the network, then: systemctl restart gn8v-agent") \
	X(CODE_RIM_MISSING, "rim-missing", RETRY, "nvidia",                                        \
	  "the reference values of this firmware or driver are not published yet: that is no sign of tampering; wait, or use another driver version") \
	X(CODE_GATE, "gate-failed", STOP, "operator", "systemctl status gn8v-ready.target")        \
	X(CODE_LOCKED, "locked", STOP, "operator", "wait for the other run: gn8v status --wait")

/* clang-format on */

#define X(name, code, class, who, hint) extern const struct err_kind name;
CODES(X)
#undef X

#endif
