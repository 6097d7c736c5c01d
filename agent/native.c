#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/file.h>
#include <sys/random.h>

#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "paths.h"

#define LOCK_WAIT_S   120
#define LOCK_PAUSE_US UINT64_C(100000)
#define PEM_MAX	      65536

/* --- configuration ------------------------------------------------------------------------------ */

void native_from_config(struct native *n, const struct config *c)
{
	*n = (struct native){
		.shape = c->for_shape == SHAPE_MULTI ? APPRAISE_MULTI : APPRAISE_SINGLE,
		.ocsp = !str_eq(c->attest_ocsp, "off"),
		.ocsp_nonce = c->attest_ocsp_nonce,
		.allow_hold = c->attest_allow_hold,
		.allow_expired_rim = c->attest_allow_expired_rim,
		.device_root = c->attest_device_root,
		.rim_root = c->attest_rim_root,
		.roots_of_config = true,
		.collateral = {
			.rim_dir = c->attest_rim_dir,
			.rim_url = c->attest_rim_url,
			.rim_key_file = c->attest_rim_key_file,
			.ocsp_url = c->attest_ocsp,
			.net = {
				.proxy = c->proxy_https,
				.plain_proxy = c->proxy_http,
				.no_proxy = c->proxy_none,
				.ca_file = c->fetch_ca_file,
				.budget_s = (unsigned int)c->attest_collateral_s,
			},
		},
	};
}

/* --- evidence ----------------------------------------------------------------------------------- */

/* Device calls beside each other have left GPUs unusable: of this program's processes only one makes
 * them at a time. */
static int lock_devices(int *ret_fd, struct err *e)
{
	uint64_t end_us = clock_monotonic_us() + UINT64_C(1000000) * LOCK_WAIT_S;
	_cleanup_fd_ int fd = -1;

	if (fs_mkdirs(PATH_RUN_DIR, 0755, e) < 0)
		return err_hint(e, "run it as root");
	fd = fs_open(PATH_DEVICES_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0) {
		err_errno(e, errno, "device lock %s", PATH_DEVICES_LOCK);
		return err_hint(e, "run it as root");
	}
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_errno(e, errno, "device lock %s", PATH_DEVICES_LOCK);
		if (clock_monotonic_us() >= end_us)
			return err_set(e, &ERR_TIMEOUT,
				       "another gn8v has been asking the devices for %d s",
				       LOCK_WAIT_S);
		clock_sleep_us(LOCK_PAUSE_US);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

int native_collect(enum shape shape, struct evidence *ev, struct err *e)
{
	_cleanup_fd_ int lock = -1;

	if (lock_devices(&lock, e) < 0 || evidence_from_gpus(ev, e) < 0)
		return -1;
	return shape == SHAPE_MULTI ? evidence_from_switches(ev, e) : 0;
}

/* --- roots -------------------------------------------------------------------------------------- */

static int check_owner(const char *path, struct err *e)
{
	struct stat st;

	if (fs_has_root() || fs_stat(path, &st) < 0 || (st.st_uid == 0 && !(st.st_mode & 022)))
		return 0;
	err_set(e, &CODE_CONFIG, "%s: others than root may write it", path);
	return err_hint(e, "chown root %s && chmod go-w %s; look at what it holds first", path,
			path);
}

/* SHA-256 of the one certificate in a PEM file. */
static int read_root(const char *path, uint8_t ret[DIGEST_SHA256_SIZE], struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	unsigned int n = 0;
	BIO *bio;
	X509 *x, *second;
	bool good;

	if (fs_read(path, PEM_MAX, &text, &len, e) < 0)
		return -1;
	bio = BIO_new_mem_buf(text, (int)len);
	x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	second = x ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	good = x && !second && X509_digest(x, EVP_sha256(), ret, &n) == 1;
	X509_free(second);
	X509_free(x);
	BIO_free(bio);
	return good ? 0 : err_set(e, &ERR_FORMAT, "%s is not one certificate in PEM", path);
}

static int set_root(const struct native *n, const char *path, const char *what,
		    uint8_t ret[DIGEST_SHA256_SIZE], struct err *e)
{
	uint8_t digest[DIGEST_SHA256_SIZE];
	char hex[2 * DIGEST_SHA256_SIZE + 1];

	if (!path || !*path)
		return 0;
	if ((n->roots_of_config && check_owner(path, e) < 0) || read_root(path, digest, e) < 0)
		return -1;
	if (memcmp(digest, ret, sizeof(digest)) == 0)
		return 0;
	memcpy(ret, digest, sizeof(digest));
	str_hex(hex, digest, sizeof(digest));
	log_warning("%s are judged under %s (SHA-256 %s), in place of NVIDIA's root", what, path,
		    hex);
	return 0;
}

/* --- the judgement ------------------------------------------------------------------------------ */

static int set_rules(const struct native *n, const struct evidence *ev, struct appraise_rules *r,
		     struct err *e)
{
	appraise_rules_init(r);
	r->shape = n->shape;
	/* OCSP answers are as of now, give or take OCSP_SKEW_S: so now is taken last. */
	r->at = n->at ? n->at : clock_wall_s();
	r->ocsp = n->ocsp;
	r->ocsp_nonce = n->ocsp_nonce;
	r->allow_hold = n->allow_hold;
	r->allow_expired_rim = n->allow_expired_rim;
	evidence_facts(ev, &r->facts);
	if (getentropy(r->seed, sizeof(r->seed)) < 0)
		return err_errno(e, errno, "no random bytes for nonces");
	if (set_root(n, n->device_root, "devices", r->device_root, e) < 0)
		return -1;
	return set_root(n, n->rim_root, "reference manifests", r->rim_root, e);
}

int native_judge(const struct native *n, const struct evidence *ev, struct appraisal *ret,
		 struct collateral_report *ret_report, struct err *e)
{
	_cleanup_(appraise_free_p) struct appraise *a = NULL;
	struct appraise_rules rules;

	if (set_rules(n, ev, &rules, e) < 0 || appraise_new(ev->v, ev->n, &rules, &a, e) < 0 ||
	    collateral_obtain(a, &n->collateral, ret_report, e) < 0)
		return -1;
	appraise_judge(a, ret);
	return 0;
}
