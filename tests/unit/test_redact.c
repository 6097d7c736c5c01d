#include "core/redact.h"

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
	stays("GET https://developer.download.nvidia.cn:443/compute/x@2/y.rpm, then");
	stays("https://attest-public.oss-cn-beijing.aliyuncs.com/repo/pip/attest.html?a=b#c");
}
END_TEST

START_TEST(values_of_headers_go)
{
	becomes(NULL, "Authorization: Basic bWU6cGE1NQ==", "Authorization: REMOVED");
	becomes(NULL, "> proxy-authorization: Digest username=\"me\", response=\"12ab\"",
		"> proxy-authorization: REMOVED");
	becomes(NULL, "{ \"h\": \"Authorization: Bearer abcdefgh\", \"x\": 1 }",
		"{ \"h\": \"Authorization: REMOVED\", \"x\": 1 }");
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
	becomes(NULL, "a=1&access_key_id=LTAI5t&b=2", "a=1&access_key_id=REMOVED&b=2");
	becomes(NULL, "\"AccessKeySecret\" : \"ab \\\" cd\", \"n\": 3",
		"\"AccessKeySecret\" : \"REMOVED\", \"n\": 3");
	becomes(NULL, "passwd = 'a b c' rest", "passwd = 'REMOVED' rest");
	becomes(NULL, "Environment=HF_TOKEN=hf_abcdefgh", "Environment=HF_TOKEN=REMOVED");
	becomes(NULL, "--api-key=abc --port 1", "--api-key=REMOVED --port 1");
	becomes(NULL,
		"GET https://b.oss/gn8v.rpm?Expires=1&OSSAccessKeyId=LTAI&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D",
		"GET https://b.oss/gn8v.rpm?Expires=1&OSSAccessKeyId=REMOVED&Signature=REMOVED");
	stays("report_signature: verified, signature: not there");
	stays("\"password\": null, \"secrets\": {\"a\": 1}, \"token\": \"\"");
	stays("Header V4 RSA/SHA512 Signature, key ID d42d0685: OK");
	stays("\"rpm_key\": { \"sha256\": \"d0664f\" }");
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

SUITE("redact", a_url_loses_its_user_and_password_and_nothing_else, values_of_headers_go,
      values_behind_telling_names_go, private_keys_go_and_certificates_stay,
      a_named_secret_goes_wherever_it_stands, identifiers_stay_and_a_nul_is_no_end)
