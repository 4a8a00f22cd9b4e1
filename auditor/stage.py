"""The stage: where formats put what they read, before it becomes canonical tables.

A format calls `Stage.add` with relations that have some of a table's columns; `Stage.finish` casts them, gives
ids where the source has none, keeps rows with duplicate or missing ids under surrogate ids (and notes them in
`intake`), merges what several sources say of one item, and writes one Parquet file per table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from auditor import clash
from auditor.tables import TABLES, Table, group_rows, literal, present_columns, quoted, select_typed, write_parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import duckdb
    import pyarrow as pa

# Columns that the stage itself works with, whether a source has them or not.
_ALWAYS = {
    "annotation": frozenset({"annotation_id", "item_id", "task", "source", "annotator_id"}),
    "item": frozenset(TABLES["item"].columns),
}
_ADDRESS = re.compile(r"(annotation\.|item\.|annotator\.|)[^\s@,;:()<>\"'=]+@[^\s@,;:()<>\"'=]+")
_ID = "substr(sha256(CAST(json_array({parts}) AS VARCHAR)), 1, 32)"


def hash_id(*parts: str) -> str:
    """SQL for a stable id from SQL expressions: never a plain concatenation, which would confuse 'a|b','c' and 'a','b|c'.

    >>> hash_id("a", "b")
    'substr(sha256(CAST(json_array(a, b) AS VARCHAR)), 1, 32)'
    """
    return _ID.format(parts=", ".join(parts))


def _select_part(part: _Part | None, used: list[str], table: Table) -> str:
    """The rows of one part with the `used` columns, typed, and where they came from; no rows for None."""
    has = part.columns if part else frozenset[str]()
    typed = ", ".join(
        f'CAST({quoted(column) if column in has else "NULL"} AS {table.columns[column].type}) AS "{column}"' for column in used
    )
    if part is None:
        return f"SELECT {typed}, 0 AS _source, '' AS _file, 0 AS _part, 0::BIGINT AS _row, false AS _has_id WHERE false"
    return (
        f"SELECT {typed}, {part.source} AS _source, {literal(part.file)} AS _file, {part.number} AS _part, rowid AS _row, "
        f"{'annotation_id' in has} AS _has_id FROM {part.relation}"
    )


def _task_of(part: _Part) -> str:
    """SQL for the task of a part's rows."""
    return "coalesce(task, 'label')" if "task" in part.columns else "'label'"


@dataclass(frozen=True)
class Source:
    """One input and how to read it, as the command line gave it.

    Attributes:
        path: file or folder.
        format: the format's name, or "" to detect it.
        mapping: canonical column -> column of the source; `annotator.gender` style keys describe people.
        gold: a table of true labels, or None.
        predictions: probabilities (.npy, or a long table), or None.
        classes: a file with one class name per line, or None.
        media: folder in which uris are found, or None.
        split: which split the source is, or "".
    """

    path: Path
    format: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    gold: Path | None = None
    predictions: Path | None = None
    classes: Path | None = None
    media: Path | None = None
    split: str = ""


@dataclass(frozen=True)
class Tables:
    """Canonical tables on disk.

    Attributes:
        paths: table -> Parquet file; every canonical table is there, empty ones too.
        rows: table -> number of rows.
        present: table -> columns in which at least one row is not NULL.
        media: a Parquet file (item_id, path) with the absolute path of each item's medium; never shown to checks.
        notes: sentences for the user: what was guessed, dropped, or merged.
        formats: names of the formats that were read, in order; they say which hints make sense.
    """

    paths: Mapping[str, Path]
    rows: Mapping[str, int]
    present: Mapping[str, frozenset[str]]
    media: Path | None
    notes: tuple[str, ...]
    formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """What one `add` brought: a relation, which columns it has, and from which file it came."""

    relation: str
    columns: frozenset[str]
    source: int
    file: str
    number: int


