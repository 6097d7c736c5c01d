/* Facts: a read-only look at the machine, taken in groups. A plain value without pointers, so that
 * a worker hands it to the agent through a pipe as bytes.
 *
 * Each group says whether it could be read; what could not be read is never taken for "off" or
 * "absent". No GPU is touched: PCI, procfs, sysfs, files, packages and units only. */
#ifndef GN8V_FACTS_H
#define GN8V_FACTS_H

#include "config.h"
#include "excludes.h"
#include "fmunit.h"
#include "net/hash.h"
#include "sys/kernel.h"
#include "sys/pci.h"
#include "sys/units.h"
#include "unitfile.h"

enum facts_group {
	FACTS_MACHINE = 1 << 0,	 /* OS, kernel, boot, CPU, PCI, DMI: never changes while we run */
	FACTS_INSTANCE = 1 << 1, /* metadata service, else a copy of what it said */
	FACTS_BOOT = 1 << 2,	 /* boot entries, modprobe.d, initramfs, SWIOTLB */
	FACTS_SOFTWARE = 1 << 3, /* packages, driver, CUDA, verifier */
	FACTS_UNITS = 1 << 4,	 /* units, our unit files and drop-ins, the gate */
	FACTS_DISK = 1 << 5,
	FACTS_CLOCK = 1 << 6,
	FACTS_HOST =
		1
		<< 7, /* what the owner's policy, or another's driver, would make an installer stumble over */
	FACTS_ALL = (1 << 8) - 1,
};

#define FACTS_PACKAGES_MAX 64
#define FACTS_UNITS_MAX	   64
#define FACTS_VERSION_SIZE 64

struct facts_machine {
	char os_id[32], os_version[32], os_name[128];
	char kernel[KERNEL_RELEASE_SIZE];
	char boot_id[KERNEL_BOOT_ID_SIZE];
	int64_t boot_time; /* wall clock, s; 0: unknown */
	char cmdline[KERNEL_CMDLINE_SIZE];
	bool tdx_flag, tdx_device;
	struct pci_counts pci;
};

/* Who said what instance this is. */
enum facts_source {
	SOURCE_NONE,
	SOURCE_METADATA,
	SOURCE_METADATA_PLAIN, /* the same without a token, because the token step gave none */
	SOURCE_CLOUD_INIT,     /* cloud-init's copy of this boot */
	SOURCE_STATUS,	       /* the status, which was written on the same machine */
};

const char *facts_source_name(enum facts_source s); /* as in the status; NULL for SOURCE_NONE */
enum facts_source facts_source_of(const char *name);

struct facts_instance {
	char id[64], type[64], region[64];
	enum facts_source from;
	char why_not[256];	     /* why the metadata service did not say it; "" when it did */
	char product[HASH_HEX_SIZE]; /* SHA-256 of DMI's product_uuid; "": none to rely on */
	bool enis_unknown;	     /* only the metadata service knows */
	unsigned int enis, data_disks;
	enum shape shape; /* by the type, or by the config; SHAPE_UNKNOWN for an unknown type */
};

/* What lies there and is never booted: it is named and does not count. */
struct facts_strangers {
	size_t n, named; /* so many of them stand in `names` */
	char names[128];
};

struct facts_boot {
	bool swiotlb_in_effect;	 /* on this boot's command line */
	bool swiotlb_everywhere; /* in every boot entry whose kernel is there */
	bool swiotlb_next;	 /* in the default boot entry */
	bool nouveau_in_effect, nouveau_everywhere, nouveau_next;
	bool swiotlb_known;
	bool swiotlb_kept; /* it was read earlier in this boot, and cannot be read now */
	uint64_t swiotlb_bytes;
	bool lkca_ok;	   /* the file has exactly the two lines */
	int64_t lkca_time; /* when it was last written; 0: not there */
	bool initramfs_ok; /* every initramfs of a kernel with modules is as new as the lkca file */
	bool initramfs_begun; /* a dracut of ours is not known to have ended well: images may be half, or gone */
	int64_t initramfs_time;		/* the newest; 0: none */
	int64_t now;			/* when this was read */
	bool next_gone;			/* the kernel of the default boot entry is not there */
	bool next_bare;			/* its initramfs is not */
	struct facts_strangers entries; /* kernels of boot entries, which are gone */
	struct facts_strangers images;	/* initramfs whose kernel has no modules */
};

/* What is in the folder that the CUDA runfile installs into. */
enum facts_cuda {
	FACTS_CUDA_ABSENT, /* nothing */
	FACTS_CUDA_WHOLE,  /* the configured toolkit */
	FACTS_CUDA_BEGUN, /* a run of ours began while nothing was there, and is not known to have ended; no package's */
	FACTS_CUDA_FOREIGN, /* anything else */
};

