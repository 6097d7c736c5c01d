#include "trust/xmldoc.h"

#include <libxml/parser.h>
#include <libxml/uri.h>

#include "core/str.h"

static inline void parser_free(xmlParserCtxt **p)
{
	if (*p)
		xmlFreeParserCtxt(*p);
}

/* In well-formed XML a "<" only ever begins markup, so every comment, CDATA section and DOCTYPE
 * shows as "<!" and every processing instruction as "<?". */
static int refuse_markup(const char *s, size_t len, struct err *e)
{
	const char *end = s + len;

	if (memchr(s, '\0', len))
		return err_set(e, &ERR_FORMAT, "it has NUL bytes: not UTF-8 text");
	if (len > 5 && memcmp(s, "<?xml", 5) == 0)
		s += 2; /* the XML declaration is no processing instruction */
	while ((s = memchr(s, '<', (size_t)(end - s)))) {
		if (++s == end)
			break;
		if (*s == '!')
			return err_set(
				e, &ERR_FORMAT,
				"it has a DOCTYPE, comment or CDATA section, which is refused");
		if (*s == '?')
			return err_set(e, &ERR_FORMAT,
				       "it has a processing instruction, which is refused");
	}
	return 0;
}

/* Canonicalization requires absolute namespace names (and libxml2 prints what it thinks of others). */
static bool namespaces_absolute(const xmlNode *element)
{
	for (const xmlNs *ns = element->nsDef; ns; ns = ns->next) {
		xmlURI *uri = ns->href ? xmlParseURI((const char *)ns->href) : NULL;
		bool absolute = uri && uri->scheme && *uri->scheme;

		xmlFreeURI(uri);
		if (!absolute)
			return false;
	}
	return true;
}

static bool attrs_plain(const xmlNode *element)
{
	for (const xmlAttr *a = element->properties; a; a = a->next)
		if (a->children && (a->children->type != XML_TEXT_NODE || a->children->next))
			return false;
	return true;
}

static int check_element(const xmlNode *element, unsigned int depth, struct err *e)
{
	if (depth > XMLDOC_DEPTH_MAX)
		return err_set(e, &ERR_FORMAT, "elements are nested more than %d deep",
			       XMLDOC_DEPTH_MAX);
	if (!namespaces_absolute(element))
		return err_set(e, &ERR_FORMAT,
			       "element %s declares a namespace that is no absolute URI",
			       (const char *)element->name);
	if (!attrs_plain(element))
		return err_set(e, &ERR_FORMAT, "element %s has an attribute that is not plain text",
			       (const char *)element->name);
	for (const xmlNode *n = element->children; n; n = n->next) {
		if (n->type == XML_ELEMENT_NODE) {
			if (check_element(n, depth + 1, e) < 0)
				return -1;
		} else if (n->type != XML_TEXT_NODE) {
			return err_set(e, &ERR_FORMAT,
				       "element %s holds something other than elements and text",
				       (const char *)element->name);
		}
	}
	return 0;
}

static int parse(const void *data, size_t len, xmlDoc **ret, struct err *e)
{
	_cleanup_(parser_free) xmlParserCtxt *parser = xmlNewParserCtxt();
	_cleanup_(xmlFreeDoc_p) xmlDoc *doc = NULL;
	const int options =
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC;

	if (!parser)
		return err_set(e, &ERR_INTERNAL, "no XML parser");
	doc = xmlCtxtReadMemory(parser, data, (int)len, NULL, "UTF-8", options);
	if (!doc || !parser->wellFormed || !parser->nsWellFormed) {
		char why[256] = "not well-formed";

		if (parser->lastError.message)
			str_copy(why, sizeof(why), parser->lastError.message);
		str_sanitise(str_trim(why));
		return err_set(e, &ERR_FORMAT, "line %d: %s", parser->lastError.line, why);
	}
	*ret = TAKE_PTR(doc);
	return 0;
}

int xmldoc_load(const void *data, size_t len, size_t max, xmlDoc **ret, struct err *e)
{
	_cleanup_(xmlFreeDoc_p) xmlDoc *doc = NULL;

	if (len > max || len > INT32_MAX)
		return err_set(e, &ERR_TOO_LARGE, "%zu bytes; the limit is %zu", len, max);
	if (len == 0)
		return err_set(e, &ERR_FORMAT, "it is empty");
	if (refuse_markup(data, len, e) < 0 || parse(data, len, &doc, e) < 0)
		return -1;
	if (doc->intSubset || doc->extSubset || !doc->children || doc->children->next ||
	    doc->children->type != XML_ELEMENT_NODE)
		return err_set(e, &ERR_FORMAT, "the document is not one element");
	if (check_element(doc->children, 1, e) < 0)
		return -1;
	*ret = TAKE_PTR(doc);
	return 0;
}

bool xmldoc_is(const xmlNode *element, const char *ns, const char *name)
{
	return element && element->ns && str_eq((const char *)element->ns->href, ns) &&
	       str_eq((const char *)element->name, name);
}

static xmlNode *element_from(xmlNode *n)
{
	while (n && n->type != XML_ELEMENT_NODE)
		n = n->next;
	return n;
}

xmlNode *xmldoc_first(const xmlNode *parent)
{
	return element_from(parent->children);
}

xmlNode *xmldoc_next(const xmlNode *element)
{
	return element_from(element->next);
}

bool xmldoc_only_elements(const xmlNode *element)
{
	for (const xmlNode *n = element->children; n; n = n->next)
		if (n->type == XML_TEXT_NODE && !xmlIsBlankNode(n))
			return false;
	return true;
}

const char *xmldoc_text(const xmlNode *element)
{
	const xmlNode *text = element->children;

	if (!text)
		return "";
	return text->type == XML_TEXT_NODE && !text->next ? (const char *)text->content : NULL;
}

static bool attr_is(const xmlAttr *a, const struct xmldoc_attr *want)
{
	return str_eq(a->ns ? (const char *)a->ns->href : NULL, want->ns) &&
	       str_eq((const char *)a->name, want->name);
}

static const char *attr_value(const xmlNode *element, const struct xmldoc_attr *want)
{
	for (const xmlAttr *a = element->properties; a; a = a->next)
		if (attr_is(a, want))
			return a->children ? (const char *)a->children->content : "";
	return NULL;
}

static int refuse_others(const xmlNode *element, const struct xmldoc_attr *table, size_t n,
			 struct err *e)
{
	for (const xmlAttr *a = element->properties; a; a = a->next) {
		size_t i = 0;

		while (i < n && !attr_is(a, &table[i]))
			i++;
		if (i == n)
			return err_set(e, &ERR_FORMAT, "element %s has an unexpected attribute %s",
				       (const char *)element->name, (const char *)a->name);
	}
	return 0;
}

int xmldoc_attrs(const xmlNode *element, const struct xmldoc_attr *table, size_t n,
		 const char **ret_values, struct err *e)
{
	if (refuse_others(element, table, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *value = attr_value(element, &table[i]);

		if (!value && !table[i].optional)
			return err_set(e, &ERR_FORMAT, "element %s has no attribute %s",
				       (const char *)element->name, table[i].name);
		if (value && table[i].value && !str_eq(value, table[i].value))
			return err_set(
				e, &ERR_FORMAT, "element %s: %s is \"%.64s\", expected \"%s\"",
				(const char *)element->name, table[i].name, value, table[i].value);
		if (ret_values)
			ret_values[i] = value;
	}
	return 0;
}
