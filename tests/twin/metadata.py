"""The ECS metadata service, as http://100.100.100.200/ answers on an instance.

Plays the instance metadata service of Alibaba Cloud ECS, versions 2016-01-01 and latest.
Source: the vendor's documentation (page 49122 and its successors: items, tokens, lifetimes, normal and hardened mode) and the
ecsmetadata client of aliyun (paths and headers). 403 without a token in hardened mode and 401 for a token that has ended are the
documentation's. That the token step is refused with 404 or 405 where a plain GET works is what users of the vendor's clients met
(aliyun/credentials-java 106, aliyun/credentials-nodejs 111); who refuses it there is not known, so this fault is not tied to a version.
Simplified: only the items that somebody here asks for; nothing is throttled; what a disabled endpoint answers is not known and not
played.

What it tells comes from DIR/state/machine.json, read at each request:
    instance_id, instance_type, region_id, zone_id, image_id, hostname   texts, each with a default
    enis                 network interfaces, the primary one included (1)
    data_disks           disks beside the system disk (0)
    list_system_disk     whether disks/ names the system disk too (true; the vendor's pages do not say)
    hardened             only requests with a token are answered (true)
    user_data            text of user-data; without it DIR/state/user-data, without that 404
Troubles ("file" is matched against the path): metadata-down, metadata-garbage, metadata-slow ({"seconds": 5}),
metadata-401-once (the token ends early: once, or as often as "times" says), metadata-no-token (the token step is refused:
{"status": 405}, 404 if it does not say).
"""
import hashlib
import json
import os
import secrets
import threading
import time

import web

TTL_HEADER = "X-aliyun-ecs-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aliyun-ecs-metadata-token"
TTL_MAX = 21600
DEFAULTS = {
    "instance_id": "i-2ze00000000000000twn", "instance_type": "ecs.gn8v-tee.4xlarge", "region_id": "cn-beijing",
    "zone_id": "cn-beijing-l", "image_id": "aliyun_3_x64_20G_alibase_20250117.vhd", "hostname": "iZ2ze0000000000twn",
    "enis": 1, "data_disks": 0, "list_system_disk": True, "hardened": True,
}


def serial(instance, kind, number):
    """A stable identifier in the vendor's style: 20 letters and digits."""
    return "2ze" + hashlib.sha256(("%s %s %d" % (instance, kind, number)).encode()).hexdigest()[:17]


def interface(machine, number):
    digest = hashlib.sha256(("%s eni %d" % (machine["instance_id"], number)).encode()).hexdigest()
    mac = "00:16:3e:%s:%s:%02x" % (digest[0:2], digest[2:4], number)
    return mac, {
        "network-interface-id": "eni-" + serial(machine["instance_id"], "eni", number),
        "primary-ip-address": "172.16.0.%d" % (10 + number), "private-ipv4s": '["172.16.0.%d"]' % (10 + number),
        "netmask": "255.255.255.0", "gateway": "172.16.0.253", "vpc-id": "vpc-2ze0000000000000twin0",
        "vswitch-id": "vsw-2ze0000000000000twin0",
    }


def tree(machine):
    """All items as nested folders."""
    macs = [interface(machine, n) for n in range(machine["enis"])]
    disks = {}
    for n in range(0 if machine["list_system_disk"] else 1, machine["data_disks"] + 1):
        name = serial(machine["instance_id"], "disk", n)
        disks[name] = {"id": "d-" + name, "name": "system" if n == 0 else "data-%d" % n}
    return {
        "dns-conf": {"nameservers": "100.100.2.136\n100.100.2.138"},
        "disks": disks,
        "hostname": machine["hostname"],
        "image-id": machine["image_id"],
        "instance-id": machine["instance_id"],
        "instance": {"instance-type": machine["instance_type"], "instance-name": machine["hostname"],
                     "virtualization-solution": "ECS Virt", "virtualization-solution-version": "2.0"},
        "mac": macs[0][0] if macs else "",
        "network-type": "vpc",
        "network": {"interfaces": {"macs": dict(macs)}},
        "private-ipv4": "172.16.0.10",
        "region-id": machine["region_id"],
        "source-address": "http://mirrors.cloud.aliyuncs.com",
        "zone-id": machine["zone_id"],
    }


