"""The stage: ids, duplicates, merging, and the same rows giving the same bytes."""

from __future__ import annotations

import random

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.clash import Clash
from auditor.files import sha256_file
from auditor.stage import Stage
from tests.worlds import read, stage_tables


def test_an_annotation_without_an_id_gets_one_that_depends_on_item_task_annotator_and_ordinal_only(tmp_path):
    rows = [{"item_id": "a", "annotator_id": "p", "label": "cat"}, {"item_id": "a", "annotator_id": "p", "label": "dog"}]
    first = {row["label"]: row["annotation_id"] for row in read(stage_tables(tmp_path / "1", annotation=rows).paths["annotation"])}
    relabelled = [rows[0] | {"label": "cow"}, rows[1]]
    more = [{"item_id": "0", "annotator_id": "q", "label": "x"}, *relabelled]
    second = {row["label"]: row["annotation_id"] for row in read(stage_tables(tmp_path / "2", annotation=more).paths["annotation"])}
    assert first["cat"] == second["cow"]
    assert first["dog"] == second["dog"]
    assert first["cat"] != first["dog"]


def test_ids_do_not_confuse_separators(tmp_path):
    rows = [{"item_id": "a|b", "annotator_id": "c"}, {"item_id": "a", "annotator_id": "b|c"}, {"item_id": "a|b|c"}]
    ids = {row["annotation_id"] for row in read(stage_tables(tmp_path, annotation=rows).paths["annotation"])}
    assert len(ids) == 3


def test_duplicate_and_missing_ids_are_kept_under_surrogates_and_noted(tmp_path):
    rows = [
        {"annotation_id": "1", "item_id": "a", "label": "x"},
        {"annotation_id": "1", "item_id": "b", "label": "y"},
        {"annotation_id": None, "item_id": "b", "label": "z"},
        {"annotation_id": "3", "item_id": None, "label": "w"},
    ]
    tables = stage_tables(tmp_path, annotation=rows, item=[{"item_id": "a"}, {"item_id": "b"}])
    written = read(tables.paths["annotation"])
    assert sorted(row["label"] for row in written) == ["w", "x", "y", "z"]
    assert len({row["annotation_id"] for row in written}) == 4
    notes = {(row["problem"], row["of"]): row for row in read(tables.paths["intake"])}
    assert notes["duplicate_id", "annotation"]["source_id"] == "1"
    assert set(notes) == {("duplicate_id", "annotation"), ("missing_id", "annotation"), ("missing_id", "item")}
    kept = {row["annotation_id"] for row in written}
    assert notes["duplicate_id", "annotation"]["annotation_id"] in kept
    assert notes["missing_id", "annotation"]["annotation_id"] in kept


def test_the_same_id_in_two_sources_is_no_fault(tmp_path):
    stage = Stage(duckdb.connect(), tmp_path)
    for file in ("train.json", "val.json"):
        stage.begin(file)
        stage.add("annotation", pa.table({"annotation_id": ["1"], "item_id": [file]}))
    tables = stage.finish(tmp_path)
    assert tables.rows["annotation"] == 2
    assert tables.rows["intake"] == 0
    assert stage.clashes == [Clash("train.json", "val.json", "", 1)]


def test_what_several_sources_say_of_one_item_is_merged_first_source_first(tmp_path):
    stage = Stage(duckdb.connect(), tmp_path)
    stage.begin("a")
    stage.add("item", pa.table({"item_id": ["i"], "width": pa.array([None], pa.int32()), "split": ["train"]}))
    stage.begin("b")
    stage.add("item", pa.table({"item_id": ["i"], "width": [5], "split": ["test"]}))
    tables = stage.finish(tmp_path)
    (item,) = read(tables.paths["item"])
    assert (item["width"], item["split"]) == (5, "train")
    (kept,) = read(tables.paths["intake"])
    assert (kept["problem"], kept["item_id"]) == ("conflicting_value", "i")
    assert kept["detail"] == "not the same in b as in a, which is kept: split"
    assert stage.clashes == [Clash("a", "b", "split", 1)]


