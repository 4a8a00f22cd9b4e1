"""Grants: column keys, wrapped to those who may open the column. `grants/DATASET/COLUMN.json`, in git.

A wrap is an HPKE ciphertext whose `info` binds format, dataset, column, epoch, kind of key, recipient, key id, the
digest of the policy that
allowed it and its last day: with one of them changed it does not open. Beside the wraps stands a commitment to the key, compared
after unwrapping. A wrap that stays stays as it is, so a grant changes only where somebody comes or goes.

Whoever imports with an identity signs the epoch. The signature decides whether a key may be kept at the next import:
HPKE's base mode does
not say who wrapped, so an insider who can write the repository could otherwise put a key of their own there for new
data to be sealed with,
or take their own wrap away before they lose access, so that nobody sees that the key must change.

What a grant does not do: its last day is checked by this program, and so are the policy's purposes; somebody who holds
a wrap and works
with raw libraries is bound by neither. Readers do not check the signature yet.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # pydantic resolves annotations when it runs
import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditor.errors import AccessError, InputError
from auditor.files import read_json
from auditor.protection import hpke, seal
from auditor.protection.framing import base64_bytes, base64_text, lp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from auditor.protection.identity import Identity
    from auditor.protection.recipient import Recipient

FORMAT = "label-auditor/grant/v1"
_LONGEST = 150  # characters of a file's name; longer ones end in a digest


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wrap(_Strict):
    """A column key, wrapped to one recipient.

    Attributes:
        recipient: whose it is.
        key_id: to which of their keys.
        not_after: the last day on which it may be used, or None.
        policy: digest of the policy that allowed it.
        wrapped: the HPKE ciphertext, base64.
    """

    recipient: str
    key_id: str
    not_after: dt.date | None
    policy: str
    wrapped: str


class Epoch(_Strict):
    """One column key: how it is recognised, how its cells are padded, to whom it is wrapped, and who says so.

    Attributes:
        epoch: 1 to 65535.
        commitment: by which its key is recognised.
        kem: the kind of the recipients' keys.
        padding: of its cells: "one" width, or "buckets".
        width: see `seal.Padding`.
        wraps: by the recipients' names.
        maker: who imported, or "" where nobody's identity was used.
        signature: Ed25519 of the maker over all of this and its place, base64; or "".
    """

    epoch: int = Field(ge=1, le=seal.LAST_EPOCH)
    commitment: str
    kem: hpke.Kem
    padding: Literal["one", "buckets"]
    width: int = Field(ge=1)
    wraps: tuple[Wrap, ...]
    maker: str = ""
    signature: str = ""

    def wrap_of(self, name: str) -> Wrap | None:
        """The wrap of a recipient."""
        return next((one for one in self.wraps if one.recipient == name), None)


class Grant(_Strict):
    """All column keys of one column, oldest first."""

    format: str
    dataset: str
    column: str
    epochs: tuple[Epoch, ...]

    def text(self) -> str:
        """The file, always written the same way."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"

    def epoch(self, number: int) -> Epoch | None:
        """One epoch."""
        return next((one for one in self.epochs if one.epoch == number), None)


@dataclass(frozen=True)
class Permitted:
    """Somebody who may open a column, and until when."""

    recipient: Recipient
    not_after: dt.date | None


def path(folder: Path, dataset: str, column: str) -> Path:
    """Where a column's grant stands. Names from data cannot lead elsewhere.

    >>> from pathlib import Path
    >>> path(Path("grants"), "popquorn", "annotator.attributes.a/../b").as_posix()
    'grants/popquorn/annotator.attributes.a%2F..%2Fb.json'
    """
    return folder / _safe(dataset) / f"{_safe(column)}.json"


def _safe(name: str) -> str:
    text = quote(name, safe=" ").replace(" ", "%20")
    if text.startswith("."):
        text = "%2E" + text[1:]
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}-{digest}"


