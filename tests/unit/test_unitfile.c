#include "unitfile.h"

#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

/* R10, to the letter. */
#define SINGLE(before)                                                                             \
	"[Unit]\n"                                                                                 \
	"Description=NVIDIA Persistence Daemon\n"                                                  \
	"Wants=syslog.target\n"                                                                    \
	"Before=" before "\n"                                                                      \
	"\n"                                                                                       \
	"[Service]\n"                                                                              \
	"Type=forking\n"                                                                           \
	"ExecStart=/usr/bin/nvidia-persistenced --user root\n"                                     \
	"ExecStartPost=/usr/bin/nvidia-smi conf-compute -srs 1\n"                                  \
	"ExecStopPost=/bin/rm -rf /var/run/nvidia-persistenced\n"                                  \
	"\n"                                                                                       \
	"[Install]\n"                                                                              \
	"WantedBy=multi-user.target\n"
#define MULTI(before)                                                                              \
	"[Unit]\n"                                                                                 \
	"Description=NVIDIA Persistence Daemon\n"                                                  \
	"Wants=syslog.target\n"                                                                    \
	"Before=" before "\n"                                                                      \
	"After=nvidia-fabricmanager.service\n"                                                     \
	"\n"                                                                                       \
	"[Service]\n"                                                                              \
	"Type=forking\n"                                                                           \
	"ExecStart=/usr/bin/nvidia-persistenced --user root --uvm-persistence-mode --verbose\n"    \
	"ExecStartPost=/usr/bin/nvidia-smi conf-compute -srs 1\n"                                  \
	"ExecStopPost=/bin/rm -rf /var/run/nvidia-persistenced\n"                                  \
	"TimeoutStartSec=900\n"                                                                    \
	"TimeoutStopSec=60\n"                                                                      \
	"\n"                                                                                       \
	"[Install]\n"                                                                              \
	"WantedBy=multi-user.target\n"
#define ALONE "{\"services\": {\"gpu\": [\"cloudmonitor.service\"]}}"
#define THREE "cloudmonitor.service nvidia-cdi-refresh.service ollama.service"

static const char *const templates[] = { "persistenced-single.service", "persistenced-multi.service",
					 "10-gn8v-hold.conf",		"50-gn8v-order.conf",
					 "50-gn8v-timeout.conf",	"60-gn8v-gate.conf" };

/* The templates as `make install` puts them. */
static void install_templates(void)
{
	fixture_root_make();
	for (size_t i = 0; i < ARRAY_SIZE(templates); i++) {
		_cleanup_free_ char *from = xasprintf("../../../systemd/%s", templates[i]);
		_cleanup_free_ char *to = xasprintf(PATH_TEMPLATES "/%s", templates[i]);
		_cleanup_free_ char *text = fixture_text(from);

		fixture_put(to, text);
	}
}

