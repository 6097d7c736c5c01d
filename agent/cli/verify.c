/* gn8v verify: judges the machine's devices, or saved evidence. Opens and closes nothing. */
#include <signal.h>

#include "attest.h"
#include "cli/cli.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "native.h"

#define NONCE_HEX (2 * SPDM_NONCE_SIZE)

static enum exit_code code_of(enum verdict v)
{
	return v == VERDICT_ACCEPTED   ? EXIT_READY
	       : v == VERDICT_REJECTED ? EXIT_FAILED
				       : EXIT_CANNOT_TELL;
}

/* --- options ------------------------------------------------------------------------------------ */

/* What would weaken a live verdict, or means nothing there, is for saved evidence alone. */
static enum exit_code check_saved_only(const struct cli_options *o)
{
	const struct {
		const char *name, *value;
	} saved_only[] = {
		{"shape",	   o->shape	    },
		{ "nonce",	   o->nonce	    },
		{ "at",		o->at	      },
		{ "driver-version", o->driver_version},
		{ "vbios-version",  o->vbios_version },
		{ "device-root",	 o->device_root	},
		{ "rim-root",	      o->rim_root	  },
	};

	for (size_t i = 0; i < ARRAY_SIZE(saved_only); i++)
		if (saved_only[i].value && o->evidence.n == 0)
			return cli_usage("--%s is for saved evidence: it needs --evidence",
					 saved_only[i].name);
	return EXIT_READY;
}

static bool is_url(const char *s)
{
	return (str_starts(s, "https://") && s[8]) || (str_starts(s, "http://") && s[7]);
}

static enum exit_code check_sources(const struct cli_options *o)
{
	struct stat st;

	if (o->rim_dir && o->rim_url)
		return cli_usage("--rim-dir and --rim-url exclude each other");
	if (o->rim_dir && (fs_stat(o->rim_dir, &st) < 0 || !S_ISDIR(st.st_mode)))
		return cli_usage("--rim-dir: %s is not a folder that can be read", o->rim_dir);
	if (o->rim_url && !is_url(o->rim_url))
		return cli_usage("--rim-url: expected an https or http URL, found \"%s\"",
				 o->rim_url);
	if (o->ocsp && !str_eq(o->ocsp, "off") && !is_url(o->ocsp))
		return cli_usage("--ocsp: expected an https or http URL, or off, found \"%s\"",
				 o->ocsp);
	if (o->ocsp_nonce && !str_eq(o->ocsp_nonce, "off") && !str_eq(o->ocsp_nonce, "on"))
		return cli_usage("--ocsp-nonce: expected off or on, found \"%s\"", o->ocsp_nonce);
	return EXIT_READY;
}

static enum exit_code check_values(const struct cli_options *o)
{
	time_t at;

	if (o->shape && (strchr(o->shape, ' ') || !str_has_word("auto single multi", o->shape)))
		return cli_usage("--shape: expected auto, single or multi, found \"%s\"", o->shape);
	if (o->at && !clock_parse(o->at, &at))
		return cli_usage("--at: expected a time such as 2026-11-22T00:00:00Z, found \"%s\"",
				 o->at);
	if (o->nonce && (strlen(o->nonce) != NONCE_HEX || !str_is_hex(o->nonce, NONCE_HEX)))
		return cli_usage("--nonce: expected %d hexadecimal digits", NONCE_HEX);
	return EXIT_READY;
}

/* Before anything is read or asked. */
static enum exit_code check_options(const struct cli_options *o)
{
	enum exit_code code = check_saved_only(o);

	if (code == EXIT_READY)
		code = check_sources(o);
	return code == EXIT_READY ? check_values(o) : code;
}

static void take_sources(const struct cli_options *o, struct native *n)
{
	if (o->rim_dir || o->rim_url) {
		n->collateral.rim_dir = o->rim_dir;
		n->collateral.rim_url = o->rim_url;
		n->collateral.rim_key_file =
			NULL; /* it is for the host that the configuration names */
	}
	if (o->ocsp) {
		n->ocsp = !str_eq(o->ocsp, "off");
		n->collateral.ocsp_url = o->ocsp;
	}
	if (o->ocsp_nonce)
		n->ocsp_nonce = str_eq(o->ocsp_nonce, "on");
	n->allow_hold = n->allow_hold || o->allow_hold;
	n->allow_expired_rim = n->allow_expired_rim || o->allow_expired_rim;
}

static void take_rules(const struct cli_options *o, struct native *n)
{
	n->shape = str_eq(o->shape, "multi")	? APPRAISE_MULTI
		   : str_eq(o->shape, "single") ? APPRAISE_SINGLE
						: APPRAISE_AUTO;
	n->device_root = o->device_root;
	n->rim_root = o->rim_root;
	n->roots_of_config = false;
	if (o->at)
		clock_parse(o->at, &n->at);
}

