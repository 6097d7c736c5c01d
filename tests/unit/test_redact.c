#include "core/redact.h"

#include <dirent.h>
#include <json-c/json.h>
#include <limits.h>

#include "core/fs.h"
#include "suite.h"

static void becomes(const struct redact *r, const char *text, const char *expected)
{
	struct strbuf out = { 0 };

	strbuf_begin(&out);
	redact_text(r, text, strlen(text), &out);
	ck_assert_str_eq(out.s, expected);
	strbuf_done(&out);
}

static void stays(const char *text)
{
	becomes(NULL, text, text);
}

START_TEST(a_url_loses_its_user_and_password_and_nothing_else)
{
	becomes(NULL, "proxy http://me:pa55@10.0.0.1:3128/ is used",
		"proxy http://REMOVED@10.0.0.1:3128/ is used");
	becomes(NULL, "\"https\": \"http://me@proxy:3128\",",
		"\"https\": \"http://REMOVED@proxy:3128\",");
	becomes(NULL, "http://me:p@ss@proxy/", "http://REMOVED@proxy/");
	becomes(NULL, "http://me:pa/ss@proxy/x", "http://REMOVED@proxy/x");
	becomes(NULL, "http://a:b@one/ http://c:d@two/", "http://REMOVED@one/ http://REMOVED@two/");
	becomes(NULL, "http://me:1pa/ss@proxy and http://me:pa,ss@proxy",
		"http://REMOVED@proxy and http://REMOVED@proxy");
	becomes(NULL, "\"http://me:pa'ss@proxy\", <http://me:pa;s&s@proxy>",
		"\"http://REMOVED@proxy\", <http://REMOVED@proxy>");
	becomes(NULL, "\\\"http://me:pa?s@s@proxy\\\"", "\\\"http://REMOVED\\\"");
	becomes(NULL, "proxy=me:pw@proxy:3128 all_proxy=http://me:pw@proxy",
		"proxy=REMOVED@proxy:3128 all_proxy=http://REMOVED@proxy");
	stays("Id=user@1000.service clock=12:30:01 a@b");
	/* could be a password with a slash in it */
	becomes(NULL, "http://proxy:80/x@2/y.rpm", "http://REMOVED@2/y.rpm");
	stays("GET https://developer.download.nvidia.cn:443/compute/x2/y.rpm, then");
	stays("GET https://developer.download.nvidia.cn/compute/x@2/y.rpm, then");
}
END_TEST

START_TEST(the_query_of_a_url_goes_whole)
{
	becomes(NULL,
		"get https://m.example/x.rpm?auth_key=1700000000-0-0-0123456789abcdef0123456789abcdef: 403",
		"get https://m.example/x.rpm?REMOVED 403");
	becomes(NULL, "\"http://a.b/c?sig=x&se=2\", \"d\"", "\"http://a.b/c?REMOVED\", \"d\"");
	becomes(NULL, "http://me:pw@h/x?a=b", "http://REMOVED@h/x?REMOVED");
	becomes(NULL, "https://h/x?mail=a@b&c=d#e", "https://h/x?REMOVED");
	becomes(NULL, "https://h:443/x?mail=a@b&c=d", "https://REMOVED");
	becomes(NULL, "s3://b/x?X-Amz-Signature=ab <https://h/y?X-Amz-Credential=c>",
		"s3://b/x?REMOVED <https://h/y?REMOVED>");
	stays("https://attest-public.oss-cn-beijing.aliyuncs.com/repo/pip/attest.html#c? is it? /a/b?");
}
END_TEST

START_TEST(values_of_headers_go)
{
	becomes(NULL, "Authorization: Basic bWU6cGE1NQ==", "Authorization: REMOVED");
	becomes(NULL, "> proxy-authorization: Digest username=\"me\", response=\"12ab\"",
		"> proxy-authorization: REMOVED");
	becomes(NULL, "{ \"h\": \"Authorization: Bearer abcdefgh\", \"x\": 1 }",
		"{ \"h\": \"Authorization: REMOVED");
	becomes(NULL, "pip said: {\\\"Authorization\\\": \\\"Basic Y2FybGE6czNjcjN0\\\"}",
		"pip said: {\\\"Authorization\\\": \\\"REMOVED\\\"}");
	becomes(NULL, "{\"authorization\": Basic Y2Fy czN0", "{\"authorization\": REMOVED");
	becomes(NULL, "set-cookie: session=1; path=/", "set-cookie: REMOVED");
	becomes(NULL, "sent bearer eyJhbGciOi and more", "sent bearer REMOVED and more");
	becomes(NULL, "X-aliyun-ecs-metadata-token: AQAAAE3x\n200",
		"X-aliyun-ecs-metadata-token: REMOVED\n200");
	becomes(NULL, "x-secret-authorization: Digest a b", "x-secret-authorization: REMOVED");
	stays("metadata service: api/token: status 403");
	stays("the bearer of it");
}
END_TEST

