"""verdict.json: the gate's answer for machines. The same input gives the same bytes; timings are a file of their own."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import auditor
from auditor.outputs import order

if TYPE_CHECKING:
    import datetime as dt

    from auditor.gate import Decision, Verdict
    from auditor.settings import Settings
    from auditor.summary import Summary

FORMAT = "label-auditor/verdict/1"


def verdict(
    verdict: Verdict,
    summary: Summary,
    inputs: list[dict[str, Any]],
    as_of: dt.date,
    audience: str,
    settings: Settings,
    findings_sha256: str,
    reviews_sha256: str = "",
) -> str:
    """The verdict as JSON text, keys in a fixed order."""
    body = {
        "format": FORMAT,
        "auditor": auditor.__version__,
        "result": verdict.result,
        "exit_code": verdict.exit_code,
        "reasons": list(verdict.reasons),
        "warnings": [f"{one.check_id}: {one.reason}" for one in order.warned(verdict.decisions)],
        "as_of": as_of.isoformat(),
        "audience": audience,
        "inputs": inputs,
        "settings": settings.model_dump(mode="json", exclude_defaults=True) if audience == "internal" else {},
        "summary": dataclasses.asdict(summary),
        "findings_sha256": findings_sha256,
        # What people said of the findings that this counts on; not there where nobody said anything.
        **({"reviews_sha256": reviews_sha256} if reviews_sha256 else {}),
        "notes": list(verdict.notes),
        "checks": [_decision(one) for one in verdict.decisions],
    }
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _decision(one: Decision) -> dict[str, Any]:
    """A decision; without what is known of the check's precision where nobody judged any of its findings."""
    body = dataclasses.asdict(one)
    if one.precision is None:
        del body["precision"]
    if not one.unproven:
        del body["unproven"]
    return body
