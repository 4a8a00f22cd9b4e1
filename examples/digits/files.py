"""Writes the demo's data as a labelling project would leave it: images, a table of answers, gold labels, probabilities."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from world import CLASSES, SEED, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

FOLDS = 5
NEIGHBOURS = 10
# The scanner is no fact about a person: this policy lets reports name it.
POLICY = '[item.attributes]\nscanner = { sensitivity = "internal", show = "yes" }\n'
# Simulated people need no secret; a real key comes from /dev/urandom and is kept out of the repository.
KEY = "a key that everybody knows protects nobody\n"
MARK = "planted.json"  # a folder without it was not made here, and is not emptied


def write(world: World, out: Path) -> None:
    """Write everything under `out`, in place of an earlier run.

    Raises:
        FileExistsError: `out` holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / MARK).is_file():
        raise FileExistsError(f"{out} is not empty and was not made by this demo")
    shutil.rmtree(out, ignore_errors=True)
    (out / "images").mkdir(parents=True)
    (out / MARK).write_text(_planted(world), encoding="utf-8")
    for item in world.items.values():
        path = out / "images" / item.uri
        if item.file == "written":
            Image.fromarray(item.picture).save(path, format="PNG")
        elif item.file == "broken":
            path.write_bytes(f"{item.item_id} was an image once\n".encode())
    head = ("annotation_id", "item_id", "uri", "split", "subject_id", "scanner", "annotator_id", "label", "created_at", "seconds")
    _table(out / "labels.csv", head, _rows(world))
    _table(out / "gold.csv", ("item_id", "label"), world.gold.items())
    _table(out / "probabilities.csv", ("item_id", *CLASSES), _probabilities(world))
    for name, text in (("classes.txt", "\n".join(CLASSES) + "\n"), ("policy.toml", POLICY), ("pseudonym.key", KEY)):
        (out / name).write_text(text, encoding="utf-8")


def _rows(world: World) -> Iterable[Sequence[str]]:
    for vote in sorted(world.votes, key=lambda vote: (vote.created_at, vote.annotator_id, vote.item_id)):
        item = world.items.get(vote.item_id)
        about = (item.uri, item.split, item.subject_id, item.scanner) if item else ("", "", "", "")
        yield vote.annotation_id, vote.item_id, *about, vote.annotator_id, vote.label, vote.created_at.isoformat(), vote.seconds


def _probabilities(world: World) -> Iterable[Sequence[str]]:
    probs = cross_validate(world)
    for item_id, row in zip(world.items, probs, strict=True):
        yield item_id, *(f"{value:.4f}" for value in row)


def cross_validate(world: World) -> npt.NDArray[np.float64]:
    """Out-of-sample probabilities of a small model that learns from the majority of the votes, shape (items, 10).

    Nearest neighbours: distances of whole numbers are exact, so every machine gets the same probabilities. An item without a
    majority is predicted but teaches nothing.
    """
    from sklearn.neighbors import KNeighborsClassifier

    majority = world.majority()
    features = np.array([item.pixels.ravel() for item in world.items.values()], dtype=np.float64)
    labels = np.array([majority.get(item_id, "") for item_id in world.items])
    fold = np.random.default_rng(SEED).permutation(len(labels)) % FOLDS
    probs = np.zeros((len(labels), len(CLASSES)))
    for number in range(FOLDS):
        learn = (fold != number) & (labels != "")
        model = KNeighborsClassifier(NEIGHBOURS, weights="distance").fit(features[learn], labels[learn])
        probs[fold == number] = model.predict_proba(features[fold == number])
    return probs


def _planted(world: World) -> str:
    faults = [
        {"what": fault.what, "check": fault.check, "instances": [sorted(instance) for instance in fault.instances]}
        for fault in world.faults
    ]
    # Answers that are not what the image shows: they tell a finding about a planted person's mistake from a false alarm.
    wrong = sorted(
        [vote.annotation_id, vote.item_id, vote.annotator_id]
        for vote in world.votes
        if vote.item_id in world.items and vote.label != world.items[vote.item_id].truth
    )
    known = {"faults": faults, "touched": sorted(world.touched), "wrong": wrong}
    return json.dumps(known, indent=1, ensure_ascii=False) + "\n"


def _table(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
