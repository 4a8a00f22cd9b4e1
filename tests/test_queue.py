"""What to look at first: ActiveLab as in cleanlab, the order, the files for other tools; the fewest items until the gate passes."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleanlab import multiannotator
from cleanlab.internal.multiannotator_utils import find_best_temp_scaler, temp_scale_pred_probs
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditor import api, passing, queue, repair, results, review, settings
from auditor.cli import cli
from auditor.errors import AuditorError, UsageError
from auditor.outputs import queue as out
from auditor.queue import Queue, Row
from auditor.stage import Source
from tests import report_world as world
from tests.review_world import votes
from tests.workspace_world import audited, run


def invoke(*words, code=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


# ---- ActiveLab


@pytest.mark.filterwarnings("ignore")  # cleanlab's own, on small data
@pytest.mark.parametrize("single", [False, True])
def test_activelab_is_that_of_cleanlab(single):
    rng = np.random.default_rng(5)
    n, people, classes = 300, 6, 4
    true = np.arange(n) % classes
    labels = np.where(rng.random((n, people)) < 0.8, true[:, None], rng.integers(0, classes, (n, people))).astype(float)
    labels[rng.random((n, people)) < 0.4] = np.nan
    labels[np.isnan(labels).all(axis=1), 0] = 0.0
    if single:
        first = np.argmax(~np.isnan(labels), axis=1)
        labels = np.where(np.arange(people) == first[:, None], labels, np.nan)
        labels = labels[:, ~np.isnan(labels).all(axis=0)]
    probs = rng.dirichlet(np.ones(classes), n) * 0.5
    probs[np.arange(n), true] += 0.5
    theirs, _ = multiannotator.get_active_learning_scores(labels, probs.copy())
    if single:
        given_label = labels[~np.isnan(labels)].astype(int)
        ours = queue.activelab(probs[np.arange(n), given_label], 1.0, 1.0, 1.0, classes)
    else:
        scaled = temp_scale_pred_probs(probs, find_best_temp_scaler(labels, probs))
        info = multiannotator.get_label_quality_multiannotator(
            labels, scaled, return_annotator_stats=False, return_detailed_quality=False, return_weights=True, verbose=False
        )
        weight = info["annotator_weight"]
        ours = queue.activelab(
            info["label_quality"]["consensus_quality_score"].to_numpy(),
            (~np.isnan(labels) * weight).sum(axis=1),
            info["model_weight"],
            weight.mean(),
            classes,
        )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@given(st.floats(0, 1), st.integers(1, 30), st.integers(2, 50))
def test_more_votes_for_a_label_make_it_surer_and_no_vote_says_nothing(quality, many, classes):
    fewer, more = queue.activelab(np.array([quality, quality]), np.array([many, many + 1.0]), 0, 1, classes)
    assert abs(more - quality) <= abs(fewer - quality) + 1e-12
    assert queue.activelab(np.array([quality]), np.zeros(1), 0, 1, classes)[0] == pytest.approx(1 / classes)


def test_the_sql_is_the_function(tmp_path):
    with results.opened(request(votes(tmp_path / "v.csv", items=30)), None, quiet) as of:
        made = queue.rank(of)
        shares = dict(of.con.execute("SELECT item_id, probability FROM consensus").fetchall())
    assert len(made.rows) == 30
    for row in made.rows:
        assert 1 - row.wrong == pytest.approx(
            float(queue.activelab(np.array([shares[row.item_id]]), row.votes, 0, 1, 3)[0]), abs=1e-12
        )


# ---- the order


def quiet(*_said):
    return None


def request(path, out=None, *, predictions=None, media=None, **more):
    source = Source(path, predictions=predictions, media=media)
    return api.Request((source,), out or path.parent / "out", as_of=world.AS_OF, media=media, **more)


def test_divided_items_come_first_and_time_counts(tmp_path):
    rows = ["item_id,annotator_id,task,label,seconds"]
    for nth in range(12):
        for who in range(5):
            split = nth == 7 and who < 2
            rows.append(f"i{nth},p{who},quick,{'a' if split else 'b' if nth % 2 else 'a'},2")
            rows.append(f"i{nth},p{who},slow,{'y' if nth == 3 and who < 2 else 'x'},60")
    source = tmp_path / "v.csv"
    source.write_text("\n".join(rows) + "\n")
    with results.opened(request(source), None, quiet) as of:
        made = queue.rank(of)
    first = made.rows[0]
    assert (first.item_id, first.task, first.given, first.votes) == ("i7", "quick", "b", 5)
    slow = next(row for row in made.rows if (row.item_id, row.task) == ("i3", "slow"))
    assert (slow.seconds, first.seconds) == (60, 2)
    assert [one.per_minute for one in (slow, first)] == pytest.approx([slow.gain, first.gain * 30])
    assert first.entropy == pytest.approx(0.9709505944546686)
    assert [row.per_minute for row in made.rows] == sorted((row.per_minute for row in made.rows), reverse=True)
    assert made.total == 24


def test_numbers_on_which_people_differ_come_first(tmp_path):
    source = tmp_path / "v.csv"
    rows = [f"i{n},p{p},{(1 + 4 * (p % 2)) if n == 5 else 1 + n % 5}" for n in range(30) for p in range(6)]
    source.write_text("item_id,annotator_id,value\n" + "\n".join(rows) + "\n")
    with results.opened(request(source), None, quiet) as of:
        made = queue.rank(of)
        (wrong,), (other,) = of.con.execute("SELECT 1 - score FROM unit ORDER BY score LIMIT 2").fetchall()
    first = made.rows[0]
    assert (first.item_id, first.given, first.votes) == ("i5", "3", 6)
    # Six answers of which half are 1 and half 5, a pooled deviation of 0.4: t = 0.5 / (s / sqrt(6)) on 9 degrees of freedom.
    spread = ((5 * 4.8 + 4 * 0.4**2) / 9) ** 0.5
    assert wrong == pytest.approx(2 * stats.t.sf(0.5 / (spread / 6**0.5), 9), rel=1e-6)
    assert other < wrong / 3
    assert not any("majority" in note for note in made.notes)


def test_objects_on_which_people_differ_come_first(tmp_path):
    source = tmp_path / "v.csv"
    rows = [
        f"d{n},p{p},{start + 1000 * (n == 4 and p == 1 and start == 0)},{start + 1000 * (n == 4 and p == 1 and start == 0) + 9},a"
        for n in range(8)
        for p in range(2)
        for start in (0, 20)
    ]
    source.write_text("item_id,annotator_id,start_char,end_char,label\n" + "\n".join(rows) + "\n")
    with results.opened(request(source), None, quiet) as of:
        made = queue.rank(of)
    assert (made.rows[0].item_id, made.rows[0].wrong, made.rows[0].votes) == ("d4", 0.5, 2)
    assert {row.item_id for row in made.rows if row.why == "consensus"} == {"d4"}


def test_transcripts_on_which_people_differ_come_first(tmp_path):
    source = tmp_path / "v.csv"
    said = {True: ("one two three four", "one two three four", "five six seven eight"), False: ("a b c d",) * 3}
    rows = [f"t{n},p{p},{said[n == 3][p]}" for n in range(8) for p in range(3)]
    source.write_text("item_id,annotator_id,transcript\n" + "\n".join(rows) + "\n")
    with results.opened(request(source), None, quiet) as of:
        made = queue.rank(of)
    assert (made.rows[0].item_id, made.rows[0].votes) == ("t3", 3)
    assert {row.item_id for row in made.rows if row.why == "consensus"} == {"t3"}
    assert any("transcripts are ranked by" in note for note in made.notes)


def test_settings_that_would_do_nothing_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    _, stderr = invoke("queue", "--audit", tmp_path / "a", "--classes", __file__, code=2)
    assert "--classes says how SOURCE is read" in stderr


def test_what_is_lacking_is_said(tmp_path):
    source = tmp_path / "v.csv"
    source.write_text("item_id,annotator_id,label\n" + "".join(f"i{n},p{n % 3},{'ab'[n % 2]}\n" for n in range(9)))
    with results.opened(request(source), None, quiet) as of:
        made = queue.rank(of)
    assert {row.per_minute for row in made.rows} == {None}
    told = " | ".join(made.notes)
    assert "no times are known" in told
    assert "no annotator can be compared" in told
    assert "no model judges labels" in told


def test_a_model_judges_items_with_one_vote(tmp_path):
    n, classes = 60, 3
    rng = np.random.default_rng(1)
    given_label = np.arange(n) % classes
    probs = np.full((n, classes), 0.1)
    probs[np.arange(n), given_label] = 0.8
    probs[5] = [0.9, 0.05, 0.05]  # item 5 is labelled 2
    np.save(tmp_path / "probs.npy", probs.astype(np.float32) + rng.random((n, classes)).astype(np.float32) * 1e-3)
    np.save(tmp_path / "labels.npy", given_label)
    with results.opened(request(tmp_path / "labels.npy", predictions=tmp_path / "probs.npy"), None, quiet) as of:
        made = queue.rank(of)
        first = made.rows[0]
        assert of.view("label_quality")
        quality = of.con.execute("SELECT score FROM label_quality WHERE item_id = '5'").fetchall()[0][0]
    assert (first.item_id, first.given, first.suggested, first.why) == ("5", "2", "0", "model")
    assert 1 - first.wrong == pytest.approx((2 * quality + 1 / classes) / 3, abs=1e-12)
    assert [row.suggested for row in made.rows].count("") == n - 1
    assert made.total == n


@pytest.mark.parametrize("model", [False, True])
def test_the_consensus_is_taken_where_there_is_one(boxes, model):
    done, *_ = boxes
    rows = {"item_id": ["i1", "i1", "i2", "i2"], "task": ["label"] * 4, "label": ["a", "b", "b", None], "probability": [0.9, 0.6, 0.7, None],
            "method": ["ds", "majority", "ds", "ds"], "votes": [4, 4, 3, 3]}  # fmt: skip
    if model:
        rows |= {"crowdlab": ["a", None, "a", None], "crowdlab_probability": [0.8, None, 0.5, None]}
    table = pa.table(rows)
    with results.opened(None, done.out, quiet) as of:
        pq.write_table(table, done.out.parent / "consensus.parquet")
        pq.write_table(pa.table({"task": ["label"] * 2, "label": ["a", "b"]}), done.out.parent / "class_balance.parquet")
        kept = {name: done.out.parent / f"{name}.parquet" for name in ("consensus", "class_balance")}
        made = queue.rank(dataclasses.replace(of, kept=kept))
    by_item = {row.item_id: row for row in made.rows if row.why == "consensus"}
    assert (by_item["i1"].given, by_item["i2"].given) == (("a", "a") if model else ("a", "b"))
    expected = ((0.8 * 5 + 0.5) / 6, (0.5 * 4 + 0.5) / 5) if model else ((0.9 * 4 + 0.5) / 5, (0.7 * 3 + 0.5) / 4)
    assert [1 - by_item[one].wrong for one in ("i1", "i2")] == pytest.approx(list(expected))
    assert any(note.startswith("consensus by ds") for note in made.notes)


# ---- findings and what people said of them


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("queue")
    checks = world.checks(folder / "checks")
    labels, media = world.boxes(folder, images=4, each=3)
    done = world.audit(labels, folder / "audit", checks, media=media)
    return done, labels, media, checks


def test_findings_count_as_often_as_their_check_is_right(boxes):
    done, *_ = boxes
    by_check = {}
    for row in done.findings.to_pylist():
        by_check.setdefault(row["check_id"], []).append(row)
    loud, quiet_ones = by_check["stress/boxes"], by_check["stress/labels"]
    said = [review.Review(row["finding_id"], row["check_id"], "no", "ada", "2026", "cli") for row in loud[:6]]
    said += [review.Review(row["finding_id"], row["check_id"], "yes", "ada", "2026", "cli") for row in quiet_ones[:2]]
    with results.opened(None, done.out, quiet) as of:
        made = queue.rank(dataclasses.replace(of, reviews=tuple(said)))
    by_id = {row.annotation_id: row for row in made.rows}
    called = {one.finding for one in said}
    judged = {row["annotation_id"] for row in (*loud, *quiet_ones) if row["finding_id"] in called}
    sure = quiet_ones[0]["annotation_id"]
    other = next(row["annotation_id"] for row in loud if row["annotation_id"] not in judged)
    assert by_id[sure].wrong == 1.0  # somebody says so
    assert by_id[other].wrong == pytest.approx(2.5 / 3)  # the better of its two checks
    assert by_id[other].checks == ("stress/boxes", "stress/labels")
    assert by_id[other].why == "findings"
    assert by_id[loud[0]["annotation_id"]].findings == 1  # what is called no fault is no reason to look


# ---- files


ROWS = Queue(
    (
        Row("=1+1", "a1", "label", "+cat", "dog", 0.75, 0.6, 30.0, 1.2, 4, 1.5, "consensus", 2, ("f/c", "f/d")),
        Row("i2", "", "", "", "", 0.5, 0.5, None, None, None, None, "findings", 1, ("f/c",)),
        Row("", "a9", "", "", "", 0.5, 0.5, None, None, None, None, "findings", 1, ("f/c",)),
    ),
    3,
)


def test_a_sheet_runs_nothing():
    text = out.csv_text(ROWS)
    assert text.startswith("\ufeffrank,item_id,")
    first, second, _ = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (first["item_id"], first["given"], first["gain_per_minute"]) == ("'=1+1", "'+cat", "1.2")
    assert (second["seconds"], second["votes"], second["checks"]) == ("", "", "f/c")


def test_tasks_for_label_studio():
    body = json.loads(out.label_studio(ROWS, {"i2": {"media": "audio", "uri": "a.wav", "text": None}, "=1+1": {"text": "<b>"}}))
    assert [task["data"] for task in body] == [{"item_id": "=1+1", "text": "<b>"}, {"item_id": "i2", "audio": "a.wav"}]
    assert body[0]["meta"]["auditor"][0]["checks"] == "f/c f/d"
    assert "predictions" not in body[0]


def test_a_manifest_for_cvat():
    items = {
        "=1+1": {"media": "image", "uri": "folder/a.b.jpg", "width": 4, "height": 3},
        "i2": {"media": "audio", "uri": "a.wav", "width": None, "height": None},
    }
    manifest, jobs, lost = out.cvat(ROWS, items)
    assert manifest.splitlines() == [
        '{"version":"1.1"}',
        '{"type":"images"}',
        '{"name":"folder/a.b","extension":".jpg","width":4,"height":3,"meta":{"auditor":{"item_id":"=1+1","rank":1,"annotations":["a1"]}}}',
    ]
    assert json.loads(jobs) == {"job_file_mapping": [["folder/a.b.jpg"]]}
    assert lost == 1


def test_a_table_on_the_terminal():
    assert out.text(ROWS, 100).splitlines() == [
        "   item  annotation  task   label  rather  wrong  gain/min  gain  votes  found  why",
        "1  =1+1  a1          label  +cat   dog      0.75      1.20            4      2  f/c, f/d",
        "2  i2                                       0.50            0.50             1  f/c",
        "3        a9                                 0.50            0.50             1  f/c",
    ]
    hostile = Queue((dataclasses.replace(ROWS.rows[0], item_id="a\x1b[31m\u202e" + "x" * 200),), 1)
    text = out.text(hostile, 80)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) <= 80
    many = Queue(tuple(dataclasses.replace(ROWS.rows[1], item_id=f"i{n}") for n in range(50)), 50)
    assert len(out.text(many).splitlines()) == 21
    assert out.text(Queue((), 0)) == "nothing to look at"


def test_a_transcript(boxes, tmp_path):
    done, labels, media, checks = boxes
    stdout, stderr = invoke("queue", "--audit", done.out)
    assert stdout.splitlines()[0].split() == ["item", "annotation", "label", "wrong", "gain", "found", "why"]
    assert len(stdout.splitlines()) == 13
    assert "nobody judged findings yet" in stderr
    invoke("queue", "--audit", done.out, "--out", tmp_path / "q.csv", "--limit", "5")
    assert len((tmp_path / "q.csv").read_text(encoding="utf-8-sig").splitlines()) == 6
    _, stderr = invoke("queue", labels, "--media", media, "--checks", checks, "--as", "cvat", "--out", tmp_path / "manifest.jsonl")
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines()
    assert {json.loads(line)["extension"] for line in lines[2:]} == {".jpg"}
    assert len(json.loads((tmp_path / "jobs.json").read_text())["job_file_mapping"][0]) == 4
    invoke("queue", labels, "--media", media, "--checks", checks, "--as", "label-studio", "--out", tmp_path / "tasks.json")
    assert all(task["data"]["image"].endswith(".jpg") for task in json.loads((tmp_path / "tasks.json").read_text()))
    invoke("queue", "--audit", done.out, "--as", "cvat", "--out", tmp_path / "x", code=2)
    invoke("queue", "--audit", done.out, "--as", "cvat", code=2)
    invoke("queue", labels, "--audit", done.out, code=2)


def test_what_the_policy_hides_stays(boxes, tmp_path):
    _, labels, media, checks = boxes
    (tmp_path / "fields.toml").write_text('[item]\nuri = { sensitivity = "internal", show = "no" }\n')
    words = ("queue", labels, "--media", media, "--checks", checks, "--policy", tmp_path / "fields.toml")
    invoke(*words, "--as", "label-studio", "--out", tmp_path / "tasks.json")
    assert all(set(task["data"]) == {"item_id"} for task in json.loads((tmp_path / "tasks.json").read_text()))
    _, stderr = invoke(*words, "--as", "cvat", "--out", tmp_path / "manifest.jsonl")
    assert "4 items have no picture that may be shown" in stderr


def test_a_public_audit_tells_its_pseudonyms_only(tmp_path):
    done = world.audit(
        world.secret_csv(tmp_path / "v.csv"), tmp_path / "audit", world.checks(tmp_path / "checks"), audience="public"
    )
    stdout, stderr = invoke("queue", "--audit", done.out)
    assert "CANARY" not in stdout + stderr


# ---- the fewest items until the gate passes


def brute(counts, need):
    for size in range(len(counts) + 1):
        for chosen in itertools.combinations(range(len(counts)), size):
            if (counts[list(chosen)].sum(axis=0) >= need).all():
                return size
    return None


SMALL = st.integers(1, 8).flatmap(
    lambda n: st.integers(1, 3).flatmap(
        lambda c: st.tuples(
            st.lists(st.lists(st.integers(0, 3), min_size=c, max_size=c), min_size=n, max_size=n),
            st.lists(st.integers(0, 6), min_size=c, max_size=c),
        )
    )
)


@given(SMALL)
def test_it_is_the_smallest_set_and_none_of_it_can_be_spared(world_of):
    counts, need = np.array(world_of[0]), np.array(world_of[1])
    smallest = brute(counts, need)
    exact, greedy = repair.fewest(counts, need), repair.fewest(counts, need, exact=False)
    if smallest is None:
        assert exact is None
        assert greedy is None
        return
    assert len(exact.chosen) == smallest
    assert exact.exact
    for cover in (exact, greedy):
        assert (counts[cover.chosen].sum(axis=0) >= need).all()
        assert cover.least <= smallest <= len(cover.chosen) <= smallest * cover.bound + 1e-9
        for spared in range(len(cover.chosen)):
            assert not (counts[np.delete(cover.chosen, spared)].sum(axis=0) >= need).all()


def test_what_later_choices_made_needless_is_spared_again():
    counts = np.array([[0, 3, 2], [0, 3, 1], [0, 0, 1], [1, 2, 1], [3, 1, 2], [0, 0, 0], [0, 1, 0], [1, 1, 2]])
    # Taken greedily it is row 0 first; what the others bring does without it.
    assert repair.fewest(counts, np.array([5, 3, 4]), exact=False).chosen.tolist() == [3, 4, 7]


def test_many_items_are_few_kinds():
    counts = np.tile(np.array([[1, 0], [0, 1], [1, 1]]), (200_000, 1))
    found = repair.fewest(counts, np.array([100_000, 150_000]))
    assert (len(found.chosen), found.exact) == (150_000, True)


def test_too_many_kinds_are_chosen_greedily_with_a_bound(monkeypatch):
    monkeypatch.setattr(repair, "MAX_KINDS", 3)
    rng = np.random.default_rng(0)
    counts, need = rng.integers(0, 5, (60, 4)), np.array([40, 30, 50, 20])
    found = repair.fewest(counts, need)
    assert not found.exact or found.bound == 1
    monkeypatch.setattr(repair, "MAX_KINDS", 3_000)
    best = repair.fewest(counts, need)
    assert found.least <= len(best.chosen) <= len(found.chosen) <= found.bound * len(best.chosen)


CONFIG = """
[gate]
fail_on = "info"
[checks."stress/labels"]
tolerance = {labels}
[checks."stress/boxes"]
tolerance = "{boxes}%"
where = {{ column = "score", op = ">", value = 0.04 }}
"""


@pytest.mark.parametrize(("labels_ok", "boxes_ok"), [(3, 0), (8, 50), (11, 10), (0, 0)])
def test_the_set_makes_the_gate_pass_and_one_less_does_not(boxes, tmp_path, labels_ok, boxes_ok):
    _, labels, media, checks = boxes
    (tmp_path / "auditor.toml").write_text(CONFIG.format(labels=labels_ok, boxes=boxes_ok))
    chosen = settings.load(tmp_path / "auditor.toml")
    asked = request(labels, tmp_path / "out", checks=checks, only=("stress",), settings=chosen, media=media)
    with results.opened(asked, None, quiet) as of:
        assert passing._decide(of, []).result == "failed"
        made = passing.until_pass(of)
        things = [(row.item_id, row.annotation_id) for row in made.rows]
        assert things
        assert passing._decide(of, things).result == "passed"
        for nth in range(len(things)):
            assert passing._decide(of, things[:nth] + things[nth + 1 :]).result == "failed"
        items = [(row[0], "") for row in of.con.execute("SELECT DISTINCT item_id FROM finding").fetchall()]
        for smaller in itertools.combinations(items, len(things) - 1):
            assert passing._decide(of, list(smaller)).result == "failed"
    assert "no smaller set does it" in made.notes[0]


def test_waivers_are_not_repaired_twice(boxes, tmp_path):
    done, labels, media, checks = boxes
    ids = [row["finding_id"] for row in done.findings.to_pylist() if row["check_id"] == "stress/labels"]
    waived = "".join(f'[[waiver]]\nfinding = "{one}"\nowner = "a"\nreason = "b"\nuntil = 2099-01-01\n' for one in ids[:-1])
    (tmp_path / "auditor.toml").write_text(f'[checks."stress/boxes"]\nenabled = false\n{waived}')
    stdout, stderr = invoke(
        "queue", labels, "--media", media, "--checks", checks, "--config", tmp_path / "auditor.toml", "--until-pass"
    )
    assert len(stdout.splitlines()) == 2, stdout
    assert "1 item with 1 finding of 1 failing check, 1 of which must go: no smaller set does it" in stderr


def test_what_no_item_mends_is_said(tmp_path):
    (tmp_path / "auditor.toml").write_text('[gate]\nfail_on = "warning"\n')
    source = votes(tmp_path / "v.csv")
    _, stderr = invoke("queue", source, "--config", tmp_path / "auditor.toml", "--until-pass", code=3)
    assert "relabelling items does not make the gate pass: too many findings of bias/annotator_confusion" in stderr
    (tmp_path / "auditor.toml").write_text('[gate]\nrequire = ["consistency/split_leak"]\n')
    _, stderr = invoke("queue", source, "--config", tmp_path / "auditor.toml", "--until-pass", code=3)
    assert "the gate's answer is incomplete" in stderr
    stdout, stderr = invoke("queue", source, "--until-pass")
    assert stdout == "nothing to look at\n"
    assert "the gate passes already" in stderr


# ---- a workspace


def test_in_a_workspace(space, tmp_path):
    with pytest.raises((AuditorError, UsageError)), results.opened(None, tmp_path / "nothing", quiet):
        pass
    assert "run dvc pull in a fresh clone" in run(space, "queue", code=3)
    audited(space)
    said = run(space, "queue", "--limit", "3")
    assert "i0" in said
    assert "consensus by" in said
    run(space, "queue", "--as", "label-studio", "--out", str(tmp_path / "tasks.json"))
    assert json.loads((tmp_path / "tasks.json").read_text())[0]["data"]["item_id"].startswith("i0")
    (space / "auditor.toml").write_text('dataset = "pets"\n[checks."bias/class_imbalance"]\nenabled = false\n')
    assert "the findings are of another state" in run(space, "queue", code=3)
