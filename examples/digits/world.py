"""The demo's data before it is written: real images of digits, and the answers of six simulated annotators.

Only the images and their true labels are real (scikit-learn's handwritten digits: UCI Optical Recognition of Handwritten Digits,
Alpaydin and Kaynak 1998). Who answered what, when and how fast is simulated; `plant` then damages it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

SEED = 20260302
CLASSES = tuple("0123456789")
ANNOTATORS = tuple(f"ann-{number}" for number in range(1, 7))
VOTES = 3  # answers per image
SIDE = 64  # pixels of a written image; the originals have 8, too few for checks that look at pixels
SHEET = 30  # images that one (simulated) subject contributes, in the order in which they stand in the original
SCANNERS = {"flatbed": 0.75, "camera": 0.25}  # share of images
TEST_SHARE = 5  # one subject in so many goes to the test split
START = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
MEDIAN_SECONDS = 3.0
SPREAD_SECONDS = 0.35  # standard deviation of the logarithm of seconds
PAUSE_SECONDS = 0.6  # from one answer to the next image
GOLD = 300  # items with a true label beside the answers


@dataclass
class Item:
    """One image; `file` says what becomes of it: written, missing, or broken."""

    item_id: str
    pixels: npt.NDArray[np.uint8]  # shape (8, 8), ink 0..16
    picture: npt.NDArray[np.uint8]  # shape (SIDE, SIDE), brightness 0..255
    truth: str
    split: str
    subject_id: str
    scanner: str
    file: str = "written"

    @property
    def uri(self) -> str:
        """Its file's name in the folder of images."""
        return f"{self.item_id}.png"


@dataclass
class Vote:
    """One row of labels.csv: what an annotator said of an item. `seconds` is text, as a broken export would have it."""

    annotation_id: str
    item_id: str
    annotator_id: str
    label: str
    created_at: dt.datetime
    seconds: str


@dataclass(frozen=True)
class Fault:
    """A planted fault: the check that should find it, and for each instance the ids of which a finding must name one."""

    what: str
    check: str
    instances: tuple[frozenset[str], ...]


@dataclass
class World:
    """Everything that is written: items, votes, gold, and what was planted.

    `touched` holds the ids of all items and annotators that a fault changed in any way: a finding about none of them is a false
    alarm.
    """

    items: dict[str, Item]
    votes: list[Vote]
    gold: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    def of_item(self, item_id: str) -> list[Vote]:
        """The votes on an item."""
        return [vote for vote in self.votes if vote.item_id == item_id]

    def of_annotator(self, annotator_id: str) -> list[Vote]:
        """An annotator's votes, in the order in which they were given."""
        return sorted((vote for vote in self.votes if vote.annotator_id == annotator_id), key=lambda vote: vote.created_at)

    def majority(self) -> dict[str, str]:
        """Item -> the class that more than half of its votes name; items without one are left out."""
        said: dict[str, list[str]] = {}
        for vote in self.votes:
            said.setdefault(vote.item_id, []).append(vote.label)
        leading = {item: max(CLASSES, key=labels.count) for item, labels in said.items() if item in self.items}
        return {item: label for item, label in leading.items() if 2 * said[item].count(label) > len(said[item])}


def enlarge(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Dark ink on white paper, SIDE x SIDE, from ink 0..16 at 8 x 8.

    >>> enlarge(np.zeros((8, 8), dtype=np.uint8)).min()
    np.uint8(255)
    """
    small = Image.fromarray((255 - pixels.astype(np.uint16) * 255 // 16).astype(np.uint8))
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.uint8)


def clean() -> World:
    """All images, each labelled rightly by three of six annotators at a human pace, and gold labels for some."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(SEED)
    subjects = -(-len(digits.target) // SHEET)
    test = set(rng.choice(subjects, size=subjects // TEST_SHARE, replace=False).tolist())
    scanners = rng.choice(list(SCANNERS), size=len(digits.target), p=list(SCANNERS.values()))
    items = {}
    for number, (flat, target) in enumerate(zip(digits.data, digits.target, strict=True)):
        pixels = flat.reshape(8, 8).astype(np.uint8)
        subject = number // SHEET
        split = "test" if subject in test else "train"
        name, scanner = f"digit-{number:04}", str(scanners[number])
        item = Item(name, pixels, enlarge(pixels), str(target), split, f"subject-{subject:02}", scanner)
        items[item.item_id] = item
    world = World(items, [])
    vote_on(world, list(items.values()), rng)
    return world


def vote_on(world: World, items: list[Item], rng: np.random.Generator) -> None:
    """Let three annotators answer each item with the truth, everyone in an order of their own."""
    # Two in five images are shared by ann-4 and ann-5: whether one copies the other shows only where both answered.
    shared = set(rng.choice(len(items), size=len(items) * 2 // 5, replace=False).tolist())
    rest = [name for name in ANNOTATORS if name not in {"ann-4", "ann-5"}]
    given: dict[str, list[Item]] = {name: [] for name in ANNOTATORS}
    for number, item in enumerate(items):
        chosen = ["ann-4", "ann-5", rng.choice(rest)] if number in shared else rng.choice(ANNOTATORS, size=VOTES, replace=False)
        for name in chosen:
            given[str(name)].append(item)
    ids = next_ids(world)
    for name, theirs in given.items():
        order = rng.permutation(len(theirs))
        pace = MEDIAN_SECONDS * rng.uniform(0.8, 1.25)
        seconds = [round(float(pace * np.exp(rng.normal(0, SPREAD_SECONDS))), 2) for _ in order]
        clock = max((vote.created_at for vote in world.of_annotator(name)), default=START)
        for place, spent in zip(order, seconds, strict=True):
            clock += dt.timedelta(seconds=spent + PAUSE_SECONDS)
            world.votes.append(Vote(next(ids), theirs[place].item_id, name, theirs[place].truth, clock, f"{spent:.2f}"))


def next_ids(world: World) -> Iterator[str]:
    """Annotation ids that no vote has yet."""
    return (f"a-{number:05}" for number in count(len(world.votes)))


def choose_gold(world: World, rng: np.random.Generator, besides: Iterable[str] = ()) -> None:
    """Give `GOLD` items their true label, none of `besides`."""
    free = sorted(set(world.items) - set(besides))
    world.gold = {str(item): world.items[str(item)].truth for item in sorted(rng.choice(free, size=GOLD, replace=False))}
