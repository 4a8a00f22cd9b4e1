"""The policy's door: what may not be shown is gone before a check, a measure or an output can meet it."""

from __future__ import annotations

import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor import content
from auditor.errors import InputError, UsageError
from auditor.protection import hide, policy
from auditor.stage import Stage
from auditor.tables import TABLES
from tests.worlds import read, stage_tables

NAMED = [
    "Ada Canary <ada@canary.org>", "Canary, Ada", "canary, ada", "ada_canary", "ada@canary", "Ada Canary 1", "ada canary2", "Ada Canary (QA)",
    "Maria [night]", "mailto:dee@finch.org x", " ada@canary.org", "cy@serinus.org;x", "Dr. Ada Canary", "ADA CANARY", "Worker: Ada Canary",
    "山田太郎", "Жанна", "deSouza, ana",
]  # fmt: skip
# Roles with a number or letter, codes, names of models: shown as they are, for the report would say less without need.
CODED = [
    "annotator_12", "team-a", "expert_1", "gold_standard", "A119EX2L", "yolo-nano", "GPT", "GPT-4", "QA", "Annotator B", "Worker 7",
    "majority_vote", "ground_truth", "data team", "team_blue", "QA team 2", "5f2a90c1de", "3e9a-11ec", "u_17", "adacanary", "rater.03",
]  # fmt: skip
FIELDS = content.folder("policies") / "fields.toml"
KEY = b"k" * 32
PEOPLE = {
    "annotation": [
        {"item_id": "i", "annotator_id": "ada@example.org", "label": "x", "session_id": "s1"},
        {"item_id": "i", "annotator_id": "w2", "label": "y", "reviewer_id": "ada@example.org"},
    ],
    "annotator": [
        {
            "annotator_id": "ada@example.org",
            "name": "CANARY-NAME",
            "email": "CANARY-MAIL",
            "attributes": {"gender": "CANARY-G", "zodiac": "CANARY-Z"},
        },
        {"annotator_id": "w2", "attributes": {"gender": "CANARY-G"}},
    ],
    "item": [{"item_id": "i", "subject_id": "CANARY-SUBJECT", "text": "hello"}],
}


def opened(tmp_path, *more, **tables):
    tmp_path.mkdir(exist_ok=True)
    clear = stage_tables(tmp_path / "clear", **(tables or PEOPLE))
    work = tmp_path / "open"
    work.mkdir()
    return clear, policy.open_tables(clear, policy.load(FIELDS, *more), KEY, stable=True, work=work)


def test_every_column_has_a_rule_and_every_rule_a_column():
    rules = policy.load(FIELDS).rules
    columns = {f"{name}.{column}" for name, table in TABLES.items() for column in table.columns if column != "attributes"}
    assert {name for name in rules if ".attributes." not in name} == columns


def test_nothing_personal_passes(tmp_path):
    _, door = opened(tmp_path)
    everything = b"".join(path.read_bytes() for path in door.tables.paths.values())
    rows = str([read(path) for path in door.tables.paths.values()])
    for canary in ("CANARY", "ada@example.org"):
        assert canary not in rows
        assert canary.encode() not in everything
    assert "hello" in rows


def test_equal_values_stay_equal(tmp_path):
    _, door = opened(tmp_path)
    annotations = read(door.tables.paths["annotation"])
    people = {row["annotator_id"]: dict(row["attributes"]) for row in read(door.tables.paths["annotator"])}
    assert {row["annotator_id"] for row in annotations} == set(people)
    assert len({row["gender"] for row in people.values()}) == 1
    (reviewer,) = {row["reviewer_id"] for row in annotations} - {None}
    assert reviewer == policy.pseudonym(KEY, "ada@example.org")
    assert reviewer in people


def test_the_output_says_what_is_used_and_not_shown(tmp_path):
    _, door = opened(tmp_path)
    assert any("annotator.gender, annotator.zodiac" in note for note in door.notes)
    assert door.hidden["annotator.name"].startswith("allow it in a --policy file")


def test_ids_that_do_not_look_like_people_stay(tmp_path):
    clear, door = opened(tmp_path, annotation=[{"item_id": "i", "annotator_id": "A119EX2L"}, {"item_id": "i", "annotator_id": "7"}])
    assert door.tables.paths == clear.paths
    assert door.notes == ()


def test_an_id_made_from_a_name_cannot_be_tried_out(tmp_path):
    clear, door = opened(tmp_path)
    assert not {row["annotation_id"] for row in read(clear.paths["annotation"])} & {
        row["annotation_id"] for row in read(door.tables.paths["annotation"])
    }


