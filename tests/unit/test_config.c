#include "config.h"

#include "codes.h"
#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "steps.h"
#include "suite.h"

static struct config c;

/* Every row of the table as people read it: default for one GPU, and for eight where it differs. */
static const struct {
	const char *key, *single, *multi;
} defaults[] = {
	{ "shape", "auto", NULL },
	{ "metadata.url", "http://100.100.100.200", NULL },
	{ "metadata.deadline_s", "120", NULL },
	{ "proxy.http", "", NULL },
	{ "proxy.https", "", NULL },
	{ "proxy.no_proxy", "", NULL },
	{ "kernel.release_min", "5.10.134-18", NULL },
	{ "kernel.swiotlb", "4194304,any", NULL },
	{ "kernel.blacklist_nouveau", "false", NULL },
	{ "packages", "openssl3 gcc make elfutils-libelf-devel kernel-devel-{kernel}", NULL },
	{ "disk.free_min_gib", "20", "24" },
	{ "driver.version", "550.144.03", "570.148.08" },
	{ "driver.urls", "https://cn.download.nvidia.cn/tesla/{version}/NVIDIA-Linux-x86_64-{version}.run", NULL },
	{ "driver.sha256", "", NULL },
	{ "driver.referer", "https://www.nvidia.cn/", NULL },
	{ "driver.args",
	  "--ui=none --no-questions --accept-license --disable-nouveau --no-cc-version-check "
	  "--install-libglvnd --kernel-module-build-directory=kernel-open --rebuild-initramfs",
	  NULL },
	{ "driver.skip_module_load", "false", NULL },
	{ "cuda.version", "12.4.1", "12.8.1" },
	{ "cuda.driver", "550.54.15", "570.124.06" },
	{ "cuda.urls",
	  "https://developer.download.nvidia.com/compute/cuda/{version}/local_installers/cuda_{version}_{driver}_linux.run",
	  NULL },
	{ "cuda.sha256", "", NULL },
	{ "cuda.args", "--silent --toolkit", NULL },
	{ "cuda.replace", "false", NULL },
	{ "fabricmanager.package", "", NULL },
	{ "fabricmanager.urls",
	  "https://developer.download.nvidia.cn/compute/cuda/repos/rhel8/x86_64/{package}-{version}-{release}.x86_64.rpm",
	  NULL },
	{ "fabricmanager.sha256", "", NULL },
	{ "nscq.package", "", NULL },
	{ "nscq.urls",
	  "https://developer.download.nvidia.cn/compute/cuda/repos/rhel8/x86_64/{package}-{version}-{release}.x86_64.rpm",
	  NULL },
	{ "nscq.sha256", "", NULL },
	{ "rpm_key.url", "https://developer.download.nvidia.com/compute/cuda/repos/rhel8/x86_64/D42D0685.pub", NULL },
	{ "rpm_key.sha256", "d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87", NULL },
	{ "rpm_key.id", "d42d0685", NULL },
	{ "services.gpu", "cloudmonitor.service nvidia-cdi-refresh.service ollama.service", NULL },
	{ "services.disable", "cloudmonitor.service", NULL },
	{ "services.hold", "cloudmonitor.service nvidia-cdi-refresh.path nvidia-cdi-refresh.service ollama.service", NULL },
	{ "gate.mode", "target", NULL },
	{ "gate.units", "cloudmonitor.service nvidia-cdi-refresh.service ollama.service", NULL },
	{ "attest.verifier", "auto", NULL },
	{ "attest.ready", "at-start", NULL },
	{ "attest.python", "python3.11 python3.11-devel python3.11-pip", NULL },
	{ "attest.packages",
	  "nv_attestation_sdk==2.5.0.post6914366 nv_local_gpu_verifier==2.5.0.post6914366 "
	  "nv_ppcie_verifier==1.5.0.post6914366",
	  NULL },
	{ "attest.find_links", "https://attest-public-cn-beijing.oss-cn-beijing.aliyuncs.com/repo/pip/attest.html", NULL },
	{ "attest.rim_url", "https://rim.attestation.nvidia.com/v1/rim/", NULL },
	{ "attest.rim_key_file", "", NULL },
	{ "attest.rim_dir", "", NULL },
	{ "attest.ocsp", "https://ocsp.ndis.nvidia.com/", NULL },
	{ "attest.ocsp_nonce", "true", NULL },
	{ "attest.allow_hold", "false", NULL },
	{ "attest.allow_expired_rim", "false", NULL },
	{ "attest.collateral_s", "60", NULL },
	{ "attest.device_root", "", NULL },
	{ "attest.rim_root", "", NULL },
	{ "attest.deadline_s", "1800", NULL },
	{ "fabric.allow_unhealthy", "false", NULL },
	{ "cublas.install", "false", NULL },
	{ "cublas.python", "/usr/bin/python3.11", NULL },
	{ "fetch.dir", "/var/cache/gn8v", NULL },
	{ "fetch.ca_file", "", NULL },
	{ "fetch.headers", "", NULL },
	{ "fetch.connections", "8", NULL },
	{ "fetch.stall_s", "30", NULL },
	{ "fetch.deadline_s", "7200", NULL },
	{ "fetch.total_deadline_s", "14400", NULL },
	{ "fetch.before_restart", "false", NULL },
	{ "cache.keep", "false", NULL },
	{ "time_sync.required", "true", NULL },
	{ "time_sync.deadline_s", "300", NULL },
	{ "restart.max", "2", NULL },
	{ "restart.cloud_init_wait_s", "600", NULL },
};

