"""Views: what FiftyOne holds is what the tables say and no more; tags come back; nothing stays running."""

from __future__ import annotations

import csv
import math
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from auditor import views
from auditor.cli import cli
from auditor.errors import AuditorError, UsageError
from auditor.protection import policy
from auditor.views import app, cards, dataset, insert, mongod, samples
from auditor.views import labels as views_labels
from auditor.views.tags import Tag
from tests import report_world, worlds
from tests import views_world as world

if TYPE_CHECKING:
    from collections.abc import Iterator

if find_spec("fiftyone") is None:  # not imported here: it would connect to a database
    pytest.skip("the extra `views` is not installed", allow_module_level=True)
# What FiftyOne's libraries warn of while they work is theirs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:(fiftyone|eta|mongoengine|pymongo|motor|strawberry).*"),
    pytest.mark.filterwarnings("ignore:.*:FutureWarning:(fiftyone|eta).*"),
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[views.Views]:
    try:
        mongod.find()
    except AuditorError:
        pytest.skip("no mongod is installed")
    with views.opened(tmp_path_factory.mktemp("views") / "folder") as opened:
        yield opened


@pytest.fixture(scope="module")
def built(shown: views.Views, tmp_path_factory: pytest.TempPathFactory) -> dict[str, views.Built]:
    folder = tmp_path_factory.mktemp("worlds")
    with pytest.MonkeyPatch.context() as patch:
        # As if ffmpeg were there: it is needed to see a video, not to store it.
        patch.setattr(samples, "_plays", lambda: True)
        return {name: shown.build(name, make(folder / name)) for name, make in WORLDS.items()}


WORLDS = {"pictures": world.pictures, "texts": world.texts, "crowd": world.crowd, "videos": world.videos}


def sample(shown: views.Views, name: str, item: str) -> Any:
    return shown.dataset(name).match({"item_id": item}).first()


def labels(field: Any) -> dict[str, Any]:
    inside = field[
        {"Classifications": "classifications", "Polylines": "polylines", "Keypoints": "keypoints"}.get(
            type(field).__name__, "detections"
        )
    ]
    return {one["annotation_id"]: one for one in inside}


def test_fields_are_by_source_annotator_task_and_shape(shown, built):
    schema = shown.dataset("pictures").get_field_schema()
    assert {"human_ann_object_box", "human_ann_object_polygon", "human_ann_object_keypoints", "human_ann_kind", "human_bo_kind",
            "human_ann_rating", "gold", "model_net_1", "prediction_net_2"} <= set(schema)  # fmt: skip
    assert "annotator Bo Ø, task kind" in schema["human_bo_kind"].description
    groups = {group.name: group.paths for group in shown.dataset("pictures").app_config.sidebar_groups}
    assert list(groups)[:3] == ["findings", "tags", "gold"]
    assert "human_ann_kind" in groups["human"]
    assert groups["item"] == ["item_id", "split", "item_light"]


def test_boxes_are_relative(shown, built):
    boxes = labels(sample(shown, "pictures", "shapes")["human_ann_object_box"])
    box = boxes["box"]
    assert box.label == "cat"
    assert np.allclose(box.bounding_box, [0.1, 0.1, 0.5, 0.5])
    assert (box.confidence, box["annotator"], box["attr_truncated"], box["attr_a_b_c"]) == (0.5, "ann", "1", "odd")
    assert boxes["broken"].bounding_box == [0, 0, 0, 0]  # its numbers cannot be drawn; it is there to be tagged


