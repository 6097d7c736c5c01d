#include "net/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <strings.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "net/hash.h"
#include "net/http.h"
#include "net/part.h"
#include "net/transfer.h"

#define TICK_US UINT64_C(1000000)
/* A source that brings less before it fails is no better than the next one. */
#define WORTH_STAYING (UINT64_C(1) << 20)

#define RATE_WEIGHT 0.4 /* of the newest second */

_Static_assert(SHA256_HEX_SIZE == HASH_HEX_SIZE, "one size of digests");

/* How one source fared. */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_LATER, /* may work in the next round */
	OUTCOME_NEVER, /* this source is out */
	OUTCOME_STOP,  /* no source will help */
};

struct source {
	const struct fetch_source *from;
	bool out;
	bool told;		/* that it failed */
	bool started_over;	/* threw kept bytes away once already */
	uint64_t not_before_us; /* as it asked for */
};

struct job {
	struct fetch *f;
	struct part part;
	struct source *sources;
	size_t n_sources;
	uint64_t deadline_us;
	struct transfer transfer; /* the last one */
	struct err worst;	  /* what to tell when every source failed */
	struct {
		uint64_t t_us, bytes;
		double rate;
	} last; /* progress as it was told last */
};

static void tell_progress(struct job *j, bool at_end)
{
	uint64_t now = clock_monotonic_us(), elapsed = now - j->last.t_us;
	struct fetch_progress p = { .bytes = j->part.bytes,
				    .connections = j->transfer.connections };
	double rate;

	if (!j->f->on_progress || (!at_end && elapsed < TICK_US))
		return;
	if (elapsed >= TICK_US / 4) {
		uint64_t came = p.bytes > j->last.bytes ? p.bytes - j->last.bytes : 0;

		rate = (double)came * 1e6 / (double)elapsed;
		j->last.rate += (j->last.rate > 0 ? RATE_WEIGHT : 1) * (rate - j->last.rate);
	}
	j->last.t_us = now;
	j->last.bytes = p.bytes;
	p.total = j->part.origin.size ? j->part.origin.size : j->f->size;
	p.rate = j->last.rate;
	j->f->on_progress(&p, j->f->on_data);
}

static void on_tick(void *data)
{
	tell_progress(data, false);
}

static uint64_t size_expected(const struct job *j)
{
	return j->f->size ? j->f->size : j->part.origin.size;
}

/* Kept bytes may be continued where they came from if the server can tell that it still has the
 * same file, and anywhere if the digest will judge them. */
static bool may_continue(const struct job *j, const char *url)
{
	const struct part_origin *o = &j->part.origin;
	uint64_t size = size_expected(j);

	if (size && j->part.here.n && j->part.here.v[j->part.here.n - 1].end > size)
		return false;
	return j->f->sha256 ||
	       (str_eq(o->url, url) && (*o->etag || *o->last_modified) && j->part.bytes != size);
}

static bool is_complete(const struct job *j)
{
	uint64_t size = size_expected(j);

	return j->f->sha256 && size && part_is_whole(&j->part, size);
}

static bool other_is_left(const struct job *j, const struct source *than)
{
	for (size_t i = 0; i < j->n_sources; i++)
		if (&j->sources[i] != than && !j->sources[i].out)
			return true;
	return false;
}

static int transfer(struct job *j, struct source *s, struct err *e)
{
	struct transfer *t = &j->transfer;
	int r;

	*t = (struct transfer){ .fetch = j->f,
				.source = s->from,
				.part = &j->part,
				.single = s->started_over,
				.others = other_is_left(j, s),
				.deadline_us = j->deadline_us,
				.on_tick = on_tick,
				.on_tick_data = j };
	if (j->part.bytes && !may_continue(j, s->from->url) && part_reset(&j->part, e) < 0)
		return -1;
	if (is_complete(j))
		return 0;
	j->f->attempts++;
	r = transfer_run(t, e);
	j->f->received += t->received;
	if (r < 0 && !t->start_over && part_save(&j->part, e) < 0)
		t->may_pass = false; /* e is about the disk now */
	return r;
}

/* The part is whole: is it what was asked for? The digest is of the bytes as they came; that nobody
 * else writes the file meanwhile is the part's lock. */
