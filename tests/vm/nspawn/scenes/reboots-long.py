"""The same many times, on both shapes: five restarts and crashes at arbitrary steps each, and in the end ready."""
from arbitrary import five

LONG = True


def play(s):
    for shape in ("single", "multi") * 4:
        five(s, shape)
