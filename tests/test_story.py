"""docs/story.md is what the commands print on the real data: two releases that differ by the corrections, and a sealed data set."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.workspace_world import GIT


@pytest.mark.data
def test_the_story_is_true(root, shared_data):
    import os

    done = subprocess.run(
        [sys.executable, str(root / "docs" / "story.py"), str(shared_data / "bccd"), str(shared_data / "popquorn" / "offensiveness.csv"), "--check"],
        env=os.environ | GIT | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (root / "docs" / "story.md").read_text(encoding="utf-8")
    # the two releases differ by exactly the corrections
    difference = page.split("$ auditor diff v1 v2\n")[1].split("```")[0]
    assert difference.splitlines() == [
        "items      0 added, 0 removed",
        "labels     0 annotations added, 0 removed, 2 changed",
        "           changed: place in 2",
        "gone       2 x consistency/box_degenerate",
    ]
    assert "needs annotator.attributes.gender" in page or "sealed, so no check saw: annotator.attributes.gender" in page
