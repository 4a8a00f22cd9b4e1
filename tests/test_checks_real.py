"""The built-in checks on real data with known faults (SOURCE.md beside the data): they find those and little else."""

from __future__ import annotations

import pytest

from auditor.stage import Source
from tests.asked import ask, ask_tables
from tests.worlds import stage_tables

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def bccd(shared_data, tmp_path_factory):
    return ask(Source(shared_data / "bccd" / "BCCD"), tmp_path_factory.mktemp("bccd"))


def test_bccd_zero_area_boxes_are_the_only_errors(bccd):
    assert bccd.found("error") == {"consistency/box_degenerate": 2}
    found = bccd.rows["consistency/box_degenerate"]
    assert {row["item_id"] for row in found} == {"BloodImage_00338", "BloodImage_00343"}


def test_bccd_overlapping_pairs(bccd):
    pairs = bccd.rows["consistency/duplicate_box"] + bccd.rows["consistency/conflicting_box"]
    assert len(pairs) == 8
    assert all(row["iou"] >= 0.8 for row in pairs)


def test_bccd_near_duplicate_pair(bccd):
    found = bccd.rows["outlier/near_duplicate_image"]
    assert [(row["item_id"], row["other_item"]) for row in found] == [("BloodImage_00037", "BloodImage_00038")]
    assert bccd.session.seconds["image"] + bccd.session.seconds["image_pair"] < 5


def test_bccd_every_other_warning_was_looked_at(bccd):
    """Three boxes of an odd size, all of them true faults.

    In 00113 a platelet of 31 x 27 px is called WBC; in 00133 and 00135 a white cell of more than 140 x 110 px is called Platelets.
    """
    assert bccd.found("warning") == {
        "consistency/duplicate_box": 8,
        "outlier/box_size": 3,
        "outlier/near_duplicate_image": 1,
    }
    odd = {(row["item_id"], row["label"]) for row in bccd.rows["outlier/box_size"]}
    assert odd == {("BloodImage_00113", "WBC"), ("BloodImage_00133", "Platelets"), ("BloodImage_00135", "Platelets")}


def test_bccd_nothing_failed_and_pixels_were_read(bccd):
    assert "failed" not in bccd.outcome.values(), bccd.reason
    assert bccd.outcome["outlier/image_quality"] == "found"
    assert bccd.outcome["consistency/image_size_mismatch"] == "found"
    assert bccd.outcome["consistency/span_edge"] == "skipped"


@pytest.mark.parametrize("name", ["duck", "product"])
def test_crowds_have_no_fault_of_schema(name, shared_data, tmp_path):
    folder = shared_data / "crowd" / name
    mapping = {"item_id": "question", "annotator_id": "worker", "label": "answer"}
    said = ask(Source(folder / "answer.csv", mapping=mapping, gold=folder / "truth.csv"), tmp_path)
    assert "failed" not in said.outcome.values(), said.reason
    assert said.found("error") == {}
    # What people said is judged by other checks; of the schema nothing is wrong.
    judged = {
        "consistency/gold_mismatch", "outlier/low_agreement", "outlier/spammer", "outlier/straight_line", "bias/annotator_label_shift",
        "outlier/low_task_agreement",
    }  # fmt: skip
    assert set(said.found("warning")) <= judged


def test_speech_texts_of_odd_length_are_few(shared_data, tmp_path):
    file = shared_data / "crowdspeech" / "crowdspeech-dev-clean-crowd.tsv"
    said = ask(Source(file), tmp_path)
    found = said.rows["outlier/text_length"]
    assert 0 < len(found) < 0.01 * said.session.tables.rows["annotation"]
    assert all(row["times"] < 0.5 or row["times"] > 2 for row in found)
    assert said.found("error") == {}


def test_speakers_who_overlap_themselves(shared_data, tmp_path):
    """The newer release of voxconverse still holds two: of 2.98 s, and of 0.01 s, which the default takes for rounding."""
    folder = shared_data / "voxconverse" / "v0.3-test"
    items, segments = [], []
    for file in sorted(folder.rglob("*.rttm")):
        items.append({"item_id": file.stem, "media": "audio"})
        for line in file.read_text(encoding="utf-8").splitlines():
            _, _, _, start, length, _, _, speaker, *_ = line.split()
            begin = float(start)
            segments.append(
                {"item_id": file.stem, "type": "segment", "label": speaker, "start_s": begin, "end_s": begin + float(length)}
            )
    assert len(segments) == 19_479
    said = ask_tables(stage_tables(tmp_path / "t", item=items, annotation=segments), tmp_path, ("consistency/segment_",))
    overlaps = said.rows["consistency/segment_self_overlap"]
    assert said.rows["consistency/segment_out_of_media"] == []
    assert [(row["item_id"], round(row["overlap_s"], 2)) for row in overlaps] == [("utial", 2.98)]
    strict = ask_tables(
        said.session.tables, tmp_path, ("consistency/segment_",), {"consistency/segment_self_overlap": {"slack_s": 0.005}}
    )
    found = strict.rows["consistency/segment_self_overlap"]
    assert {(row["item_id"], round(row["overlap_s"], 2)) for row in found} == {("utial", 2.98), ("optsn", 0.01)}
