/* XML from outside: a document of nothing but elements, attributes and text, or none at all.
 *
 * Refused before the parser sees them: other encodings than UTF-8, DOCTYPE (so no entities, no
 * defaulted attributes), processing instructions, comments and CDATA sections: what a signature's
 * canonical form leaves out or rewrites must not be there to be read differently. Nothing is ever
 * loaded from anywhere.
 *
 * Values are found as direct children and by namespace and name, never by searching the tree. */
#ifndef GN8V_TRUST_XMLDOC_H
#define GN8V_TRUST_XMLDOC_H

#include <libxml/tree.h>

#include "core/err.h"

#define XMLDOC_DEPTH_MAX 8 /* of elements; a signed manifest has 6 */

DEFINE_CLEANUP(xmlDoc *, xmlFreeDoc)

/* ERR_TOO_LARGE above max bytes, else ERR_FORMAT. The caller frees *ret (xmlFreeDoc). */
int xmldoc_load(const void *data, size_t len, size_t max, xmlDoc **ret, struct err *e);

/* Whether the element has that name in that namespace. NULL is not. */
bool xmldoc_is(const xmlNode *element, const char *ns, const char *name);

/* The element children in order: xmldoc_first(parent), then xmldoc_next(child), until NULL. */
xmlNode *xmldoc_first(const xmlNode *parent);
xmlNode *xmldoc_next(const xmlNode *element);

/* Whether everything between the element's children is blank. */
bool xmldoc_only_elements(const xmlNode *element);

/* The text of an element that holds nothing else; NULL if it holds elements. Borrowed. */
const char *xmldoc_text(const xmlNode *element);

/* What an element's attributes must be: every one of them is in the table, and every one in the
 * table that is not optional is there. */
struct xmldoc_attr {
	const char *name;
	const char *ns;	   /* NULL: none */
	const char *value; /* what it must say; NULL: anything */
	bool optional;
};

/* ret_values[i], borrowed, is the value of table[i], NULL when it is absent; ret_values may be NULL. */
int xmldoc_attrs(const xmlNode *element, const struct xmldoc_attr *table, size_t n,
		 const char **ret_values, struct err *e);

#endif
