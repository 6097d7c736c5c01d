#include "smi.h"

#include <strings.h>

#include "codes.h"
#include "core/str.h"
#include "gpu.h"
#include "paths.h"
#include "sys/run.h"

#define OUTPUT_MAX (1024 * 1024)
/* One look at the fabric, of many: 8 GPUs answer within some seconds. */
#define LOOK_S 60

/* The value behind "label:" (blanks around the colon do not count) on the one line that begins with
 * it. False when there is none, or two. */
static bool find_value(const char *text, const char *label, char *dst, size_t dst_size)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *line;
	size_t n = strlen(label), found = 0;

	while ((line = strsep(&rest, "\n"))) {
		char *s = str_trim(line), *after;

		if (strncasecmp(s, label, n) != 0)
			continue;
		after = str_trim(s + n);
		if (*after != ':')
			continue;
		found++;
		str_copy(dst, dst_size, str_trim(after + 1));
	}
	return found == 1;
}

static int parse_words(const char *text, const char *label, const char *yes, const char *no,
		       bool *ret)
{
	char value[64];

	if (!find_value(text, label, value, sizeof(value)))
		return -1;
	if (!str_eq(value, yes) && !str_eq(value, no))
		return -1;
	*ret = str_eq(value, yes);
	return 0;
}

int smi_parse_cc(const char *text, bool *ret_on)
{
	return parse_words(text, "CC status", "ON", "OFF", ret_on);
}

int smi_parse_mgm(const char *text, bool *ret_ppcie)
{
	return parse_words(text, "Multi-GPU Mode", "Protected PCIe", "None", ret_ppcie);
}

int smi_parse_devtools(const char *text, bool *ret_on)
{
	return parse_words(text, "DevTools Mode", "ON", "OFF", ret_on);
}

int smi_parse_ready(const char *text, bool *ret_ready)
{
	return parse_words(text, "Confidential Compute GPUs Ready state", "ready", "not-ready",
			   ret_ready);
}

/* --- the NVLink fabric --------------------------------------------------------------------------

 *     Fabric
 *         State                                          : Completed
 *         Status                                         : Success
 *         CliqueId                                       : 0
 *         ClusterUUID                                    : 00000000-0000-0000-0000-000000000000
 *         Health
 *             Summary                                    : Healthy
 *             Bandwidth                                  : Full
 *
 * 550 has Bandwidth alone under Health, 570 three routes and time-outs beside it, 580 the summary too. A section ends where
 * a line is no further in than its title. */

struct gpu_fabric {
	char state[64], status[64];
	bool told, bad, recovering; /* of its health */
	char trouble[160];
};

static const char *const unknown_words[] = { "", "N/A", "Not Supported", "Unknown",
					     "Unknown Error" };

static bool is_word(const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(unknown_words); i++)
		if (str_eq(value, unknown_words[i]))
			return false;
	return true;
}

static void add_trouble(struct gpu_fabric *g, const char *label, const char *value)
{
	size_t n = strlen(g->trouble);

	g->bad = true;
	snprintf(g->trouble + n, sizeof(g->trouble) - n, "%s%s: %s", n ? ", " : "", label, value);
}

/* The words in which all is well: of a summary, every other word is none of them. Of the rest, words that are not known
 * say nothing. */
static void take_health(struct gpu_fabric *g, const char *line)
{
	static const struct {
		const char *label, *good, *bad; /* NULL: any other word */
	} fields[] = {
		{"Summary",		     "Healthy", NULL	     },
		{ "Bandwidth",	       "Full",    "Degraded"},
		{ "Route Unhealthy",	     "False",   "True"    },
		{ "Incorrect Configuration", "None",    NULL	  },
	};
	static const char *const recoveries[] = { "Route Recovery in progress",
						  "Access Timeout Recovery" };
	char value[64];

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!find_value(line, fields[i].label, value, sizeof(value)) || !is_word(value))
			continue;
		if (str_eq(value, fields[i].good))
			g->told = true;
		else if (!fields[i].bad || str_eq(value, fields[i].bad))
			add_trouble(g, fields[i].label, value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(recoveries); i++)
		if (find_value(line, recoveries[i], value, sizeof(value)))
			g->recovering |= str_eq(value, "True");
}

static void take_fabric_line(struct gpu_fabric *g, const char *line)
{
	char value[64];

	if (!g->state[0] && find_value(line, "State", value, sizeof(value)))
		str_copy(g->state, sizeof(g->state), value);
	else if (!g->status[0] && find_value(line, "Status", value, sizeof(value)))
		str_copy(g->status, sizeof(g->status), value);
	else
		take_health(g, line);
}

