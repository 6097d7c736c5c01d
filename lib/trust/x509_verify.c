/* The judgement of a chain. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "core/clock.h"
#include "trust/x509.h"

const uint8_t x509_device_root[DIGEST_SHA256_SIZE] = {
	0x10, 0x2b, 0xf6, 0x59, 0xd5, 0x41, 0x96, 0x14, 0xc9, 0xd8, 0xe6,
	0xae, 0xce, 0xbc, 0x80, 0x45, 0x4e, 0xb2, 0x6b, 0x1d, 0xf6, 0xa7,
	0x69, 0xac, 0x72, 0x0b, 0x9a, 0x69, 0x0b, 0x16, 0x7b, 0x48,
};

const uint8_t x509_rim_root[DIGEST_SHA256_SIZE] = {
	0x12, 0x97, 0x7b, 0x51, 0x15, 0xac, 0xb0, 0x38, 0x11, 0x79, 0x27,
	0x9f, 0xff, 0xeb, 0x5a, 0x8c, 0x4d, 0x26, 0x49, 0x71, 0xeb, 0xb3,
	0x22, 0x98, 0x02, 0x3a, 0x46, 0x5f, 0xa4, 0x1d, 0xf5, 0xd1,
};

DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)

static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_free(*stack);
}

static bool is_pinned(const struct x509_chain *c, const uint8_t root[DIGEST_SHA256_SIZE])
{
	return memcmp(x509_root_digest(c), root, DIGEST_SHA256_SIZE) == 0;
}

int x509_store(const struct x509_chain *c, const uint8_t root[DIGEST_SHA256_SIZE], time_t at,
	       X509_STORE **ret, struct err *e)
{
	_cleanup_(X509_STORE_free_p) X509_STORE *store = NULL;

	if (!is_pinned(c, root))
		return err_set(e, &ERR_UNTRUSTED, "the chain does not end at the pinned root");
	store = X509_STORE_new();
	if (!store || X509_STORE_add_cert(store, x509_cert(c, x509_count(c) - 1)) != 1) {
		ERR_clear_error();
		return err_set(e, &ERR_INTERNAL, "cannot make a certificate store");
	}
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), at);
	*ret = TAKE_PTR(store);
	return 0;
}

/* Names the first certificate that is not valid at that time. The end is exclusive, as it is in
 * X509_verify_cert. */
static void judge_time(const struct x509_chain *c, time_t at, struct x509_result *r)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE];

	bool begun = true;

	r->time_ok = true;
	r->not_after = x509_not_after(c, 0);
	for (size_t i = 0; i < x509_count(c); i++) {
		time_t begin = x509_not_before(c, i), end = x509_not_after(c, i);

		begun = begun && begin <= at;
		if (end < r->not_after)
			r->not_after = end;
		if (!r->time_ok || (begin <= at && at < end))
			continue;
		r->time_ok = false;
		clock_format(begin, from);
		clock_format(end, to);
		clock_format(at, now);
		snprintf(r->time_note, sizeof(r->time_note),
			 "certificate %zu \"%s\" is valid from %s to %s, not at %s", i,
			 x509_common_name(c, i), from, to, now);
	}
	r->expired = !r->time_ok && begun;
}

/* The rules that X509_verify_cert does not have. False with a note. */
static bool judge_profile(const struct x509_chain *c, struct x509_result *r)
{
	for (size_t i = 0; i < x509_count(c); i++)
		if (!digest_key_is_p384(x509_key(c, i)) ||
		    X509_get_signature_nid(x509_cert(c, i)) != NID_ecdsa_with_SHA384) {
			snprintf(r->chain_note, sizeof(r->chain_note),
				 "certificate %zu \"%s\" is not ECDSA P-384 with SHA-384", i,
				 x509_common_name(c, i));
			return false;
		}
	if (X509_check_ca(x509_cert(c, 0)) != 0 ||
	    !(X509_get_extension_flags(x509_cert(c, 0)) & EXFLAG_KUSAGE) ||
	    !(X509_get_key_usage(x509_cert(c, 0)) & KU_DIGITAL_SIGNATURE)) {
		snprintf(r->chain_note, sizeof(r->chain_note),
			 "certificate 0 \"%s\" is not a certificate for signatures alone",
			 x509_common_name(c, 0));
		return false;
	}
	return true;
}

