#!/usr/bin/env python3
"""The fake rpmkeys says of the simulated packages what the real one of rpm 4.14 says, line by line: tests/fixtures/real/rpm."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import test_server      # noqa: E402

REAL = os.path.join(os.path.dirname(HERE), "fixtures/real/rpm")

setUpModule, tearDownModule = test_server.setUpModule, test_server.tearDownModule


def lines(text):
    """Words alone: the package, its key and the digest in its signature are others here."""
    text = re.sub(r"\A.*:\n", "", text)
    return re.sub(r"RSA/SHA\d+ Signature, key ID [0-9a-f]+", "RSA Signature, key ID KEY", text).splitlines()


class Rpmkeys(unittest.TestCase):
    def setUp(self):
        self.twin = tempfile.mkdtemp(dir=test_server.SCRATCH)
        self.base = os.path.join(self.twin, "root/db")
        os.makedirs(self.base)
        os.makedirs(self.twin + "/state")
        self.path = os.path.join(test_server.BUILD, "rpm/good", test_server.FABRIC)

    def run_fake(self, *args, fault=None):
        with open(self.twin + "/state/faults", "w", encoding="utf-8") as f:
            json.dump(fault or {}, f)
        done = subprocess.run([os.path.join(HERE, "fakes/rpmkeys"), "--dbpath", self.base] + list(args), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "TWIN_DIR": self.twin}, check=False)
        return done.returncode, done.stdout.decode()

    def says(self, name, code, fault=None):
        status, text = self.run_fake("-Kv", self.path, fault=fault)
        self.assertEqual(status, code, text)
        with open(os.path.join(REAL, name), encoding="utf-8") as f:
            self.assertEqual(lines(text), lines(f.read()))

    def import_key(self):
        key = os.path.join(self.twin, "key")
        with open(key, "wb") as f:
            f.write(test_server.asset("D42D0685.pub"))
        self.assertEqual(self.run_fake("--import", key)[0], 0)

    def test_a_package_that_an_older_rpm_built(self):
        old = {"rpm-old-words": True}
        self.says("Kv-header-and-payload-nokey.txt", 1, old)
        self.import_key()
        self.says("Kv-header-and-payload.txt", 0, old)

    def test_a_package_of_today(self):
        self.import_key()
        self.says("Kv-payload-digest.txt", 0)


if __name__ == "__main__":
    unittest.main()
