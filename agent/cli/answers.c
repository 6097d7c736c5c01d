#include "cli/answers.h"

#include "paths.h"

/* clang-format off */
#define F	 "fixtures/"
#define MIB	 (1024UL * 1024)
#define RUN(...) .argv = (const char *const[]){ __VA_ARGS__, NULL }

/* Programs that nothing else here runs. */
#define BIN  "/usr/bin/"
#define SBIN "/usr/sbin/"

#define JOURNAL	  BIN "journalctl", "--no-pager", "-o", "short-monotonic"
#define SYSTEMCTL BIN "systemctl", "--no-pager"
#define SMI	  .flags = ANSWER_GPU, .timeout_s = 60, .max = MIB
#define UNITS                                                                                      \
	"nvidia-fabricmanager.service", "nvidia-persistenced.service", "cloudmonitor.service",     \
		"nvidia-cdi-refresh.service", "ollama.service"

const struct answer answers[] = {
	/* our own word */
	{ "gn8v/status.json", .path = PATH_STATUS, .max = 4 * MIB },
	{ "gn8v/progress.json", .path = PATH_PROGRESS },
	{ "gn8v/restarts", .path = PATH_RESTARTS },
	{ "gn8v/hold", .path = PATH_HOLD },
	{ "gn8v/journal.txt", RUN(JOURNAL, "-n", "20000", "-u", UNIT_AGENT, "-u", "gn8v-bootstrap.service"), .max = 8 * MIB },

	/* the system, before anything */
	{ F "os-release/os-release", .path = PATH_OS_RELEASE },
	{ F "os-release/uname.txt", RUN(BIN "uname", "-a") },
	{ F "os-release/getenforce.txt", RUN(SBIN "getenforce") },
	{ F "os-release/packages.txt", RUN(PROG_RPM, "-qa", "gcc", "make", "kernel*", "elfutils*", "glibc*", "dkms", "pciutils",
		"openssl3*", "json-c", "cloud-init", "python3.11*", "nvidia*", "libnvidia*", "cuda*", "chrony") },
	{ F "cloud-init/version.txt", RUN(BIN "cloud-init", "--version") },
	{ F "cloud-init/status.txt", RUN(BIN "cloud-init", "status", "--long") },
	{ F "cloud-init/units.txt", RUN(SYSTEMCTL, "list-units", "--all", "cloud-*") },

	{ F "grubby/info-ALL.txt", RUN(PROG_GRUBBY, "--info=ALL") },
	{ F "grubby/default-index.txt", RUN(PROG_GRUBBY, "--default-index") },
	{ F "grubby/grubenv", .path = "/boot/grub2/grubenv" },
	{ F "grubby/default-grub", .path = "/etc/default/grub" },
	{ F "grubby/entries/*", .path = "/boot/loader/entries/*" },
	{ F "grubby/boot.txt", RUN(BIN "ls", "-laR", "/boot") },
	{ F "grubby/mounts.txt", RUN(BIN "findmnt", "-l") },

	{ F "kernel/cmdline", .path = "/proc/cmdline" },
	{ F "kernel/swiotlb.txt", RUN(JOURNAL, "-k", "-b"), .keep = "io tlb|swiotlb|tdx|memory encrypt" },
	{ F "kernel/io_tlb_nslabs", .path = "/sys/kernel/debug/swiotlb/io_tlb_nslabs" },
	{ F "kernel/pci.txt", RUN(SBIN "lspci", "-nn", "-d", "10de:") },
	{ F "kernel/lscpu.txt", RUN(BIN "lscpu") },
	{ F "kernel/lsmod.txt", RUN(SBIN "lsmod"), .keep = "nvidia|nouveau" },
	{ F "kernel/dev.txt", RUN(BIN "ls", "-l", "/dev"), .keep = "nvidia|tdx" },
	{ F "kernel/holders.txt", RUN(SBIN "fuser", "-v", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-nvswitchctl", "/dev/nvidia0",
		"/dev/nvidia1", "/dev/nvidia2", "/dev/nvidia3", "/dev/nvidia4", "/dev/nvidia5", "/dev/nvidia6", "/dev/nvidia7") },
	{ F "kernel/dracut.conf.d/*", .path = "/etc/dracut.conf.d/*" },
	{ F "kernel/modprobe.d/*", .path = PATH_MODPROBE_DIR "/*" },
	{ F "kernel/usr-lib-modprobe.d/*", .path = "/usr/lib/modprobe.d/*" },
	{ F "kernel/modprobe.txt", RUN(BIN "ls", "-la", PATH_MODPROBE_DIR, "/usr/lib/modprobe.d") },
	{ F "kernel/initramfs.txt", RUN(BIN "lsinitrd"), .keep = "modprobe.d|nvidia", .timeout_s = 60 },

	/* the driver and CUDA */
	{ F "installer/nvidia-installer.log", .path = "/var/log/nvidia-installer.log", .max = MIB, .flags = ANSWER_END },
	{ F "kernel/modinfo-nvidia.txt", RUN(PROG_MODINFO, "nvidia") },
	{ F "kernel/modules.txt", RUN(BIN "find", "/lib/modules/", "-name", "nvidia*.ko*") },
	{ F "kernel/libraries.txt", RUN(BIN "find", PATH_LIB64, "-maxdepth", "1", "-name", "libnvidia-*", "-ls") },
	{ F "kernel/nvidia.txt", RUN(JOURNAL, "-k", "-b"), .keep = "nvrm|nvidia|nvswitch|xid", .max = MIB },
	{ F "kernel/proc-driver-nvidia-version", .path = "/proc/driver/nvidia/version" },
	{ F "kernel/proc-driver-nvidia-params", .path = "/proc/driver/nvidia/params" },
	{ F "kernel/proc-driver-nvidia-gpu-*", .path = "/proc/driver/nvidia/gpus/*/information", .flags = ANSWER_GPU },
	{ F "cuda/version.json-*", .path = "/usr/local/cuda-*/version.json" },
	{ F "cuda/folders.txt", RUN(BIN "find", "/usr/local/", "-maxdepth", "3", "-path", "/usr/local/cuda*", "-ls") },
	{ F "cuda/local.txt", RUN(BIN "ls", "-la", "/usr/local") },
	{ F "cuda/cuda-installer.log", .path = "/var/log/cuda-installer.log", .max = MIB, .flags = ANSWER_END },
	{ F "cuda/tmp.txt", RUN(BIN "ls", "-la", "/tmp"), .keep = "cuda|nvidia|makeself|selfgz" },

	/* RPMs: those that still lie where they were fetched to, and what is installed */
	{ F "rpm/version.txt", RUN(PROG_RPM, "--version") },
	{ F "rpm/installed.txt", RUN(PROG_RPM, "-qa", "--requires", "--obsoletes", "--scripts", "-il", "nvidia*", "libnvidia*"), .max = MIB },
	{ F "rpm/sha256-*.txt", RUN(BIN "sha256sum", "{file}"), .path = "{fetch}/*.rpm" },
	{ F "rpm/Kv-*.txt", RUN(PROG_RPMKEYS, "--dbpath", PATH_RPM_DB, "-Kv", "{file}"), .path = "{fetch}/*.rpm", .need = PATH_RPM_DB },
	{ F "rpm/qp-*.txt", RUN(PROG_RPM, "-qp", "--requires", "--obsoletes", "--scripts", "-l", "{file}"), .path = "{fetch}/*.rpm" },

	/* units */
	{ F "units/cat.txt", RUN(SYSTEMCTL, "cat", UNITS) },
	{ F "units/show.txt", RUN(SYSTEMCTL, "show", "-p", "Id,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,After,Before,"
		"Requires,Wants,WantedBy,Type,PIDFile,TimeoutStartUSec,ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic", UNITS) },
	{ F "units/files.txt", RUN(SYSTEMCTL, "list-unit-files", "nvidia*", "gn8v*", "cloudmonitor*") },
	{ F "units/jobs.txt", RUN(SYSTEMCTL, "list-jobs") },
	{ F "units/ordering.txt", RUN(JOURNAL, "-b", "_PID=1"), .keep = "ordering cycle|deleted to break" },
	{ F "units/journal-persistenced.txt", RUN(JOURNAL, "-b", "-n", "5000", "-u", UNIT_PERSISTENCED) },
	{ F "units/journal-cloud.txt", RUN(JOURNAL, "-b", "-n", "2000", "-u", "cloudmonitor.service", "-u", "nvidia-cdi-refresh.service") },

	{ F "fabricmanager/journal.txt", RUN(JOURNAL, "-b", "-n", "5000", "-u", UNIT_FABRICMANAGER) },
	{ F "fabricmanager/fabricmanager.log", .path = "/var/log/fabricmanager.log", .max = MIB, .flags = ANSWER_END },
	{ F "fabricmanager/fabricmanager.cfg", .path = "/usr/share/nvidia/nvswitch/fabricmanager.cfg" },

	/* the GPUs, if they may be asked */
	{ F "nvidia-smi/L.txt", RUN(PROG_NVIDIA_SMI, "-L"), SMI },
	{ F "nvidia-smi/q.txt", RUN(PROG_NVIDIA_SMI, "-q"), SMI },
	{ F "nvidia-smi/conf-compute-f.txt", RUN(PROG_NVIDIA_SMI, "conf-compute", "-f"), SMI },
	{ F "nvidia-smi/conf-compute-mgm.txt", RUN(PROG_NVIDIA_SMI, "conf-compute", "-mgm"), SMI },
	{ F "nvidia-smi/conf-compute-d.txt", RUN(PROG_NVIDIA_SMI, "conf-compute", "-d"), SMI },
	{ F "nvidia-smi/conf-compute-e.txt", RUN(PROG_NVIDIA_SMI, "conf-compute", "-e"), SMI },
	{ F "nvidia-smi/conf-compute-grs.txt", RUN(PROG_NVIDIA_SMI, "conf-compute", "-grs"), SMI },

	/* the guide's verifiers and NSCQ */
	{ F "verifier/pip-version.txt", RUN(PROG_VENV_PYTHON, "-B", "-m", "pip", "--version"), .need = PROG_VENV_PYTHON },
	{ F "verifier/packages.txt", RUN(BIN "find", PATH_VENV "/lib", "-maxdepth", "3", "-name", "*.dist-info"), .need = PATH_VENV },
	{ F "verifier/*", .path = PATH_VERIFIER_DIR "/*.log", .max = MIB, .flags = ANSWER_END },
	{ F "nscq/symbols.txt", RUN(BIN "nm", "-D", PATH_LIB64 "/libnvidia-nscq.so.2"), .keep = " t nscq_", .need = PATH_LIB64 "/libnvidia-nscq.so.2" },

	/* metadata and clock */
	{ F "metadata/instance-id", .item = "instance-id" },
	{ F "metadata/instance-type", .item = "instance/instance-type" },
	{ F "metadata/region-id", .item = "region-id" },
	{ F "metadata/zone-id", .item = "zone-id" },
	{ F "metadata/image-id", .item = "image-id" },
	{ F "metadata/macs", .item = "network/interfaces/macs/" },
	{ F "metadata/disks", .item = "disks/" },
	{ F "metadata/token", .item = "instance-id", .flags = ANSWER_SET },
	{ F "clock/timedatectl.txt", RUN(BIN "timedatectl", "show") },
	{ F "clock/chronyc.txt", RUN(BIN "chronyc", "-n", "tracking") },
};
/* clang-format on */

const size_t answers_n = ARRAY_SIZE(answers);