static const struct config_key *key_of(const char *name)
{
	for (size_t i = 0; i < config_keys_n; i++)
		if (str_eq(config_keys[i].key, name))
			return &config_keys[i];
	return NULL;
}

static bool is_list(enum config_type type)
{
	return type == CONFIG_LIST || type == CONFIG_UNITS || type == CONFIG_URLS;
}

/* {"section": {"name": VALUE}} for "section.name". Caller frees. */
static char *file_with(const char *key, const char *value)
{
	const char *dot = strchr(key, '.');

	if (!dot)
		return xasprintf("{\"%s\": %s}", key, value);
	return xasprintf("{\"%.*s\": {\"%s\": %s}}", (int)(dot - key), key, dot + 1, value);
}

/* The value in use, as one line of text. Caller frees. */
static char *value_text(const struct config_key *k)
{
	const void *at = (const char *)&c + k->offset;
	const struct strlist *l = at;
	struct strbuf text = { 0 };

	if (k->type == CONFIG_BOOL)
		return xstrdup(*(const bool *)at ? "true" : "false");
	if (k->type == CONFIG_INT)
		return xasprintf("%d", *(const int *)at);
	if (!is_list(k->type))
		return xstrdup(*(char *const *)at);
	strbuf_begin(&text);
	for (size_t i = 0; i < l->n; i++)
		strbuf_printf(&text, "%s%s", i ? " " : "", l->v[i]);
	ck_assert_ptr_null(l->v[l->n]);
	return text.s;
}

static void check_value(const char *key, const char *expected)
{
	const struct config_key *k = key_of(key);
	_cleanup_free_ char *found = NULL;

	ck_assert_msg(k != NULL, "no key %s", key);
	found = value_text(k);
	ck_assert_msg(str_eq(found, expected), "%s: expected \"%s\", found \"%s\"", key, expected, found);
}

static void parse(const char *text)
{
	struct err e = ERR_INIT;

	ck_assert_msg(config_parse(&c, text, strlen(text), "/etc/gn8v/config.json", &e) == 0, "%s: %s", text, e.msg);
}

/* Refused as CODE_CONFIG with the file's name and these words; what is left can be used and freed. */
static void check_refused_n(const char *text, size_t len, const char *words)
{
	struct err e = ERR_INIT;

	ck_assert_msg(config_parse(&c, text, len, "/etc/gn8v/config.json", &e) == -1, "accepted: %s", text);
	ck_assert_str_eq(e.kind->code, CODE_CONFIG.code);
	ck_assert_has(e.msg, "/etc/gn8v/config.json: ");
	ck_assert_has(e.msg, words);
	ck_assert_ptr_null(c.json);
	config_done(&c);
}

static void check_refused(const char *text, const char *words)
{
	check_refused_n(text, strlen(text), words);
}

static void check_value_refused(const char *key, const char *value)
{
	_cleanup_free_ char *text = file_with(key, value);

	check_refused(text, key);
}

static void check_value_accepted(const char *key, const char *value, const char *expected)
{
	_cleanup_free_ char *text = file_with(key, value);

	parse(text);
	check_value(key, expected);
	config_done(&c);
}

/* --- defaults ------------------------------------------------------------------------------- */

START_TEST(the_defaults_are_the_procedure_for_both_shapes)
{
	ck_assert_uint_eq(ARRAY_SIZE(defaults), config_keys_n);
	parse("{}");
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		check_value(defaults[i].key, defaults[i].single);
	config_set_shape(&c, SHAPE_MULTI);
	ck_assert_int_eq(c.for_shape, SHAPE_MULTI);
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		check_value(defaults[i].key, defaults[i].multi ? defaults[i].multi : defaults[i].single);
	config_set_shape(&c, SHAPE_SINGLE);
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		check_value(defaults[i].key, defaults[i].single);
	config_done(&c);
}
END_TEST

START_TEST(a_missing_file_is_an_empty_one)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(config_load(&c, PATH_CONFIG, &e), 0);
	ck_assert_ptr_null(c.json);
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		check_value(defaults[i].key, defaults[i].single);
	config_done(&c);
}
END_TEST

