"""Long tables: CSV, TSV, JSON lines and Parquet with one row per annotation.

All rows stay inside DuckDB, which spills to disk: a table may be larger than memory.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.formats import emit
from auditor.formats.gold import read_gold
from auditor.formats.mapping import ANNOTATOR, ITEM, LABEL, VALUE, Plan, by_name, is_attribute, listed, parse, shown
from auditor.formats.predictions import declare_classes, read_predictions
from auditor.formats.structure import by_repetition, by_values, require_answers
from auditor.formats.tabular import TABLES_BY_SUFFIX, load
from auditor.formats.values import first

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.formats.tabular import Loaded
    from auditor.stage import Source, Stage

TITLE = "Long tables: CSV, TSV, JSON lines or Parquet, one row per annotation"
CALLED = "a table"
TAKES = frozenset({"mapping", "gold", "predictions", "classes"})
HINTS: dict[str, str] = {}
_GOLD_NAMES = frozenset({"truth", "gold", "gt", "ground_truth", "groundtruth"})
# A folder with more entries is a folder of media or of another format.
_MAX_ENTRIES = 10_000


def detect(path: Path, head: bytes) -> float:
    """How sure it is that `path` is a long table, or a folder with one and at most one table of gold labels.

    >>> from pathlib import Path
    >>> detect(Path("answers.csv"), b"item,label"), detect(Path("notes.md"), b"# Notes")
    (0.8, 0.0)
    """
    try:
        if path.is_dir():
            return 0.5 if _in_folder(path) else 0.0
    except OSError:
        return 0.0
    if path.suffix.lower() in TABLES_BY_SUFFIX or head.startswith(b"PAR1"):
        return 0.8
    first = head.split(b"\n", 1)[0]
    return 0.2 if path.suffix.lower() == ".txt" and b"\t" in first else 0.0


def read(source: Source, stage: Stage) -> None:
    """Read a long table, with its gold labels and predictions, onto the stage.

    Raises:
        InputError: a file cannot be read, has no such column, or no column holds the items or the labels.
        UsageError: the mapping names no canonical column.
    """
    source = _of_folder(source, stage)
    table = load(stage, source.path, "source_table")
    plan = make_plan(stage, table, source)
    emit.write(stage, table, plan, source)
    numbered = ITEM not in plan.routes
    item = emit.row_number() if numbered else f"c{plan.routes[ITEM]}"
    item_column = "" if numbered else table.columns[plan.routes[ITEM]]
    items = f"SELECT {item} AS item_id, rowid AS row FROM source_table"
    answer = next((plan.routes[route] for route in (LABEL, VALUE, ("annotation", "text")) if route in plan.routes), None)
    labels = "SELECT NULL AS label WHERE false" if answer is None else f"SELECT c{answer} AS label FROM source_table"
    who = plan.routes.get(ANNOTATOR)
    several = (
        answer is not None
        and who is not None
        and not numbered
        and emit.kind(plan) == "class"
        and _several(stage, item, who, answer, plan.routes.get(("annotation", "task")))
    )
    declare_classes(source, stage, exclusive=not several)
    read_gold(
        source,
        stage,
        items,
        labels,
        item_column=item_column,
        label_column="" if answer is None else table.columns[answer],
        kind=emit.kind(plan),
    )
    found = read_predictions(source, stage, items, labels, item_column=item_column, exclusive=not several)
    if several and source.classes is None:
        declare_classes(source, stage, names=found, exclusive=False)
    stage.con.execute("DROP TABLE source_table")


def _several(stage: Stage, item: str, who: int, answer: int, task: int | None) -> bool:
    """More than 1 in 20 people who answered an item gave it several labels: they may all hold (the rule of `vote_task`)."""
    asked = "" if task is None else f", c{task}"
    row = first(
        stage.con,
        "SELECT count(*) FILTER (least <> most) > 0.05 * count(*) FROM ("
        f"SELECT min(c{answer}) AS least, max(c{answer}) AS most FROM source_table "
        f"WHERE c{answer} IS NOT NULL AND c{who} IS NOT NULL GROUP BY {item}, c{who}{asked})",
    )
    return bool(row and row[0])


def make_plan(stage: Stage, table: Loaded, source: Source) -> Plan:
    """What each column means; every guess is noted."""
    plan = parse(source.mapping, table)
    if all(name.replace(".", "", 1).isdigit() for name in table.columns):
        raise InputError(
            table.path,
            "line 1",
            "has no header: its first row holds only numbers",
            "add a first row such as item_id,annotator_id,label",
        )
    by_name(stage.con, table, plan)
    if ITEM not in plan.routes:
        if ANNOTATOR in plan.routes or not {LABEL, ("item", "text")} & plan.routes.keys():
            raise InputError(
                table.path,
                "",
                "no column is known to name the items",
                f"give --map item_id=COLUMN; the columns are {listed(table.columns)}",
            )
        stage.note("guessed: item_id = the number of the row, from 0, as no column names the items")
    by_repetition(stage.con, table, plan)
    # A model's probabilities and a list of classes say that the answers are classes.
    if source.predictions is None and source.classes is None:
        by_values(stage.con, table, plan)
    require_answers(table, plan)
    told = []
    for why, routes in groupby(plan.guessed, key=lambda route: plan.guessed[route]):
        pairs = ", ".join(_pair(route, shown(table.columns[plan.routes[route]])) for route in routes)
        told.append(f"{pairs} ({why})" if why else pairs)
    if told:
        stage.note("guessed: " + ", ".join(told))
    return plan


def _pair(route: tuple[str, str], column: str) -> str:
    """A guess as it is told: a column of the canonical name needs no second one."""
    written = _written(route)
    return written if written == column else f"{written} = {column}"


def _written(route: tuple[str, str]) -> str:
    table, column = route
    plain = table == "annotation" and column != "text" and not is_attribute(table, column)
    return column if plain else f"{table}.{shown(column)}"


def _of_folder(source: Source, stage: Stage) -> Source:
    if not source.path.is_dir():
        return source
    found = _in_folder(source.path)
    if found is None:
        raise InputError(
            source.path,
            "",
            "is not a folder with exactly one label table",
            "give the table itself, and --gold FILE for the true labels",
        )
    table, gold = found
    stage.note(f"read {table.name} of the folder {source.path.name}")
    stage.begin(table.name)
    if gold is not None and source.gold is None:
        stage.note(f"guessed: {gold.name} holds the gold labels")
        source = replace(source, gold=gold)
    return replace(source, path=table)


def _in_folder(folder: Path) -> tuple[Path, Path | None] | None:
    """The folder's only table, and its only table of gold labels if there is one."""
    tables: list[Path] = []
    gold: list[Path] = []
    for count, entry in enumerate(folder.iterdir()):
        if count >= _MAX_ENTRIES:
            return None
        if entry.suffix.lower() in TABLES_BY_SUFFIX and entry.is_file():
            (gold if entry.stem.lower() in _GOLD_NAMES else tables).append(entry)
    return (tables[0], gold[0] if gold else None) if len(tables) == 1 and len(gold) <= 1 else None
