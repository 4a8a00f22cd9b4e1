"""A workspace as a team would use it: every command through the command line."""

from __future__ import annotations

import os
from pathlib import Path

from click.testing import CliRunner

from auditor.cli import cli

GIT = {
    "GIT_AUTHOR_NAME": "n",
    "GIT_AUTHOR_EMAIL": "n@example.org",
    "GIT_COMMITTER_NAME": "n",
    "GIT_COMMITTER_EMAIL": "n@example.org",
}


def run(folder, *words, code=0):
    """The command's output; fails when the exit code is another."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    finally:
        os.chdir(before)
    assert done.exit_code == code, done.output
    return done.output


def audited(root):
    for word in ("measure", "check"):
        run(root, word)
