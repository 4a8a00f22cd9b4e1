"""Cells: bound to their place, of one look for equal and for missing values, the same from run to run, and back exactly."""

from __future__ import annotations

import hmac
import math
import struct
from collections import Counter
from pathlib import Path

import cryptography_vectors
import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import AuditorError, InputError
from auditor.protection import encoding, seal
from auditor.protection.framing import lp

KEY = bytes(range(32))
PLACE = seal.Place("d", "annotator.attributes.gender", 1)
ONE, BUCKETS = seal.Padding("one", 64), seal.Padding("buckets", 32)
VECTORS = Path(cryptography_vectors.__file__).parent
POINTS = pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64()), ("v", pa.int32())]))


def ids(*names):
    return seal.row_ids([pa.array(names, pa.string())])


def sealed(values, padding=ONE, rows=None, key=KEY, place=PLACE, **more):
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    return seal.seal(array, rows or ids(*(str(row) for row in range(len(array)))), key, place, padding, **more)


def test_gcm_siv_vectors():
    """RFC 8452, appendix C, for the key size that cells have."""
    count = 0
    for block in (VECTORS / "ciphers" / "AES" / "GCM-SIV" / "openssl.txt").read_text().split("#Cipher")[1:]:
        entry = {
            key.strip(): value.strip() for key, _, value in (line.partition("=") for line in block.splitlines()) if value.strip()
        }
        key = bytes.fromhex(entry.get("Key", ""))
        if len(key) != 32:
            continue
        text, aad = bytes.fromhex(entry.get("Plaintext", "")), bytes.fromhex(entry.get("AAD", ""))
        made = AESGCMSIV(key).encrypt(bytes.fromhex(entry["IV"]), text, aad)
        assert made.hex() == entry.get("Ciphertext", "") + entry["Tag"]
        count += 1
    assert count > 10


def test_the_bytes_of_the_format_stay():
    """A golden cell: data that was sealed once must open with every later version."""
    cell = sealed(["f"])[0].as_py()
    aad = b"".join(
        len(part).to_bytes(8, "big") + part
        for part in (
            b"label-auditor/cell/v1",
            b"d",
            b"annotator.attributes.gender",
            (2).to_bytes(8, "big") + b"\x010",
            b"",
            b"\0\1",
        )
    )
    assert cell[:3] == b"\1\0\1"
    assert AESGCMSIV(seal.cell_key(KEY, PLACE)).decrypt(bytes(12), cell[3:], aad) == (b"\1f\x80").ljust(64, b"\0")
    parts = (b"label-auditor/cell-key/v1", b"d", b"annotator.attributes.gender", b"\0\1")
    derived = hmac.new(KEY, b"".join(len(part).to_bytes(8, "big") + part for part in parts), "sha256").digest()
    assert seal.cell_key(KEY, PLACE) == derived
    narrow = sealed(["f"], seal.Padding("one", 32))[0].as_py()
    assert narrow.hex() == "0100015446fcf8c28265ecaa6ff4ed622141220229e736e15fafb7aab931f781ab5a6a22cf4684a97be6703081176a6ff1cb41"


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_framing_is_injective(left, right):
    assert (lp(*left) == lp(*right)) == (left == right)


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=6, unique=True))
def test_no_two_rows_share_an_id(keys):
    columns = [pa.array([key[index] for key in keys], pa.string()) for index in (0, 1)]
    assert len(set(seal.row_ids(columns))) == len(keys)


TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=80))


@given(st.lists(TEXTS, min_size=1, max_size=20), st.sampled_from(["one", "buckets"]))
def test_texts_come_back(values, kind):
    array = pa.array(values, pa.string())
    padding = seal.Padding(kind, 512)
    cells = sealed(array, padding)
    rows = ids(*(str(row) for row in range(len(values))))
    assert seal.unseal(cells, rows, KEY, PLACE, pa.string()).equals(array)
    assert cells.equals(sealed(array, padding))
    assert cells.null_count == 0