START_TEST(every_default_would_be_accepted_from_the_file)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		for (int multi = 0; multi <= (k->multi != NULL); multi++) {
			_cleanup_json_ struct json_object *all = NULL;
			const char *dot = strchr(k->key, '.');
			_cleanup_free_ char *section = xstrndup(k->key, strcspn(k->key, "."));
			struct json_object *v;

			parse("{}");
			config_set_shape(&c, multi ? SHAPE_MULTI : SHAPE_SINGLE);
			all = config_to_json(&c);
			config_done(&c);
			v = json_get(all, section);
			check_value_accepted(k->key, json_object_to_json_string(dot ? json_get(v, dot + 1) : v),
					     multi ? k->multi : k->single);
		}
	}
}
END_TEST

START_TEST(every_row_of_the_table_is_whole)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		ck_assert_msg(k->help && *k->help, "%s has no help", k->key);
		ck_assert_msg(k->single != NULL, "%s has no default", k->key);
		ck_assert_msg(k->type != CONFIG_INT || k->min < k->max, "%s has no range", k->key);
		ck_assert_msg(k->type != CONFIG_CHOICE || (k->rule && str_has_word(k->rule, k->single)), "%s", k->key);
		ck_assert_msg(k->type != CONFIG_URL || k->rule, "%s has no rule", k->key);
		for (size_t j = 0; j < i; j++) {
			ck_assert_str_ne(k->key, config_keys[j].key);
			ck_assert_msg(k->offset != config_keys[j].offset, "%s shares the place of %s", k->key,
				      config_keys[j].key);
		}
	}
}
END_TEST

START_TEST(digests_of_known_files_are_those_of_the_procedure)
{
	static const struct config_known_file files[] = {
		{ "NVIDIA-Linux-x86_64-550.144.03.run", 307272669,
		  "6a4838e2cdb26e4c0e07367ac0d3bcf799d56b5286f68fa201be3d3ddb88aac4" },
		{ "NVIDIA-Linux-x86_64-570.148.08.run", 375680910,
		  "6499c4e609c682be9af3690056024c451273f5adff42a757ce6f1c4521b84fdf" },
		{ "cuda_12.4.1_550.54.15_linux.run", 4454730420,
		  "367d2299b3a4588ab487a6d27276ca5d9ead6e394904f18bccb9e12433b9c4fb" },
		{ "cuda_12.8.1_570.124.06_linux.run", 5382238770,
		  "228f6bcaf5b7618d032939f431914fc92d0e5ed39ebe37098a24502f26a19797" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const struct config_known_file *k = config_known_file(files[i].name);

		ck_assert_ptr_nonnull(k);
		ck_assert_uint_eq(k->size, files[i].size);
		ck_assert_str_eq(k->sha256, files[i].sha256);
	}
	ck_assert_ptr_null(config_known_file("NVIDIA-Linux-x86_64-550.144.03.ru"));
	ck_assert_ptr_null(config_known_file(""));
}
END_TEST

/* --- what the file says --------------------------------------------------------------------- */

START_TEST(the_file_wins_over_the_defaults_of_both_shapes)
{
	parse("{\"driver\": {\"version\": \"580.1\", \"args\": [\"-a\", \"b c\"]}, \"disk\": {\"free_min_gib\": 7}, "
	      "\"cache\": {\"keep\": true}, \"services\": {\"gpu\": []}}");
	for (enum shape shape = SHAPE_SINGLE; shape <= SHAPE_MULTI; shape++) {
		config_set_shape(&c, shape);
		check_value("driver.version", "580.1");
		ck_assert_uint_eq(c.driver_args.n, 2);
		ck_assert_str_eq(c.driver_args.v[1], "b c");
		ck_assert_int_eq(c.disk_free_min_gib, 7);
		ck_assert(c.cache_keep);
		ck_assert_uint_eq(c.services_gpu.n, 0);
		ck_assert_ptr_null(c.services_gpu.v[0]);
	}
	check_value("cuda.version", "12.8.1");
	config_done(&c);
}
END_TEST

START_TEST(a_wrong_type_names_file_and_key_for_every_key)
{
	static const char *const all[] = { "null", "true", "7", "7.5", "\"text\"", "[\"text\"]", "[7]", "[null]",
					   "[[\"x\"]]", "{}", "{\"x\": 1}" };

	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];
		char right = k->type == CONFIG_BOOL ? 't' : k->type == CONFIG_INT ? '7' : is_list(k->type) ? '[' : '"';

		for (size_t v = 0; v < ARRAY_SIZE(all); v++)
			if (all[v][0] != right || str_eq(all[v], "7.5") || str_eq(all[v], "[7]") ||
			    str_eq(all[v], "[null]") || str_eq(all[v], "[[\"x\"]]"))
				check_value_refused(k->key, all[v]);
	}
}
END_TEST

