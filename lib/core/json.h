/* JSON over json-c: parsing with limits and an error that names the place, and short getters.
 *
 * json-c 0.13 is the oldest version served: nothing newer is used. */
#ifndef GN8V_CORE_JSON_H
#define GN8V_CORE_JSON_H

#include <json-c/json.h>

#include "core/err.h"

static inline void json_put_p(struct json_object **o)
{
	if (*o)
		json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_put_p)

/* Parses exactly one value that fills the text (blanks aside); text[len] must be NUL. `name` is for
 * the message, which says line and column. Depth is limited to 32. The caller owns *ret. */
int json_parse(const char *text, size_t len, const char *name, struct json_object **ret,
	       struct err *e);

/* Reads and parses a file of the machine; a missing one is ERR_IO. */
/* Refuses a text in which an object has one key twice, where json-c would keep the last, or a key
 * with an escape in it, which could hide that. The text must have been parsed. ERR_FORMAT. */
int json_check_keys(const char *text, size_t len, const char *name, struct err *e);

int json_read(const char *path, size_t max, struct json_object **ret, struct err *e);

/* Writes pretty-printed JSON durably (fs_write_atomic). */
int json_write(const char *path, mode_t mode, struct json_object *o, struct err *e);

/* Getters: borrowed results; the fallback when the key is missing or of another type. */
struct json_object *json_get(struct json_object *o, const char *key);
const char *json_str(struct json_object *o, const char *key, const char *fallback);
int64_t json_int(struct json_object *o, const char *key, int64_t fallback);
double json_num(struct json_object *o, const char *key, double fallback);
bool json_flag(struct json_object *o, const char *key, bool fallback);

/* Items of an array; none when it is something else. */
size_t json_count(struct json_object *array);
struct json_object *json_item(struct json_object *array, size_t i);

/* Setters that take values; NULL text is JSON null. */
void json_set_str(struct json_object *o, const char *key, const char *value);
void json_set_int(struct json_object *o, const char *key, int64_t value);
void json_set_num(struct json_object *o, const char *key, double value); /* three decimals */
void json_set_bool(struct json_object *o, const char *key, bool value);
void json_set(struct json_object *o, const char *key, struct json_object *value); /* takes value */

#endif
