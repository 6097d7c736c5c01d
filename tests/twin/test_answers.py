#!/usr/bin/env python3
"""Tests of the simulated RIM service and OCSP responder, as openssl(1) and an HTTP client see them.

They need what the Makefile builds (TWIN_DEVICES, TWIN_ANSWER), and say so when it is not there.
"""
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import collateral       # noqa: E402
import test_server      # noqa: E402

DRIVER_RIM = "NV_GPU_DRIVER_GH100_570.148.08"
VBIOS_RIM = "NV_GPU_VBIOS_G520_0200_885_9600CF0005"
MALFORMED, UNAUTHORIZED = "malformedrequest (1)", "unauthorized (6)"
BUILT = all(os.path.exists(os.environ.get(name, "")) for name in ("TWIN_DEVICES", "TWIN_ANSWER"))

setUpModule, tearDownModule = test_server.setUpModule, test_server.tearDownModule


def run(*argv, **options):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    if done.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(argv), done.stderr.decode()))
    return done.stdout


@unittest.skipUnless(BUILT, "the simulated devices were not built: TWIN_DEVICES and TWIN_ANSWER name them")
class Answered(test_server.Served):
    """A twin with a server and the keys of a multi-GPU machine."""
    template = None             # keys and chains are made once and copied

    def setUp(self):
        super().setUp()
        if Answered.template is None:
            Answered.template = os.path.join(test_server.SCRATCH, "devices")
            os.makedirs(os.path.join(Answered.template, "state"))
            with open(os.path.join(Answered.template, "state", "devices.json"), "wb") as f:
                f.write(run(sys.executable, "-B", os.path.join(HERE, "fakes", "twinlib.py"), "devices", "multi"))
            run(os.path.join(os.environ["TWIN_DEVICES"], "twin-devices"), Answered.template, "570.148.08")
        shutil.copytree(os.path.join(Answered.template, "state"), self.state, dirs_exist_ok=True)

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.lines("misuse"), [])

    def device(self, name):
        return os.path.join(self.state, "devices", name)

    def split(self, name):
        """The certificates of a chain's file, each in one of its own."""
        with open(self.device(name)) as f:
            parts = re.findall(r"-----BEGIN.*?-----END [A-Z]*-----\n?", f.read(), re.S)
        for i, part in enumerate(parts):
            with open(self.device("%s.%d" % (name, i)), "w") as f:
                f.write(part)
        return [self.device("%s.%d" % (name, i)) for i in range(len(parts))]

    def rim(self, name):
        answer = self.fetch((collateral.RIM_HOST, collateral.RIM_PATH + name))
        return answer, json.loads(answer.body.decode())