FLOATS = st.floats(width=64, allow_nan=True)
NESTED = st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), FLOATS), max_size=3)), max_size=3)
KINDS = [
    (pa.float64(), FLOATS),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.bool_(), st.booleans()),
    (pa.timestamp("us"), st.datetimes()),
    (pa.list_(pa.float32()), st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=4)),
    (pa.list_(pa.list_(pa.float64())), NESTED),
    (
        pa.list_(pa.string()),
        st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)), max_size=4),
    ),
    (
        POINTS,
        st.lists(
            st.one_of(
                st.none(),
                st.fixed_dictionaries(
                    {"x": FLOATS, "y": st.one_of(st.none(), FLOATS), "v": st.one_of(st.none(), st.integers(0, 2))}
                ),
            ),
            max_size=3,
        ),
    ),
]


@pytest.mark.parametrize(("type_", "values"), KINDS, ids=[str(kind) for kind, _ in KINDS])
def test_every_type_comes_back_bit_by_bit(type_, values):
    @given(st.lists(st.one_of(st.none(), values), max_size=8), st.integers(0, 3))
    def check(rows, start):
        array = pa.array(rows, type_)[start:]
        names = ids(*(str(row) for row in range(len(array))))
        cells = seal.seal(array, names, KEY, PLACE, seal.Padding("one", 16) if encoding.fixed_width(type_) else BUCKETS)
        back = seal.unseal(cells, names, KEY, PLACE, type_)
        back.validate(full=True)
        assert back.type == type_
        # Equality would take NaN for unequal and -0.0 for 0.0; the encoding has every bit.
        assert encoding.encode(back) == encoding.encode(array)
        assert back.is_null().to_pylist() == array.is_null().to_pylist()

    check()


def test_odd_floats_keep_their_bits():
    raw = [0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000, 1]
    array = pa.array([struct.unpack("<d", value.to_bytes(8, "little"))[0] for value in raw])
    back = seal.unseal(sealed(array, seal.Padding("one", 16)), ids("0", "1", "2", "3"), KEY, PLACE, pa.float64())
    assert back.view(pa.int64()).to_pylist() == array.view(pa.int64()).to_pylist()
    assert math.isnan(back[0].as_py())


def test_other_types_are_refused():
    with pytest.raises(AuditorError, match="cannot be sealed"):
        sealed(pa.array([1], pa.uint8()))


PLACES = st.builds(seal.Place, st.text(max_size=5), st.text(max_size=5), st.integers(1, 65535))


@given(PLACES, PLACES, st.text(max_size=4), st.text(max_size=4), st.binary(max_size=3), st.binary(max_size=3))
def test_a_cell_opens_in_its_place_alone(place, other, row, other_row, tag, other_tag):
    cells = sealed(["f"], place=place, rows=ids(row), subject_tag=tag)
    same = (place, row, tag) == (other, other_row, other_tag)
    try:
        opened = seal.unseal(cells, ids(other_row), KEY, other, pa.string(), subject_tag=other_tag).to_pylist()
    except InputError:
        assert not same
    else:
        assert same
        assert opened == ["f"]


@pytest.mark.parametrize(
    "change",
    [
        {"place": seal.Place("e", PLACE.column, 1)},
        {"place": seal.Place("d", "annotator.attributes.race", 1)},
        {"place": seal.Place("d", PLACE.column, 2)},
        {"rows": ids("1")},
        {"key": bytes(32)},
        {"subject_key": bytes(32)},
        {"subject_tag": b"s"},
        {"type_": pa.float64()},
    ],
    ids=["dataset", "column", "epoch", "row", "key", "subject key", "subject tag", "type"],
)
def test_any_change_of_place_key_or_type_fails(change):
    asked = {"rows": ids("0"), "key": KEY, "place": PLACE, "type_": pa.string()} | change
    with pytest.raises(InputError, match=r"row|place"):
        seal.unseal(sealed(["f"]), **asked)


