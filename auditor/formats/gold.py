"""True labels beside a source: a table of items and labels, read as annotations of source gold, made by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.formats import emit
from auditor.formats.mapping import ITEM, LABEL, VALUE, Plan, Route, by_name, listed, shown
from auditor.formats.structure import ANSWERS, require_answers
from auditor.formats.tabular import Loaded, load
from auditor.formats.values import first, number

if TYPE_CHECKING:
    from auditor.stage import Source, Stage

TEXT: Route = ("annotation", "text")


def read_gold(
    source: Source,
    stage: Stage,
    items: str,
    labels: str,
    item_column: str = "",
    label_column: str = "",
    kind: str = "class",
    task: str = "label",
) -> None:
    """Read `source.gold`, if there is one, as annotations of source gold; every format may call it.

    Args:
        source: its gold is a CSV, TSV, JSON lines or Parquet file; one without a header is
            recognised by an item id in its first row.
        stage: where the rows go.
        items: a SELECT with the column item_id: the items that the source holds.
        labels: a SELECT with the column label: the labels that the source holds; gold numbers are written as these are.
        item_column: what the source calls the item id, looked for first.
        label_column: what the source calls the label.
        kind: the type of the source's annotations: gold of a transcript is text.
        task: the question that the gold answers.

    Raises:
        InputError: the file cannot be read, its columns cannot be told apart, or none of its items is one of the source's.
    """
    if source.gold is None:
        return
    con = stage.con
    table = load(stage, source.gold, "gold_table")
    header = True
    marks = ", ".join("?" for _ in table.columns)
    if first(con, f"SELECT 1 FROM ({items}) WHERE item_id IN ({marks}) LIMIT 1", list(table.columns)):
        header = False
        table = load(stage, source.gold, "gold_table", header=False)
        stage.note(f"{source.gold.name} has no header: its first row is read as data")
    plan = _plan(stage, table, items, item_column, label_column, kind, header)
    item = f"c{plan.routes[ITEM]}"
    known = f"(SELECT item_id FROM ({items}) WHERE item_id IS NOT NULL)"
    strangers = _count(stage, f"SELECT count(*) FROM gold_table WHERE {item} IS NULL OR {item} NOT IN {known}")
    if strangers == table.rows:
        theirs = con.execute(f"SELECT {item} FROM gold_table WHERE {item} IS NOT NULL LIMIT 3").fetchall()
        ours = con.execute(f"SELECT item_id FROM {known} LIMIT 3").fetchall()
        examples = f"it has {listed([row[0] for row in theirs])}, the source {listed([row[0] for row in ours])}"
        raise InputError(
            table.path,
            "",
            f"none of its items is in {source.path.name}: {examples}",
            "give the gold file of this source, with the same item ids",
        )
    if strangers:
        stage.note(f"{strangers:,} of {table.rows:,} gold rows are about items that {source.path.name} does not hold: left out")
        con.execute(f"DELETE FROM gold_table WHERE {item} IS NULL OR {item} NOT IN {known}")
    if LABEL in plan.routes:
        _as_written(stage, f"c{plan.routes[LABEL]}", labels)
    from auditor.tables import literal

    stage.add("annotation", f"SELECT {literal(task)} AS task, * FROM ({emit.annotation_rows(stage, table, plan, item, 'gold')})")
    emit.bad_cells(stage, table, plan, item)
    con.execute("DROP TABLE gold_table")


def _plan(stage: Stage, table: Loaded, items: str, item_column: str, label_column: str, kind: str, header: bool) -> Plan:
    plan = Plan()
    folded = [name.casefold() for name in table.columns]
    if item_column and item_column.casefold() in folded:
        plan.guess(ITEM, folded.index(item_column.casefold()))
    elif not header:
        plan.guess(ITEM, _best_match(stage, table, items))
    if label_column and label_column.casefold() in folded and folded.index(label_column.casefold()) not in plan.routes.values():
        plan.guess(LABEL, folded.index(label_column.casefold()))
    by_name(stage.con, table, plan)
    if ITEM not in plan.routes:
        index = _best_match(stage, table, items)
        plan.routes = {route: column for route, column in plan.routes.items() if column != index}
        plan.guess(ITEM, index, "its values are item ids of the source")
    plan.routes = {
        route: index
        for route, index in plan.routes.items()
        if route == ITEM
        or (
            route[0] == "annotation"
            and (route[1] in {*ANSWERS, "ymin", "xmax", "ymax", "y", "w", "h", "end_char", "end_s", "annotation_id"})
        )
    }
    left = [index for index in range(len(table.columns)) if index not in plan.routes.values()]
    if len(left) == 1 and not any(route != ITEM and route[1] in ANSWERS for route in plan.routes):
        plan.guess(LABEL, left[0])
    instead = {"text": TEXT, "value": VALUE}.get(kind)
    if instead and LABEL in plan.routes and instead not in plan.routes:
        plan.routes[instead] = plan.routes.pop(LABEL)
    require_answers(table, plan)
    names = {route[1]: shown(table.columns[index]) for route, index in plan.routes.items()}
    told = ", ".join(name if name == column else f"{name} = {column}" for name, column in names.items())
    stage.note(f"guessed for {table.path.name}: {told}")
    return plan


def _best_match(stage: Stage, table: Loaded, items: str) -> int:
    """The column of which most cells are item ids; of several, the first."""
    counts = [
        _count(stage, f"SELECT count(*) FROM gold_table WHERE c{index} IN (SELECT item_id FROM ({items}))")
        for index in range(len(table.columns))
    ]
    return counts.index(max(counts))


def _as_written(stage: Stage, cell: str, labels: str) -> None:
    """Write gold numbers as the source writes them ('1' as '1.0'), only if every label of both is a number."""
    numeric = first(
        stage.con,
        f"SELECT (SELECT bool_and({number('label')} IS NOT NULL) FROM ({labels}) WHERE label IS NOT NULL) "
        f"AND (SELECT bool_and({number(cell)} IS NOT NULL) FROM gold_table WHERE {cell} IS NOT NULL)",
    )
    if numeric and numeric[0]:
        stage.con.execute(
            f"UPDATE gold_table SET {cell} = spelling "
            f"FROM (SELECT {number('label')} AS n, min(label) AS spelling FROM ({labels}) GROUP BY n) "
            f"WHERE {number(f'gold_table.{cell}')} = n AND {cell} NOT IN (SELECT label FROM ({labels}) WHERE label IS NOT NULL)"
        )


def _count(stage: Stage, query: str) -> int:
    row = first(stage.con, query)
    return int(row[0]) if row else 0
