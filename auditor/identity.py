"""Who can open sealed fields: an identity is a person's or a CI job's private keys, a recipient is its public half.

An identity holds an HPKE key pair (RFC 9180), to which column keys are wrapped, and an Ed25519 key, for signatures. Its file is readable
by its owner alone and may be sealed by a passphrase (Argon2id, AES-256-GCM). The recipient is a small TOML file in the workspace,
`policies/recipients/NAME.toml`, that goes into git: whoever reviews it says that the key is that person's, and which roles they have.

Post-quantum hybrid keys (MLKEM768_X25519) are made where the cryptography library has them, else X25519; one workspace holds one kind.
Roles in the identity file do not exist: an identity says who somebody is, the workspace says what they may do.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt  # noqa: TC003  # pydantic resolves annotations when it runs
import hashlib
import json
import os
import re
import secrets
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from auditor import hpke
from auditor.errors import AccessError, AuditorError, InputError, UsageError
from auditor.files import create, parse_json
from auditor.framing import lp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Kind = Literal["person", "job"]
FORMAT = "label-auditor/identity/v1"
# Argon2id as RFC 9106 recommends where memory is short (64 MiB, 3 passes, 4 lanes); fixed by the file's format, not by the file.
_ARGON2 = {"length": 32, "iterations": 3, "lanes": 4, "memory_cost": 64 * 1024}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_SEED = 32  # bytes of an Ed25519 key


class _Public(BaseModel):
    """The file of a recipient."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    kind: Kind
    roles: tuple[str, ...]
    until: dt.date | None = None
    key_id: str
    kem: hpke.Kem
    hpke: str
    ed25519: str


@dataclass(frozen=True)
class Recipient:
    """A public key, whose it is, and which roles its holder has.

    Attributes:
        name: the actor, as policies and the ledger write it.
        kind: person | job.
        roles: what the workspace says that they are.
        until: the last day on which they may open anything, or None.
        kem: MLKEM768_X25519 | X25519.
        hpke_key: the public HPKE key, raw.
        signing_key: the public Ed25519 key, raw.
    """

    name: str
    kind: Kind
    roles: tuple[str, ...]
    until: dt.date | None
    kem: hpke.Kem
    hpke_key: bytes
    signing_key: bytes

    @property
    def key_id(self) -> str:
        """128 bits of a digest over both public keys, as 32 hexadecimal digits."""
        return hashlib.sha256(lp(b"label-auditor/recipient/v1", self.kem.encode(), self.hpke_key, self.signing_key)).hexdigest()[
            :32
        ]

    def toml(self) -> str:
        """The recipient's file, to be reviewed and committed."""
        until = f"until = {self.until.isoformat()}\n" if self.until else ""
        return (
            "# A public key: column keys are wrapped to it. Roles are what this workspace says; review a change of this file as one of access.\n"
            f"name = {json.dumps(self.name)}\n"
            f"kind = {json.dumps(self.kind)}\n"
            f"roles = {json.dumps(list(self.roles))}\n"
            f"{until}"
            f"key_id = {json.dumps(self.key_id)}\n"
            f"kem = {json.dumps(self.kem)}\n"
            f'ed25519 = "{base64.b64encode(self.signing_key).decode()}"\n'
            f'hpke = "{base64.b64encode(self.hpke_key).decode()}"\n'
        )


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