/* In place of what the file says, or of what NVML would have said. */
static void change_evidence(const struct cli_options *o, struct evidence *ev)
{
	for (size_t i = 0; i < ev->n; i++) {
		struct appraise_device *d = &ev->v[i];

		d->has_nonce = d->has_nonce || o->nonce;
		for (size_t k = 0; o->nonce && k < SPDM_NONCE_SIZE; k++)
			sscanf(o->nonce + 2 * k, "%2hhx", &d->nonce[k]);
		if (o->driver_version && d->type == DEVICE_GPU)
			str_copy(d->driver_version, sizeof(d->driver_version), o->driver_version);
		if (o->vbios_version && d->type == DEVICE_GPU)
			str_copy(d->vbios_version, sizeof(d->vbios_version), o->vbios_version);
	}
}

/* --- saved evidence ----------------------------------------------------------------------------- */

/* What is wrong with the files themselves. */
struct malformed {
	bool any;
	char note[sizeof(((struct check *)NULL)->note)];
};

static enum exit_code load(const struct cli_options *o, struct evidence *ev, struct malformed *ret)
{
	for (size_t i = 0; i < o->evidence.n; i++) {
		_cleanup_free_ char *path = cli_path(o->evidence.v[i]);
		struct err e = ERR_INIT;

		if (evidence_from_file(ev, path, &e) == 0)
			continue;
		if (e.kind == &ERR_IO)
			return cli_fail(&e, EXIT_USAGE);
		if (!ret->any)
			str_copy(ret->note, sizeof(ret->note), e.msg);
		ret->any = true;
	}
	change_evidence(o, ev);
	return EXIT_READY;
}

/* Evidence that is no evidence is bad, not unknown. */
static void add_malformed(const struct malformed *m, struct appraisal *a)
{
	if (!m->any)
		return;
	check_set(a->checks, &a->checks_n, "parse", CHECK_FAILED);
	str_copy(check_find(a->checks, a->checks_n, "parse")->note, sizeof(m->note), m->note);
	appraisal_conclude(a);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static struct json_object *collateral_to_json(const struct collateral_report *r)
{
	struct json_object *o = json_object_new_object();

	json_set_int(o, "rims", (int64_t)r->rims);
	json_set_int(o, "questions", (int64_t)r->questions);
	json_set_int(o, "requests", r->requests);
	json_set_num(o, "took_s", (double)r->took_us / 1e6);
	json_set_str(o, "note", r->note[0] ? r->note : NULL);
	return o;
}

static struct json_object *dump_all(const struct evidence *ev)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < ev->n; i++)
		json_object_array_add(list, cli_dump(&ev->v[i]));
	return list;
}

static void print(const struct cli_options *o, const struct evidence *ev, const struct appraisal *a,
		  const struct collateral_report *r)
{
	struct json_object *json;

	if (!o->json) {
		if (o->dump)
			cli_print_json(dump_all(ev));
		cli_print_verdict(a);
		return;
	}
	json = appraisal_to_json(a);
	json_set(json, "collateral", collateral_to_json(r));
	if (o->dump)
		json_set(json, "reports", dump_all(ev));
	cli_print_json(json);
}

static enum exit_code judge(const struct cli_options *o, const struct native *n,
			    const struct evidence *ev, const struct malformed *m)
{
	_cleanup_(appraisal_free_p) struct appraisal *a = xcalloc(1, sizeof(*a));
	struct collateral_report r;
	struct err e = ERR_INIT;

	if (native_judge(n, ev, a, &r, &e) < 0)
		return cli_fail(&e, o->evidence.n && e.kind != &ERR_INTERNAL ? EXIT_USAGE
									     : EXIT_CANNOT_TELL);
	if (r.note[0])
		log_warning("%s", r.note);
	add_malformed(m, a);
	print(o, ev, a, &r);
	if (attest_missing_rim(a, &e))
		cli_fail(&e, EXIT_CANNOT_TELL);
	return code_of(a->verdict);
}

static enum exit_code verify(const struct cli_options *o, struct config *c, struct evidence *ev)
{
	bool saved = o->evidence.n > 0;
	struct malformed m = { .any = false };
	struct native n;
	enum exit_code code = saved ? load(o, ev, &m) : cli_live(c, ev);

	if (code != EXIT_READY)
		return code;
	native_from_config(&n, c);
	take_sources(o, &n);
	if (saved)
		take_rules(o, &n);
	return judge(o, &n, ev, &m);
}

enum exit_code cli_verify(const struct cli_options *o)
{
	struct evidence ev = EVIDENCE_INIT;
	struct config c;
	enum exit_code code = check_options(o);

	if (code != EXIT_READY)
		return code;
	if (cli_config(o, &c) < 0)
		return EXIT_CANNOT_TELL;
	/* A peer that hangs up must not end us: libcurl, told to use no signals, leaves that to us. */
	signal(SIGPIPE, SIG_IGN);
	code = verify(o, &c, &ev);
	evidence_done(&ev);
	config_done(&c);
	return code;
}