static void check_text(const char *config, enum shape shape, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	struct err e = ERR_INIT;
	struct config c;

	ck_assert_int_eq(config_parse(&c, config, strlen(config), "config.json", &e), 0);
	config_set_shape(&c, shape);
	ck_assert_msg(unitfile_persistenced(&c, &text, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(text, expected);
	config_done(&c);
}

START_TEST(with_cloudmonitor_alone_the_units_are_the_procedures_byte_for_byte)
{
	check_text(ALONE, SHAPE_SINGLE, SINGLE("cloudmonitor.service"));
	check_text(ALONE, SHAPE_MULTI, MULTI("cloudmonitor.service"));
}
END_TEST

START_TEST(the_default_list_widens_the_before_line)
{
	check_text("{}", SHAPE_SINGLE, SINGLE(THREE));
	check_text("{}", SHAPE_MULTI, MULTI(THREE));
}
END_TEST

START_TEST(what_basic_target_waits_for_is_left_out_of_the_before_line)
{
	check_text("{\"services\": {\"gpu\": [\"a.path\", \"b.service\", \"c.socket\", \"d.timer\"]}}", SHAPE_SINGLE,
		   SINGLE("b.service d.timer"));
}
END_TEST

START_TEST(an_empty_list_leaves_an_empty_line_that_systemd_accepts)
{
	check_text("{\"services\": {\"gpu\": []}}", SHAPE_SINGLE, SINGLE(""));
}
END_TEST

START_TEST(drop_ins_lie_where_systemd_reads_them_and_say_what_they_are_for)
{
	static const struct {
		enum unitfile_dropin kind;
		const char *path, *line;
	} dropins[] = {
		{ UNITFILE_HOLD, "/etc/systemd/system/ollama.service.d/10-gn8v-hold.conf",
		  "\nConditionPathExists=!" PATH_HOLD "\n" },
		{ UNITFILE_ORDER, "/etc/systemd/system/ollama.service.d/50-gn8v-order.conf",
		  "\nAfter=nvidia-persistenced.service\n" },
		{ UNITFILE_TIMEOUT, "/etc/systemd/system/ollama.service.d/50-gn8v-timeout.conf",
		  "[Service]\nTimeoutStartSec=900\n" },
		{ UNITFILE_GATE, "/etc/systemd/system/ollama.service.d/60-gn8v-gate.conf",
		  "\nAssertPathExists=" PATH_READY "\nPartOf=" UNIT_READY "\nAfter=" UNIT_READY "\n" },
	};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(dropins); i++) {
		_cleanup_free_ char *path = unitfile_dropin_path(dropins[i].kind, "ollama.service"), *text = NULL;

		ck_assert_str_eq(path, dropins[i].path);
		ck_assert_int_eq(unitfile_dropin_text(dropins[i].kind, &text, &e), 0);
		ck_assert_has(text, dropins[i].line);
		ck_assert(str_starts(text, "# Put here by gn8v"));
	}
}
END_TEST

START_TEST(a_drop_in_is_written_once_and_removed_once)
{
	_cleanup_free_ char *path = unitfile_dropin_path(UNITFILE_ORDER, "a.service");
	struct err e = ERR_INIT;
	bool changed = false;
	ino_t before;

	ck_assert_int_eq(unitfile_dropin_write(UNITFILE_ORDER, "a.service", &changed, &e), 0);
	ck_assert(changed && fs_exists(path));
	before = fixture_inode(path);
	changed = false;
	ck_assert_int_eq(unitfile_dropin_write(UNITFILE_ORDER, "a.service", &changed, &e), 0);
	ck_assert(!changed);
	ck_assert_uint_eq(fixture_inode(path), before);
	fixture_put(path, "edited\n");
	ck_assert_int_eq(unitfile_dropin_write(UNITFILE_ORDER, "a.service", &changed, &e), 0);
	ck_assert(changed);
	changed = false;
	ck_assert_int_eq(unitfile_dropin_remove(UNITFILE_ORDER, "a.service", &changed, &e), 0);
	ck_assert(changed && !fs_exists(path));
	changed = false;
	ck_assert_int_eq(unitfile_dropin_remove(UNITFILE_ORDER, "a.service", &changed, &e), 0);
	ck_assert(!changed);
	ck_assert_int_eq(unitfile_dropin_write(UNITFILE_ORDER, "a.service", NULL, &e), 0);
	ck_assert_int_eq(unitfile_dropin_remove(UNITFILE_ORDER, "a.service", NULL, &e), 0);
}
END_TEST

START_TEST(the_gate_drop_ins_on_disk_say_which_units_are_gated)
{
	struct fs_names gated;
	struct err e = ERR_INIT;

	ck_assert_int_eq(unitfile_gated(&gated, &e), 0);
	ck_assert_uint_eq(gated.n, 0);
	ck_assert_int_eq(unitfile_dropin_write(UNITFILE_GATE, "vllm.service", NULL, &e), 0);
	ck_assert_int_eq(unitfile_dropin_write(UNITFILE_GATE, "a@1.timer", NULL, &e), 0);
	ck_assert_int_eq(unitfile_dropin_write(UNITFILE_ORDER, "ollama.service", NULL, &e), 0);
	fixture_put(PATH_ETC_UNITS "/x.service", "[Unit]\n");
	ck_assert_int_eq(unitfile_gated(&gated, &e), 0);
	ck_assert_uint_eq(gated.n, 2);
	ck_assert_str_eq(gated.v[0], "a@1.timer");
	ck_assert_str_eq(gated.v[1], "vllm.service");
	fs_names_done(&gated);
}
END_TEST

START_TEST(a_missing_or_broken_template_is_named)
{
	_cleanup_free_ char *text = NULL;
	struct err e = ERR_INIT;
	struct config c;

	ck_assert_int_eq(config_parse(&c, "{}", 2, "config.json", &e), 0);
	fixture_put(PATH_TEMPLATES "/persistenced-single.service", "[Unit]\n");
	ck_assert_int_eq(unitfile_persistenced(&c, &text, &e), -1);
	ck_assert_has(e.msg, PATH_TEMPLATES "/persistenced-single.service");
	ck_assert_int_eq(fs_unlink(PATH_TEMPLATES "/persistenced-single.service", &e), 0);
	ck_assert_int_eq(unitfile_persistenced(&c, &text, &e), -1);
	ck_assert_has(err_hint_text(&e), "install gn8v again");
	ck_assert_ptr_null(text);
	config_done(&c);
}
END_TEST

START_TEST(a_drop_in_that_changes_what_runs_decides)
{
	static const struct {
		const char *text, *sets;
	} rows[] = {
		{ "[Service]\nExecStart=\nExecStart=/usr/bin/nvidia-persistenced --user nvidia --no-persistence-mode\n", "ExecStart" },
		{ "[Unit]\nAfter=x.service\n[Service]\n ExecStartPost = \n", "ExecStartPost" },
		{ "[Service]\nType=simple\n", "Type" },
		{ "[Service]\nEnvironment=A=1 \\\n# in between\n\nUser=nvidia\n", "User" },
		{ "[Service]\n# a comment does not go on \\\nExecStart=/bin/true\n", "ExecStart" },
		{ "[Service]\nTimeoutStartSec=1200\nEnvironment=ExecStart=x\nTimeoutStopSec=5\n", NULL },
		{ "[Service]\nExecStartPre=/sbin/modprobe nvidia-uvm\n", "ExecStartPre" },
		{ "[Service]\nRestart=no\nRestart=\n", NULL },
		{ "[Service]\nRestart=no\nRestart=on-failure\n", "Restart" },
		{ "[Service]\nRuntimeMaxSec=60\n", "RuntimeMaxSec" },
		{ "[Service]\nEnvironment=A=1 \\\nExecStart=/bin/true\n", NULL },
		{ "[Unit]\nStartLimitIntervalSec=600\nType=simple\n[X-Service]\nExecStart=x\n", NULL },
		{ "", NULL },
	};
	char sets[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool decides = unitfile_decides(rows[i].text, sets);

		ck_assert_msg(decides == (rows[i].sets != NULL), "%s", rows[i].text);
		if (decides)
			ck_assert_str_eq(sets, rows[i].sets);
	}
}
END_TEST

START_TEST(a_drop_in_says_of_time_and_order_what_it_sets)
{
	char sets[32];

	ck_assert(unitfile_sets_timeout("[Service]\nTimeoutStartSec=3\n", sets));
	ck_assert_str_eq(sets, "TimeoutStartSec");
	ck_assert(unitfile_sets_timeout("[Service]\nTimeoutStartSec=3\nTimeoutSec=5\n", sets));
	ck_assert_str_eq(sets, "TimeoutSec");
	ck_assert(!unitfile_sets_timeout("[Service]\nTimeoutStopSec=3\n[Unit]\nTimeoutSec=3\n", sets));
	ck_assert(unitfile_orders("[Unit]\nAfter=a.service multi-user.target\n", "multi-user.target"));
	ck_assert(!unitfile_orders("[Unit]\nBefore=multi-user.target\n[Service]\nAfter=multi-user.target\n",
				   "multi-user.target"));
}
END_TEST

START_TEST(a_unit_file_has_one_path_with_and_without_usr)
{
	ck_assert(unitfile_is_path("/lib/systemd/system/nvidia-persistenced.service", PATH_PERSISTENCED_UNIT));
	ck_assert(unitfile_is_path(PATH_PERSISTENCED_UNIT, PATH_PERSISTENCED_UNIT));
	ck_assert(!unitfile_is_path(PATH_ETC_UNITS "/nvidia-persistenced.service", PATH_PERSISTENCED_UNIT));
	ck_assert(!unitfile_is_path("", PATH_PERSISTENCED_UNIT));
}
END_TEST

START_TEST(a_mask_counts_whether_systemd_has_read_it_or_not)
{
	struct unit_state s = { .load = "loaded", .file_state = "enabled" };

	ck_assert(!unitfile_is_masked(&s));
	str_copy(s.file_state, sizeof(s.file_state), "masked-runtime");
	ck_assert(unitfile_is_masked(&s));
	str_copy(s.file_state, sizeof(s.file_state), "");
	str_copy(s.load, sizeof(s.load), "masked");
	ck_assert(unitfile_is_masked(&s));
}
END_TEST

SUITE_AROUND("unitfile", install_templates, fixture_root_drop,
	     with_cloudmonitor_alone_the_units_are_the_procedures_byte_for_byte,
	     the_default_list_widens_the_before_line,
	     what_basic_target_waits_for_is_left_out_of_the_before_line,
	     an_empty_list_leaves_an_empty_line_that_systemd_accepts,
	     drop_ins_lie_where_systemd_reads_them_and_say_what_they_are_for,
	     a_drop_in_is_written_once_and_removed_once, the_gate_drop_ins_on_disk_say_which_units_are_gated,
	     a_missing_or_broken_template_is_named, a_drop_in_that_changes_what_runs_decides,
	     a_drop_in_says_of_time_and_order_what_it_sets,
	     a_unit_file_has_one_path_with_and_without_usr, a_mask_counts_whether_systemd_has_read_it_or_not)
