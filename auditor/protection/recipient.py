"""Recipients: the public halves of identities, `policies/recipients/NAME.toml` in a workspace, in git.

Whoever reviews such a file says that the key is that person's, and which roles they have: a change of it is a change of access.
One workspace holds one kind of key.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # pydantic resolves annotations when it runs
import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from auditor.errors import InputError, UsageError
from auditor.protection import hpke
from auditor.protection.framing import base64_bytes, base64_text, lp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Kind = Literal["person", "job"]
SEED_BYTES = 32  # an Ed25519 key, private or public
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,63}")


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
            "# A public key, to which column keys are wrapped, and the roles that this workspace gives its holder.\n"
            "# Review a change of this file as a change of access.\n"
            f"name = {json.dumps(self.name)}\n"
            f"kind = {json.dumps(self.kind)}\n"
            f"roles = {json.dumps(list(self.roles))}\n"
            f"{until}"
            f"key_id = {json.dumps(self.key_id)}\n"
            f"kem = {json.dumps(self.kem)}\n"
            f'ed25519 = "{base64_text(self.signing_key)}"\n'
            f'hpke = "{base64_text(self.hpke_key)}"\n'
        )


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
        hpke_key, signing_key = base64_bytes(public.hpke), base64_bytes(public.ed25519)
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
    if len(hpke_key) != hpke.SIZES[one.kem].public or len(signing_key) != SEED_BYTES:
        raise InputError(file, "hpke", "a key of the wrong length", hint)
    if one.key_id != public.key_id:
        raise InputError(
            file,
            "key_id",
            "the key id does not belong to the keys",
            "was a key exchanged? ask its holder for `auditor identity show`",
        )
    return one
