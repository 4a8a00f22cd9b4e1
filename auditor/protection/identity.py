"""An identity: the private keys of a person or a CI job, with which sealed fields are opened.

It holds an HPKE key pair (RFC 9180), to which column keys are wrapped, and an Ed25519 key, for signatures. Its file is readable by
its owner alone and may be sealed by a passphrase (Argon2id, AES-256-GCM). Its public half is a recipient (`auditor.recipient`).

Post-quantum hybrid keys (MLKEM768_X25519) are made where the cryptography library has them, else X25519. An identity says who
somebody is; what they may do, and so their roles, only the workspace says.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.errors import AccessError, AuditorError, InputError, UsageError
from auditor.files import create, parse_json
from auditor.protection import hpke
from auditor.protection.framing import base64_bytes, base64_text, lp
from auditor.protection.recipient import SEED_BYTES, Recipient, check_name

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from auditor.protection.recipient import Kind

FORMAT = "label-auditor/identity/v1"
# Argon2id as RFC 9106 recommends where memory is short (64 MiB, 3 passes, 4 lanes); fixed by the file's format, not by the file.
_PASSES, _LANES, _MEMORY = 3, 4, 64 * 1024  # memory in KiB


@dataclass(frozen=True)
class Identity:
    """Private keys, opened. Never printed: `repr` shows the name only.

    Attributes:
        name: the actor.
        kind: person | job.
        kem: MLKEM768_X25519 | X25519.
        hpke_key: the private HPKE key, raw.
        seed: the private Ed25519 key, raw.
    """

    name: str
    kind: Kind
    kem: hpke.Kem
    hpke_key: bytes = field(repr=False)
    seed: bytes = field(repr=False)

    def recipient(self, roles: Iterable[str] = (), until: dt.date | None = None) -> Recipient:
        """The public half, with the roles that the workspace shall give it."""
        public = self.signing_key.public_key().public_bytes_raw()
        return Recipient(self.name, self.kind, tuple(roles), until, self.kem, hpke.public_key(self.kem, self.hpke_key), public)

    @property
    def signing_key(self) -> Ed25519PrivateKey:
        """The Ed25519 key, which signs what this identity vouches for."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def key_id(self) -> str:
        """The key id of its recipient."""
        return self.recipient().key_id


def new(path: Path, name: str, kind: Kind = "person", passphrase: bytes | None = None, kem: hpke.Kem | None = None) -> Identity:
    """Make an identity and write its private file (mode 0600).

    Args:
        path: where; nothing is overwritten.
        name: the actor.
        kind: person | job.
        passphrase: seals the file; None leaves it to the file's permissions alone.
        kem: which kind of key; None takes the best that the library has.

    Raises:
        UsageError: a name that cannot be, an empty passphrase, or a file that is there already.
    """
    check_name(name)
    if passphrase is not None and not passphrase:
        raise UsageError("the passphrase is empty", "write one into the passphrase file, or give none")
    kem = kem or hpke.best()
    made = Identity(name, kind, kem, hpke.generate(kem), secrets.token_bytes(SEED_BYTES))
    public = made.recipient()
    content: dict[str, Any] = {
        "format": FORMAT, "name": name, "kind": kind, "kem": kem, "key_id": public.key_id,
        "hpke": base64_text(public.hpke_key), "ed25519": base64_text(public.signing_key),
    }  # fmt: skip
    secret = made.hpke_key + made.seed
    if passphrase is None:
        content["secret"] = base64_text(secret)
    else:
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
        content["sealed"] = {
            "salt": base64_text(salt),
            "nonce": base64_text(nonce),
            "secret": base64_text(_box(passphrase, salt).encrypt(nonce, secret, _header(content))),
        }
    try:
        create(path, (json.dumps(content, indent=1) + "\n").encode(), 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path}: there is an identity already",
            "choose another --identity file: an overwritten identity opens nothing any more",
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: the identity cannot be written: {error.strerror}", "give another --identity FILE") from error
    return made


def load(path: Path, passphrase: bytes | None = None) -> Identity:
    """Read a private identity file.

    Raises:
        AccessError: others can read it, or the passphrase is missing or wrong.
        InputError: it is no identity, is cut off, or its keys do not belong together.
        AuditorError: a newer format.
    """
    content = _read(path)
    try:
        name, kind, kem = str(content["name"]), content["kind"], content["kem"]
        stated = (base64_bytes(content["hpke"]), base64_bytes(content["ed25519"]), content["key_id"])
        check_name(name)
        if kind not in {"person", "job"} or kem not in hpke.SIZES or ("secret" in content) == ("sealed" in content):
            raise ValueError("a value that cannot be")  # noqa: TRY301  # all that is malformed gets one message
        sealed = content.get("sealed")
        secret = base64_bytes(content["secret"]) if sealed is None else _open(path, sealed, passphrase, _header(content))
        if len(secret) != hpke.SIZES[kem].private + SEED_BYTES:
            raise ValueError("a key of another length")  # noqa: TRY301
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise InputError(
            path, "", "is not a whole identity", "restore it from your backup, or make a new one and have it granted"
        ) from error
    made = Identity(name, kind, kem, secret[:-SEED_BYTES], secret[-SEED_BYTES:])
    public = made.recipient()
    if (public.hpke_key, public.signing_key, public.key_id) != stated:
        raise InputError(path, "", "its private and public keys do not belong together", "restore it from your backup")
    return made


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            data = stream.read(1 << 20)
    except OSError as error:
        raise AccessError(
            f"{path}: the identity cannot be read: {error.strerror}", "give --identity FILE, or make one: auditor identity new"
        ) from error
    if mode & 0o077:
        raise AccessError(
            f"{path}: others can read this identity (mode {mode:04o})",
            f"chmod 600 {path}, and make a new one if it was ever copied",
        )
    try:
        content = parse_json(data)
    except ValueError as error:
        raise InputError(
            path, "", "is not a whole identity", "restore it from your backup, or make a new one and have it granted"
        ) from error
    made = content.get("format") if isinstance(content, dict) else None
    if not isinstance(made, str) or not made.startswith("label-auditor/identity/"):
        raise InputError(path, "", "is not an identity", "give the private file that `auditor identity new` wrote")
    if made != FORMAT:
        raise AuditorError(f"{path}: an identity of the unknown version {made.rsplit('/', 1)[1]}", "upgrade label-auditor")
    return dict(content)


def _open(path: Path, sealed: Mapping[str, str], passphrase: bytes | None, header: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    if passphrase is None:
        raise AccessError(f"{path}: the identity is sealed by a passphrase", "give --passphrase-file FILE")
    salt, nonce, secret = (base64_bytes(sealed[part]) for part in ("salt", "nonce", "secret"))
    try:
        return bytes(_box(passphrase, salt).decrypt(nonce, secret, header))
    except InvalidTag as error:
        raise AccessError(
            f"{path}: wrong passphrase, or the file was altered", "try again; nobody can reset a passphrase"
        ) from error


def _box(passphrase: bytes, salt: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return AESGCM(Argon2id(salt=salt, length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY).derive(passphrase))


def _header(content: Mapping[str, Any]) -> bytes:
    """What stands in clear beside the sealed secret, so that none of it can be exchanged."""
    return lp(*(str(content[part]).encode() for part in ("format", "name", "kind", "kem", "key_id", "hpke", "ed25519")))