START_TEST(values_behind_telling_names_go)
{
	becomes(NULL, "GRUB_PASSWORD=grub.pbkdf2.sha512", "GRUB_PASSWORD=REMOVED");
	becomes(NULL, "POST /a=1&access_key_id=LTAI5t&b=2", "POST /a=1&access_key_id=REMOVED");
	becomes(NULL, "\"AccessKeySecret\" : \"ab \\\" cd\", \"n\": 3",
		"\"AccessKeySecret\" : \"REMOVED\", \"n\": 3");
	becomes(NULL, "passwd = 'a b c' rest", "passwd = 'REMOVED' rest");
	becomes(NULL, "Environment=HF_TOKEN=hf_abcdefgh", "Environment=HF_TOKEN=REMOVED");
	becomes(NULL, "--api-key=abc --port 1", "--api-key=REMOVED --port 1");
	becomes(NULL, "GET /x.rpm?auth_key=1700000000-0-0-md5 HTTP/1.1",
		"GET /x.rpm?auth_key=REMOVED HTTP/1.1");
	becomes(NULL, "OSSAccessKeyId=LTAI x-oss-signature=vjbyPxyb4%3D",
		"OSSAccessKeyId=REMOVED x-oss-signature=REMOVED");
	becomes(NULL, "security-token=CAIS X-Amz-Signature=0123456789ab",
		"security-token=REMOVED X-Amz-Signature=REMOVED");
	becomes(NULL, "X-Amz-Credential=AKIA/2/s3, X-Amz-Security-Token: FwoGZXIvYXdz1",
		"X-Amz-Credential=REMOVED X-Amz-Security-Token: REMOVED");
	becomes(NULL, "NGC_KEY=nvapi-a,b;c OLLAMA_AUTH=x", "NGC_KEY=REMOVED OLLAMA_AUTH=REMOVED");
	becomes(NULL, "passphrase: hunter2 Pwd=x my.pass=y apiKey=z key2=q",
		"passphrase: REMOVED Pwd=REMOVED my.pass=REMOVED apiKey=REMOVED key2=REMOVED");
	becomes(NULL, "Environment=\"HF_TOKEN=hf a b\" \"A=1\"",
		"Environment=\"HF_TOKEN=REMOVED\" \"A=1\"");
	becomes(NULL, "Environment=A=1 NGC_API_KEY=x OLLAMA_HOST=0.0.0.0:11434",
		"Environment=A=1 NGC_API_KEY=REMOVED OLLAMA_HOST=0.0.0.0:11434");
	becomes(NULL, "yum said: proxy_password=\\\"hunter22hunter\\\" …",
		"yum said: proxy_password=\\\"REMOVED\\\" …");
	becomes(NULL, "\\\"PASSWORD=a \\\\\\\" b\\\" c", "\\\"PASSWORD=REMOVED\\\" c");
	becomes(NULL, "token='it\\'s me' {'password': 'x\\\\'}",
		"token='REMOVED' {'password': 'REMOVED'}");
	becomes(NULL, "passphrase=\"true love 1\"", "passphrase=\"REMOVED\"");
	becomes(NULL, "file.password=x rpm_key_secret=y",
		"file.password=REMOVED rpm_key_secret=REMOVED");
	becomes(NULL, "'apiKey' => 'x y', 1", "'apiKey' => 'REMOVED', 1");
	becomes(NULL, "secret=\"without an end", "secret=\"REMOVED");
	stays("x-api-key: REMOVED; next, HF_TOKEN=REMOVED");
}
END_TEST

START_TEST(values_of_options_go)
{
	becomes(NULL, "serve --api-key sk-ab1 --port 1", "serve --api-key REMOVED --port 1");
	becomes(NULL, "--password 'a b' -password x", "--password 'REMOVED' -password REMOVED");
	becomes(NULL, "['--api-key', 'sk-ab1', '--port']", "['--api-key', 'REMOVED', '--port']");
	becomes(NULL, "curl -u me:pw https://h/ --user \"me:p w\" --proxy-user=me:pw x",
		"curl -u REMOVED https://h/ --user \"REMOVED\" --proxy-user=REMOVED x");
	becomes(NULL, "curl -ume:pw https://h/ -unit: x", "curl -ume:REMOVED https://h/ -unit: x");
	becomes(NULL, "--cookie a=b; c=d", "--cookie REMOVED");
	stays("journalctl -u gn8v-agent.service -u nvidia-fabricmanager.service: no such unit");
	stays("--password --key -u");
	stays("--user root --keyboard us --keep-key-file /k");
}
END_TEST

