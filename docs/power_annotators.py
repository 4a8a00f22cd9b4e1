"""The section "Annotators" of docs/power.md: how often the checks of people find what was planted, and whom they accuse wrongly.

`python docs/power.py` writes it with the others; `python docs/power_annotators.py` prints it alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditor.measures._stats import wilson
from tests import measured, planted

WORLDS = 100
PEOPLE = 40
FAULTS = {0: "spammer", 3: "constant", 6: "periodic", 9: "drift", 12: "biased", 15: "copier", 18: "spammer", 21: "drift"}
# Which faults a check is for, and which others it may name without being wrong: whoever guesses also has habits of labels.
CHECKS = {
    "outlier/spammer": ({"spammer", "constant", "periodic"}, {"drift", "biased"}),
    "outlier/drift": ({"drift"}, set()),
    "outlier/periodic_answers": ({"periodic"}, set()),
    "bias/annotator_label_shift": ({"biased"}, {"spammer", "constant", "periodic", "drift"}),
    "bias/copied_answers": ({"copier"}, {"source"}),
    "outlier/fatigue": (set(), {"drift"}),
    "outlier/straight_line": ({"constant"}, set()),
}


def share(hits: int, n: int) -> str:
    """A share with its Wilson interval; a dash where there is nothing to count."""
    if not n:
        return "-"
    low, high = wilson(np.array([float(hits)]), np.array([float(n)]))
    return f"{100 * hits / n:.0f} % ({100 * low[0]:.0f} to {100 * high[0]:.0f})"


def accused(seed: int, items: int, faults: dict[int, str]) -> dict[str, set[str]]:
    """Check -> the people whom it names in one world."""
    item, person, label, _ = planted.crowd(seed, items=items, people=PEOPLE, faults=faults)
    with tempfile.TemporaryDirectory() as folder:
        opened = measured.of_rows(Path(folder), annotation=planted.rows(item, person, label))
        return {check: _named(measured.findings(opened, check)) for check in CHECKS}


def _named(found: list[dict[str, object]]) -> set[str]:
    """Everybody in findings: of a pair both."""
    return {str(row[name]) for row in found for name in ("annotator_id", "other_annotator") if row.get(name)}


def annotators() -> str:
    """Power and false discoveries of the checks of people, with the parameters that they come with."""
    lines = [
        "## Annotators\n",
        f"{WORLDS} worlds a row; {PEOPLE} people, 5 votes an item of three labels, honest people right in 70 to 95 % of their answers. Eight",
        "are planted: two who guess, one who gives one label always, one who types 1, 2, 3, two whose share of guesses grows from none to",
        "all, one who gives the first label in 40 % of the cases whatever is right, one who copies four in five answers of another. *Found*",
        "are planted people of the check's kind. *Wrong* are people named for what they do not do, of all named in all worlds. The *false",
        "discovery rate* is the mean over worlds of that share (0 where nobody is named): what Benjamini-Hochberg holds at 5 %. *Calm* are",
        "worlds without planted people in which the check names anybody.\n",
        "| votes a person | check | found | wrong | false discovery rate | calm |",
        "|---|---|---|---|---|---|",
    ]
    for items in (600, 1600):
        counts = {check: np.zeros(5, np.int64) for check in CHECKS}
        rates: dict[str, list[float]] = {check: [] for check in CHECKS}
        for world in range(WORLDS):
            calm = accused(1000 + world, items, {})
            kinds = {f"p{who:03d}": fault for who, fault in FAULTS.items()}
            kinds |= {f"p{who - 1:03d}": "source" for who, fault in FAULTS.items() if fault == "copier"}
            for check, named in accused(world, items, FAULTS).items():
                wanted, allowed = CHECKS[check]
                due = {who for who, kind in kinds.items() if kind in wanted}
                wrong = {who for who in named if kinds.get(who) not in wanted | allowed}
                rates[check].append(len(wrong) / max(1, len(named)))
                counts[check] += (len(named & due), len(due), len(wrong), len(named), bool(calm[check]))
        for check, (found, due, wrong, named, calm_worlds) in counts.items():
            rate, error = np.mean(rates[check]), 1.96 * np.std(rates[check]) / np.sqrt(WORLDS)
            of = f"{100 * rate:.1f} % ({100 * max(0, rate - error):.1f} to {100 * (rate + error):.1f})"
            cells = (str(items * 5 // PEOPLE), f"`{check}`", share(found, due), share(wrong, named), of, share(calm_worlds, WORLDS))
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Intervals of shares are Wilson's, 95 %. Few votes mean few findings, not false ones: what a check cannot tell it does not say.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(annotators())
