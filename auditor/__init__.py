"""Label Auditor: audits labelled datasets and says what is wrong, why, and what to fix first.

The command line is the main door (`auditor --help`); notebooks use `auditor.audit`:

    import auditor
    result = auditor.audit("answer.csv", mapping={"item_id": "question"})
    result                      # shows itself as the HTML report
    result.findings.to_pandas()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.api import Audit, audit
    from auditor.errors import AuditorError

__version__ = "0.1.0"
__all__ = ["Audit", "AuditorError", "__version__", "audit"]


def __getattr__(name: str) -> Any:
    """Load the API on first use, so that `auditor --help` does not pay for DuckDB and Arrow."""
    if name in {"audit", "Audit"}:
        from auditor import api

        return getattr(api, name)
    if name == "AuditorError":
        from auditor.errors import AuditorError

        return AuditorError
    raise AttributeError(f"module 'auditor' has no attribute {name!r}")