def test_a_workspace_may_allow_more_or_less(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        '[annotator.attributes]\ngender = { sensitivity = "special", show = "yes" }\n[item]\ntext = { sensitivity = "special", show = "no" }\n'
    )
    _, door = opened(tmp_path, own)
    assert {dict(row["attributes"]).get("gender") for row in read(door.tables.paths["annotator"])} == {"CANARY-G"}
    assert read(door.tables.paths["item"])[0]["text"] is None
    assert "item.text" in door.hidden
    assert "text" not in door.tables.present["item"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[itm]\n", "did you mean item"),
        ("[item]\ntxt = { sensitivity = 'public', show = 'yes' }\n", "did you mean text"),
        ("[item]\ntext = { sensitivity = 'secret', show = 'yes' }\n", "sensitivity"),
        ("[item]\ntext = 3\n", "item.text"),
        ("[item\n", "TOML"),
    ],
)
def test_a_policy_with_a_fault_is_refused_with_place_and_hint(tmp_path, text, said):
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(InputError) as caught:
        policy.load(FIELDS, own)
    assert said in caught.value.message + caught.value.hint


def test_a_short_key_is_refused(tmp_path):
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(UsageError, match="16 bytes"):
        policy.read_key(tmp_path / "key")


def test_without_a_key_pseudonyms_differ_from_run_to_run():
    assert policy.read_key(None)[0] != policy.read_key(None)[0]
    assert policy.read_key(None)[1] is False


@settings(deadline=None)
@given(
    st.text(max_size=30).filter(lambda text: "\0" not in text and not re.search("[\ud800-\udfff]", text)),
    st.binary(min_size=1, max_size=100),
)
def test_sql_and_python_make_the_same_pseudonym(value, key):
    con = duckdb.connect()
    for macro in hide.macros(key):
        con.execute(macro)
    assert con.execute("SELECT pseudonym(?)", [value]).fetchone() == (policy.pseudonym(key, value),)
    con.close()


@pytest.mark.parametrize(
    "text", ["Maria", "Jean-Luc Picard", "O'Brien", "Ágnes Kovács", "anna.schmidt", "x@y.zz", "Li Wei", *NAMED]
)
def test_people(text):
    assert policy.looks_personal(text)


@pytest.mark.parametrize(
    "text", ["a1", "ann-3", "worker_7", "A3GVKARKY0E0U9", "896", "gpt", "yolo-v8", "vendor_a", "", "model v2", *CODED]
)
def test_not_people(text):
    assert not policy.looks_personal(text)


def test_a_name_is_seen_whatever_kind_its_source_says_it_is(tmp_path):
    for number, more in enumerate(
        [
            {"annotator": [{"annotator_id": "Ada Canary", "kind": "vendor"}]},
            {"annotator": [{"annotator_id": "Ada Canary", "kind": "model"}]},
            {"annotation": [{"item_id": "i", "annotator_id": "Ada Canary", "label": "y", "source": "model"}]},
        ]
    ):
        made = [{"item_id": "i", "annotator_id": "Ada Canary", "label": "x", "source": "human"}]
        tables = {**more, "annotation": [*made, *more.get("annotation", [])]}
        _, door = opened(tmp_path / str(number), **tables)
        assert "Canary" not in str([read(path) for path in door.tables.paths.values()])


def test_a_model_is_no_person_unless_it_has_an_address(tmp_path):
    for number, (who, shown) in enumerate([("yolo nano", True), ("Big Detector", True), ("ada@canary", False)]):
        made = {"item_id": "i", "annotator_id": who, "label": "x", "source": "model"}
        _, door = opened(tmp_path / str(number), annotation=[made, made | {"annotator_id": "w7", "source": "human"}])
        assert ({row["annotator_id"] for row in read(door.tables.paths["annotation"])} == {who, "w7"}) is shown


def test_an_attribute_that_is_called_by_an_address_has_a_pseudonym_for_a_name(tmp_path):
    made = [{"item_id": "i", "annotator_id": "w7", "label": "x", "attributes": {"ada@canary.org": "yes", "pose": "left"}}]
    _, door = opened(tmp_path, annotation=made)
    (row,) = read(door.tables.paths["annotation"])
    assert dict(row["attributes"]) == {"pose": "left", policy.pseudonym(KEY, "ada@canary.org"): policy.pseudonym(KEY, "yes")}
    assert not [note for note in door.notes if "canary" in note]


def test_notes_of_an_import_hold_no_addresses(tmp_path):
    stage = Stage(duckdb.connect(), tmp_path)
    stage.note("guessed: annotation.ada@canary.org = ada@canary.org (differs within items), item.b")
    assert stage.notes == ["guessed: annotation.…@… = …@… (differs within items), item.b"]
