"""`auditor identity`, `open`, `access`: who can open sealed fields, opening one, and who may."""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # click resolves it when it runs
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.protection.identity import Identity

_FILE = click.Path(dir_okay=False, path_type=Path)
ROOT = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The workspace; the current folder when not given.",
)


def identity_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whose keys are used."""
    command = click.option("--passphrase-file", type=_FILE, help="A file with the identity's passphrase, in one line.")(command)
    return click.option(
        "--identity", "file", type=_FILE, help="The private file; else $AUDITOR_IDENTITY, else ~/.config/auditor/identity.json."
    )(command)


def load_identity(file: Path | None, passphrase_file: Path | None) -> Identity:
    """The identity that the options name, else the one of the account."""
    from auditor.protection import identity, vault

    return identity.load(vault.identity_file(file), vault.passphrase(passphrase_file))


@click.group()
def identity() -> None:
    """Private keys with which a person or a CI job opens sealed fields, and their public halves.

    The private file stays with its holder, readable by nobody else. The public half goes into the workspace's policies/recipients
    folder, and into git: whoever reviews it says whose key it is. Nobody can restore a lost identity or reset a passphrase.
    What somebody has opened, or could have, cannot be called back: taking a recipient away closes what is imported afterwards.
    """


@identity.command()
@click.option("--name", required=True, help="Who it is, such as ada or ci-main; policies and the ledger write it.")
@click.option("--kind", type=click.Choice(["person", "job"]), default="person", show_default=True, help="A person or a CI job.")
@click.option("--role", "roles", multiple=True, help="A role that the workspace gives them; may be repeated.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Their last day.")
@identity_options
@ROOT
def new(
    name: str,
    kind: Any,
    roles: tuple[str, ...],
    until: dt.datetime | None,
    file: Path | None,
    passphrase_file: Path | None,
    root: Path,
) -> None:
    """Make an identity, and its recipient in policies/recipients."""
    from auditor.protection import vault

    path = vault.identity_file(file)
    made, target = vault.make_identity(
        root, path, name, kind, roles, until.date() if until else None, vault.passphrase(passphrase_file)
    )
    click.echo(f"identity {made.name} ({made.kem}, key id {made.key_id}): {path}, keep it private and keep a copy")
    click.echo(f"recipient: {target}, have it reviewed and committed; the next import grants what policies/access.cedar permits")


@identity.command()
@click.option("--role", "roles", multiple=True, help="With --write: a role that the workspace gives them; may be repeated.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="With --write: their last day.")
@click.option("--write", is_flag=True, help="Write it to policies/recipients of the workspace.")
@identity_options
@ROOT
def show(
    roles: tuple[str, ...], until: dt.datetime | None, write: bool, file: Path | None, passphrase_file: Path | None, root: Path
) -> None:
    """Show an identity's public half; --write puts it into a workspace."""
    from auditor.protection import vault

    who = load_identity(file, passphrase_file)
    last = until.date() if until else None
    if write:
        click.echo(f"recipient: {vault.publish(root, who, roles, last)[1]}, have it reviewed and committed")
    else:
        click.echo(who.recipient(roles, last).toml(), nl=False)


@click.command("open")
@click.argument("field", metavar="FIELD")
@click.option("--purpose", required=True, help="What for; one of the purposes in policies/schema.cedarschema.")
@click.option("--dataset", default="", help="Which dataset; each that has the field when not given.")
@click.option("--out", type=_FILE, help="Write to a new .csv, .json or .parquet file that only you can read.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@identity_options
@ROOT
def open_(
    field: str,
    purpose: str,
    dataset: str,
    out: Path | None,
    as_json: bool,
    file: Path | None,
    passphrase_file: Path | None,
    root: Path,
) -> None:
    """Open a sealed field such as annotator.attributes.gender, and print its values beside the rows' keys.

    It opens where policies/access.cedar permits it for the purpose and a grant holds the key for your identity; the
    ledger says that
    it did, before. What you print or write is in clear: its protection is yours from then on.
    """
    from auditor.protection import vault

    if out is not None:
        vault.check_target(out)
    rows = vault.open_field(root, load_identity(file, passphrase_file), field, purpose, dataset)
    if out is not None:
        vault.save(rows, out)
        click.echo(f"{rows.num_rows:,} rows in clear: {out}", err=True)
    else:
        click.echo(vault.rows_json(rows) if as_json else vault.rows_csv(rows), nl=False)


@click.command()
@click.option(
    "--test", "run_cases", is_flag=True, help="Ask the cases of policies/cases.toml; exits 3 where one comes out otherwise."
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@ROOT
def access(run_cases: bool, as_json: bool, root: Path) -> None:
    """Show who may open which sealed field for which purpose, and where grants differ from the policy.

    Enforced by keys: who may open a field for no purpose holds no key to it. Enforced by this program only: purposes, dates and
    the ledger; a holder of a key who uses raw libraries is bound by none of them. Not hidden: row counts, names of
    columns, which cells did not change, and rough lengths of texts. docs/protection.md says all of it.
    """
    from auditor.protection import vault

    if run_cases:
        click.echo(vault.test_cases(root))
    else:
        click.echo(vault.matrix_json(root).rstrip("\n") if as_json else vault.matrix_text(root))
