"""The policies of a workspace, read and verified: Cedar's language, a schema's words, the recipients whom they are about."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor import content
from auditor.errors import InputError
from auditor.protection import recipient
from auditor.protection.framing import lp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from auditor.protection.policy import Policy
    from auditor.protection.recipient import Recipient


@dataclass(frozen=True)
class Access:
    """The policies of a workspace, read and verified, and the recipients whom they are about.

    Attributes:
        file: the policies' file.
        policies: Cedar's policies.
        schema: Cedar's schema.
        ids: Cedar's name of a policy (policy0) -> its @id.
        roles: the roles that there are.
        purposes: the purposes that there are.
        digest: of policies and schema.
        recipients: name -> recipient.
        fields: the rules of fields, for their sensitivity.
    """

    file: Path
    policies: Any
    schema: Any
    ids: Mapping[str, str]
    roles: tuple[str, ...]
    purposes: tuple[str, ...]
    digest: str
    recipients: Mapping[str, Recipient]
    fields: Policy


def file(folder: Path | None, name: str) -> Path:
    """A workspace's policy file, else the built-in one."""
    own = folder / name if folder else None
    return own if own and own.is_file() else content.folder("policies") / name


def load(folder: Path | None, fields: Policy) -> Access:
    """Read and verify policies, schema and recipients.

    Args:
        folder: a workspace's `policies`, or None for the built-in ones.
        fields: the rules of fields.

    Raises:
        InputError: what is no Cedar, speaks of what the schema does not know, has no @id or one that another has; or a recipient
            that is none, or whose role does not exist. It names file and place.
    """
    import cedarpy

    policy_file, schema_file = file(folder, "access.cedar"), file(folder, "schema.cedarschema")
    text, schema_text = _read(policy_file), _read(schema_file)
    try:
        schema = cedarpy.Schema.from_str(schema_text)
    except ValueError as error:
        raise InputError(
            schema_file, "", _first(error), "see https://docs.cedarpolicy.com/schema/human-readable-schema.html"
        ) from error
    roles, purposes = (_names(schema_file, str(schema), kind) for kind in ("Role", "Purpose"))
    ids = _ids(policy_file, text)
    for fault in cedarpy.validate_policies(text, schema).errors:
        name = ids.get(fault.policy_id, "")
        said = re.sub(r"for policy `[^`]*`[,:] ", "", fault.error)
        raise InputError(policy_file, _place(text, name), said, _suggest(said, roles, purposes))
    recipients = recipient.read_recipients(folder / "recipients") if folder else {}
    for one in recipients.values():
        for role in one.roles:
            if role not in roles:
                raise InputError(
                    f"policies/recipients/{one.name}.toml",
                    "roles",
                    f"there is no role {role!r}",
                    f"there are {', '.join(roles)}; add yours to schema.cedarschema",
                )
    digest = hashlib.sha256(lp(text.encode(), schema_text.encode())).hexdigest()
    return Access(policy_file, cedarpy.PolicySet.from_str(text), schema, ids, roles, purposes, digest, recipients, fields)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", "cannot be read", "restore it from git") from error


def _first(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def _names(path: Path, schema: str, kind: str) -> tuple[str, ...]:
    """The names of an enumerated entity type, from the schema as Cedar prints it."""
    found = re.search(rf'^entity {kind} enum \[((?:"(?:[^"\\]|\\.)*"(?:, )?)+)\];$', schema, re.MULTILINE)
    if not found:
        raise InputError(
            path, kind, f'there is no `entity {kind} enum ["…"]`', "take the built-in schema.cedarschema and add to it"
        )
    return tuple(json.loads(f"[{found[1]}]"))


def _ids(path: Path, text: str) -> dict[str, str]:
    """Cedar names policies by their order; people know them by their @id, so each has one of its own."""
    import cedarpy

    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise InputError(path, "", _first(error), "see https://docs.cedarpolicy.com/policies/syntax-policy.html") from error
    if parsed.get("templates"):
        raise InputError(
            path, "", "templates (?principal, ?resource) are not used here: they permit nothing", "write policies about roles"
        )
    ids: dict[str, str] = {}
    for number, (name, policy) in enumerate(parsed["staticPolicies"].items(), 1):
        given = (policy.get("annotations") or {}).get("id")
        if not given:
            raise InputError(
                path, f"{name} (of {len(parsed['staticPolicies'])})", "a policy without an @id", 'write @id("name") before it'
            )
        if given in ids.values():
            raise InputError(path, _place(text, given), "two policies have this @id", f"rename number {number}")
        ids[name] = given
    return ids


def _place(text: str, policy: str) -> str:
    at = text.find(f'@id("{policy}")')
    return f"line {text.count(chr(10), 0, at) + 1}, policy {policy}" if policy and at >= 0 else policy


def _suggest(said: str, roles: Sequence[str], purposes: Sequence[str]) -> str:
    if "Role::" in said:
        return f"there are the roles {', '.join(roles)}"
    if "Purpose::" in said:
        return f"there are the purposes {', '.join(purposes)}"
    return "schema.cedarschema says what a policy may speak of"