def columns(folder: Path, dataset: str) -> list[str]:
    """The columns of a dataset that have a grant.

    Raises:
        InputError: a file is no JSON or does not say whose grant it is.
    """
    found = []
    for file in sorted((folder / _safe(dataset)).glob("*.json")):
        content = read_json(file, "a grant")
        column = content.get("column") if isinstance(content, dict) else None
        if not isinstance(column, str) or path(folder, dataset, column) != file:
            raise InputError(file, "column", "is not the grant of the column after which it is named", "restore the file from git")
        found.append(column)
    return found


def read(folder: Path, dataset: str, column: str) -> Grant | None:
    """A column's grant; None where it has none.

    Raises:
        InputError: the file is no grant, is another column's, or says something twice.
    """
    file = path(folder, dataset, column)
    if not file.exists():
        return None
    content = read_json(file, "a grant")
    made = content.get("format") if isinstance(content, dict) else None
    if made != FORMAT:
        raise InputError(
            file, "format", f"a grant of the unknown format {made!r}", "upgrade label-auditor, or restore the file from git"
        )
    try:
        grant = Grant.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            file, ".".join(str(part) for part in first["loc"]), first["msg"].lower(), "restore the file from git"
        ) from error
    if (grant.dataset, grant.column) != (dataset, column):
        raise InputError(file, "column", f"is the grant of {grant.column} of {grant.dataset}", "restore the file from git")
    numbers = [one.epoch for one in grant.epochs]
    names = [(one.epoch, wrap.recipient) for one in grant.epochs for wrap in one.wraps]
    if not numbers or numbers != sorted(set(numbers)) or len(names) != len(set(names)):
        raise InputError(file, "epochs", "no epoch, one that stands twice, or a recipient who does", "restore the file from git")
    return grant


def _info(place: seal.Place, kem: str, wrap: Wrap) -> bytes:
    not_after = wrap.not_after.isoformat() if wrap.not_after else ""
    return place.framed(FORMAT) + lp(*(text.encode() for text in (kem, wrap.recipient, wrap.key_id, wrap.policy, not_after)))


def wrap_key(key: bytes, place: seal.Place, to: Permitted, policy: str) -> Wrap:
    """Wrap a column key to somebody.

    Raises:
        InputError: their public key is none.
    """
    one = to.recipient
    bare = Wrap(recipient=one.name, key_id=one.key_id, not_after=to.not_after, policy=policy, wrapped="")
    try:
        wrapped = hpke.wrap(one.kem, one.hpke_key, key, _info(place, one.kem, bare))
    except ValueError as error:
        raise InputError(
            f"policies/recipients/{one.name}.toml", "hpke", "is no public key", "ask its holder for `auditor identity show`"
        ) from error
    return bare.model_copy(update={"wrapped": base64_text(wrapped)})


def new_epoch(key: bytes, place: seal.Place, padding: seal.Padding, to: Iterable[Permitted], policy: str) -> Epoch:
    """An epoch of a new column key, wrapped to all who may open the column.

    Raises:
        ValueError: to nobody, or to keys of several kinds (a fault of the caller's: the policy says who).
    """
    chosen = sorted(to, key=lambda one: one.recipient.name)
    (kem,) = {one.recipient.kem for one in chosen}
    wraps = tuple(wrap_key(key, place, one, policy) for one in chosen)
    return Epoch(
        epoch=place.epoch, commitment=seal.commitment(key, place), kem=kem, padding=padding.kind, width=padding.width, wraps=wraps
    )


def update(epoch: Epoch, place: seal.Place, to: Iterable[Permitted], policy: str, key: bytes | None) -> Epoch:
    """The epoch with wraps for exactly those who may open the column; wraps that may stay keep their bytes.

    Args:
        epoch: as it is.
        place: of its key.
        to: who may open the column.
        policy: digest of the policy that says so.
        key: the column key, or None: then nobody can be added, only taken away.
    """
    wraps = []
    for one in sorted(to, key=lambda one: one.recipient.name):
        old = epoch.wrap_of(one.recipient.name)
        if old is not None and (old.key_id, old.not_after) == (one.recipient.key_id, one.not_after):
            wraps.append(old)
        elif key is not None and one.recipient.kem == epoch.kem:
            wraps.append(wrap_key(key, place, one, policy))
    return epoch.model_copy(update={"wraps": tuple(wraps)})