START_TEST(texts_stay_useful)
{
	stays("report_signature: verified, signature: not there");
	stays("\"password\": null, \"secrets\": {\"a\": 1}, \"token\": \"\"");
	stays("Header V4 RSA/SHA512 Signature, key ID d42d0685: OK");
	stays("\"rpm_key\": { \"sha256\": \"d0664f\" }");
	stays("Signature   : RSA/SHA512, Tue 04 Mar 2025 08:00:00 PM CST, Key ID 9cd0a493d42d0685");
	stays("attest.rim_key_file: /etc/gn8v/rim2.key: Permission denied; keyboard=us, monkey: 12345678");
	stays("rpm-other-key: nvidia-fabric-manager-570.148.08-1.x86_64.rpm is signed by d42d0685");
	stays("rpm-key-wrong: d42d0685.pub has another digest");
	stays("modprobe: ERROR: could not insert 'nvidia': Key was rejected by service");
	stays("sig_key:        8C:F5:1F:00:11:22\nsig_hashalgo:   sha256\nsignature:      12:34:56:78:9A");
	stays("KeyringMode=private BypassRouting=1 author: 1234567890 rd.vconsole.keymap=us");
	stays("audit: type=1701 pid=12 comm=\"nvidia-smi\" sig=11 res=1");
	stays("After=systemd-ask-password-console.path sysinit.target\nPIDFile=/run/nvidia-persistenced/nvidia-persistenced.pid");
}
END_TEST

static void file_becomes(const struct redact *r, const char *text, const char *expected)
{
	struct json_object *o, *wanted = json_tokener_parse(expected);
	struct strbuf out = { 0 };

	strbuf_begin(&out);
	redact_file(r, text, strlen(text), &out);
	o = json_tokener_parse(out.s);
	ck_assert_msg(o && json_object_equal(o, wanted), "%s", out.s);
	json_object_put(o);
	json_object_put(wanted);
	strbuf_done(&out);
}

START_TEST(a_json_file_is_json_afterwards)
{
	struct redact r = { 0 };
	struct strbuf out = { 0 };

	redact_secret(&r, "s3cr3t-\"value");
	file_becomes(
		&r,
		"{\"a\": \"yum said: proxy_password=\\\"hunter22hunter\\\" \\u2026\","
		"\"b\": [\"pip said: {\\\"Authorization\\\": \\\"Basic Y2FybGE6czNjcjN0\\\"}\", 1.50, null, true],"
		"\"c\": \"Cookie: a=b\", \"d\": \"key: s3cr3t-\\\"value\", \"http://a:b@c/\": \"-----BEGIN PRIVATE KEY-----\\nMIIE\"}",
		"{\"a\": \"yum said: proxy_password=\\\"REMOVED\\\" \\u2026\","
		"\"b\": [\"pip said: {\\\"Authorization\\\": \\\"REMOVED\\\"}\", 1.50, null, true],"
		"\"c\": \"Cookie: REMOVED\", \"d\": \"key: REMOVED\", \"http://REMOVED@c/\": \"REMOVED\\n\"}");
	file_becomes(
		NULL,
		" {\"token\": \"ab\", \"api_key\": 12, \"credentials\": {\"user\": \"me\", \"list\": [\"x\", 3, false]},"
		"\"argv\": [\"--password\", \"-x y\", \"-u\", \"me:pw\", \"z\"], \"key_file\": \"/a\", \"secret\": \"\","
		"\"rpm_key\": {\"id\": \"d42d0685\", \"sha256\": \"00\"}, \"checks\": [{\"name\": \"report_signature\"}]}",
		"{\"token\": \"REMOVED\", \"api_key\": \"REMOVED\", \"credentials\": {\"user\": \"REMOVED\", \"list\": [\"REMOVED\", \"REMOVED\", false]},"
		"\"argv\": [\"--password\", \"REMOVED\", \"-u\", \"REMOVED\", \"z\"], \"key_file\": \"/a\", \"secret\": \"\","
		"\"rpm_key\": {\"id\": \"d42d0685\", \"sha256\": \"00\"}, \"checks\": [{\"name\": \"report_signature\"}]}");
	redact_done(&r);

	strbuf_begin(&out);
	redact_file(NULL, "{\"a\": \"password=\\\"hunter 2\\\"\", \"secret\": \"b\", ", 46, &out);
	ck_assert_str_eq(out.s, "{\"a\": \"password=\\\"REMOVED\\\"\", \"secret\": \"REMOVED\", ");
	strbuf_done(&out);
}
END_TEST

