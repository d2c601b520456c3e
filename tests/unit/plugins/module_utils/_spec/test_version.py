# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions, version specifications and patterns, against what conda 26.7.1 says (data/version_order.json)."""

from __future__ import annotations

import itertools
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import (
    InvalidPattern,
    SpecError,
    UnsupportedSpec,
    glob_test,
    regex_test,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import (
    InvalidVersion,
    Version,
    parse_version,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version_spec import (
    BuildNumberSpec,
    InvalidVersionSpec,
    VersionSpec,
)

with open(os.path.join(os.path.dirname(__file__), "data", "version_order.json"), encoding="utf-8") as file:
    FACTS = json.load(file)

bounded = settings(deadline=None, derandomize=True, max_examples=150, database=None)
versions = st.from_regex(
    r"\A([12]!)?([0-9]{1,2}|rc|dev|post|a|Beta)([._]?([0-9]{1,2}|rc|DEV|post|a)){0,4}_?(\+[0-9a-z]{1,2})?\Z"
)


def relation(first, second):
    return "<" if first < second else ">" if first > second else "=="


def test_the_facts_are_all_there():
    counts = {key: len(value) for key, value in FACTS.items() if key != "_meta"}
    assert counts == {
        "pairs": 127,
        "invalid_versions": 11,
        "startswith": 10,
        "version_spec": 87,
        "invalid_version_specs": 19,
    }


@pytest.mark.parametrize("fact", FACTS["pairs"], ids=lambda fact: f"{fact['a']} {fact['expect']} {fact['b']}")
def test_order(fact):
    first, second = Version(fact["a"]), Version(fact["b"])
    mirrored = {"<": ">", ">": "<", "==": "=="}[fact["expect"]]
    assert (relation(first, second), relation(*reversed([first, second]))) == (fact["expect"], mirrored)
    assert (first == second) == (fact["expect"] == "==")
    if first == second:
        assert hash(first) == hash(second)


@pytest.mark.parametrize("fact", FACTS["startswith"], ids=lambda fact: f"{fact['version']} {fact['prefix']}")
def test_startswith(fact):
    assert Version(fact["version"]).startswith(Version(fact["prefix"])) is fact["expect"]


@pytest.mark.parametrize("fact", FACTS["invalid_versions"], ids=lambda fact: repr(fact["version"]))
def test_invalid_version(fact):
    with pytest.raises(InvalidVersion) as caught:
        Version(fact["version"])
    assert caught.value.text == fact["version"]
    assert caught.value.reason in str(caught.value)


def test_a_version_longer_than_a_file_name_is_refused():
    assert Version("1" * 255) > Version("2")
    with pytest.raises(InvalidVersion, match="255"):
        Version("1" * 256)


def test_parts_of_a_version():
    version = Version(" 2!1.0-RC1+Local.1 ")
    assert (version.text, version.normal) == (" 2!1.0-RC1+Local.1 ", "2!1.0_rc1+local.1")
    assert (version.epoch, version.local) == (2, "local.1")
    assert (Version("1.0").epoch, Version("1.0").local) == (0, "")
    assert str(version) == version.text


def test_a_version_is_not_compared_with_a_text():
    assert Version("1.0") != "1.0"
    with pytest.raises(TypeError):
        Version("1.0") < "1.1"  # noqa: B015 - the comparison itself must fail


def test_equal_versions_are_one_in_a_set():
    assert len({Version(text) for text in ("1.0", "1.0.0", "1", "1.0+0", "01.00", " 1 ")}) == 1


def test_the_same_text_is_parsed_once():
    assert parse_version("1.2.3") is parse_version("1.2.3")


@bounded
@given(st.lists(versions, min_size=3, max_size=6))
def test_the_order_is_total(texts):
    ordered = sorted(map(Version, texts))
    for first, second in itertools.combinations(ordered, 2):
        assert first <= second
        assert (first < second) != (first == second)
        assert (first == second) == (not first < second and not second < first)


@bounded
@given(versions, st.integers(1, 3))
def test_zeros_at_the_end_change_nothing(text, count):
    main, plus, local = text.partition("+")
    if not main.endswith("_"):
        longer = Version(main + ".0" * count + plus + local)
        assert longer == Version(text)
        assert hash(longer) == hash(Version(text))


@bounded
@given(versions)
def test_a_version_starts_with_itself_and_matches_itself(text):
    version = Version(text)
    assert version.startswith(version)
    assert VersionSpec("==" + text).matches(text)
    assert not VersionSpec("!=" + text).matches(version)


@pytest.mark.parametrize("fact", FACTS["version_spec"], ids=lambda fact: f"{fact['spec']} {fact['version']}")
def test_version_spec(fact):
    spec = VersionSpec(fact["spec"])
    assert spec.matches(fact["version"]) is fact["expect"]
    assert spec.matches(Version(fact["version"])) is fact["expect"]


@pytest.mark.parametrize("fact", FACTS["invalid_version_specs"], ids=lambda fact: fact["spec"])
def test_invalid_version_spec(fact):
    with pytest.raises(InvalidVersionSpec) as caught:
        VersionSpec(fact["spec"])
    assert caught.value.text == fact["spec"]


# Computed with conda 26.7.1.
@pytest.mark.parametrize(
    ("spec", "text", "yes", "no"),
    [
        ("1.7*", "1.7.*", "1.7.9", "1.70"),
        ("**", "*.*", "*.1", "1.0"),
        ("(1.5|1.6),>1.5", "1.5|1.6,>1.5", "1.6", "1.5"),
        ("1.5|1.6,>1.7", "1.5|1.6,>1.7", "1.5", "1.6"),
        ("((1.5))", "1.5", "1.5.0", "1.6"),
        ("^(1|2)[.]0$", "^(1|2)[.]0$", "2.0", "2.0.0"),
        ("^1.*$|>3,<4", "^1.*$|>3,<4", "3.5", "2.9"),
        ("==1.0.*", "==1.0.*", "1.0.0", "1.0.1"),
        (">1.0.*", ">1.0.*", "1.0.1", "1.0"),
        ("~=1.2.3rc1", "~=1.2.3rc1", "1.2.9", "1.3"),
        ("1.5 (1.6)", "1.5", "1.5", "1.6"),
        ("mkl@", "mkl@", "mkl@", "mkl"),
    ],
)
def test_version_spec_as_conda_writes_and_reads_it(spec, text, yes, no):
    assert VersionSpec(spec).text == text
    assert VersionSpec(spec).matches(yes)
    assert not VersionSpec(spec).matches(no)


@pytest.mark.parametrize(
    ("spec", "exact"), [("1.0", True), ("==1.0", True), ("=1.0", False), ("1.0.*", False), ("1.0|1.1", False)]
)
def test_exact(spec, exact):
    assert VersionSpec(spec).exact is exact


@pytest.mark.parametrize("spec", ["", "  ", "~=1", "^(1$", "^*$", ">= 1.0", "<>1", "1,,2"])
def test_more_invalid_version_specs(spec):
    with pytest.raises(InvalidVersionSpec):
        VersionSpec(spec)


@pytest.mark.parametrize(
    "spec", ["1|" * 2000 + "1", "(" * 33 + "1" + ")" * 33, "|".join(["^1$"] * 5), "1|^(1+)+$|2", "^" + "1" * 300 + "$"]
)
def test_a_spec_made_to_keep_us_busy_is_refused(spec):
    with pytest.raises(UnsupportedSpec):
        VersionSpec(spec)


def test_a_condition_on_no_version_cannot_be_judged():
    with pytest.raises(InvalidVersion):
        VersionSpec(">=1.0").matches("1..0")
    assert VersionSpec("*").matches("1..0")


@pytest.mark.parametrize(
    ("spec", "text", "yes", "no"),
    [
        ("7", "7", 7, 8),
        (" 07 ", "7", 7, 0),
        (">=7", ">=7", 8, 6),
        ("!=7", "!=7", 8, 7),
        ("=7", "=7", 7, 70),
        ("^7|8$", "^7|8$", 8, 9),
    ],
)
def test_build_number(spec, text, yes, no):
    assert BuildNumberSpec(spec).text == text
    assert BuildNumberSpec(spec).matches(yes)
    assert not BuildNumberSpec(spec).matches(no)


def test_build_number_of_any_and_of_none():
    assert BuildNumberSpec("*").matches(0)
    assert not any(BuildNumberSpec("7*").matches(number) for number in range(80))


@pytest.mark.parametrize("spec", ["", "=", "=>7", ">=7,<9", "^7", "7$"])
def test_invalid_build_number(spec):
    with pytest.raises(InvalidVersionSpec):
        BuildNumberSpec(spec)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("py*", ["py", "py27_0"], ["", "xpy"]),
        ("*_0", ["_0", "a_0"], ["_0a", "0"]),
        ("*cuda*", ["cuda", "py_cuda12_0"], ["cud", "ccud"]),
        ("a*b*b", ["abb", "a-b-b", "abbb"], ["ab", "aab"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("*.7.*", ["1.7.1", ".7."], ["1.70", "7.1"]),
        ("**", ["", "x"], []),
    ],
)
def test_glob(pattern, yes, no):
    test = glob_test(pattern)
    assert [text for text in yes if not test(text)] == []
    assert [text for text in no if test(text)] == []


def test_a_glob_of_many_stars_takes_no_time():
    assert not glob_test("*a" * 1000 + "*b")("a" * 100000)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$",
        r"^(a|a)*$",
        r"^(?:a{1,9}){1,9}$",
        r"^a{(a+)+}$",
        r"^a**$",
        r"^a*+$",
        r"^.*.*.*.*$",
        r"^" + r"(?:a|a)" * 20 + r"$",
        r"^" + r"a?" * 30 + r"$",
        r"^(?=a)b$",
        r"^(?i)b$",
        r"^(a)\1$",
        r"^\x61$",
        r"^" + r"a" * 200 + r"$",
    ],
)
def test_a_regular_expression_that_could_hang_is_refused(pattern):
    with pytest.raises(UnsupportedSpec):
        regex_test(pattern)


