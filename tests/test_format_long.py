"""Long tables: from files, real and hostile, to canonical Parquet."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import AuditorError, InputError, UsageError
from auditor.formats import detect, long, scan
from auditor.stage import Source, Stage, Tables

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def stage_of(path: Path, work: Path, **options: Any) -> Stage:
    stage = Stage(duckdb.connect(), work)
    stage.begin(path.name)
    long.read(Source(path, **options), stage)
    return stage


def tables_of(path: Path, work: Path, **options: Any) -> Tables:
    return stage_of(path, work, **options).finish(work / "out")


def rows(tables: Tables, query: str) -> list[Any]:
    con = duckdb.connect()
    for name, path in tables.paths.items():
        con.read_parquet(str(path)).create_view(name)
    return con.execute(query).fetchall()


def write(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def error_of(path: Path, work: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        stage_of(path, work, **options)
    shown = caught.value.message + caught.value.hint
    assert path.name in caught.value.message
    assert caught.value.hint
    assert "SELECT" not in shown
    assert "read_csv" not in shown
    return caught.value


# --- real data -----------------------------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize(("name", "answers", "items", "people"), [("duck", 4212, 108, 39), ("product", 24945, 8315, 176)])
def test_crowd_folder_with_its_truth(shared_data: Path, tmp_path: Path, name: str, answers: int, items: int, people: int) -> None:
    folder = shared_data / "crowd" / name
    assert detect(folder) == "long"
    tables = tables_of(folder, tmp_path)
    assert rows(tables, "SELECT source, count(*), count(DISTINCT item_id) FROM annotation GROUP BY ALL ORDER BY 1") == [
        ("gold", items, items),
        ("human", answers, items),
    ]
    assert tables.rows["item"] == items
    assert tables.rows["annotator"] == people
    assert tables.rows["intake"] == 0
    assert rows(tables, "SELECT DISTINCT type, value FROM annotation") == [("class", None)]
    assert any(note.startswith("guessed: item_id = question, annotator_id = worker, label = answer") for note in tables.notes)
    # Majority vote and truth compare: the share that SOURCE.md states, ties to the smaller label aside.
    right = rows(
        tables,
        "WITH n AS (SELECT item_id, label, count(*) AS n FROM annotation WHERE source = 'human' GROUP BY ALL), "
        "m AS (SELECT item_id, label FROM n QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY n DESC, label) = 1) "
        "SELECT avg((m.label = g.label)::INT) FROM m JOIN annotation g ON g.item_id = m.item_id AND g.source = 'gold'",
    )[0][0]
    assert right == pytest.approx({"duck": 0.7593, "product": 0.8966}[name], abs=0.01)


@pytest.mark.data
def test_crowd_with_map_and_gold(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "crowd" / "duck"
    mapping = {"item_id": "question", "annotator_id": "worker", "label": "answer"}
    tables = tables_of(folder / "answer.csv", tmp_path, mapping=mapping, gold=folder / "truth.csv")
    assert tables.rows["annotation"] == 4212 + 108
    assert not [note for note in tables.notes if note.startswith("guessed: ")]


@pytest.mark.data
def test_popquorn_needs_no_map(shared_data: Path, tmp_path: Path) -> None:
    tables = tables_of(shared_data / "popquorn" / "offensiveness.csv", tmp_path)
    assert (tables.rows["annotation"], tables.rows["item"], tables.rows["annotator"]) == (13036, 1500, 262)
    assert rows(tables, "SELECT type, count(label), count(*) FROM annotation WHERE value BETWEEN 1 AND 5 GROUP BY type") == [
        ("value", 0, 13036)
    ]
    assert [note for note in tables.notes if "value = offensiveness (numbers" in note and "--map label=offensiveness" in note]
    keys = rows(tables, "SELECT DISTINCT unnest(map_keys(attributes)) AS k FROM annotator ORDER BY k")
    assert [key for (key,) in keys] == ["age", "education", "gender", "occupation", "race"]
    means = rows(
        tables,
        "SELECT p.attributes['race'] AS race, round(avg(value), 2) FROM annotation JOIN annotator p USING (annotator_id) "
        "WHERE race IN ('Black or African American', 'White') GROUP BY race ORDER BY race",
    )
    assert [mean for _, mean in means] == [2.11, 1.85]
    assert "attributes" not in tables.present["item"] | tables.present["annotation"]


@pytest.mark.data
def test_bccd_table_has_boxes(shared_data: Path, tmp_path: Path) -> None:
    tables = tables_of(shared_data / "bccd" / "test.csv", tmp_path)
    assert (tables.rows["annotation"], tables.rows["item"], tables.rows["annotator"]) == (4888, 364, 0)
    assert rows(tables, "SELECT DISTINCT type FROM annotation") == [("box",)]
    flat = rows(tables, "SELECT DISTINCT item_id FROM annotation WHERE w * h = 0 ORDER BY 1")
    assert flat == [("BloodImage_00338.jpg",), ("BloodImage_00343.jpg",)]
    assert rows(tables, "SELECT DISTINCT media, uri = item_id FROM item") == [("image", True)]
    first = "SELECT x, y, w, h FROM annotation WHERE item_id = 'BloodImage_00000.jpg' AND label = 'WBC'"
    assert rows(tables, first) == [(260, 177, 231, 199)]


@pytest.mark.data
def test_crowdspeech_transcripts_with_headerless_gold(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "crowdspeech"
    tables = tables_of(folder / "crowdspeech-dev-clean-crowd.tsv", tmp_path, gold=folder / "crowdspeech-dev-clean-gt.txt")
    assert rows(tables, "SELECT source, type, count(*), count(label) FROM annotation GROUP BY ALL ORDER BY 1") == [
        ("gold", "text", 2703, 0),
        ("human", "text", 18921, 0),
    ]
    assert (tables.rows["item"], tables.rows["annotator"]) == (2703, 748)
    assert rows(tables, "SELECT count(*) FROM annotation WHERE text LIKE '\"If you please,\" - said Mick%'") == [(1,)]


# --- mapping -------------------------------------------------------------------------------------------------------


def test_map_routes_columns_to_people_items_and_attributes(tmp_path: Path) -> None:
    path = write(
        tmp_path, "q,w,a,sex,who,note,len,when\n1,p,yes,f,Ann,n1,7,2024-01-02T03:04:05+02:00\n2,p,no,f,Ann,n2,8,1704164645\n"
    )
    mapping = {
        "item_id": "q",
        "annotator_id": "w",
        "label": "a",
        "annotator.gender": "sex",
        "annotator.name": "who",
        "annotation.remark": "note",
        "item.length": "len",
        "text": "note",
        "created_at": "when",
    }
    tables = tables_of(path, tmp_path, mapping=mapping)
    assert rows(tables, "SELECT annotator_id, kind, name, attributes FROM annotator") == [("p", "person", "Ann", {"gender": "f"})]
    assert rows(tables, "SELECT item_id, text, media, attributes FROM item") == [
        ("1", "n1", "text", {"length": "7"}),
        ("2", "n2", "text", {"length": "8"}),
    ]
    assert rows(tables, "SELECT attributes, CAST(created_at AS VARCHAR) FROM annotation ORDER BY item_id") == [
        ({"remark": "n1"}, "2024-01-02 01:04:05"),
        ({"remark": "n2"}, "2024-01-02 03:04:05"),
    ]


def test_missing_column_suggests_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, "question,worker,answer\n1,p,yes\n")
    error = error_of(path, tmp_path, mapping={"label": "anser"})
    assert error.message == f"{path}: has no column anser"
    assert error.hint == "did you mean answer? the columns are question, worker, answer"


def test_unknown_key_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column lable") as caught:
        stage_of(write(tmp_path, "a,b\n1,2\n"), tmp_path, mapping={"lable": "a"})
    assert caught.value.hint == "did you mean label?"


def test_unknown_labels_and_items_name_the_columns(tmp_path: Path) -> None:
    assert "no column is known to hold the labels" in error_of(write(tmp_path, "item_id,q,r\n1,2,3\n1,4,5\n"), tmp_path).message
    assert "name the items" in error_of(write(tmp_path, "worker,label,q\n1,2,3\n"), tmp_path).message
    assert "no header" in error_of(write(tmp_path, "1,2\n3,4\n"), tmp_path).message


@pytest.mark.parametrize(
    ("header", "cells", "value"),
    [
        ("label", ("0", "1", "1"), None),
        ("answer", ("0", "1", "2"), None),
        ("label", ("1.0", "2.0", "3.0"), None),  # codes that a spreadsheet took for fractions
        ("class_id", ("7", "3", "12"), None),
        ("score", ("0", "1", "0"), None),  # two values have no order worth the name
        ("rating", ("1", "2", "5"), 1.0),
        ("toxicity_score", ("0", "50", "100"), 0.0),
        ("offence", ("1.0", "2.0", "3.0"), 1.0),
        ("label", ("1.0", "", "4.5"), 1.0),
        ("depth", ("2.25", "2.5", "2.125"), 2.25),
        ("rating", ("1", "2", "good"), None),
    ],
)
def test_class_ids_are_not_values_but_ratings_are(tmp_path: Path, header: str, cells: tuple[str, ...], value: float | None) -> None:
    lines = "".join(f"i{nth},{cell}\n" for nth, cell in enumerate(cells))
    tables = tables_of(write(tmp_path, f"item_id,{header}\n{lines}"), tmp_path)
    kind, label, number = rows(tables, "SELECT type, label, value FROM annotation ORDER BY item_id LIMIT 1")[0]
    if value is None:
        assert (kind, label) == ("class", cells[0])
    else:
        assert (kind, label, number) == ("value", None, value)
        assert any("codes of classes" in note for note in tables.notes)


def test_what_the_user_maps_or_a_model_knows_stays_a_label(tmp_path: Path) -> None:
    path = write(tmp_path, "item_id,rating\na,1\nb,2\nc,3\n")
    mapped = tables_of(path, tmp_path / "m", mapping={"label": "rating"})
    assert rows(mapped, "SELECT label FROM annotation ORDER BY item_id") == [("1",), ("2",), ("3",)]
    classes = write(tmp_path, "1\n2\n3\n", "classes.txt")
    assert rows(tables_of(path, tmp_path / "c", classes=classes), "SELECT count(label) FROM annotation") == [(3,)]


def test_gold_of_a_rating_is_a_number(tmp_path: Path) -> None:
    path = write(tmp_path, "item_id,user,rating\na,p,1\na,q,2\nb,p,3\n")
    tables = tables_of(path, tmp_path, gold=write(tmp_path, "item_id,rating\na,2\n", "gold.csv"))
    assert rows(tables, "SELECT type, value, label FROM annotation WHERE source = 'gold'") == [("value", 2.0, None)]


@pytest.mark.parametrize(
    ("header", "cells", "kind", "query", "wanted"),
    [
        ("id,label,bbox", 'i,cat,"[1, 2, 3.5, 4]"', "box", "x, y, w, h", (1, 2, 3.5, 4)),
        ("image,class,x,y,width,height", "i.png,cat,1,2,3,4", "box", "x, y, w, h", (1, 2, 3, 4)),
        ("item,label,start_time,end_time", "i,speech,0.5,2", "segment", "start_s, end_s", (0.5, 2)),
        ("item,text,label,start,end", "i,Anna met Bo,PER,0,4", "span", "start_char, end_char", (0, 4)),
        ("HITId,WorkerId,Answer.label,WorkTimeInSeconds", "i,w,cat,7", "class", "annotator_id, seconds", ("w", 7)),
        ("item,value", "i,2.25", "value", "value, label", (2.25, None)),
        ("task,worker,label,lead_time", "i,w,cat,7.5", "class", "item_id, seconds", ("i", 7.5)),
    ],
)
def test_guesses_by_name(tmp_path: Path, header: str, cells: str, kind: str, query: str, wanted: tuple[Any, ...]) -> None:
    tables = tables_of(write(tmp_path, f"{header}\n{cells}\n"), tmp_path)
    assert rows(tables, f"SELECT type, {query} FROM annotation") == [(kind, *wanted)]


def test_text_and_label_without_ids_are_numbered_rows(tmp_path: Path) -> None:
    tables = tables_of(write(tmp_path, "text,label\nfine,pos\nbad,neg\n"), tmp_path)
    assert rows(tables, "SELECT item_id, text FROM item") == [("0", "fine"), ("1", "bad")]
    assert any("the number of the row, from 0" in note for note in tables.notes)


def test_bad_cells_are_kept_and_noted(tmp_path: Path) -> None:
    path = write(tmp_path, "item_id,label,seconds\na,x,5\nb,y,soon\n,z,7\nd,w,inf\ne,v,1\nf,u,2\n")
    tables = tables_of(path, tmp_path)
    assert rows(tables, "SELECT seconds FROM annotation WHERE item_id IN ('b', 'd')") == [(None,), (None,)]
    found = rows(tables, "SELECT problem, item_id, file, detail FROM intake WHERE problem = 'bad_value' ORDER BY item_id")
    assert found == [
        ("bad_value", "b", "table.csv", "row 2 does not hold a number in the column seconds"),
        ("bad_value", "d", "table.csv", "row 4 does not hold a number in the column seconds"),
    ]
    assert tables.rows["annotation"] == 6
    assert rows(tables, "SELECT count(*) FROM intake WHERE problem = 'missing_id'") == [(1,)]


def test_duplicate_headers_stay_apart(tmp_path: Path) -> None:
    tables = tables_of(write(tmp_path, "item_id,label,x y,x y\na,1,2,3\na,2,4,5\n"), tmp_path)
    assert rows(tables, "SELECT attributes FROM annotation ORDER BY label") == [
        ({"x y": "2", "x y (2)": "3"},),
        ({"x y": "4", "x y (2)": "5"},),
    ]


# --- gold and predictions ------------------------------------------------------------------------------------------


def test_gold_numbers_are_written_as_the_source_writes_them(tmp_path: Path) -> None:
    path = write(tmp_path, "item,annotator,label\na,p,1.0\nb,p,2.0\n")
    gold = write(tmp_path, "item,truth\na,1\nb,3\n", "gold.csv")
    tables = tables_of(path, tmp_path, gold=gold)
    assert rows(tables, "SELECT item_id, label, annotator_id FROM annotation WHERE source = 'gold'") == [
        ("a", "1.0", None),
        ("b", "3", None),
    ]
    worded = tables_of(write(tmp_path, "item,label\na,01\nb,none\n"), tmp_path / "w", gold=gold)
    assert rows(worded, "SELECT label FROM annotation WHERE source = 'gold' ORDER BY item_id") == [("1",), ("3",)]


def test_gold_of_other_items(tmp_path: Path) -> None:
    path = write(tmp_path, "item,label\na,1\nb,2\n")
    error = error_of(path, tmp_path, gold=write(tmp_path, "item,label\nc,1\n", "table.csv.gold.csv"))
    assert "it has c, the source a, b" in error.message
    some = stage_of(
        path, tmp_path, gold=write(tmp_path, '{"item": "a", "truth": "1"}\n{"item": "z", "truth": "1"}\n', "gold.jsonl")
    )
    assert any("1 of 2 gold rows" in note for note in some.notes)
    assert some.finish(tmp_path / "g").rows["annotation"] == 3


def test_predictions_long_wide_and_array_agree(tmp_path: Path) -> None:
    import numpy as np

    path = write(tmp_path, "item,label\na,cat\nb,dog\n")
    wide = write(tmp_path, "item,prob_cat,prob_dog\nb,1,3\na,0.5,0.5\n", "wide.csv")
    tall = write(tmp_path, "item,label,probability\na,cat,0.5\na,dog,0.5\nb,cat,0.25\nb,dog,0.75\n", "tall.csv")
    np.save(tmp_path / "array.npy", np.array([[2, 2], [1, 3]], dtype=np.float16))
    query = "SELECT p.item_id, m.classes, p.probs FROM prediction p JOIN model m USING (model, task) ORDER BY 1"
    for file in (wide, tall, tmp_path / "array.npy"):
        tables = tables_of(path, tmp_path / file.stem, predictions=file)
        assert rows(tables, query) == [("a", ["cat", "dog"], [0.5, 0.5]), ("b", ["cat", "dog"], [0.25, 0.75])]
        assert rows(tables, "SELECT model FROM model") == [(file.stem,)]
        # Scores that were brought to a sum of 1 are mentioned, rows that have it are not.
        off = {"wide": "1 of 2", "array": "2 of 2"}.get(file.stem)
        said = [note for note in tables.notes if "do not sum to 1" in note]
        assert [note.startswith(f"{off} rows of {file.name}") for note in said] == ([True] if off else [])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("item,cat,dog\na,0.5,x\n", "no number"),
        ("item,cat,dog\na,-1,2\n", "negative"),
        ("item,cat,dog\na,0,0\n", "only zeros"),
        ("item,cat,dog\nz,1,0\n", "none of its items"),
        ("item,cat,dog\na,1,0\na,1,0\n", "2 predictions for 1 items"),
        ("item,label,probability\na,cat,1\na,cat,1\n", "two probabilities"),
        ("item,cat\na,1\n", "fewer than two"),
        ("foo,cat,dog\na,1,0\n", "no column names the items"),
    ],
)
def test_bad_predictions(tmp_path: Path, text: str, what: str) -> None:
    path = write(tmp_path, "item,label\na,cat\nb,dog\n")
    with pytest.raises(InputError, match=what):
        stage_of(path, tmp_path, predictions=write(tmp_path, text, "p.csv"))


# --- hostile files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "place", "what"),
    [
        ("a.csv", b"", "", "empty"),
        ("a.csv", b"item,label\n", "", "no rows"),
        ("a.csv", b"item,label\n1,2\n3\n", "line 3", "1 cells where the header has 2"),
        ("a.csv", b"item,label\n1,2\n3,4,5\n", "line 3", "3 cells"),
        ("a.csv", b'item,label\n1,2\n"3,4\n', "line 3", "quote"),
        ("a.csv", b"item,label\n1,caf\xe9\n", "line 2, byte 6", "0xe9"),
        ("a.csv", "item,label\n1,é\n".encode("utf-16"), "byte 0", "UTF-16"),
        ("a.csv", "item,label\n1,e\n2,f\n3,g\n".encode("utf-16-le"), "byte 0", "UTF-16"),
        ("a.csv", b"item,label\n1,a\0b\n", "line 2", "NUL"),
        ("a.csv", b"item,label\n1,ab\xc3", "line 2", "middle of a character"),
        ("a.csv", b"item,label\r\n1,a\n2,b\r\n", "", "line ends"),
        ("a.csv", b"\x1f\x8b\x08\x00abc", "", "gzip"),
        ("a.jsonl", b'{"item": 1, "label": 2}\n{"item": 1, "lab', "line 2", "not valid JSON"),
        ("a.jsonl", b'{"item": 1, "label": 2}\n[1, 2]\n', "line 2", "not a JSON object"),
        ("a.jsonl", b'{"item": 1,\n"label": 2}\n', "line 1", "not valid JSON"),
        ("a.jsonl", b"{}\n", "", "no fields"),
        ("a.jsonl", b"[" * 100_000, "line 1", "too deeply"),
        ("a.parquet", b"PAR1 and nothing else PAR1", "", "Parquet"),
        ("a.parquet", b"item,label\n1,2\n", "", "Parquet"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, data: bytes, place: str, what: str) -> None:
    error = error_of(write(tmp_path, data, name), tmp_path)
    assert error.place == place
    assert what in error.message


def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("wb") as stream:
        stream.write(b"item,label\n1,")
        for _ in range(24):
            stream.write(b"x" * 1024 * 1024)
        stream.truncate(2 * 1024**3)
    error = error_of(path, tmp_path)
    assert (error.place, "16 MiB" in error.message) == ("line 2", True)


def test_a_quoted_cell_over_many_lines_is_bounded(tmp_path: Path) -> None:
    error = error_of(write(tmp_path, b'item,label\n1,"' + b"x\n" * (scan.MAX_LINE // 2 + 1000) + b'"\n'), tmp_path)
    assert "line" in error.message


def test_folders_missing_files_and_odd_names(tmp_path: Path) -> None:
    error_of(tmp_path / "none.csv", tmp_path)
    (tmp_path / "dir.csv").mkdir()
    error_of(tmp_path / "dir.csv", tmp_path)
    for name in ("a*.csv", "a?.csv", "a[1].csv", "x\\y[.csv", "q'\"{a,b}.csv", "s3:.csv"):
        write(tmp_path, f"item,label\n{ord(name[0])},mine\n", name)
    write(tmp_path, "item,label\nother,theirs\n", "a1.csv")
    for name in ("a*.csv", "a?.csv", "a[1].csv", "x\\y[.csv", "q'\"{a,b}.csv", "s3:.csv"):
        tables = tables_of(tmp_path / name, tmp_path / "w")
        assert rows(tables, "SELECT label FROM annotation") == [("mine",)]


def test_unquoted_tsv_keeps_its_quotes(tmp_path: Path) -> None:
    tables = tables_of(write(tmp_path, 'item\tlabel\n1\t"half\n2\tb\n', "t.tsv"), tmp_path)
    assert rows(tables, "SELECT label FROM annotation ORDER BY item_id") == [('"half',), ("b",)]


# --- round trips ---------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@QUICK
@given(st.lists(WORDS, min_size=1, max_size=8))
def test_any_label_survives_csv_jsonl_and_parquet(labels: list[str]) -> None:
    table = [(f"i{index:03}", label) for index, label in enumerate(labels)]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("item_id", "label"), *table])
    lines = "".join(json.dumps({"item_id": item, "label": label}) + "\n" for item, label in table)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pq.write_table(pa.table({"item_id": [row[0] for row in table], "label": labels}), folder / "t.parquet")
        for path in (write(folder, buffer.getvalue(), "t.csv"), write(folder, lines, "t.jsonl"), folder / "t.parquet"):
            stage = stage_of(path, folder)
            tables = stage.finish(folder / path.suffix)
            assert rows(tables, "SELECT item_id, label FROM annotation ORDER BY item_id") == table


@QUICK
@given(
    st.binary(max_size=400) | st.text("{}[]\",:ab1\n\r\t\\'é;", max_size=60).map(str.encode),
    st.sampled_from(["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.txt"]),
    st.sampled_from([b"", b"item,label\n", b'{"item": 1, "label": "a"}\n', b"PAR1", b"item\tlabel\n1\t"]),
)
def test_arbitrary_bytes_give_tables_or_one_clear_error(data: bytes, name: str, start: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), start + data, name)
        try:
            tables = tables_of(path, Path(folder))
        except AuditorError as error:
            told = error
        else:
            assert tables.rows["annotation"] >= 1
            return
        assert told.hint
        assert "SELECT" not in told.message
