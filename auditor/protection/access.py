"""Who may open which sealed field: Cedar policies, asked.

`policies/access.cedar` says who, `policies/schema.cedarschema` which words it may use, `policies/cases.toml` what must
come out; each is the
workspace's where it has one, else the built-in one, which permits nothing. The answer is a decision with the policies that made
it. The rest is keys: a field is wrapped to exactly those whom some purpose permits (`permitted`), so the time and the purpose are
checked by this program when a field is opened, while who is not permitted at all holds no key.

Denied is what no policy permits, what one forbids, and what a policy cannot decide because it fails: Cedar leaves a
policy that fails
out, and a `forbid` that is left out would allow.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from auditor.errors import AccessError, UsageError
from auditor.protection.cedar import Access, file, load
from auditor.protection.grant import Permitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.protection.recipient import Recipient

__all__ = [
    "Access",
    "Actor",
    "Decision",
    "Request",
    "actor_named",
    "as_actor",
    "decide",
    "decide_all",
    "demand",
    "file",
    "load",
    "matrix",
    "permitted",
]

FOREVER = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Actor:
    """Somebody as a policy sees them.

    Attributes:
        type: User | Job.
        name: the actor's name.
        roles: their roles in this workspace.
        until: when their access ends.
    """

    type: Literal["User", "Job"]
    name: str
    roles: tuple[str, ...]
    until: dt.datetime = FOREVER


@dataclass(frozen=True)
class Request:
    """May this actor open this field, for this purpose, at this time?"""

    actor: Actor
    field: str
    purpose: str
    at: dt.datetime
    dataset: str = ""


@dataclass(frozen=True)
class Decision:
    """The answer.

    Attributes:
        allowed: whether.
        policies: ids of the policies that decided: those that permit, or those that forbid; none where nothing permits.
        reason: one sentence.
    """

    allowed: bool
    policies: tuple[str, ...]
    reason: str


def actor_named(access: Access, name: str) -> Actor:
    """A recipient as a policy sees them.

    Raises:
        AccessError: the workspace does not know them.
    """
    one = access.recipients.get(name)
    if one is None:
        raise AccessError(
            f"{name} is no recipient of this workspace",
            f"have policies/recipients/{name}.toml committed: auditor identity show --write --role ROLE",
        )
    return as_actor(one)


def as_actor(one: Recipient) -> Actor:
    """A recipient as a policy sees them."""
    until = dt.datetime.combine(one.until, dt.time(23, 59, 59), dt.UTC) if one.until else FOREVER
    return Actor("Job" if one.kind == "job" else "User", one.name, one.roles, until)


def decide(access: Access, actor: Actor, field: str, purpose: str, at: dt.datetime, dataset: str = "") -> Decision:
    """Whether an actor may open a field for a purpose.

    Raises:
        UsageError: there is no such purpose.
    """
    return decide_all(access, [Request(actor, field, purpose, at, dataset)])[0]


def decide_all(access: Access, requests: Sequence[Request]) -> list[Decision]:
    """Decisions for many requests, in their order; one call to Cedar.

    Raises:
        UsageError: there is no such purpose, or no such role.
    """
    import cedarpy

    for one in requests:
        if one.purpose not in access.purposes:
            raise UsageError(f"there is no purpose {one.purpose!r}", f"there are {', '.join(access.purposes)}")
        for role in one.actor.roles:
            if role not in access.roles:
                raise UsageError(f"there is no role {role!r}", f"there are {', '.join(access.roles)}")
    if not requests:
        return []
    entities = [_principal(one) for one in dict.fromkeys(request.actor for request in requests)]
    entities += [_field(access, name) for name in dict.fromkeys(request.field for request in requests)]
    known = cedarpy.Entities.from_json_str(json.dumps(entities), access.schema)
    asked = [
        {
            "principal": {"type": one.actor.type, "id": one.actor.name},
            "action": {"type": "Action", "id": "open"},
            "resource": {"type": "Field", "id": one.field},
            "context": {
                "dataset": one.dataset, "now": _moment(one.at), "until": _moment(one.actor.until),
                "purpose": {"__entity": {"type": "Purpose", "id": one.purpose}},
            },
        }
        for one in requests
    ]  # fmt: skip
    answers = cedarpy.is_authorized_batch(asked, access.policies, known, access.schema)
    return [_decision(access, one, answer) for one, answer in zip(requests, answers, strict=True)]


def _principal(actor: Actor) -> dict[str, Any]:
    parents = [{"type": "Role", "id": role} for role in actor.roles]
    return {"uid": {"type": actor.type, "id": actor.name}, "attrs": {}, "parents": parents}


def _field(access: Access, name: str) -> dict[str, Any]:
    sensitivity = access.fields.rule(name).sensitivity
    attrs = {
        "name": name,
        "table": name.partition(".")[0],
        "sensitivity": {"__entity": {"type": "Sensitivity", "id": sensitivity}},
    }
    return {"uid": {"type": "Field", "id": name}, "attrs": attrs, "parents": []}


def _moment(at: dt.datetime) -> dict[str, Any]:
    return {"__extn": {"fn": "datetime", "arg": at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}}


def _decision(access: Access, asked: Request, answer: Any) -> Decision:
    policies = tuple(sorted(access.ids.get(name, name) for name in answer.diagnostics.reasons))
    what = f"{asked.actor.name} ({', '.join(asked.actor.roles) or 'no role'}) to open {asked.field} for {asked.purpose}"
    if answer.diagnostics.errors:
        return Decision(False, policies, f"a policy cannot be decided: {answer.diagnostics.errors[0]}")
    if asked.at > asked.actor.until:
        return Decision(False, (), f"the access of {asked.actor.name} ended on {asked.actor.until.date().isoformat()}")
    if answer.allowed:
        return Decision(True, policies, f"{', '.join(policies)} allows {what}")
    return Decision(False, policies, f"{', '.join(policies)} forbids {what}" if policies else f"no policy allows {what}")


def matrix(
    access: Access, fields: Iterable[str], at: dt.datetime, dataset: str = "", purposes: Iterable[str] | None = None
) -> dict[tuple[str, str, str], Decision]:
    """The decision for every recipient, field and purpose.

    Args:
        access: the policies and the recipients.
        fields: which fields.
        at: when.
        dataset: in which dataset.
        purposes: for which purposes; None for all.

    Returns:
        (name, field, purpose) -> decision.
    """
    actors = [as_actor(one) for one in access.recipients.values()]
    chosen = access.purposes if purposes is None else tuple(purposes)
    requests = [Request(actor, field, purpose, at, dataset) for field in fields for actor in actors for purpose in chosen]
    answers = decide_all(access, requests)
    return {(one.actor.name, one.field, one.purpose): answer for one, answer in zip(requests, answers, strict=True)}


def permitted(access: Access, field: str, at: dt.datetime, dataset: str = "") -> tuple[Permitted, ...]:
    """Who is to hold a wrap for a field: the recipients to whom some purpose permits it."""
    names = {name for (name, _, _), one in matrix(access, [field], at, dataset).items() if one.allowed}
    return tuple(Permitted(one, one.until) for name, one in access.recipients.items() if name in names)


def demand(access: Access, name: str, field: str, purpose: str, at: dt.datetime, dataset: str = "") -> Decision:
    """The decision that allows a recipient to open a field.

    Raises:
        AccessError: it is denied; the message says by which policy, the hint whom to ask.
        UsageError: there is no such purpose.
    """
    decision = decide(access, actor_named(access, name), field, purpose, at, dataset)
    if decision.allowed:
        return decision
    may = [who for (who, _, _), one in matrix(access, [field], at, dataset, [purpose]).items() if one.allowed]
    ask = f"ask {' or '.join(may)}, who may" if may else "nobody may: ask those who review policies/access.cedar"
    raise AccessError(decision.reason, ask)
