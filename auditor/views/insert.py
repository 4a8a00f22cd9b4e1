"""Samples into FiftyOne's database, as the documents that it would write itself.

Its `add_samples` takes three milliseconds a sample. What it would write is not promised anywhere, so the first sample of every
dataset goes through it, is read back and compared with ours: where they differ, all samples go through it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from typing import TYPE_CHECKING, Any

from auditor.views.fields import LISTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.views.samples import Sample

_BATCH = 1_000
# Not equal from one sample to the next, but there in each.
_OWN = frozenset({"_id", "_rand", "created_at", "last_modified_at"})


def samples(fo: Any, dataset: Any, given: Iterable[Sample], *, plainly: bool = False) -> tuple[int, list[str]]:
    """Insert samples.

    Args:
        fo: FiftyOne.
        dataset: with its fields declared.
        given: the samples.
        plainly: use `add_samples` alone.

    Returns:
        How many there were, and notes for the user.
    """
    iterator = iter(given)
    first = next(iterator, None)
    if first is None:
        return 0, []
    added = plain(fo, first)
    dataset.add_sample(added)
    if not plainly and _writes_the_same(fo, dataset, first, added.id):
        return 1 + _insert(fo, dataset, iterator), []
    count = 1
    for batch in _batches(iterator):
        dataset.add_samples([plain(fo, one) for one in batch], progress=False)
        count += len(batch)
    slow = f"FiftyOne {fo.__version__} stores samples in another way than was tried with this auditor: they were added more slowly"
    return count, [] if plainly else [slow]


def _insert(fo: Any, dataset: Any, given: Iterator[Sample]) -> int:
    """The private way in: FiftyOne's collection and what it writes into it."""
    count = 0
    for batch in _batches(given):
        dataset._sample_collection.insert_many([_document(fo, dataset, one) for one in batch], ordered=False)  # noqa: SLF001
        count += len(batch)
    return count


def _writes_the_same(fo: Any, dataset: Any, sample: Sample, sample_id: str) -> bool:
    from bson import ObjectId

    try:
        stored = dataset._sample_collection.find_one({"_id": ObjectId(sample_id)})  # noqa: SLF001
        return covers(_document(fo, dataset, sample), stored)
    except (AttributeError, ImportError, TypeError):
        return False


def covers(ours: Any, theirs: Any) -> bool:
    """Whether what FiftyOne stored holds what we would store, and beyond that only empty values.

    >>> covers({"_id": 1, "label": "a"}, {"_id": 2, "label": "a", "attributes": {}}), covers({"a": 1}, {"a": 1, "version": 3})
    (True, False)
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        more = (value for key, value in theirs.items() if key not in ours)
        return all(key in theirs and (key in _OWN or covers(value, theirs[key])) for key, value in ours.items()) and not any(more)
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(covers, ours, theirs))
    if isinstance(ours, float) and math.isnan(ours):
        return isinstance(theirs, float) and math.isnan(theirs)
    return bool(ours == theirs)


def _document(fo: Any, dataset: Any, sample: Sample) -> dict[str, Any]:
    from bson import ObjectId

    now = dt.datetime.now(dt.UTC)
    return {
        "_id": ObjectId(),
        "_dataset_id": dataset._doc.id,  # noqa: SLF001
        "_media_type": sample.media,
        "_rand": random.random(),  # noqa: S311  # for FiftyOne's own shuffling
        "created_at": now,
        "last_modified_at": now,
        "filepath": sample.path,
        "tags": sample.tags,
        "metadata": sample.metadata,
        **{name: _stored(fo, value) for name, value in sample.values.items()},
    }


def _stored(fo: Any, value: Any) -> Any:
    """A field's value as FiftyOne stores it: labels get an id, masks are packed."""
    if type(value) is not dict:
        return value
    if "tags" in value:
        return _label(fo, value)
    many = LISTS.get(value["_cls"])
    return value if many is None else {**value, many: [_label(fo, one) for one in value[many]]}


def _label(fo: Any, label: dict[str, Any]) -> dict[str, Any]:
    from bson import ObjectId

    stored = {"_id": ObjectId(), **label}
    if "mask" in label:
        stored["mask"] = fo.core.utils.serialize_numpy_array(label["mask"])
    return stored


def plain(fo: Any, sample: Sample) -> Any:
    """A sample as FiftyOne's object."""
    values = {name: _object(fo, value) for name, value in sample.values.items()}
    return fo.Sample(filepath=sample.path, tags=sample.tags, metadata=_object(fo, sample.metadata), **values)


def _object(fo: Any, value: Any) -> Any:
    """A dict with `_cls` as FiftyOne's object."""
    if isinstance(value, dict) and "_cls" in value:
        return getattr(fo, value["_cls"])(**{key: _object(fo, inner) for key, inner in value.items() if key != "_cls"})
    if isinstance(value, list):
        return [_object(fo, inner) for inner in value]
    return value


def _batches(given: Iterator[Sample]) -> Iterator[list[Sample]]:
    while batch := list(itertools.islice(given, _BATCH)):
        yield batch
