"""check.py QUESTION DIR [WHAT]: asks a twin one of questions.py."""
import sys

from questions import main

sys.exit(main())
