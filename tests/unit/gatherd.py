#!/usr/bin/python3
"""A small server for test_gather: gatherd.py CERTIFICATE KEY LOG

Prints the ports of https and http when it listens. The path says how it answers. LOG gets one line per request: time in
ms, method, path, client's port, Content-Type, Accept, size of the body, Authorization ("-" for none).
"""
import http.server
import ssl
import sys
import threading
import time

LOG = sys.argv[3]
seen = {}
lock = threading.Lock()
four = threading.Barrier(4)
released = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self, text=b""):
        self.wfile.write(text)
        self.close_connection = True

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        words = self.path.strip("/").split("/")
        with lock:
            n = seen[self.path] = seen.get(self.path, 0) + 1
            with open(LOG, "a", encoding="ascii") as log:
                log.write("%d %s %s %d %s %s %d %s\n" % (
                    time.monotonic() * 1000, self.command, self.path, self.client_address[1],
                    self.headers.get("Content-Type", "-"), self.headers.get("Accept", "-"), len(body),
                    self.headers.get("Authorization", "-")))
        if words[0] == "echo":
            self.answer(200, b"%s:%s" % (self.command.encode(), body))
        elif words[0] == "slow":
            time.sleep(float(words[1]))
            self.answer(200, b"slow")
        elif words[0] == "stall":
            released.wait()     # no answer before somebody asks for /release
            self.answer(200, b"late")
        elif words[0] == "release":
            released.set()
            self.answer(200, b"released")
        elif words[0] == "four":
            four.wait()     # none is answered before four are there
            self.answer(200, b"met")
        elif words[0] == "status":
            self.answer(int(words[1]), b"no")
        elif words[0] == "once":
            self.answer(int(words[1]) if n == 1 else 200, b"again")
        elif words[0] == "break":
            self.hang_up() if n == 1 else self.answer(200, b"whole")
        elif words[0] == "cut":
            self.hang_up(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") if n == 1 else self.answer(200, b"whole")
        elif words[0] == "size":
            self.answer(200, b"x" * int(words[1]))
        elif words[0] == "endless":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for _ in range(1000):
                self.wfile.write(b"x" * 1000)
        elif words[0] == "to":
            port = {"https": PORTS[0], "http": PORTS[1]}[words[1]]
            self.answer(302, Location="%s://%s:%d/echo/moved" % (words[1], (words[2:] + ["127.0.0.1"])[0], port))
        else:
            self.answer(404, b"none")

    do_GET = do_POST = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that breaks off is part of the tests; anything else is told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
secure, plain = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
PORTS = [secure.server_address[1], plain.server_address[1]]
threading.Thread(target=plain.serve_forever, daemon=True).start()
print(*PORTS, flush=True)
secure.serve_forever()
