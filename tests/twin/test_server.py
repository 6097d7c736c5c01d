#!/usr/bin/env python3
"""Tests of the simulated internet: what it serves, and that each trouble troubles as it says.

BUILD_DIR may be named in the environment (TWIN_ASSETS), so that the assets are made only once for many tests.
"""
import email.utils
import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import assets       # noqa: E402
import instance     # noqa: E402
import packages     # noqa: E402

DRIVER = "NVIDIA-Linux-x86_64-570.148.08.run"
CUDA = "cuda_12.8.1_570.124.06_linux.run"
FABRIC = "nvidia-fabric-manager-570.148.08-1.x86_64.rpm"
DRIVER_URL = ("cn.download.nvidia.cn", "/tesla/570.148.08/" + DRIVER)
CUDA_URL = ("developer.download.nvidia.com", "/compute/cuda/12.8.1/local_installers/" + CUDA)
REPO = "/compute/cuda/repos/rhel8/x86_64/"
FABRIC_URL = ("developer.download.nvidia.cn", REPO + FABRIC)
KEY_URL = ("developer.download.nvidia.com", REPO + "D42D0685.pub")
REFERER = {"Referer": "https://www.nvidia.cn/"}
PATIENCE_S = 120        # with what hangs: nothing that is only slow takes so long


def setUpModule():
    global BUILD, SCRATCH, BOOK
    SCRATCH = tempfile.mkdtemp(prefix="twin-test-")
    BUILD = os.environ.get("TWIN_ASSETS") or os.path.join(SCRATCH, "assets")
    assets.ensure(BUILD)
    BOOK = assets.load(BUILD)


def tearDownModule():
    shutil.rmtree(SCRATCH)


def asset(name, variant=None):
    entry = BOOK["variants"][variant][name] if variant else BOOK["files"][name]
    with open(os.path.join(BUILD, entry["path"]), "rb") as f:
        return f.read()


class Served(unittest.TestCase):
    """A twin with nothing but a server."""

    def setUp(self):
        self.twin = tempfile.mkdtemp(dir=SCRATCH)
        self.state = os.path.join(self.twin, "state")
        os.makedirs(self.state)
        self.put("boot", 1)
        self.server = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "server.py"), "--assets", BUILD, "--twin", self.twin],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.ports = json.loads(self.server.stdout.readline().decode())

    def tearDown(self):
        self.server.terminate()
        errors = self.server.communicate(timeout=PATIENCE_S)[1].decode()
        self.assertEqual(errors, "")

    def put(self, name, value):
        with open(os.path.join(self.state, name + ".new"), "w") as f:
            json.dump(value, f)
        os.rename(os.path.join(self.state, name + ".new"), os.path.join(self.state, name))

    def lines(self, name):
        return instance.whole_lines(os.path.join(self.state, name))

    def logged(self, count):
        """The requests in http.jsonl: a record is written after its answer, so wait until there are COUNT."""
        for _ in range(6000):
            if len(self.lines("http.jsonl")) >= count:
                break
            time.sleep(0.01)
        return [json.loads(line) for line in self.lines("http.jsonl")]

    def tunnel(self, host):
        context = ssl.create_default_context(cafile=os.path.join(BUILD, BOOK["tls"]["ca"]))
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports["proxy"], timeout=PATIENCE_S, context=context)
        connection.set_tunnel(host, 443)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, path, method="GET", **headers):
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        try:
            answer.body = answer.read()
            answer.cut = False
        except (http.client.IncompleteRead, ConnectionError, ssl.SSLError) as e:
            answer.body = getattr(e, "partial", b"")
            answer.cut = True
        return answer

    def fetch(self, url, method="GET", **headers):
        return self.ask(self.tunnel(url[0]), url[1], method, **headers)


