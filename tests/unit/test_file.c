#include "evidence/file.h"

#include "devices.h"
#include "suite.h"
#include "trust/x509.h"

#define NONCE "4760e30534a0621357d458b1a7936551b5dc4cd1e69718adf7ed9fb0252a537e"
#define GOOD  "\"arch\":\"HOPPER\",\"evidence\":\"EeAB/w==\",\"certificate\":\"LS0tLQ==\""

static int parse(struct evidence *ev, const char *text, struct err *e)
{
	return evidence_from_json(ev, text, strlen(text), "test.json", e);
}

/* Refused, for a reason with these words, with nothing added. */
static void refused(const char *text, const char *words)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	ck_assert_msg(parse(&ev, text, &e) == -1, "taken: %s", text);
	ck_assert_has(e.msg, words);
	ck_assert_has(e.msg, "test.json");
	ck_assert_uint_eq(ev.n, 0);
}

START_TEST(what_the_sdk_writes_is_read)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;
	const char *text =
		"[{" GOOD ",\"nonce\":\"" NONCE "\",\"driver_version\":\"590.12\","
		"\"vbios_version\":\"96.00.A5.00.01\",\"version\":\"1.0\"},"
		"{\"arch\":\"LS10\",\"evidence\":\"EeAB\",\"certificate\":\"LS0t\"},"
		"{\"arch\":\"BLACKWELL\",\"evidence\":\"EeAB\",\"certificate\":\"LS0t\"}]";

	ck_assert_msg(parse(&ev, text, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(ev.n, 3);
	ck_assert_int_eq(ev.v[0].type, DEVICE_GPU);
	ck_assert_uint_eq(ev.v[0].report_len, 4);
	ck_assert_mem_eq(ev.v[0].report, "\x11\xe0\x01\xff", 4);
	ck_assert_str_eq(ev.v[0].chain, "----");
	ck_assert(ev.v[0].has_nonce && ev.v[0].nonce[0] == 0x47 && ev.v[0].nonce[31] == 0x7e);
	ck_assert_str_eq(ev.v[0].driver_version, "590.12");
	ck_assert_str_eq(ev.v[0].vbios_version, "96.00.A5.00.01");
	ck_assert_int_eq(ev.v[1].type, DEVICE_NVSWITCH);
	ck_assert(ev.v[1].index == 0 && !ev.v[1].has_nonce);
	ck_assert_str_eq(ev.v[2].arch, "BLACKWELL");
	ck_assert_uint_eq(ev.v[2].index, 1);
	ck_assert(!ev.mode.known);
	evidence_done(&ev);
}
END_TEST

START_TEST(an_entry_that_is_not_in_order_is_named)
{
	refused("[{" GOOD "},{\"arch\":\"HOPPER\"}]", "test.json: entry 1: \"evidence\"");
	refused("[7]", "entry 0: it is not an object");
	refused("[{\"evidence\":\"EeAB\",\"certificate\":\"LS0t\"}]", "\"arch\"");
	refused("[{\"arch\":7,\"evidence\":\"EeAB\",\"certificate\":\"LS0t\"}]", "\"arch\"");
	refused("[{\"arch\":\"HOP PER\",\"evidence\":\"EeAB\",\"certificate\":\"LS0t\"}]",
		"\"arch\"");
	refused("[{\"arch\":\"HOPPERHOPPERHOPPER\",\"evidence\":\"EeAB\",\"certificate\":\"LS0t\"}]",
		"\"arch\"");
	refused("[{" GOOD ",\"nonce\":\"4760\"}]", "\"nonce\" must be 64 hexadecimal digits");
	refused("[{" GOOD ",\"nonce\":7}]", "\"nonce\"");
	refused("[{" GOOD ",\"driver_version\":\"../590\"}]", "\"driver_version\"");
	refused("[{" GOOD ",\"driver_version\":590.12}]", "\"driver_version\"");
}
END_TEST

START_TEST(only_canonical_base64_is_taken)
{
	static const char *const bad[] = { "",	      "EeA",	  "EeAB/w",
					   "EeAB/w=", "EeAB/x==", "=EeA",
					   "EeAB\\n", " EeAB/w=", "EeAB/w==EeAB",
					   "Ee-_",    "EeAB====", "EeAB\\u0000EeAB" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *text = xasprintf(
			"[{\"arch\":\"HOPPER\",\"evidence\":\"%s\",\"certificate\":\"LS0t\"}]",
			bad[i]);

		refused(text, "entry 0: \"evidence\" must be base64");
	}
}
END_TEST

START_TEST(what_is_no_list_is_refused)
{
	refused("", "test.json");
	refused("{}", "not a list");
	refused("[]", "not a list");
	refused("[{" GOOD "}] x", "test.json");
	refused("[{" GOOD "}", "test.json");
}
END_TEST

START_TEST(sizes_are_capped)
{
	_cleanup_strbuf_ struct strbuf b = { NULL, 0 };
	size_t too_much = (SPDM_REPORT_MAX / 3 + 1) * 4;

	strbuf_printf(&b, "[{\"arch\":\"HOPPER\",\"certificate\":\"LS0t\",\"evidence\":\"");
	for (size_t i = 0; i < too_much; i++)
		strbuf_add(&b, "A", 1);
	strbuf_printf(&b, "\"}]");
	refused(b.s, "base64 of 1 to 8192 bytes");
	strbuf_done(&b);
	b = (struct strbuf){ NULL, 0 };
	strbuf_printf(&b, "[{" GOOD "}");
	for (size_t i = 0; i < EVIDENCE_MAX; i++)
		strbuf_printf(&b, ",{" GOOD "}");
	strbuf_printf(&b, "]");
	refused(b.s, "entry 16: there are more than 16 devices");
}
END_TEST

START_TEST(several_files_append_and_a_bad_one_changes_nothing)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	ck_assert_int_eq(parse(&ev, "[{" GOOD "}]", &e), 0);
	ck_assert_int_eq(parse(&ev, "[{" GOOD "}]", &e), 0);
	ck_assert_int_eq(parse(&ev, "[{" GOOD "},{}]", &e), -1);
	ck_assert_uint_eq(ev.n, 2);
	ck_assert_uint_eq(ev.v[1].index, 1);
	evidence_done(&ev);
}
END_TEST

