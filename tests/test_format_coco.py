"""COCO JSON, from the file to canonical Parquet."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import AuditorError, InputError
from auditor.formats import coco, detect, jsonscan, rle
from auditor.stage import Source, Stage, Tables
from tests.asked import ask

if TYPE_CHECKING:
    from pathlib import Path

BASE: dict[str, Any] = {
    "images": [
        {"id": 5, "file_name": "a.jpg", "width": 10, "height": 5},
        {"id": 6, "file_name": "b.jpg", "width": 20, "height": 8},
    ],
    "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}, {"id": 2, "name": "dog"}],
    "annotations": [],
}


def run(path: Path, tmp: Path, **options: Any) -> tuple[Tables, list[dict[str, Any]]]:
    stage = Stage(duckdb.connect(), tmp)
    stage.begin(path.name)
    coco.read(Source(path, **options), stage)
    tables = stage.finish(tmp / "tables")
    return tables, pq.read_table(tables.paths["annotation"]).to_pylist()


def rows_of(tables: Tables, name: str) -> list[dict[str, Any]]:
    return pq.read_table(tables.paths[name]).to_pylist()


def write(tmp: Path, annotations: list[dict[str, Any]], **more: Any) -> Path:
    path = tmp / "instances_val2017.json"
    path.write_text(json.dumps({**BASE, "annotations": annotations, **more}))
    return path


def test_kinds_of_annotation(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            {"id": 1, "image_id": 5, "category_id": 1, "bbox": [1, 2, 3, 2.5], "area": 7.5, "iscrowd": 0},
            {"id": 2, "image_id": 5, "category_id": 2, "bbox": [0, 0, 4, 4], "segmentation": [[0, 0, 4, 0, 4, 4]]},
            {
                "id": 3,
                "image_id": 5,
                "category_id": 1,
                "segmentation": {"counts": [10, 10, 5, 10, 15], "size": [5, 10]},
                "iscrowd": 1,
            },
            {"id": 4, "image_id": 5, "category_id": 1, "segmentation": {"counts": "::50:", "size": [5, 10]}},
            {"id": 5, "image_id": 6, "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 0], "bbox": [1, 2, 2, 2]},
            {"id": 6, "image_id": 6, "category_id": 2},
            {"id": 7, "image_id": 6, "caption": "two “dogs”"},
            {"id": 8, "image_id": 6, "category_id": 2, "bbox": [0, 0, 1, 1], "score": 0.25},
        ],
    )
    tables, rows = run(path, tmp_path)
    by_id = {row["annotation_id"]: row for row in rows}
    assert [by_id[str(n)]["type"] for n in range(1, 9)] == ["box", "polygon", "mask", "mask", "keypoints", "class", "text", "box"]
    assert [by_id["1"][side] for side in "xywh"] == [1, 2, 3, 2.5]
    assert (by_id["1"]["label"], by_id["1"]["item_id"], dict(by_id["1"]["attributes"])) == (
        "cat",
        "a.jpg",
        {"area": "7.5", "iscrowd": "0"},
    )
    assert by_id["2"]["polygon"] == [[0, 0, 4, 0, 4, 4]]
    assert by_id["2"]["w"] == 4
    assert by_id["3"]["mask"] == by_id["4"]["mask"] == {"height": 5, "width": 10, "counts": "::50:"}
    assert by_id["5"]["keypoints"] == [{"x": 1, "y": 2, "v": 2}, {"x": 3, "y": 4, "v": 0}]
    assert (by_id["7"]["text"], by_id["7"]["label"]) == ("two “dogs”", None)
    assert (by_id["8"]["source"], by_id["8"]["confidence"], by_id["1"]["source"]) == ("model", 0.25, "human")
    items = rows_of(tables, "item")
    assert [(i["item_id"], i["uri"], i["width"], i["height"], i["split"]) for i in items] == [
        ("a.jpg", "a.jpg", 10, 5, "validation"),
        ("b.jpg", "b.jpg", 20, 8, "validation"),
    ]
    assert {(o["label"], o["parent"], o["exclusive"]) for o in rows_of(tables, "ontology")} == {
        ("cat", "animal", False),
        ("dog", None, False),
    }
    assert tables.rows["intake"] == 0


def test_wrong_rows_are_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            {"id": 1, "image_id": 99, "category_id": 77, "bbox": [1, 2, 3, 4]},
            {"id": 1, "image_id": 5, "category_id": 1, "bbox": [1, 2, 3]},
            {"image_id": 5, "category_id": 1, "bbox": [1, 2, 3, "wide"]},
            {"id": 3, "image_id": 5, "category_id": 1, "segmentation": "none", "bbox": [0, 0, 1, 1]},
            {"id": 4, "image_id": 5, "category_id": 1, "segmentation": {"counts": [-1], "size": [1, 1]}},
        ],
    )
    tables, rows = run(path, tmp_path)
    assert len(rows) == 5
    orphan = next(row for row in rows if row["item_id"] == "image_id:99")
    assert orphan["label"] == "category_id:77"
    problems = sorted((row["problem"], row["detail"]) for row in rows_of(tables, "intake"))
    assert [problem for problem, _ in problems] == ["bad_value"] * 4 + ["duplicate_id", "missing_id"]
    assert problems[0][1] == "annotations[1]: bbox is not four numbers"


def test_item_ids_when_file_names_repeat(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "x.jpg"}, {"id": 2, "file_name": "x.jpg"}]
    path = write(tmp_path, [{"id": 1, "image_id": 2, "category_id": 1}], images=images)
    tables, rows = run(path, tmp_path)
    assert [item["item_id"] for item in rows_of(tables, "item")] == ["1", "2"]
    assert rows[0]["item_id"] == "2"


def test_one_name_in_two_splits_is_two_items(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / "d" / split).mkdir(parents=True)
        document = {**BASE, "annotations": [{"id": 1, "image_id": 5, "category_id": 1, "bbox": [0, 0, 1, 1]}]}
        (tmp_path / "d" / split / "_annotations.coco.json").write_text(json.dumps(document))
    assert detect(tmp_path / "d") == "coco"
    tables, rows = run(tmp_path / "d", tmp_path)
    assert {row["item_id"] for row in rows} == {"train/a.jpg", "validation/a.jpg"}
    assert tables.rows["item"] == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"images": [], "annotations": [{"id": 1', "ends in the middle"),
        ('{"images": [], "annotations": [{"id": NaN, "bbox": [NaN, 1, 1, 1]}]}', "annotations[0]"),
        ('{"images": [], "annotations": [{"id": 1, "bbox": [1, 1, 1, Infinity]}]}', "Infinity"),
        ('{"images": [], "annotations": [{"id": 1, "id": 2}]}', "twice"),
        ('{"images": [], "images": [], "annotations": []}', "twice"),
        ('{"images": [],\n "annotations": [{"id": 01}]}', "line 2"),
        ('{"images": [], "annotations": [{"id": 1} {"id": 2}]}', "comma"),
        ('{"images": [], "annotations": [1, 2]}', "not a list of objects"),
        ('{"images": [], "annotations": {"a": 1}}', "not a plain list"),
        ('{"images": [], "annotations": [{"a": ' + "[" * 200 + "]" * 200 + "}]}", "nested deeper"),
        ('{"images": [], "annotations": [], "categories": [3]}', "categories[0]"),
        ('{"images": [], "annotations": []} x', "not JSON"),
        ('{"a": 1}', "neither 'images'"),
        ('[{"image_id": 1, "category_id": 2, "bbox": [0,0,1,1], "score": 0.5}]', "JSON list"),
        ('{"images": [{"id": 1, "file_name": "../../etc/passwd"}], "annotations": []}', "outside"),
        ('{"images": [{"id": 1, "file_name": "/etc/passwd"}], "annotations": []}', "outside"),
        ("", "empty"),
    ],
)
def test_unreadable_input_is_one_error(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "bad*[1]?.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        run(path, tmp_path)
    assert expected in caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "tables").exists()


def test_wrong_encoding_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes('{"images": [],\n "annotations": [{"caption": "caf\u00e9"}]}'.encode("latin-1"))
    with pytest.raises(InputError, match="line 2") as caught:
        run(path, tmp_path)
    assert "UTF-8" in caught.value.message


def test_images_beside_are_found_and_links_out_are_not(tmp_path: Path) -> None:
    from PIL import Image

    root = tmp_path / "set"
    (root / "annotations").mkdir(parents=True)
    (root / "images" / "val").mkdir(parents=True)
    Image.new("RGB", (10, 5)).save(root / "images" / "val" / "a.jpg")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (root / "images" / "val" / "b.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "annotations" / "instances_val.json").write_text(json.dumps(BASE))
    tables, _ = run(root, tmp_path)
    assert tables.media is not None
    assert [row["item_id"] for row in pq.read_table(tables.media).to_pylist()] == ["a.jpg"]
    assert [(row["problem"], row["item_id"]) for row in rows_of(tables, "intake")] == [("missing_media", "b.jpg")]


def test_every_fixture_folder_is_read(shared_data: Path, tmp_path: Path) -> None:
    expected = {"coco": 14, "coco_captions": 3, "coco_image_info": 0, "coco_instances": 3, "coco_labels": 3, "coco_panoptic": 0,
                "coco_person_keypoints": 3, "coco_roboflow": 3, "coco_stuff": 2, "mmdet_coco": 3}  # fmt: skip
    for name, count in expected.items():
        folder = shared_data / "format-fixtures" / "coco_dataset" / name
        assert detect(folder) == "coco"
        tables, _ = run(folder, tmp_path / name)
        assert (name, tables.rows["annotation"], tables.rows["item"]) == (name, count, 2)
        assert tables.media is not None
        assert {item["split"] for item in rows_of(tables, "item")} == {"train", "validation"}


def test_blocks_and_batches_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strings with brackets, quotes and backslashes across block borders."""
    monkeypatch.setattr(jsonscan, "BLOCK", 7)
    monkeypatch.setattr(jsonscan, "BATCH", 100)
    rng = random.Random(4)
    texts = ["".join(rng.choice('\\"[]{},:é😀 a') for _ in range(rng.randrange(30))) for _ in range(200)]
    path = tmp_path / "captions.json"
    document = {**BASE, "annotations": [{"id": n, "image_id": 5, "caption": text} for n, text in enumerate(texts)]}
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    _, rows = run(path, tmp_path)
    assert {row["annotation_id"]: row["text"] for row in rows} == {str(n): text for n, text in enumerate(texts)}


