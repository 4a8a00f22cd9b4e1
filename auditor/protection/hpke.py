"""HPKE (RFC 9180) in the two shapes that we use, over raw keys: base mode, HKDF-SHA256, AES-256-GCM.

Base mode does not say who wrapped: anybody can wrap a key of their own to a recipient. What is wrapped is bound by
`info`, since the
one-shot interface has no associated data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kem = Literal["MLKEM768_X25519", "X25519"]


@dataclass(frozen=True)
class Size:
    """Lengths of raw keys, in bytes."""

    private: int
    public: int


# ML-KEM-768: a seed of 64 and a public key of 1184 bytes (FIPS 203); X25519: 32 and 32. The hybrid's are the two, in this order.
SIZES: dict[str, Size] = {"MLKEM768_X25519": Size(64 + 32, 1184 + 32), "X25519": Size(32, 32)}


def best() -> Kem:
    """The post-quantum hybrid where the library beneath has ML-KEM, else X25519.

    >>> best() in SIZES
    True
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

    try:
        MLKEM768PrivateKey.generate()
    except UnsupportedAlgorithm:
        return "X25519"
    return "MLKEM768_X25519"


def generate(kem: Kem) -> bytes:
    """A new private key, raw."""
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    curve = X25519PrivateKey.generate().private_bytes_raw()
    return curve if kem == "X25519" else MLKEM768PrivateKey.generate().private_bytes_raw() + curve


def public_key(kem: Kem, private: bytes) -> bytes:
    """The public key of a private one, both raw."""
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    curve = X25519PrivateKey.from_private_bytes(private[-32:]).public_key().public_bytes_raw()
    return curve if kem == "X25519" else MLKEM768PrivateKey.from_seed_bytes(private[:-32]).public_key().public_bytes_raw() + curve


def wrap(kem: Kem, public: bytes, key: bytes, info: bytes) -> bytes:
    """Encrypt a key to a public key, bound to `info`."""
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
    from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

    curve = X25519PublicKey.from_public_bytes(public[-32:])
    to: Any = curve if kem == "X25519" else MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(public[:-32]), curve)
    return bytes(_suite(kem).encrypt(key, to, info))


def unwrap(kem: Kem, private: bytes, wrapped: bytes, info: bytes) -> bytes | None:
    """The key, or None where it was not wrapped to this private key with this `info`, or was altered."""
    from cryptography.exceptions import InvalidTag

    try:
        return bytes(_suite(kem).decrypt(wrapped, opened(kem, private), info))
    except InvalidTag:
        return None


def opened(kem: Kem, private: bytes) -> Any:
    """A raw private key as the library's object."""
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

    curve = X25519PrivateKey.from_private_bytes(private[-32:])
    return curve if kem == "X25519" else MLKEM768X25519PrivateKey(MLKEM768PrivateKey.from_seed_bytes(private[:-32]), curve)


def _suite(kem: Kem) -> Any:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.X25519 if kem == "X25519" else KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
