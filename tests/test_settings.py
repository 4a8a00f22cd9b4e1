"""auditor.toml: validated, with suggestions."""

from __future__ import annotations

from typing import get_args

import pytest

from auditor import measure, settings, steps
from auditor.check import Binder
from auditor.errors import UsageError

CHECKS = steps.known_checks(Binder(measure.columns()), None)


def load(tmp_path, text):
    path = tmp_path / "auditor.toml"
    path.write_text(text)
    return settings.load(path)


def test_the_page_shows_every_key_and_is_valid(root, tmp_path):
    page = (root / "docs" / "settings.md").read_text()
    shown = load(tmp_path, page.split("```toml\n")[1].split("```")[0])
    settings.verify(shown, CHECKS)
    models = [shown, shown.gate, *shown.checks.values(), *(one.where for one in shown.checks.values())]
    for model in filter(None, models):
        assert set(type(model).model_fields) == model.model_fields_set, type(model).__name__
    assert set(settings.Waiver.model_fields) == set().union(*(one.model_fields_set for one in shown.waiver))
    assert all(f"`{sign}`" in page for sign in get_args(settings.Operator))


def test_a_whole_file(tmp_path):
    chosen = load(
        tmp_path,
        """
link = "https://labels.example/data?task={item_id}"
[gate]
fail_on = "warning"
require = ["consistency/box_out_of_image"]
[checks."consistency/box_out_of_image"]
severity = "warning"
tolerance = "1%"
params = { slack_px = 3.0 }
where = { column = "label", op = "=", value = "car" }
[[waiver]]
finding = "abc"
owner = "ada"
reason = "agreed"
until = 2026-12-31
""",
    )
    settings.verify(chosen, CHECKS)
    assert chosen.override("consistency/box_out_of_image").params == {"slack_px": 3.0}
    assert chosen.override("anything/else").enabled


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lnk = 'https://x'", "'link'"),
        ("[gate]\nfailon = 'error'", "'fail_on'"),
        ("[gate]\nfail_on = 'bad'", "gate.fail_on"),
        ("[checks.'a/b']\nseverty = 'error'", "'severity'"),
        ("[checks.'a/b']\ntolerance = -1", "tolerance"),
        ("[checks.'a/b']\ntolerance = true", "not True"),
        ("[checks.'a/b']\ntolerance = 1.5", "not 1.5"),
        ("memory = '1MB'", "memory: 1MB is less than the 64MB"),
        ("memory = '61 MiB'", "memory: 61 MiB is less"),
        ("memory = 'much'", "memory: "),
        ("link = 'javascript:alert(1)'", "https"),
        ("[[waiver]]\nfinding='x'\ncheck='y'\nowner='a'\nreason='b'\nuntil=2026-01-01", "either"),
        ("[[waiver]]\nfinding='x'\nreason='b'\nuntil=2026-01-01", "owner"),
        ("x = ", "correct the TOML"),
    ],
)
def test_faults(tmp_path, text, said):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert said in caught.value.message + " " + caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[checks.'consistency/box_out_of_imag']\nenabled = false", "'consistency/box_out_of_image'"),
        ("[gate]\nrequire = ['consistency/nothing_like_it']", "auditor checks"),
        ("[checks.'consistency/box_out_of_image']\nparams = { slack = 1 }", "slack_px"),
        ("[checks.'consistency/box_out_of_image']\nparams = { slack_px = 'x' }", "its default is"),
        ("[checks.'consistency/box_out_of_image']\nwhere = { column = 'lable', value = 'x' }", "no column"),
        ("[checks.'consistency/box_out_of_image']\nwhere = { column = 'label', op = 'in', value = 'x' }", "list"),
    ],
)
def test_what_the_settings_name_must_exist(tmp_path, text, said):
    with pytest.raises(UsageError) as caught:
        settings.verify(load(tmp_path, text), CHECKS)
    assert said in caught.value.message + " " + caught.value.hint