def test_values_conflict_between_sources_only_and_are_never_told(tmp_path):
    stage = Stage(duckdb.connect(), tmp_path)
    maps = pa.map_(pa.string(), pa.string())
    for source, width, scanner, uri in (("a", None, "s1", "a/i.png"), ("b", 5, "s1", "b/i.png"), ("c", 6, "SECRET", None)):
        stage.begin(source)
        attributes = pa.array([[("scanner", scanner)]], maps)
        stage.add(
            "item", pa.table({"item_id": ["i"], "width": pa.array([width], pa.int32()), "attributes": attributes, "uri": [uri]})
        )
        stage.add("item", pa.table({"item_id": ["i"], "height": pa.array([1], pa.int32())}))
        stage.add("item", pa.table({"item_id": ["i"], "height": pa.array([2], pa.int32())}))
    tables = stage.finish(tmp_path)
    (item,) = read(tables.paths["item"])
    assert (item["width"], item["height"], item["attributes"]) == (5, 1, [("scanner", "s1")])
    details = {(row["file"], row["detail"]) for row in read(tables.paths["intake"])}
    assert details == {
        ("c", "not the same in c as in b, which is kept: width"),
        ("c", "not the same in c as in a, which is kept: attributes"),
    }
    assert stage.clashes == [Clash("a", "c", "attributes", 1), Clash("b", "c", "width", 1)]


def test_a_column_that_is_not_canonical_is_a_fault_of_the_format(tmp_path):
    stage = Stage(duckdb.connect(), tmp_path)
    with pytest.raises(ValueError, match="labl"):
        stage.add("annotation", pa.table({"labl": ["x"]}))


def test_annotators_of_annotations_have_rows(tmp_path):
    tables = stage_tables(
        tmp_path,
        annotation=[{"item_id": "a", "annotator_id": "p"}, {"item_id": "a", "annotator_id": "m", "source": "model"}],
        annotator=[{"annotator_id": "p", "email": "p@example.org"}],
    )
    assert {(row["annotator_id"], row["kind"], row["email"]) for row in read(tables.paths["annotator"])} == {
        ("p", "person", "p@example.org"),
        ("m", "model", None),
    }


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.text(min_size=1, max_size=4), st.sampled_from(["p", "q", None]), st.text(max_size=3)),
        min_size=1, max_size=20, unique_by=lambda row: row[:2],
    ),
    seed=st.integers(0, 10),
)  # fmt: skip
def test_same_rows_same_bytes(tmp_path_factory, rows, seed):
    folder = tmp_path_factory.mktemp("bytes")
    described = [
        {"item_id": item, "annotator_id": person, "label": label} for item, person, label in rows if "\0" not in item + label
    ]
    if not described:
        return
    shuffled = random.Random(seed).sample(described, len(described))
    once = stage_tables(folder / "1", annotation=described).paths["annotation"]
    again = stage_tables(folder / "2", annotation=shuffled).paths["annotation"]
    assert sha256_file(once) == sha256_file(again)


def two_sources(tmp_path, second):
    tmp_path.mkdir()
    stage = Stage(duckdb.connect(), tmp_path)
    stage.begin("boxes.json")
    stage.add("annotation", pa.table({"item_id": ["i"], "type": ["box"], "label": ["cat"]}))
    stage.add("ontology", pa.table({"task": ["label"], "label": ["cat"], "exclusive": [False]}))
    stage.begin("votes.csv")
    stage.add("annotation", pa.table(second))
    tables = stage.finish(tmp_path)
    said = {(row["task"], row["label"]) for row in read(tables.paths["annotation"])}
    return said, [(row["task"], row["label"], row["exclusive"]) for row in read(tables.paths["ontology"])], tables.notes


def test_an_ontology_does_not_judge_another_source(tmp_path):
    said, offered, notes = two_sources(tmp_path / "1", {"item_id": ["i", "i"], "type": ["class"] * 2, "label": ["cat", "dog"]})
    assert said == {("label", "cat"), ("label (votes.csv)", "cat"), ("label (votes.csv)", "dog")}
    assert offered == [("label", "cat", False)]
    assert any("'label (votes.csv)'" in note for note in notes)
    # The same kind of answer is the same question: it stays comparable, and brings its own labels.
    said, offered, _ = two_sources(tmp_path / "2", {"item_id": ["i", "i"], "type": ["box"] * 2, "label": ["cat", "dog"]})
    assert said == {("label", "cat"), ("label", "dog")}
    assert offered == [("label", "cat", False), ("label", "dog", None)]