def _signed_bytes(epoch: Epoch, place: seal.Place) -> bytes:
    said = epoch.model_copy(update={"signature": ""}).model_dump(mode="json")
    return place.framed("label-auditor/epoch-signature/v1") + lp(json.dumps(said, sort_keys=True).encode())


def sign(epoch: Epoch, place: seal.Place, who: Identity | None) -> Epoch:
    """The epoch, signed by whoever imports; without a signature where nobody's identity is used."""
    bare = epoch.model_copy(update={"maker": who.name if who else "", "signature": ""})
    if who is None:
        return bare
    return bare.model_copy(update={"signature": base64_text(who.signing_key.sign(_signed_bytes(bare, place)))})


def vouched(epoch: Epoch, place: seal.Place, by: Iterable[Recipient]) -> bool:
    """Whether one of those who may import has signed the epoch as it is."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    maker = next((one for one in by if one.name == epoch.maker), None)
    if maker is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(maker.signing_key).verify(base64_bytes(epoch.signature), _signed_bytes(epoch, place))
    except (InvalidSignature, ValueError):
        return False
    return True


def revoked(epoch: Epoch, to: Iterable[Permitted]) -> tuple[str, ...]:
    """Recipients who hold the key of an epoch and may not any more: they know it, so the next data need another."""
    held = {one.recipient.key_id: one.recipient.name for one in to}
    return tuple(wrap.recipient for wrap in epoch.wraps if held.get(wrap.key_id) != wrap.recipient)


def find(grant: Grant | None, place: seal.Place, identity: Identity, today: dt.date) -> tuple[Epoch, Wrap]:
    """The wrap that an identity may use.

    Raises:
        AccessError: there is none, it is for another key of theirs, or its last day is over.
    """
    field = place.column
    epoch = grant.epoch(place.epoch) if grant else None
    if epoch is None:
        raise AccessError(
            f"there is no grant for {field} of {place.dataset}, epoch {place.epoch}",
            "restore grants/ from git: without the grant nobody can open it",
        )
    wrap = epoch.wrap_of(identity.name)
    if wrap is None:
        holders = ", ".join(one.recipient for one in epoch.wraps) or "nobody"
        raise AccessError(
            f"{identity.name} has no grant for {field}",
            f"those who can open it: {holders}; let one of them import again once the policy allows you",
        )
    if wrap.key_id != identity.key_id:
        raise AccessError(
            f"the grant for {field} is for another key of {identity.name}",
            f"use the identity with the key id {wrap.key_id}, or have this one granted",
        )
    if wrap.not_after and today > wrap.not_after:
        raise AccessError(
            f"the grant of {identity.name} for {field} ended on {wrap.not_after.isoformat()}",
            "have `until` extended in policies/recipients and import again",
        )
    return epoch, wrap


def unwrap_key(epoch: Epoch, wrap: Wrap, place: seal.Place, identity: Identity) -> bytes:
    """The column key.

    Raises:
        InputError: the grant was altered, or is not the key of these cells.
    """
    file = f"grants/{place.dataset}/{place.column}.json"
    try:
        raw = base64_bytes(wrap.wrapped)
    except ValueError as error:
        raise InputError(file, wrap.recipient, "the wrapped key is not base64", "restore the file from git") from error
    key = hpke.unwrap(identity.kem, identity.hpke_key, raw, _info(place, identity.kem, wrap)) if epoch.kem == identity.kem else None
    if key is None or len(key) != seal.KEY_BYTES:
        raise InputError(file, wrap.recipient, "the grant was altered: its key does not unwrap", "restore the file from git")
    if not hmac.compare_digest(seal.commitment(key, place), epoch.commitment):
        raise InputError(
            file, wrap.recipient, "the wrapped key is not the one that the grant commits to", "restore the file from git"
        )
    return key


def at_epoch(place: seal.Place, number: int) -> seal.Place:
    """The same column at another epoch."""
    return replace(place, epoch=number)