@given(st.lists(st.integers(0, 2**31), max_size=40))
def test_run_lengths_round_trip(counts: list[int]) -> None:
    assert rle.decode(rle.encode(counts)) == counts


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_mask_round_trip(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    counts = rle.decode(rle.of_mask(mask))
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    assert (flat.reshape((height, width), order="F") == mask).all()


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "image_id",
                    "bbox",
                    "segmentation",
                    "counts",
                    "size",
                    "keypoints",
                    "score",
                    "file_name",
                    "name",
                    "category_id",
                    "width",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=40, deadline=None)
@given(
    st.fixed_dictionaries({"images": st.lists(_JSON, max_size=3), "annotations": st.lists(_JSON, max_size=4), "categories": _JSON})
)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / "a.json"
    path.write_text(json.dumps(document))
    with contextlib.suppress(AuditorError):  # any other exception fails
        run(path, folder)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 120))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    path = folder / "a.json"
    whole = json.dumps(
        {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"id": 1, "image_id": 1, "bbox": [1, 2, 3, 4]}]}
    ).encode()
    path.write_bytes(whole[:at] + noise + whole[at:])
    assert 0 <= coco.detect(path, path.read_bytes()) <= 1
    with contextlib.suppress(AuditorError):  # any other exception fails
        run(path, folder)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ({"size": [10**6, 10**6], "counts": [0, 10**12]}, "a size that no image has"),
        ({"size": [5, 10]}, "neither polygons nor"),
        ({"size": [5, "wide"], "counts": [0, 50]}, "neither polygons nor"),
        ({"size": [-5, -10], "counts": [0, 50]}, "a size that no image has"),
        ({"size": [1e400, 10], "counts": [1e400, 50]}, "neither polygons nor"),
    ],
)
def test_a_mask_that_is_none_is_told(tmp_path: Path, mask: dict[str, Any], said: str) -> None:
    path = write(tmp_path, [{"id": 1, "image_id": 5, "category_id": 1, "segmentation": mask, "bbox": [0, 0, 1, 1]}])
    path.write_text(path.read_text().replace("Infinity", "1e400"))
    tables, rows = run(path, tmp_path)
    (told,) = rows_of(tables, "intake")
    assert (told["problem"], told["annotation_id"]) == ("bad_value", "1")
    assert said in told["detail"]
    assert rows[0]["mask"] is None


