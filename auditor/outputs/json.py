"""verdict.json: the gate's answer for machines. The same input gives the same bytes; timings are a file of their own."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import auditor
from auditor.outputs import order

if TYPE_CHECKING:
    from auditor.api import Request
    from auditor.gate import Verdict
    from auditor.summary import Summary

FORMAT = "label-auditor/verdict/1"


def verdict(verdict: Verdict, summary: Summary, inputs: list[dict[str, Any]], request: Request, findings_sha256: str) -> str:
    """The verdict as JSON text, keys in a fixed order."""
    body = {
        "format": FORMAT,
        "auditor": auditor.__version__,
        "result": verdict.result,
        "exit_code": verdict.exit_code,
        "reasons": list(verdict.reasons),
        "warnings": [f"{one.check_id}: {one.reason}" for one in order.warned(verdict.decisions)],
        "as_of": request.as_of.isoformat(),
        "audience": request.audience,
        "inputs": inputs,
        "settings": request.settings.model_dump(mode="json", exclude_defaults=True) if request.audience == "internal" else {},
        "summary": dataclasses.asdict(summary),
        "findings_sha256": findings_sha256,
        "notes": list(verdict.notes),
        "checks": [dataclasses.asdict(decision) for decision in verdict.decisions],
    }
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