def find(node, path):
    """The text at PATH below NODE, None without such an item. A folder lists its entries, folders with a slash."""
    for part in [p for p in path.split("/") if p]:
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    if not isinstance(node, dict):
        return None if path.endswith("/") else node
    return "\n".join(k + "/" if isinstance(v, dict) else k for k, v in sorted(node.items()))


class Tokens:
    def __init__(self):
        self.lock = threading.Lock()
        self.ends = {}          # token -> monotonic time of its end

    def issue(self, ttl):
        token = secrets.token_urlsafe(42)
        with self.lock:
            self.ends[token] = time.monotonic() + ttl
        return token

    def holds(self, token):
        with self.lock:
            return self.ends.get(token, 0) > time.monotonic()

    def end(self, token):
        with self.lock:
            self.ends.pop(token, None)


class Handler(web.Handler):
    via = "metadata"
    tokens = None               # set by the server's maker

    def answer(self):
        path = self.path.split("?", 1)[0]
        if self.ledger.fault("metadata-down", path, whole=True) is not None:
            self.drop()
        slow = self.ledger.fault("metadata-slow", path)
        if slow is not None:
            time.sleep(slow.get("seconds", 5))
        if self.headers.get("X-Forwarded-For"):
            self.reply(403, "Forbidden")
        elif path == "/latest/api/token":
            self.token()
        elif self.command not in ("GET", "HEAD"):
            self.reply(405, "Method Not Allowed")
        elif self.admitted(path):
            self.item(path)

    def token(self):
        refused = self.ledger.fault("metadata-no-token", "/latest/api/token")
        if refused is not None:
            self.reply(refused.get("status", 404), "no tokens here")
            return
        if self.command != "PUT":
            self.reply(405, "Method Not Allowed")
            return
        ttl = self.headers.get(TTL_HEADER, "").strip()
        if not ttl.isdigit() or not 1 <= int(ttl) <= TTL_MAX:
            self.reply(400, "Bad Request")
            return
        self.reply(200, self.tokens.issue(int(ttl)))

    def machine(self):
        machine = dict(DEFAULTS)
        machine.update(self.ledger.read_json("machine.json"))
        return machine

    def admitted(self, path):
        """Whether the request may see an item; if not, it has been answered."""
        token = self.headers.get(TOKEN_HEADER)
        if token is None:
            if self.machine()["hardened"]:
                self.reply(403, "Forbidden")
                return False
            return True
        if self.tokens.holds(token) and self.ledger.fault("metadata-401-once", path, 1, whole=True) is not None:
            self.tokens.end(token)
        if not self.tokens.holds(token):
            self.reply(401, "Unauthorized")
            return False
        return True

    def item(self, path):
        machine = self.machine()
        text = None
        if self.ledger.fault("metadata-garbage", path) is not None:
            text = b"<html>\x00\xff\xfe{{{ ../../\r\nnot what was asked for" + b"\x80" * 64
        elif path in ("/", ""):
            text = "2016-01-01\nlatest"
        else:
            version, _, rest = path.lstrip("/").partition("/")
            if version in ("latest", "2016-01-01"):
                text = self.lookup(machine, rest)
        if text is None:
            self.reply(404, "Not Found")
        else:
            self.reply(200, text)

    def lookup(self, machine, rest):
        if rest.strip("/") == "":
            return "dynamic\nmeta-data\nuser-data"
        if rest == "user-data":
            return self.user_data(machine)
        if rest == "dynamic/instance-identity/document":
            return json.dumps({"instance-id": machine["instance_id"], "instance-type": machine["instance_type"],
                               "region-id": machine["region_id"], "zone-id": machine["zone_id"],
                               "image-id": machine["image_id"]})
        top, _, below = rest.partition("/")
        return find(tree(machine), below) if top == "meta-data" else None

    def user_data(self, machine):
        if "user_data" in machine:
            return machine["user_data"]
        try:
            with open(os.path.join(self.ledger.state, "user-data"), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None


def serve(ledger, port=0):
    """A server for the ledger's twin, ready to run."""
    return web.Server(("127.0.0.1", port), type("Metadata", (Handler,), {"ledger": ledger, "tokens": Tokens()}))
