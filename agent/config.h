/* The configuration: built-in defaults, which are the procedure for both shapes, under what
 * /etc/gn8v/config.json says; a proxy that it does not name may come from the environment. Every value is a row of the table in config_keys.c; a key that is not
 * there, a wrong type or a bad value is an error that names the key. */
#ifndef GN8V_CONFIG_H
#define GN8V_CONFIG_H

#include "core/json.h"

enum shape { SHAPE_UNKNOWN, SHAPE_SINGLE, SHAPE_MULTI };

const char *shape_name(enum shape shape); /* "single", "multi"; NULL when unknown */

struct strlist {
	char **v; /* NULL-terminated */
	size_t n;
};

bool strlist_has(const struct strlist *l, const char *s);

struct config {
	struct json_object *json; /* what the file said, validated; NULL without a file */
	enum shape for_shape;	  /* whose defaults are filled in below */

	char *shape;
	char *metadata_url;
	int metadata_deadline_s;
	char *proxy_http, *proxy_https, *proxy_none;
	char *kernel_release_min, *kernel_swiotlb;
	bool kernel_blacklist_nouveau;
	struct strlist packages;
	int disk_free_min_gib;
	char *driver_version, *driver_sha256, *driver_referer;
	struct strlist driver_urls, driver_args;
	bool driver_skip_module_load;
	char *cuda_version, *cuda_driver, *cuda_sha256;
	struct strlist cuda_urls, cuda_args;
	bool cuda_replace;
	char *fabricmanager_package, *fabricmanager_sha256;
	char *nscq_package, *nscq_sha256;
	struct strlist fabricmanager_urls, nscq_urls;
	char *rpm_key_url, *rpm_key_sha256, *rpm_key_id;
	struct strlist services_gpu, services_disable, services_hold;
	char *gate_mode;
	struct strlist gate_units;
	char *attest_verifier, *attest_ready, *attest_find_links;
	struct strlist attest_python, attest_packages;
	int attest_deadline_s, attest_collateral_s;
	char *attest_rim_url, *attest_rim_key_file, *attest_rim_dir, *attest_ocsp;
	bool attest_ocsp_nonce, attest_allow_hold, attest_allow_expired_rim;
	char *attest_device_root, *attest_rim_root;
	bool fabric_allow_unhealthy;
	bool cublas_install;
	char *cublas_python;
	char *fetch_dir, *fetch_ca_file;
	bool fetch_before_restart;
	int fetch_deadline_s, fetch_total_deadline_s, fetch_connections, fetch_stall_s;
	struct strlist fetch_headers;
	bool cache_keep;
	bool time_sync_required;
	int time_sync_deadline_s;
	int restart_max, restart_cloud_init_wait_s;
};

/* A text may be empty where its default is, or where `rule` says "optional". */
enum config_type {
	CONFIG_BOOL,
	CONFIG_INT,    /* min..max */
	CONFIG_STRING, /* text without control characters, and what `rule` says: number (begins with
			* one), version (digits and dots), package (an RPM's name), swiotlb (as the kernel takes it) */
	CONFIG_CHOICE, /* one of the words in `rule` */
	CONFIG_URL,    /* https://, and what words `rule` adds: http, optional, off */
	CONFIG_URLS, /* list of https:// URLs of files; what the key's help names in braces is filled in */
	CONFIG_SHA256, /* 64 hexadecimal digits */
	CONFIG_PATH,   /* absolute path */
	CONFIG_LIST,  /* list of strings; `rule`: asked (a package, of yum and rpm -q alike; kernel:
			* {kernel} stands in it), pinned (name==version), header (HOST Name: value) */
	CONFIG_UNITS, /* list of unit names */
};

struct config_key {
	const char *key; /* "section.name", or "name" */
	enum config_type type;
	size_t offset;	    /* into struct config */
	const char *single; /* default for one GPU, as text; lists are separated by blanks */
	const char *multi;  /* default for eight GPUs; NULL: the same */
	const char *rule;   /* words of a choice, schemes of a URL, ... */
	long min, max;	    /* of an integer; of a list, max entries */
	const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_keys_n;

/* Reads and validates the file (a missing one is an empty one) and fills in the single shape's
 * defaults. Errors are CODE_CONFIG and name the file and the key. */
int config_load(struct config *c, const char *path, struct err *e);
int config_parse(struct config *c, const char *text, size_t len, const char *name, struct err *e);

/* Fills in the defaults of a shape under what the file said. */
void config_set_shape(struct config *c, enum shape shape);
void config_done(struct config *c);

/* "steps": {"driver": {"timeout_s": 1, "attempts": 1, "patience_s": 1}}: the step's own value unless configured. */
unsigned int config_step(const struct config *c, const char *step, const char *what,
			 unsigned int fallback);

/* All values as the agent uses them, for `gn8v plan --json` and the manual. The caller owns it. */
struct json_object *config_to_json(const struct config *c);

/* SHA-256 and size of a file that the procedure names; false if this gn8v does not know it. */
struct config_known_file {
	const char *name;
	uint64_t size;
	const char *sha256;
};
const struct config_known_file *config_known_file(const char *name);

#endif
