#include "smi.h"

#include <strings.h>

#include "codes.h"
#include "core/str.h"
#include "gpu.h"
#include "paths.h"
#include "sys/run.h"

#define OUTPUT_MAX (1024 * 1024)

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

/*     Fabric
 *         State                             : Completed
 *         Status                            : Success
 * The status only counts once the state is Completed. */
int smi_parse_fabric(const char *text, unsigned int *ret_gpus, unsigned int *ret_completed)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *line, value[64];
	unsigned int gpus = 0, completed = 0;
	bool state_ok = false, in_fabric = false;

	while ((line = strsep(&rest, "\n"))) {
		char *s = str_trim(line);

		if (str_eq(s, "Fabric")) {
			gpus++;
			in_fabric = true;
			state_ok = false;
		} else if (in_fabric && find_value(s, "State", value, sizeof(value))) {
			state_ok = str_eq(value, "Completed");
		} else if (in_fabric && find_value(s, "Status", value, sizeof(value))) {
			completed += state_ok && str_eq(value, "Success");
			in_fabric = false;
		} else if (*s && !strchr(s, ':')) {
			in_fabric = false; /* another section's title */
		}
	}
	if (gpus == 0)
		return -1;
	*ret_gpus = gpus;
	*ret_completed = completed;
	return 0;
}

static int ask(struct worker *w, const char *const *argv, char **ret_text, struct err *e)
{
	struct run r = { .argv = argv, .timeout_s = worker_left_s(w), .output_max = OUTPUT_MAX };

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

int smi_fabric(struct worker *w, unsigned int *ret_gpus, unsigned int *ret_completed, struct err *e)
{
	_cleanup_free_ char *text = NULL;

	if (ask(w, ARGV(PROG_NVIDIA_SMI, "-q"), &text, e) < 0)
		return -1;
	if (smi_parse_fabric(text, ret_gpus, ret_completed) == 0)
		return 0;
	return err_set(e, &CODE_SMI, "nvidia-smi -q: no Fabric section in its answer");
}
