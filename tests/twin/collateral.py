"""The RIM service and the OCSP responder, for the simulated devices of this twin.

Plays NVIDIA's RIM service, API v1, and NVIDIA's OCSP service (version not known; RFC 6960).
Source: docs.nvidia.com/attestation (cloud services: RIM Service, OCSP Service); what nv-local-gpu-verifier 2.5.0 asks for and reads
(PyPI, verifier/rim, verifier/cc_admin_utils.py): {"id", "rim", …}, rim in base64, application/ocsp-request; RFC 6960 for tryLater.
Simplified: no list of ids, no cache; who needs a key, and with which words it is refused, is assumed (fault rim-key).

The answers are made by the program that TWIN_ANSWER names (devices/answer.c); without it both hosts say 503. Faults
named rim-* and ocsp-* that change what is signed are that program's own; here are those of the services:
    rim-key=SCHEME KEY    without that Authorization HTTP 401, and where the key is a wrong one 403
    rim-404, rim-500, rim-hang, rim-wrong-id, rim-corrupt    counted per id, the argument's text is a part of the id
    ocsp-down, ocsp-trylater, ocsp-hang, ocsp-garbled        counted altogether
    collateral-down                                          both; the argument's text is a part of the host's name
    attest-unknown                                           as the simulated verifiers have it: rim, ocsp, rim-missing
"""
import base64
import hashlib
import json
import os
import subprocess

RIM_HOST = "rim.attestation.nvidia.com"
OCSP_HOST = "ocsp.ndis.nvidia.com"
HOSTS = (RIM_HOST, OCSP_HOST)
RIM_PATH = "/v1/rim/"
REQUEST, RESPONSE = "application/ocsp-request", "application/ocsp-response"
TRY_LATER = bytes((0x30, 3, 0x0a, 1, 3))
GARBLED = b"<html><body>Welcome to this network</body></html>"
NONE = 4                        # exit code of `twin-answer rim` when there is none of that id
TIMEOUT_S = 30


class NotMade(Exception):
    """The program is not there, or failed."""


def ask(book, what, *arguments, stdin=b""):
    """What twin-answer prints; None when there is no such manifest."""
    program = os.environ.get("TWIN_ANSWER")
    if not program:
        raise NotMade("twin-answer was not built\n")
    done = subprocess.run([program, what, os.path.dirname(book.state)] + list(arguments), input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S, check=False)
    if what == "rim" and done.returncode == NONE:
        return None
    if done.returncode != 0:
        book.misuse("twin-answer %s: exit %d: %s" % (what, done.returncode, done.stderr.decode(errors="replace")))
        raise NotMade("twin-answer failed\n")
    return done.stdout


def answer(handler, host, path):
    """Answers one request, which was read whole, for one of HOSTS."""
    book = handler.ledger
    verifiers = book.fault("attest-unknown", "rim ocsp rim-missing")
    out = None if verifiers is None else verifiers.get("file") or "rim"
    mine = "rim" if host == RIM_HOST else "ocsp"
    if book.fault("collateral-down", host) is not None or out == mine:
        handler.drop()
    try:
        if host == RIM_HOST:
            rim(handler, path, out == "rim-missing")
        else:
            ocsp(handler, path)
    except NotMade as e:
        handler.reply(503, str(e))


# --- reference manifests --------------------------------------------------------------------------------------------

def reply_json(handler, status, value):
    body = (json.dumps(value) + "\n").encode()
    handler.start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    if handler.command != "HEAD":
        handler.send_bytes(body)


def spoilt(xml):
    """The manifest with another first digit in its first value."""
    at = xml.index(b'Hash0="') + len(b'Hash0="')
    return xml[:at] + (b"1" if xml[at:at + 1] == b"0" else b"0") + xml[at + 1:]


def rim(handler, path, missing):
    book, wanted = handler.ledger, path[len(RIM_PATH):]
    if handler.command not in ("GET", "HEAD"):
        return handler.reply(405, "Method Not Allowed\n", [("Allow", "GET, HEAD")])
    if not path.startswith(RIM_PATH) or not wanted or "/" in wanted:
        return reply_json(handler, 404, {"message": "NOT_FOUND"})
    key = book.argument("rim-key", "")
    if key is not None and handler.headers.get("Authorization") != key["value"]:
        status = 403 if "Authorization" in handler.headers else 401
        return reply_json(handler, status, {"message": "FORBIDDEN" if status == 403 else "UNAUTHORIZED"})
    if book.fault("rim-hang", wanted) is not None:
        handler.hold()
    if book.fault("rim-500", wanted) is not None:
        return reply_json(handler, 500, {"message": "INTERNAL_SERVER_ERROR"})
    missing = missing and "_DRIVER_" not in wanted
    xml = None if missing or book.fault("rim-404", wanted) is not None else ask(book, "rim", wanted)
    if xml is None:
        return reply_json(handler, 404, {"message": "RIM_NOT_FOUND"})
    if book.fault("rim-corrupt", wanted) is not None:
        xml = spoilt(xml)
    name = wanted + "1" if book.fault("rim-wrong-id", wanted) is not None else wanted
    digest = hashlib.sha256(xml).hexdigest()
    return reply_json(handler, 200, {"id": name, "rim": base64.b64encode(xml).decode(), "sha256": digest,
                                     "rim_format": "TCG", "request_id": digest[:32]})


# --- OCSP -----------------------------------------------------------------------------------------------------------

def ocsp(handler, path):
    book = handler.ledger
    if path != "/":
        return handler.reply(404, "Not Found\n")
    if handler.command != "POST":
        return handler.reply(405, "Method Not Allowed\n", [("Allow", "POST")])
    if handler.headers.get("Content-Type", "").split(";")[0].strip().lower() != REQUEST:
        return handler.reply(415, "Unsupported Media Type\n")
    if book.fault("ocsp-down", "", whole=True) is not None:
        return handler.reply(503, "Service Unavailable\n")
    if book.fault("ocsp-hang", "", whole=True) is not None:
        handler.hold()
    if book.fault("ocsp-trylater", "", whole=True) is not None:
        body = TRY_LATER
    elif book.fault("ocsp-garbled", "", whole=True) is not None:
        body = GARBLED
    else:
        body = ask(book, "ocsp", stdin=handler.request_body)
    handler.start(200, [("Content-Type", RESPONSE), ("Content-Length", str(len(body)))])
    return handler.send_bytes(body)