START_TEST(an_unknown_key_is_named_with_its_path)
{
	check_refused("{\"drivr\": {}}", "unknown key \"drivr\"");
	check_refused("{\"driver\": {\"versoin\": \"1\"}}", "unknown key \"driver.versoin\"");
	check_refused("{\"driver.version\": \"1\"}", "unknown key \"driver.version\"");
	check_refused("{\"\": 1}", "unknown key \"\"");
	check_refused("{\"driver\": {\"\": 1}}", "unknown key \"driver.\"");
	check_refused("{\"driver\": {\"version.x\": \"1\"}}", "driver.version.x");
	check_refused("{\"Shape\": \"auto\"}", "unknown key \"Shape\"");
	check_refused("{\"driv\": {}}", "unknown key \"driv\"");
	check_refused("{\"steps\": {\"drivr\": {}}}", "steps.drivr");
	check_refused("{\"steps\": {\"driver\": {\"timeout\": 1}}}", "steps.driver.timeout");
	for (size_t i = 0; i < config_keys_n; i++) {
		_cleanup_free_ char *misspelt = xasprintf("%sx", config_keys[i].key);
		_cleanup_free_ char *text = file_with(misspelt, "1");

		check_refused(text, misspelt);
	}
}
END_TEST

START_TEST(a_section_must_be_an_object)
{
	check_refused("{\"driver\": \"550\"}", "driver: expected an object");
	check_refused("{\"driver\": null}", "driver: expected an object");
	check_refused("{\"steps\": []}", "steps: expected an object");
	check_refused("{\"steps\": {\"driver\": 5}}", "steps.driver: expected an object");
	check_refused("{\"packages\": {}}", "packages: expected a list");
}
END_TEST

START_TEST(numbers_outside_their_range_are_refused)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];
		_cleanup_free_ char *below = xasprintf("%ld", k->min - 1), *above = xasprintf("%ld", k->max + 1);
		_cleanup_free_ char *least = xasprintf("%ld", k->min), *most = xasprintf("%ld", k->max);

		if (k->type != CONFIG_INT)
			continue;
		check_value_refused(k->key, below);
		check_value_refused(k->key, above);
		check_value_refused(k->key, "99999999999999999999999");
		check_value_refused(k->key, "4294967297");
		check_value_refused(k->key, "1e2");
		check_value_refused(k->key, "\"5\"");
		check_value_accepted(k->key, least, least);
		check_value_accepted(k->key, most, most);
	}
}
END_TEST

START_TEST(urls_must_be_whole_and_of_an_allowed_scheme)
{
	static const char *const bad[] = { "\"ftp://host/x\"", "\"https://\"", "\"host/x\"", "\"file:///etc/passwd\"",
					   "\"https://host/a b\"", "\"HTTPS://host/\"", "\" https://host\"",
					   "\"https://host/\\n\"", "\"https://host/<x>\"", "\"javascript:1\"" };

	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		for (size_t v = 0; v < ARRAY_SIZE(bad); v++) {
			_cleanup_free_ char *list = xasprintf("[%s]", bad[v]);

			if (k->type == CONFIG_URL)
				check_value_refused(k->key, bad[v]);
			if (k->type == CONFIG_URLS)
				check_value_refused(k->key, list);
		}
		if (k->type == CONFIG_URLS) {
			check_value_refused(k->key, "[]");
			check_value_refused(k->key, "[\"http://host/plain\"]");
			check_value_refused(k->key, "[\"\"]");
			check_value_accepted(k->key, "[\"https://a/{version}\", \"https://b/c.run?x=/\"]",
					     "https://a/{version} https://b/c.run?x=/");
		}
	}
	check_value_refused("rpm_key.url", "\"http://host/key\"");
	check_value_refused("rpm_key.url", "\"\"");
	check_value_refused("attest.find_links", "\"http://host/\"");
	check_value_refused("attest.find_links", "\"off\"");
	check_value_refused("attest.rim_url", "\"off\"");
	check_value_refused("attest.rim_url", "\"ftp://host/\"");
	check_value_refused("attest.ocsp", "\"on\"");
	check_value_refused("attest.ocsp", "\"\"");
	check_value_refused("attest.collateral_s", "0");
	check_value_refused("attest.device_root", "\"root.pem\"");
	check_value_accepted("proxy.https", "\"http://user:pass@proxy:3128\"", "http://user:pass@proxy:3128");
	check_value_accepted("proxy.http", "\"\"", "");
	check_value_accepted("metadata.url", "\"http://127.0.0.1:8080\"", "http://127.0.0.1:8080");
	check_value_refused("metadata.url", "\"\"");
}
END_TEST

START_TEST(urls_of_files_must_end_in_a_name)
{
	static const char *const bad[] = { "https://host", "https://host/", "https://host/x/", "https://host/.",
					   "https://host/x/..", "https://host/{version}/..?x", "https://host/?a/b.run",
					   "https://host?/x.run", "https://host#/x", "https://host/x/#y", "https://host/-c" };
	static const char *const good[] = { "https://host/...", "https://host/.x", "https://host/{version}",
					    "https://host/x.run?a=/..", "https://host/a-b#/" };

	for (size_t i = 0; i < config_keys_n; i++) {
		if (config_keys[i].type != CONFIG_URLS)
			continue;
		for (size_t v = 0; v < ARRAY_SIZE(bad); v++) {
			_cleanup_free_ char *list = xasprintf("[\"https://host/x.run\", \"%s\"]", bad[v]);

			check_value_refused(config_keys[i].key, list);
		}
		for (size_t v = 0; v < ARRAY_SIZE(good); v++) {
			_cleanup_free_ char *list = xasprintf("[\"%s\"]", good[v]);

			check_value_accepted(config_keys[i].key, list, good[v]);
		}
	}
}
END_TEST