@pytest.mark.parametrize("pattern", [r"^a*a*a*(?:a|a)x$", r"^.*.*.*[^]*+{]?x$", r"^" + r"(?:a|a)" * 12 + r"x$"])
def test_the_worst_regular_expression_that_is_taken_ends(pattern):
    assert regex_test(pattern)("a" * 128) is False


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"^py3[0-9]+_.*$", "py312_0", "py3_0"),
        (r"^\d+\.\d+(\.\d+)?$", "1.2.3", "1"),
        (r"^a{2}b??c$", "aabc", "abc"),
        (r"^[]*+?(]$", "]", "x"),
        (r"^[^\]{]+$", "ab", "a]"),
        (r"^a{$", "a{", "a"),
        (r"^(cpu|cuda.*)$", "cuda126_0", "xcpu"),
    ],
)
def test_regular_expression(pattern, yes, no):
    assert regex_test(pattern)(yes) is True
    assert regex_test(pattern)(no) is False


def test_a_regular_expression_is_not_tried_on_a_long_text():
    with pytest.raises(UnsupportedSpec, match="129"):
        regex_test("^a*$")("a" * 129)


def test_a_broken_regular_expression():
    with pytest.raises(InvalidPattern):
        regex_test("^(a$")


@bounded
@given(st.text(alphabet="0123aw.*=<>!~^$|,()[]{}?+\\@_ -é", max_size=24), st.text(alphabet="012a._*+!-", max_size=8))
def test_no_text_makes_anything_but_a_spec_error(spec, version):
    try:
        assert VersionSpec(spec).matches(version) in (True, False)
    except SpecError as error:
        assert error.reason
