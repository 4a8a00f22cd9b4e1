"""Every built-in check's cases hold: data beside the check, run through the same stage, measures and engine as an audit."""

from __future__ import annotations

import pytest

from auditor import cases, check, content, measure

BINDER = check.Binder(measure.columns())
CHECKS = check.load_folder(content.folder("checks"), BINDER, builtin=True)
CASES = [(one, case) for one in CHECKS for case in one.cases]


@pytest.mark.parametrize(("one", "case"), CASES, ids=[f"{one.id}-{case['name']}" for one, case in CASES])
def test_case(one, case, tmp_path):
    assert cases.run_case(one, case, tmp_path, BINDER) == []


def test_measures_have_what_the_docs_need():
    for name in measure.names():
        module = measure.load(name)
        assert module.MEANING, name
        assert module.SOURCE, name
        assert set(module.KEY) <= set(module.COLUMNS), name
        assert hasattr(module, "SQL") != hasattr(module, "READS"), name
