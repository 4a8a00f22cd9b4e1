"""Who may open what: nobody by default, as written otherwise, and a word that does not exist is an error with its place."""

from __future__ import annotations

import datetime as dt

import pytest

from auditor import content
from auditor.errors import AccessError, InputError, UsageError
from auditor.protection import access, access_cases, policy
from tests.seal_world import GENDER, NOW, UNTIL, example, world

BUILTIN = content.folder("policies")
FIELDS = policy.load(BUILTIN / "fields.toml")
ACTOR = access.Actor("User", "ada", ("compliance",), NOW + dt.timedelta(days=90))
EXAMPLE_CASES = """
[[case]]
says = "compliance audits bias"
principal = "User"
roles = ["compliance"]
until = 2027-06-30
field = "annotator.attributes.gender"
purpose = "bias-audit"
at = 2026-12-01
allowed = true
by = "compliance-audits-bias"

[[case]]
says = "who has no end does not"
principal = "User"
roles = ["compliance"]
field = "annotator.attributes.gender"
purpose = "bias-audit"
at = 2026-12-01
allowed = false
by = "special-fields-need-an-end"

[[case]]
says = "no job does"
principal = "Job"
roles = ["compliance"]
until = 2027-06-30
field = "annotator.attributes.gender"
purpose = "bias-audit"
at = 2026-12-01
allowed = false
by = "no-job-opens-what-is-special"

[[case]]
says = "a QA lead sees what is internal"
principal = "User"
roles = ["qa_lead"]
field = "item.text"
purpose = "quality-audit"
at = 2026-12-01
allowed = true
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "access.cedar").write_text(example(), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return world(tmp_path_factory.mktemp("world"))


def test_as_installed_nobody_opens_anything():
    builtin = access.load(None, FIELDS)
    assert builtin.ids == {}
    for role in builtin.roles:
        for kind in ("User", "Job"):
            for purpose in builtin.purposes:
                for field in ("item.text", GENDER, "annotator.email"):
                    answer = access.decide(builtin, access.Actor(kind, "x", (role,)), field, purpose, NOW)
                    assert not answer.allowed
                    assert answer.reason.startswith("no policy allows x")


def test_the_built_in_cases_come_out_as_written():
    assert access_cases.run(access.load(None, FIELDS), BUILTIN / "cases.toml") == []


def test_the_example_does_what_it_says(folder):
    (folder / "cases.toml").write_text(EXAMPLE_CASES)
    assert access_cases.run(access.load(folder, FIELDS), folder / "cases.toml") == []
    (folder / "cases.toml").write_text(EXAMPLE_CASES.replace("allowed = true", "allowed = false", 1))
    (wrong,) = access_cases.run(access.load(folder, FIELDS), folder / "cases.toml")
    assert "case 1, compliance audits bias: compliance-audits-bias allows" in wrong
    (folder / "cases.toml").write_text(EXAMPLE_CASES.replace('by = "compliance-audits-bias"', 'by = "another"'))
    assert len(access_cases.run(access.load(folder, FIELDS), folder / "cases.toml")) == 1
    (folder / "cases.toml").write_text(EXAMPLE_CASES.replace('"bias-audit"', '"bias"', 1))
    assert "there is no purpose 'bias'" in access_cases.run(access.load(folder, FIELDS), folder / "cases.toml")[0]
    (folder / "cases.toml").write_text(EXAMPLE_CASES.replace("says", "sayz", 1))
    with pytest.raises(InputError, match=r"case.1"):
        access_cases.run(access.load(folder, FIELDS), folder / "cases.toml")


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        (
            "resource.sensitivity ==",
            "resource.sensitivty ==",
            "attribute `sensitivty` on entity type `Field` not found",
            "schema.cedarschema",
        ),
        ('"bias-audit"', '"bias-audt"', '"bias-audt"', "there are the purposes access-request, bias-audit"),
        ('Role::"compliance"', 'Role::"complience"', '"complience"', "there are the roles annotator"),
        ('Sensitivity::"special"', 'Sensitivity::"secret"', '"secret"', "schema.cedarschema"),
        ('Action::"open"', 'Action::"opn"', "opn", "schema.cedarschema"),
        ("permit (", "permt (", "permt", "docs.cedarpolicy.com"),
        ('@id("compliance-audits-bias")', "", "a policy without an @id", "@id"),
        ('@id("compliance-answers-requests")', '@id("compliance-audits-bias")', "two policies have this @id", "rename"),
        (
            "permit (principal in",
            'permit (principal == ?principal, action, resource);\n@id("t") permit (principal in',
            "templates",
            "roles",
        ),
        ("context.purpose", "context.prupose", "prupose", "schema.cedarschema"),
    ],
)
def test_a_faulty_policy_is_refused_with_place_and_hint(folder, old, new, said, hint):
    file = folder / "access.cedar"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        access.load(folder, FIELDS)
    assert said in caught.value.message
    assert "access.cedar" in caught.value.message
    assert hint in caught.value.hint


def test_the_place_is_the_policys_line(folder):
    text = (folder / "access.cedar").read_text().replace("resource.sensitivity ==", "resource.sensitivty ==", 1)
    (folder / "access.cedar").write_text(text)
    line = text[: text.index('@id("qa-lead')].count("\n") + 1
    with pytest.raises(InputError, match=rf"line {line}, policy qa-lead-sees-what-is-internal"):
        access.load(folder, FIELDS)


def test_a_faulty_schema_is_refused(folder):
    good = (BUILTIN / "schema.cedarschema").read_text()
    (folder / "schema.cedarschema").write_text(good.replace("entity User", "entty User"))
    with pytest.raises(InputError, match=r"schema.cedarschema: .*entty"):
        access.load(folder, FIELDS)
    (folder / "schema.cedarschema").write_text(good.replace("entity Role enum", "entity Rolle enum").replace("[Role]", "[Rolle]"))
    with pytest.raises(InputError, match="there is no `entity Role enum"):
        access.load(folder, FIELDS)


def test_a_workspace_adds_roles_and_purposes(folder):
    good = (BUILTIN / "schema.cedarschema").read_text()
    (folder / "schema.cedarschema").write_text(
        good.replace('"researcher"', '"researcher", "d\\"p\\"o"').replace('"import"', '"import", "study"')
    )
    made = access.load(folder, FIELDS)
    assert 'd"p"o' in made.roles
    assert "study" in made.purposes
    assert made.digest != access.load(None, FIELDS).digest


def test_reasons_name_policies_by_their_id(folder):
    made = access.load(folder, FIELDS)
    assert access.decide(made, ACTOR, GENDER, "bias-audit", NOW).policies == ("compliance-audits-bias",)
    no_end = access.Actor("User", "ada", ("compliance",))
    answer = access.decide(made, no_end, GENDER, "bias-audit", NOW)
    assert answer.policies == ("special-fields-need-an-end",)
    assert answer.reason.startswith("special-fields-need-an-end forbids ada (compliance) to open")


def test_an_end_that_is_over_denies(folder):
    made = access.load(folder, FIELDS)
    answer = access.decide(made, ACTOR, GENDER, "bias-audit", ACTOR.until + dt.timedelta(seconds=1))
    assert not answer.allowed
    assert "ended on" in answer.reason


def test_a_forbid_that_fails_denies(folder):
    """Cedar leaves out a policy that fails; a forbid that was left out would open the door."""
    file = folder / "access.cedar"
    file.write_text(
        file.read_text()
        + '@id("broken") forbid (principal, action == Action::"open", resource) '
        + 'when { context.now.offset(duration("9223372036854775807ms")) < context.until };\n'
    )
    answer = access.decide(access.load(folder, FIELDS), ACTOR, GENDER, "bias-audit", NOW)
    assert not answer.allowed
    assert "cannot be decided" in answer.reason


def test_words_that_do_not_exist_are_usage_errors(folder):
    made = access.load(folder, FIELDS)
    with pytest.raises(UsageError, match="there is no purpose 'fun'"):
        access.decide(made, ACTOR, GENDER, "fun", NOW)
    with pytest.raises(UsageError, match="there is no role 'king'"):
        access.decide(made, access.Actor("User", "ada", ("king",)), GENDER, "bias-audit", NOW)


def test_the_matrix_and_who_gets_a_key(workspace):
    made = workspace.access
    matrix = access.matrix(made, [GENDER, "item.text"], NOW, "d")
    assert len(matrix) == 2 * len(made.recipients) * len(made.purposes)
    assert {key for key, one in matrix.items() if one.allowed} == {
        ("ada", GENDER, "bias-audit"),
        ("ada", GENDER, "access-request"),
        ("dan", GENDER, "import"),
        ("ada", "item.text", "bias-audit"),
        ("ada", "item.text", "access-request"),
        ("bob", "item.text", "quality-audit"),
        ("dan", "item.text", "import"),
    }
    assert [(one.recipient.name, one.not_after) for one in access.permitted(made, GENDER, NOW)] == [("ada", UNTIL), ("dan", UNTIL)]
    assert access.permitted(made, GENDER, dt.datetime(2027, 7, 1, tzinfo=dt.UTC)) == ()


def test_a_denial_says_whom_to_ask(workspace):
    with pytest.raises(AccessError, match="no policy allows bob") as caught:
        access.demand(workspace.access, "bob", GENDER, "bias-audit", NOW)
    assert caught.value.hint == "ask ada, who may"
    with pytest.raises(AccessError) as caught:
        access.demand(workspace.access, "bob", GENDER, "quality-audit", NOW)
    assert caught.value.hint.startswith("nobody may")
    with pytest.raises(AccessError, match="zoe is no recipient"):
        access.demand(workspace.access, "zoe", GENDER, "bias-audit", NOW)


def test_a_role_that_does_not_exist_is_an_error_in_the_recipients_file(tmp_path):
    made = world(tmp_path)
    made.recipient("ada", role="king")
    with pytest.raises(InputError, match=r"recipients/ada.toml: roles: there is no role 'king'"):
        made.access  # noqa: B018