START_TEST(texts_of_command_lines_and_paths_are_judged)
{
	static const char *const versions[] = { "driver.version", "cuda.version", "cuda.driver" };
	static const char *const names[] = { "packages", "attest.python", "attest.packages" };

	check_value_refused("kernel.swiotlb", "\"1 init=/bin/sh\"");
	check_value_refused("kernel.swiotlb", "\"1,any\\\"\"");
	check_value_refused("kernel.swiotlb", "\"4194304,Any\"");
	check_value_accepted("kernel.swiotlb", "\"4194304,4,force\"", "4194304,4,force");
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		check_value_refused(versions[i], "\"560/../../x\"");
		check_value_refused(versions[i], "\".5\"");
		check_value_refused(versions[i], "\"560.1-rc\"");
		check_value_refused(versions[i], "\"560 1\"");
		check_value_accepted(versions[i], "\"560.35.03\"", "560.35.03");
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		check_value_refused(names[i], "[\"--downloadonly\"]");
		check_value_refused(names[i], "[\"-y\"]");
		check_value_refused(names[i], "[\"--index-url==x\"]");
	}
}
END_TEST

/* yum takes more than rpm -q answers by the same name: files, patterns, epochs, groups, package files. */
START_TEST(packages_are_named_as_rpm_answers_for_them)
{
	static const char *const keys[] = { "packages", "attest.python" };
	static const char *const bad[] = { "/usr/bin/gcc", "kernel-devel-*", "32:bind-9.11", "bind-32:9.11", "@development", "gcc make",
					   "gcc >= 10", "gcc.rpm", "perl(Carp)", "gcc?", "[g]cc", "{release}", "gcc-{", ".gcc", "_gcc" };
	static const char *const good[] = { "gcc-c++", "gcc-10.2.1", "gcc-10.2.1-3.8.al8", "gcc-10.2.1-3.8.al8.x86_64", "glibc.i686",
					    "python3.11", "7zip", "perl_x" };
	_cleanup_free_ char *longest = xasprintf("[\"%063d\"]", 0), *too_long = xasprintf("[\"%064d\"]", 0);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
			_cleanup_free_ char *list = xasprintf("[\"openssl3\", \"%s\"]", bad[k]);

			check_value_refused(keys[i], list);
		}
		for (size_t k = 0; k < ARRAY_SIZE(good); k++) {
			_cleanup_free_ char *list = xasprintf("[\"%s\"]", good[k]);

			check_value_accepted(keys[i], list, good[k]);
		}
		check_value_refused(keys[i], too_long);
		parse(i ? "{}" : "{\"packages\": [\"kernel-headers-{kernel}\", \"{kernel}.x86_64\"]}");
		config_done(&c);
	}
	check_value_accepted("packages", longest, "000000000000000000000000000000000000000000000000000000000000000");
	check_value_refused("attest.python", "[\"python3.11-{kernel}\"]");
	check_refused("{\"packages\": [\"gcc\", \"/usr/bin/make\"]}",
		      "packages[1]: expected names of packages: NAME, NAME-VERSION or NAME-VERSION-RELEASE");
}
END_TEST

START_TEST(the_verifiers_packages_must_be_pinned_to_one_version)
{
	static const char *const bad[] = { "nv_attestation_sdk", "nv_attestation_sdk>=2.5", "x==", "==1", "x===1", "x==2.*",
					   "x==1;python_version<'3'", "x == 1", "x @ https://host/x.whl", "./x==1" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *list = xasprintf("[\"%s\"]", bad[i]);

		check_value_refused("attest.packages", list);
	}
	check_value_accepted("attest.packages", "[\"a-b.c_d[x]==1!2.0.post1+l\"]", "a-b.c_d[x]==1!2.0.post1+l");
	check_value_refused("attest.packages", "[\"NV.ppcie_verifier==3.0.0\"]");
}
END_TEST