/* Whether both hold the same, but for what the format cannot say. */
static void same(const struct evidence *a, const struct evidence *b)
{
	ck_assert_uint_eq(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct appraise_device *x = &a->v[i], *y = &b->v[i];

		ck_assert(x->type == y->type && x->index == y->index);
		ck_assert_str_eq(x->arch, y->arch);
		ck_assert_str_eq(x->driver_version, y->driver_version);
		ck_assert_str_eq(x->vbios_version, y->vbios_version);
		ck_assert(x->has_nonce == y->has_nonce);
		ck_assert_mem_eq(x->nonce, y->nonce, SPDM_NONCE_SIZE);
		ck_assert_uint_eq(x->report_len, y->report_len);
		ck_assert_mem_eq(x->report, y->report, x->report_len);
		ck_assert_uint_eq(x->chain_len, y->chain_len);
		ck_assert_mem_eq(x->chain, y->chain, x->chain_len);
	}
}

static void round_trip(const struct evidence *ev)
{
	char path[] = "/tmp/gn8v-evidence-XXXXXX";
	_cleanup_fd_ int fd = mkstemp(path);
	struct evidence again = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(evidence_to_file(ev, path, &e) == 0, "%s", e.msg);
	ck_assert_msg(evidence_from_file(&again, path, &e) == 0, "%s", e.msg);
	same(ev, &again);
	evidence_done(&again);
	unlink(path);
}

START_TEST(what_devices_said_comes_back_from_a_file)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	devices_make_multi();
	ck_assert_msg(evidence_from_gpus(&ev, &e) == 0, "%s", e.msg);
	ck_assert_msg(evidence_from_switches(&ev, &e) == 0, "%s", e.msg);
	round_trip(&ev);
	evidence_done(&ev);
	devices_drop();
}
END_TEST

START_TEST(a_file_that_cannot_be_had_is_an_error)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	ck_assert_int_eq(evidence_from_file(&ev, "/nonexistent/evidence.json", &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_IO);
	ck_assert_int_eq(evidence_to_file(&ev, "/nonexistent/evidence.json", &e), -1);
	ck_assert_int_eq(evidence_to_file(&ev, "/dev/full", &e), -1);
}
END_TEST

/* The folder of real evidence; see evidence.h. Caller frees. */
static char *real(const char *part)
{
	const char *given = getenv("GN8V_EVIDENCE"), *slash = strrchr(__FILE__, '/');

	if (given)
		return xasprintf("%s/%s", given, part);
	return xasprintf("%.*s../../../shared/evidence/%s", (int)(slash + 1 - __FILE__), __FILE__,
			 part);
}

START_TEST(real_files_are_read_and_come_back)
{
	static const struct {
		const char *part;
		size_t n;
		enum device_type type;
	} files[] = {
		{"json/evidence_hopper_590_12.json",     1, DEVICE_GPU	    },
		{ "json/hopper_evidence.json",	       1, DEVICE_GPU     },
		{ "json/hopper_evidence_cert_hold.json", 1, DEVICE_GPU     },
		{ "json/multi_gpu_hopper.json",		4, DEVICE_GPU     },
		{ "json/multi_switch_ls10.json",	 4, DEVICE_NVSWITCH},
		{ "json/switch_evidence_ls10.json",	    1, DEVICE_NVSWITCH},
		{ "ppcie/gpu_evidence.json",	     8, DEVICE_GPU	   },
		{ "ppcie/switch_evidence.json",		4, DEVICE_NVSWITCH},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = real(files[i].part);
		struct evidence ev = EVIDENCE_INIT;
		struct spdm_report r;
		struct err e = ERR_INIT;

		if (access(path, R_OK) != 0) {
			printf("skipped: there is no %s (GN8V_EVIDENCE=DIR names another folder)\n",
			       path);
			return;
		}
		ck_assert_msg(evidence_from_file(&ev, path, &e) == 0, "%s", e.msg);
		ck_assert_uint_eq(ev.n, files[i].n);
		ck_assert_int_eq(ev.v[0].type, files[i].type);
		for (size_t k = 0; k < ev.n; k++) {
			ck_assert_int_eq(spdm_parse(ev.v[k].report, ev.v[k].report_len, &r, &e), 0);
			ck_assert(spdm_nonce_is(&r, ev.v[k].nonce));
		}
		round_trip(&ev);
		evidence_done(&ev);
	}
}
END_TEST

SUITE("file", what_the_sdk_writes_is_read, an_entry_that_is_not_in_order_is_named,
      only_canonical_base64_is_taken, what_is_no_list_is_refused, sizes_are_capped,
      several_files_append_and_a_bad_one_changes_nothing, what_devices_said_comes_back_from_a_file,
      a_file_that_cannot_be_had_is_an_error, real_files_are_read_and_come_back)
