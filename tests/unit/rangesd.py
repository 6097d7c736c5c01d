#!/usr/bin/python3
"""The server of test_fetch_ranges: rangesd.py CERTIFICATE KEY DIR

Prints its port. It serves DIR/file under any name over HTTPS, as 127.0.0.1 and as localhost. Each name has troubles of its own in
DIR/NAME/state/faults, delays in delays.json beside it (tests/twin/delivery.py), and requests written down in http.jsonl. The
path /settled is answered when all other answers have ended and are written down.
"""
import os
import ssl
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "twin"))
sys.dont_write_bytecode = True

import delivery     # noqa: E402
import ledger       # noqa: E402
import web          # noqa: E402


ledgers = {}
under_way = set()
changed = threading.Condition()


class Handler(delivery.Handler):
    via = "direct"
    ledger = ledger.Ledger(sys.argv[3])     # of what has no name

    def host(self):
        return super().host().rsplit(":", 1)[0]

    def handle(self):
        try:
            self.secure(context)
        except OSError:
            return
        super().handle()

    def answer(self):
        if self.path == "/settled":
            with changed:
                changed.wait_for(lambda: not under_way)
            return self.reply(200, "settled\n")
        name = os.path.basename(self.path)
        with changed:
            under_way.add(self)
            self.ledger = ledgers.setdefault(name, ledger.Ledger(os.path.join(sys.argv[3], name)))
        return self.deliver(delivery.Served(os.path.join(sys.argv[3], "file"), name))

    def note(self):
        super().note()
        with changed:
            under_way.discard(self)
            changed.notify_all()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server = web.Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
