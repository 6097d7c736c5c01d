"""Programs beside each other: each line begins with the name of who prints it, and once one has failed the others are ended."""
import os
import select
import signal
import subprocess
import threading

from vm import watch

# For what an ended one said last to be read.
LAST_WORDS_S = 10


class Program:
    def __init__(self, name, command, say):
        self.name, self.say = name, say
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        text=True, preexec_fn=watch.tie(signal.SIGTERM))
        self.reader = threading.Thread(target=self.tell, daemon=True)
        self.reader.start()

    def tell(self):
        for line in self.process.stdout:
            self.say("%-6s | %s" % (self.name, line.rstrip("\n")))

    def wait(self):
        """Its exit status, once all that it said is told."""
        self.process.wait()
        self.reader.join(LAST_WORDS_S)
        return self.process.returncode


def first_failure(programs):
    """The name of the first that fails; None when all have ended well."""
    running = {os.pidfd_open(program.process.pid): program for program in programs}
    try:
        while running:
            for fd in select.select(list(running), [], [])[0]:
                os.close(fd)
                program = running.pop(fd)
                if program.wait() != 0:
                    return program.name
    finally:
        for fd in running:
            os.close(fd)
    return None


def play(commands, say):
    """COMMANDS: [(name, its command)]. The name of the one that failed, or None; none of them runs any more."""
    programs = []
    try:
        for name, command in commands:
            programs.append(Program(name, command, say))
        failed = first_failure(programs)
    finally:
        ended = [p for p in programs if p.process.poll() is None]
        for program in ended:
            program.process.terminate()
        for program in ended:
            program.wait()
    for program in ended:
        say("%-6s | ended, as %s had failed" % (program.name, failed))
    return failed