START_TEST(digests_paths_units_and_choices_are_judged)
{
	check_value_refused("driver.sha256", "\"abc\"");
	check_value_refused("driver.sha256", "\"g000000000000000000000000000000000000000000000000000000000000000\"");
	check_value_refused("cuda.sha256", "\"00000000000000000000000000000000000000000000000000000000000000000\"");
	check_value_accepted("nscq.sha256", "\"\"", "");
	check_value_accepted("driver.sha256", "\"ABCDEF0000000000000000000000000000000000000000000000000000000000\"",
			     "ABCDEF0000000000000000000000000000000000000000000000000000000000");
	check_value_refused("fetch.dir", "\"relative\"");
	check_value_refused("fetch.dir", "\"/var/../etc\"");
	check_value_refused("fetch.dir", "\"/var/..\"");
	check_value_refused("fetch.dir", "\"~/x\"");
	check_value_accepted("fetch.dir", "\"/data/..cache/x\"", "/data/..cache/x");
	check_value_refused("services.gpu", "[\"ollama\"]");
	check_value_refused("services.gpu", "[\".service\"]");
	check_value_refused("services.hold", "[\"a/b.service\"]");
	check_value_refused("services.hold", "[\"../../x.service\"]");
	check_value_refused("services.disable", "[\"a b.service\"]");
	check_value_refused("gate.units", "[\"a.service\", \"x\\ny.service\"]");
	check_value_accepted("gate.units", "[\"vllm@0.service\", \"a-b_c.timer\"]", "vllm@0.service a-b_c.timer");
	check_value_refused("shape", "\"double\"");
	check_value_refused("shape", "\"\"");
	check_value_refused("shape", "\"single multi\"");
	check_value_refused("gate.mode", "\"open\"");
	check_value_accepted("attest.ocsp", "\"off\"", "off");
	check_value_accepted("attest.rim_url", "\"http://mirror/rim\"", "http://mirror/rim");
	check_value_accepted("gate.mode", "\"attested\"", "attested");
}
END_TEST

START_TEST(values_that_the_machine_could_not_live_with_are_refused)
{
	check_value_refused("fetch.dir", "\"\"");
	check_value_refused("kernel.swiotlb", "\"\"");
	check_value_refused("kernel.swiotlb", "\"many\"");
	check_value_refused("driver.version", "\"\"");
	check_value_refused("kernel.release_min", "\"new\"");
	check_value_refused("driver.version", "\"../x\"");
	check_value_accepted("driver.referer", "\"\"", "");
	check_value_refused("rpm_key.id", "\"\"");
	check_value_refused("rpm_key.sha256", "\"\"");
	check_value_refused("cuda.version", "\"\"");
}
END_TEST

START_TEST(a_package_has_the_name_of_one)
{
	static const char *const bad[] = { "\"-i\"", "\"../x\"", "\"a b\"", "\"a/b\"", "\".x\"", "\"a{b}\"" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		check_value_refused("fabricmanager.package", bad[i]);
		check_value_refused("nscq.package", bad[i]);
	}
	check_value_accepted("nscq.package", "\"libnvidia-nscq-580\"", "libnvidia-nscq-580");
	check_value_accepted("nscq.package", "\"\"", "");
	check_value_refused("nscq.package", "\"a12345678901234567890123456789012345678901234567890123456789012345\"");
}
END_TEST

START_TEST(texts_with_control_characters_or_without_end_are_refused)
{
	_cleanup_free_ char *huge = xcalloc(1, 6000);

	check_value_refused("proxy.no_proxy", "\"a\\nb\"");
	check_value_refused("proxy.no_proxy", "\"a\\u0001\"");
	check_value_refused("proxy.no_proxy", "\"\\u007f\"");
	check_value_refused("driver.args", "[\"--a\\tb\"]");
	check_value_refused("packages", "[\"\"]");
	huge[0] = '"';
	memset(huge + 1, 'x', 4097);
	huge[4098] = '"';
	check_value_refused("proxy.no_proxy", huge);
}
END_TEST

START_TEST(a_text_is_not_cut_at_a_nul)
{
	check_value_refused("driver.version", "\"550.144.03\\u0000evil\"");
	check_value_refused("packages", "[\"openssl3\\u0000evil\"]");
}
END_TEST

START_TEST(long_lists_are_refused)
{
	struct strbuf text = { 0 };

	strbuf_printf(&text, "[\"x\"");
	for (int i = 0; i < 64; i++)
		strbuf_printf(&text, ", \"x\"");
	strbuf_printf(&text, "]");
	check_value_refused("driver.args", text.s);
	strbuf_done(&text);
}
END_TEST

START_TEST(a_key_that_stands_twice_is_refused)
{
	check_refused("{\"shape\": \"single\",\n \"shape\": \"multi\"}", "line 2, column 3: the key \"shape\" stands twice");
	check_refused("{\"driver\": {\"version\": \"1\"}, \"cache\": {}, \"driver\" : {}}", "\"driver\" stands twice");
	check_refused("{\"steps\": {\"driver\": {\"attempts\": 1, \"attempts\": 2}}}", "\"attempts\" stands twice");
	check_refused("{\"shape\": \"single\", \"sh\\u0061pe\": \"multi\"}", "has a backslash in it");
	/* The same name in another object, or as a value, is another thing. */
	parse("{\"driver\": {\"version\": \"1\", \"args\": [\"version\", \"version\", \"\\\"version\\\":\", \"{\"]}, "
	      "\"cuda\": {\"version\": \"2\"}}");
	check_value("cuda.version", "2");
	config_done(&c);
}
END_TEST