static int judge(struct job *j, struct err *e)
{
	const struct fetch *f = j->f;
	char found[SHA256_HEX_SIZE];

	if (!hash_hex(j->part.hash, found))
		return err_set(e, &ERR_INTERNAL, "SHA-256 failed in the crypto library");
	if (f->sha256 && strcasecmp(found, f->sha256) != 0)
		return err_set(e, &ERR_DIGEST, "SHA-256 is %s, expected %s", found, f->sha256);
	if (f->size && j->part.bytes != f->size)
		return err_set(e, &ERR_DIGEST, "%llu bytes, expected %llu",
			       (unsigned long long)j->part.bytes, (unsigned long long)f->size);
	str_copy(j->f->got_sha256, sizeof(j->f->got_sha256), found);
	return 0;
}

static enum outcome outcome_of(const struct err *e, bool may_pass)
{
	if (may_pass)
		return OUTCOME_LATER;
	if (e->kind == &ERR_HTTP || e->kind == &ERR_NETWORK || e->kind == &ERR_UNTRUSTED ||
	    e->kind == &ERR_DIGEST || e->kind == &ERR_TOO_LARGE || e->kind == &ERR_ARGUMENT)
		return OUTCOME_NEVER;
	return OUTCOME_STOP;
}

/* Kept bytes that turned out wrong must not spoil every later try: once per source the file is
 * fetched anew. */
static bool starts_over(struct job *j, struct source *s, bool wanted)
{
	struct err ignored = ERR_INIT;

	if (!wanted || part_reset(&j->part, &ignored) < 0 || s->started_over)
		return false;
	s->started_over = true;
	return true;
}

/* Waits before try `tries` + 1, and says meanwhile that nothing comes. False, at once, when the time
 * would be over by then. */
static bool back_off(struct job *j, unsigned int tries, uint64_t not_before_us)
{
	uint64_t until_us = http_backoff_until(tries, not_before_us, j->deadline_us);
	uint64_t now_us = clock_monotonic_us();

	for (; now_us < until_us; now_us = clock_monotonic_us()) {
		clock_sleep_us(until_us - now_us < TICK_US ? until_us - now_us : TICK_US);
		tell_progress(j, false);
	}
	return until_us != 0;
}

/* Stays with a source as long as it brings something. */
static enum outcome try_source(struct job *j, struct source *s, struct err *e)
{
	const struct transfer *t = &j->transfer;

	for (;;) {
		uint64_t before = j->part.bytes;

		if (transfer(j, s, e) == 0) {
			if (judge(j, e) == 0)
				return part_finish(&j->part, e) < 0 ? OUTCOME_STOP : OUTCOME_DONE;
			/* One answer with wrong bytes is the server's file; several may not fit. */
			if (!starts_over(j, s, j->part.answers > 1)) {
				part_reset(&j->part, NULL);
				return outcome_of(e, false);
			}
		} else if (!starts_over(j, s, t->start_over)) {
			s->not_before_us =
				clock_monotonic_us() + (uint64_t)t->retry_after_s * 1000000;
			if (!t->may_pass || t->retry_after_s ||
			    j->part.bytes < before + WORTH_STAYING || !back_off(j, 0, 0))
				return outcome_of(e, t->may_pass);
		}
	}
}

/* A wrong digest is worth more words than a mirror that is down. */
static void note(struct job *j, struct source *s, const struct err *e)
{
	if (j->worst.kind != &ERR_DIGEST || e->kind == &ERR_DIGEST)
		j->worst = *e;
	/* What is too large is not gone on with anywhere. */
	if (e->kind == &ERR_TOO_LARGE)
		part_reset(&j->part, NULL);
	if (j->f->on_trouble && (!s->told || s->out))
		j->f->on_trouble(e, s->out, j->f->on_data);
	s->told = true;
}

static enum outcome try_each(struct job *j)
{
	enum outcome best = OUTCOME_NEVER; /* until one is left that may work later */

	for (size_t i = 0; i < j->n_sources; i++) {
		struct source *s = &j->sources[i];
		_cleanup_free_ char *where = http_url_text(s->from->url);
		struct err e = ERR_INIT;
		enum outcome o;

		if (s->out)
			continue;
		if (clock_monotonic_us() < s->not_before_us) {
			best = OUTCOME_LATER;
			continue;
		}
		o = try_source(j, s, &e);
		if (o == OUTCOME_DONE)
			return o;
		err_wrap(&e, "%s", where);
		if (o == OUTCOME_STOP) {
			/* What failed before says more than that the time ran out. */
			if (e.kind != &ERR_TIMEOUT || !j->worst.kind)
				j->worst = e;
			return o;
		}
		s->out = o == OUTCOME_NEVER;
		note(j, s, &e);
		if (o == OUTCOME_LATER)
			best = o;
	}
	return best;
}

