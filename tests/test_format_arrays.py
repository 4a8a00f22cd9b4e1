"""Arrays: labels, probabilities and class names, from .npy to canonical Parquet."""

from __future__ import annotations

import io
import pickle
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from auditor.errors import AuditorError, InputError
from auditor.formats import arrays, detect
from auditor.stage import Source, Stage, Tables

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def stage_of(path: Path, work: Path, **options: Any) -> Stage:
    stage = Stage(duckdb.connect(), work)
    stage.begin(path.name)
    arrays.read(Source(path, **options), stage)
    return stage


def tables_of(path: Path, work: Path, **options: Any) -> Tables:
    return stage_of(path, work, **options).finish(work / "out")


def rows(tables: Tables, query: str) -> list[Any]:
    con = duckdb.connect()
    for name, path in tables.paths.items():
        con.read_parquet(str(path)).create_view(name)
    return con.execute(query).fetchall()


def save(folder: Path, array: Any, name: str = "labels.npy") -> Path:
    np.save(folder / name, np.asarray(array), allow_pickle=False)
    return folder / name


def text(folder: Path, content: str, name: str = "names.txt") -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


@pytest.mark.data
@pytest.mark.parametrize(("name", "count", "width"), [("cifar10", 10_000, 10), ("20news", 7532, 20)])
def test_real_labels_and_probabilities(shared_data: Path, tmp_path: Path, name: str, count: int, width: int) -> None:
    folder = shared_data / "label-errors"
    labels = folder / "original_test_labels" / f"{name}_test_set_original_labels.npy"
    probs = folder / "cross_validated_predicted_probabilities" / f"{name}_test_set_pyx.npy"
    assert detect(labels) == "arrays"
    tables = tables_of(labels, tmp_path, predictions=probs)
    assert {table: n for table, n in tables.rows.items() if n} == {
        "item": count,
        "annotation": count,
        "prediction": count,
        "ontology": width,
        "model": 1,
    }
    assert rows(tables, "SELECT model, len(classes), classes[1] FROM model") == [(f"{name}_test_set_pyx", width, "0")]
    assert rows(tables, "SELECT max(abs(list_sum(probs) - 1)) < 1e-5 FROM prediction") == [(True,)]
    assert rows(tables, "SELECT DISTINCT type, task, source, annotator_id, label IS NULL FROM annotation") == [
        ("class", "label", "human", None, False)
    ]
    # The largest probability agrees with the given label as often as NumPy says: rows are not shuffled.
    given_labels = np.load(labels)
    agreed = int((np.load(probs).argmax(axis=1) == given_labels).sum())
    query = (
        "SELECT count(*) FROM annotation JOIN prediction USING (item_id) "
        "WHERE CAST(label AS INT) = list_position(probs, list_max(probs)) - 1"
    )
    assert abs(rows(tables, query)[0][0] - agreed) <= 2  # float32 may tie where float64 did not
    assert rows(tables, "SELECT label FROM annotation ORDER BY CAST(item_id AS INT)") == [(str(label),) for label in given_labels]


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "i8", ">i4", "?"])
def test_every_whole_type(tmp_path: Path, dtype: str) -> None:
    tables = tables_of(save(tmp_path, np.array([1, 0, 1], dtype=dtype)), tmp_path)
    assert rows(tables, "SELECT item_id, label FROM annotation ORDER BY 1") == [("0", "1"), ("1", "0"), ("2", "1")]
    assert "item ids are row numbers, from 0" in tables.notes


def test_classes_name_the_codes_and_unknown_codes_stay(tmp_path: Path) -> None:
    tables = tables_of(save(tmp_path, [1, 0, 7, -1]), tmp_path, classes=text(tmp_path, "cat\r\nbig dog\n"))
    assert rows(tables, "SELECT label FROM annotation ORDER BY item_id") == [("big dog",), ("cat",), ("7",), ("-1",)]
    assert rows(tables, "SELECT task, label, exclusive FROM ontology ORDER BY label") == [
        ("label", "big dog", True),
        ("label", "cat", True),
    ]


def test_one_annotation_per_true_class(tmp_path: Path) -> None:
    array = np.array([[True, False, True], [False, False, False], [False, True, False]])
    tables = tables_of(save(tmp_path, array), tmp_path, classes=text(tmp_path, "a\nb\nc"))
    assert rows(tables, "SELECT item_id, label FROM annotation ORDER BY ALL") == [("0", "a"), ("0", "c"), ("2", "b")]
    assert tables.rows["item"] == 3
    assert rows(tables, "SELECT DISTINCT exclusive FROM ontology") == [(False,)]


def test_probabilities_are_renormalised_and_gold_is_read(tmp_path: Path) -> None:
    probs = save(tmp_path, np.array([[3, 1], [60000, 60000]], dtype=np.float16), "net.npy")
    gold = text(tmp_path, "item_id,truth\n0,cat\n", "gold.csv")
    options = {"predictions": probs, "classes": text(tmp_path, "cat\ndog"), "gold": gold}
    tables = tables_of(save(tmp_path, ["dog", "dog"]), tmp_path, **options)
    assert rows(tables, "SELECT item_id, model, probs FROM prediction ORDER BY 1") == [
        ("0", "net", [0.75, 0.25]),
        ("1", "net", [0.5, 0.5]),
    ]
    assert rows(tables, "SELECT item_id, label FROM annotation WHERE source = 'gold'") == [("0", "cat")]


