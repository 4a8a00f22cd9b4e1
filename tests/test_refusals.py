"""What is refused rather than guessed: each with its place and one thing to do."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from auditor import formats, listing
from auditor.cli import cli
from auditor.errors import CheckFileError, InputError
from auditor.stage import Source, Stage
from tests.test_audit import OWN_CASES, OWN_SQL
from tests.worlds import read, votes_csv


def staged(tmp_path, path, **options):
    stage = Stage(duckdb.connect(), tmp_path)
    formats.read(Source(path, **options), stage)
    return stage.finish(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"item_id":"1","label":"cat"}\n{"item_id":"2","label":"cat","label":"dog"}\n', "line 2: .*'label' twice"),
        ("a.jsonl", b'{"item_id":"1","label":NaN}\n', "line 1: .*NaN is not a JSON number"),
        ("a.jsonl", b'{"item_id":"1","label":"x"}\n\n{"item_id":"1","label":-Infinity}\n', "line 3: .*Infinity"),
        ("a.json", '{"images": [], "annotations": []}'.encode("utf-16"), "UTF-16"),
        ("a.json", '{"images": [], "annotations": []}'.encode("utf-16-le"), "UTF-16"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.json", b'{"a": 1}', "neither COCO nor a Label Studio export"),
        ("a.json", b'{"a": \n[1, 2}', "line 2, column 6"),
        ("a.json", b'{"a": "caf\xe9"}', "not UTF-8 text"),
        ("a.json", b" \n", "only blanks"),
        ("a.json", b"", "empty"),
        ("a.json", b"\x1f\x8b\x08\x00rest", "compressed"),
        ("a.xml", b"<html></html>", "not Pascal VOC"),
        ("a.dat", b"\x00\x01\x02", "no known format"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        staged(tmp_path, tmp_path / name)
    assert caught.value.hint
    assert name in caught.value.message


@pytest.mark.parametrize("name", ["coco", "label_studio"])
def test_an_encoding_is_named_where_the_format_is_given(tmp_path, name):
    (tmp_path / "a.json").write_bytes('[{"id": 1, "data": {}, "annotations": []}]'.encode("utf-16"))
    with pytest.raises(InputError, match=r"UTF-16|JSON list|not a list"):
        staged(tmp_path, tmp_path / "a.json", format=name)


def test_words_that_only_look_like_numbers_are_read(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"item_id":"1","label":"NaN"}\n{"item_id":"2","label":"Infinity War"}\n')
    tables = staged(tmp_path, tmp_path / "a.jsonl")
    assert {row["label"] for row in read(tables.paths["annotation"])} == {"NaN", "Infinity War"}


def test_an_array_that_labels_nothing_says_what_is_expected(tmp_path):
    np.save(tmp_path / "labels.npy", np.zeros((10, 2), int))
    with pytest.raises(InputError, match="no 1 in any row") as caught:
        staged(tmp_path, tmp_path / "labels.npy")
    assert "items x classes" in caught.value.hint


def test_text_that_parquet_stores_as_bytes_is_text(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {"item_id": ["é1", "2"], "label": ["cat", "dog"], "picture": [b"\xff\xd8", b"\xff\xd8"]}
    pq.write_table(pa.table({name: pa.array(values, pa.binary()) for name, values in columns.items()}), path)
    tables = staged(tmp_path, path)
    assert [(row["item_id"], row["label"]) for row in read(tables.paths["annotation"])] == [("2", "dog"), ("é1", "cat")]
    assert any("left out, as they hold bytes: picture" in note for note in tables.notes)
    pq.write_table(pa.table({"item_id": pa.array([b"\xff", b"2"]), "label": ["cat", "dog"]}), path)
    with pytest.raises(InputError, match="column 'item_id': holds bytes that are not UTF-8"):
        staged(tmp_path, path)


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    votes_csv(tmp_path / "answer.csv")
    return lambda *words: CliRunner().invoke(cli, [str(word) for word in words])


@pytest.mark.parametrize("words", [["--map", "item_id=item_id,item_id=label"], ["--map", "label=label", "--map", "label=item_id"]])
def test_a_column_that_is_mapped_twice_is_refused(run, words):
    done = run("audit", "answer.csv", *words)
    assert done.exit_code == 2
    assert "is given twice" in done.stderr


def own(tmp_path, sql=OWN_SQL, cases=OWN_CASES):
    folder = tmp_path / "checks" / "mine"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cat.sql").write_text(sql)
    (folder / "cat.toml").write_text(cases)
    return tmp_path / "checks"


@pytest.mark.parametrize("score", ["1.5", "-0.1", "'nan'::DOUBLE"])
def test_a_score_that_is_none_fails_the_check(run, tmp_path, score):
    done = run(
        "audit", "answer.csv", "--checks", own(tmp_path, OWN_SQL.replace("0.5 AS score", f"{score} AS score")), "--only", "mine"
    )
    assert done.exit_code == 4, done.output
    verdict = json.loads((tmp_path / "audit" / "verdict.json").read_text())
    assert "not between 0 and 1" in verdict["reasons"][0]
    assert pq.read_table(tmp_path / "audit" / "findings.parquet").num_rows == 0


def test_a_case_may_have_an_empty_table(tmp_path):
    empty = (
        OWN_CASES
        + '[[case]]\nname = "none"\nfinds = 0\nontology = []\nitem = []\nannotation = [{ item_id = "a", label = "dog" }]\n'
    )
    assert "3 cases of 1 checks hold" in listing.run_cases(own(tmp_path, cases=empty))
    for odd in ("annotation = 3", 'annotation = ["cat"]'):
        with pytest.raises(CheckFileError, match="annotation is not a list of rows"):
            listing.run_cases(own(tmp_path, cases=OWN_CASES + f'[[case]]\nname = "odd"\nfinds = 0\n{odd}\n'))


def test_a_required_check_that_only_leaves_out_is_told(run, tmp_path):
    (tmp_path / "auditor.toml").write_text('[gate]\nrequire = ["consistency/split_leak"]\n')
    done = run("audit", "answer.csv", "--only", "consistency/empty_label")
    assert done.exit_code == 4, done.output
    assert "consistency/split_leak is required and was not asked" in done.stdout
