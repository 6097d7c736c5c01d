#include "download.h"

#include "core/str.h"
#include "machine.h"
#include "suite.h"

#define REFERER "https://www.nvidia.cn/"

static struct config c;

/* The headers of a request, one behind another; "-" where there are none. */
static void check(const char *config, const char *url, const char *referer, const char *expected)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	const char **headers;
	struct err e = ERR_INIT;

	ck_assert_msg(config_parse(&c, config, strlen(config), "config.json", &e) == 0, "%s",
		      e.msg);
	headers = download_headers(&c, url, referer);
	strbuf_begin(&text);
	for (size_t i = 0; headers[i]; i++)
		strbuf_printf(&text, "%s%s", i ? ", " : "", headers[i]);
	ck_assert_str_eq(text.len ? text.s : "-", expected);
	download_free_headers(headers);
	config_done(&c);
}

START_TEST(the_referer_goes_to_the_site_that_asks_for_it)
{
	check("{}", "https://cn.download.nvidia.cn/a.run", REFERER, "Referer: " REFERER);
	check("{}", "https://CN.download.NVIDIA.cn:443/a.run", REFERER, "Referer: " REFERER);
	check("{}", "https://cn.download.nvidia.cn/a.run", NULL, "-");
	check("{}", "https://mirror.example/a.run", REFERER, "-");
	check("{}", "https://nvidia.cn.mirror.example/a.run", REFERER, "-");
	check("{}", "https://notnvidia.cn/a.run", REFERER, "-");
	check("{}", "https://cn.download.nvidia.cn@mirror.example/a.run", REFERER, "-");
	check("{}", "https://mirror.example?.nvidia.cn", REFERER, "-");
}
END_TEST

#define HEADERS                                                                            \
	"{\"fetch\": {\"headers\": [\"mirror.example X-A: 1\", \"other.example X-B: 2\", " \
	"\"Mirror.Example X-C: 3 4\", \"cn.download.nvidia.cn referer: mine\"]}}"

START_TEST(a_host_gets_its_own_headers_and_no_others)
{
	check(HEADERS, "https://mirror.example/a", NULL, "X-A: 1, X-C: 3 4");
	check(HEADERS, "https://mirror.example:8443/a?b#c", NULL, "X-A: 1, X-C: 3 4");
	check(HEADERS, "https://user:word@other.example/a", NULL, "X-B: 2");
	check(HEADERS, "https://www.mirror.example/a", NULL, "-");
	check(HEADERS, "https://mirror/a", NULL, "-");
	check(HEADERS, "https://third.example/mirror.example/", NULL, "-");
}
END_TEST

START_TEST(a_configured_referer_takes_the_place_of_the_procedures)
{
	check(HEADERS, "https://cn.download.nvidia.cn/a", REFERER, "referer: mine");
	check(HEADERS, "https://us.download.nvidia.cn/a", REFERER, "Referer: " REFERER);
}
END_TEST

SUITE("download", the_referer_goes_to_the_site_that_asks_for_it,
      a_host_gets_its_own_headers_and_no_others,
      a_configured_referer_takes_the_place_of_the_procedures)