@pytest.mark.parametrize(
    ("mask", "check"),
    [
        ({"size": [5, 10], "counts": "@@@@garbage\u00ff"}, "mask_invalid"),
        ({"size": [5, 10], "counts": "0"}, "mask_invalid"),
        ({"size": [5, 10], "counts": [0, 51]}, "mask_invalid"),
        ({"size": [6, 10], "counts": [0, 60]}, "mask_size_mismatch"),
    ],
)
def test_a_mask_that_can_be_read_and_is_wrong_is_found(tmp_path: Path, mask: dict[str, Any], check: str) -> None:
    path = write(tmp_path, [{"id": 1, "image_id": 5, "category_id": 1, "segmentation": mask, "bbox": [0, 0, 1, 1]}])
    assert ask(Source(path), tmp_path, ("consistency/mask_", "consistency/bad_value")).found("error") == {f"consistency/{check}": 1}


def test_numbers_beyond_double_are_told_and_kept_out(tmp_path: Path) -> None:
    odd = [
        {"id": 1, "image_id": 5, "category_id": 1, "bbox": [1e400, 2, 3, 4]},
        {"id": 2, "image_id": 5, "category_id": 1, "bbox": [0, 2, 3, 4], "score": 1e400},
        {"id": 3, "image_id": 5, "category_id": 1, "bbox": [0, 2, 3, 4], "keypoints": [1e400, -1e400, 2]},
        {"id": 4, "image_id": 5, "category_id": 1, "bbox": [0, 2, 3, 4], "segmentation": [[1e400, 1, 2, 3, 4, 5]]},
    ]
    path = write(tmp_path, odd)
    path.write_text(path.read_text().replace("Infinity", "1e400"))
    tables, rows = run(path, tmp_path)
    assert sorted(row["annotation_id"] for row in rows_of(tables, "intake")) == ["1", "2", "3", "4"]
    assert "inf" not in str(rows)


def test_a_size_that_is_none_is_told(tmp_path: Path) -> None:
    sizes = ["wide", -100, 1e20, [3], 0, 7, "8", None]
    images = [{"id": n, "file_name": f"{n}.jpg", "width": size, "height": 5} for n, size in enumerate(sizes)]
    tables, _ = run(write(tmp_path, [], images=images), tmp_path)
    told = [(row["problem"], row["of"], row["item_id"]) for row in rows_of(tables, "intake")]
    assert sorted(told) == [("bad_value", "item", f"{n}.jpg") for n in range(4)]


def test_annotations_without_images_are_orphans(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for more in ({}, {"images": []}):
        path.write_text(
            json.dumps({"categories": BASE["categories"], "annotations": [{"id": 1, "image_id": 5, "category_id": 1}], **more})
        )
        found = ask(Source(path), tmp_path / str(len(more)), ("consistency/orphan_annotation",))
        assert [row["item_id"] for row in found.rows["consistency/orphan_annotation"]] == ["image_id:5"]