/* One that goes with the driver, under any of its names (rpmname.h). */
struct facts_rpm {
	char version[FACTS_VERSION_SIZE]; /* installed, or "" */
	char package[FACTS_VERSION_SIZE]; /* under this name */
};

struct facts_software {
	char missing[FACTS_PACKAGES_MAX]
		    [FACTS_VERSION_SIZE]; /* of config.packages and attest.python */
	size_t missing_n;
	struct facts_rpm fabricmanager, nscq;
	char module[FACTS_VERSION_SIZE];    /* of nvidia.ko for the running kernel, or "" */
	char userspace[FACTS_VERSION_SIZE]; /* of libnvidia-ml.so, or "" */
	bool driver_programs;		    /* nvidia-smi and nvidia-persistenced are there */
	bool driver_begun;  /* our installer began and is not known to have ended well */
	bool driver_proven; /* but all that it installs is known to be there */
	bool cuda;	    /* the configured toolkit, complete */
	enum facts_cuda cuda_folder;
	bool cuda_begun; /* a run of the runfile is on record that is not known to have ended */
	bool cuda_ended; /* of FACTS_CUDA_BEGUN: some runfile came to its end in it, ours or its owner's */
	bool cuda_left; /* of FACTS_CUDA_FOREIGN: it is what a runfile of ours left that ended well */
	char cuda_said[256];	/* of FACTS_CUDA_FOREIGN: why it is not the configured toolkit */
	char cuda_package[128]; /* of FACTS_CUDA_FOREIGN: the RPM that it belongs to, or "" */
	bool verifier;		/* the configured packages in their virtual environment */
	bool cublas;
};

struct facts_unit {
	char name[256];
	struct unit_state state;
	bool order_ok, gate_ok, hold_ok; /* our drop-ins, byte for byte */
	bool gate_there;
};

struct facts_units {
	struct facts_unit v[FACTS_UNITS_MAX];
	size_t n;
	bool persistenced_unit_ok; /* R10: systemd uses our text, and the time-out drop-in where it is needed */
	struct unitfile_others persistenced;
	struct fmunit fabricmanager; /* only on eight GPUs */
	bool hold_flag;
	bool gate_target; /* gn8v-ready.target is not known to be inactive */
	bool gate_open;	  /* flag is there and the target is active */
	bool gate_opened; /* it was open at some time in this boot */
};

struct facts_disk {
	uint64_t
		free_bytes; /* of the file system of fetch.dir, /usr/local and /usr/lib64 that has least */
	char where[64];
};

#define UNPACK_NAME ".gn8v-unpack"
enum unpack {
	UNPACK_TMP,    /* in /tmp, as installers do by themselves */
	UNPACK_FOLDER, /* in a folder of ours */
	UNPACK_NOEXEC, /* nowhere: no place from which programs may be run */
	UNPACK_SMALL,  /* nowhere: no such place has the room */
};

struct facts_host {
	char selinux[16]; /* enforcing, permissive, disabled; "" when it could not be read */
	enum unpack unpack;
	char unpack_dir[256];			   /* of UNPACK_FOLDER; its name is UNPACK_NAME */
	char tmp_trouble[96];			   /* why not in /tmp: "/tmp is mounted noexec" */
	bool driver_marker;			   /* nvidia-installer stops at it */
	char driver_owner[FACTS_VERSION_SIZE * 2]; /* package that owns the driver's files, or "" */
	char driver_owned[128];			   /* one of them */
	bool excluded;				   /* yum's configuration hides what is missing */
	struct exclude exclude;
};

struct facts_clock {
	bool synchronised;
	bool told;	     /* by the kernel or by timedated */
	bool flagged;	     /* synchronised, with STA_UNSYNC set: kernel_clock */
	char timedated[256]; /* why timedated did not answer; "" when it did, or was not needed */
};

struct facts {
	unsigned int known; /* groups that could be read */
	uint64_t
		cut_off; /* steps, by bit, that were cut off in the middle: of the status, not of the machine */
	struct err err[8]; /* why one could not, by bit number */
	struct facts_machine machine;
	struct facts_instance instance;
	struct facts_boot boot;
	struct facts_software software;
	struct facts_units units;
	struct facts_disk disk;
	struct facts_clock clock;
	struct facts_host host;
};

/* Reads the groups of `mask` into *f and leaves the others alone. Never fails as a whole. The
 * configuration must already have the right shape, but for FACTS_MACHINE and FACTS_INSTANCE. */