class Manifests(Answered):
    def test_a_manifest_comes_as_the_service_sends_it(self):
        answer, value = self.rim(VBIOS_RIM)
        xml = base64.b64decode(value["rim"])
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "application/json"))
        self.assertEqual(sorted(value), ["id", "request_id", "rim", "rim_format", "sha256"])
        self.assertEqual(value["id"], VBIOS_RIM)
        self.assertEqual(value["sha256"], hashlib.sha256(xml).hexdigest())
        self.assertIn(b'colloquialVersion="96.00.CF.00.05"', xml)
        self.assertEqual(xml.count(b"<ds:X509Certificate>"), 4)

    def test_its_signature_is_good_for_another_program_too(self):
        if not shutil.which("xmlsec1"):
            self.skipTest("there is no xmlsec1")
        xml = base64.b64decode(self.rim(DRIVER_RIM)[1]["rim"])
        run("xmlsec1", "--verify", "--trusted-pem", self.device("rim-root.pem"), "-", input=xml)

    def test_what_there_is_not_is_not_found(self):
        for name in ("NV_GPU_DRIVER_GH100_1.2.3", "x", "%2e%2e"):
            answer, value = self.rim(name)
            self.assertEqual((answer.status, value), (404, {"message": "RIM_NOT_FOUND"}), name)
        self.assertEqual(self.fetch((collateral.RIM_HOST, "/v1/rim/../pdi")).status, 404)
        self.assertEqual(self.fetch((collateral.RIM_HOST, "/")).status, 404)
        self.assertEqual(self.fetch((collateral.RIM_HOST, "/v1/rim/x"), "POST").status, 405)

    def test_the_faults_of_the_service(self):
        self.put("faults", {"rim-404": "VBIOS", "rim-500": {"file": "DRIVER", "times": 1}})
        self.assertEqual(self.rim(VBIOS_RIM)[0].status, 404)
        self.assertEqual([self.rim(DRIVER_RIM)[0].status for _ in range(2)], [500, 200])
        self.put("faults", {"rim-wrong-id": ""})
        self.assertNotEqual(self.rim(VBIOS_RIM)[1]["id"], VBIOS_RIM)

    def test_a_corrupt_manifest_differs_in_one_byte_of_a_value(self):
        self.put("faults", {"rim-corrupt": "VBIOS"})
        bad = base64.b64decode(self.rim(VBIOS_RIM)[1]["rim"])
        self.put("faults", {})
        good = base64.b64decode(self.rim(VBIOS_RIM)[1]["rim"])
        end = good.index(b"<ds:Signature ")
        self.assertEqual(sum(a != b for a, b in zip(good[:end], bad[:end])), 1)

    def test_verifiers_and_services_agree_on_what_is_out_of_reach(self):
        self.put("faults", {"attest-unknown": "rim-missing"})
        self.assertEqual([self.rim(name)[0].status for name in (VBIOS_RIM, DRIVER_RIM)], [404, 200])
        self.put("faults", {"attest-unknown": True})
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.rim(DRIVER_RIM)

    def test_both_services_can_be_out_of_reach(self):
        for host in collateral.HOSTS:
            self.put("faults", {"collateral-down": host})
            with self.assertRaises((http.client.HTTPException, OSError)):
                self.fetch((host, "/"))
            other = next(h for h in collateral.HOSTS if h != host)
            self.assertEqual(self.fetch((other, "/")).status, 404 if other == collateral.RIM_HOST else 405)

    def test_a_service_hangs_until_the_client_leaves(self):
        self.put("faults", {"rim-hang": ""})
        connection = self.tunnel(collateral.RIM_HOST)
        connection.timeout = 0.5
        with self.assertRaises(OSError):
            self.ask(connection, collateral.RIM_PATH + VBIOS_RIM)


