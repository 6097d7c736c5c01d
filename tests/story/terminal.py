#!/usr/bin/env python3
"""terminal.py COLUMNS COMMAND…: run it with a terminal of that width for standard output and error, and
print what it wrote there, byte for byte. The exit code is the command's."""

import fcntl
import os
import struct
import subprocess
import sys
import termios


def main():
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
    process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:         # EIO: the last who had it open is gone
            break
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
