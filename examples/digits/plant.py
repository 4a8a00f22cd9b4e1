"""The planted faults: what each changes, and which check should find it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from world import CLASSES, PAUSE_SECONDS, SIDE, Fault, Item, Vote, World, next_ids, vote_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# What a digit is taken for by people in a hurry; every class is somebody's mistake.
LOOKALIKE = {"0": "6", "1": "7", "2": "3", "3": "8", "4": "9", "5": "6", "6": "5", "7": "1", "8": "3", "9": "4"}
SEVENS = ("7 ", "\N{FULLWIDTH DIGIT SEVEN}")  # read as 7 by people, as classes of their own by programs
FAST, BIASED, COPIED, COPYING, STRAIGHT = "ann-2", "ann-3", "ann-4", "ann-5", "ann-6"
FAST_SECONDS = (0.15, 0.45)  # nobody sees an image and presses a key in less
FAST_WRONG = 0.10
BIASED_SHARE = 0.40  # of the sevens, that are called a one
COPIED_WRONG = 0.08
RUN = 60  # equal answers in a row


class Planter:
    """Plants faults in a world; faults of single items never share an item, so that each can be told from the others."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world = world
        self.rng = rng
        order = rng.permutation(len(world.items))
        self._free = [list(world.items.values())[place] for place in order]
        self.used: set[str] = set()

    def take(self, number: int, wanted: Callable[[Item], bool] = lambda _item: True) -> list[Item]:
        """Items that no fault has had yet."""
        taken = [item for item in self._free if wanted(item)][:number]
        assert len(taken) == number
        names = {item.item_id for item in taken}
        self._free = [item for item in self._free if item.item_id not in names]
        self.used |= names
        self.world.touched |= names
        return taken

    def keep(self, item_ids: Iterable[str]) -> None:
        """Items that later faults leave alone, since theirs would undo this one."""
        kept = set(item_ids)
        self._free = [item for item in self._free if item.item_id not in kept]
        self.used |= kept

    def note(self, what: str, check: str, instances: Iterable[Iterable[str]]) -> None:
        """Record a fault and the ids by which a finding can name each of its instances."""
        fault = Fault(what, check, tuple(frozenset(instance) for instance in instances))
        self.world.faults.append(fault)

    def misread(self, vote: Vote, label: str) -> None:
        """Change an answer; the item is no longer sound."""
        vote.label = label
        self.world.touched.add(vote.item_id)

    def copy(self, original: Item, picture: np.ndarray | None = None, split: str = "") -> Item:
        """A further item with the original's image, or a changed one, answered by three annotators with the truth."""
        split = split or original.split
        # Someone else's, so that only the image gives the copy away.
        subject = next(item.subject_id for item in self._free if item.split == split and item.subject_id != original.subject_id)
        name = f"digit-{len(self.world.items):04}"
        item = replace(original, item_id=name, split=split, subject_id=subject)
        if picture is not None:
            item.picture = picture
        self.world.items[name] = item
        self.used.add(name)
        self.world.touched.add(name)
        return item


def plant(world: World, rng: np.random.Generator) -> set[str]:
    """Plant every fault; returns the items that were damaged one by one."""
    planter = Planter(world, rng)
    _copies(planter)
    _annotators(planter)
    _labels(planter)
    _classes(planter)
    _rows(planter)
    _files(planter)
    return planter.used


def _copies(planter: Planter) -> None:
    leaked = [(item, planter.copy(item, split="test")) for item in planter.take(8, lambda item: item.split == "train")]
    planter.note("the same image in train and in test", "consistency/split_leak", _pairs(leaked))
    doubled = [(item, planter.copy(item)) for item in planter.take(4)]
    planter.note("the same image twice in one split", "consistency/duplicate_item", _pairs(doubled))
    torn = [(item, planter.copy(item)) for item in planter.take(6)]
    planter.note("the same image twice with different labels", "consistency/exact_duplicate_conflict", _pairs(torn))
    near = [(item, planter.copy(item, _rescanned(item, planter.rng))) for item in planter.take(6)]
    planter.note("an image scanned twice", "outlier/near_duplicate_image", _pairs(near))
    near_torn = [(item, planter.copy(item, _rescanned(item, planter.rng))) for item in planter.take(4)]
    planter.note("an image scanned twice, with different labels", "consistency/near_duplicate_conflict", _pairs(near_torn))
    every = [copy for pairs in (leaked, doubled, torn, near, near_torn) for _, copy in pairs]
    vote_on(planter.world, every, planter.rng)
    for _, copy in (*torn, *near_torn):
        for vote in planter.world.of_item(copy.item_id):
            planter.misread(vote, LOOKALIKE[copy.truth])