def test_row_groups_of_many_classes_are_short(tmp_path: Path) -> None:
    """Else whoever reads them holds half a gigabyte for each thread."""
    import pyarrow.parquet as pq

    width, count = 8192, 2100
    probs = np.full((count, width), 1 / width, dtype=np.float16)
    given = save(tmp_path, [str(n % 2) for n in range(count)])
    tables = tables_of(given, tmp_path, predictions=save(tmp_path, probs, "net.npy"))
    assert pq.read_metadata(tables.paths["prediction"]).num_row_groups == 2
    assert pq.read_metadata(tables.paths["annotation"]).num_row_groups == 1


@pytest.mark.parametrize(
    ("probs", "what"),
    [
        ([[0.5, np.nan], [1, 0]], r"row 0 \(from 0\): holds NaN"),
        ([[0.5, 0.5], [np.inf, 0]], "row 1 .* infinity"),
        ([[0.5, 0.5], [-1, 2]], "row 1 .* negative"),
        ([[0.0, 0.0], [1, 2]], "row 0 .* only zeros"),
        ([[0.5, 0.5]], "1 rows for 2 items"),
        ([0.5, 0.5], "shape is 2, not"),
        ([[0.5], [0.5]], "shape is 2 x 1"),
        ([["a", "b"], ["c", "d"]], "not probabilities"),
        ([[0.2, 0.3, 0.5]] * 2, "3 columns for 2 classes"),
    ],
)
def test_wrong_probabilities(tmp_path: Path, probs: Any, what: str) -> None:
    labels = save(tmp_path, [0, 1])
    with pytest.raises(InputError, match=what) as caught:
        stage_of(labels, tmp_path, predictions=save(tmp_path, probs, "p.npy"), classes=text(tmp_path, "a\nb"))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "what"), [("a\n\nb", "line 2: has no class name"), ("a\na", "line 2: the class a stands twice"), ("", "empty")]
)
def test_wrong_classes(tmp_path: Path, content: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        stage_of(save(tmp_path, [0, 1]), tmp_path, classes=text(tmp_path, content))


class Bomb:
    """Would make a file if it were unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path(tempfile.gettempdir()) / "auditor-bomb",))


def test_pickles_archives_and_damage_are_refused(tmp_path: Path) -> None:
    bomb = Path(tempfile.gettempdir()) / "auditor-bomb"
    np.save(tmp_path / "object.npy", np.array([Bomb(), 1], dtype=object), allow_pickle=True)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Bomb()))
    np.savez(tmp_path / "archive.npz", a=np.arange(3))
    whole = save(tmp_path, np.arange(1000)).read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-100])
    (tmp_path / "header.npy").write_bytes(whole[:20])
    (tmp_path / "empty.npy").write_bytes(b"")
    save(tmp_path, np.array([], dtype=int), "none.npy")
    save(tmp_path, np.zeros((2, 2)), "floats.npy")
    save(tmp_path, np.zeros(3), "float.npy")
    save(tmp_path, np.zeros((2, 2, 2), dtype=int), "cube.npy")
    save(tmp_path, np.array([[0, 2]]), "counts.npy")
    save(tmp_path, np.array(["2020-01-01"], dtype="M8[D]"), "time.npy")
    save(tmp_path, np.array([b"caf\xe9"]), "bytes.npy")
    for name, what in {
        "object.npy": "Python objects",
        "raw.npy": "pickle",
        "archive.npz": "npz",
        "cut.npy": "cut off",
        "header.npy": "cut off",
        "empty.npy": "empty",
        "none.npy": "empty",
        "floats.npy": "whole numbers",
        "float.npy": "whole numbers",
        "cube.npy": "3 dimensions",
        "counts.npy": "0 and 1",
        "time.npy": "neither numbers nor text",
        "bytes.npy": "not valid",
        "absent.npy": "cannot be opened",
    }.items():
        with pytest.raises(InputError, match=what) as caught:
            stage_of(tmp_path / name, tmp_path)
        assert caught.value.hint
        assert name in caught.value.message
    assert not bomb.exists()


def test_a_million_rows_are_vectorised(tmp_path: Path) -> None:
    count = 1_000_000
    generator = np.random.default_rng(0)
    labels = save(tmp_path, generator.integers(0, 10, count).astype(np.uint16))
    started = time.process_time()
    stage = stage_of(labels, tmp_path)
    # A loop over rows in Python needs more than this for the row numbers alone.
    assert time.process_time() - started < 5
    assert stage.con.execute("SELECT count(*) FROM stage_annotation_0").fetchone() == (count,)


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@QUICK
@given(hnp.arrays(np.str_, st.integers(1, 12), elements=st.text(CHARACTERS, min_size=1, max_size=12)))
def test_any_text_label_survives(labels: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = tables_of(save(Path(folder), labels), Path(folder))
        assert rows(tables, "SELECT label FROM annotation ORDER BY CAST(item_id AS INT)") == [(str(label),) for label in labels]


def header_of(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@QUICK
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x93NUMPY\x01\x00", header_of(np.arange(4)), header_of(np.array(["a", "b"]))]),
    st.integers(0, 128),
)
def test_arbitrary_bytes_give_tables_or_one_clear_error(data: bytes, start: bytes, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.npy"
        path.write_bytes(start[: len(start) - cut] + data)
        try:
            tables = tables_of(path, Path(folder))
        except AuditorError as error:
            told = error
        else:
            assert tables.rows["item"] >= 1
            return
        assert told.hint
