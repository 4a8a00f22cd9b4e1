"""Pascal VOC folders, from the files to canonical Parquet."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import AuditorError, InputError
from auditor.formats import detect, voc
from auditor.stage import Source, Stage, Tables

if TYPE_CHECKING:
    from pathlib import Path

FILE = """<annotation><filename>{name}.jpg</filename><size><width>100</width><height>50</height><depth>3</depth></size>{objects}</annotation>"""
BOX = "<object><name>{label}</name><pose>Left</pose><difficult>1</difficult><bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"


def run(path: Path, tmp: Path, **options: Any) -> tuple[Tables, list[dict[str, Any]]]:
    stage = Stage(duckdb.connect(), tmp)
    stage.begin(path.name)
    voc.read(Source(path, **options), stage)
    tables = stage.finish(tmp / "tables")
    return tables, pq.read_table(tables.paths["annotation"]).to_pylist()


def rows_of(tables: Tables, name: str) -> list[dict[str, Any]]:
    return pq.read_table(tables.paths[name]).to_pylist()


def folder_of(tmp: Path, **files: str) -> Path:
    (tmp / "set" / "Annotations").mkdir(parents=True)
    for name, objects in files.items():
        (tmp / "set" / "Annotations" / f"{name}.xml").write_text(FILE.format(name=name, objects=objects))
    return tmp / "set"


def test_boxes_splits_and_labels(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
    objects = BOX.format("1.5", "2", "1e1", "4", label="cat") + BOX.format(0, 0, 1, 1, label="dog").replace("</object>", part)
    folder = folder_of(tmp_path, a=objects, b="<object><name>cow</name></object>", c=BOX.format("x", 0, 1, "nan", label="cat"))
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "train.txt").write_text("# made by hand\na\n")
    (folder / "ImageSets" / "Main" / "val.txt").write_text("b 1\n")
    (folder / "labelmap.txt").write_text("# label:color\ncat:1,2,3::\ndog:::\n")
    assert detect(folder) == detect(tmp_path) == "voc"
    tables, rows = run(folder, tmp_path)
    by_label = {(row["item_id"], row["label"]): row for row in rows}
    cat = by_label["a", "cat"]
    assert [cat[side] for side in "xywh"] == [1.5, 2, 8.5, 2]
    assert dict(cat["attributes"]) == {"pose": "Left", "difficult": "1"}
    assert dict(by_label["a", "dog"]["attributes"])["parts"] == "head"
    assert by_label["b", "cow"]["type"] == "class"
    broken = by_label["c", "cat"]
    assert (broken["type"], broken["x"], broken["w"]) == ("box", None, None)
    assert [(row["problem"], row["item_id"]) for row in rows_of(tables, "intake")].count(("bad_value", "c")) == 1
    assert tables.rows["intake"] == 2
    items = [(i["item_id"], i["uri"], i["width"], i["height"], i["split"]) for i in rows_of(tables, "item")]
    assert items == [("a", "a.jpg", 100, 50, "train"), ("b", "b.jpg", 100, 50, "validation"), ("c", "c.jpg", 100, 50, None)]
    assert [row["label"] for row in rows_of(tables, "ontology")] == ["cat", "dog"]
    assert len({row["annotation_id"] for row in rows}) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "not allowed"),
        ('<!DOCTYPE annotation SYSTEM "file:///etc/passwd"><annotation/>', "not allowed"),
        ("<annotation><object>", "not XML"),
        ("<annotation>&undefined;</annotation>", "not XML"),
        ("<annotations/>", "not <annotation>"),
        ("<a>" * 100 + "</a>" * 100, "nested deeper"),
        ("<annotation><filename>../../etc/passwd</filename></annotation>", "outside"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "not XML"),
        ("", "not XML"),
    ],
)
def test_hostile_xml_is_one_error(text: str, expected: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a="")
    (folder / "Annotations" / "b.xml").write_text(text)
    with pytest.raises(InputError) as caught:
        run(folder, tmp_path)
    assert expected in caught.value.message
    assert "b.xml" in caught.value.message
    assert caught.value.hint


def test_a_link_to_an_image_outside_is_not_followed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a="")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (folder / "JPEGImages").mkdir()
    (folder / "JPEGImages" / "a.jpg").symlink_to(tmp_path / "secret.jpg")
    tables, _ = run(folder, tmp_path)
    assert tables.media is None


def test_bccd_has_its_known_boxes(shared_data: Path, tmp_path: Path) -> None:
    assert detect(shared_data / "bccd") == "voc"
    tables, rows = run(shared_data / "bccd", tmp_path)
    assert tables.rows["annotation"] == 4888
    assert tables.rows["item"] == 364
    assert tables.media is not None
    flat = sorted(row["item_id"] for row in rows if row["w"] * row["h"] == 0)
    assert flat == ["BloodImage_00338", "BloodImage_00343"]
    splits = [item["split"] for item in rows_of(tables, "item")]
    assert {split: splits.count(split) for split in set(splits)} == {"train": 205, "validation": 87, "test": 72}


def test_fixture_folders(shared_data: Path, tmp_path: Path) -> None:
    for name, count in {"voc_dataset1": 2, "voc_dataset2": 4, "voc_dataset3": 1}.items():
        folder = shared_data / "format-fixtures" / "voc_dataset" / name
        assert detect(folder) == "voc"
        tables, rows = run(folder, tmp_path / name)
        assert (name, len(rows)) == (name, count)
        assert tables.rows["intake"] == 0
    for other in ("labelme_dataset", "cvat_dataset"):
        assert voc.detect(shared_data / "format-fixtures" / other, b"") == 0


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 260))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    folder = tmp_path_factory.mktemp("voc")
    whole = FILE.format(name="a", objects=BOX.format(1, 2, 3, 4, label="cat")).encode()
    (folder / "a.xml").write_bytes(whole[:at] + noise + whole[at:])
    assert 0 <= voc.detect(folder, b"") <= 1
    with contextlib.suppress(AuditorError):  # any other exception fails
        run(folder, folder)


def test_images_that_are_missing_are_told_without_a_media_folder(tmp_path: Path) -> None:
    from PIL import Image

    root = folder_of(tmp_path, a="", b="")
    tables, _ = run(root, tmp_path / "none")
    assert tables.rows["intake"] == 0  # no image at all: labels alone
    (root / "JPEGImages").mkdir(exist_ok=True)
    Image.new("RGB", (10, 10)).save(root / "JPEGImages" / "a.jpg")
    tables, _ = run(root, tmp_path / "one")
    assert [(row["problem"], row["item_id"]) for row in rows_of(tables, "intake")] == [("missing_media", "b")]


@pytest.mark.parametrize(("written", "bad"), [("abc", 1), ("-5", 1), ("99999999999999999999", 1), ("nan", 1), ("0", 0), ("100", 0)])
def test_a_size_that_is_none_is_told(tmp_path: Path, written: str, bad: int) -> None:
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><size><width>@</width><height>9</height></size></annotation>".replace("@", written)
    )
    tables, _ = run(tmp_path, tmp_path / "out")
    told = [(row["problem"], row["of"], row["item_id"]) for row in rows_of(tables, "intake")]
    assert told == [("bad_value", "item", "a")] * bad
