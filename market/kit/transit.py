"""Data keys wrapped by the transit engine of HashiCorp Vault or OpenBao: the key-encryption key never leaves that machine.

HTTP as documented for the transit secrets engine (Vault 1.15, OpenBao 2.0): encrypt and decrypt with associated data under an
`aes256-gcm96` key, rotate, and a least version that still decrypts. Nothing is retried here: the caller's work is.
"""

import base64
import binascii
from typing import Any

import httpx

from market.kit.errors import Transient
from market.kit.vault import VERSION_BYTES, RetiredKey, WrongKey, version_bytes, version_of

_PREFIX = "vault:v"


class VaultDenied(Transient):
    slug, title, status = "vault-denied", "The key vault refuses this marketplace", 503


class TransitVault:
    """One key of a transit engine. Safe to use from several threads."""

    def __init__(
        self, url: str, token: str, *, key: str = "market", mount: str = "transit", timeout_s: float = 5.0
    ) -> None:
        """`url` as `https://vault.example:8200`; `token` must be allowed to use, read, rotate and configure the key."""
        self._name = f"{url.rstrip('/')}/v1/{mount}/…/{key}"
        self._mount, self._key_name = mount, key
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/v1/{mount}/",
            headers={"X-Vault-Token": token, "X-Vault-Request": "true"},
            timeout=timeout_s,
            trust_env=False,
            follow_redirects=False,
        )

    def wrap(self, data_key: bytes, context: str) -> bytes:
        body = {"plaintext": _text(data_key), "associated_data": _text(context.encode())}
        sealed = str(_member(self._ask("POST", f"encrypt/{self._key_name}", body), "ciphertext"))
        return version_bytes(_version_in(sealed)) + sealed.encode()

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        version, sealed = version_of(wrapped), wrapped[VERSION_BYTES:]
        try:
            text = sealed.decode("ascii")
        except UnicodeDecodeError:
            raise WrongKey("this wrap is none of the transit engine's") from None
        if not text.startswith(f"{_PREFIX}{version}:"):
            raise WrongKey("this wrap is none of the transit engine's")
        body = {"ciphertext": text, "associated_data": _text(context.encode())}
        found = self._ask("POST", f"decrypt/{self._key_name}", body, context=context, version=version)
        try:
            return base64.b64decode(str(_member(found, "plaintext")), validate=True)
        except binascii.Error:
            raise Transient("the key vault answers nonsense; try again later") from None

    def version(self) -> int:
        return int(_member(self._ask("GET", f"keys/{self._key_name}"), "latest_version"))

    def rotate(self) -> int:
        self._ask("POST", f"keys/{self._key_name}/rotate", {})
        return self.version()

    def retire(self, below: int) -> None:
        body = {"min_decryption_version": below, "min_encryption_version": below}
        self._ask("POST", f"keys/{self._key_name}/config", body)

    def describe(self) -> str:
        found = self._ask("GET", f"keys/{self._key_name}")
        least, newest = _member(found, "min_decryption_version"), _member(found, "latest_version")
        return f"transit engine {self._name}, version {newest}, opens from version {least} on"

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, context: str = "", version: int = 0
    ) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.TimeoutException:
            raise Transient("the key vault does not answer in time; try again in a moment") from None
        except httpx.TransportError:
            raise Transient("the key vault cannot be reached; try again in a moment") from None
        if answer.status_code in {200, 204}:
            return _json(answer)
        said = " ".join(str(error) for error in _json(answer).get("errors") or ())
        match answer.status_code:
            case 400 if context and "version" in said and ("disallowed" in said or "too old" in said):
                raise RetiredKey(f"version {version} of the key was retired")
            case 400 if context:
                raise WrongKey(f"this key does not open {context!r}")
            case 403:
                raise VaultDenied("the key vault refuses its token: the operator must renew it or its policy")
            case 404:
                raise VaultDenied("the key vault has no such key or engine: the operator must create it")
            case 503:
                raise Transient("the key vault is sealed or starting; try again once it was unsealed")
            case status:
                raise Transient(f"the key vault answers {status}; try again in a moment")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code == 204 or not answer.content:
        return {}
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Transient("the key vault answers nonsense; try again later")
    return found


def _member(found: dict[str, Any], name: str) -> Any:
    data = found.get("data")
    if not isinstance(data, dict) or name not in data:
        raise Transient("the key vault answers nonsense; try again later")
    return data[name]


def _version_in(sealed: str) -> int:
    number = sealed.removeprefix(_PREFIX).split(":", 1)[0]
    if not sealed.startswith(_PREFIX) or not number.isdigit():
        raise Transient("the key vault answers nonsense; try again later")
    return int(number)
