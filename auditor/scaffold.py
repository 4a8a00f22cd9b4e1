"""`auditor init`: makes a workspace, or adds to a repository what it lacks. Nothing that is there is overwritten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from auditor import content, release, workspace
from auditor.errors import AuditorError, UsageError
from auditor.files import write_text
from auditor.git import git
from auditor.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
#:schema ./auditor.schema.json
# What this workspace wants checked, how severe each finding is, and what the gate accepts. All keys: docs/settings.md.
# It is DVC's params file too: `dvc params diff` shows who loosened what.

dataset = "{name}"

[gate]
fail_on = "error"        # info | warning | error: from which severity on findings block
# require = ["consistency/split_leak"]   # checks that must run, or the verdict is incomplete

# [checks."bias/class_imbalance"]
# tolerance = 3          # findings accepted: a count, or "1%" of the check's unit

# [[waiver]]
# check = "consistency/duplicate_item"
# owner = "name"
# reason = "known copies, removed in the next release"
# until = 2026-12-31
"""
PIPELINE = """\
# Import is an act (auditor import); everything after it is made by `dvc repro`, without any identity.
# The gate is no stage: waivers end with time, so run `auditor gate` when you want its answer.
stages:
"""
STAGES = {
    "measure": """\
  measure:
    cmd: auditor measure
    deps:
      - tables
      - checks
      - policies
    params:
      - auditor.toml:
    outs:
      - measures:
          persist: true   # measures that are fresh are kept
""",
    "check": """\
  check:
    cmd: auditor check
    deps:
      - tables
      - measures
      - checks
      - policies
    params:
      - auditor.toml:
    outs:
      - findings
""",
    "report": """\
  report:
    cmd: auditor report
    deps:
      - findings
      - measures
    outs:
      - report:
          cache: false
    always_changed: true  # it shows the gate's answer of the day
""",
}
IGNORED = ("/tables", "/measures", "/findings", "/report", "/private/", "/at/", "/audit/", "/.auditor/")
CHECKS = """\
Your own checks: one SQL file and one TOML file of cases each, as `auditor explain CHECK` shows. They are asked beside the built-in
ones; one with the path of a built-in check takes its place. `auditor checks --test --checks checks` runs their cases.
"""
FIELDS = """\
# What this workspace says of fields, on top of the built-in rules (`auditor tables` lists the fields).
# sensitivity = "public" | "internal" | "personal" | "special", show = "yes" | "auto" | "pseudonym" | "no",
# treatment = "open" | "pseudonym" | "seal" | "drop" (what is stored; follows from show where it is not given).
#
# [annotator.attributes]
# gender = { sensitivity = "special", show = "no", treatment = "seal" }
"""


def init(folder: Path, name: str = "") -> list[str]:
    """Make `folder` a workspace.

    Args:
        folder: made if it is not there; may lie in a git repository, with or without DVC.
        name: the data set's; the folder's when empty.

    Returns:
        What was done, a line each.

    Raises:
        UsageError: the folder is a file.
        AuditorError: git or DVC cannot be set up.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file", "name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    root = folder.resolve()
    added = _missing_stages(root / "dvc.yaml")
    space = workspace.Workspace(root)
    for made in (space.measures, space.findings, space.report):
        space.verify_ours(made)
    done = []
    if not _in_git(root):
        git(root, "init", "--quiet")
        done.append("made a git repository")
    done += release.init_dvc(root)
    done += _write(root / "auditor.toml", CONFIG.replace("{name}", name or root.name))
    done += _write(root / "auditor.schema.json", schema())
    done += _pipeline(root / "dvc.yaml", added)
    done += _write(root / "checks" / "README.md", CHECKS)
    done += _write(root / "policies" / "fields.toml", FIELDS)
    for one in ("access.cedar", "schema.cedarschema", "cases.toml"):
        builtin = content.folder("policies") / one
        if builtin.is_file():
            done += _write(root / "policies" / one, builtin.read_text(encoding="utf-8"))
    done += _ignore(root / ".gitignore")
    done = done or ["everything was there already"]
    hidden = git(
        root, "check-ignore", "--no-index", "dvc.lock", "tables.dvc", "verdict.json", "sources/x.json", check=False
    ).split()
    if hidden:
        done.append(f"note: .gitignore hides what git must keep, such as {hidden[0]}: add lines such as !{hidden[0]}")
    return done


def schema() -> str:
    """The JSON schema of auditor.toml, for editors."""
    body = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "auditor.toml", **Settings.model_json_schema()}
    return json.dumps(body, indent=1) + "\n"


def _write(path: Path, text: str) -> list[str]:
    if path.exists():
        return []
    write_text(path, text)
    return [f"wrote {path.parent.name + '/' if path.parent.name in {'checks', 'policies'} else ''}{path.name}"]


def _missing_stages(path: Path) -> list[str]:
    """The stages that dvc.yaml lacks; looked at before anything is written.

    Raises:
        AuditorError: it is no pipeline, or a stage of one of these names is somebody else's.
    """
    if not path.exists():
        return list(STAGES)
    stages = _stages(path)
    foreign = [name for name in STAGES if name in stages and "auditor" not in str((stages[name] or {}).get("cmd", ""))]
    if foreign:
        raise AuditorError(
            f"{path}: its stage {foreign[0]} is not auditor's", "rename it: auditor needs stages called measure, check and report"
        )
    return [name for name in STAGES if name not in stages]


def _stages(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        body = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
        stages = body.get("stages") or {}
        return {str(name): stage if isinstance(stage, dict) else None for name, stage in stages.items()}
    except (YAMLError, AttributeError, UnicodeDecodeError) as error:
        raise AuditorError(
            f"{path}: is not a pipeline that stages can be added to", "correct dvc.yaml, then run auditor init"
        ) from error


def _pipeline(path: Path, missing: list[str]) -> list[str]:
    if not path.exists():
        write_text(path, PIPELINE + "".join(STAGES.values()))
        return ["wrote dvc.yaml: measure -> check -> report"]
    if not missing:
        return []
    text = path.read_text(encoding="utf-8")
    written = _appended(text, missing)
    write_text(path, written)
    if set(_stages(path)) >= set(STAGES):
        return [f"added to dvc.yaml: {', '.join(missing)}"]
    write_text(path, text)
    raise AuditorError(f"{path}: stages cannot be added at its end", "move `stages:` to the end, its stages two spaces in")


def _appended(text: str, missing: list[str]) -> str:
    """The file with our stages at its end: no line of the user's is touched."""
    gap = "" if not text or text.endswith("\n") else "\n"
    head = "" if any(line.startswith("stages:") for line in text.splitlines()) else "stages:\n"
    return f"{text}{gap}{head}{''.join(STAGES[name] for name in missing)}"


def _ignore(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in IGNORED if line not in text.splitlines()]
    if not missing:
        return []
    gap = "" if not text or text.endswith("\n") else "\n"
    write_text(path, f"{text}{gap}{chr(10).join(missing)}\n")
    return [f"added to .gitignore: {' '.join(missing)}"]


def _in_git(root: Path) -> bool:
    return git(root, "rev-parse", "--is-inside-work-tree", check=False) == "true"
