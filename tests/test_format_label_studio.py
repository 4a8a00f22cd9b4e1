"""Label Studio exports, from the file to canonical Parquet."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import AuditorError, InputError
from auditor.formats import detect, label_studio, rle
from auditor.stage import Source, Stage, Tables
from tests.asked import ask

if TYPE_CHECKING:
    from pathlib import Path

SIZE = {"original_width": 200, "original_height": 100}
BOX = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 5}


def run(path: Path, tmp: Path, **options: Any) -> tuple[Tables, list[dict[str, Any]]]:
    stage = Stage(duckdb.connect(), tmp)
    stage.begin(path.name)
    label_studio.read(Source(path, **options), stage)
    tables = stage.finish(tmp / "tables")
    return tables, pq.read_table(tables.paths["annotation"]).to_pylist()


def rows_of(tables: Tables, name: str) -> list[dict[str, Any]]:
    return pq.read_table(tables.paths[name]).to_pylist()


def result(kind: str, own: str | None, value: dict[str, Any], name: str = "q", **more: Any) -> dict[str, Any]:
    return {"id": own, "type": kind, "from_name": name, "to_name": "image", "value": value, **more}


def write(tmp: Path, tasks: Any, name: str = "export.json") -> Path:
    path = tmp / name
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return path


def one(results: list[dict[str, Any]], data: dict[str, Any] | None = None, **answer: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": 1,
            "data": data or {"image": "/data/a.jpg"},
            "annotations": [{"id": 7, "completed_by": 3, "result": results, **answer}],
        }
    ]


def test_regions_become_pixels(tmp_path: Path) -> None:
    results = [
        result("rectanglelabels", "r", {**BOX, "rectanglelabels": ["Car", "Red"]}, **SIZE, score=0.5),
        result("polygonlabels", "p", {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["Car"]}, **SIZE),
        result("keypointlabels", "k", {"x": 50, "y": 50, "width": 1, "keypointlabels": ["Nose"]}, **SIZE),
        result(
            "ellipselabels", "e", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0, "ellipselabels": ["Eye"]}, **SIZE
        ),
        result("rectangle", "u", BOX, "shape", **SIZE),
        result("labels", "u", {**BOX, "labels": ["Bus"]}, "label", **SIZE),
        result("choices", "u", {"choices": ["old"]}, "age", **SIZE),
        {"type": "relation", "from_id": "r", "to_id": "p", "direction": "right", "labels": ["part of"]},
    ]
    tables, rows = run(write(tmp_path, one(results)), tmp_path)
    by_id = {row["annotation_id"]: row for row in rows}
    assert set(by_id) == {"7:r", "7:r:1", "7:p", "7:k", "7:e", "7:u", "7:u:age", "7:r>p:7"}
    assert [by_id["7:r"][side] for side in ("x", "y", "w", "h", "angle", "label", "confidence")] == [20, 20, 60, 40, 5, "Car", 0.5]
    assert by_id["7:r:1"]["label"] == "Red"
    assert by_id["7:p"]["polygon"] == [[0, 0, 100, 0, 100, 50]]
    assert by_id["7:k"]["keypoints"] == [{"x": 100, "y": 50, "v": 2}]
    assert [by_id["7:e"][side] for side in "xywh"] == [80, 30, 40, 40]
    assert dict(by_id["7:e"]["attributes"]) == {"shape": "ellipse"}
    assert (by_id["7:u"]["type"], by_id["7:u"]["label"], by_id["7:u"]["task"]) == ("box", "Bus", "label")
    assert (by_id["7:u:age"]["type"], by_id["7:u:age"]["parent_id"]) == ("class", "7:u")
    relation = by_id["7:r>p:7"]
    assert (relation["type"], relation["parent_id"], dict(relation["attributes"])) == (
        "relation",
        "7:r",
        {"to": "7:p", "direction": "right"},
    )
    item = rows_of(tables, "item")[0]
    assert (item["item_id"], item["uri"], item["media"], item["width"], item["height"]) == ("1", "/data/a.jpg", "image", 200, 100)
    assert tables.rows["intake"] == 0


def test_answers_of_every_kind(tmp_path: Path) -> None:
    results = [
        result("choices", "c", {"choices": ["a", "b"]}, "several"),
        result("taxonomy", "t", {"taxonomy": [["Animal", "Cat"]]}),
        result("rating", "s", {"rating": 4}),
        result("number", "n", {"number": 2.5}),
        result("textarea", "x", {"text": ["one", "two"]}),
        result("pairwise", "w", {"selected": "left"}),
        result("ranker", "k", {"ranker": {"best": ["1"]}}),
    ]
    tables, rows = run(write(tmp_path, one(results)), tmp_path)
    said = {row["annotation_id"]: (row["type"], row["label"], row["value"], row["text"]) for row in rows}
    assert said == {
        "7:c": ("class", "a", None, None),
        "7:c:1": ("class", "b", None, None),
        "7:t": ("class", "Animal/Cat", None, None),
        "7:s": ("value", None, 4, None),
        "7:n": ("value", None, 2.5, None),
        "7:x": ("text", None, None, "one"),
        "7:x:1": ("text", None, None, "two"),
        "7:w": ("class", "left", None, None),
        "7:k": (None, None, None, None),
    }
    assert any("'ranker'" in note for note in tables.notes)


def test_spans_count_code_points_and_segments_seconds(tmp_path: Path) -> None:
    text = "😀 Bob met 😀 Eve"
    spans = [
        result("labels", "b", {"start": 3, "end": 6, "labels": ["PER"]}),
        result("labels", "e", {"start": 14, "end": 17, "labels": ["PER"]}),
    ]
    audio = one([result("labels", "s", {"start": 0.5, "end": 2, "labels": ["speech"]})], {"audio": "x.wav"})
    tasks = [
        *one(spans, {"text": text, "place": "here", "long": "x" * 500}),
        {**audio[0], "id": 2, "annotations": [{**audio[0]["annotations"][0], "id": 8}]},
    ]
    tables, rows = run(write(tmp_path, tasks), tmp_path)
    found = [text[row["start_char"] : row["end_char"]] for row in rows if row["type"] == "span"]
    assert found == ["Bob", "Eve"]
    assert [(row["start_s"], row["end_s"]) for row in rows if row["type"] == "segment"] == [(0.5, 2)]
    items = rows_of(tables, "item")
    assert [(item["media"], item["text"], dict(item["attributes"])) for item in items] == [
        ("text", text, {"place": "here"}),
        ("audio", None, {}),
    ]


def test_people_reviews_gold_predictions_and_cancelled(tmp_path: Path) -> None:
    box = result("rectanglelabels", "r", {**BOX, "rectanglelabels": ["Car"]}, **SIZE)
    tasks = [
        {
            "id": 1,
            "data": {"image": "a.jpg"},
            "annotations": [
                {"id": 1, "completed_by": {"id": 4, "email": "ann@example.org", "first_name": "Ann", "last_name": "Lee"}, "result": [box],
                 "created_at": "2024-05-15T14:00:00+02:00", "lead_time": 8.5, "prediction": {"result": [{**box, "value": {**BOX, "rectanglelabels": ["Bus"]}}]},
                 "reviews": [{"created_by": {"id": 9, "email": "rev@example.org"}, "created_at": "2024-05-16T00:00:00Z", "accepted": False}]},
                {"id": 2, "completed_by": {"email": "bob@example.org"}, "result": [box], "ground_truth": True},
                {"id": 3, "completed_by": 5, "result": [box], "was_cancelled": True},
            ],
            "predictions": [{"id": 1, "model_version": "v2", "score": 0.75, "result": [{key: value for key, value in box.items() if key not in SIZE}]}],
            "drafts": [{"result": [box]}],
        }
    ]  # fmt: skip
    tables, rows = run(write(tmp_path, tasks), tmp_path)
    first, gold, guess = sorted(rows, key=lambda row: row["annotation_id"])
    assert (first["annotator_id"], first["source"], first["seconds"], first["created_at"]) == (
        "4",
        "human",
        8.5,
        datetime.fromisoformat("2024-05-15T12:00:00"),
    )
    assert (first["reviewer_id"], first["review"], first["reviewed_at"], first["prelabel"]) == (
        "9",
        "rejected",
        datetime.fromisoformat("2024-05-16"),
        "Bus",
    )
    assert (gold["annotator_id"], gold["source"]) == ("bob@example.org", "gold")
    assert (guess["annotator_id"], guess["source"], guess["confidence"], guess["w"]) == ("v2", "model", 0.75, 60)
    people = {row["annotator_id"]: (row["kind"], row["name"], row["email"]) for row in rows_of(tables, "annotator")}
    assert people["4"] == ("person", "Ann Lee", "ann@example.org")
    assert people["v2"] == ("model", None, None)
    assert any("1 cancelled" in note for note in tables.notes)


def test_video_and_brush(tmp_path: Path) -> None:
    video = result(
        "videorectangle", "v", {"sequence": [{**BOX, "frame": 1, "enabled": True}, {**BOX, "frame": 9}], "labels": ["Car"]}, **SIZE
    )
    # 2 x 1 pixels, RGBA 0 0 0 255 and 0 0 0 0: word size 8, one run of eight plain values
    bits = (
        f"{8:032b}"
        f"{7:05b}" + f"{2:04b}" * 4 + "0" + "00" + f"{7:03b}" + "".join(f"{value:08b}" for value in (0, 0, 0, 255, 0, 0, 0, 0))
    )
    bits += "0" * (-len(bits) % 8)
    code = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    brush = result("brushlabels", "m", {"format": "rle", "rle": code, "brushlabels": ["Sky"]}, original_width=2, original_height=1)
    broken = result(
        "brushlabels", "z", {"format": "rle", "rle": code[:9], "brushlabels": ["Sky"]}, original_width=2, original_height=1
    )
    tables, rows = run(write(tmp_path, one([video, brush, broken])), tmp_path)
    by_id = {row["annotation_id"]: row for row in rows}
    assert [(by_id[key]["frame"], by_id[key]["track_id"], by_id[key]["w"]) for key in ("7:v", "7:v:1")] == [
        (0, "v", 60),
        (8, "v", 60),
    ]
    assert by_id["7:m"]["mask"] == {"height": 1, "width": 2, "counts": rle.encode([0, 1, 1])}
    assert by_id["7:z"]["mask"] is None
    assert [row["annotation_id"] for row in rows_of(tables, "intake")] == ["7:z"]


def test_configuration_beside_gives_the_ontology(tmp_path: Path) -> None:
    (tmp_path / "label_config.xml").write_text(
        '<View><Image name="image" value="$photo"/><Choices name="q" toName="image"><Choice value="yes"/><Choice value="no" alias="n"/></Choices>'
        '<RectangleLabels name="box" toName="image"><Label value="Car"/></RectangleLabels></View>'
    )
    path = write(tmp_path, one([result("choices", "c", {"choices": ["yes"]})], {"text": "a remark", "photo": "/upload/9"}))
    tables, _ = run(path, tmp_path)
    rows = {(row["task"], row["label"], row["type"], row["exclusive"]) for row in rows_of(tables, "ontology")}
    assert rows == {("q", "yes", "class", True), ("q", "n", "class", True), ("box", "Car", "box", False)}
    assert rows_of(tables, "item")[0]["uri"] == "/upload/9"


def test_lines_and_old_exports(tmp_path: Path) -> None:
    task = one([result("choices", "c", {"choices": ["yes"]})], {"text": "a"})[0]
    old = {"id": 2, "data": {"text": "b"}, "completions": task["annotations"]}
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(task) + "\n\n" + json.dumps(old) + "\n")
    assert label_studio.detect(path, path.read_bytes()) == 0.9
    _, rows = run(path, tmp_path)
    assert [row["item_id"] for row in rows] == ["1", "2"]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ({"a": 1}, "key 'data'"),
        ([3], "task 0"),
        (one([{"type": "rectanglelabels", "value": [], "id": "a"}]), "key 'value'"),
        (one([result("rectanglelabels", "a", {**BOX, "x": "10", "rectanglelabels": ["A"]}, **SIZE)]), "key 'x'"),
        (one([result("choices", "a", {"choices": "yes"})]), "key 'choices'"),
        (one(["x"]), "key 'result'"),
        (one([], lead_time="long"), "key 'lead_time'"),
        (one([], completed_by=[1]), "key 'completed_by'"),
        ([{"id": 1, "data": "x", "annotations": []}], "key 'data'"),
        ([{"id": {}, "data": {}, "annotations": []}], "key 'id'"),
    ],
)
def test_wrong_types_name_task_and_key(tasks: Any, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run(write(tmp_path, tasks), tmp_path)
    assert expected in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1, "da',
        '[{"id": NaN}]',
        '[{"id": 1, "id": 2}]',
        "[" * 100_000,
        '[{"id": "\\ud800", "data": {}}]',
        "\xff",
        "",
        '{"id": 1}\n{"id"',
    ],
)
def test_unreadable_input_is_one_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        run(path, tmp_path)
    assert caught.value.hint


def test_every_fixture_is_read(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "format-fixtures" / "label_studio"
    expected = {"csv_test": 5, "csv_test2": 1, "csv_test_history": 1, "data": 6, "data_obb": 25, "data_polygons": 1}
    for name, count in expected.items():
        path = folder / f"{name}.json"
        assert detect(path) == "label_studio"
        tables, rows = run(path, tmp_path / name)
        assert (name, len(rows)) == (name, count)
        assert tables.rows["intake"] == 0
    assert detect(folder) == "label_studio"
    tables, rows = run(folder, tmp_path / "all")
    assert len(rows) == sum(expected.values())
    assert tables.rows["item"] == 10


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "type", "value", "choices", "x", "y", "width", "height", "start", "end", "labels", "rle", "points", "sequence", "result", "data", "text", "original_width", "original_height"]),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
_RESULT = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["choices", "labels", "rectanglelabels", "relation", "textarea", "taxonomy", "brushlabels"]),
        "value": _JSON,
    }
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.fixed_dictionaries({"id": _JSON, "data": _JSON, "annotations": st.lists(st.fixed_dictionaries({"id": _JSON, "result": st.lists(_RESULT, max_size=2)}), max_size=2), "predictions": _JSON}), max_size=2))  # fmt: skip
def test_any_tasks_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, tasks: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("ls")
    path = folder / "a.json"
    path.write_text(json.dumps(tasks))
    assert 0 <= label_studio.detect(path, path.read_bytes()) <= 1
    with contextlib.suppress(AuditorError):  # any other exception fails
        run(path, folder)


def test_a_configuration_none_of_whose_labels_is_used_is_another_export_s(tmp_path):
    (tmp_path / "label_config.xml").write_text(
        '<View><Image name="image" value="$image"/><RectangleLabels name="q" toName="image"><Label value="parasite"/></RectangleLabels></View>'
    )
    theirs = one([result("rectanglelabels", "r", BOX | {"rectanglelabels": ["car"]}, **SIZE)])
    tables, _ = run(write(tmp_path, theirs), tmp_path)
    assert rows_of(tables, "ontology") == []
    assert any("is another's" in note for note in tables.notes)
    ours = one([result("rectanglelabels", "r", BOX | {"rectanglelabels": ["parasite"]}, **SIZE)])
    tables, _ = run(write(tmp_path, ours), tmp_path / "2")
    assert [row["label"] for row in rows_of(tables, "ontology")] == ["parasite"]


def test_video_boxes_without_a_size_stay_in_per_cent(tmp_path):
    frames = [{**BOX, "frame": 1, "enabled": True}, {**BOX, "frame": 9, "x": "1"}]
    video = result("videorectangle", "v", {"sequence": frames[:1], "labels": ["Car"]})
    tables, (row,) = run(write(tmp_path, one([video], {"video": "a.mp4"})), tmp_path)
    assert [row[side] for side in ("x", "y", "w", "h", "angle", "frame", "label")] == [10, 20, 30, 40, 5, 0, "Car"]
    assert tables.rows["intake"] == 0
    assert any("1 box is in per cent" in note for note in tables.notes)
    image = result("rectanglelabels", "r", {**BOX, "rectanglelabels": ["Car"]})
    tables, (row,) = run(write(tmp_path, one([image])), tmp_path / "image")
    assert row["x"] is None
    assert [told["problem"] for told in rows_of(tables, "intake")] == ["bad_value"]


def test_ids_are_missing_only_where_others_of_their_kind_have_one(tmp_path):
    choice = result("choices", "c", {"choices": ["yes"]})
    guess = {"model_version": "m", "result": [choice]}
    answer = {"completed_by": 1, "result": [choice]}
    for name, tasks, missing in (
        ("none", [{"id": n, "data": {"text": "a"}, "annotations": [answer], "predictions": [guess]} for n in range(3)], 0),
        (
            "answers",
            [{"id": n, "data": {"text": "a"}, "annotations": [{**answer, "id": n}], "predictions": [guess]} for n in range(3)],
            0,
        ),
        ("mixed", [{"id": 1, "data": {"text": "a"}, "annotations": [answer, {**answer, "id": 2}], "predictions": [guess]}], 1),
    ):
        tables, rows = run(write(tmp_path, tasks), tmp_path / name)
        assert [told["problem"] for told in rows_of(tables, "intake")] == ["missing_id"] * missing, name
        assert len({row["annotation_id"] for row in rows}) == len(rows)


def test_an_item_whose_answer_is_not_read_is_labelled_and_the_rest_is_told(tmp_path):
    series = result("timeserieslabels", "t", {"start": "2020-01-01", "end": "2020-01-02", "timeserieslabels": ["Run"]})
    path = write(tmp_path, [{**one([series])[0], "id": n, "annotations": [{"id": n, "result": [series]}]} for n in range(3)])
    found = ask(Source(path), tmp_path, ("consistency/",))
    assert found.found("error") == {"consistency/not_read": 1}
    assert found.found("warning") == {}
    assert [row["detail"] for row in found.rows["consistency/not_read"]] == [
        "3 results of the type 'timeserieslabels' were not read"
    ]


def test_a_folder_s_configuration_judges_its_own_export_only(shared_data, tmp_path):
    folder = shared_data / "format-fixtures" / "label_studio"
    found = ask(Source(folder), tmp_path, ("consistency/undefined_class", "consistency/box_out_of_image"))
    # One box of a person, and of the model it was taken from, truly reaches outside; those that are turned do not count.
    assert found.found("error") == {"consistency/box_out_of_image": 2}
