"""The door at import: what is sealed stands nowhere in clear, opens for exactly those who may, and stays the same when nothing changed."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from auditor import content, measure
from auditor.check import Binder
from auditor.errors import AccessError, InputError, UsageError
from auditor.protection import access, classify, grant, hpke, ledger, policy, protect, seal, unseal
from auditor.run import Session, concealed
from tests.seal_world import CANARIES, GENDER, KEY, NOW, ROWS, world
from tests.worlds import read, stage_tables

SEALED = (
    "annotation.created_at",
    "annotation.polygon",
    "annotation.value",
    GENDER,
    "annotator.attributes.race",
    "annotator.name",
    "item.text",
)


@pytest.fixture
def room(tmp_path):
    made = world(tmp_path)
    made.protect("dan")
    (made.root / "ledger" / "dan.jsonl").unlink(missing_ok=True)
    return made


def test_nothing_that_is_written_holds_a_canary(room):
    room.protect("dan")
    room.open("ada", GENDER)
    for path in room.root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for canary in CANARIES:
                assert canary.encode() not in data, path
    assert not list((room.root / "private").iterdir())
    assert {path.parent.name for path in room.root.rglob("*.tmp")} == set()


def test_with_raw_libraries_and_no_identity_nothing_is_readable(room):
    con = duckdb.connect()
    for path in (room.root / "tables").rglob("*.parquet"):
        said = str(con.execute(f"SELECT * FROM read_parquet(['{path}'])").fetchall()) + str(pq.read_table(path).to_pylist())
        metadata = pq.read_metadata(path)
        said += str(metadata.metadata)
        for group in range(metadata.num_row_groups):
            said += "".join(str(metadata.row_group(group).column(index).statistics) for index in range(metadata.num_columns))
        for canary in CANARIES:
            assert canary not in said
            assert canary.encode().hex() not in said
    con.close()


def test_the_tables_hold_null_and_the_cells_stand_beside_them(room):
    tables = room.root / "tables" / "d"
    people = {row["annotator_id"]: row for row in read(tables / "annotator.parquet")}
    assert {row["name"] for row in people.values()} == {None}
    assert people["w2"]["attributes"] is None
    assert dict(people["w1"]["attributes"])["zodiac"].startswith("~")
    cells = pq.read_table(tables / "annotator.sealed.parquet")
    assert cells.column_names == ["annotator_id", "name", "attributes.gender", "attributes.race"]
    assert cells["annotator_id"].to_pylist() == [row["annotator_id"] for row in read(tables / "annotator.parquet")]
    assert {len(cell) for cell in cells["attributes.gender"].to_pylist()} == {3 + 32 + 16}
    assert cells.schema.metadata[b"auditor.dataset"] == b"d"
    assert json.loads(cells.schema.metadata[b"auditor.epochs"]) == {"name": 1, "attributes.gender": 1, "attributes.race": 1}
    assert not (tables / "ontology.sealed.parquet").exists()


def test_two_runs_give_the_same_bytes(room):
    tables, grants = room.digests("tables"), room.digests("grants")
    again = room.protect("dan")
    assert room.digests("tables") == tables
    assert room.digests("grants") == grants
    assert not any("new key" in note for note in again.notes)
    assert len(ledger.verify(room.root / "ledger" / "dan.jsonl")) == len(SEALED)


def test_without_an_identity_a_new_epoch_begins_and_says_so(room):
    before = room.digests("tables")
    done = room.protect()
    assert sum("sealed under a new key (epoch 2)" in note for note in done.notes) == len(SEALED)
    assert room.digests("tables")["d/annotator.sealed.parquet"] != before["d/annotator.sealed.parquet"]
    assert [one["epoch"] for one in json.loads((room.root / "grants" / "d" / f"{GENDER}.json").read_text())["epochs"]] == [1, 2]
    assert {row["value"] for row in room.open("ada", GENDER)} == {"CANARY-F", None}


def test_an_unchanged_cell_keeps_its_bytes(room, tmp_path):
    before = read(room.root / "tables" / "d" / "annotator.sealed.parquet")
    rows = json.loads(json.dumps(ROWS["annotator"]))
    rows[1]["attributes"]["gender"] = "m"
    room.protect("dan", tables=stage_tables(tmp_path / "other", **{**ROWS, "annotator": rows}))
    after = read(room.root / "tables" / "d" / "annotator.sealed.parquet")
    changed = {
        (old["annotator_id"], column)
        for old, new in zip(before, after, strict=True)
        for column in old
        if old[column] != new[column]
    }
    assert changed == {("w2", "attributes.gender")}


def test_a_longer_value_widens_all_cells_of_its_column(room, tmp_path):
    rows = json.loads(json.dumps(ROWS["annotator"]))
    rows[1]["attributes"]["gender"] = "f" * 40
    room.protect("dan", tables=stage_tables(tmp_path / "other", **{**ROWS, "annotator": rows}))
    cells = pq.read_table(room.root / "tables" / "d" / "annotator.sealed.parquet")["attributes.gender"].to_pylist()
    assert {len(cell) for cell in cells} == {3 + 64 + 16}
    assert {row["value"] for row in room.open("ada", GENDER)} == {"CANARY-F", "f" * 40, None}


def test_who_is_taken_away_does_not_open_what_comes_after(room):
    ada = room.people["ada"]
    (room.root / "policies" / "recipients" / "ada.toml").unlink()
    done = room.protect("dan")
    assert sum("ada may not open it any more" in note for note in done.notes) == len(SEALED)
    for path in (room.root / "grants").rglob("*.json"):
        assert "ada" not in {wrap["recipient"] for one in json.loads(path.read_text())["epochs"] for wrap in one["wraps"]}
    assert raw_open(room, ada, GENDER) is None


def test_who_comes_gets_a_wrap_and_nothing_else_changes(room):
    tables, grants = room.digests("tables"), room.digests("grants")
    room.recipient("eve", role="compliance")
    room.protect("dan")
    assert room.digests("tables") == tables
    assert set(room.digests("grants")) == set(grants)
    assert raw_open(room, room.people["eve"], GENDER) is not None
    text = json.loads((room.root / "grants" / "d" / f"{GENDER}.json").read_text())
    assert [wrap["recipient"] for wrap in text["epochs"][0]["wraps"]] == ["ada", "dan", "eve"]


def test_sealing_to_nobody_is_an_error_that_says_what_to_do(tmp_path):
    made = world(tmp_path)
    (made.root / "policies" / "access.cedar").write_text("// nobody\n")
    with pytest.raises(InputError, match=r"nobody may open item.text: sealed, it would be lost") as caught:
        made.protect()
    assert "access.cedar" in caught.value.message
    assert "auditor identity new" in caught.value.hint
    assert not (made.root / "grants").exists()
    assert not [path for path in (made.root / "tables").rglob("*") if path.is_file()]


def test_sealing_needs_a_workspace(tmp_path):
    made = world(tmp_path)
    with pytest.raises(UsageError, match=r"item.text is to be sealed, which needs a workspace"):
        protect.protect(made.clear, made.fields, KEY, stable=True, folder=tmp_path / "out", work=tmp_path)


def test_without_sealed_fields_it_needs_nothing(tmp_path):
    clear = stage_tables(tmp_path / "clear", annotation=[{"item_id": "i", "annotator_id": "w1", "label": "x"}])
    rules = policy.load(content.folder("policies") / "fields.toml")
    done = protect.protect(clear, rules, KEY, stable=True, folder=tmp_path / "out", work=tmp_path)
    assert done.sealed == {}
    assert done.grants == ()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in clear.paths.values()}


# The role x column matrix, attacked with raw libraries only: what a thief of checkout, data and one identity can do.


def raw_open(room, thief, field, dataset="d"):
    """The clear values, by HPKE, HMAC and AES-GCM-SIV alone: every wrap in every grant is tried; None where none opens."""
    import hashlib
    import hmac

    def framed(*parts):
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)

    table, _, part = field.partition(".")
    cells = pq.read_table(room.root / "tables" / dataset / f"{table}.sealed.parquet")
    number = json.loads(cells.schema.metadata[b"auditor.epochs"])[part]
    keys = set()
    for path in (room.root / "grants").rglob("*.json"):
        content = json.loads(path.read_text())
        for epoch in content["epochs"]:
            for wrap in epoch["wraps"]:
                names = (epoch["kem"], wrap["recipient"], wrap["key_id"], wrap["policy"], wrap["not_after"] or "")
                info = framed(
                    b"label-auditor/grant/v1",
                    content["dataset"].encode(),
                    content["column"].encode(),
                    epoch["epoch"].to_bytes(2, "big"),
                )
                info += framed(*(name.encode() for name in names))
                key = hpke.unwrap(thief.kem, thief.hpke_key, base64.b64decode(wrap["wrapped"]), info)
                if key is not None:
                    keys.add(key)
    place = (dataset.encode(), field.encode(), number.to_bytes(2, "big"))
    for key in keys:
        box = AESGCMSIV(hmac.new(key, framed(b"label-auditor/cell-key/v1", *place), hashlib.sha256).digest())
        with contextlib.suppress(InvalidTag):
            values = []
            key_columns = [name for name in cells.column_names if name in {"annotator_id", "item_id", "annotation_id"}]
            for row in cells.to_pylist():
                own = framed(*(b"\1" + row[name].encode() for name in sorted(key_columns, reverse=True)))
                aad = framed(b"label-auditor/cell/v1", place[0], place[1], own, b"", place[2])
                values.append(box.decrypt(bytes(12), row[part][3:], aad))
            return values
    return None


def test_who_can_really_decrypt_is_who_the_policy_permits(room):
    allowed, can = set(), set()
    for field in SEALED:
        allowed |= {(one.recipient.name, field) for one in access.permitted(room.access, field, NOW, "d")}
        can |= {(name, field) for name, one in room.people.items() if raw_open(room, one, field) is not None}
    assert can == allowed
    assert len(allowed) == 7 * 2 + 3
    assert {field for name, field in allowed if name == "bob"} == {"annotation.polygon", "annotation.value", "item.text"}
    assert not any(name == "eve" for name, _ in can)


def test_every_field_comes_back_beside_its_key(room):
    assert room.open("ada", GENDER) == [
        {"annotator_id": "w1", "value": "CANARY-F"},
        {"annotator_id": "w2", "value": "CANARY-F"},
        {"annotator_id": "w3", "value": None},
    ]
    clear = {row["annotation_id"]: row for row in read(room.clear.paths["annotation"])}
    for column in ("value", "polygon", "created_at"):
        rows = room.open("ada", f"annotation.{column}")
        assert {row["annotation_id"]: row["value"] for row in rows} == {name: row[column] for name, row in clear.items()}
        assert {str(row["value"]) for row in rows} == {str(row[column]) for row in clear.values()}


def test_a_denied_opening_leaves_no_entry_and_names_no_value(room):
    for who, purpose in (("bob", "bias-audit"), ("eve", "quality-audit"), ("dan", "bias-audit")):
        with pytest.raises(AccessError):
            room.open(who, GENDER, purpose)
    assert not (room.root / "ledger").exists()
    with pytest.raises(UsageError, match=r"annotator.email is not sealed in d"):
        room.open("ada", "annotator.email")


def test_the_entry_is_there_before_the_key(room):
    """Where the ledger cannot be written nothing is opened."""
    (room.root / "ledger").write_text("in the way")
    with pytest.raises(Exception, match="the ledger cannot be written"):
        room.open("ada", GENDER)


def test_the_ledger_says_what_and_nothing_of_the_data(room):
    room.open("ada", GENDER)
    (entry,) = ledger.verify(room.root / "ledger" / "ada.jsonl")
    assert entry["policies"] == "compliance-audits-bias"
    assert (entry["action"], entry["dataset"], entry["field"], entry["purpose"], entry["epoch"]) == (
        "open",
        "d",
        GENDER,
        "bias-audit",
        1,
    )
    assert set(entry) == {"format", "prev", "at", "actor", "action", "dataset", "field", "epoch", "purpose", "policies", "key_id"}


def test_after_the_last_day_nothing_opens(room):
    with pytest.raises(AccessError, match="ended on 2027-06-30"):
        room.open("ada", GENDER, at=dt.datetime(2027, 7, 1, tzinfo=dt.UTC))


# An operator of the storage alters, swaps and moves.


def rewrite(path, change):
    table = pq.read_table(path)
    pq.write_table(change(table), path)


def swapped(table, left, right, column):
    cells = table[column].to_pylist()
    cells[left], cells[right] = cells[right], cells[left]
    return table.set_column(table.column_names.index(column), table.schema.field(column), pa.array(cells, pa.binary()))


MOVES = {
    "cells of two rows": (lambda t: swapped(t, 0, 1, "attributes.gender"), "row 0: the cell was altered, moved"),
    "two columns": (
        lambda t: (
            t.rename_columns(["annotator_id", "name", "attributes.race", "attributes.gender"])
            .select(t.column_names)
            .replace_schema_metadata(t.schema.metadata)
        ),
        "row 0: the cell was altered, moved",
    ),
    "another dataset's name": (
        lambda t: t.replace_schema_metadata({**t.schema.metadata, b"auditor.dataset": b"e"}),
        "holds cells of e",
    ),
    "another format": (lambda t: t.replace_schema_metadata({}), "unknown format None"),
    "another epoch": (
        lambda t: t.replace_schema_metadata({**t.schema.metadata, b"auditor.epochs": b'{"attributes.gender": 0}'}),
        "epoch noted is none",
    ),
    "no epoch": (lambda t: t.replace_schema_metadata({**t.schema.metadata, b"auditor.epochs": b"[]"}), "no epoch is noted"),
    "another id": (
        lambda t: t.set_column(0, "annotator_id", pa.array(["w9", "w2", "w3"])),
        "its rows are not those of annotator.parquet",
    ),
    "a row less": (lambda t: t.slice(0, 2), "its rows are not those of annotator.parquet"),
    "no rows": (lambda t: t.slice(0, 0), "has 0 rows, annotator.parquet has 3"),
    "texts, not cells": (
        lambda t: t.set_column(2, "attributes.gender", pa.array(["a", "b", "c"])).replace_schema_metadata(t.schema.metadata),
        "holds no cells",
    ),
}


@pytest.mark.parametrize(("change", "said"), MOVES.values(), ids=MOVES)
def test_what_was_moved_or_altered_is_refused(room, change, said):
    rewrite(room.root / "tables" / "d" / "annotator.sealed.parquet", change)
    with pytest.raises(InputError, match=said):
        room.open("ada", GENDER)


def test_another_datasets_cells_do_not_open(room):
    room.protect(dataset="e")
    shutil.copy(room.root / "tables" / "e" / "annotator.sealed.parquet", room.root / "tables" / "d" / "annotator.sealed.parquet")
    with pytest.raises(InputError, match="holds cells of e"):
        room.open("ada", GENDER)
    rewrite(
        room.root / "tables" / "d" / "annotator.sealed.parquet",
        lambda t: t.replace_schema_metadata({**t.schema.metadata, b"auditor.dataset": b"d"}),
    )
    with pytest.raises(InputError, match="row 0: the cell was altered, moved"):
        room.open("ada", GENDER)


def test_a_damaged_file_is_refused_and_never_read_differently(room):
    """Every 13th byte of a file of cells, one bit each: the rows come back as they were, or not at all."""
    file = room.root / "tables" / "d" / "annotator.sealed.parquet"
    data, want, refused = file.read_bytes(), room.open("ada", GENDER), 0
    opener = room.opener("ada")
    for at in range(0, len(data), 13):
        file.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        try:
            rows = unseal.open_field(opener, file.parent, "d", GENDER, "bias-audit", NOW).to_pylist()
        except (InputError, UsageError):
            refused += 1
        else:
            assert rows == want
    assert refused > len(data) / 13 / 3


def unprotected(room, who, purpose):
    work = room.root / "private" / who
    opened = protect.opened(room.root / "tables" / "d", room.fields)
    return unseal.unprotect(room.opener(who), opened.tables, "d", purpose, work, NOW)


def test_a_run_with_an_identity_sees_what_it_may_open(room):
    done = unprotected(room, "ada", "bias-audit")
    assert done.opened == SEALED
    assert done.hidden == {}
    assert (room.root / "private" / "ada").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (room.root / "private" / "ada").iterdir()) == [
        "annotation.parquet",
        "annotator.parquet",
        "item.parquet",
    ]
    for name in ("annotation", "item"):
        clear, back = read(room.clear.paths[name]), read(done.tables.paths[name])
        assert back == clear
    people = {row["annotator_id"]: row for row in read(done.tables.paths["annotator"])}
    assert people["w1"]["name"] == "CANARY-NAME"
    assert [key for key, _ in people["w1"]["attributes"]] == ["gender", "race", "zodiac"]
    assert dict(people["w1"]["attributes"])["gender"] == "CANARY-F"
    assert dict(people["w1"]["attributes"])["zodiac"].startswith("~")
    assert "attributes" in done.tables.present["annotator"]


def test_another_one_sees_less(room):
    done = unprotected(room, "bob", "quality-audit")
    assert done.opened == ("annotation.polygon", "annotation.value", "item.text")
    assert set(done.hidden) == set(SEALED) - set(done.opened)
    assert {row["created_at"] for row in read(done.tables.paths["annotation"])} == {None}
    assert unprotected(room, "eve", "quality-audit").opened == ()


def test_cells_of_other_rows_are_refused(room):
    path = room.root / "tables" / "d" / "annotator.parquet"
    pq.write_table(pq.read_table(path).slice(0, 2), path)
    with pytest.raises(InputError, match="rows"):
        unprotected(room, "ada", "bias-audit")


def session(room, tables, hidden, tmp_path):
    return Session(tables, tmp_path / "measures", tmp_path, Binder(measure.columns()), hidden=hidden)


def test_a_check_that_needs_a_sealed_field_says_so(tmp_path):
    rows = json.loads(json.dumps(ROWS["annotator"]))
    for row in rows:
        row["attributes"].pop("zodiac", None)
    made = world(tmp_path, {**ROWS, "annotator": rows})
    made.protect()
    opened = protect.opened(made.root / "tables" / "d", made.fields)
    asked = session(made, opened.tables, opened.hidden, tmp_path)
    lack = asked.lack({"annotator": frozenset({"attributes"})}, frozenset())
    assert lack.reason == "needs annotator.attributes.gender, annotator.attributes.race: sealed"
    assert lack.supply == "auditor open annotator.attributes.gender --purpose PURPOSE"
    lack = asked.lack({"item": frozenset({"text"})}, frozenset())
    assert lack.reason == "needs item.text: sealed"
    # What a measure needs one of (group_rate: annotator.attributes or item.attributes) is said the same way.
    assert concealed(opened.hidden, ("annotator.attributes", "item.attributes")).reason == (
        "needs annotator.attributes.gender, annotator.attributes.race: sealed"
    )
    assert asked.lack({"annotator": frozenset({"vendor"})}, frozenset()).reason == "no row has annotator.vendor"


def test_with_an_attribute_left_checks_run_on_it(room, tmp_path):
    opened = protect.opened(room.root / "tables" / "d", room.fields)
    assert set(opened.hidden) == {*SEALED, "annotator.email", "annotator.joined_at"}
    assert session(room, opened.tables, opened.hidden, tmp_path).lack({"annotator": frozenset({"attributes"})}, frozenset()) is None


def test_personal_ids_become_pseudonyms_and_cells_are_bound_to_those(tmp_path):
    rows = json.loads(json.dumps(ROWS, default=str).replace('"w1"', '"Ada Lovelace"'))
    made = world(
        tmp_path, {key: [{k: v for k, v in row.items() if k != "created_at"} for row in value] for key, value in rows.items()}
    )
    made.protect()
    ids = [row["annotator_id"] for row in read(made.root / "tables" / "d" / "annotator.sealed.parquet")]
    assert policy.pseudonym(KEY, "Ada Lovelace") in ids
    assert all(name.startswith("~") for name in ids)
    values = {row["annotator_id"]: row["value"] for row in made.open("ada", "annotator.name")}
    assert values[policy.pseudonym(KEY, "Ada Lovelace")] == "CANARY-NAME"
    assert not any(b"Lovelace" in path.read_bytes() for path in made.root.rglob("*") if path.is_file())


def test_names_of_attributes_that_need_care(tmp_path):
    odd = {"a'b": "CANARY-1", 'x"y.z/..': "CANARY-2", "å\n*?[": "CANARY-3"}
    rows = {**ROWS, "annotator": [{"annotator_id": "w1", "attributes": odd}, {"annotator_id": "w2"}]}
    made = world(tmp_path, rows)
    rules = [f"{classify.toml_key(name)} = {{ sensitivity = 'special', treatment = 'seal' }}" for name in odd]
    (made.root / "policies" / "fields.toml").write_text("[annotator.attributes]\n" + "\n".join(rules) + "\n", encoding="utf-8")
    made.protect()
    for name, value in odd.items():
        assert made.open("ada", f"annotator.attributes.{name}")[0]["value"] == value
    assert not any(value.encode() in path.read_bytes() for value in odd.values() for path in made.root.rglob("*") if path.is_file())


def test_many_rows(tmp_path):
    count = 130_000  # more than a row group
    made = world(tmp_path)
    file = tmp_path / "many"
    file.mkdir()
    from auditor.stage import Stage

    stage = Stage(duckdb.connect(), file)
    stage.begin("x.csv")
    stage.add(
        "item",
        f"SELECT 'i' || lpad(i::VARCHAR, 7, '0') AS item_id, CASE WHEN i % 3 > 0 THEN 'text ' || i END AS text FROM range({count}) t(i)",
    )
    tables = stage.finish(file)
    made.protect("dan", tables=tables)
    before = made.digests("tables")
    made.protect("dan", tables=tables)
    assert made.digests("tables") == before
    rows = made.open("ada", "item.text")
    assert len(rows) == count
    assert rows[-1] == {"item_id": f"i{count - 1:07}", "value": f"text {count - 1}" if (count - 1) % 3 else None}
    done = unprotected(made, "ada", "bias-audit")
    assert duckdb.sql(
        f"SELECT count(*) FROM (FROM '{done.tables.paths['item']}' EXCEPT FROM '{tables.paths['item']}')"
    ).fetchall() == [(0,)]


KILLED = """
import sys, datetime as dt
from pathlib import Path
from dataclasses import replace
from auditor import content
from auditor.protection import access, identity, policy, protect
from auditor.stage import Tables
from auditor.tables import TABLES, present_columns
import pyarrow.parquet as pq
root, clear, keys = map(Path, sys.argv[1:4])
fields = policy.load(content.folder("policies") / "fields.toml", root / "policies" / "fields.toml")
paths = {name: clear / f"{name}.parquet" for name in TABLES}
rows = {name: pq.read_metadata(path).num_rows for name, path in paths.items()}
tables = Tables(paths, rows, {name: present_columns(path) if rows[name] else frozenset() for name, path in paths.items()}, None, ())
sealing = protect.Sealing("d", access.load(root / "policies", fields), root / "grants", root / "grants", root / "ledger",
                          dt.datetime(2026, 12, 1, 12, tzinfo=dt.UTC), identity.load(keys / "dan.json"))
