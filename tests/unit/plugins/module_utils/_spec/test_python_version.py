# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The versions of Python packages are ordered and matched as the library for it does."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._spec._python_version import (
    InvalidPythonVersion,
    Specifiers,
    parse_python_version,
)

RELEASES = ["1", "1.0", "1.1", "1.2.3", "2", "1!1.0", "1.10"]
ENDS = ["", "a1", "b2", "rc1", ".post1", "-1", ".dev0", "a1.dev2", ".post1.dev1", "+local", "+1.abc", "rc1.post2"]
VERSIONS = [release + end for release in RELEASES for end in ENDS]


def test_the_order_is_that_of_the_library():
    version = pytest.importorskip("packaging.version").Version
    for one, other in itertools.product(VERSIONS, VERSIONS):
        mine = parse_python_version(one), parse_python_version(other)
        theirs = version(one), version(other)
        assert (mine[0] < mine[1], mine[0] == mine[1]) == (theirs[0] < theirs[1], theirs[0] == theirs[1]), (one, other)


@pytest.mark.parametrize("operator", ["==", "!=", "<=", ">=", "<", ">", "~=", "==.*", "!=.*"])
def test_each_operator_is_that_of_the_library(operator):
    specifiers = pytest.importorskip("packaging.specifiers")
    pytest.importorskip("packaging", "26", reason="packaging 26 corrected the order of pre- and post-releases")
    tried = 0
    for wanted in VERSIONS:
        text = operator[:2] + wanted + operator[2:]
        try:
            theirs = specifiers.SpecifierSet(text)
        except specifiers.InvalidSpecifier:
            continue
        mine = Specifiers(text)
        for version in VERSIONS:
            tried += 1
            assert mine.is_met_by(version) == theirs.contains(version, prereleases=True), (text, version)
    assert tried > 500


def test_conditions_are_all_to_be_met():
    specifiers = Specifiers(">=2.1, <3,!=2.4.*")
    met = [
        version
        for version in ("2.0", "2.1", "2.3.9", "2.4", "2.4.1", "2.5rc1", "3.0", "odd")
        if specifiers.is_met_by(version)
    ]
    assert met == ["2.1", "2.3.9", "2.5rc1"]
    assert (
        Specifiers("").is_met_by("odd")
        and Specifiers("===odd").is_met_by("Odd")
        and not Specifiers("==1").is_met_by("odd")
    )


@pytest.mark.parametrize("text", ["2.1", ">=", ">=x", "~=2", ">=2.*", "=1", "> 1 2"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(InvalidPythonVersion):
        Specifiers(text)


@pytest.mark.parametrize("text", ["", "1..2", "x1", "1.0 2"])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(InvalidPythonVersion):
        parse_python_version(text)
