"""What all formats share: options that a format does not read are refused, hints fit, a folder of arrays is explained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from auditor import formats
from auditor.errors import InputError, UsageError
from auditor.stage import Source, Stage

if TYPE_CHECKING:
    from pathlib import Path

VOC = "<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size></annotation>"


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """One small source of each format."""
    (tmp_path / "table.csv").write_text("item_id,label\na,x\n")
    np.save(tmp_path / "labels.npy", np.array([0, 1]))
    (tmp_path / "coco.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    (tmp_path / "voc" / "Annotations").mkdir(parents=True)
    (tmp_path / "voc" / "Annotations" / "a.xml").write_text(VOC)
    (tmp_path / "tasks.json").write_text(json.dumps([{"id": 1, "data": {"text": "t"}, "annotations": []}]))
    (tmp_path / "given.csv").write_text("item_id,label\na,x\n")
    names = {"long": "table.csv", "arrays": "labels.npy", "coco": "coco.json", "voc": "voc", "label_studio": "tasks.json"}
    return {name: tmp_path / file for name, file in names.items()}


@pytest.mark.parametrize("name", formats.NAMES)
@pytest.mark.parametrize("option", ["mapping", "gold", "predictions", "classes"])
def test_an_option_is_read_or_refused(sources: dict[str, Path], name: str, option: str) -> None:
    path = sources[name]
    given = {"label": "label"} if option == "mapping" else path.parent / "given.csv"
    source = Source(path, **{option: given})  # type: ignore[arg-type]
    if option in formats.load(name).TAKES:
        assert formats.fitting([source])[0].format == name
        return
    with pytest.raises(UsageError) as caught:
        formats.fitting([source])
    assert f"--{option.removesuffix('ping')}" in caught.value.message
    assert caught.value.hint
    with pytest.raises(UsageError):
        formats.read(source, Stage(duckdb.connect(), path.parent))


def test_beside_a_table_other_formats_leave_its_options_to_it(sources: dict[str, Path]) -> None:
    given = [Source(sources[name], mapping={"label": "label"}) for name in ("coco", "long")]
    assert [bool(source.mapping) for source in formats.fitting(given)] == [False, True]


def test_every_format_says_what_it_takes() -> None:
    for name in formats.NAMES:
        module = formats.load(name)
        assert module.CALLED
        assert set(module.TAKES) <= {"mapping", "gold", "predictions", "classes"}
        assert all(isinstance(hint, str) for hint in module.HINTS.values())


def test_hints_can_be_followed() -> None:
    assert formats.supply("map a column to value", ["coco"]) == ""
    assert "ImageSets" in formats.supply("map a column to split", ["voc"])
    assert formats.supply("map a column to subject_id", ["voc"]) == "give a table with a column for subject_id: Pascal VOC has none"
    # one hint for all that is said of people and times, so that it stands once
    assert formats.supply("map a column to seconds", ["voc"]) == formats.supply("map a column to annotator_id", ["voc"])
    assert formats.supply("map a column to seconds", ["coco", "long"]) == "map a column to seconds"
    assert formats.supply("map a column to seconds", []) == "map a column to seconds"


def test_a_folder_of_arrays_says_how_to_name_them(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    for name in ("probs.npy", "labels/labels.npy"):
        np.save(tmp_path / name, np.array([0]))
    with pytest.raises(InputError) as caught:
        formats.detect(tmp_path)
    assert "labels.npy --predictions" in caught.value.hint