print("go", flush=True)
while True:
    protect.protect(tables, fields, b"k" * 32, stable=True, folder=root / "tables" / "d", work=root / "private", sealing=sealing)
"""


def test_killed_at_any_moment_nothing_is_half_written(tmp_path):
    made = world(tmp_path)
    made.protect("dan")
    want = made.digests("tables")
    for number in range(6):
        running = subprocess.Popen(
            [sys.executable, "-c", KILLED, made.root, tmp_path / "clear", tmp_path / "keys"], stdout=subprocess.PIPE, text=True
        )
        assert running.stdout.readline() == "go\n"
        time.sleep(0.02 + 0.09 * number)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
        # Left-overs are temporary files with a name of their own; what has a name is whole.
        found = {name: digest for name, digest in made.digests("tables").items() if not name.endswith(".tmp")}
        assert found == want
        assert {row["value"] for row in made.open("ada", GENDER)} == {"CANARY-F", None}
        if (made.root / "ledger" / "dan.jsonl").exists():
            ledger.verify(made.root / "ledger" / "dan.jsonl")
        for path in made.root.rglob("*.tmp"):
            assert not any(canary.encode() in path.read_bytes() for canary in CANARIES), path
            path.unlink()


def test_unclassified_attributes_are_listed_with_a_proposal(tmp_path):
    rows = {
        "annotation": [{"item_id": "i", "annotator_id": "w1", "label": "x", "attributes": {"blur": "1"}}],
        "annotator": [{"annotator_id": "w1", "attributes": {"gender": "f", "zodiac": "lion", "blood pressure / health": "low"}}],
        "item": [{"item_id": "i", "attributes": {"camera": "c", "patient_age": "7", "area": "1"}}],
    }
    clear = stage_tables(tmp_path / "clear", **rows)
    rules = policy.load(content.folder("policies") / "fields.toml")
    found = classify.unclassified(clear, rules, tmp_path)
    assert {one.field: one.sensitivity for one in found} == {
        "item.attributes.camera": "internal",
        "item.attributes.patient_age": "personal",
        "annotation.attributes.blur": "internal",
        "annotator.attributes.blood pressure / health": "special",
        "annotator.attributes.zodiac": "personal",
    }
    (tmp_path / "more.toml").write_text(classify.lines(found), encoding="utf-8")
    more = policy.load(content.folder("policies") / "fields.toml", tmp_path / "more.toml")
    assert classify.unclassified(clear, more, tmp_path) == ()


def test_a_proposal_survives_any_name(tmp_path):
    names = ['"', "\\", "\x00\x1f\x7f\x85", "\u202e", "a.b", "", "😀", "]", "x\ny = 1"]
    text = classify.lines(
        [classify.Proposal(f"annotator.attributes.{name}", "personal", f"{classify.toml_key(name)} = 1") for name in names]
    )
    import tomllib

    assert list(tomllib.loads(text)["annotator"]["attributes"]) == names


def test_the_newest_recipient_file_counts(room):
    """A shortened end is a new wrap; the key stays, since its holder may have it until then."""
    one = room.people["ada"].recipient(["compliance"])
    file = room.root / "policies" / "recipients" / "ada.toml"
    file.write_text(replace(one, until=dt.date(2026, 12, 31)).toml())
    room.protect("dan")
    with pytest.raises(AccessError, match="ended on 2026-12-31"):
        room.open("ada", GENDER, at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))


def edit(room, change, field=GENDER):
    file = room.root / "grants" / "d" / f"{field}.json"
    content = json.loads(file.read_text())
    change(content["epochs"][-1])
    file.write_text(json.dumps(content))


def newest(room, field=GENDER):
    return json.loads((room.root / "grants" / "d" / f"{field}.json").read_text())["epochs"][-1]


def test_a_key_that_an_insider_put_there_is_not_used(room):
    """HPKE says nothing of who wrapped: eve wraps a key that she knows to the importer, and waits for the next import."""
    known = bytes(32)
    place = seal.Place("d", GENDER, 1)
    made = grant.new_epoch(known, place, seal.Padding("one", 32), access.permitted(room.access, GENDER, NOW, "d"), "p" * 64)
    forged = json.loads(grant.sign(made, place, room.people["eve"]).model_dump_json())
    for maker in ("dan", "eve", ""):
        edit(room, lambda epoch, maker=maker: epoch.update(forged | {"maker": maker}))
        done = room.protect("dan")
        assert any(f"{GENDER} is sealed under a new key (epoch 2)" in note and "signed for" in note for note in done.notes)
        cell = pq.read_table(room.root / "tables" / "d" / "annotator.sealed.parquet")["attributes.gender"][0].as_py()
        aad = seal._ends(place, b"")
        with pytest.raises(InvalidTag):
            AESGCMSIV(seal.cell_key(known, place)).decrypt(
                bytes(12), cell[3:], aad[0] + seal.row_ids([pa.array(["w1"])])[0] + aad[1]
            )
        content = json.loads((room.root / "grants" / "d" / f"{GENDER}.json").read_text())
        content["epochs"] = content["epochs"][:1]
        (room.root / "grants" / "d" / f"{GENDER}.json").write_text(json.dumps(content))


def test_who_hides_their_wrap_before_they_leave_still_changes_the_key(room):
    """ada takes her own wrap out of the grant, so that nobody would see that she has the key."""
    edit(room, lambda epoch: epoch.update(wraps=[one for one in epoch["wraps"] if one["recipient"] != "ada"]))
    (room.root / "policies" / "recipients" / "ada.toml").unlink()
    room.protect("dan")
    assert newest(room)["epoch"] == 2
    assert raw_open(room, room.people["ada"], GENDER) is None


def test_a_first_import_without_an_identity_is_not_vouched_for(tmp_path):
    made = world(tmp_path)
    made.protect()
    assert (newest(made)["maker"], newest(made)["signature"]) == ("", "")
    made.protect("dan")
    assert (newest(made)["epoch"], newest(made)["maker"]) == (2, "dan")
    before = made.digests("tables")
    made.protect("dan")
    assert made.digests("tables") == before


def test_grants_of_columns_that_are_gone_lose_who_may_not_open_them(room, tmp_path):
    (room.root / "policies" / "recipients" / "ada.toml").unlink()
    without = {**ROWS, "annotator": [{"annotator_id": "w1", "attributes": {"gender": "f"}}]}
    room.protect("dan", tables=stage_tables(tmp_path / "other", **without))
    assert [one["recipient"] for one in newest(room, "annotator.attributes.race")["wraps"]] == ["dan"]
    assert newest(room, "annotator.attributes.race")["epoch"] == 1