def test_the_dataset_fails_also_where_only_the_aad_differs():
    """The key differs by place, too; the aad alone must do."""
    box = AESGCMSIV(seal.cell_key(KEY, PLACE))
    cell = sealed(["f"])[0].as_py()
    before, after = seal._ends(PLACE, b"")
    assert box.decrypt(bytes(12), cell[3:], before + ids("0")[0] + after)
    for place in (seal.Place("e", PLACE.column, 1), seal.Place("d", "x", 1), seal.Place("d", PLACE.column, 2)):
        before, after = seal._ends(place, b"")
        with pytest.raises(InvalidTag):
            box.decrypt(bytes(12), cell[3:], before + ids("0")[0] + after)


def test_every_flipped_byte_and_every_cut_is_refused():
    cell = sealed(["male"])[0].as_py()
    for at in range(len(cell)):
        for bad in (cell[:at] + bytes([cell[at] ^ 1]) + cell[at + 1 :], cell[:at]):
            with pytest.raises(InputError, match="row 0"):
                seal.unseal(pa.array([bad]), ids("0"), KEY, PLACE, pa.string())
    with pytest.raises(InputError, match="a sealed cell is missing"):
        seal.unseal(pa.array([None], pa.binary()), ids("0"), KEY, PLACE, pa.string())


def test_errors_name_the_row_and_the_reason():
    cells = sealed(["a", "b", "c"]).to_pylist()
    cells[1] = cells[2]
    with pytest.raises(InputError, match=r"d: annotator.attributes.gender: row 1: the cell was altered, moved"):
        seal.unseal(pa.array(cells), ids("0", "1", "2"), KEY, PLACE, pa.string())
    with pytest.raises(InputError, match="unknown version 9"):
        seal.unseal(pa.array([b"\x09" + cells[0][1:]]), ids("0"), KEY, PLACE, pa.string())
    with pytest.raises(InputError, match="a cell of epoch 7, where epoch 1 is expected"):
        seal.unseal(pa.array([b"\1\0\x07" + cells[0][3:]]), ids("0"), KEY, PLACE, pa.string())


def test_equal_values_look_different_and_unchanged_cells_the_same():
    before = sealed(["f", "f", None, None]).to_pylist()
    assert len({cell[3:] for cell in before}) == 4
    after = sealed(["f", "m", None, "f"]).to_pylist()
    assert [left == right for left, right in zip(before, after, strict=True)] == [True, False, True, False]


def test_lengths_show_as_buckets_only():
    one = sealed(["", "female", None, "x" * 50])
    assert len({len(cell.as_py()) for cell in one}) == 1
    texts = sealed(["", "x" * 10, "x" * 29, None, "x" * 31, "x" * 62, "x" * 63], BUCKETS)
    assert [len(cell.as_py()) - 19 for cell in texts] == [32, 32, 32, 32, 64, 64, 128]


def test_a_value_that_would_stand_out_is_refused():
    with pytest.raises(AuditorError, match="longer than the padding"):
        sealed(["x" * 63])
    assert seal.Padding("one", 64).fits([63])
    assert not seal.Padding("one", 64).fits([64])


def test_padding_is_chosen_by_what_a_column_holds():
    assert seal.choose_padding(pa.float64(), Counter(), 0) == seal.Padding("one", 16)
    assert seal.choose_padding(pa.string(), Counter({7: 50, 40: 1}), 2) == seal.Padding("one", 64)
    assert seal.choose_padding(pa.string(), Counter({7: 50, 900: 1}), 2) == seal.Padding("buckets", 32)
    assert seal.choose_padding(pa.string(), Counter({7: 50, 100: 90}), 257) == seal.Padding("buckets", 128)
    assert seal.choose_padding(pa.string(), Counter(), 0) == seal.Padding("one", 32)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), PLACES, PLACES)
def test_a_commitment_is_to_one_key_in_one_place(key, other, place, there):
    assert (seal.commitment(key, place) == seal.commitment(other, there)) == ((key, place) == (other, there))
