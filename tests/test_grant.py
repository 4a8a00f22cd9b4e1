"""Grants and the ledger: a wrap opens for one recipient, in one place, as it was written; what was opened stands in the ledger."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.errors import AccessError, AuditorError, InputError
from auditor.protection import grant, identity, ledger, seal
from auditor.protection.framing import base64_bytes, base64_text

TODAY = dt.date(2026, 12, 1)
PLACE = seal.Place("d", "annotator.attributes.gender", 1)
KEY = bytes(range(32))
POLICY = "a" * 64


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: identity.new(folder / f"{name}.json", name) for name in ("ada", "bob", "eve")}


def permitted(people, *names, until=None):
    return [grant.Permitted(people[name].recipient(["compliance"]), until) for name in names]


def made(people, *names, until=None, key=KEY):
    epoch = grant.new_epoch(key, PLACE, seal.Padding("one", 32), permitted(people, *names, until=until), POLICY)
    return grant.Grant(format=grant.FORMAT, dataset="d", column=PLACE.column, epochs=(epoch,))


def written(tmp_path, one):
    file = grant.path(tmp_path, one.dataset, one.column)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(one.text(), encoding="utf-8")
    return file


def opened(folder, who, today=TODAY, place=PLACE):
    epoch, wrap = grant.find(grant.read(folder, place.dataset, place.column), place, who, today)
    return grant.unwrap_key(epoch, wrap, place, who)


def test_there_and_back(tmp_path, people):
    one = made(people, "ada", "bob", until=TODAY)
    written(tmp_path, one)
    assert grant.read(tmp_path, "d", PLACE.column) == one
    assert opened(tmp_path, people["ada"]) == opened(tmp_path, people["bob"]) == KEY
    assert grant.read(tmp_path, "d", "annotator.name") is None


def test_who_has_no_grant_is_told_who_has(tmp_path, people):
    written(tmp_path, made(people, "ada", "bob"))
    with pytest.raises(AccessError, match=r"eve has no grant for annotator.attributes.gender") as caught:
        opened(tmp_path, people["eve"])
    assert "ada, bob" in caught.value.hint


def test_the_last_day_is_a_day_on_which_it_opens(tmp_path, people):
    written(tmp_path, made(people, "ada", until=TODAY))
    assert opened(tmp_path, people["ada"]) == KEY
    with pytest.raises(AccessError, match="ended on 2026-12-01"):
        opened(tmp_path, people["ada"], TODAY + dt.timedelta(days=1))


def test_another_key_of_the_same_name_is_told_so(tmp_path, people):
    written(tmp_path, made(people, "ada"))
    again = identity.new(tmp_path / "keys" / "ada.json", "ada")
    with pytest.raises(AccessError, match="is for another key of ada"):
        opened(tmp_path, again)


def test_another_epoch_has_no_grant(tmp_path, people):
    written(tmp_path, made(people, "ada"))
    with pytest.raises(AccessError, match=r"no grant for .* epoch 2"):
        opened(tmp_path, people["ada"], place=replace(PLACE, epoch=2))


def edit(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def wrap_of(content, name="ada"):
    return next(one for one in content["epochs"][0]["wraps"] if one["recipient"] == name)


ALTERED = {
    "a later last day": lambda c: wrap_of(c).update(not_after="2099-01-01"),
    "no last day": lambda c: wrap_of(c).update(not_after=None),
    "another policy": lambda c: wrap_of(c).update(policy="b" * 64),
    "somebody else's wrap": lambda c: wrap_of(c).update(wrapped=wrap_of(c, "bob")["wrapped"]),
    "a flipped bit": lambda c: wrap_of(c).update(
        wrapped=base64_text(bytes([base64_bytes(wrap_of(c)["wrapped"])[0] ^ 1]) + base64_bytes(wrap_of(c)["wrapped"])[1:])
    ),
    "a wrap cut off": lambda c: wrap_of(c).update(wrapped=wrap_of(c)["wrapped"][:40]),
    "an empty wrap": lambda c: wrap_of(c).update(wrapped=""),
    "another kind of key": lambda c: c["epochs"][0].update(kem="X25519"),
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_an_altered_grant_does_not_open(tmp_path, people, change):
    file = written(tmp_path, made(people, "ada", "bob", until=TODAY))
    edit(file, change)
    with pytest.raises(InputError, match="the grant was altered: its key does not unwrap"):
        opened(tmp_path, people["ada"])


def test_a_stolen_wrap_under_ones_own_name_does_not_open(tmp_path, people):
    file = written(tmp_path, made(people, "ada"))
    edit(file, lambda c: wrap_of(c).update(recipient="eve", key_id=people["eve"].key_id))
    with pytest.raises(InputError, match="does not unwrap"):
        opened(tmp_path, people["eve"])


def test_a_key_that_is_not_committed_to_is_refused(tmp_path, people):
    """Base mode says nothing of who wrapped: an insider can wrap a key of their own, but not to the commitment that is there."""
    file = written(tmp_path, made(people, "ada"))
    other = made(people, "ada", key=bytes(32))
    edit(file, lambda c: wrap_of(c).update(wrapped=other.epochs[0].wraps[0].wrapped))
    with pytest.raises(InputError, match="not the one that the grant commits to"):
        opened(tmp_path, people["ada"])


def test_a_grant_of_another_column_is_refused(tmp_path, people):
    file = written(tmp_path, made(people, "ada"))
    there = grant.path(tmp_path, "d", "annotator.name")
    there.write_text(file.read_text())
    with pytest.raises(InputError, match=r"is the grant of annotator.attributes.gender of d"):
        grant.read(tmp_path, "d", "annotator.name")
    edit(there, lambda c: c.update(column="annotator.name"))
    with pytest.raises(InputError, match="does not unwrap"):
        opened(tmp_path, people["ada"], place=replace(PLACE, column="annotator.name"))


MALFORMED = {
    "no JSON": ("{", "is not a grant"),
    "a list": ("[]", "unknown format None"),
    "a newer format": ('{"format": "label-auditor/grant/v2"}', "unknown format 'label-auditor/grant/v2'"),
    "a key twice": ('{"format": "label-auditor/grant/v1", "format": "label-auditor/grant/v1"}', "a key stands twice"),
    "no epochs": (
        '{"format": "label-auditor/grant/v1", "dataset": "d", "column": "annotator.attributes.gender", "epochs": []}',
        "no epoch",
    ),
    "more than there is": (
        '{"format": "label-auditor/grant/v1", "dataset": "d", "column": "c", "epochs": [], "admin": 1}',
        "admin",
    ),
    "not text": (b"\xff\xfe", "is not a grant"),
    "nested": ("[" * 100_000, "is not a grant"),
}


@pytest.mark.parametrize(("text", "said"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_grant_says_what_is_wrong(tmp_path, text, said):
    file = grant.path(tmp_path, "d", PLACE.column)
    file.parent.mkdir(parents=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=said) as caught:
        grant.read(tmp_path, "d", PLACE.column)
    assert "gender.json" in caught.value.message


def test_a_recipient_twice_or_an_epoch_twice_is_refused(tmp_path, people):
    file = written(tmp_path, made(people, "ada"))
    edit(file, lambda c: c["epochs"][0]["wraps"].append(c["epochs"][0]["wraps"][0]))
    with pytest.raises(InputError, match="twice"):
        grant.read(tmp_path, "d", PLACE.column)
    file = written(tmp_path, made(people, "ada"))
    edit(file, lambda c: c["epochs"].append(c["epochs"][0]))
    with pytest.raises(InputError, match="twice"):
        grant.read(tmp_path, "d", PLACE.column)


def test_wraps_that_stay_keep_their_bytes(people):
    epoch = made(people, "ada", "bob").epochs[0]
    same = grant.update(epoch, PLACE, permitted(people, "bob", "ada"), "b" * 64, KEY)
    assert same == epoch
    more = grant.update(epoch, PLACE, permitted(people, "ada", "bob", "eve"), POLICY, KEY)
    assert more.wraps[:2] == epoch.wraps
    assert [one.recipient for one in more.wraps] == ["ada", "bob", "eve"]
    assert grant.update(epoch, PLACE, permitted(people, "ada", "eve"), POLICY, None).wraps == epoch.wraps[:1]
    assert grant.revoked(epoch, permitted(people, "ada", "eve")) == ("bob",)


@pytest.mark.parametrize(
    "column", ["annotator.attributes.../../x", "a" * 300, "annotator.attributes./etc/passwd", "annotator.attributes.å b\n\0"]
)
def test_names_from_data_lead_nowhere_else(tmp_path, column):
    file = grant.path(tmp_path, "../d", column)
    assert file.parent.parent == tmp_path
    assert len(file.name) < 255
    assert ".." not in {file.name, file.parent.name}
    assert not file.parent.name.startswith(".")


ENTRY = {"action": "open", "dataset": "d", "field": "f", "purpose": "p"}
AT = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def test_the_ledger_is_a_chain(tmp_path):
    for number in range(3):
        ledger.append(tmp_path, "ada", AT, ENTRY | {"epoch": number})
    entries = ledger.verify(tmp_path / "ada.jsonl")
    assert [one["epoch"] for one in entries] == [0, 1, 2]
    assert entries[0]["prev"] == ledger.FIRST
    assert {one["actor"] for one in entries} == {"ada"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [lines[0].replace(b'"open"', b'"peek"'), *lines[1:]], "line 2"),
        (lambda lines: [lines[0], lines[2]], "line 2"),
        (lambda lines: [lines[1], lines[0], lines[2]], "line 1"),
        (lambda lines: lines[1:], "line 1"),
        (lambda lines: [lines[0], b"junk\n", *lines[1:]], "line 2"),
    ],
    ids=["edited", "one gone", "reordered", "the first gone", "one more"],
)
def test_a_changed_ledger_shows(tmp_path, change, said):
    for number in range(3):
        ledger.append(tmp_path, "ada", AT, ENTRY | {"epoch": number})
    file = tmp_path / "ada.jsonl"
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InputError, match=said):
        ledger.verify(file)


def test_an_entry_that_a_crash_cut_off_is_none(tmp_path):
    """Its key was not released; the chain goes on from the last whole line, wherever it was cut."""
    ledger.append(tmp_path, "ada", AT, ENTRY)
    ledger.append(tmp_path, "ada", AT, ENTRY)
    whole = (tmp_path / "ada.jsonl").read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole), 7):
        (tmp_path / "ada.jsonl").write_bytes(whole[:cut])
        assert len(ledger.verify(tmp_path / "ada.jsonl")) == 1
        ledger.append(tmp_path, "ada", AT, ENTRY)
        assert len(ledger.verify(tmp_path / "ada.jsonl")) == 2


def test_writers_do_not_get_into_each_others_way(tmp_path):
    script = (
        "import sys, datetime as dt; from pathlib import Path; from auditor.protection import ledger\n"
        "for n in range(40): ledger.append(Path(sys.argv[1]), 'ada', dt.datetime.now(dt.UTC), {'who': sys.argv[2], 'n': n})"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(number)]) for number in range(3)]
    assert [one.wait() for one in running] == [0, 0, 0]
    entries = ledger.verify(tmp_path / "ada.jsonl")
    assert len(entries) == 120
    assert [one["n"] for one in entries if one["who"] == "1"] == list(range(40))


def test_a_ledger_that_cannot_be_written_stops_everything(tmp_path):
    (tmp_path / "ledger").write_text("a file, where the folder should be")
    with pytest.raises(AuditorError, match="the ledger cannot be written") as caught:
        ledger.append(tmp_path / "ledger", "ada", AT, ENTRY)
    assert "nothing was opened" in caught.value.hint


def test_a_full_disk_is_an_error(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "ada.jsonl").symlink_to("/dev/full")
    with pytest.raises(AuditorError, match="No space left"):
        ledger.append(tmp_path, "ada", AT, ENTRY)
