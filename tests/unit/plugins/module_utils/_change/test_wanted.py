# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted, what the files show of it, and which version the channels offer to the Python that is there."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import (
    newest_target,
    unmet,
    wanted_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName

HERE = [
    RecordName("conda", "26.5.3", "py313_0"),
    RecordName("python", "3.13.2", "0"),
    RecordName("mamba", "2.6.0", "0"),
]


@pytest.mark.parametrize(
    ("version", "specs", "open_"),
    [
        ("newest", (), ["conda"]),  # whether it is the newest, the files do not tell
        ("any", (), []),
        (">=26.5.2", (), []),
        (">=26.5.3", (), []),
        (">=26.7", (), ["conda"]),
        ("26.5.3", (), []),
        ("26.5", (), ["conda"]),
        ("26.5.2", (), ["conda"]),  # exactly that one
        ("any", ("mamba>=2.7",), ["mamba"]),
        ("any", ("mamba", "python>=3.10"), []),
        ("any", ("conda-libmamba-solver",), ["conda-libmamba-solver"]),
        ("any", ("conda-forge::mamba >=2.6",), []),  # the channel is not in the name of a record
        ("any", ("MAMBA>=2.7",), ["mamba"]),
    ],
)
def test_what_the_files_do_not_show(version, specs, open_):
    assert [item.name for item in unmet(wanted_packages("conda", version, specs), HERE)] == open_


@pytest.mark.parametrize(
    ("version", "specs", "said"),
    [
        ("newish or so", (), "version: 'newish or so' is neither a version"),
        (">26.5", (), "neither a version, nor a bound"),
        ("-y", (), "neither a version"),
        ("any", ("mamba >=",), "'mamba >=' is no match spec"),
        ("any", ("*",), "does not name one package"),
        ("newest", ("conda>=26",), "conda is asked for twice"),
        ("any", ("mamba", "mamba>=2"), "mamba is asked for twice"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_place(version, specs, said):
    with pytest.raises(Refused, match=said):
        wanted_packages("conda", version, specs)


def conda(version, *depends):
    return Package("conda", version, "py_0", depends=depends)


def test_the_newest_is_found_in_the_order_of_versions():
    found = [conda("25.11.1"), conda("25.5.1"), conda("25.9.0")]
    assert newest_target(found, "25.5.1", None, may_move_python=False).version == "25.11.1"


def test_nothing_newer_is_no_target():
    target = newest_target([conda("25.5.1"), conda("24.1")], "25.5.1", None, may_move_python=False)
    assert (target.version, target.newest) == (None, "25.5.1")


def test_the_newest_that_the_python_can_run_is_taken_and_the_newer_one_is_told():
    found = [conda("26.1", "python >=3.10"), conda("25.9.1", "python >=3.9"), conda("25.5.1", "python >=3.9")]
    target = newest_target(found, "25.5.1", "3.9.18", may_move_python=False)
    assert (target.version, target.newest, target.python) == ("25.9.1", "26.1", None)


def test_any_build_that_fits_will_do():
    found = [conda("26.1", "python >=3.13,<3.14.0a0"), conda("26.1", "python >=3.12,<3.13.0a0")]
    assert newest_target(found, "25.5.1", "3.12.1", may_move_python=False).version == "26.1"


def test_where_python_may_move_it_goes_as_little_as_it_can():
    needs = ["python >=3.14,<3.15.0a0", "python >=3.10,<3.11.0a0", "python >=3.11,<3.12.0a0"]
    found = [conda("26.1", need) for need in needs] + [conda("25.9.1", "python >=3.9,<3.10.0a0")]
    target = newest_target(found, "25.5.1", "3.9.18", may_move_python=True)
    assert (target.version, target.python) == ("26.1", "python >=3.10,<3.11.0a0")


def test_a_version_that_is_none_is_passed_over():
    assert (
        newest_target([conda("not a version"), conda("25.9.1")], "25.5.1", None, may_move_python=False).version
        == "25.9.1"
    )