@pytest.mark.parametrize("place", ["x", "y", "w", "h"])
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, None])
def test_a_box_that_cannot_be_drawn_has_no_outline(place, odd):
    row = {"mask": None, "x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0, place: odd}
    assert views_labels._box(row, None, views_labels.Canvas(10, 10))["bounding_box"] == [0.0] * 4


def test_a_box_far_outside_stays_where_it_can_be_drawn():
    row = {"mask": None, "x": -5.0, "y": 2.0, "w": 1e300, "h": 4.0}
    assert views_labels._box(row, None, views_labels.Canvas(10, 10))["bounding_box"] == [-0.5, 0.2, 10.0, 0.4]


def test_a_mask_is_the_pixels_in_its_box(shown, built):
    mask = labels(sample(shown, "pictures", "shapes")["human_ann_object_box"])["mask"]
    assert np.allclose(mask.bounding_box, [0.1, 0.1, 0.15, 0.1])
    assert mask.mask.shape == (10, 30)
    assert not mask.mask[:5, :15].any()
    assert mask.mask[5:, :].all()
    assert mask.mask[:, 15:].all()


def test_polygons_and_turned_boxes_are_polylines(shown, built):
    lines = labels(sample(shown, "pictures", "shapes")["human_ann_object_polygon"])
    assert lines["polygon"].points == [[[0, 0], [1, 0], [0.5, 1]], [[0.05, 0.1], [0.1, 0.1], [0.1, 0.2]]]
    assert lines["polygon"].closed
    # 20 x 10 pixels at (100, 50), turned by 90 degrees about that corner: 10 to the left, 20 down
    assert np.allclose(lines["turned"].points, [[(0.5, 0.5), (0.5, 0.7), (0.45, 0.7), (0.45, 0.5)]])


def test_keypoints(shown, built):
    points = labels(sample(shown, "pictures", "shapes")["human_ann_object_keypoints"])["points"]
    assert points.points[0] == [0.1, 0.1]
    assert math.isnan(points.points[1][0])  # not labelled: never in the picture's corner
    assert points.points[2] == [1.0, 1.0]
    assert points["visible"] == [True, False, False]


def test_votes_values_and_models(shown, built):
    votes = sample(shown, "pictures", "votes")
    assert [votes[name].label for name in ("human_ann_kind", "human_bo_kind", "gold", "model_net_1")] == [
        "day",
        "night",
        "day",
        "day",
    ]
    assert votes["human_bo_kind"]["seconds"] == 2.5
    assert votes["model_net_1"].confidence == 0.9
    assert votes["human_ann_rating"].value == 4.5
    predicted = votes["prediction_net_2"]
    assert (predicted.label, predicted.confidence, predicted["top"]) == ("night", 0.75, ["night 0.75", "day 0.25"])


def test_many_annotators_share_a_field(shown, built):
    one = sample(shown, "crowd", "one")
    votes = labels(one["human_label"])
    assert len(votes) == 9
    assert votes["one-3"].label == "no"
    assert votes["one-3"]["annotator"] == "p3"
    assert labels(one["human_stars"])["v4"].label == "4"
    assert labels(one["human_stars"])["v4"]["value"] == 4.0
    assert "human_stars.classifications.value" in shown.dataset("crowd").get_field_schema(flat=True)


def test_spans_lie_on_the_letters(shown, built):
    letter = sample(shown, "texts", "letter")
    spans = labels(letter["human_ann_entity"])
    assert len(spans["s1"].points) == 1
    assert len(spans["s2"].points) == 2  # over the end of a line
    drawn = ink(letter.filepath, spans["s1"].points[0])
    assert drawn.min() < 60  # there are letters under it
    from PIL import Image

    with Image.open(letter.filepath) as image:
        assert image.size == (letter.metadata.width, letter.metadata.height)
    far = sample(shown, "texts", "long")
    assert labels(far["human_bo_entity"])["s4"].points == []  # beyond what the card shows; the label is there


def ink(path: str, ring: list[tuple[float, float]]) -> np.ndarray:
    """The pixels of a card within a ring."""
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    height, width = pixels.shape
    across, down = [x * width for x, _ in ring], [y * height for _, y in ring]
    return pixels[int(min(down)) : int(max(down)), int(min(across)) : int(max(across))]


def test_hostile_texts_become_cards(shown, built):
    hostile = next(one for one in shown.dataset("texts") if one.item_id.startswith("hostile"))
    assert Path(hostile.filepath).is_file()
    assert hostile.text.startswith("<script>")


def test_segments_of_a_recording_are_on_a_time_line(shown, built):
    sound = sample(shown, "texts", "sound")
    segments = labels(sound["human_ann_speaker"])
    left, _, width, _ = segments["t1"].bounding_box
    usable = 1 - 2 * cards.MARGIN / cards.WIDTH
    assert math.isclose(width, usable / 2, rel_tol=1e-6)
    left, _, width, _ = segments["t2"].bounding_box
    assert math.isclose(left + width, 1 - cards.MARGIN / cards.WIDTH)  # cut where the recording ends
    assert sound["human_ann_transcript"].label == "hello there"


def test_segments_of_a_video_are_moments(shown, built):
    assert shown.dataset("videos").media_type == "video"
    moments = labels(sample(shown, "videos", "film")["human"])
    assert moments["m1"].support == [1, 10]
    assert moments["m2"].support == [11, 20]
    assert sample(shown, "videos", "lost").filepath.endswith(".mp4")


def test_without_ffmpeg_videos_are_time_lines(shown, tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_plays", lambda: False)
    made = shown.build("unplayed", world.videos(tmp_path))
    assert made.notes == ("1 videos are shown as cards: FiftyOne plays videos only with ffmpeg in PATH",)
    assert shown.dataset("unplayed").media_type == "image"
    assert labels(sample(shown, "unplayed", "film")["human"])["m1"].bounding_box[2] > 0.4


def test_items_without_media_get_a_card(shown, built):
    lost = sample(shown, "pictures", "lost")
    assert Path(lost.filepath).is_file()
    assert str(shown.folder) in lost.filepath
    assert labels(lost["human_ann_object_box"])["blind"].bounding_box == [0, 0, 1, 1]
    assert Path(sample(shown, "texts", "nothing").filepath).is_file()
    scan = sample(shown, "pictures", "scan")
    assert scan.filepath.endswith(".png")  # browsers show no TIFF


def test_findings_are_tags_fields_and_views(shown, built):
    shapes = sample(shown, "pictures", "shapes")
    assert shapes.tags == [f"found:{world.BOX}", f"found:{world.SIZE}"]
    about = shapes.findings
    assert (about.severity, about.count, about.score, about.checks) == ("error", 2, 0.75, [world.BOX, world.SIZE])
    assert about.messages == ["first \\u202e", "second"]
    assert labels(shapes["human_ann_object_box"])["box"].tags == shapes.tags
    assert labels(shapes["human_ann_object_box"])["mask"].tags == []
    assert sample(shown, "pictures", "votes")["human_bo_kind"].tags == [f"found:{world.EMPTY}"]  # found by its annotation alone
    pictures = shown.dataset("pictures")
    assert pictures.list_saved_views() == ["all findings", world.BOX, world.SIZE, world.EMPTY]
    seen = {name: sorted(pictures.load_saved_view(name).values("item_id")) for name in pictures.list_saved_views()}
    # A pair is seen from both sides.
    assert seen == {
        "all findings": ["lost", "shapes", "votes"],
        world.BOX: ["shapes"],
        world.SIZE: ["lost", "shapes", "votes"],
        world.EMPTY: ["votes"],
    }
    assert pictures.get_saved_view_info(world.BOX)["description"] == world.TITLES[world.BOX]
    assert built["pictures"].checks == 3
    assert "1 findings are about no single item: the report has them" in built["pictures"].notes
    assert any("1 annotations are of a type" in note for note in built["pictures"].notes)


@pytest.mark.parametrize("name", ["pictures", "texts", "videos"])
def test_the_fast_way_in_stores_what_fiftyone_stores(shown, built, name, tmp_path, monkeypatch):
    """Every sample by both ways; what FiftyOne adds of its own is empty."""
    from auditor.engines import duckdb as engine

    fo = shown._fo
    material = getattr(world, name)(tmp_path)
    con = engine.connect(tmp_path)
    planned = samples.plan(con, material)
    made = list(samples.make(con, material, planned, tmp_path / "cards"))
    con.close()
    target = fo.Dataset(f"{name}-plain")
    target.media_type = "video" if planned.video else "image"
    dataset._declare(fo, target, planned)
    count, notes = insert.samples(fo, target, made, plainly=True)
    assert (count, notes) == (len(made), [])
    stored = {one["item_id"]: one for one in target._sample_collection.find()}
    for one in made:
        assert insert.covers(insert._document(fo, target, one), stored[one.values["item_id"]])
    fo.delete_dataset(f"{name}-plain")


def test_another_fiftyone_gets_its_samples_plainly(shown, tmp_path, monkeypatch):
    material = world.pictures(tmp_path)
    before = insert._document
    monkeypatch.setattr(insert, "_document", lambda *given: {**before(*given), "new_in_fiftyone_9": 1})
    made = shown.build("plain", material)
    assert made.samples == 4
    assert "added more slowly" in made.notes[-1]
    assert sample(shown, "plain", "shapes")["human_ann_object_box"].detections


def test_tags_of_people_come_back_and_stay(shown, tmp_path):
    first = world.pictures(tmp_path / "first")
    shown.build("tagged", first)
    shapes = sample(shown, "tagged", "shapes")
    shapes.tags.append("look, again")
    boxes = labels(shapes["human_ann_object_box"])
    boxes["box"].tags.append("wrong label")
    shapes.save()
    votes = sample(shown, "tagged", "votes")
    votes["human_bo_kind"].tags.append("ask Bo")
    votes.save()
    expected = [Tag("shapes", "", "look, again"), Tag("shapes", "box", "wrong label"), Tag("votes", "v2", "ask Bo")]
    assert list(shown.pull("tagged", tmp_path / "tags.csv")) == expected
    with (tmp_path / "tags.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["item_id", "annotation_id", "tag"],
            *([t.item_id, t.annotation_id, t.tag] for t in expected),
        ]
    # Built again they stay; those whose item is gone wait for it.
    other = world.texts(tmp_path / "other")
    away = shown.build("tagged", other)
    assert (away.kept_tags, sorted(away.lost_tags)) == (0, expected)
    assert list(shown.tags("tagged")) == expected
    back = shown.build("tagged", first)
    assert (back.kept_tags, back.lost_tags) == (3, ())
    assert sample(shown, "tagged", "shapes").tags == [f"found:{world.BOX}", f"found:{world.SIZE}", "look, again"]
    assert list(shown.tags("tagged")) == expected


def test_a_dataset_of_somebody_else_is_left_alone(shown, tmp_path):
    shown._fo.Dataset("theirs")
    with pytest.raises(AuditorError, match="not auditor's"):
        shown.build("theirs", world.crowd(tmp_path))
    assert "theirs" not in shown.names()
    shown._fo.delete_dataset("theirs")


@pytest.mark.parametrize(("name", "said"), [("###", "takes no dataset named"), ("Pictures", "are one to FiftyOne")])
def test_a_name_that_fiftyone_cannot_take(shown, built, name, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        shown.build(name, world.crowd(tmp_path))


def test_an_export_is_a_dataset_for_fiftyone(shown, built, tmp_path):
    assert shown.export("pictures", tmp_path / "out") == 4
    read = shown._fo.Dataset.from_dir(dataset_dir=str(tmp_path / "out"), dataset_type=shown._fo.types.FiftyOneDataset, name="read")
    assert sorted(read.values("item_id")) == ["lost", "scan", "shapes", "votes"]
    assert read.list_saved_views() == shown.dataset("pictures").list_saved_views()
    mask = labels(read.match({"item_id": "shapes"}).first()["human_ann_object_box"])["mask"]
    assert mask.mask.shape == (10, 30)
    assert all(Path(path).is_relative_to(tmp_path / "out") for path in read.values("filepath"))
    shown._fo.delete_dataset("read")
    with pytest.raises(UsageError, match="something here already"):
        shown.export("pictures", tmp_path / "out")


def test_what_the_policy_hides_is_not_in_the_database(shown, tmp_path):
    """Every value is a canary; the policy hides some of them; every document of the database is searched."""
    media = tmp_path / "media"
    world.picture(media / "CANARYURI.jpg")
    rows = {
        "item": [{"item_id": "i1", "media": "image", "uri": "CANARYURI.jpg", "text": "CANARYTEXT", "subject_id": "CANARYSUBJECT",
                  "split": "train", "attributes": {"ward": "CANARYWARD"}}],
        "annotation": [{"item_id": "i1", "annotation_id": "a1", "annotator_id": "Ada Canaryname", "type": "class", "label": "CANARYLABEL",
                        "source": "human", "reviewer_id": "Bo Canaryreviewer", "text": "CANARYREMARK", "attributes": {"mood": "CANARYMOOD"}}],
        "annotator": [{"annotator_id": "Ada Canaryname", "name": "CANARYNAME", "email": "CANARY@MAIL", "attributes": {"race": "CANARYRACE"}}],
    }  # fmt: skip
    tables = worlds.stage_tables(tmp_path / "tables", **rows)
    own = tmp_path / "fields.toml"
    own.write_text(
        '[item]\ntext = { sensitivity = "special", show = "no" }\nuri = { sensitivity = "special", show = "no" }\n'
        '[annotation]\ntext = { sensitivity = "special", show = "no" }\n'
    )
    from auditor import content

    rules = policy.load(content.folder("policies") / "fields.toml", own)
    (tmp_path / "open").mkdir()
    opened = policy.open_tables(tables, rules, b"k" * 32, stable=True, work=tmp_path / "open")
    from auditor.views.sources import _media

    media_file = _media(tables.media or Path("some"), opened.hidden)
    assert media_file is None
    shown.build("secret", views.Material(opened.tables.paths, media_file, world.findings(tmp_path, []), {}))
    database = shown._fo.core.odm.database.get_db_conn()
    everything = "".join(str(document) for name in database.list_collection_names() for document in database[name].find())
    assert "CANARYLABEL" in everything  # the search works
    for canary in ("CANARYURI", "CANARYTEXT", "CANARYSUBJECT", "CANARYWARD", "anaryname", "anaryreviewer", "CANARYREMARK", "CANARYMOOD",
                   "CANARYNAME", "CANARY@MAIL", "CANARYRACE"):  # fmt: skip
        assert canary not in everything, canary


def test_bccd(shown, shared_data, tmp_path):
    """The whole of a real dataset through the command's own way: boxes are where the source says."""
    from auditor.api import Request
    from auditor.stage import Source
    from auditor.views import sources

    made, _ = sources.of_request(shown, "bccd", Request((Source(shared_data / "bccd"),), tmp_path / "unused"), lambda *_: None)
    bccd = shown.dataset("bccd")
    assert (made.samples, bccd.count("human.detections")) == (364, 4888)
    assert set(bccd.distinct("human.detections.label")) == {"RBC", "WBC", "Platelets"}
    degenerate = bccd.load_saved_view("consistency/box_degenerate")
    tagged = degenerate.filter_labels("human", shown._fo.ViewField("tags").contains("found:consistency/box_degenerate"))
    assert all(0 in box[2:] for boxes in tagged.values("human.detections.bounding_box") for box in boxes)
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    "pattern", ["label_studio/data*.json", "coco_dataset/coco_instances", "coco_dataset/coco_person_keypoints"]
)
def test_format_fixtures_can_be_shown(shown, shared_data, pattern, tmp_path):
    """Files of real tools, as they are read: every annotation that has a kind is a label."""
    import duckdb

    from auditor import formats
    from auditor.stage import Source, Stage
    from auditor.views import fields

    for number, path in enumerate(sorted((shared_data / "format-fixtures").glob(pattern))):
        stage = Stage(duckdb.connect(), tmp_path / str(number))
        formats.read(Source(path), stage)
        (tmp_path / str(number)).mkdir()
        tables = stage.finish(tmp_path / str(number))
        made = shown.build(f"fixture {number}", views.Material(tables.paths, tables.media, None, {}))
        assert made.samples >= tables.rows["item"]
        query = f"SELECT count(*) FROM read_parquet([$file]) WHERE {fields.KIND} IS NOT NULL"
        expected = stage.con.execute(query, {"file": str(tables.paths["annotation"]), "video": False}).fetchall()[0][0]
        shown_labels = shown.dataset(f"fixture {number}")
        assert sum(shown_labels.count(f"{one}.annotation_id") for one in dataset._label_paths(shown_labels)) == expected


def test_two_folders_one_after_the_other(shown):
    """While this process has FiftyOne on one database, it cannot have another."""
    with pytest.raises(AuditorError, match="another database"):
        app.load("mongodb://127.0.0.1:1", shown.folder)


def test_help_does_not_import_fiftyone():
    script = "import sys; from auditor.cli import cli\ntry: cli(['view', '--help'])\nexcept SystemExit: pass\nassert not {'fiftyone', 'numpy', 'duckdb'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_fiftyone_is_imported_in_one_file(root):
    naming = [
        path.name
        for path in (root / "auditor").rglob("*.py")
        if any(
            line.split()[:2] in (["import", "fiftyone"], ["from", "fiftyone"])
            or line.strip().startswith(("import fiftyone", "from fiftyone"))
            for line in path.read_text().splitlines()
        )
    ]
    assert naming == ["app.py"]


def test_without_mongod_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(mongod.URI_VARIABLE, raising=False)
    done = CliRunner().invoke(cli, ["view", str(worlds.votes_csv(tmp_path / "votes.csv")), "--folder", str(tmp_path / "views")])
    assert done.exit_code == 3
    assert "auditor: error: no mongod was found" in done.stderr
    assert "label-auditor[views]" in done.stderr
    done = CliRunner().invoke(cli, ["view", "--mongod", __file__, "--folder", str(tmp_path / "views")])
    assert done.exit_code == 2


def test_a_mongod_that_fails_says_why(tmp_path):
    broken = tmp_path / "mongod"
    broken.write_text("#!/bin/sh\necho cannot open shared object >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(AuditorError, match="cannot open shared object"), mongod.running(tmp_path / "views", broken):
        pass


HOLD = "import sys, time; from pathlib import Path; from auditor.views import mongod\nwith mongod.running(Path(sys.argv[1])) as uri: print(uri, flush=True); time.sleep(60)"


def held(folder: Path) -> subprocess.Popen[str]:
    """A process that has the folder open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True, env={**os.environ, mongod.URI_VARIABLE: ""}
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("mongodb://")
    return process


def servers(folder: Path) -> list[int]:
    import psutil

    return [one.pid for one in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(one.info["cmdline"] or [])]


def gone(folder: Path, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while servers(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not servers(folder)


@pytest.fixture
def no_uri(monkeypatch):
    monkeypatch.delenv(mongod.URI_VARIABLE, raising=False)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_database_outlives_its_process(tmp_path, no_uri, number):
    folder = tmp_path / "views"
    process = held(folder)
    assert len(servers(folder / "db")) == 2  # the keeper and the database
    process.send_signal(number)
    process.wait()
    process.stdout.close()
    with mongod.running(folder) as uri:  # at once: a database that is still ending is waited for
        assert uri.startswith("mongodb://")
    assert gone(folder / "db")
    assert not (folder / "mongod.json").exists()


def test_no_database_outlives_its_killed_keeper(tmp_path, no_uri):
    folder = tmp_path / "views"
    process = held(folder)
    import json

    os.kill(json.loads((folder / "mongod.json").read_text())["keeper"], signal.SIGKILL)
    assert gone(folder / "db")
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_stale_pidfile_is_nobody(tmp_path, no_uri):
    folder = tmp_path / "views"
    (folder / "db").mkdir(parents=True)
    (folder / "mongod.pid").write_text(str(os.getpid()))
    (folder / "mongod.json").write_text('{"owner": 1, "socket": "/nowhere/auditor-x/mongod.sock"}')
    with mongod.running(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert gone(folder / "db")


def test_a_second_process_is_refused_or_shares(tmp_path, no_uri):
    folder = tmp_path / "views"
    process = held(folder)
    with pytest.raises(AuditorError, match=f"is open in process {process.pid}"), mongod.running(folder):
        pass
    with mongod.running(folder, share=True) as uri:
        assert uri.startswith("mongodb://")
    assert servers(folder / "db")  # not stopped by who only shared it
    process.terminate()
    process.wait()
    process.stdout.close()
    assert gone(folder / "db")


def test_the_database_listens_on_no_port(tmp_path, no_uri):
    import psutil

    folder = tmp_path / "views"
    with mongod.running(folder):
        for number in servers(folder / "db"):
            assert [one for one in psutil.Process(number).net_connections("inet") if one.status == "LISTEN"] == []


def test_a_database_of_the_user_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv(mongod.URI_VARIABLE, "mongodb://db.example:27017")
    with mongod.running(tmp_path / "views") as uri:
        assert uri == "mongodb://db.example:27017"
    assert not (tmp_path / "views").exists()


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({"host": "127.0.0.1:5151"}, True),
        ({"host": "localhost:5151", "origin": "http://localhost:5151", "sec-fetch-site": "same-origin"}, True),
        ({"host": "127.0.0.1:5151", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),  # a link in a report
        ({"host": "evil.example:5151"}, False),
        ({"host": "127.0.0.1:5151", "origin": "https://evil.example"}, False),
        ({"host": "127.0.0.1:5151", "origin": "null"}, False),
        ({"host": "127.0.0.1:5151", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),  # a picture in a page
        ({}, False),
    ],
)
def test_the_app_answers_its_own_pages_only(headers, answered):
    assert app.Guard(None, 5151).answers({name.encode(): value.encode() for name, value in headers.items()}) is answered


# Given to every Python process of a command, the app's server included: whom they ask.
LISTENER = """
import os, sys
def _note(event, arguments, log=os.environ["ASKED"]):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(log, "a") as stream: stream.write(f"{event} {arguments[-1] if event in ('socket.connect', 'socket.sendto') else arguments[0]}\\n")
sys.addaudithook(_note)
"""


def test_nobody_outside_is_asked(tmp_path, no_uri):
    """Build, export, serve and pull with a hook on every connection of every process."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(LISTENER)
    log = tmp_path / "asked"
    home = tmp_path / "home"
    home.mkdir()
    env = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path / 'hook'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "ASKED": str(log),
        "HOME": str(home),
    }
    env = {name: value for name, value in env.items() if not name.startswith("FIFTYONE_")}
    votes = report_world.hostile_csv(tmp_path / "votes.csv")
    command = [sys.executable, "-m", "auditor", "view", "--folder", str(tmp_path / "views")]
    subprocess.run(
        [*command, str(votes), "--export", str(tmp_path / "out")], check=True, env=env, capture_output=True, cwd=tmp_path
    )
    process = subprocess.Popen(
        [*command, "--no-open"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    url = process.stdout.readline().strip()
    assert url.endswith("/datasets/votes")
    import urllib.request

    with urllib.request.urlopen(url) as page:
        assert "default-src 'self'" in page.headers["content-security-policy"]
    odd = urllib.request.Request(url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="421"):
        urllib.request.urlopen(odd)
    pulled = subprocess.run(
        [*command, "--pull"], check=True, env=env, capture_output=True, text=True, cwd=tmp_path
    )  # while it is open
    assert "0 tags written to tags.csv" in pulled.stderr
    tried = urllib.request.Request(url, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
    with pytest.raises(urllib.error.HTTPError, match="421"):
        urllib.request.urlopen(tried)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert gone(tmp_path / "views")
    asked = set(log.read_text().splitlines())
    assert asked
    assert not [line for line in asked if not any(own in line for own in ("127.0.0.1", "localhost", "mongod.sock", "None"))]
    assert list(home.iterdir()) == []  # nothing is written into the user's home


def test_a_workspace_is_shown(shown, tmp_path, monkeypatch):
    """Its tables as the policy opens them, its findings as they are; before there are any, the error says what to do."""
    from auditor import pipeline, workspace
    from auditor.views import sources

    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "n")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "n@example.org")
    root = tmp_path / "space"
    votes = worlds.votes_csv(tmp_path / "votes.csv")
    for words in (["init", str(root)], ["import", str(votes), "--name", "crowd"]):
        assert CliRunner().invoke(cli, words, catch_exceptions=False).exit_code == 0
        monkeypatch.chdir(root)
    space = workspace.find()
    with pytest.raises(AuditorError, match="no findings yet"):
        sources.of_workspace(shown, "space", space, lambda *_: None)
    pipeline.run_checks(space, lambda *_: None)
    made, _ = sources.of_workspace(shown, "space", space, lambda *_: None)
    assert made.samples == 12
    assert len(shown.dataset("space").get_field_schema(embedded_doc_type=shown._fo.Classification)) == 3  # one a person
    # an old release is shown where it lies in DVC's cache
    for words in (["measure"], ["gate"], ["release", "v1"]):
        assert CliRunner().invoke(cli, words, catch_exceptions=False).exit_code == 0
    worlds.votes_csv(tmp_path / "votes.csv", items=5)
    assert CliRunner().invoke(cli, ["import", str(votes), "--name", "crowd"], catch_exceptions=False).exit_code == 0
    with pytest.raises(AuditorError, match="v1 has no findings yet"):
        sources.of_workspace(shown, "old", space, lambda *_: None, "v1")
    assert CliRunner().invoke(cli, ["check", "--at", "v1"], catch_exceptions=False).exit_code == 0
    assert sources.of_workspace(shown, "old", space, lambda *_: None, "v1")[0].samples == 12