void facts_collect(struct facts *f, const struct config *c, unsigned int mask);

/* Reads every group, the shape first: it goes into the configuration, since defaults hang on it. */
void facts_look(struct facts *f, struct config *c);

/* Takes over the groups of `mask` from another look. */
void facts_merge(struct facts *f, const struct facts *newer, unsigned int mask);

/* The error of a group that could not be read, or NULL. */
const struct err *facts_error(const struct facts *f, enum facts_group group);

/* NULL when it is not among the units we look at. */
const struct facts_unit *facts_unit(const struct facts *f, const char *name);

/* SHAPE_UNKNOWN for a type that is not in the procedure's table. */
enum shape facts_shape_of_type(const char *type);
int facts_count_data_disks(unsigned int *ret_n, struct err *e);

/* Of instance-data.json: id, type and region. ERR_FORMAT when any is missing, hidden or not a word. */
int facts_parse_cloud_init(struct json_object *o, struct facts_instance *i, struct err *e);

/* DMI's product_uuid tells this machine from others: it is a UUID, and no placeholder. */
bool facts_product_is_real(const char *uuid);

/* For people: where the type came from, and a shape that it does not say; "" when the metadata service said it as it should,
 * and the type says the rest. */
#define FACTS_NOTE_SIZE 400
void facts_instance_note(const struct facts_instance *i, char *dst, size_t dst_size);

/* The driver came with an RPM that others installed; an interrupted installation of ours does not count then. */
bool facts_driver_packaged(const struct facts *f);

/* The driver version that counts: the installed one if it is as new as the configured (R7: "or
 * later"), else the configured. A new kernel has no module yet: then the libraries alone say what is
 * installed. Borrowed from c or f. */
const char *facts_driver_version(const struct facts *f, const struct config *c);
const char *facts_software_driver(const struct facts_software *s, const struct config *c);

/* When the oldest and the newest initramfs in /boot of a kernel with modules were made; ERR_IO when there is none. The
 * others, which `dracut --regenerate-all` leaves as they are, are named in *ret_strangers, which may be NULL. */
int facts_initramfs_times(struct timespec *ret_oldest, struct timespec *ret_newest,
			  struct facts_strangers *ret_strangers, struct err *e);

/* The kernel is in /boot and its initramfs is not: dracut deletes an image that it cannot copy there. */
bool facts_initramfs_gone(const char *kernel);

/* "; not counted, for WHY: a, b and 3 more", or "" when there are none. */
#define FACTS_STRANGERS_SIZE 200
const char *facts_strangers_text(const struct facts_strangers *s, const char *why,
				 char dst[FACTS_STRANGERS_SIZE]);

/* Where the CUDA runfile installs, "/usr/local/cuda-12.8" for 12.8.1; the caller frees it. Its last part is the name of
 * our record of a run there (intent.h); its text says that nothing was there before. */
char *facts_cuda_folder(const struct config *c);
const char *facts_cuda_name(const char *folder);
char *facts_cuda_record(const char *folder);

/* The record of a run that ended well and left something else than the configured toolkit. */
char *facts_cuda_record_ended(const char *folder);

/* Whether the configured toolkit is in the folder, whatever is on record; else *said is why not. -1: could not tell. */
int facts_cuda_whole(const char *folder, const struct config *c, bool *ret_whole, char *said,
		     size_t said_size, struct err *e);

/* One group each; called by facts_collect. */
int facts_read_machine(struct facts_machine *m, struct err *e);
int facts_read_instance(struct facts_instance *i, const struct config *c, struct err *e);
int facts_read_boot(struct facts_boot *b, const struct config *c, const struct facts_machine *m,
		    struct err *e);
int facts_read_software(struct facts_software *s, const struct config *c,
			const struct facts_machine *m, struct err *e);
int facts_read_cuda(struct facts_software *s, const struct config *c, struct err *e);

/* The first of the files, which are there, that a package owns: *owner is the package or "", *ret_file (may be NULL) the file.
 * -1: rpm did not say it of each; CODE_RPM_DATABASE, CODE_RPM_BUSY, ERR_TIMEOUT. */
#define FACTS_OWNED_MAX 8
int facts_rpm_owner(const char *const *files, size_t n, char *owner, size_t owner_size,
		    const char **ret_file, struct err *e);

int facts_read_packages(struct facts_software *s, const struct config *c,
			const struct facts_machine *m, struct err *e); /* of the same group */
int facts_read_units(struct facts_units *u, const struct config *c, struct err *e);
int facts_read_host(struct facts_host *h, const struct config *c, const struct facts_machine *m,
		    const struct facts_software *s, struct err *e);

#endif
