"""What systemd prints of a boot whose units do not fit together. It computes a boot before its journal is there: what it
says of cycles is on the serial console."""
import re

CYCLE = re.compile(r"[Oo]rdering cycle|deleted to break|Unable to break cycle")
TIMED_OUT = re.compile(r"Job .* timed out|operation timed out|Stopping timed out|State '.*' timed out|"
                       r"Timed out (waiting|starting|stopping)")