class Revocation(Answered):
    def post(self, body, kind=collateral.REQUEST, path="/"):
        connection = self.tunnel(collateral.OCSP_HOST)
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.body = answer.read()
        return answer

    def question(self, certificate, issuer, *options):
        run("openssl", "ocsp", "-issuer", issuer, *options, "-cert", certificate, "-reqout", self.device("question"))
        with open(self.device("question"), "rb") as f:
            return f.read()

    def judge(self, certificate, issuer, root, untrusted=(), digest="-sha384"):
        """What openssl says of the answer about a certificate, verified with that root."""
        answer = self.post(self.question(certificate, issuer, digest))
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, collateral.RESPONSE))
        with open(self.device("answer"), "wb") as f:
            f.write(answer.body)
        with open(self.device("untrusted"), "w") as f:
            for path in untrusted:
                with open(path) as part:
                    f.write(part.read() + "\n")
        argv = ["openssl", "ocsp", "-issuer", issuer, digest, "-cert", certificate, "-CAfile", root,
                "-respin", self.device("answer"), "-no_nonce"]
        argv += ["-verify_other", self.device("untrusted")] if untrusted else []
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.stdout.decode()

    def judge_device(self, name, i, digest="-sha384"):
        chain = self.split(name + ".pem")
        return self.judge(chain[i], chain[i + 1], self.device("root.pem"), chain[i + 1:4], digest)

    def judge_rim(self, kind, i):
        chain = [self.device("rim-%s-%s.pem" % (kind, part)) for part in ("l4", "l3", "ca")]
        chain.append(self.device("rim-root.pem"))
        return self.judge(chain[i], chain[i + 1], chain[3], chain[i + 1:3])

    def test_every_certificate_above_the_leaf_is_good(self):
        for name in ("gpu0", "switch3"):
            for i in (1, 2, 3):
                said = self.judge_device(name, i)
                self.assertIn("Response verify OK", said)
                self.assertIn(": good", said)
        for kind in ("gpu", "switch"):
            for i in (0, 1, 2):
                self.assertIn(": good", self.judge_rim(kind, i))

    def test_a_question_with_sha1_is_answered_with_sha1(self):
        self.assertIn(": good", self.judge_device("gpu1", 1, "-sha1"))

    def nonces(self):
        """The nonce of a question, and of its answer, as openssl prints them."""
        chain = self.split("gpu0.pem")
        body = self.question(chain[1], chain[2])
        asked = run("openssl", "ocsp", "-reqin", "/dev/stdin", "-req_text", input=body).decode()
        said = run("openssl", "ocsp", "-respin", "/dev/stdin", "-noverify", "-resp_text", input=self.post(body).body)
        return [re.findall(r"OCSP Nonce: *\n\s*([0-9A-F]+)", text) for text in (asked, said.decode())]

    def test_the_nonce_comes_back(self):
        asked, said = self.nonces()
        self.assertEqual((len(asked), said), (1, asked))
        self.put("faults", {"ocsp-no-nonce": ""})
        self.assertEqual(self.nonces()[1], [])

    def test_nobody_answers_for_a_leaf(self):
        chain = self.split("gpu0.pem")
        self.assertIn(UNAUTHORIZED, self.judge(chain[0], chain[1], self.device("root.pem")))

    def test_what_is_no_question_is_malformed(self):
        for body in (b"", b"GET", b"\x30\x03\x0a\x01\x00", os.urandom(200)):
            self.assertEqual(self.post(body).body, bytes((0x30, 3, 0x0a, 1, 1)))
        whole = self.question(*self.split("gpu0.pem")[1:3])
        self.assertEqual(self.post(whole + b"\0").body, bytes((0x30, 3, 0x0a, 1, 1)))

    def test_a_question_is_posted_as_one(self):
        self.assertEqual(self.post(b"", "text/plain").status, 415)
        self.assertEqual(self.post(b"", path="/x").status, 404)
        self.assertEqual(self.fetch((collateral.OCSP_HOST, "/")).status, 405)

    def test_a_number_that_nobody_gave_out(self):
        chain = self.split("gpu0.pem")
        for issuer, expected in ((chain[2], "Cert Status: good"),
                                 (self.device("rim-gpu-l3.pem"), "Cert Status: unknown")):
            run("openssl", "ocsp", "-issuer", issuer, "-sha384", "-serial", "4711", "-reqout", self.device("question"))
            with open(self.device("question"), "rb") as f:
                answer = self.post(f.read())
            said = run("openssl", "ocsp", "-respin", "/dev/stdin", "-noverify", "-resp_text", input=answer.body)
            self.assertIn(expected, said.decode())

    def test_the_faults_of_the_answer(self):
        for fault, expected in (
                ({"ocsp-revoked": "gpu0"}, ": revoked"), ({"ocsp-revoked": "gpu1"}, ": good"),
                ({"ocsp-revoked": {"file": "gpu0"}}, ": revoked"), ({"ocsp-revoked": "rim"}, ": good"),
                ({"ocsp-unknown": "gpu0"}, ": unknown"), ({"ocsp-hold": ""}, ": good"),
                ({"ocsp-stale": ""}, "Status times invalid"),
                ({"ocsp-wrong-cert": ""}, "No Status found"), ({"ocsp-other-signer": ""}, "missing ocspsigning usage")):
            self.put("faults", fault)
            self.assertIn(expected, self.judge_device("gpu0", 1), fault)
        for fault, expected in (({"ocsp-hold": ""}, "certificateHold"), ({"ocsp-revoked": "rim"}, "keyCompromise")):
            self.put("faults", fault)
            self.assertIn(expected, self.judge_rim("gpu", 0), fault)

    def test_the_faults_of_the_responder(self):
        self.put("faults", {"ocsp-trylater": {"times": 1}})
        self.assertIn("trylater (3)", self.judge_device("gpu0", 1))
        self.assertIn(": good", self.judge_device("gpu0", 1))
        self.put("faults", {"ocsp-down": 1})
        self.assertEqual([self.post(b"").status for _ in range(2)], [503, 200])
        self.put("faults", {"ocsp-hang": ""})
        connection = self.tunnel(collateral.OCSP_HOST)
        connection.timeout = 0.5
        with self.assertRaises(OSError):
            connection.request("POST", "/", b"", {"Content-Type": collateral.REQUEST})
            connection.getresponse()


class Missing(test_server.Served):
    def test_without_the_program_the_services_are_not_there(self):
        if "TWIN_ANSWER" in os.environ:
            self.skipTest("the program was built")
        self.assertEqual(self.fetch((collateral.RIM_HOST, collateral.RIM_PATH + VBIOS_RIM)).status, 503)


if __name__ == "__main__":
    unittest.main()
