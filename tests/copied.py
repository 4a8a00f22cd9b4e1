"""The measure annotator_pair by its definition, in plain Python: one vote at a time, nothing shared with the measure itself."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from scipy import stats


def majority(votes):
    """The label that more than half of the votes name, or None."""
    label, number = Counter(votes).most_common(1)[0] if votes else (None, 0)
    return label if 2 * number > len(votes) else None


def plurality(votes):
    first, second = [*Counter(votes).most_common(2), (None, 0), (None, 0)][:2]
    return first[0] if first[1] > second[1] else None


def silent_people(items, gold):
    """People whose Cohen's kappa with the others (or gold) is 0.1 or less."""
    said = defaultdict(list)
    for item, votes in items.items():
        for n, (who, label) in enumerate(votes):
            others = plurality([other for m, (_, other) in enumerate(votes) if m != n])
            said[who] += [(label, right) for right in (others, gold.get(item)) if right is not None]
    silent = set()
    for who, pairs in said.items():
        n, given_, right = len(pairs), Counter(label for label, _ in pairs), Counter(right for _, right in pairs)
        chance = sum(given_[label] * right[label] for label in given_) / n**2
        agreement = sum(label == right for label, right in pairs) / n
        if who is not None and n >= 20 and agreement - chance <= 0.1 * (1 - chance):
            silent.add(who)
    return silent


def answers(items, gold, silent, apart=()):
    """Known people's answers with what is right: Counter of (who, label, right)."""
    cells = Counter()
    order = {item: n for n, item in enumerate(sorted(items | gold))}
    for item, votes in items.items():
        present = {who for who, _ in votes}
        together = [pair for pair in apart if item not in gold and set(pair) <= present]
        spared = {min(pair) if order[item] % 2 else max(pair) for pair in together}
        kept = [(who, label) for who, label in votes if who not in spared]
        disputed = len({label for _, label in kept} | {gold.get(item, kept[0][1])}) > 1
        for n, (who, label) in enumerate(kept):
            others = [other for m, (name, other) in enumerate(kept) if m != n and name not in silent]
            right = gold.get(item, majority(others) if len(others) >= (2 if apart else 1) else None)
            if not disputed:
                right = label if item in gold or len(kept) > (2 if apart else 1) else None
            if who is not None and right is not None:
                cells[who, label, right] += 1
    return cells


class Habits:
    """Everybody's habits, drawn towards those before, or the peers'."""

    def __init__(self, cells, labels, silent, before=None):
        self.labels, self.before, self.cells = labels, before, cells
        pooled = Counter()
        for (who, label, right), number in cells.items():
            pooled[label, right] += number * (who not in silent)
        wrong = {key: number for key, number in pooled.items() if key[0] != key[1]}
        total = {k: sum(pooled[label, k] for label in labels) for k in labels}
        self.average = {k: (sum(wrong.get((label, k), 0) for label in labels) + 0.5) / (total[k] + 1) for k in labels}
        favour = {
            label: (sum(wrong.get((label, k), 0) for k in labels) + 1) / (sum(wrong.values()) + len(labels)) for label in labels
        }
        self.share = {k: (total[k] + 0.5) / (sum(total.values()) + 0.5 * len(labels)) for k in labels}
        self.spread = {}
        for k in labels:
            column = {label: wrong.get((label, k), 0) + favour[label] for label in labels if label != k}
            self.spread |= {(label, k): value / sum(column.values()) for label, value in column.items()}
        if before:
            self.share, self.spread = before.share, before.spread

    def _first(self, name, key, who):
        return getattr(self.before, name)(who, key) if self.before else {"slip": self.average.get(key), "lean": 1.0}[name]

    def slip(self, who, k):
        if who is None:
            return self.average[k] if not self.before else self.before.slip(None, k)
        wrong = sum(number for (a, label, right), number in self.cells.items() if (a, right) == (who, k) and label != k)
        seen = sum(number for (a, _, right), number in self.cells.items() if (a, right) == (who, k))
        return (wrong + 2 * self._first("slip", k, who)) / (seen + 2)

    def lean(self, who, label):
        if who is None:
            return 1.0
        named = sum(number for (a, said, k), number in self.cells.items() if (a, said) == (who, label) and k != label)
        expected = sum(
            number * self.spread[label, k] for (a, said, k), number in self.cells.items() if a == who and said != k and k != label
        )
        return (named + self._first("lean", label, who)) / (expected + 1)

    def chance(self, who, label, k):
        if label == k:
            return 1 - self.slip(who, k)
        scale = sum(self.lean(who, other) * self.spread[other, k] for other in self.labels if other != k)
        return self.slip(who, k) * self.spread[label, k] * self.lean(who, label) / scale