def _pairs(pairs: list[tuple[Item, Item]]) -> list[tuple[str, str]]:
    return [(one.item_id, other.item_id) for one, other in pairs]


def _rescanned(item: Item, rng: np.random.Generator) -> np.ndarray:
    """The picture as a second scan gives it: a little darker, with noise."""
    noisy = item.picture.astype(np.float64) * 0.94 + rng.normal(0, 3, (SIDE, SIDE))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _annotators(planter: Planter) -> None:
    planter.world.touched |= {FAST, BIASED, COPIED, COPYING, STRAIGHT}
    _fast(planter)
    _biased(planter)
    _copied(planter)
    _straight(planter)


def _fast(planter: Planter) -> None:
    """No time to look, so every tenth answer is a slip."""
    votes = planter.world.of_annotator(FAST)
    clock = votes[0].created_at
    for vote in votes:
        seconds = round(float(planter.rng.uniform(*FAST_SECONDS)), 2)
        clock += dt.timedelta(seconds=seconds + PAUSE_SECONDS)
        vote.seconds, vote.created_at = f"{seconds:.2f}", clock
        if planter.rng.random() < FAST_WRONG:
            planter.misread(vote, LOOKALIKE[vote.label])
    planter.note("answers in under half a second", "outlier/too_fast", [[FAST]])


def _biased(planter: Planter) -> None:
    """Takes many sevens for ones, and nothing else for anything else."""
    for vote in planter.world.of_annotator(BIASED):
        if vote.label == "7" and planter.rng.random() < BIASED_SHARE:
            planter.misread(vote, "1")
    planter.note("calls many sevens ones", "bias/annotator_confusion", [[BIASED]])


def _copied(planter: Planter) -> None:
    """The other's answer, mistakes included, a few seconds after it was given."""
    for vote in planter.world.of_annotator(COPIED):
        if vote.item_id not in planter.used and planter.rng.random() < COPIED_WRONG:
            planter.misread(vote, str(planter.rng.choice([label for label in CLASSES if label != vote.label])))
    source = {vote.item_id: vote for vote in planter.world.of_annotator(COPIED)}
    for vote in planter.world.of_annotator(COPYING):
        if vote.item_id in source:
            other = source[vote.item_id]
            vote.created_at = other.created_at + dt.timedelta(seconds=float(vote.seconds) + 5)
            vote.label = other.label
    planter.note("copies ann-4, mistakes included", "bias/copied_answers", [[COPYING]])


def _straight(planter: Planter) -> None:
    """The last answers of the day are all the same."""
    votes = planter.world.of_annotator(STRAIGHT)
    clock = votes[-1].created_at
    last = [vote for vote in votes if vote.item_id not in planter.used][-RUN:]
    planter.keep(vote.item_id for vote in last)
    for vote in last:
        clock += dt.timedelta(seconds=float(vote.seconds) + PAUSE_SECONDS)
        vote.created_at = clock
        if vote.label != "0":
            planter.misread(vote, "0")
    planter.note(f"says 0 {RUN} times in a row", "outlier/straight_line", [[STRAIGHT]])


def _labels(planter: Planter) -> None:
    world = planter.world
    wrong = planter.take(24)
    for item in wrong:
        for vote in world.of_item(item.item_id):
            planter.misread(vote, LOOKALIKE[item.truth])
    planter.note("all annotators wrong in the same way", "outlier/suspicious_label", [[item.item_id] for item in wrong])
    seen = planter.take(18, lambda item: item.truth == "8" and item.scanner == "camera")
    for item in seen:
        for vote in world.of_item(item.item_id):
            planter.misread(vote, "3")
    planter.note("the camera's eights are called threes", "bias/label_by_group_given_prediction", [["3"]])
    torn = planter.take(30)
    for item in torn:
        others = [label for label in CLASSES if label != item.truth]
        first, second, third = world.of_item(item.item_id)
        planter.misread(first, item.truth)
        planter.misread(second, LOOKALIKE[item.truth])
        planter.misread(third, str(planter.rng.choice([label for label in others if label != LOOKALIKE[item.truth]])))
    planter.note("three annotators, three answers", "consistency/contradictory_votes", [[item.item_id] for item in torn])
    twice = planter.take(4)
    for item, name in zip(twice, _new_ids(world, len(twice)), strict=True):
        vote = world.of_item(item.item_id)[0]
        # The first answer may be a slip already.
        other = item.truth if vote.label == LOOKALIKE[item.truth] else LOOKALIKE[item.truth]
        world.votes.append(replace(vote, annotation_id=name, label=other))
    planter.note("one annotator, two answers", "consistency/exclusive_conflict", [[item.item_id] for item in twice])


