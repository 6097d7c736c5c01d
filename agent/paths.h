/* Every absolute path that the agent reads, writes or executes. All of them lie below --root. */
#ifndef GN8V_PATHS_H
#define GN8V_PATHS_H

/* Ours. */
#define PATH_CONFIG    "/etc/gn8v/config.json"
#define PATH_STATE_DIR "/var/lib/gn8v"
#define PATH_STATUS    "/var/lib/gn8v/status.json"
#define PATH_RESTARTS  "/var/lib/gn8v/restarts" /* one line per restart we asked for */
#define PATH_HOLD \
	"/var/lib/gn8v/hold" /* flag of 10-gn8v-hold.conf; says what was enabled and what ran */
#define PATH_VENV	  "/var/lib/gn8v/verifier"
#define PATH_VENV_SITE	  PATH_VENV "/lib/python3.11/site-packages"
#define PATH_RPM_DB	  "/var/lib/gn8v/rpmdb" /* holds NVIDIA's key and nothing else */
#define PATH_RPM_KEPT	  "/var/lib/gn8v/rpm-kept" /* of RPM's database, while a transaction runs */
#define PATH_BEGUN	  "/var/lib/gn8v/begun"	   /* installers that have begun, see intent.h */
#define PATH_CLOUD_NOTE	  "/var/lib/gn8v/user-data/note" /* of the bootstrap, for the owner */
#define PATH_RUN_DIR	  "/run/gn8v"
#define PATH_LOCK	  "/run/gn8v/lock"
#define PATH_DEVICES_LOCK "/run/gn8v/devices.lock" /* held while devices are asked for evidence */
#define PATH_VERIFIER_DIR "/run/gn8v/verifier" /* where the guide's verifiers run */
#define PATH_READY	  "/run/gn8v/ready"
#define PATH_OPENED	  "/run/gn8v/opened" /* the gate was open once in this boot */
#define PATH_MAPPED	  "/run/gn8v/swiotlb" /* what this boot's kernel mapped, see mapped.h */
#define PATH_PROGRESS	  "/run/gn8v/progress.json"
#define PATH_TEMPLATES	  "/usr/share/gn8v/units"

/* The machine. */
#define PATH_OS_RELEASE	       "/etc/os-release"
#define PATH_MODPROBE_LKCA     "/etc/modprobe.d/nvidia-lkca.conf"
#define PATH_MODPROBE_DIR      "/etc/modprobe.d"
#define PATH_BOOT	       "/boot"
#define PATH_CHRONY_CONF       "/etc/chrony.conf"
#define PATH_GRUBENV	       "/boot/grub2/grubenv"
#define PATH_MODULES	       "/lib/modules"
#define PATH_SYSTEMD	       "/run/systemd/system"
#define PATH_TDX_DEVICE	       "/dev/tdx_guest"
#define PATH_ETC_UNITS	       "/etc/systemd/system"
#define PATH_PERSISTENCED_UNIT "/usr/lib/systemd/system/nvidia-persistenced.service"
#define PATH_FABRICMANAGER_UNIT "/usr/lib/systemd/system/nvidia-fabricmanager.service"
#define PATH_FABRICMANAGER_COPY "/etc/systemd/system/nvidia-fabricmanager.service" /* see fmunit.h */
#define PATH_RPM	       "/var/lib/rpm"
#define PATH_LIB64	       "/usr/lib64"
#define PATH_CUDA_LOG	       "/var/log/cuda-installer.log"
#define PATH_INSTALLER_LOG     "/var/log/nvidia-installer.log"
#define PATH_ALTERNATE_INSTALL \
	"/usr/lib/nvidia/alternate-install-present" /* nvidia-installer stops where it is */
#define PATH_TMP	   "/tmp"
#define PATH_NVIDIA_LOADED "/sys/module/nvidia/version"
#define PATH_SELINUX	   "/sys/fs/selinux"
#define PATH_DNF_CONF	   "/etc/dnf/dnf.conf"
#define PATH_YUM_CONF	   "/etc/yum.conf"
#define PATH_YUM_REPOS	   "/etc/yum.repos.d"

/* Programs. */
#define PROG_BASH	  "/usr/bin/bash"
#define PROG_DRACUT	  "/usr/bin/dracut"
#define PROG_GRUBBY	  "/usr/sbin/grubby"
#define PROG_MODINFO	  "/usr/sbin/modinfo"
#define PROG_NVIDIA_SMI	  "/usr/bin/nvidia-smi"
#define PROG_PERSISTENCED "/usr/bin/nvidia-persistenced"
#define PROG_PYTHON311	  "/usr/bin/python3.11"
#define PROG_RPM	  "/usr/bin/rpm"
#define PROG_RPMKEYS	  "/usr/bin/rpmkeys"
#define PROG_YUM	  "/usr/bin/yum"
#define PROG_VENV_PYTHON  PATH_VENV "/bin/python3"

/* Units. */
#define UNIT_AGENT	   "gn8v-agent.service"
#define UNIT_READY	   "gn8v-ready.target"
#define UNIT_PERSISTENCED  "nvidia-persistenced.service"
#define UNIT_FABRICMANAGER "nvidia-fabricmanager.service"
#define UNIT_MULTI_USER	   "multi-user.target"

#endif