def check_name(name: str, roles: Iterable[str] = ()) -> None:
    """Make sure that a name can be a file's name on every system, and roles can stand in a policy.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of an identity", "use lower case letters, digits, dots, dashes, such as ada or ci-main"
        )
    for role in roles:
        if not _ROLE.fullmatch(role):
            raise UsageError(f"{role!r} cannot be a role", "use lower case letters, digits and _, such as qa_lead")


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
    made = Identity(name, kind, kem, hpke.generate(kem), secrets.token_bytes(_SEED))
    public = made.recipient()
    content: dict[str, Any] = {
        "format": FORMAT, "name": name, "kind": kind, "kem": kem, "key_id": public.key_id,
        "hpke": _text(public.hpke_key), "ed25519": _text(public.signing_key),
    }  # fmt: skip
    secret = made.hpke_key + made.seed
    if passphrase is None:
        content["secret"] = _text(secret)
    else:
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
        content["sealed"] = {
            "salt": _text(salt),
            "nonce": _text(nonce),
            "secret": _text(_box(passphrase, salt).encrypt(nonce, secret, _header(content))),
        }
    try:
        create(path, (json.dumps(content, indent=1) + "\n").encode(), 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path}: there is an identity already",
            "choose another --identity file: an overwritten identity opens nothing any more",
        ) from None
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
        stated = (_bytes(content["hpke"]), _bytes(content["ed25519"]), content["key_id"])
        if kind not in {"person", "job"} or kem not in hpke.SIZES or ("secret" in content) == ("sealed" in content):
            raise ValueError("a value that cannot be")  # noqa: TRY301  # all that is malformed gets one message
        sealed = content.get("sealed")
        secret = _bytes(content["secret"]) if sealed is None else _open(path, sealed, passphrase, _header(content))
        if len(secret) != hpke.SIZES[kem].private + _SEED:
            raise ValueError("a key of another length")  # noqa: TRY301
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            path, "", "is not a whole identity", "restore it from your backup, or make a new one and have it granted"
        ) from error
    made = Identity(name, kind, kem, secret[:-_SEED], secret[-_SEED:])
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
    salt, nonce, secret = (_bytes(sealed[part]) for part in ("salt", "nonce", "secret"))
    try:
        return _box(passphrase, salt).decrypt(nonce, secret, header)
    except InvalidTag as error:
        raise AccessError(
            f"{path}: wrong passphrase, or the file was altered", "try again; nobody can reset a passphrase"
        ) from error


def _box(passphrase: bytes, salt: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return AESGCM(Argon2id(salt=salt, **_ARGON2).derive(passphrase))


def _header(content: Mapping[str, Any]) -> bytes:
    """What stands in clear beside the sealed secret, so that none of it can be exchanged."""
    return lp(*(str(content[part]).encode() for part in ("format", "name", "kind", "kem", "key_id", "hpke", "ed25519")))


def read_recipients(folder: Path) -> dict[str, Recipient]:
    """All recipients of a workspace, by name; none where there is no folder.

    Args:
        folder: `policies/recipients`.

    Raises:
        InputError: a file that is no recipient, is named for another, has a key id that is not its keys', holds keys that another
            has too, or keys of another kind than the others'.
    """
    found: dict[str, Recipient] = {}
    owners: dict[bytes, str] = {}
    for file in sorted(folder.glob("*.toml")):
        one = _recipient(file)
        for key in (one.hpke_key, one.signing_key):
            if owners.setdefault(key, one.name) != one.name:
                raise InputError(file, "hpke", f"{owners[key]} has the same key", "every identity has keys of its own")
        other = next(iter(found.values()), one)
        if other.kem != one.kem:
            # A column key that is wrapped to one weak recipient is as weak as that one, whatever the others have.
            raise InputError(
                file,
                "kem",
                f"{one.kem}, while {other.name} has {other.kem}",
                "one workspace holds one kind of key: make this identity again",
            )
        found[one.name] = one
    return found


def _recipient(file: Path) -> Recipient:
    hint = "write it with: auditor identity show --write --role ROLE"
    try:
        public = _Public.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        check_name(public.name, public.roles)
        hpke_key, signing_key = _bytes(public.hpke), _bytes(public.ed25519)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(file, ".".join(str(part) for part in first["loc"]), first["msg"].lower(), hint) from error
    except UsageError as error:
        raise InputError(file, "", error.message, error.hint) from error
    except (OSError, ValueError) as error:
        raise InputError(file, "", f"is not a recipient: {error}", hint) from error
    one = Recipient(public.name, public.kind, public.roles, public.until, public.kem, hpke_key, signing_key)
    if file.stem != one.name:
        raise InputError(file, "name", f"the recipient is called {one.name}", f"name the file {one.name}.toml")
    if len(hpke_key) != hpke.SIZES[one.kem].public or len(signing_key) != _SEED:
        raise InputError(file, "hpke", "a key of the wrong length", hint)
    if one.key_id != public.key_id:
        raise InputError(
            file,
            "key_id",
            "the key id does not belong to the keys",
            "was a key exchanged? ask its holder for `auditor identity show`",
        )
    return one


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError("not base64") from error
