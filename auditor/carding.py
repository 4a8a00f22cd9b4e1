"""What `auditor annotators` prints and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor import results, scorecard, seclude
from auditor.errors import UsageError
from auditor.files import replacing
from auditor.outputs import scorecard as out
from auditor.protection import ledger, vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from auditor.api import Request
    from auditor.protection.identity import Identity
    from auditor.results import Results
    from auditor.scorecard import Card

_NAME = "annotator.name"
_TEXT = 2_000  # characters of a text that are read


@dataclass(frozen=True)
class Naming:
    """Who may see names, and what for."""

    who: Identity
    purpose: str


def run(
    request: Request | None,
    audit: Path | None,
    target: Path | None,
    naming: Naming | None,
    progress: Callable[[str, int, int | None], None],
) -> tuple[str, list[str]]:
    """All annotators as text; their scorecards are written where a folder is named.

    Args:
        request: sources to audit, or None.
        audit: an audit's folder, or None.
        target: a private folder for scorecards, or None.
        naming: whose identity opens names, and for which purpose; None leaves them sealed.
        progress: called with what, done, total.

    Returns:
        The table, and what is to be said beside it, a line each.

    Raises:
        UsageError: the folder is not private, or there are no sealed names here.
        AccessError: no policy permits the names for that purpose.
    """
    folder = None if target is None else seclude.folder(target)
    with results.opened(request, audit, progress) as of:
        names = {} if naming is None else _names(of, naming)
        made = scorecard.cards(of, names, examples=folder is not None)
        table = out.table(made, scorecard.LEAST, names=bool(names))
        if folder is not None:
            if naming is not None and of.space is not None:
                entry: dict[str, str | int] = {"action": "scorecards", "field": _NAME, "purpose": naming.purpose}
                entry["cards"] = len(made)
                ledger.append(of.space.root / "ledger", naming.who.name, vault.now(), entry)
            _write(of, made, folder)
    said = [] if folder is None else [f"{len(made):,} scorecards in {target}, for you alone: hand each to its annotator"]
    return table, said


def _names(of: Results, naming: Naming) -> dict[str, str]:
    """Annotator -> name, opened as the policy permits; the ledger has it before the key is used."""
    if of.space is None:
        raise UsageError("names are opened in a workspace only", "go into the workspace that holds them sealed")
    rows = vault.open_field(of.space.root, naming.who, _NAME, naming.purpose).to_pylist()
    return {row["annotator_id"]: row["value"] for row in rows if row["value"] is not None}


def _write(of: Results, made: tuple[Card, ...], folder: Path) -> None:
    texts = _texts(of, made)
    material = out.Material(of.con, texts, of.media)
    written = set()
    for card in made:
        name = out.file_name(card.annotator_id)
        page = out.as_html(card, of.name, scorecard.LEAST, scorecard.FALSE_SHARE, material)
        for ending, text in (("html", page), ("json", out.as_json(card, of.name, scorecard.LEAST))):
            _save(folder / f"{name}.{ending}", text)
            written.add(f"{name}.{ending}")
    # Cards of people who are gone would be taken for today's; answers and other files stay.
    for old in [*folder.glob("scorecard-*.html"), *folder.glob("scorecard-*.json")]:
        if old.name not in written:
            old.unlink()


def _save(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    path.chmod(0o600)


def _texts(of: Results, made: tuple[Card, ...]) -> Mapping[str, str]:
    """Item -> text, as far as the policy lets it be shown."""
    if not of.table("item") or of.session is None or "item.text" in of.session.hidden:
        return {}
    items = sorted({one.item_id for card in made for part in card.parts for one in part.examples})
    rows = of.con.execute(
        f"SELECT item_id, left(text, {_TEXT}) FROM the_item WHERE text IS NOT NULL AND item_id IN (SELECT unnest($items))",
        {"items": items},
    ).fetchall()
    return dict(rows)
