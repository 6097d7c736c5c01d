"""Five restarts and crashes at arbitrary steps, from a printed seed: in the end ready, and again at the next boot."""
from arbitrary import five


def play(s):
    five(s, "single")
