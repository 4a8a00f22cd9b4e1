"""A model's probabilities beside a source: an array aligned with its rows, or a table, long or wide, with item ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.formats.mapping import ITEM, LABEL, Plan, by_name, listed, shown
from auditor.formats.npy import MAGIC, OFF, load_probabilities, probability_batches
from auditor.formats.scan import check_text, opened
from auditor.formats.synonyms import plain
from auditor.formats.tabular import Loaded, load
from auditor.formats.values import first, number
from auditor.tables import literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.stage import Source, Stage

_PROBABILITY = ("probability", "prob", "p", "score", "confidence", "value")
_PREFIXES = ("probability_", "prob_", "proba_", "pred_", "p_", "class_")


def read_classes(path: Path) -> list[str]:
    """Class names, one per line.

    Raises:
        InputError: not text, a line without a name, or a name that stands twice.
    """
    check_text(path)
    names = path.read_text(encoding="utf-8-sig").rstrip("\r\n").replace("\r\n", "\n").split("\n")
    for number_, name in enumerate(names, 1):
        if not name.strip():
            raise InputError(path, f"line {number_}", "has no class name", "give one name per line, in the order of the classes")
    if len(set(names)) < len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise InputError(
            path, f"line {len(names) - names[::-1].index(twice)}", f"the class {shown(twice)} stands twice", "give each class once"
        )
    return names


def declare_classes(source: Source, stage: Stage, task: str = "label", names: Sequence[str] = (), exclusive: bool = True) -> None:
    """Put the classes of `source.classes`, or `names`, on the stage as the labels that the task allows."""
    import pyarrow as pa

    found = list(names) or (read_classes(source.classes) if source.classes else [])
    if found:
        columns = {"task": [task] * len(found), "label": found, "exclusive": [exclusive] * len(found)}
        stage.add(
            "ontology", pa.table(columns, schema=pa.schema({"task": pa.string(), "label": pa.string(), "exclusive": pa.bool_()}))
        )


def read_predictions(
    source: Source, stage: Stage, items: str, labels: str, task: str = "label", item_column: str = "", *, exclusive: bool = True
) -> list[str]:
    """Read `source.predictions`, if there are any; every format may call it.

    Args:
        source: its predictions are a .npy file (rows x classes) or a table: item id and one column per class, or item id,
            label and probability. Its classes give the order of an array's columns.
        stage: where the rows go.
        items: a SELECT with item_id; with the column row (from 0) too if an array's rows can be aligned with it.
        labels: a SELECT with label: which classes there are, if no file says.
        task: the question that the model answers.
        item_column: what the source calls the item id, looked for first in a table.
        exclusive: an item has one label: rows are brought to sum 1. Else each number stands for itself, and rows stay as they are.

    Returns:
        The model's classes, in order; empty without predictions.

    Raises:
        InputError: a file cannot be read, does not fit the source, or holds what is no probability.
    """
    path = source.predictions
    if path is None:
        return []
    classes = read_classes(source.classes) if source.classes else []
    if opened(path).startswith(MAGIC) or path.suffix.lower() in {".npy", ".npz"}:
        classes = _from_array(stage, source, path, items, labels, classes, task, exclusive)
    else:
        classes = _from_table(stage, path, items, classes, task, item_column, exclusive)
    if not exclusive:
        stage.note(f"items have several labels each: the rows of {path.name} are kept as they are, not brought to sum 1")
    _declare_model(stage, path.stem, task, classes)
    return classes


def _from_array(
    stage: Stage, source: Source, path: Path, items: str, labels: str, classes: list[str], task: str, exclusive: bool
) -> list[str]:
    con = stage.con
    if "row" not in [column[0] for column in con.execute(f"DESCRIBE {items}").fetchall()]:
        raise InputError(
            path,
            "",
            "an array has no item ids, and this format has no rows to align it with",
            "give a table: item_id and one column per class",
        )
    rows, unique = _pair(stage, f"SELECT count(*), count(DISTINCT item_id) FROM ({items})")
    if rows != unique:
        raise InputError(
            path,
            "",
            f"an array needs one row per item, but {source.path.name} has {rows:,} rows for {unique:,} items",
            "give a table: item_id and one column per class",
        )
    array, off = load_probabilities(path, rows, exclusive=exclusive)
    if exclusive:
        _tell_sums(stage, path, off, rows)
    classes = class_names(stage, path, labels, array.shape[1], classes)
    con.register("prediction_arrow", probability_batches(array, exclusive=exclusive))
    stage.add(
        "prediction",
        f"SELECT i.item_id, {literal(task)} AS task, {literal(path.stem)} AS model, p.probs "
        f"FROM prediction_arrow p JOIN ({items}) i ON i.row = p.row",
    )
    con.unregister("prediction_arrow")
    return classes


def _tell_sums(stage: Stage, path: Path, off: int, rows: int) -> None:
    if off:
        stage.note(
            f"{off:,} of {rows:,} rows of {path.name} do not sum to 1: each is divided by its sum (are these scores of a softmax, "
            "of one label an item?)"
        )


def class_names(stage: Stage, path: Path, labels: str, width: int, classes: list[str]) -> list[str]:
    """The names of an array's columns: as given, else 0..k-1 if all labels are such, else the k labels that occur, sorted.

    Raises:
        InputError: there are more or fewer.
    """
    if classes and len(classes) != width:
        raise InputError(path, "", f"has {width:,} columns for {len(classes):,} classes", "give --classes one name per column")
    if classes:
        return classes
    found = [
        row[0]
        for row in stage.con.execute(
            f"SELECT DISTINCT label FROM ({labels}) WHERE label IS NOT NULL ORDER BY label LIMIT {width + 1}"
        ).fetchall()
    ]
    numbers = [str(index) for index in range(width)]
    if set(found) <= set(numbers):
        stage.note(f"guessed: the columns of {path.name} are the classes 0 to {width - 1}")
        return numbers
    if len(found) != width:
        several = f"more than {width:,}" if len(found) > width else f"{len(found):,}"
        raise InputError(
            path,
            "",
            f"has {width:,} columns, but {several} labels occur",
            "give --classes FILE, one name per line in the order of the columns",
        )
    stage.note(f"guessed: the columns of {path.name} are the labels in sorted order: {listed(found)}")
    return found


def _declare_model(stage: Stage, model: str, task: str, classes: list[str]) -> None:
    import pyarrow as pa

    schema = pa.schema({"model": pa.string(), "task": pa.string(), "classes": pa.list_(pa.string())})
    stage.add("model", pa.table({"model": [model], "task": [task], "classes": [classes]}, schema=schema))


def _from_table(
    stage: Stage, path: Path, items: str, classes: list[str], task: str, item_column: str, exclusive: bool
) -> list[str]:
    con = stage.con
    table = load(stage, path, "prediction_table")
    plan = Plan()
    if item_column in table.columns:
        plan.guess(ITEM, table.columns.index(item_column))
    by_name(con, table, plan)
    if ITEM not in plan.routes:
        raise InputError(path, "", "no column names the items", f"call it item_id; the columns are {listed(table.columns)}")
    item = plan.routes[ITEM]
    names = [plain(name) for name in table.columns]
    amount = next((names.index(name) for name in _PROBABILITY if name in names), None)
    label = plan.routes.get(LABEL)
    if label is not None and amount is not None and len(names) <= 6:
        classes, probs = _long(stage, table, item, label, amount, classes)
    else:
        classes, probs = _wide(table, item, classes)
    con.execute(f"CREATE OR REPLACE TEMP TABLE prediction_row AS {probs}")
    for wrong, what, hint in (
        (
            "list_contains(list_transform(probs, lambda p: p IS NULL OR NOT isfinite(p)), true)",
            "holds a cell that is no number",
            "give a probability for each class",
        ),
        ("list_min(probs) < 0", "holds a negative number", "are these logits? apply softmax first"),
        ("NOT list_sum(probs) > 0" if exclusive else "false", "holds only zeros", "predict this row again"),
    ):
        row = first(con, f"SELECT min(nr) FROM prediction_row WHERE {wrong}")
        if row and row[0] is not None:
            raise InputError(path, f"row {row[0] + 1}", what, hint)
    rows, unique = _pair(stage, "SELECT count(*), count(DISTINCT item_id) FROM prediction_row")
    if rows != unique:
        raise InputError(path, "", f"has {rows:,} predictions for {unique:,} items", "give one prediction per item")
    known, _ = _pair(stage, f"SELECT count(*), 0 FROM prediction_row WHERE item_id IN (SELECT item_id FROM ({items}))")
    if not known:
        raise InputError(path, "", "none of its items is one of the source's", "give predictions with the same item ids")
    if known < rows:
        stage.note(f"{rows - known:,} of {rows:,} predictions are about items that the source does not hold: left out")
    if exclusive:
        off, _ = _pair(stage, f"SELECT count(*) FILTER (abs(list_sum(probs) - 1) > {OFF}), 0 FROM prediction_row")
        _tell_sums(stage, path, off, rows)
    stage.add(
        "prediction",
        f"SELECT item_id, {literal(task)} AS task, {literal(path.stem)} AS model, "
        f"{'list_transform(probs, lambda p: p / total)' if exclusive else 'probs'} AS probs "
        f"FROM (SELECT item_id, probs, list_sum(probs) AS total FROM prediction_row "
        f"WHERE item_id IN (SELECT item_id FROM ({items})))",
    )
    con.execute("DROP TABLE prediction_row")
    con.execute("DROP TABLE prediction_table")
    return classes


def _long(stage: Stage, table: Loaded, item: int, label: int, amount: int, classes: list[str]) -> tuple[list[str], str]:
    found = [
        row[0]
        for row in stage.con.execute(
            f"SELECT DISTINCT c{label} FROM prediction_table WHERE c{label} IS NOT NULL ORDER BY 1"
        ).fetchall()
    ]
    unknown = [name for name in found if classes and name not in classes]
    if unknown:
        raise InputError(table.path, "", f"has labels that are no class: {listed(unknown)}", "add them to --classes")
    classes = classes or found
    pairs, unique = _pair(stage, f"SELECT count(*), count(DISTINCT (c{item}, c{label})) FROM prediction_table")
    if pairs != unique:
        raise InputError(table.path, "", "has two probabilities for one item and label", "give one row per item and label")
    each = ", ".join(f"coalesce(max({number(f'c{amount}')}) FILTER (c{label} = {literal(name)}), 0)" for name in classes)
    bad = first(stage.con, f"SELECT min(rowid) FROM prediction_table WHERE {number(f'c{amount}')} IS NULL")
    if bad and bad[0] is not None:
        raise InputError(table.path, f"row {bad[0] + 1}", "its probability is no number", "give a number from 0 to 1")
    return classes, f"SELECT c{item} AS item_id, min(rowid) AS nr, [{each}] AS probs FROM prediction_table GROUP BY c{item}"


def _wide(table: Loaded, item: int, classes: list[str]) -> tuple[list[str], str]:
    left = [index for index in range(len(table.columns)) if index != item and plain(table.columns[index]) not in {"fold", "model"}]
    names = [table.columns[index] for index in left]
    if classes:
        places = [
            next(
                (index for index, name in zip(left, names, strict=True) if name in {one, *(prefix + one for prefix in _PREFIXES)}),
                None,
            )
            for one in classes
        ]
        missing = [one for one, place in zip(classes, places, strict=True) if place is None]
        if missing:
            raise InputError(
                table.path, "", f"has no column for the classes {listed(missing)}", f"the columns are {listed(table.columns)}"
            )
        left = [place for place in places if place is not None]
        names = classes
    prefix = next(
        (one for one in _PREFIXES if not classes and all(name.startswith(one) and len(name) > len(one) for name in names)), ""
    )
    names = [name.removeprefix(prefix) for name in names]
    if len(names) < 2:
        raise InputError(
            table.path,
            "",
            "has fewer than two columns of classes",
            "give item_id and one column per class, or item_id, label and probability",
        )
    cells = ", ".join(number(f"c{index}") for index in left)
    return names, f"SELECT c{item} AS item_id, rowid AS nr, [{cells}] AS probs FROM prediction_table"


def _pair(stage: Stage, query: str) -> tuple[int, int]:
    row = first(stage.con, query)
    assert row is not None
    return int(row[0]), int(row[1])
