#include "trust/spdm.h"

/* DSP0274 1.1, tables 37 and 39; integers are little-endian.
 *
 *	request   0x11 0xe0 0x01 0xff | nonce 32 | slot 0
 *	response  0x11 0x60 0x00 0x00 | blocks u8 | record length u24 | record
 *	          nonce 32 | opaque length u16 | opaque | signature 96
 *	block     index u8 | 0x01 | size u16 = 51 | 0x01 | value size u16 = 48 | value 48 */
#define VERSION_1_1	 0x11
#define GET_MEASUREMENTS 0xe0
#define MEASUREMENTS	 0x60
#define WITH_SIGNATURE	 0x01
#define ALL_BLOCKS	 0xff
#define SPEC_DMTF	 1
#define TYPE_DIGEST	 1 /* a digest, of mutable firmware */
#define VALUE_HEADER	 3

static int not_a_report(struct err *e, const char *what, unsigned int found, unsigned int needed)
{
	return err_set(e, &ERR_FORMAT, "the report is malformed: %s is %#x, not %#x", what, found,
		       needed);
}

/* The four bytes with which both messages begin. */
static int parse_header(struct cur *c, const char *name, const uint8_t needed[4], struct err *e)
{
	for (size_t i = 0; i < 4; i++) {
		uint8_t found = cur_u8(c);
		char what[32];

		if (cur_ok(c) && found == needed[i])
			continue;
		snprintf(what, sizeof(what), "byte %zu of the %s", i, name);
		return not_a_report(e, what, found, needed[i]);
	}
	return 0;
}

static int parse_request(struct cur *c, struct spdm_report *r, struct err *e)
{
	static const uint8_t header[4] = { VERSION_1_1, GET_MEASUREMENTS, WITH_SIGNATURE,
					   ALL_BLOCKS };
	const uint8_t *nonce;
	uint8_t slot;

	if (parse_header(c, "request", header, e) < 0)
		return -1;
	nonce = cur_bytes(c, SPDM_NONCE_SIZE);
	slot = cur_u8(c);
	if (!cur_ok(c))
		return err_set(e, &ERR_FORMAT, "the report is malformed: the request is cut off");
	if (slot != 0)
		return not_a_report(e, "the certificate slot of the request", slot, 0);
	memcpy(r->nonce, nonce, SPDM_NONCE_SIZE);
	return 0;
}

static int parse_block(struct cur *c, struct spdm_report *r, struct err *e)
{
	uint8_t index = cur_u8(c);
	uint8_t spec = cur_u8(c);
	uint16_t size = cur_le16(c);
	struct cur body = cur_sub(c, size);
	uint8_t type = cur_u8(&body);
	uint16_t value_size = cur_le16(&body);
	const uint8_t *value = cur_bytes(&body, SPDM_VALUE_SIZE);

	if (!cur_ok(c))
		return err_set(e, &ERR_FORMAT,
			       "the report is malformed: measurement block %zu is "
			       "cut off",
			       r->values_n + 1);
	if (index < 1 || index > SPDM_BLOCKS_MAX)
		return err_set(e, &ERR_FORMAT,
			       "the report is malformed: measurement index %u is "
			       "not one of 1 to %d",
			       index, SPDM_BLOCKS_MAX);
	if (r->values[index - 1].present)
		return err_set(e, &ERR_FORMAT,
			       "the report is malformed: measurement index %u comes "
			       "twice",
			       index);
	if (spec != SPEC_DMTF)
		return not_a_report(e, "a block's measurement specification", spec, SPEC_DMTF);
	if (type != TYPE_DIGEST)
		return not_a_report(e, "a block's value type", type, TYPE_DIGEST);
	if (size != VALUE_HEADER + SPDM_VALUE_SIZE || value_size != SPDM_VALUE_SIZE ||
	    !cur_done(&body))
		return not_a_report(e, "a block's value size", value_size, SPDM_VALUE_SIZE);
	r->values[index - 1].present = true;
	memcpy(r->values[index - 1].bytes, value, SPDM_VALUE_SIZE);
	r->values_n++;
	return 0;
}

static int parse_record(struct cur *c, struct spdm_report *r, struct err *e)
{
	uint8_t blocks = cur_u8(c);
	uint32_t length = cur_le24(c);
	struct cur record = cur_sub(c, length);

	if (!cur_ok(c))
		return err_set(e, &ERR_FORMAT,
			       "the report is malformed: its measurement record is "
			       "cut off");
	if (blocks < 1 || blocks > SPDM_BLOCKS_MAX)
		return err_set(e, &ERR_FORMAT,
			       "the report is malformed: it has %u measurement "
			       "blocks, not 1 to %d",
			       blocks, SPDM_BLOCKS_MAX);
	for (unsigned int i = 0; i < blocks; i++)
		if (parse_block(&record, r, e) < 0)
			return -1;
	if (!cur_done(&record))
		return err_set(e, &ERR_FORMAT,
			       "the report is malformed: %zu bytes are left after "
			       "its %u measurement blocks",
			       cur_left(&record), blocks);
	return 0;
}

static int parse_response(struct cur *c, struct spdm_report *r, struct err *e)
{
	static const uint8_t header[4] = { VERSION_1_1, MEASUREMENTS, 0, 0 };
	const uint8_t *nonce, *signature;

	if (parse_header(c, "response", header, e) < 0 || parse_record(c, r, e) < 0)
		return -1;
	nonce = cur_bytes(c, SPDM_NONCE_SIZE);
	r->opaque = cur_sub(c, cur_le16(c));
	signature = cur_bytes(c, DIGEST_SIGNATURE_SIZE);
	if (!cur_done(c))
		return err_set(e, &ERR_FORMAT, "the report is malformed: %s",
			       cur_ok(c) ? "bytes are left after its signature"
					 : "it ends before its signature does");
	memcpy(r->responder_nonce, nonce, SPDM_NONCE_SIZE);
	memcpy(r->signature, signature, DIGEST_SIGNATURE_SIZE);
	return 0;
}

int spdm_parse(const void *bytes, size_t n, struct spdm_report *ret, struct err *e)
{
	struct spdm_report r = { .bytes = bytes, .size = n };
	struct cur c = cur_of(bytes, n);

	if (n > SPDM_REPORT_MAX)
		return err_set(e, &ERR_TOO_LARGE, "the report has %zu bytes, more than %d", n,
			       SPDM_REPORT_MAX);
	if (parse_request(&c, &r, e) < 0 || parse_response(&c, &r, e) < 0)
		return -1;
	*ret = r;
	return 0;
}

bool spdm_signed_by(const struct spdm_report *r, EVP_PKEY *key)
{
	return digest_verify(key, r->bytes, r->size - DIGEST_SIGNATURE_SIZE, r->signature);
}

bool spdm_nonce_is(const struct spdm_report *r, const uint8_t nonce[SPDM_NONCE_SIZE])
{
	return memcmp(r->nonce, nonce, SPDM_NONCE_SIZE) == 0;
}
