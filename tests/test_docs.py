"""The documentation says what is so: its examples run, its links arrive."""

from __future__ import annotations

import doctest
import re


def test_the_python_page_runs(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(
        str(root / "docs" / "python.md"), module_relative=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 10
    assert failed == 0


def test_links_of_the_readme_and_of_docs_arrive(root):
    pages = [root / "README.md", *(root / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_names_commands_and_options_that_exist(root):
    from auditor.cli import cli

    text = (root / "README.md").read_text(encoding="utf-8")
    known = {name for command in cli.commands.values() for option in command.params for name in option.opts}
    assert set(re.findall(r"(?<=[ `])--[a-z][a-z-]+", text)) - {"--rewrite"} <= known
    assert set(re.findall(r"`?auditor ([a-z]+)\b", text)) & set(cli.commands)