def _classes(planter: Planter) -> None:
    world = planter.world
    for label, number in ((SEVENS[0], 3), (SEVENS[1], 2)):
        for item in planter.take(number, lambda item: item.truth == "7"):
            planter.misread(world.of_item(item.item_id)[0], label)
    planter.note("a class written in another way", "consistency/class_name_variants", [[label] for label in SEVENS])
    for label, number in (("unsure", 3), ("10", 2)):
        for item in planter.take(number):
            planter.misread(world.of_item(item.item_id)[0], label)
    planter.note("a class that the task does not have", "consistency/undefined_class", [["unsure"], ["10"]])
    blank = [world.of_item(item.item_id)[0] for item in planter.take(4)]
    for vote in blank:
        planter.misread(vote, "")
    planter.note("an answer without a label", "consistency/empty_label", [[vote.annotation_id] for vote in blank])


def _new_ids(world: World, number: int) -> list[str]:
    ids = next_ids(world)
    return [next(ids) for _ in range(number)]


def _rows(planter: Planter) -> None:
    votes = {item.item_id: planter.world.of_item(item.item_id) for item in planter.take(18)}
    queue = list(votes.items())
    twins = [queue.pop()[1] for _ in range(5)]
    for first, second, _ in twins:
        second.annotation_id = first.annotation_id
    planter.note("an annotation id used twice", "consistency/duplicate_id", [[first.annotation_id] for first, _, _ in twins])
    nameless = [queue.pop() for _ in range(2)]
    lost = [queue.pop() for _ in range(2)]
    # By their ids from before: a row without its own id is known by its item, one without an item by its own id.
    instances = [[item_id] for item_id, _ in nameless] + [
        [three[0].annotation_id, f"missing-{three[0].annotation_id}"] for _, three in lost
    ]
    for _, three in nameless:
        three[0].annotation_id = ""
    for _, three in lost:
        three[0].item_id = ""
    planter.note("a row without its id, or its item's", "consistency/missing_id", instances)
    rows: dict[str, list[Vote]] = {}
    for name, number in (("unreadable", 3), ("negative", 3), ("zero clock", 3)):
        rows[name] = [queue.pop()[1][0] for _ in range(number)]
    for vote in rows["unreadable"]:
        vote.seconds = "a while"
    for vote in rows["negative"]:
        vote.seconds = "-4.00"
    for vote in rows["zero clock"]:
        vote.created_at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    for name, what, check in (
        ("unreadable", "a duration that is no number", "consistency/bad_value"),
        ("negative", "a duration below zero", "consistency/negative_seconds"),
        ("zero clock", "a clock that says 1970", "consistency/time_order"),
    ):
        planter.note(what, check, [[vote.annotation_id] for vote in rows[name]])


def _files(planter: Planter) -> None:
    for number, state, what, check in (
        (4, "missing", "a file that is not there", "consistency/missing_media"),
        (3, "broken", "a file that is no image", "consistency/unreadable_media"),
    ):
        damaged = planter.take(number)
        for item in damaged:
            item.file = state
        planter.note(what, check, [[item.item_id] for item in damaged])
    blank = planter.take(3)
    # Each white in its own way, or they would be copies of each other too.
    for shade, item in enumerate(blank):
        item.pixels = np.zeros((8, 8), dtype=np.uint8)
        item.picture = np.full((SIDE, SIDE), 255 - shade, dtype=np.uint8)
    planter.note("an empty page", "outlier/image_quality", [[item.item_id] for item in blank])
    subject = planter.take(1, lambda item: item.split == "test")[0].subject_id
    theirs = [item for item in planter.world.items.values() if item.subject_id == subject and item.item_id not in planter.used]
    moved = theirs[:5]
    for item in moved:
        item.split = "train"
    group = {item.item_id for item in planter.world.items.values() if item.subject_id == subject}
    planter.world.touched |= group
    planter.used |= group
    planter.note("one subject in train and in test", "consistency/group_leak", [group])
