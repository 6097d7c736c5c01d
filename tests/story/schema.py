"""The part of JSON Schema that status.schema.json uses, and no more: an unknown keyword is an error."""

import re

NOTES = {"$schema", "$id", "$defs", "definitions", "title", "description", "examples", "default",
         "$comment", "format"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value, name):
    if name in ("integer", "number"):
        number = int if name == "integer" else (int, float)
        return isinstance(value, number) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def resolve(whole, reference):
    node = whole
    for part in reference.lstrip("#/").split("/"):
        node = node[part]
    return node


def validate(value, schema, whole=None, place="$"):
    """All complaints, as texts; an empty list when the value is valid."""
    whole = schema if whole is None else whole
    if isinstance(schema, bool):
        return [] if schema else ["%s: must not be there" % place]
    found = []
    for keyword, rule in schema.items():
        if keyword in RULES:
            found += RULES[keyword](value, rule, schema, whole, place)
        elif keyword not in NOTES and keyword not in ("then", "else", "additionalProperties"):
            found.append("%s: the schema says %s, which is not known here" % (place, keyword))
    if "additionalProperties" in schema:
        found += additional(value, schema, whole, place)
    return found


def additional(value, schema, whole, place):
    if not isinstance(value, dict):
        return []
    patterns = schema.get("patternProperties", {})
    return [c for k, v in value.items()
            if k not in schema.get("properties", {}) and not any(re.search(p, k) for p in patterns)
            for c in validate(v, schema["additionalProperties"], whole, "%s.%s" % (place, k))]


def each(value, kind, complain):
    return complain() if isinstance(value, kind) else []


def one(condition, place, text):
    return [] if condition else ["%s: %s" % (place, text)]


def rule_type(v, rule, _s, _w, at):
    names = rule if isinstance(rule, list) else [rule]
    return one(any(is_type(v, n) for n in names), at, "%.40r is not %s" % (v, " or ".join(names)))


def rule_properties(v, rule, _s, whole, at):
    return each(v, dict, lambda: [c for k, s in rule.items() if k in v
                                  for c in validate(v[k], s, whole, "%s.%s" % (at, k))])


def rule_pattern_properties(v, rule, _s, whole, at):
    return each(v, dict, lambda: [c for p, s in rule.items() for k in v if re.search(p, k)
                                  for c in validate(v[k], s, whole, "%s.%s" % (at, k))])


def rule_items(v, rule, _s, whole, at):
    return each(v, list, lambda: [c for i, x in enumerate(v)
                                  for c in validate(x, rule, whole, "%s[%d]" % (at, i))])


def rule_one_of(v, rule, _s, whole, at):
    fits = sum(not validate(v, s, whole, at) for s in rule)
    return one(fits == 1, at, "fits %d of the %d forms it may have" % (fits, len(rule)))


def rule_any_of(v, rule, _s, whole, at):
    return one(any(not validate(v, s, whole, at) for s in rule), at, "fits no form it may have")


def rule_if(v, rule, schema, whole, at):
    branch = "else" if validate(v, rule, whole, at) else "then"
    return validate(v, schema.get(branch, True), whole, at)


RULES = {
    "type": rule_type,
    "properties": rule_properties,
    "patternProperties": rule_pattern_properties,
    "items": rule_items,
    "oneOf": rule_one_of,
    "anyOf": rule_any_of,
    "if": rule_if,
    "allOf": lambda v, r, s, w, at: [c for one_of in r for c in validate(v, one_of, w, at)],
    "not": lambda v, r, s, w, at: one(validate(v, r, w, at), at, "has a form it must not have"),
    "$ref": lambda v, r, s, w, at: validate(v, resolve(w, r), w, at),
    "required": lambda v, r, s, w, at: each(v, dict, lambda: [
        "%s: %s is missing" % (at, k) for k in r if k not in v]),
    "enum": lambda v, r, s, w, at: one(v in r, at, "%.60r is none of %s" % (v, r)),
    "const": lambda v, r, s, w, at: one(v == r, at, "%.60r is not %r" % (v, r)),
    "pattern": lambda v, r, s, w, at: each(v, str, lambda: one(
        re.search(r, v), at, "%.60r does not match %s" % (v, r))),
    "minLength": lambda v, r, s, w, at: each(v, str, lambda: one(len(v) >= r, at, "too short")),
    "maxLength": lambda v, r, s, w, at: each(v, str, lambda: one(len(v) <= r, at, "too long")),
    "minItems": lambda v, r, s, w, at: each(v, list, lambda: one(len(v) >= r, at, "too few")),
    "maxItems": lambda v, r, s, w, at: each(v, list, lambda: one(len(v) <= r, at, "too many")),
    "minimum": lambda v, r, s, w, at: each(v, (int, float), lambda: one(v >= r, at, "too small")),
    "maximum": lambda v, r, s, w, at: each(v, (int, float), lambda: one(v <= r, at, "too large")),
}
