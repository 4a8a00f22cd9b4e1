"""Runs measures over small worlds: rows go through the stage, as in an audit."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from auditor import check, content, measure
from auditor.engines import duckdb as engine
from auditor.formats import long
from auditor.run import Session, run_check
from auditor.stage import Source, Stage


def stage_rows(stage, **tables):
    """Put lists of dicts, or Arrow, on the stage."""
    for name, rows in tables.items():
        if isinstance(rows, pa.Table):
            stage.add(name, rows)
        else:
            columns = dict.fromkeys(column for row in rows for column in row)
            stage.add(name, pa.table({column: [row.get(column) for row in rows] for column in columns}))


def session(folder, fill):
    """A session over tables that `fill(stage)` has put there."""
    con = engine.connect(folder, threads=2)
    try:
        stage = Stage(con, folder)
        stage.begin("made")
        fill(stage)
        tables = stage.finish(folder / "tables")
    finally:
        con.close()
    return Session(tables, folder / "measures", folder, check.Binder(measure.columns()))


def of_rows(folder, **tables):
    """A session over rows."""
    return session(folder, lambda stage: stage_rows(stage, **tables))


def votes(rows, task="label", **more):
    """Rows of annotation from (item, annotator, label); label None is left out as a missing answer."""
    return [
        {"item_id": str(item), "annotator_id": str(who), "task": task, "type": "class", "label": label, **more}
        for item, who, label in rows
    ]


def table(opened, name):
    """A measure's rows as dicts."""
    lack = opened.measure(name)
    assert lack is None, lack
    return pq.read_table(opened.measures[name]).to_pylist()


def findings(opened, check_id, **params):
    """What a built-in check finds with its own parameters."""
    result, found = asked(opened, check_id, **params)
    assert result.outcome == "found", result
    return found


def asked(opened, check_id, **params):
    """What becomes of a built-in check, and the rows that it returns."""
    folder = content.folder("checks")
    one = check.load(folder / f"{check_id}.sql", folder, opened.binder, builtin=True)
    found = []
    result = run_check(
        opened,
        one,
        {name: param.value for name, param in one.header.params.items()} | params,
        lambda reader: found.extend(reader.read_all().to_pylist()) or len(found),
    )
    return result, found


def crowd(folder, shared_data, name):
    """A crowd of SOURCE.md, opened."""
    source = Source(
        shared_data / "crowd" / name / "answer.csv", "long",
        {"item_id": "question", "annotator_id": "worker", "label": "answer"}, gold=shared_data / "crowd" / name / "truth.csv",
    )  # fmt: skip
    return session(folder, lambda stage: long.read(source, stage))