START_TEST(private_keys_go_and_certificates_stay)
{
	becomes(NULL,
		"a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd==\n-----END RSA PRIVATE KEY-----\nb\n",
		"a\nREMOVED\n\n\nREMOVED\nb\n");
	becomes(NULL, "k: \"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n\"",
		"k: \"REMOVED\\n\"");
	becomes(NULL, "-----BEGIN PRIVATE KEY-----\nMIIE", "REMOVED\n");
	becomes(NULL,
		"-----BEGIN CERTIFICATE-----x-----END CERTIFICATE----- -----BEGIN EC PRIVATE KEY-----y-----END EC PRIVATE KEY-----"
		"-----BEGIN PRIVATE KEY-----z",
		"-----BEGIN CERTIFICATE-----x-----END CERTIFICATE----- REMOVEDREMOVED");
	stays("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n");
}
END_TEST

START_TEST(a_named_secret_goes_wherever_it_stands)
{
	struct redact r = { 0 };

	redact_secret(&r, "s3cr3t-value");
	redact_secret(&r, "short"); /* would be found in other words */
	redact_secret(&r, NULL);
	becomes(&r, "token-s3cr3t-value: 1", "token-REMOVED: 1");
	becomes(&r, "xs3cr3t-valuey, short\ns3cr3t-value", "xREMOVEDy, short\nREMOVED");
	redact_done(&r);
}
END_TEST

START_TEST(identifiers_stay_and_a_nul_is_no_end)
{
	struct strbuf out = { 0 };

	stays("i-2ze00000000000000twn eni-2ze1 00:16:3e:00:00:01 GPU-e1e94012-8c7b-f9a2-d712-fc5b014f364c");
	stays("");
	redact_text(NULL, "a\0password=x", 12, &out);
	ck_assert_str_eq(out.s, "a?password=REMOVED");
	strbuf_done(&out);
}
END_TEST

static void line_by_line(const char *path, char *text)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		struct strbuf out = { 0 };

		strbuf_begin(&out);
		redact_text(NULL, line, strlen(line), &out);
		/* one long description from PyPI has URLs with queries in it */
		ck_assert_msg(str_eq(out.s, line) || strstr(line, "\"description\": "),
			      "%s: %.1000s", path, out.s);
		strbuf_done(&out);
	}
}

/* Each file below the folder is the same afterwards; their number. */
static unsigned int folder_stays(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned int n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		_cleanup_free_ char *path = xasprintf("%s/%s", folder, entry->d_name), *text = NULL;
		struct err e = ERR_INIT;

		if (entry->d_type == DT_DIR && *entry->d_name != '.')
			n += folder_stays(path);
		if (entry->d_type != DT_REG || str_ends(path, ".md"))
			continue;
		ck_assert_msg(fs_read(path, 4 << 20, &text, NULL, &e) == 0, "%s", e.msg);
		line_by_line(path, text);
		n++;
	}
	closedir(dir);
	return n;
}

START_TEST(words_of_real_programs_stay)
{
	const char *slash = strrchr(__FILE__, '/');
	_cleanup_free_ char *here =
		xasprintf("%.*s/../fixtures/real", (int)(slash - __FILE__), __FILE__);
	_cleanup_free_ char *more =
		xasprintf("%.*s/../../../shared/real", (int)(slash - __FILE__), __FILE__);
	char path[PATH_MAX];

	ck_assert_ptr_nonnull(realpath(here, path));
	ck_assert_uint_gt(folder_stays(path), 40);
	if (!realpath(more, path) || folder_stays(path) == 0)
		printf("skipped: there is no %s\n", more);
}
END_TEST

SUITE("redact", a_url_loses_its_user_and_password_and_nothing_else, the_query_of_a_url_goes_whole,
      values_of_headers_go, values_behind_telling_names_go, values_of_options_go, texts_stay_useful,
      a_json_file_is_json_afterwards, words_of_real_programs_stay,
      private_keys_go_and_certificates_stay, a_named_secret_goes_wherever_it_stands,
      identifiers_stay_and_a_nul_is_no_end)