START_TEST(headers_name_their_host_and_leave_the_transfers_own_alone)
{
	static const char *const bad[] = { "X-Token: t", "mirror.example X-Token", "mirror.example X-Token:t",
					   "mirror.example X-Token: ", "mirror.example  X: t", "mirror.example X Y: t",
					   "https://mirror.example X: t", "mirror.example:443 X: t", " X: t",
					   "mirror.example : t", "mirror.example Range: bytes=0-1",
					   "mirror.example host: other", "mirror.example If-Range: x" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *list = xasprintf("[\"%s\"]", bad[i]);

		check_value_refused("fetch.headers", list);
	}
	check_value_refused("fetch.headers", "[\"mirror.example X: a\\nY: b\"]");
	check_value_accepted("fetch.headers", "[\"mirror.example X-Token: a b: c\"]", "mirror.example X-Token: a b: c");
	check_value_accepted("fetch.headers", "[\"10.0.0.1 Ranger: 1\"]", "10.0.0.1 Ranger: 1");
}
END_TEST

START_TEST(what_is_no_json_names_line_and_column)
{
	check_refused("", "line 1, column 1");
	check_refused("   \n ", "line 2");
	check_refused("{\n  \"shape\": \"auto\",\n}", "line 3");
	check_refused("{\"shape\": \"auto\"} x", "line 1, column 19");
	check_refused("{\"shape\": \"auto\"}{}", "line 1, column 18");
	check_refused("{\"shape\": \"auto\"", "line 1");
	check_refused("{'shape': 'auto'}", "line 1");
	check_refused("// c\n{}", "line 1");
	check_refused("[]", "expected one JSON object");
	check_refused("7", "expected one JSON object");
	check_refused("null", "expected one JSON object");
	check_refused("\"{}\"", "expected one JSON object");
	check_refused_n("{}\0{\"shape\": \"multi\"}", 22, "line 1");
	check_refused_n("\0{}", 3, "line 1");
	parse(" \n{}\n\n");
	config_done(&c);
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
	static char text[4096];

	memset(text, '[', 2000);
	memset(text + 2000, ']', 2000);
	check_refused(text, "line 1");
}
END_TEST

START_TEST(a_file_that_is_too_large_or_unreadable_is_named)
{
	_cleanup_free_ char *big = xcalloc(1, 300 * 1024);
	struct err e = ERR_INIT;

	memset(big, ' ', 300 * 1024 - 1);
	fixture_put(PATH_CONFIG, big);
	ck_assert_int_eq(config_load(&c, PATH_CONFIG, &e), -1);
	ck_assert_str_eq(e.kind->code, CODE_CONFIG.code);
	ck_assert_has(e.msg, PATH_CONFIG);
	config_done(&c);
	ck_assert_int_eq(config_load(&c, "/etc/gn8v", &e), -1);
	ck_assert_has(e.msg, "/etc/gn8v");
	config_done(&c);
	fixture_put(PATH_CONFIG, "{\"shape\": \"multi\"}");
	ck_assert_int_eq(config_load(&c, PATH_CONFIG, &e), 0);
	check_value("shape", "multi");
	config_done(&c);
}
END_TEST

START_TEST(steps_may_have_their_own_deadline_and_attempts)
{
	parse("{\"steps\": {\"driver\": {\"timeout_s\": 1}, \"cuda\": {\"timeout_s\": 86400, \"attempts\": 3}, \"nscq\": {}}}");
	ck_assert_uint_eq(config_step(&c, "driver", "timeout_s", 60), 1);
	ck_assert_uint_eq(config_step(&c, "driver", "attempts", 2), 2);
	ck_assert_uint_eq(config_step(&c, "cuda", "timeout_s", 60), 86400);
	ck_assert_uint_eq(config_step(&c, "cuda", "attempts", 2), 3);
	ck_assert_uint_eq(config_step(&c, "nscq", "attempts", 2), 2);
	ck_assert_uint_eq(config_step(&c, "ready", "attempts", 2), 2);
	config_done(&c);
	for (size_t i = 0; i < STEP_MAX; i++) {
		_cleanup_free_ char *text = xasprintf("{\"steps\": {\"%s\": {\"timeout_s\": 5}}}", steps[i].id);

		parse(text);
		ck_assert_uint_eq(config_step(&c, steps[i].id, "timeout_s", 1), 5);
		config_done(&c);
	}
	check_refused("{\"steps\": {\"driver\": {\"timeout_s\": 0}}}", "steps.driver.timeout_s");
	check_refused("{\"steps\": {\"driver\": {\"timeout_s\": 86401}}}", "steps.driver.timeout_s");
	parse("{\"steps\": {\"packages\": {\"patience_s\": 7}}}");
	ck_assert_uint_eq(config_step(&c, "packages", "patience_s", 600), 7);
	config_done(&c);
	check_refused("{\"steps\": {\"packages\": {\"patience_s\": 0}}}", "steps.packages.patience_s");
	check_refused("{\"steps\": {\"packages\": {\"patience\": 5}}}", "steps.packages.patience");
	check_refused("{\"steps\": {\"driver\": {\"attempts\": -1}}}", "steps.driver.attempts");
	check_refused("{\"steps\": {\"driver\": {\"attempts\": \"2\"}}}", "steps.driver.attempts");
	check_refused("{\"steps\": {\"driver\": {\"attempts\": 1.5}}}", "steps.driver.attempts");
	check_refused("{\"steps\": {\"driver\": {\"attempts\": null}}}", "steps.driver.attempts");
}
END_TEST