static void count_completed(struct smi_fabric *f, const struct gpu_fabric *g)
{
	if (g->bad) {
		if (!f->unhealthy++)
			str_copy(f->trouble, sizeof(f->trouble), g->trouble);
	} else if (g->recovering) {
		f->in_progress++;
		return;
	}
	f->healthy += g->told && !g->bad;
	f->completed++;
}

static void count_gpu(struct smi_fabric *f, const struct gpu_fabric *g)
{
	f->gpus++;
	if (str_eq(g->state, "In Progress")) {
		f->in_progress++;
	} else if (str_eq(g->state, "Not Started")) {
		f->not_started++;
	} else if (!str_eq(g->state, "Completed") || str_eq(g->status, "") ||
		   str_eq(g->status, "N/A")) {
		f->unclear++;
	} else if (str_eq(g->status, "Success")) {
		count_completed(f, g);
	} else if (!f->failed++) {
		str_copy(f->failure, sizeof(f->failure), g->status);
		str_sanitise(f->failure);
	}
}

int smi_parse_fabric(const char *text, struct smi_fabric *ret)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *line;
	struct smi_fabric f = { 0 };
	struct gpu_fabric gpu = { 0 };
	bool inside = false;
	size_t depth = 0;

	while ((line = strsep(&rest, "\n"))) {
		size_t indent = strspn(line, " \t");
		char *s = str_trim(line);

		if (!*s)
			continue;
		if (inside && indent > depth) {
			take_fabric_line(&gpu, s);
			continue;
		}
		if (inside)
			count_gpu(&f, &gpu);
		inside = str_eq(s, "Fabric");
		depth = indent;
		gpu = (struct gpu_fabric){ 0 };
	}
	if (inside)
		count_gpu(&f, &gpu);
	if (f.gpus == 0)
		return -1;
	str_sanitise(f.trouble);
	*ret = f;
	return 0;
}

static int ask_within(unsigned int limit_s, const char *const *argv, char **ret_text, struct err *e)
{
	struct run r = { .argv = argv, .timeout_s = limit_s, .output_max = OUTPUT_MAX };

	if (gpu_guard(e) < 0)
		return -1;
	if (run_wait(&r, e) < 0) {
		run_done(&r);
		return err_rekind(e, &CODE_SMI);
	}
	*ret_text = TAKE_PTR(r.output);
	run_done(&r);
	return 0;
}

static int ask(struct worker *w, const char *const *argv, char **ret_text, struct err *e)
{
	return ask_within(worker_left_s(w), argv, ret_text, e);
}

static int ask_bool(struct worker *w, const char *option, int (*parse)(const char *, bool *),
		    bool *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;

	if (ask(w, ARGV(PROG_NVIDIA_SMI, "conf-compute", option), &text, e) < 0)
		return -1;
	if (parse(text, ret) == 0)
		return 0;
	str_sanitise(text);
	return err_set(e, &CODE_SMI,
		       "nvidia-smi conf-compute %s: the answer is not understood: \"%.120s\"",
		       option, text);
}

int smi_cc(struct worker *w, bool *ret_on, struct err *e)
{
	return ask_bool(w, "-f", smi_parse_cc, ret_on, e);
}

int smi_mgm(struct worker *w, bool *ret_ppcie, struct err *e)
{
	return ask_bool(w, "-mgm", smi_parse_mgm, ret_ppcie, e);
}

int smi_devtools(struct worker *w, bool *ret_on, struct err *e)
{
	return ask_bool(w, "-d", smi_parse_devtools, ret_on, e);
}

int smi_ready(struct worker *w, bool *ret_ready, struct err *e)
{
	return ask_bool(w, "-grs", smi_parse_ready, ret_ready, e);
}

int smi_set_ready(struct worker *w, bool ready, struct err *e)
{
	_cleanup_free_ char *text = NULL;

	return ask(w, ARGV(PROG_NVIDIA_SMI, "conf-compute", "-srs", ready ? "1" : "0"), &text, e);
}

int smi_fabric(struct worker *w, struct smi_fabric *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	unsigned int left_s = worker_left_s(w);

	if (ask_within(left_s < LOOK_S ? left_s : LOOK_S, ARGV(PROG_NVIDIA_SMI, "-q"), &text, e) <
	    0)
		return -1;
	if (smi_parse_fabric(text, ret) == 0)
		return 0;
	return err_set(e, &CODE_SMI, "nvidia-smi -q: no Fabric section in its answer");
}
