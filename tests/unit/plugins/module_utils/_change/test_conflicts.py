# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request conflicts with is read from what real solvers have answered."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._conflicts import conflicts
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool_error import (
    CHECKSUM,
    NOT_FOUND,
    UNSATISFIABLE,
    ToolError,
)

BOTH = ["conf-a", "conf-b"]
DEMO = ("demo", "incompatible", [("conf-a", "demo <2"), ("conf-b", "demo >=2")], ("conf-a", "conf-b"))
WITH_AN_OLD_WISH = (*DEMO[:2], [*DEMO[2], ("demoarch", "demo >=1.0")], DEMO[3])
OLD = ["python=2.7", "click=6.7", "markupsafe=1.1.1"]
PYTHON = (
    "python",
    "incompatible",
    [("markupsafe 1.1.1*", "python 3.6*"), ("", "python 2.7*")],
    ("markupsafe=1.1.1", "python=2.7"),
)
MISSING = ("nosuchpkg", "not_available", [("", "nosuchpkg")], ("nosuchpkg",))


def told(found):
    return [
        (item.package, item.kind, [(" -> ".join(want.by), want.spec) for want in item.wants], item.relax)
        for item in found
    ]


@pytest.mark.parametrize(
    ("source", "name", "requested", "expected"),
    [
        ("conda-4.2.7", "create-missing", ["nosuchpkg"], [MISSING]),
        ("conda-4.3.13", "create-missing", ["nosuchpkg"], [MISSING]),
        ("conda-4.3.13", "create-conflict", OLD, [PYTHON]),
        ("conda-4.3.16", "create-conflict", OLD, [PYTHON]),
        ("conda-4.12.0", "conflict-dry", BOTH, [WITH_AN_OLD_WISH]),
        ("conda-4.12.0", "notfound", ["nosuchpkg"], [MISSING]),
        # All that this solver names has nothing to do with the request, so that nothing is told.
        ("conda-4.12.0", "unsat-dep", ["unsat"], []),
        ("conda-22.11.1", "conflict-dry", BOTH, [WITH_AN_OLD_WISH]),
        ("conda-22.11.1", "unsat-dep", ["unsat"], []),
        ("conda-24.11.3", "conflict-dry", BOTH, [DEMO]),
        (
            "conda-24.11.3",
            "unsat-dep",
            ["unsat"],
            [("nosuchdep", "not_available", [("unsat", "nosuchdep >=3")], ("unsat",))],
        ),
        ("conda-26.7.0", "conflict-dry", BOTH, [DEMO]),
        ("conda-26.7.0", "notfound", ["nosuchpkg"], [MISSING]),
        ("conda-26.7.0-classic", "conflict", BOTH, [DEMO]),
        (
            "conda-26.7.0-rattler",
            "conflict",
            BOTH,
            [("demo", "incompatible", [("conf-b", "demo >=2"), ("", "demo 1.0.*")], ("conf-b",))],
        ),
        (
            "micromamba-2.8.1",
            "conflict",
            BOTH,
            [("demo", "incompatible", [("conf-b 1.0", "demo >=2")], ("conf-b",))],
        ),
        ("micromamba-2.3.3", "conflict", BOTH, [("demo", "incompatible", [("conf-b 1.0", "demo >=2")], ("conf-b",))]),
        ("micromamba-2.8.1", "notfound", ["nosuchpkg"], []),
    ],
)
def test_what_each_solver_answers_is_told_in_one_shape(recorded, source, name, requested, expected):
    error = recorded(source, name).answer().error
    assert told(conflicts(error, requested)) == expected


def test_what_is_installed_is_the_other_side_where_the_solver_names_one_only(recorded, record):
    error = recorded("micromamba-2.8.1", "conflict").answer().error
    found = conflicts(error, ["conf-b"], [record("conf-a", "1.0", depends=["demo <2"]), record("other", "1")])
    assert told(found)[0][2] == [("conf-b 1.0", "demo >=2"), ("conf-a 1.0", "demo <2")]


TREE = """\
Could not solve for environment specs
The following packages are incompatible
├─ numpy 1.24.*  is requested and can be installed;
├─ pandas =2.2 * is installable with the potential options
│  ├─ pandas [2.2.0|2.2.1] would require
│  │  └─ numpy >=1.26,<2.0a0 *, which conflicts with any installable versions previously reported;
│  └─ pandas 2.2.2 would require
│     └─ python >=3.13,<3.14.0a0 *, which can be installed;
└─ python =3.9 * is not installable because it conflicts with any installable versions previously reported.
"""


def test_a_tree_with_options_is_read_to_the_ends_of_its_branches():
    found = conflicts(ToolError("", UNSATISFIABLE, TREE, {}), ["numpy 1.24.*", "pandas=2.2", "python=3.9"])
    sides = {item.package: told([item])[0] for item in found}
    assert ("pandas =2.2", "numpy >=1.26,<2.0a0") in sides["numpy"][2]
    assert sides["numpy"][3] == ("pandas=2.2", "numpy 1.24.*") or set(sides["numpy"][3]) == {
        "pandas=2.2",
        "numpy 1.24.*",
    }
    assert ("pandas =2.2", "python >=3.13,<3.14.0a0") in sides["python"][2]
    assert set(sides["python"][3]) == {"pandas=2.2", "python=3.9"}


SYSTEM = "nothing provides __cuda >=99 needed by needcuda-1.0-0"
CHAINS = [["a", "b >=2", "c >=3"], ["d", "c <3"], ["c"]]


@pytest.mark.parametrize(
    ("error", "requested", "expected"),
    [
        (
            ToolError("", UNSATISFIABLE, SYSTEM, {}),
            ["needcuda"],
            [("__cuda", "not_on_this_host", [("needcuda 1.0", "__cuda >=99")], ("needcuda",))],
        ),
        (
            ToolError("", UNSATISFIABLE, "", {"unsatisfiable": CHAINS}),
            ["a", "d"],
            [("c", "incompatible", [("a -> b >=2", "c >=3"), ("d", "c <3"), ("", "c")], ("a", "d"))],
        ),
        (
            ToolError("", NOT_FOUND, "", {"packages": [["a", "b=9"]]}),
            ["a"],
            [("b", "not_available", [("a", "b=9")], ("a",))],
        ),
        (ToolError("", CHECKSUM, "- a -> b 1", {}), ["a"], []),
        (ToolError("", UNSATISFIABLE, "something new was said", {"unsatisfiable": "x"}), ["a"], []),
        (ToolError("", UNSATISFIABLE, "└─ \n├─\n -> \n- ->", {"unsatisfiable": [[], 1, [[]]]}), ["a"], []),
    ],
)
def test_other_shapes(error, requested, expected):
    assert told(conflicts(error, requested)) == expected


def test_the_sentence_names_all_sides_and_the_way_out(recorded):
    (found,) = conflicts(recorded("conda-26.7.0", "conflict-dry").answer().error, BOTH)
    assert found.text == (
        "demo cannot be as all want it: conf-a wants demo <2; conf-b wants demo >=2."
        " Relax or leave out conf-a or conf-b."
    )
    assert found.as_dict()["wants"] == [{"by": "conf-a", "spec": "demo <2"}, {"by": "conf-b", "spec": "demo >=2"}]
