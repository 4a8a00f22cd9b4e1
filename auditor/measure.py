"""Measures: derived tables that checks, the report and the queue share. One module in `auditor/measures` is one measure.

A measure module has:

- ``MEANING``: one sentence. ``SOURCE``: where the formula comes from.
- ``COLUMNS``: name -> `Column`, the typed result. ``KEY``: its unique, sorted key.
- either ``SQL``: one SELECT over tables and other measures, or ``compute(inputs) -> pa.Table`` with ``READS``, a tuple of
  "table" or "table.column" that must hold something.
- ``OPTIONAL``: "table.column" that may be empty (SQL measures find what they read themselves).
- ``ANY_OF``: groups of optional columns of which one each must hold something, or the measure is lacking.
- ``SPARSE = True`` where only what stands out has a row: no row then means that nothing does. Elsewhere no row means that there was
  nothing to measure; ``EMPTY`` says what was missing.
- ``SORTED = True`` where its rows come in the order of ``KEY``, in batches of whole row groups, and need no sort.
- ``MEDIA = True`` where it reads pixels or sound.
- ``NEEDS = (module, name, what to do)`` where it imports an optional package, and is lacking without it.

A measure computes numbers and knows no threshold, severity or message.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import duckdb

    from auditor.tables import Column


@dataclass(frozen=True)
class Inputs:
    """What a Python measure may use.

    Attributes:
        con: a connection with a view for each canonical table and each measure that it names in READS.
        media: Parquet (item_id, path) of the located media, or None.
        progress: call with (what, done, total).
        seed: for anything random.
    """

    con: duckdb.DuckDBPyConnection
    media: Path | None
    progress: Callable[[str, int, int | None], None]
    seed: int = 0


@cache
def names() -> tuple[str, ...]:
    """All measures, by name."""
    import auditor.measures

    return tuple(sorted(module.name for module in iter_modules(auditor.measures.__path__) if not module.name.startswith("_")))


@cache
def load(name: str) -> Any:
    """The module of a measure."""
    return import_module(f"auditor.measures.{name}")


@cache
def columns() -> Mapping[str, Mapping[str, Column]]:
    """Measure -> its columns, for binding checks."""
    return {name: load(name).COLUMNS for name in names()}
