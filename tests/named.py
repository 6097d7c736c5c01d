"""Whether the tests that a table names are there. A table's cell names one or several: unit/test_smi: a_claim, another_claim;
story/single, scene/multi: words that are in its file; packaging/user-data; twin/fakes/selftest; check-real: words; make lint-symbols."""
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = {
    "unit": ("tests/unit", ".c"), "story": ("tests/story", ".sh"), "scene": ("tests/vm/nspawn/scenes", ".py"),
    "packaging": ("tests/packaging", ".sh"), "tests": ("tests", ".py"), "twin": ("tests/twin", ""), "fakes": ("tests/twin/fakes", ".sh"),
}


def read(path):
    try:
        with open(os.path.join(TOP, path), encoding="utf-8") as f:
            return f.read()
    except OSError:
        return None


def split(cell):
    """(kind/name, words) of each test in a cell."""
    kinds = "|".join(FOLDERS)
    for part in re.split(r"[;,]\s*(?=(?:%s)/|check-[a-z]|make )" % kinds, cell):
        ref, _, words = part.strip().partition(":")
        yield ref.strip(), words.strip()


def find(ref):
    """(path, text) of what is named, ("", None) where it is not there."""
    target = re.fullmatch("(?:make )?((?:check|lint)-[a-z-]+)", ref)
    if target:
        text = read("Makefile")
        return "Makefile", text if text and re.search("^[^\t#:]*\\b%s\\b[^:]*:" % target.group(1), text, re.M) else None
    kind, _, name = ref.partition("/")
    if kind not in FOLDERS or not name:
        return "", None
    folder, suffix = FOLDERS[kind]
    for end in (suffix, ".py", ".sh"):
        path = "%s/%s%s" % (folder, name, end)
        text = read(path)
        if text is not None and not os.path.isdir(os.path.join(TOP, path)):
            return path, text
    return "", None


def complaints(cell):
    """Why what a cell names cannot be found; [] when all of it is there."""
    wrong = []
    for ref, words in split(cell):
        path, text = find(ref)
        if text is None:
            wrong.append("%s: there is no such test" % (ref or cell))
            continue
        if path == "Makefile":
            continue
        said = " ".join(text.split())
        for claim in filter(None, re.split(r"[,;]\s*", words)):
            if ref.startswith("unit/") and "START_TEST(%s)" % claim not in text:
                wrong.append("%s: %s has no test \"%s\"" % (ref, path, claim))
            elif claim not in said:
                wrong.append("%s: %s does not say \"%s\"" % (ref, path, claim))
    return wrong
