"""What the two servers of the simulated internet have in common: one request, one answer, one line in http.jsonl."""
import http.server
import socket
import socketserver
import struct
import sys
import time


class Gone(Exception):
    """The connection ends here, on purpose or because the client left."""


class Writer:
    """What BaseHTTPRequestHandler writes to: every write is whole or fails."""
    closed = False

    def __init__(self, connection):
        self.write = connection.sendall

    def flush(self):
        """Nothing is held back."""

    close = flush


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def server_bind(self):
        # HTTPServer's own looks the host name up, which may take seconds where there is no name service.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, Gone)):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection. A subclass sets `via` and answers in answer(), by reply() or send_bytes()."""
    protocol_version = "HTTP/1.1"
    server_version = "twin"
    sys_version = ""
    timeout = 120
    disable_nagle_algorithm = True
    ledger = None               # set by the server's maker
    via = ""

    def secure(self, context):
        """Goes on under TLS, as the server."""
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = Writer(self.connection)

    def finish(self):
        super().finish()
        self.connection.close()     # under TLS it is no longer the socket that the server knows

    def handle(self):
        try:
            super().handle()
        except (OSError, Gone):
            self.close_connection = True

    def handle_one_request(self):
        self.started, self.status, self.first, self.sent = time.monotonic(), 0, None, 0
        self.command = self.beside = None
        try:
            super().handle_one_request()
        except Gone:
            self.close_connection = True
        finally:
            # A request line came; without one the client only closed an idle connection.
            if self.command:
                self.note()

    def note(self):
        path = "" if self.command == "CONNECT" else self.path
        self.ledger.request(self.started, self.via, self.command, self.host(), path,
                            getattr(self, "headers", None), self.status, self.first, self.sent, self.beside)

    def host(self):
        headers = getattr(self, "headers", None)
        return headers.get("Host", "") if headers else ""

    def do_any(self):
        self.started = time.monotonic()
        length = self.headers.get("Content-Length", "0")
        self.request_body = self.rfile.read(min(int(length), 1 << 20)) if length.isdigit() else b""
        self.answer()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_any

    def answer(self):
        raise NotImplementedError

    def start(self, status, headers):
        self.status = status
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.end_headers()

    def reply(self, status, text, headers=()):
        """A short answer, whole."""
        body = text.encode() if isinstance(text, str) else text
        self.start(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))] + list(headers))
        if self.command != "HEAD":
            self.send_bytes(body)

    def send_bytes(self, data):
        self.wfile.write(data)
        self.sent += len(data)

    def drop(self):
        """Cuts the line below TLS, so that the client sees no farewell of it."""
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass                # the client was quicker
        raise Gone()

    def refuse(self):
        """Resets the connection: the nearest that a listening port comes to not listening."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_):
        """http.jsonl takes the place of the log on stderr."""
