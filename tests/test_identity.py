"""Identities and recipients: private files that are only their holder's, public ones that say whose they are."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from auditor.errors import AccessError, AuditorError, InputError, UsageError
from auditor.protection import hpke, identity, recipient
from auditor.protection.framing import base64_bytes, base64_text

VECTORS = Path(cryptography_vectors.__file__).parent


def test_there_and_back(tmp_path):
    made = identity.new(tmp_path / "deep" / "ada.json", "ada", passphrase=b"correct horse")
    assert identity.load(tmp_path / "deep" / "ada.json", b"correct horse") == made
    assert (tmp_path / "deep" / "ada.json").stat().st_mode & 0o777 == 0o600
    assert made.kem == "MLKEM768_X25519"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["ada.json"]


def test_the_umask_does_not_matter(tmp_path):
    old = os.umask(0)
    try:
        identity.new(tmp_path / "ada.json", "ada")
    finally:
        os.umask(old)
    assert (tmp_path / "ada.json").stat().st_mode & 0o777 == 0o600


def test_a_sealed_file_holds_no_key_in_clear(tmp_path):
    made = identity.new(tmp_path / "ada.json", "ada", passphrase=b"correct horse")
    data = (tmp_path / "ada.json").read_bytes()
    for secret in (made.hpke_key, made.seed, made.hpke_key[:64], made.hpke_key[64:]):
        assert base64_text(secret)[:40].encode() not in data
        assert secret not in data
    assert "seed" not in repr(made)


def test_nothing_is_overwritten(tmp_path):
    identity.new(tmp_path / "ada.json", "ada")
    before = (tmp_path / "ada.json").read_bytes()
    with pytest.raises(UsageError, match="there is an identity already"):
        identity.new(tmp_path / "ada.json", "ada")
    assert (tmp_path / "ada.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_others_may_not_read_it(tmp_path):
    identity.new(tmp_path / "ada.json", "ada")
    (tmp_path / "ada.json").chmod(0o640)
    with pytest.raises(AccessError, match=r"others can read this identity \(mode 0640\)") as caught:
        identity.load(tmp_path / "ada.json")
    assert caught.value.exit_code == 5


def test_passphrases(tmp_path):
    identity.new(tmp_path / "ada.json", "ada", passphrase=b"right")
    with pytest.raises(AccessError, match="wrong passphrase"):
        identity.load(tmp_path / "ada.json", b"wrong")
    with pytest.raises(AccessError, match="sealed by a passphrase"):
        identity.load(tmp_path / "ada.json")
    with pytest.raises(UsageError, match="passphrase is empty"):
        identity.new(tmp_path / "bob.json", "bob", passphrase=b"")


def changed(path, **values):
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"format": "label-auditor/identity/v2"}, AuditorError, "an identity of the unknown version v2"),
        ({"format": "something"}, InputError, "is not an identity"),
        ({"format": None}, InputError, "is not an identity"),
        ({"secret": None}, InputError, "is not a whole identity"),
        ({"secret": "AAAA"}, InputError, "is not a whole identity"),
        ({"secret": "no base64!"}, InputError, "is not a whole identity"),
        ({"kem": "RSA"}, InputError, "is not a whole identity"),
        ({"kind": "god"}, InputError, "is not a whole identity"),
        ({"key_id": "0" * 32}, InputError, "do not belong together"),
        ({"hpke": "AAAA"}, InputError, "do not belong together"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path, change, kind, said):
    identity.new(tmp_path / "ada.json", "ada")
    changed(tmp_path / "ada.json", **change)
    with pytest.raises(kind, match=said) as caught:
        identity.load(tmp_path / "ada.json")
    assert caught.value.hint


def test_a_file_cut_off_anywhere_is_no_identity(tmp_path):
    identity.new(tmp_path / "ada.json", "ada")
    data = (tmp_path / "ada.json").read_bytes()
    for length in range(0, len(data) - 2, 97):
        (tmp_path / "ada.json").write_bytes(data[:length])
        with pytest.raises(InputError, match="is not a"):
            identity.load(tmp_path / "ada.json")


def test_what_stands_in_clear_beside_a_sealed_key_cannot_be_exchanged(tmp_path):
    identity.new(tmp_path / "ada.json", "ada", passphrase=b"right")
    changed(tmp_path / "ada.json", name="eve")
    with pytest.raises(AccessError, match="wrong passphrase, or the file was altered"):
        identity.load(tmp_path / "ada.json", b"right")


def test_a_missing_file_is_denied_with_a_hint(tmp_path):
    with pytest.raises(AccessError) as caught:
        identity.load(tmp_path / "none.json")
    assert "auditor identity new" in caught.value.hint


@pytest.mark.parametrize("name", ["", "Ada", "../x", "a/b", ".hidden", "a" * 65, "a\n", "å"])
def test_names_that_cannot_be(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be the name"):
        identity.new(tmp_path / "ada.json", name)


def publish(folder, name, kem=None, **more):
    made = identity.new(folder.parent / f"{name}.json", name, kem=kem)
    folder.mkdir(exist_ok=True)
    one = made.recipient(["qa_lead"], dt.date(2027, 1, 31))
    (folder / f"{name}.toml").write_text(one.toml(), encoding="utf-8")
    return one


def test_recipients_there_and_back(tmp_path):
    ones = [publish(tmp_path / "recipients", name) for name in ("ada", "bob")]
    assert list(recipient.read_recipients(tmp_path / "recipients").values()) == ones
    assert recipient.read_recipients(tmp_path / "none") == {}


def test_kinds_of_keys_are_never_mixed(tmp_path):
    publish(tmp_path / "recipients", "ada")
    publish(tmp_path / "recipients", "bob", kem="X25519")
    with pytest.raises(InputError, match=r"bob.toml: kem: X25519, while ada has MLKEM768_X25519"):
        recipient.read_recipients(tmp_path / "recipients")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "ada"', 'name = "eve"', "the recipient is called eve"),
        ('name = "ada"', 'name = "Ada"', "cannot be the name"),
        ('"qa_lead"', '"QA lead"', "cannot be a role"),
        ('kind = "person"', 'kind = "god"', "kind"),
        ("until = 2027-01-31", "until = 'soon'", "until"),
        ("until = 2027-01-31", "til = 2027-01-31", "til"),
        ('hpke = "', 'hpke = "AAAA', "wrong length"),
        ('key_id = "', 'key_id = "0', "does not belong to the keys"),
        ('kem = "MLKEM768_X25519"', "kem = [", "is not a recipient"),
    ],
)
def test_a_bad_recipient_says_where(tmp_path, old, new, said):
    publish(tmp_path / "recipients", "ada")
    file = tmp_path / "recipients" / "ada.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=said) as caught:
        recipient.read_recipients(tmp_path / "recipients")
    assert "ada.toml" in caught.value.message


def test_an_exchanged_key_shows(tmp_path):
    publish(tmp_path / "recipients", "ada")
    other = publish(tmp_path / "others", "eve")
    file = tmp_path / "recipients" / "ada.toml"
    lines = [
        f'hpke = "{base64_text(other.hpke_key)}"' if line.startswith("hpke") else line for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(lines))
    with pytest.raises(InputError, match="the key id does not belong to the keys"):
        recipient.read_recipients(tmp_path / "recipients")


def test_two_recipients_never_share_a_key(tmp_path):
    one = publish(tmp_path / "recipients", "ada")
    twin = recipient.Recipient("bob", "person", (), None, one.kem, one.hpke_key, one.signing_key)
    (tmp_path / "recipients" / "bob.toml").write_text(twin.toml())
    with pytest.raises(InputError, match="ada has the same key"):
        recipient.read_recipients(tmp_path / "recipients")


def published(name, kem_id, aead_id):
    found = json.loads((VECTORS / "HPKE" / name).read_text())
    same = [one for one in found if (one["mode"], one["kem_id"], one["kdf_id"], one["aead_id"]) == (0, kem_id, 1, aead_id)]
    assert same
    return same


def test_hpke_vectors_of_rfc_9180():
    """Our X25519 suite opens what the published key and nonce seal (the published ciphertexts have an aad, a wrap has none)."""
    for vector in published("test-vectors.json", 32, 2):
        raw = {name: bytes.fromhex(vector[name]) for name in ("skRm", "pkRm", "enc", "info", "key", "base_nonce")}
        assert hpke.public_key("X25519", raw["skRm"]) == raw["pkRm"]
        sealed = raw["enc"] + AESGCM(raw["key"]).encrypt(raw["base_nonce"], b"a column key", b"")
        assert hpke.unwrap("X25519", raw["skRm"], sealed, raw["info"]) == b"a column key"


def test_hpke_vectors_of_the_hybrid():
    """The same for MLKEM768-X25519 (0x647a), whose published vectors have ChaCha20-Poly1305; its 32-byte seed is expanded by SHAKE256."""
    for vector in published("hpke-pq-test-vectors.json", 0x647A, 3):
        raw = {name: bytes.fromhex(vector[name]) for name in ("skRm", "pkRm", "enc", "info", "key", "base_nonce")}
        private = hashlib.shake_256(raw["skRm"]).digest(96)
        assert hpke.public_key("MLKEM768_X25519", private) == raw["pkRm"]
        sealed = raw["enc"] + ChaCha20Poly1305(raw["key"]).encrypt(raw["base_nonce"], b"a column key", b"")
        suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
        assert suite.decrypt(sealed, hpke.opened("MLKEM768_X25519", private), raw["info"]) == b"a column key"


def test_the_kdf_is_the_published_one():
    """RFC 9106, appendix: the library's Argon2id with our call's argument order."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    blocks = (VECTORS / "KDF" / "argon2id.txt").read_text().split("COUNT = ")[1:]
    for block in blocks:
        entry = dict(line.split(" =", 1) for line in block.splitlines() if " =" in line)
        value = {key: entry[key].strip() for key in entry}
        made = Argon2id(
            salt=bytes.fromhex(value["salt"]),
            length=int(value["length"]),
            iterations=int(value["iter"]),
            lanes=int(value["lanes"]),
            memory_cost=int(value["memcost"]),
            ad=bytes.fromhex(value["ad"]) if "ad" in value else None,
            secret=bytes.fromhex(value["secret"]) if "secret" in value else None,
        ).derive(bytes.fromhex(value["pass"]))
        assert made.hex() == value["output"]
    assert len(blocks) >= 5
    assert (identity._PASSES, identity._LANES, identity._MEMORY) == (3, 4, 65536)


@pytest.mark.parametrize("kem", ["X25519", "MLKEM768_X25519"])
def test_a_wrap_opens_for_its_recipient_and_its_info_alone(kem):
    own, other = hpke.generate(kem), hpke.generate(kem)
    wrapped = hpke.wrap(kem, hpke.public_key(kem, own), b"k" * 32, b"info")
    assert hpke.unwrap(kem, own, wrapped, b"info") == b"k" * 32
    assert hpke.unwrap(kem, own, wrapped, b"inf0") is None
    assert hpke.unwrap(kem, other, wrapped, b"info") is None
    assert hpke.unwrap(kem, own, b"", b"info") is None
    for at in range(0, len(wrapped), 41):
        assert hpke.unwrap(kem, own, wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :], b"info") is None


def test_base64_is_strict():
    with pytest.raises(ValueError, match="not base64"):
        base64_bytes("a b")
