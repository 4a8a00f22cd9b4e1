"""A workspace's sealed fields, as the commands need them: who there is, who may open what, and the opening.

ROOT/policies/   fields.toml, access.cedar, schema.cedarschema, cases.toml, recipients/NAME.toml
ROOT/grants/     wrapped column keys        ROOT/ledger/   who opened what
ROOT/tables/NAME/TABLE.parquet and TABLE.sealed.parquet; the dataset's name is the folder's
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import content
from auditor.errors import UsageError
from auditor.files import create, write_text
from auditor.outputs.csv import plain
from auditor.protection import access as policies
from auditor.protection import grant, identity, policy, recipient, unseal
from auditor.protection.protect import sealed_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from auditor.protection.access import Access
    from auditor.protection.identity import Identity
    from auditor.protection.recipient import Kind, Recipient


def now() -> dt.datetime:
    """The time, in UTC."""
    return dt.datetime.now(dt.UTC)


def read_access(root: Path) -> Access:
    """The policies of a workspace.

    Raises:
        InputError: one of its files is none.
    """
    folder = root / "policies"
    own = folder / "fields.toml"
    builtin = content.folder("policies") / "fields.toml"
    files = [builtin] if not own.is_file() or own.samefile(builtin) else [builtin, own]
    return policies.load(folder, policy.load(*files))


def identity_file(given: Path | None) -> Path:
    """Where the identity is: as given, else $AUDITOR_IDENTITY, else ~/.config/auditor/identity.json."""
    named = os.environ.get("AUDITOR_IDENTITY")
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return given or (Path(named) if named else home / "auditor" / "identity.json")


def passphrase(file: Path | None) -> bytes | None:
    """The passphrase that a file holds, without the end of its line.

    Raises:
        UsageError: the file cannot be read.
    """
    if file is None:
        return None
    try:
        return file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"{file}: the passphrase file cannot be read", "give a file with one line") from error


def make_identity(
    root: Path, file: Path, name: str, kind: Kind, roles: tuple[str, ...], until: dt.date | None, secret: bytes | None
) -> tuple[Identity, Path]:
    """A new identity, and its recipient in the workspace.

    Raises:
        UsageError: there is an identity or a recipient of that name already, or a name, role or passphrase that cannot be.
    """
    target = root / "policies" / "recipients" / f"{name}.toml"
    recipient.check_name(name, roles)
    _known_roles(root, roles)
    if target.exists():
        raise UsageError(f"{target}: there is a recipient of this name already", "choose another --name, or remove theirs first")
    # One kind of key in a workspace: whoever comes later follows those who are there.
    there = recipient.read_recipients(target.parent)
    kem = next(iter(there.values())).kem if there else None
    made = identity.new(file, name, kind, secret, kem)
    write_text(target, made.recipient(roles, until).toml())
    return made, target


def _known_roles(root: Path, roles: tuple[str, ...]) -> None:
    known = read_access(root).roles
    for role in roles:
        if role not in known:
            raise UsageError(f"there is no role {role!r}", f"there are {', '.join(known)}; policies/schema.cedarschema names them")


def publish(root: Path, who: Identity, roles: tuple[str, ...], until: dt.date | None) -> tuple[Recipient, Path]:
    """Write an identity's recipient into a workspace, in place of the one that is there.

    Raises:
        UsageError: there is no such role.
    """
    _known_roles(root, roles)
    one = who.recipient(roles, until)
    target = root / "policies" / "recipients" / f"{who.name}.toml"
    write_text(target, one.toml())
    return one, target


def datasets(root: Path) -> dict[str, Path]:
    """The datasets that hold sealed fields, by name."""
    folders = sorted(path for path in (root / "tables").glob("*") if path.is_dir() and path.name[0] not in "._")
    return {path.name: path for path in folders if sealed_fields(path)}


def open_field(root: Path, who: Identity, field: str, purpose: str, dataset: str = "") -> pa.Table:
    """A sealed field of a workspace in clear.

    Args:
        root: the workspace.
        who: who opens it.
        field: such as "annotator.attributes.gender".
        purpose: what for.
        dataset: which dataset; "" for each that has the field.

    Returns:
        dataset, the table's key columns, and `value`.

    Raises:
        UsageError: no such dataset, field or purpose.
        AccessError: denied.
        InputError: something was altered.
    """
    import pyarrow as pa

    there = datasets(root)
    if dataset and dataset not in there:
        raise UsageError(
            f"there is no dataset {dataset!r} with sealed fields", f"there are {', '.join(there)}" if there else "import one first"
        )
    chosen = {dataset: there[dataset]} if dataset else {name: path for name, path in there.items() if field in sealed_fields(path)}
    if not chosen:
        known = sorted({one for path in there.values() for one in sealed_fields(path)})
        raise UsageError(
            f"{field} is not sealed here", f"sealed are {', '.join(known)}" if known else "no field of this workspace is sealed"
        )
    access = read_access(root)
    opener = unseal.Opener(who, access, root / "grants", root / "ledger")
    parts = []
    for name, folder in chosen.items():
        rows = unseal.open_field(opener, folder, name, field, purpose, now())
        parts.append(rows.add_column(0, "dataset", pa.array([name] * rows.num_rows, pa.string())))
    return pa.concat_tables(parts)


def rows_json(rows: pa.Table) -> str:
    """Rows as a JSON list."""
    return json.dumps(rows.to_pylist(), ensure_ascii=False, indent=1, default=_json) + "\n"


def rows_csv(rows: pa.Table) -> str:
    """Rows as CSV; what a terminal or a spreadsheet would run is written so that it does not."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows.column_names)
    for row in rows.to_pylist():
        writer.writerow([plain(_cell(value)) for value in row.values()])
    return out.getvalue()