START_TEST(all_values_in_use_are_shown_and_make_the_same_configuration)
{
	_cleanup_json_ struct json_object *first = NULL, *second = NULL;
	_cleanup_free_ char *text = NULL;

	parse("{\"driver\": {\"args\": [\"one two\"]}, \"restart\": {\"max\": 0}}");
	config_set_shape(&c, SHAPE_MULTI);
	first = config_to_json(&c);
	config_done(&c);
	text = xstrdup(json_object_to_json_string(first));
	parse(text);
	config_set_shape(&c, SHAPE_SINGLE);
	second = config_to_json(&c);
	ck_assert_str_eq(json_object_to_json_string(second), text);
	ck_assert_uint_eq(c.driver_args.n, 1);
	config_done(&c);
}
END_TEST

START_TEST(a_proxy_comes_from_the_environment_where_the_file_names_none)
{
	struct err e = ERR_INIT;

	setenv("https_proxy", "http://lower:1", 1);
	setenv("HTTPS_PROXY", "http://upper:1", 1);
	setenv("HTTP_PROXY", "http://header:1", 1);
	setenv("no_proxy", ".internal", 1);
	parse("{}");
	check_value("proxy.https", "http://lower:1");
	check_value("proxy.http", "");
	check_value("proxy.no_proxy", ".internal");
	config_done(&c);
	unsetenv("https_proxy");
	parse("{\"proxy\": {\"no_proxy\": \"\"}}");
	check_value("proxy.https", "http://upper:1");
	check_value("proxy.no_proxy", "");
	config_done(&c);
	parse("{\"proxy\": {\"https\": \"http://file:1\"}}");
	check_value("proxy.https", "http://file:1");
	config_done(&c);
	setenv("https_proxy", "proxy:3128", 1);
	ck_assert_int_eq(config_load(&c, "/etc/gn8v/config.json", &e), -1);
	ck_assert_str_eq(e.kind->code, CODE_CONFIG.code);
	ck_assert_has(e.msg, "environment: https_proxy: expected a URL");
	config_done(&c);
}
END_TEST

START_TEST(names_of_shapes_and_lists_answer)
{
	struct strlist l = { .v = (char *[]){ (char *)"a", (char *)"b", NULL }, .n = 2 };

	ck_assert_str_eq(shape_name(SHAPE_SINGLE), "single");
	ck_assert_str_eq(shape_name(SHAPE_MULTI), "multi");
	ck_assert_ptr_null(shape_name(SHAPE_UNKNOWN));
	ck_assert(strlist_has(&l, "b"));
	ck_assert(!strlist_has(&l, "c"));
	ck_assert(!strlist_has(&l, ""));
}
END_TEST

SUITE_AROUND("config", fixture_root_make, fixture_root_drop, the_defaults_are_the_procedure_for_both_shapes,
	     a_missing_file_is_an_empty_one, every_default_would_be_accepted_from_the_file,
	     every_row_of_the_table_is_whole, digests_of_known_files_are_those_of_the_procedure,
	     the_file_wins_over_the_defaults_of_both_shapes, a_wrong_type_names_file_and_key_for_every_key,
	     an_unknown_key_is_named_with_its_path, a_section_must_be_an_object,
	     numbers_outside_their_range_are_refused, urls_must_be_whole_and_of_an_allowed_scheme,
	     digests_paths_units_and_choices_are_judged, values_that_the_machine_could_not_live_with_are_refused, a_package_has_the_name_of_one,
	     texts_with_control_characters_or_without_end_are_refused, a_text_is_not_cut_at_a_nul,
	     long_lists_are_refused, a_key_that_stands_twice_is_refused, urls_of_files_must_end_in_a_name,
	     texts_of_command_lines_and_paths_are_judged, packages_are_named_as_rpm_answers_for_them, the_verifiers_packages_must_be_pinned_to_one_version,
	     headers_name_their_host_and_leave_the_transfers_own_alone,
	     what_is_no_json_names_line_and_column, deep_nesting_is_refused,
	     a_file_that_is_too_large_or_unreadable_is_named, steps_may_have_their_own_deadline_and_attempts,
	     all_values_in_use_are_shown_and_make_the_same_configuration, names_of_shapes_and_lists_answer,
	     a_proxy_comes_from_the_environment_where_the_file_names_none)
