#include "core/targz.h"

#define BLOCK	    512
#define STORED_MAX  65535
#define NAME_SIZE   100
#define PREFIX_SIZE 155
#define UNIX	    3

/* As POSIX has it; numbers are octal text. */
struct header {
	char name[NAME_SIZE], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[PREFIX_SIZE];
	char rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a ustar header is one block");

/* The name is cut at a slash where it is too long for its field. */
static int set_name(struct header *h, const char *name, struct err *e)
{
	size_t len = strlen(name), cut = 0;

	if (len > NAME_SIZE)
		for (size_t i = 0; i < len && i <= PREFIX_SIZE && cut == 0; i++)
			if (name[i] == '/' && len - i - 1 <= NAME_SIZE)
				cut = i;
	if (len == 0 || *name == '/' || (len > NAME_SIZE && cut == 0))
		return err_set(e, &ERR_ARGUMENT, "%.300s: no name for an archive", name);
	memcpy(h->prefix, name, cut);
	memcpy(h->name, name + (cut ? cut + 1 : 0), len - (cut ? cut + 1 : 0));
	return 0;
}

static void set_sum(struct header *h)
{
	unsigned int sum = 0;

	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((unsigned char *)h)[i];
	snprintf(h->sum, sizeof(h->sum), "%06o", sum & 0777777);
	h->sum[7] = ' ';
}

int targz_add(struct strbuf *tar, const char *name, const char *data, size_t len, time_t at,
	      struct err *e)
{
	static const char zeros[BLOCK] = { 0 };
	struct header h = { .mode = "0000600", .uid = "0000000", .gid = "0000000", .type = '0' };

	if (set_name(&h, name, e) < 0)
		return -1;
	snprintf(h.size, sizeof(h.size), "%011llo", (unsigned long long)len & 077777777777ULL);
	snprintf(h.mtime, sizeof(h.mtime), "%011llo", (unsigned long long)at & 077777777777ULL);
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	memcpy(h.user, "root", 4);
	memcpy(h.group, "root", 4);
	set_sum(&h);
	strbuf_add(tar, (const char *)&h, sizeof(h));
	strbuf_add(tar, data, len);
	strbuf_add(tar, zeros, (BLOCK - len % BLOCK) % BLOCK);
	return 0;
}

static uint32_t crc32_of(const char *data, size_t len)
{
	uint32_t table[256], crc = UINT32_MAX;

	for (uint32_t i = 0; i < ARRAY_SIZE(table); i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = (table[i] & 1 ? 0xedb88320U : 0) ^ (table[i] >> 1);
	}
	for (size_t i = 0; i < len; i++)
		crc = table[(crc ^ (unsigned char)data[i]) & 255] ^ (crc >> 8);
	return ~crc;
}

/* The least significant byte first. */
static void add_number(struct strbuf *b, uint32_t value, int bytes)
{
	for (; bytes > 0; bytes--, value >>= 8) {
		char c = (char)(value & 255);

		strbuf_add(b, &c, 1);
	}
}

void targz_end(struct strbuf *tar, struct strbuf *ret_gz)
{
	static const char end[2 * BLOCK] = { 0 };
	static const char head[] = { 0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, UNIX };
	size_t at = 0;

	strbuf_add(tar, end, sizeof(end));
	strbuf_add(ret_gz, head, sizeof(head));
	do {
		size_t left = tar->len - at, n = left < STORED_MAX ? left : STORED_MAX;

		add_number(ret_gz, n == left, 1); /* the last block or not; stored */
		add_number(ret_gz, (uint32_t)n, 2);
		add_number(ret_gz, ~(uint32_t)n, 2);
		strbuf_add(ret_gz, tar->s + at, n);
		at += n;
	} while (at < tar->len);
	add_number(ret_gz, crc32_of(tar->s, tar->len), 4);
	add_number(ret_gz, (uint32_t)tar->len, 4);
}