def odds(p):
    return p / (1 - p)


def memoised(function):
    known = {}
    return lambda *key: known[key] if key in known else known.setdefault(key, function(*key))


def compare(items, gold, silent, usual):
    """Ordered pair -> a row for each item on which the first stands against the others: chance, same, the second too."""
    rows = defaultdict(list)
    chance = memoised(usual.chance)
    for item, votes in items.items():
        for i, (a, said) in enumerate(votes):
            for j, (b, other) in enumerate(votes):
                if i == j or a is None or b is None:
                    continue
                third = [vote for m, vote in enumerate(votes) if m not in (i, j) and vote[0] not in silent]
                most = majority([label for _, label in third])
                right = gold.get(item, most)
                if right is None or said in (right, most):
                    continue
                evidence = {}
                for k in (said, right):
                    logs = [math.log(chance(who, label, k)) for who, label in [*third, (a, said)]]
                    evidence[k] = math.log(usual.share[k]) + sum(logs)
                wrong = 0.0 if item in gold else 1 / (1 + math.exp(evidence[right] - evidence[said]))
                peers = chance(None, said, right)
                crowd = (5 * peers + sum(label == said for _, label in third) + 1) / (5 + len(third) + 1)
                p = odds(chance(b, said, right)) * odds(crowd) / odds(peers)
                p = wrong * chance(b, said, said) + (1 - wrong) * p / (1 + p)
                rows[a, b].append((p, said == other, other not in (right, most)))
    return rows


def by_definition(items, gold):
    """Pair (sorted) -> against, same, expected, copied, p."""
    silent = silent_people(items, gold)
    labels = sorted({label for votes in items.values() for _, label in votes} | set(gold.values()))
    usual = Habits(answers(items, gold, silent), labels, silent)
    rows = compare(items, gold, silent, usual)
    apart = sorted(companions(rows))
    if apart:
        usual = Habits(answers(items, gold, silent, apart), labels, silent, before=usual)
        rows = compare(items, gold, silent, usual)
    return judged(rows), silent, apart


def counts(rows, pair):
    forth, back = rows.get(pair, []), rows.get(pair[::-1], [])
    both = sum(too for _, _, too in forth)
    return forth, back, len(forth) + len(back) - both, sum(same for _, same, _ in forth)


def companions(rows):
    pairs = {tuple(sorted(pair)) for pair in rows}
    total = Counter()
    for pair in pairs:
        for who in pair:
            total[who] += counts(rows, pair)[2]
    for pair in pairs:
        _, _, against, same = counts(rows, pair)
        if same >= 10 and same >= 0.75 * against and against >= 0.1 * min(total[who] for who in pair):
            yield pair


def judged(rows):
    pairs = {tuple(sorted(pair)) for pair in rows}
    found = {}
    for pair in pairs:
        forth, back, against, same = counts(rows, pair)
        others = [row for other, listed in rows.items() if tuple(sorted(other)) != pair for row in listed]
        n, e, x = len(others), sum(p for p, _, _ in others), sum(same_ for _, same_, _ in others)
        more = max(1.0, (x + 1) / (n - x + 1) * (n - e + 1) / (e + 1))
        tails, means = [], []
        for side in (forth, back):
            mean = sum(p for p, _, _ in side) / len(side) if side else 0.0
            mean = more * mean / (1 - mean + more * mean)
            means.append(len(side) * mean)
            tails.append(stats.binom.sf(same - 1, len(side), mean) if same >= len(side) * mean + 1 else 1.0)
        expected = sum(means) / 2
        if same > expected:
            copied = (same - expected) / ((len(forth) + len(back)) / 2 - expected)
            found[pair] = (against, same, expected, min(copied, 1.0), min(1.0, math.e * math.sqrt(tails[0] * tails[1])))
    adjusted = stats.false_discovery_control([found[pair][4] if pair in found else 1.0 for pair in sorted(pairs)])
    return {pair: (*found[pair], q) for pair, q in zip(sorted(pairs), adjusted, strict=True) if pair in found}
