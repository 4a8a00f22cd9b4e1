"""Transcripts as words: what counts as one, and how many differ; no I/O.

Before anything is compared a transcript is made lower case, and every run of signs that are not kept becomes a space: see `KEPT`.
Distances are `rapidfuzz`'s (docs/adr/0010-rapidfuzz.md): the least number of words, or characters, to put in, take out or replace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]

# Letters of any script with their marks, digits, and both apostrophes: the inside of a set of signs, as RE2 writes it.
_CURLY = "\u2019"
KEPT = r"\p{L}\p{M}\p{N}'" + _CURLY
_SURROGATES, _SURROGATE = 0x800, 0xD800  # code points that are no characters


@dataclass(frozen=True)
class Texts:
    """Transcripts, comparable.

    Attributes:
        text: words with one space between them, shape (n,).
        code: number of each word, all transcripts one after the other, shape (words,).
        start: where each transcript's words begin in `code`, and the end of the last, shape (n + 1,).
        vocabulary: the word of each number, shape (different words,).
    """

    text: pa.StringArray
    code: Ints
    start: Ints
    vocabulary: pa.StringArray

    @property
    def words(self) -> Ints:
        """Words of each transcript, shape (n,)."""
        return np.diff(self.start)


def normalised(texts: pa.Array, kept: str = KEPT) -> pa.StringArray:
    """Lower case, with one space for each run of signs that are not kept, and none at the ends.

    A curly apostrophe that is kept becomes a straight one.

    Args:
        texts: transcripts, shape (n,); NULL counts as empty.
        kept: the signs that are kept, the inside of a character class of RE2.

    >>> import pyarrow as pa
    >>> normalised(pa.array(["It's  5 o'clock -- Zoë!", None])).to_pylist(), normalised(pa.array(["Zoë 5"]), "a-z'").to_pylist()
    (["it's 5 o'clock zoë", ''], ['zo'])
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    # Unicode's full lower case, as Python's: of this one letter it is two, and Arrow knows letter by letter only.
    full = pc.replace_substring(pc.fill_null(texts.cast(pa.string()), ""), "\u0130", "i\u0307")
    plain = pc.utf8_lower(full)
    return pc.utf8_trim(pc.replace_substring(pc.replace_substring_regex(plain, f"[^{kept}]+", " "), _CURLY, "'"), " ")


def texts_of(texts: pa.Array, kept: str = KEPT) -> Texts:
    """Transcripts cut into numbered words.

    >>> import pyarrow as pa
    >>> got = texts_of(pa.array(["the cat", "", "The, the"]))
    >>> got.code.tolist(), got.start.tolist(), got.words.tolist()
    ([0, 1, 0, 0], [0, 2, 2, 4], [2, 0, 2])
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = normalised(texts, kept)
    lists = pc.if_else(pc.equal(text, ""), pa.scalar([], pa.list_(pa.string())), pc.split_pattern(text, " "))
    found = pc.dictionary_encode(lists.flatten())
    start = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))]).astype(np.int64)
    return Texts(text, found.indices.to_numpy(zero_copy_only=False).astype(np.int64), start, found.dictionary)


def letters(code: Ints, start: Ints) -> list[str]:
    r"""Each run of word numbers as a text with one character for each word: equal words, equal characters.

    Raises:
        ValueError: there are more different words than characters.

    >>> letters(np.array([7, 9, 7]), np.array([0, 2, 3]))
    ['\x00\x01', '\x00']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kept, number = np.unique(code, return_inverse=True)
    if len(kept) > 0x110000 - _SURROGATES:
        raise ValueError("more different words than characters")
    points = np.arange(len(kept), dtype=np.uint32)
    points[points >= _SURROGATE] += _SURROGATES
    signs = pa.array(list(points.astype("<u4").tobytes().decode("utf-32-le")), pa.string())
    lists = pa.ListArray.from_arrays(pa.array(start, pa.int32()), signs.take(pa.array(number)))
    return list(pc.binary_join(lists, "").to_pylist())


def distances(a: list[str], b: list[str]) -> Ints:
    """Levenshtein distance of each two texts that stand at one place, in characters, shape (n,).

    >>> distances(["kitten", ""], ["sitting", "ab"]).tolist()
    [3, 2]
    """
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    return np.asarray(process.cpdist(a, b, scorer=Levenshtein.distance, dtype=np.int32), np.int64)


def word_errors(reference: pa.Array, given: pa.Array, kept: str = KEPT) -> tuple[Ints, Ints]:
    """Words that differ between each two transcripts at one place, and words of the reference: their sums' ratio is the WER.

    Args:
        reference: what was said, shape (n,).
        given: what was written, shape (n,).
        kept: as in `normalised`.

    Returns:
        Errors (substitutions, deletions, insertions) and words of the reference, both of shape (n,).

    >>> import pyarrow as pa
    >>> errors, words = word_errors(pa.array(["the cat sat"]), pa.array(["a cat sat down"]))
    >>> errors.tolist(), words.tolist()
    ([2], [3])
    """
    import pyarrow as pa

    both = texts_of(pa.concat_arrays([pa.array(reference, pa.string()), pa.array(given, pa.string())]), kept)
    signs = letters(both.code, both.start)
    half = len(signs) // 2
    return distances(signs[half:], signs[:half]), both.words[:half]


def character_errors(reference: pa.Array, given: pa.Array, kept: str = KEPT) -> tuple[Ints, Ints]:
    """As `word_errors`, in characters, the spaces between words among them: the ratio of the sums is the CER.

    >>> import pyarrow as pa
    >>> [part.tolist() for part in character_errors(pa.array(["the cat"]), pa.array(["The  hat"]))]
    [[1], [7]]
    """
    left, right = (normalised(texts, kept).to_pylist() for texts in (reference, given))
    return distances(right, left), np.array([len(text) for text in left], np.int64)