/* Whether the chain that was built is the one that was presented, certificate by certificate. */
static bool built_as_presented(X509_STORE_CTX *ctx, const struct x509_chain *c)
{
	STACK_OF(X509) *built = X509_STORE_CTX_get0_chain(ctx);

	if (sk_X509_num(built) != (int)x509_count(c))
		return false;
	for (size_t i = 0; i < x509_count(c); i++)
		if (X509_cmp(sk_X509_value(built, (int)i), x509_cert(c, i)) != 0)
			return false;
	return true;
}

static void judge_chain(X509_STORE_CTX *ctx, const struct x509_chain *c, struct x509_result *r)
{
	int code, depth;

	if (X509_verify_cert(ctx) == 1 && X509_STORE_CTX_get_error(ctx) == X509_V_OK) {
		r->chain_ok = built_as_presented(ctx, c);
		if (!r->chain_ok)
			snprintf(r->chain_note, sizeof(r->chain_note),
				 "the certificates are not in order, leaf first and root last");
		return;
	}
	code = X509_STORE_CTX_get_error(ctx);
	depth = X509_STORE_CTX_get_error_depth(ctx);
	if (depth < 0 || (size_t)depth >= x509_count(c))
		depth = 0;
	snprintf(r->chain_note, sizeof(r->chain_note), "certificate %d \"%s\": %s", depth,
		 x509_common_name(c, (size_t)depth), X509_verify_cert_error_string(code));
}

static int run_verify(const struct x509_chain *c, const uint8_t root[DIGEST_SHA256_SIZE], time_t at,
		      struct x509_result *r, struct err *e)
{
	_cleanup_(X509_STORE_free_p) X509_STORE *store = NULL;
	_cleanup_(X509_STORE_CTX_free_p) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	_cleanup_(free_stack) STACK_OF(X509) *middle = sk_X509_new_null();
	X509_VERIFY_PARAM *param;

	if (x509_store(c, root, at, &store, e) < 0)
		return -1;
	for (size_t i = 1; i + 1 < x509_count(c); i++)
		if (!middle || sk_X509_push(middle, x509_cert(c, i)) <= 0)
			return err_set(e, &ERR_INTERNAL, "cannot hold a certificate chain");
	if (!ctx || X509_STORE_CTX_init(ctx, store, x509_cert(c, 0), middle) != 1)
		return err_set(e, &ERR_INTERNAL, "cannot prepare the judgement of a chain");
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
	/* A chain that time refuses is refused; whether it holds otherwise is still worth knowing. */
	if (!r->time_ok) {
		X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_USE_CHECK_TIME);
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
	}
	X509_VERIFY_PARAM_set_depth(param, (int)x509_count(c) - 2);
	judge_chain(ctx, c, r);
	return 0;
}

int x509_chain_verify(const struct x509_chain *c, const uint8_t root[DIGEST_SHA256_SIZE], time_t at,
		      struct x509_result *ret, struct err *e)
{
	struct x509_result r = { .chain_ok = false };
	int rc = 0;

	judge_time(c, at, &r);
	if (!is_pinned(c, root))
		snprintf(r.chain_note, sizeof(r.chain_note),
			 "the last certificate \"%s\" is not the pinned root",
			 x509_common_name(c, x509_count(c) - 1));
	else if (judge_profile(c, &r))
		rc = run_verify(c, root, at, &r, e);
	ERR_clear_error();
	if (rc == 0)
		*ret = r;
	return rc;
}