class Pages(Served):
    def test_every_url_of_the_procedure_is_there(self):
        nscq = "libnvidia-nscq-570-570.148.08-1.x86_64.rpm"
        old = "NVIDIA-Linux-x86_64-550.144.03.run"
        older = "cuda_12.4.1_550.54.15_linux.run"
        for host, path, name in (
                DRIVER_URL + (DRIVER,), CUDA_URL + (CUDA,), FABRIC_URL + (FABRIC,), KEY_URL + ("D42D0685.pub",),
                ("cn.download.nvidia.cn", "/tesla/550.144.03/" + old, old),
                ("developer.download.nvidia.com", "/compute/cuda/12.4.1/local_installers/" + older, older),
                ("developer.download.nvidia.cn", REPO + nscq, nscq),
                ("attest-public-cn-beijing.oss-cn-beijing.aliyuncs.com", "/repo/pip/attest.html", "attest.html")):
            answer = self.fetch((host, path), **REFERER)
            self.assertEqual((answer.status, answer.body), (200, asset(name)), name)
            self.assertEqual(hashlib.sha256(answer.body).hexdigest(), BOOK["files"][name]["sha256"])

    def test_driver_needs_its_referer(self):
        self.assertEqual(self.fetch(DRIVER_URL).status, 403)
        self.assertEqual(self.fetch(DRIVER_URL, Referer="https://example.com/").status, 403)

    def test_unknown_path_and_host(self):
        self.assertEqual(self.fetch((CUDA_URL[0], "/nothing")).status, 404)
        with self.assertRaisesRegex(OSError, "502"):
            self.fetch(("unknown.example", "/"))

    def test_wheels_are_linked_and_whole(self):
        host = "attest-public-cn-beijing.oss-cn-beijing.aliyuncs.com"
        page = self.fetch((host, "/repo/pip/attest.html")).body.decode()
        names = [part.split('"')[0] for part in page.split('href="')[1:]]
        self.assertEqual(len(names), 3)
        for name in names:
            path = os.path.join(self.twin, name)
            with open(path, "wb") as f:
                f.write(self.fetch((host, "/repo/pip/" + name)).body)
            with zipfile.ZipFile(path) as z:
                self.assertIsNone(z.testzip())
                self.assertTrue(any(n.endswith(".dist-info/METADATA") for n in z.namelist()))

    def test_connection_is_kept(self):
        connection = self.tunnel(CUDA_URL[0])
        for _ in range(3):
            self.assertEqual(self.ask(connection, KEY_URL[1]).status, 200)
        self.assertEqual([r["method"] for r in self.logged(4)], ["CONNECT", "GET", "GET", "GET"])

    def test_head(self):
        answer = self.fetch(CUDA_URL, "HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(int(answer.headers["Content-Length"]), BOOK["files"][CUDA]["size"])
        self.assertIn("GMT", answer.headers["Last-Modified"])

    def test_ranges(self):
        data, connection = asset(FABRIC), self.tunnel(FABRIC_URL[0])
        size = len(data)
        for asked, first, end in (("0-0", 0, 1), ("100-199", 100, 200), ("200-", 200, size), ("-7", size - 7, size),
                                  ("10-99999999", 10, size)):
            answer = self.ask(connection, FABRIC_URL[1], Range="bytes=" + asked)
            self.assertEqual((answer.status, answer.body), (206, data[first:end]), asked)
            self.assertEqual(answer.headers["Content-Range"], "bytes %d-%d/%d" % (first, end - 1, size))
        beyond = self.ask(connection, FABRIC_URL[1], Range="bytes=%d-" % size)
        self.assertEqual((beyond.status, beyond.headers["Content-Range"]), (416, "bytes */%d" % size))
        etag = self.ask(connection, FABRIC_URL[1], "HEAD").headers["ETag"]
        self.assertEqual(self.ask(connection, FABRIC_URL[1], Range="bytes=5-", If_Range=etag).status, 206)
        self.assertEqual(self.ask(connection, FABRIC_URL[1], Range="bytes=5-", If_Range='"other"').status, 200)

    def test_direct_port_and_mirror(self):
        os.makedirs(os.path.join(self.state, "mirror", "gn8v"))
        with open(os.path.join(self.state, "mirror", "gn8v", "own.rpm"), "w") as f:
            f.write("own")
        context = ssl.create_default_context(cafile=os.path.join(BUILD, BOOK["tls"]["ca"]))
        direct = http.client.HTTPSConnection("localhost", self.ports["https"], timeout=PATIENCE_S, context=context)
        self.addCleanup(direct.close)
        self.assertEqual(self.ask(direct, "/any/where/" + FABRIC).body, asset(FABRIC))
        self.assertEqual(self.ask(direct, "/gn8v/own.rpm").body, b"own")
        self.assertEqual(self.ask(direct, "/../boot").status, 404)
        self.assertEqual(self.fetch(("mirror.example", "/" + DRIVER)).status, 200)
        self.assertEqual({r["via"] for r in self.logged(5)}, {"direct", "proxy"})

    def test_log(self):
        self.fetch(CUDA_URL, User_Agent="test")
        record = self.logged(2)[1]
        self.assertEqual(set(record), {"boot", "t", "seconds", "via", "method", "host", "path", "headers", "status", "first",
                                       "bytes", "beside"})
        self.assertEqual((record["boot"], record["via"], record["host"], record["path"], record["status"],
                          record["first"], record["bytes"], record["headers"]["user-agent"]),
                         (1, "proxy", CUDA_URL[0], CUDA_URL[1], 200, 0, BOOK["files"][CUDA]["size"], "test"))
        self.fetch(CUDA_URL, Range="bytes=1000-2999")
        record = self.logged(4)[3]
        self.assertEqual((record["status"], record["first"], record["bytes"]), (206, 1000, 2000))

    def test_metadata_through_the_proxy_is_misuse(self):
        proxy = http.client.HTTPConnection("127.0.0.1", self.ports["proxy"], timeout=PATIENCE_S)
        self.addCleanup(proxy.close)
        for host in ("100.100.100.200", "127.0.0.1:%d" % self.ports["metadata"]):
            self.assertEqual(self.ask(proxy, "http://%s/latest/meta-data/instance-id" % host).status, 403)
            self.assertIn("metadata request through the proxy", self.lines("misuse")[-1])
        self.assertEqual(self.ask(proxy, "http://mirror.example/x").status, 403)
        self.assertIn("plain http", self.lines("misuse")[-1])
        self.assertEqual(self.ask(proxy, "/x").status, 400)
        self.assertEqual(len(self.lines("misuse")), 3)

    def test_rate(self):
        """That nothing comes sooner; how much later it comes is up to the machine."""
        self.put("delays.json", {"rate": 6 * assets.MIB})
        begun = time.monotonic()
        self.fetch(DRIVER_URL, **REFERER)
        self.assertGreater(time.monotonic() - begun, 0.45)      # of 0.5: the last bytes do not wait
        self.put("delays.json", {"download": {"cuda": 0.4}})
        begun = time.monotonic()
        self.fetch(CUDA_URL)
        self.assertGreater(time.monotonic() - begun, 0.35)
        self.put("delays.json", {"answer": 0.2})
        begun = time.monotonic()
        self.assertEqual(self.fetch(FABRIC_URL).status, 200)
        self.assertGreaterEqual(time.monotonic() - begun, 0.2)

    def test_several_ranges_at_once(self):
        size = BOOK["files"][CUDA]["size"]
        places, connections = [size * i // 4 for i in range(5)], [self.tunnel(CUDA_URL[0]) for _ in range(4)]

        def answers():
            for i, connection in enumerate(connections):
                connection.request("GET", CUDA_URL[1], headers={"Range": "bytes=%d-%d" % (places[i], places[i + 1] - 1)})
            return [connection.getresponse() for connection in connections]

        self.assertEqual(b"".join(answer.read() for answer in answers()), asset(CUDA))
        # At this rate no body ends, so that the head of each is there says that all are under way.
        self.put("delays.json", {"rate": 1000})
        self.assertEqual([answer.status for answer in answers()], [206] * 4)

    def test_server_ends_with_its_twin(self):
        shutil.rmtree(self.twin)
        self.assertEqual(self.server.wait(timeout=PATIENCE_S), 0)


class Troubles(Served):
    def fault(self, **faults):
        self.put("faults", {k.replace("_", "-"): v for k, v in faults.items()})

    def test_cut_heals_by_resuming(self):
        self.fault(download_cut={"file": "cuda", "times": 1})
        data = asset(CUDA)
        first = self.fetch(CUDA_URL)
        self.assertTrue(first.cut)
        self.assertEqual(int(first.headers["Content-Length"]), len(data))
        self.assertEqual(first.body, data[:len(data) // 2])
        rest = self.fetch(CUDA_URL, Range="bytes=%d-" % len(first.body))
        self.assertEqual(first.body + rest.body, data)
        self.assertEqual([r["bytes"] for r in self.logged(4) if r["method"] == "GET"], [len(data) // 2] * 2)

    def test_cut_without_end_makes_no_progress(self):
        self.fault(download_cut="")
        half = BOOK["files"][CUDA]["size"] // 2
        again = self.fetch(CUDA_URL, Range="bytes=%d-" % half)
        self.assertTrue(again.cut)
        self.assertEqual((again.status, again.body), (206, b""))

    def test_corrupt(self):
        self.fault(download_corrupt="cuda")
        spoilt, data = self.fetch(CUDA_URL).body, asset(CUDA)
        self.assertEqual(sum(a != b for a, b in zip(spoilt, data)), 1)
        self.assertEqual(len(spoilt), len(data))
        self.assertEqual(self.fetch(FABRIC_URL).body, asset(FABRIC))

    def test_503_twice_then_well(self):
        self.fault(download_503=True)
        got = [self.fetch(FABRIC_URL) for _ in range(3)]
        self.assertEqual([a.status for a in got], [503, 503, 200])
        self.assertEqual(got[0].headers["Retry-After"], "1")

    def test_count_starts_anew_when_the_trouble_does(self):
        self.fault(download_404=1)
        self.assertEqual([self.fetch(FABRIC_URL).status for _ in range(2)], [404, 200])
        self.fault(download_404={"times": 1, "file": "fabric"})
        self.assertEqual([self.fetch(FABRIC_URL).status for _ in range(2)], [404, 200])
        self.fault(download_404=False)
        self.assertEqual(self.fetch(KEY_URL).status, 200)

    def test_trouble_that_begins_later(self):
        self.fault(download_404={"after": 1, "times": 2})
        self.assertEqual([self.fetch(FABRIC_URL).status for _ in range(4)], [200, 404, 404, 200])

    def test_stall_ends_when_the_client_leaves(self):
        self.fault(download_stall="cuda")
        connection = self.tunnel(CUDA_URL[0])
        connection.request("GET", CUDA_URL[1])
        answer = connection.getresponse()
        half = BOOK["files"][CUDA]["size"] // 2
        self.assertEqual(len(answer.read(half)), half)
        connection.sock.settimeout(0.3)
        with self.assertRaises(OSError):
            answer.read(1)
        answer.close()
        connection.close()
        self.assertEqual(self.logged(2)[1]["bytes"], half)

    def test_hold_keeps_the_second_half(self):
        hold = os.path.join(self.state, "hold.download")
        os.mkfifo(hold)
        connection = self.tunnel(CUDA_URL[0])
        connection.request("GET", CUDA_URL[1])
        answer = connection.getresponse()
        data = asset(CUDA)
        first = answer.read(len(data) // 2)
        writer = None
        for _ in range(6000):                   # until the server waits there, and goes on
            try:
                writer = os.open(hold, os.O_WRONLY | os.O_NONBLOCK)
                break
            except OSError:
                time.sleep(0.01)
        self.assertIsNotNone(writer, "the server does not wait")
        os.unlink(hold)
        self.assertEqual(first + answer.read(), data)
        os.close(writer)
        connection.close()

    def test_cut_at_random_is_the_same_for_the_same_seed(self):
        got = []
        for seed in (1, 2, 1):
            self.fault(download_cut_random={"seed": seed, "times": 2})
            got.append([len(self.fetch(CUDA_URL, Range="bytes=1000-").body) for _ in range(3)])
            self.fault()
            self.fetch(KEY_URL)     # the trouble is seen to be gone
        size = BOOK["files"][CUDA]["size"]
        self.assertEqual(got[0], got[2])
        self.assertEqual(len(set(got[0] + got[1])), 5)
        self.assertEqual(got[0][2], size - 1000)
        self.assertLess(max(got[0][:2]), size - 1000)

    def test_503_as_its_argument_says(self):
        self.fault(download_503={"times": 1, "status": 429, "seconds": 7, "date": True})
        begun = int(time.time())        # a date has whole seconds
        answer = self.fetch(FABRIC_URL)
        after = email.utils.parsedate_to_datetime(answer.headers["Retry-After"]).timestamp()
        self.assertEqual(answer.status, 429)
        self.assertTrue(begun + 7 <= after <= time.time() + 7, after - begun)

    def test_too_many_at_once(self):
        self.fault(too_many={"limit": 1})
        self.put("delays.json", {"rate": 1000})
        one, two = self.tunnel(CUDA_URL[0]), self.tunnel(CUDA_URL[0])
        one.request("GET", CUDA_URL[1])
        self.assertEqual(one.getresponse().status, 200)
        self.assertEqual(self.ask(two, CUDA_URL[1]).status, 503)
        self.assertEqual(self.ask(two, KEY_URL[1], Range="bytes=0-9").status, 206)
        self.assertEqual([(r["status"], r["beside"]) for r in self.logged(4)[2:]], [(503, 1), (206, 0)])

    def test_trouble_of_one_host(self):
        self.fault(download_404={"host": "mirror"})
        self.assertEqual(self.fetch(("mirror.example", "/" + FABRIC)).status, 404)
        self.assertEqual(self.fetch(FABRIC_URL).status, 200)

    def test_no_ranges(self):
        self.fault(no_ranges="")
        answer = self.fetch(FABRIC_URL, Range="bytes=5-")
        self.assertEqual((answer.status, answer.body, answer.headers["Accept-Ranges"]), (200, asset(FABRIC), "none"))
        for says in ("bytes", ""):
            self.fault(no_ranges={"says": says})
            answer = self.fetch(FABRIC_URL, Range="bytes=5-")
            self.assertEqual((answer.status, answer.headers["Accept-Ranges"]), (200, says or None))

    def test_416_to_every_range(self):
        self.fault(ranges_416="")
        answer = self.fetch(FABRIC_URL, Range="bytes=5-")
        self.assertEqual((answer.status, answer.headers["Content-Range"]), (416, "bytes */%d" % len(asset(FABRIC))))
        self.assertEqual(self.fetch(FABRIC_URL).status, 200)

    def test_lying_ranges(self):
        data = asset(FABRIC)
        self.fault(ranges_lie="")
        answer = self.fetch(FABRIC_URL, Range="bytes=50-149")
        self.assertEqual((answer.status, answer.body), (206, data[:100]))
        self.assertEqual(answer.headers["Content-Range"], "bytes 50-149/%d" % len(data))
        self.fault(ranges_shifted="")
        answer = self.fetch(FABRIC_URL, Range="bytes=50-149")
        self.assertEqual((answer.status, answer.body), (206, data[51:151]))
        self.assertEqual(answer.headers["Content-Range"], "bytes 51-150/%d" % len(data))

    def test_changed(self):
        data = asset(FABRIC)
        self.fault(download_changed=1)
        before, after = self.fetch(FABRIC_URL), self.fetch(FABRIC_URL)
        self.assertEqual((len(before.body), after.body), (len(data), data))
        self.assertFalse(any(a == b for a, b in zip(before.body, data)))
        for name in ("ETag", "Last-Modified"):
            self.assertNotEqual(before.headers[name], after.headers[name])
            again = self.fetch(FABRIC_URL, Range="bytes=5-", If_Range=before.headers[name])
            self.assertEqual((again.status, again.body), (200, data))
        self.fault(download_changed={"times": 1, "same": True, "size": 1000})
        before = self.fetch(FABRIC_URL)
        self.assertEqual((len(before.body), before.headers["ETag"]), (1000, after.headers["ETag"]))

    def test_wrong_length(self):
        data = asset(FABRIC)
        self.fault(wrong_length={"by": 10})
        longer = self.fetch(FABRIC_URL)
        self.assertEqual((longer.cut, longer.headers["Content-Length"]), (True, str(len(data) + 10)))
        self.assertEqual(longer.body, data)
        part = self.fetch(FABRIC_URL, Range="bytes=0-0")
        self.assertEqual(part.headers["Content-Range"], "bytes 0-0/%d" % (len(data) + 10))
        self.fault(wrong_length={"by": -10})
        self.assertEqual(self.fetch(FABRIC_URL).body, data[:-10])

    def test_client_killed(self):
        size = BOOK["files"][CUDA]["size"]
        client = subprocess.Popen(["sleep", str(PATIENCE_S)])
        self.put("agent.pid", client.pid)
        self.fault(client_killed={"file": "cuda", "bytes": size + size // 2})
        self.fetch(CUDA_URL)
        self.assertIsNone(client.poll())
        self.fetch(CUDA_URL)
        self.assertEqual(client.wait(), -9)

    def test_expired_certificate(self):
        self.fault(tls_expired="developer")
        with self.assertRaisesRegex(ssl.SSLError, "expired"):
            self.fetch(CUDA_URL)
        self.assertEqual(self.fetch(DRIVER_URL, **REFERER).status, 200)

    def test_redirect_to_http(self):
        self.fault(redirect_http="")
        answer = self.fetch(CUDA_URL)
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "http://%s%s" % CUDA_URL))

    def test_other_packages_and_key(self):
        for variant in packages.VARIANTS[1:]:
            self.fault(**{"rpm_" + variant.replace("-", "_"): ""})
            self.assertEqual(self.fetch(FABRIC_URL).body, asset(FABRIC, variant), variant)
        self.fault(key_wrong="")
        self.assertEqual(self.fetch(KEY_URL).body, asset("D42D0685.pub", "key-wrong"))

    def test_proxy_down(self):
        self.fault(proxy_down=1)
        with self.assertRaises(OSError):
            self.fetch(CUDA_URL)
        self.assertEqual(self.fetch(CUDA_URL).status, 200)


class Metadata(Served):
    TTL = "X-aliyun-ecs-metadata-token-ttl-seconds"
    TOKEN = "X-aliyun-ecs-metadata-token"

    def call(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["metadata"], timeout=PATIENCE_S)
        self.addCleanup(connection.close)
        return self.ask(connection, path, method, **headers)

    def token(self, ttl="60"):
        return self.call("/latest/api/token", "PUT", **{self.TTL: ttl})

    def item(self, path, token):
        return self.call("/latest/meta-data/" + path, **{self.TOKEN: token})

    def text(self, path):
        answer = self.item(path, self.token().body.decode())
        self.assertEqual(answer.status, 200, path)
        return answer.body.decode()

    def test_tokens(self):
        for ttl, status in (("1", 200), ("21600", 200), ("0", 400), ("21601", 400), ("x", 400), ("", 400)):
            self.assertEqual(self.token(ttl).status, status, ttl)
        self.assertEqual(self.call("/latest/api/token", "PUT").status, 400)
        forwarded = {self.TTL: "9", "X-Forwarded-For": "10.0.0.1"}
        self.assertEqual(self.call("/latest/api/token", "PUT", **forwarded).status, 403)
        self.assertEqual(self.call("/latest/meta-data/instance-id").status, 403)
        self.assertEqual(self.item("instance-id", "made-up").status, 401)
        self.put("machine.json", {"hardened": False})
        self.assertEqual(self.call("/latest/meta-data/instance-id").status, 200)
        brief = self.token("1").body.decode()
        time.sleep(1.1)
        self.assertEqual(self.item("instance-id", brief).status, 401)

    def test_items(self):
        self.put("machine.json", {"instance_id": "i-one", "instance_type": "ecs.gn8v-tee-8x.16xlarge", "enis": 2,
                                  "data_disks": 3, "hostname": "box"})
        self.assertEqual(self.text("instance-id"), "i-one")
        self.assertEqual(self.text("instance/instance-type"), "ecs.gn8v-tee-8x.16xlarge")
        self.assertEqual((self.text("region-id"), self.text("zone-id")), ("cn-beijing", "cn-beijing-l"))
        self.assertEqual(self.text("hostname"), "box")
        macs = self.text("network/interfaces/macs/").split("\n")
        self.assertEqual((len(macs), macs[0][-1]), (2, "/"))
        self.assertTrue(self.text("network/interfaces/macs/%snetwork-interface-id" % macs[1]).startswith("eni-"))
        disks = self.text("disks/").split("\n")
        self.assertEqual((len(disks), disks[0][-1]), (4, "/"))
        self.assertTrue(self.text("disks/%sid" % disks[0]).startswith("d-"))
        self.assertIn("instance/\ninstance-id\n", self.text(""))
        self.put("machine.json", {"instance_id": "i-two", "list_system_disk": False})
        self.assertEqual((self.text("instance-id"), self.text("disks/")), ("i-two", ""))
        self.assertEqual(self.item("no-such", self.token().body.decode()).status, 404)

    def test_user_data(self):
        token = self.token().body.decode()
        self.assertEqual(self.call("/latest/user-data", **{self.TOKEN: token}).status, 404)
        self.put("machine.json", {"user_data": "#!/bin/sh\n"})
        self.assertEqual(self.call("/latest/user-data", **{self.TOKEN: token}).body, b"#!/bin/sh\n")

    def test_down_then_up(self):
        self.put("faults", {"metadata-down": {"times": 2}})
        for tries in range(2):
            with self.assertRaises((ConnectionError, http.client.HTTPException)):
                self.token()
            self.logged(tries + 1)
        self.assertEqual(self.text("zone-id"), "cn-beijing-l")
        self.assertEqual([r["status"] for r in self.logged(4)], [0, 0, 200, 200])

    def test_garbage_slow_and_ended_token(self):
        token = self.token().body.decode()
        self.put("faults", {"metadata-garbage": "instance-type", "metadata-slow": {"seconds": 0.3, "times": 1}})
        begun = time.monotonic()
        self.assertNotIn(b"ecs.", self.item("instance/instance-type", token).body)
        self.assertGreaterEqual(time.monotonic() - begun, 0.3)
        self.put("faults", {"metadata-401-once": ""})
        self.assertEqual(self.item("zone-id", token).status, 401)
        self.assertEqual(self.item("zone-id", token).status, 401)
        self.assertEqual(self.text("zone-id"), "cn-beijing-l")


class Assets(unittest.TestCase):
    def test_rpmkeys_says_what_the_procedure_says(self):
        key = BOOK["rpm_key"]
        header = "Header V4 RSA/SHA256 Signature, key ID %s: "
        for variant, status, there, missing in (
                ("good", 0, [header % key["id"] + "OK", "Payload SHA256 digest: OK"], []),
                ("unsigned", 0, ["Payload SHA256 digest: OK"], ["Signature"]),
                ("other-key", 1, [header % key["other_id"] + "NOKEY"], ["Signature, key ID %s" % key["id"]]),
                ("corrupt", 1, [header % key["id"] + "OK", "Payload SHA256 digest: BAD"], []),
                ("other-version", 0, [header % key["id"] + "OK", "Payload SHA256 digest: OK"], [])):
            for name, (code, text) in packages.verify(BUILD)[variant].items():
                self.assertEqual(code, status, text)
                for part in there:
                    self.assertIn(part, text)
                for part in missing:
                    self.assertNotIn(part, text)

    def test_packages_hold_what_they_should(self):
        def query(variant, *what):
            path = os.path.join(BUILD, "rpm", variant, FABRIC)
            return packages.call(["rpm", "--dbpath", SCRATCH, "--nosignature", "-qp"] + list(what) + [path])
        self.assertEqual(query("good", "--qf", "%{NEVRA}"), "nvidia-fabric-manager-570.148.08-1.x86_64")
        self.assertEqual(query("other-version", "--qf", "%{VERSION}"), "570.133.20")
        self.assertIn("/usr/lib/systemd/system/nvidia-fabricmanager.service\n", query("good", "-l"))

    def test_key_pin_leaves_the_version_line_out(self):
        key = asset("D42D0685.pub")
        self.assertIn(b"\nVersion: GnuPG", key)
        rest = b"".join(l for l in key.splitlines(True) if not l.startswith(b"Version"))
        self.assertEqual(hashlib.sha256(rest).hexdigest(), BOOK["rpm_key"]["sha256"])

    def test_runfile_hands_over_and_knows_its_sum(self):
        twin = tempfile.mkdtemp(dir=SCRATCH)
        place = os.path.join(twin, "root", "var")
        os.makedirs(place)
        os.makedirs(os.path.join(twin, "state", "fakes"))
        fake = os.path.join(twin, "state", "fakes", "nvidia-installer")
        with open(fake, "w") as f:
            f.write('#!/bin/sh\necho "fake $TWIN_DIR $*"\nexit 7\n')
        os.chmod(fake, 0o755)
        run = shutil.copy(os.path.join(BUILD, BOOK["files"][DRIVER]["path"]), place)
        for argv, folder in ((["bash", run], "/"), (["bash", DRIVER], place), (["bash", "./" + DRIVER], place),
                             (["sh", os.path.join(BUILD, "run", DRIVER)], place)):
            done = subprocess.run(argv + ["--ui=none", "-q"], cwd=folder, stdout=subprocess.PIPE)
            self.assertEqual(done.returncode, 7)
            self.assertIn("fake %s 570.148.08 --ui=none -q\n" % twin, done.stdout.decode())
        self.assertEqual(subprocess.run(["bash", run, "--check"], stdout=subprocess.DEVNULL).returncode, 0)
        os.truncate(run, 3 * assets.MIB - 1)
        done = subprocess.run(["bash", run], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Error in check sums", done.stderr)

    def test_two_builders_at_once_and_a_folder_of_somebody_else(self):
        target = os.path.join(SCRATCH, "both")
        argv = [sys.executable, os.path.join(HERE, "assets.py"), target, "--driver-size", "9000", "--cuda-size", "9000"]
        pair = [subprocess.Popen(argv) for _ in range(2)]
        self.assertEqual([p.wait() for p in pair], [0, 0])
        self.assertEqual(assets.load(target)["files"][DRIVER]["size"], 9000)
        other = os.path.join(SCRATCH, "other")
        os.makedirs(os.path.join(other, "precious"))
        argv[2] = other
        self.assertNotEqual(subprocess.run(argv, stderr=subprocess.DEVNULL).returncode, 0)
        self.assertTrue(os.path.isdir(os.path.join(other, "precious")))


if __name__ == "__main__":
    unittest.main()