def _json(value: object) -> str:
    assert isinstance(value, dt.datetime)  # The one type of our columns that JSON lacks.
    return value.isoformat()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=_json) if isinstance(value, (list, dict)) else value


def check_target(path: Path) -> None:
    """Make sure that rows can be saved there, before anything is opened for it.

    Raises:
        UsageError: another ending, or a file that is there already.
    """
    if path.suffix not in {".parquet", ".json", ".csv"}:
        raise UsageError(f"{path}: cannot write this kind of file", "name it .csv, .json or .parquet")
    if path.exists():
        raise UsageError(f"{path}: there is a file already", "choose another --out")


def save(rows: pa.Table, path: Path) -> None:
    """Write opened rows to a new file that only its owner can read: Parquet, JSON or CSV, by its ending.

    Raises:
        UsageError: another ending, or a file that is there already.
    """
    import pyarrow.parquet as pq

    check_target(path)
    if path.suffix == ".parquet":
        stream = io.BytesIO()
        pq.write_table(rows, stream)
        data = stream.getvalue()
    else:
        data = (rows_json(rows) if path.suffix == ".json" else rows_csv(rows)).encode()
    try:
        create(path, data, 0o600)
    except FileExistsError:
        raise UsageError(f"{path}: there is a file already", "choose another --out") from None


@dataclass(frozen=True)
class Standing:
    """Who may open one field of one dataset, and who holds its key.

    Attributes:
        dataset: the dataset's name, "" for a field that is not sealed anywhere yet.
        field: the field.
        may: recipient -> purposes for which they may open it.
        holders: who holds the newest key.
    """

    dataset: str
    field: str
    may: Mapping[str, tuple[str, ...]]
    holders: tuple[str, ...]

    @property
    def differs(self) -> str:
        """What grants and policy disagree about, or ""."""
        if not self.dataset:
            return ""
        more = [name for name in self.holders if name not in self.may]
        less = [name for name in self.may if name not in self.holders]
        said = [
            f"{', '.join(more)} may not open it any more and can still" if more else "",
            f"{', '.join(less)} may and cannot yet" if less else "",
        ]
        return "; ".join(filter(None, said))


def standings(root: Path, access: Access) -> Iterator[Standing]:
    """For every sealed field, and every field that the policy wants sealed: who may open it, and who can."""
    sealed = [(name, field) for name, path in datasets(root).items() for field in sealed_fields(path)]
    wanted = [field for field, rule in access.fields.rules.items() if rule.treatment == "seal"]
    there = {field for _, field in sealed}
    for dataset, field in [*sealed, *(("", field) for field in sorted(wanted) if field not in there)]:
        may: dict[str, tuple[str, ...]] = {}
        for (name, _, purpose), one in policies.matrix(access, [field], now(), dataset).items():
            if one.allowed:
                may[name] = (*may.get(name, ()), purpose)
        made = grant.read(root / "grants", dataset, field) if dataset else None
        holders = tuple(wrap.recipient for wrap in made.epochs[-1].wraps) if made else ()
        yield Standing(dataset, field, may, holders)


def matrix_text(root: Path) -> str:
    """Who may open which field for which purpose, for people."""
    access = read_access(root)
    lines = []
    for one in standings(root, access):
        lines.append(
            f"{one.field}  ({access.fields.rule(one.field).sensitivity}{f', {one.dataset}' if one.dataset else ', not sealed yet'})"
        )
        lines += [
            f"  {name} ({', '.join(access.recipients[name].roles) or 'no role'}): {', '.join(purposes)}"
            for name, purposes in one.may.items()
        ]
        lines += ["  nobody"] if not one.may else []
        lines += [f"  grants differ from the policy: {one.differs}; import again"] if one.differs else []
    if not lines:
        return 'no field is sealed: write treatment = "seal" for one in policies/fields.toml, and import'
    return "\n".join(lines)


def matrix_json(root: Path) -> str:
    """The same for programs."""
    access = read_access(root)
    found = [
        {
            "dataset": one.dataset, "field": one.field, "sensitivity": access.fields.rule(one.field).sensitivity,
            "may": {name: list(purposes) for name, purposes in one.may.items()},
            "holders": list(one.holders), "differs": one.differs,
        }
        for one in standings(root, access)
    ]  # fmt: skip
    return json.dumps(found, indent=1) + "\n"


def test_cases(root: Path) -> str:
    """Ask the cases of `policies/cases.toml`.

    Raises:
        AuditorError: one comes out otherwise than it says; the message names each.
    """
    from auditor.errors import AuditorError
    from auditor.protection import access_cases

    file = policies.file(root / "policies", "cases.toml")
    wrong = access_cases.run(read_access(root), file)
    if wrong:
        raise AuditorError(
            f"{len(wrong)} of the cases come out otherwise than written: {'; '.join(wrong)}",
            f"correct access.cedar, or the cases in {file}",
        )
    return f"all {len(access_cases.load(file))} cases come out as written"