class Stage:
    """Collects what the formats read, in one DuckDB connection that spills to `work` when memory is short."""

    def __init__(self, con: duckdb.DuckDBPyConnection, work: Path) -> None:
        self.con = con
        self.work = work
        self.notes: list[str] = []
        self.clashes: list[clash.Clash] = []
        self.formats: list[str] = []
        self.progress: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None
        self._parts: dict[str, list[_Part]] = {name: [] for name in TABLES}
        self._count = 0
        self._file = ""
        self._source = 0
        self._media: list[str] = []

    def begin(self, file: str) -> None:
        """Rows added from now on come from this source file (its name, not its path)."""
        self._file = file
        self._source += 1

    def note(self, sentence: str) -> None:
        """Tell the user something about the import: what was guessed or dropped. A column may be called by an address."""
        self.notes.append(_ADDRESS.sub(r"\1…@…", sentence))

    def add(self, table: str, rows: str | pa.Table | pa.RecordBatchReader) -> None:
        """Add rows to a canonical table.

        Args:
            table: a name in `TABLES`.
            rows: a SELECT over objects of this connection, or Arrow; columns are canonical ones, any subset, any
                order. For `annotation`, an `annotation_id` that is NULL or absent is replaced by a hash.

        Raises:
            ValueError: a column is not canonical (a fault of the format, not of the input).
        """
        name = f"stage_{table}_{self._count}"
        self._count += 1
        if isinstance(rows, str):
            self.con.execute(f"CREATE TEMP TABLE {name} AS {rows}")
        else:
            self.con.register(f"{name}_arrow", rows)
            self.con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_arrow")
            self.con.unregister(f"{name}_arrow")
        columns = [row[0] for row in self.con.execute(f"DESCRIBE {name}").fetchall()]
        unknown = set(columns) - set(TABLES[table].columns)
        if unknown:
            raise ValueError(f"{table} has no column {sorted(unknown)}")
        self._parts[table].append(_Part(name, frozenset(columns), self._source, self._file, self._count))

    def add_media(self, rows: pa.Table) -> None:
        """Say where media are: Arrow with (item_id, path), absolute paths already checked to lie inside their root."""
        name = f"stage_media_{self._count}"
        self._count += 1
        self.con.register(f"{name}_arrow", rows)
        self.con.execute(f"CREATE TEMP TABLE {name} AS SELECT item_id, path FROM {name}_arrow")
        self.con.unregister(f"{name}_arrow")
        self._media.append(name)

    def finish(self, folder: Path, media_root: Path | None = None) -> Tables:
        """Write the canonical tables to `folder` and say what they hold.

        Args:
            folder: where `item.parquet` and so on go.
            media_root: where to look for media that no format has located, by uri and then by item id.
        """
        self._part_ontologies()
        self._union_all()
        self._name_annotations()
        self._locate_media(media_root)
        self._complete_items()
        self._complete_annotators()
        paths = {name: folder / f"{name}.parquet" for name in TABLES}
        rows = {}
        for name, table in TABLES.items():
            used = set(self._used(name)) if name == "annotation" else set(table.columns)
            typed = select_typed(f"all_{name}", used, table.columns)
            write_parquet(self.con, typed, table.key, paths[name], group_rows(self.con, f"({typed})", name))
            rows[name] = self._one(f"SELECT count(*) FROM all_{name}")
        media = None
        if self._one("SELECT count(*) FROM media_file"):
            media = folder / "media.parquet"
            write_parquet(self.con, "SELECT item_id, path FROM media_file", ("item_id",), media)
        present = {name: present_columns(path) if rows[name] else frozenset[str]() for name, path in paths.items()}
        return Tables(paths, rows, present, media, tuple(self.notes), tuple(dict.fromkeys(self.formats)))

    def _one(self, query: str) -> Any:
        # To the end: a half-read result makes the connection refuse `register`.
        return self.con.execute(query).fetchall()[0][0]

    def _used(self, table: str) -> list[str]:
        """Columns of a table that some source has; the others need not be carried along."""
        given = _ALWAYS.get(table, frozenset(TABLES[table].columns)).union(*(part.columns for part in self._parts[table]))
        return [column for column in TABLES[table].columns if column in given]

    def _part_ontologies(self) -> None:
        """A source's ontology speaks of that source: others that ask by the same name are not judged by it.

        Where they answer by other means (boxes here, classes there) theirs is a task of its own; else their labels are added.
        """
        declared: dict[str, set[int]] = {}
        for part in self._parts["ontology"]:
            for (task,) in self.con.execute(f"SELECT DISTINCT task FROM {part.relation} WHERE task IS NOT NULL").fetchall():
                declared.setdefault(task, set()).add(part.source)
        if not declared or len({part.source for part in self._parts["annotation"]}) < 2:
            return
        types: dict[tuple[str, int], set[str | None]] = {}
        files: dict[int, str] = {}
        for part in self._parts["annotation"]:
            files.setdefault(part.source, part.file)
            task, kind = _task_of(part), "type" if "type" in part.columns else "NULL"
            for name, found in self.con.execute(f"SELECT DISTINCT {task}, {kind} FROM {part.relation}").fetchall():
                types.setdefault((name, part.source), set()).add(found)
        for (task, source), own in sorted(types.items(), key=lambda entry: entry[0]):
            if task not in declared or source in declared[task]:
                continue
            theirs = set().union(*(types.get((task, other), set()) for other in declared[task]))
            if theirs and not theirs & own:
                name = f"{task} ({files[source]})"
                self._rename_task(task, source, name)
                self.note(
                    f"the task {task!r} of {files[source]} is called {name!r}: another source asks something else by that name"
                )
            else:
                self._declare_used(task, source)

    def _rename_task(self, task: str, source: int, name: str) -> None:
        for table in ("annotation", "prediction", "model"):
            for number, part in enumerate(self._parts[table]):
                if part.source == source:
                    if "task" not in part.columns:
                        self.con.execute(f"ALTER TABLE {part.relation} ADD COLUMN task VARCHAR")
                        self._parts[table][number] = replace(part, columns=part.columns | {"task"})
                    self.con.execute(f"UPDATE {part.relation} SET task = ? WHERE coalesce(task, 'label') = ?", [name, task])

    def _declare_used(self, task: str, source: int) -> None:
        for part in list(self._parts["annotation"]):
            if part.source == source and "label" in part.columns:
                self.add(
                    "ontology",
                    f"SELECT DISTINCT {literal(task)} AS task, label FROM {part.relation} "
                    f"WHERE label IS NOT NULL AND {_task_of(part)} = {literal(task)}",
                )

    def _union_all(self) -> None:
        """A view `raw_…` over all that was added, with where each row came from; and the small tables, made unique."""
        for name, table in TABLES.items():
            used = self._used(name)
            selects = [_select_part(None, used, table), *(_select_part(part, used, table) for part in self._parts[name])]
            self.con.execute(f"CREATE TEMP VIEW raw_{name} AS {' UNION ALL '.join(selects)}")
        self.con.execute(
            "CREATE TEMP TABLE kept AS SELECT problem, "
            '"of", item_id, annotation_id, source_id, coalesce(file, _file) AS file, detail FROM raw_intake'
        )
        for name in ("qualification", "ontology", "prediction", "model", "embedding"):
            key = ", ".join(TABLES[name].key)
            required = " AND ".join(f"{column} IS NOT NULL" for column in TABLES[name].key if column != "valid_from")
            self.con.execute(
                f"CREATE TEMP TABLE all_{name} AS SELECT * FROM raw_{name} WHERE {required} "
                f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _part, _row) = 1"
            )

    def _name_annotations(self) -> None:
        """Give every annotation a unique id; rows whose own id is missing or taken are kept and noted."""
        named = {"annotation_id", "item_id", "task", "source"}
        rest = "".join(f', "{column}"' for column in self._used("annotation") if column not in named)
        origin = "_source, _file, _part, _row"
        self.con.execute(
            "CREATE TEMP VIEW base AS SELECT nullif(annotation_id, '') AS annotation_id, nullif(item_id, '') AS item_id, "
            f"coalesce(task, 'label') AS task, coalesce(source, 'human') AS source{rest}, {origin}, _has_id FROM raw_annotation"
        )
        relation = "base"
        nameless = self._one("SELECT count(*) FROM base WHERE annotation_id IS NULL OR item_id IS NULL")
        if nameless:
            made = hash_id("item_id", "task", "annotator_id", "source", "nth")
            self.con.execute(
                f"CREATE TEMP TABLE made AS SELECT coalesce(annotation_id, {made}) AS annotation_id, item_id, task, source{rest}, "
                f"{origin}, _has_id AND annotation_id IS NULL AS _no_id FROM (SELECT *, row_number() OVER ("
                "PARTITION BY item_id, task, annotator_id, source, annotation_id IS NULL ORDER BY _part, _row) AS nth FROM base)"
            )
            relation = "made"
        # Ids that we made are unique by construction; only those of a source can be taken twice.
        if self._one("SELECT coalesce(bool_or(_has_id), false) FROM base") and self._one(
            f"SELECT count(*) - count(DISTINCT annotation_id) FROM {relation}"
        ):
            relation = self._part_twins(relation)
        if nameless:
            self._keep_nameless(relation)
        columns = ", ".join(f'"{column}"' for column in self._used("annotation"))
        item = "coalesce(item_id, 'missing-' || annotation_id) AS item_id"
        self.con.execute(f"CREATE TEMP VIEW all_annotation AS SELECT {columns} FROM (SELECT * REPLACE ({item}) FROM {relation})")

    def _part_twins(self, relation: str) -> str:
        """Rows whose id is taken get another one; within one source that is noted, between sources it is nobody's fault."""
        again = hash_id("annotation_id", "twin", "'again'")
        self.con.execute(
            "CREATE TEMP TABLE twins AS SELECT *, "
            "row_number() OVER (PARTITION BY annotation_id ORDER BY _part, _row) AS twin, "
            f"row_number() OVER (PARTITION BY annotation_id, _source ORDER BY _part, _row) AS here FROM {relation}"
        )
        self.clashes += clash.of_ids(self.con)
        self.con.execute(
            f"INSERT INTO kept SELECT 'duplicate_id', 'annotation', item_id, {again}, annotation_id, _file, "
            "'the annotation id ' || annotation_id || ' stands more than once in ' || _file FROM twins WHERE here > 1"
        )
        self.con.execute(
            "CREATE TEMP VIEW parted AS SELECT * EXCLUDE (twin, here) "
            f"REPLACE (CASE WHEN twin > 1 THEN {again} ELSE annotation_id END AS annotation_id) FROM twins"
        )
        return "parted"

    def _keep_nameless(self, relation: str) -> None:
        self.con.execute(
            "INSERT INTO kept SELECT 'missing_id', 'annotation', coalesce(item_id, 'missing-' || annotation_id), annotation_id, "
            f"NULL, _file, 'an annotation in ' || _file || ' has no id while others have' FROM {relation} WHERE _no_id"
        )
        self.con.execute(
            "INSERT INTO kept SELECT 'missing_id', 'item', 'missing-' || annotation_id, annotation_id, NULL, _file, "
            f"'an annotation in ' || _file || ' does not say which item it is about' FROM {relation} WHERE item_id IS NULL"
        )

    def _locate_media(self, root: Path | None) -> None:
        """Collect located media, look for the rest under `root`, and read their sizes and digests."""
        from auditor import media

        union = (
            " UNION ALL ".join(f"SELECT * FROM {name}" for name in self._media) or "SELECT '' AS item_id, '' AS path WHERE false"
        )
        self.con.execute(f"CREATE TEMP TABLE media_file AS SELECT item_id, min(path) AS path FROM ({union}) GROUP BY item_id")
        if root is not None:
            wanted = self.con.execute(
                "SELECT DISTINCT item_id, uri FROM raw_item "
                "WHERE item_id IS NOT NULL AND item_id NOT IN (SELECT item_id FROM media_file)"
            ).fetchall()
            found, missing = media.locate(root, wanted)
            self.con.register("found_arrow", found)
            self.con.execute("INSERT INTO media_file SELECT item_id, path FROM found_arrow")
            self.con.unregister("found_arrow")
            self._keep("missing_media", [(item, item, "no file for it in the media folder") for item in missing])
            if not found.num_rows and wanted:
                self.note(f"no medium of {len(wanted):,} items was found in {root.name}: item uris do not match its files")
        files = self.con.execute("SELECT item_id, path FROM media_file ORDER BY item_id").fetchall()
        facts, broken = media.facts(files, self.progress)
        self._keep("unreadable_media", broken)
        self.con.register("facts_arrow", facts)
        self.con.execute("CREATE TEMP TABLE media_fact AS SELECT * FROM facts_arrow")
        self.con.unregister("facts_arrow")

    def _keep(self, problem: str, rows: list[tuple[str, str, str]]) -> None:
        if rows:
            self.con.executemany(
                "INSERT INTO kept VALUES (?, 'item', ?, NULL, ?, NULL, ?)",
                [(problem, item, source, detail) for item, source, detail in rows],
            )

    def _complete_items(self) -> None:
        """One row per item: what the first source says of a column wins, media fill what none says."""
        self.con.execute(
            "INSERT INTO kept SELECT 'duplicate_id', 'item', item_id, NULL, item_id, any_value(_file), "
            "'the item id ' || item_id || ' stands ' || count(*) || ' times in ' || any_value(_file) "
            "FROM raw_item WHERE item_id IS NOT NULL GROUP BY item_id, _part HAVING count(*) > 1"
        )
        columns = [column for column in TABLES["item"].columns if column != "item_id"]
        if self._one("SELECT count(*) - count(DISTINCT item_id) FROM raw_item"):
            given = {column for part in self._parts["item"] for column in part.columns}
            self.clashes += clash.of_items(self.con, given)
            merged = ", ".join(f'arg_min("{column}", (_part, _row)) AS "{column}"' for column in columns)
            relation = f"(SELECT item_id, {merged} FROM raw_item WHERE item_id IS NOT NULL GROUP BY item_id)"
        else:
            relation = "raw_item"
        # Whoever found a medium, or missed one, has looked for it.
        located = (
            "coalesce(located, CASE WHEN i.item_id IN (SELECT item_id FROM media_file) THEN true "
            "WHEN i.item_id IN (SELECT item_id FROM kept WHERE problem = 'missing_media') THEN false END) AS located"
        )
        kept = ", ".join(
            located
            if column == "located"
            else f'coalesce(i."{column}", f."{column}") AS "{column}"'
            if column in {"media", "sha256", "bytes", "width", "height", "duration"}
            else f'i."{column}"'
            for column in columns
        )
        self.con.execute(
            f"CREATE TEMP TABLE all_item AS SELECT i.item_id, {kept} FROM {relation} i LEFT JOIN media_fact f USING (item_id)"
        )
        made = hash_id("problem", '"of"', "item_id", "annotation_id", "source_id", "file", "detail", "nth")
        self.con.execute(
            f"CREATE TEMP TABLE all_intake AS SELECT {made} AS intake_id, * EXCLUDE (nth) FROM (SELECT *, row_number() OVER ("
            'PARTITION BY problem, "of", item_id, annotation_id, source_id, file, detail) AS nth FROM kept)'
        )

    def _complete_annotators(self) -> None:
        """Everyone who made an annotation has a row; what the sources say of a person is merged."""
        columns = [column for column in TABLES["annotator"].columns if column not in {"annotator_id", "kind"}]
        merged = ", ".join(f'arg_min("{column}", (_part, _row)) AS "{column}"' for column in columns)
        self.con.execute(
            "CREATE TEMP TABLE all_annotator AS WITH said AS ("
            f"SELECT annotator_id, arg_min(kind, (_part, _row)) AS kind, {merged} "
            "FROM raw_annotator WHERE annotator_id IS NOT NULL GROUP BY annotator_id), seen AS ("
            "SELECT annotator_id, min(CASE WHEN source IN ('model', 'rule') THEN source ELSE 'person' END) AS kind "
            "FROM all_annotation WHERE annotator_id IS NOT NULL GROUP BY annotator_id) "
            f"SELECT annotator_id, coalesce(said.kind, seen.kind) AS kind, {', '.join(columns)} "
            "FROM seen FULL JOIN said USING (annotator_id)"
        )