/* When the first of those that may work later may be asked again. */
static uint64_t soonest_us(const struct job *j)
{
	uint64_t soonest = UINT64_MAX;

	for (size_t i = 0; i < j->n_sources; i++)
		if (!j->sources[i].out && j->sources[i].not_before_us < soonest)
			soonest = j->sources[i].not_before_us;
	return soonest;
}

static int run_job(struct job *j, struct err *e)
{
	enum outcome o = try_each(j);

	for (unsigned int round = 0; o == OUTCOME_LATER; round++) {
		uint64_t before = j->part.bytes;

		if (!back_off(j, round, soonest_us(j)))
			break;
		o = try_each(j);
		if (j->part.bytes >= before + WORTH_STAYING)
			round = 0;
	}
	if (o == OUTCOME_DONE) {
		tell_progress(j, true);
		return 0;
	}
	err_wrap(&j->worst, "fetching %s, %u attempts, %llu bytes kept", j->f->path, j->f->attempts,
		 (unsigned long long)j->part.bytes);
	if (e)
		*e = j->worst;
	return -1;
}

static int check_arguments(const struct fetch *f, struct err *e)
{
	if (!f->sources || !f->sources[0].url)
		return err_set(e, &ERR_ARGUMENT, "fetching %s: no URL", f->path);
	for (const struct fetch_source *s = f->sources; s->url; s++) {
		if (strncasecmp(s->url, "https://", 8) != 0)
			return err_set(e, &ERR_ARGUMENT, "fetching %s: %s is not an https URL",
				       f->path, s->url);
	}
	if (f->sha256 && !str_is_hex(f->sha256, SHA256_HEX_SIZE - 1))
		return err_set(e, &ERR_ARGUMENT, "fetching %s: \"%s\" is not a SHA-256", f->path,
			       f->sha256);
	if (f->size_max == 0)
		return err_set(e, &ERR_INTERNAL, "fetching %s: no limit on its size", f->path);
	return 0;
}

static bool is_there(struct fetch *f)
{
	struct stat st;
	char found[SHA256_HEX_SIZE];

	if (!f->sha256 || fs_stat(f->path, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (f->size && (uint64_t)st.st_size != f->size) ||
	    fetch_file_sha256(f->path, found, NULL) < 0 || strcasecmp(found, f->sha256) != 0)
		return false;
	str_copy(f->got_sha256, sizeof(f->got_sha256), found);
	return true;
}

int fetch_to_file(struct fetch *f, struct err *e)
{
	struct job j = { .f = f };
	int r;

	f->attempts = 0;
	f->received = f->kept = 0;
	f->got_sha256[0] = '\0';
	if (check_arguments(f, e) < 0)
		return -1;
	if (is_there(f))
		return 0;
	while (f->sources[j.n_sources].url)
		j.n_sources++;
	j.sources = xcalloc(j.n_sources, sizeof(*j.sources));
	for (size_t i = 0; i < j.n_sources; i++)
		j.sources[i].from = &f->sources[i];
	j.last.t_us = clock_monotonic_us();
	j.deadline_us = j.last.t_us + (uint64_t)f->deadline_s * 1000000;
	r = part_open(&j.part, f->path, e);
	j.last.bytes = f->kept = j.part.bytes;
	if (r == 0)
		r = run_job(&j, e);
	part_done(&j.part);
	free(j.sources);
	return r;
}

int fetch_file_sha256(const char *path, char dst[SHA256_HEX_SIZE], struct err *e)
{
	_cleanup_(hash_free_p) struct hash *h = hash_new();
	_cleanup_fd_ int fd = fs_open(path, O_RDONLY | O_NOCTTY, 0);

	if (fd < 0)
		return err_errno(e, errno, "opening %s", path);
	if (!hash_add_fd(h, fd, HASH_TO_END))
		return err_errno(e, errno, "reading %s", path);
	if (!hash_hex(h, dst))
		return err_set(e, &ERR_INTERNAL, "SHA-256 failed in the crypto library");
	return 0;
}
