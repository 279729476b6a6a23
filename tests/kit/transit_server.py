"""A transit engine as its documentation describes it, over real HTTP: strict about what it is asked, and able to fail.

Paths, bodies, answers and error texts are those of the HTTP API of the transit secrets engine (HashiCorp Vault 1.15).
"""

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.only-for-tests"


class TransitServer(ThreadingHTTPServer):
    """`trouble` is a status to answer with, or seconds to wait before anything is answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys = {1: AESGCM(urandom(32))}
        self.least = 1
        self.status = 0
        self.delay_s = 0.0
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def transit_server() -> Iterator[TransitServer]:
    server = TransitServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: TransitServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        self.server.asked.append(f"{self.command} {self.path}")
        time.sleep(self.server.delay_s)
        if self.server.status:
            self._say(self.server.status, {"errors": ["Vault is sealed" if self.server.status == 503 else "trouble"]})
        elif self.headers.get("X-Vault-Token") != TOKEN or self.headers.get("X-Vault-Request") != "true":
            self._say(403, {"errors": ["permission denied"]})
        else:
            self._answer(body)

    def _answer(self, body: dict) -> None:
        server, newest = self.server, max(self.server.keys)
        match self.command, self.path:
            case "POST", "/v1/transit/encrypt/market":
                assert set(body) == {"plaintext", "associated_data"}
                nonce, data = urandom(12), base64.b64decode(body["associated_data"], validate=True)
                sealed = nonce + server.keys[newest].encrypt(nonce, base64.b64decode(body["plaintext"]), data)
                text = f"vault:v{newest}:{base64.b64encode(sealed).decode()}"
                self._say(200, {"data": {"ciphertext": text, "key_version": newest}})
            case "POST", "/v1/transit/decrypt/market":
                assert set(body) == {"ciphertext", "associated_data"}
                self._decrypt(body)
            case "GET", "/v1/transit/keys/market":
                data = {"latest_version": newest, "min_decryption_version": server.least, "type": "aes256-gcm96"}
                self._say(200, {"data": data})
            case "POST", "/v1/transit/keys/market/rotate":
                server.keys[newest + 1] = AESGCM(urandom(32))
                self._say(204, None)
            case "POST", "/v1/transit/keys/market/config":
                assert set(body) == {"min_decryption_version", "min_encryption_version"}
                server.least = body["min_decryption_version"]
                self._say(200, {"data": {}})
            case _:
                self._say(404, {"errors": []})

    def _decrypt(self, body: dict) -> None:
        found = re.fullmatch(r"vault:v(\d+):([A-Za-z0-9+/=]+)", body["ciphertext"])
        version = int(found[1]) if found else 0
        if version not in self.server.keys:
            self._say(400, {"errors": ["invalid ciphertext: no prefix"]})
        elif version < self.server.least:
            self._say(400, {"errors": ["ciphertext or signature version is disallowed by policy (too old)"]})
        else:
            sealed, data = base64.b64decode(found[2]), base64.b64decode(body["associated_data"])
            try:
                clear = self.server.keys[version].decrypt(sealed[:12], sealed[12:], data)
            except InvalidTag:
                self._say(400, {"errors": ["cipher: message authentication failed"]})
            else:
                self._say(200, {"data": {"plaintext": base64.b64encode(clear).decode()}})

    def _say(self, status: int, body: dict | None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
