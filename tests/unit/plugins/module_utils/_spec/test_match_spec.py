# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Match specs and channels, against what conda 26.7.1 says (data/matchspec_cases.json and the tables here)."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel import parse_channel
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import (
    InvalidMatchSpec,
    MatchSpec,
    MissingField,
    parse_match_spec,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError, UnsupportedSpec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion

with open(os.path.join(os.path.dirname(__file__), "data", "matchspec_cases.json"), encoding="utf-8") as file:
    FACTS = json.load(file)

bounded = settings(deadline=None, derandomize=True, max_examples=150, database=None)

NUMPY = {
    "name": "numpy",
    "version": "1.11.0",
    "build": "py34_7",
    "build_number": 7,
    "channel": "https://conda.anaconda.org/conda-forge/linux-64",
    "subdir": "linux-64",
    "url": "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.11.0-py34_7.conda",
    "license": "BSD-3-Clause",
    "features": "mkl",
    "track_features": ["b", "a"],
    "md5": "0123",
    "depends": ["python"],
}


def without(record, *fields):
    return {field: value for field, value in record.items() if field not in fields}


def test_the_facts_are_all_there():
    assert (len(FACTS["cases"]), len(FACTS["canonical"])) == (125, 22)


@pytest.mark.parametrize("fact", FACTS["cases"], ids=lambda fact: f"{fact['spec']} {fact['record']['version']}")
def test_case(fact):
    if fact["expect"] == "invalid:InvalidMatchSpec":
        with pytest.raises(InvalidMatchSpec) as caught:
            MatchSpec(fact["spec"])
        assert caught.value.text == fact["spec"]
    else:
        assert MatchSpec(fact["spec"]).match(fact["record"]) is fact["expect"]


# The second half was computed with conda 26.7.1 too.
@pytest.mark.parametrize(
    ("text", "canonical"),
    [(fact["spec"], fact["canonical"]) for fact in FACTS["canonical"]]
    + [
        ("numpy=", "numpy"),
        ("numpy===1.7", "numpy==1.7"),
        ("numpy >=1.7 , < 2 py27_0", "numpy[version='>=1.7,<2',build=py27_0]"),
        ("numpy >=1.7 # a comment", "numpy[version='>=1.7']"),
        ("numpy if python", "numpy"),
        ("numpy (1|2)", "numpy"),
        ("NumPy[optional=1]", "numpy"),
        ("conda-forge:namespace:numpy", "conda-forge::numpy"),
        ("pkgs/main::numpy", "defaults::numpy"),
        ("pkgs/free::numpy", "pkgs/free::numpy"),
        ("https://repo.anaconda.com/pkgs/main::numpy", "https://repo.anaconda.com/pkgs/main::numpy"),
        ("https://user:secret@mirror.example.org/t/tk-1/x::numpy", "https://mirror.example.org/x::numpy"),
        ("conda-*::numpy", "numpy[channel=conda-*]"),
        ("numpy[build_number=07,md5=ab,license='GPL 3']", "numpy[build_number=7,md5=ab,license='gpl 3']"),
        ("numpy[flags='b,a']", "numpy[flags=['a', 'b']]"),
        ("mkl@", "*[track_features=mkl]"),
        (
            "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.0-py_0.conda",
            "conda-forge/linux-64::numpy==1.0=py_0",
        ),
        ("/opt/x/../y/numpy-1.0-py_0.tar.bz2", "*[url=file:///opt/y/numpy-1.0-py_0.tar.bz2]"),
        ("file:///opt/noarch/a-b-1.0-0.conda#0123", "file:///opt/noarch::a-b==1.0=0"),
    ],
)
def test_canonical(text, canonical):
    assert MatchSpec(text).canonical == canonical
    assert str(MatchSpec(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "numpy[features=mkl]",
        "numpy[track_features='a b']",
        "numpy[md5=0123]",
        "numpy[fn=numpy-1.11.0-py34_7.conda]",
        "numpy[license=bsd*]",
        "numpy[subdir=linux-64, build='py34*']",
        "*[url='https://conda.anaconda.org/conda-forge/linux-64/numpy-1.11.0-py34_7.conda']",
        "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.11.0-py34_7.conda",
        "conda*::numpy",
        "numpy[channel='^conda-(forge|canary)$']",
        "numpy[when='python>=3']",
        "numpy[name=other]",
    ],
)
def test_match(text):
    assert MatchSpec(text).match(NUMPY)


@pytest.mark.parametrize(
    "text",
    [
        "numpy[features=other]",
        "numpy[track_features=a]",
        "numpy[md5=4567]",
        "numpy[sha256=0123]",
        "numpy[license_family=BSD]",
        "numpy[fn=numpy-1.11.0-py34_7.tar.bz2]",
        "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.11.0-py34_7.tar.bz2",
        "bioconda::numpy",
        "numpy[flags=a]",
        "num",
    ],
)
def test_no_match(text):
    assert not MatchSpec(text).match(NUMPY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " numpy",
        "numpy\n",
        "numpy ===",
        "numpy[version='']",
        "numpy[a=1]",
        "numpy >=1 [x",
        "pkg--name",
        "__",
        "numpy ~=1",
        "numpy >=1,",
        "numpy[build_number='>=7,<9']",
        "numpy[build='^(a$']",
        "https://conda.anaconda.org/conda-forge/linux-64/numpy.conda",
        "https://conda.anaconda.org/conda-forge",
    ],
)
def test_invalid(text):
    with pytest.raises(InvalidMatchSpec) as caught:
        MatchSpec(text)
    assert caught.value.text == text
    assert caught.value.reason in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "~/numpy-1.0-py_0.conda",
        "numpy-1.0-py_0.conda",
        "/opt/$USER/numpy-1.0-py_0.conda",
        "numpy[build='^(a+)+$']",
        "numpy[version='^(1+)+$']",
        "numpy " + "1|" * 2000 + "1",
    ],
)
def test_what_is_not_judged_is_said_to_be_so(text):
    with pytest.raises(UnsupportedSpec):
        MatchSpec(text)


def test_extras_are_not_judged():
    with pytest.raises(UnsupportedSpec, match="extras"):
        MatchSpec("numpy[extras=a]").match(NUMPY)


@pytest.mark.parametrize("name", ["_libgcc_mutex", "__cuda", "a", "r-base", "ruamel.yaml", "lib_", "_-", "x264"])
def test_names(name):
    spec = MatchSpec(name)
    assert (spec.name, spec.names_one_package) == (name, True)


def test_attributes():
    spec = MatchSpec("conda-forge/linux-64::NumPy >=1.8 py3*")
    assert (spec.channel, spec.subdir, spec.name) == ("conda-forge", "linux-64", "numpy")
    assert (spec.version, spec.build) == (">=1.8", "py3*")
    assert spec.text == "conda-forge/linux-64::NumPy >=1.8 py3*"
    assert sorted(spec.fields) == ["build", "channel", "name", "subdir", "version"]
    plain = MatchSpec("nump*")
    assert (plain.version, plain.build, plain.channel, plain.subdir) == (None, None, None, None)
    assert (plain.fields, plain.names_one_package) == (("name",), False)


def test_the_file_name_is_enough_when_no_other_field_is_asked_for():
    record = {"name": "numpy", "version": "1.11.0", "build": "py34_7"}
    spec = MatchSpec("numpy=1.10=py34*")
    assert set(spec.fields) <= set(record)
    assert not spec.match(record)
    assert MatchSpec("numpy=1.11.*=py34*").match(record)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("numpy[build_number=7]", "build_number"),
        ("conda-forge::numpy", "channel"),
        ("numpy[subdir=linux-64]", "subdir"),
        ("numpy 1.11.0", "version"),
        ("* * py34_7", "build"),
    ],
)
def test_a_missing_field_is_not_taken_for_no_match(text, field):
    with pytest.raises(MissingField, match=field):
        MatchSpec(text).match(without(NUMPY, field, "url"))


def test_channel_subdir_and_file_name_are_taken_from_the_url():
    record = without(NUMPY, "channel", "subdir", "fn")
    assert MatchSpec("conda-forge/linux-64::numpy[fn=numpy-1.11.0-py34_7.conda]").match(record)
    assert not MatchSpec("conda-forge/noarch::numpy").match(record)
    assert MatchSpec("numpy[fn=numpy-1.11.0-py34_7]").match(without(NUMPY, "url"))


def test_a_record_with_an_odd_version_or_channel():
    with pytest.raises(InvalidVersion):
        MatchSpec("numpy>=1").match(dict(NUMPY, version="1..0"))
    assert not MatchSpec("conda-forge::numpy").match(dict(NUMPY, channel={"name": "conda-forge"}))
    assert not MatchSpec("conda-forge::numpy").match(dict(NUMPY, channel=None))
    with pytest.raises(MissingField):
        MatchSpec("numpy[build_number=7]").match(dict(NUMPY, build_number="7"))


# Computed with conda 26.7.1 and no condarc.
@pytest.mark.parametrize(
    ("text", "canonical", "base_url", "subdir"),
    [
        ("conda-forge", "conda-forge", "https://conda.anaconda.org/conda-forge", None),
        (
            "conda-forge/label/x/noarch",
            "conda-forge/label/x",
            "https://conda.anaconda.org/conda-forge/label/x",
            "noarch",
        ),
        ("http://conda.anaconda.org/t/tk-1/a/linux-64", "a", "http://conda.anaconda.org/a", "linux-64"),
        ("defaults", "defaults", None, None),
        ("pkgs/main", "defaults", "https://repo.anaconda.com/pkgs/main", None),
        ("https://repo.anaconda.com/pkgs/r/noarch", "defaults", "https://repo.anaconda.com/pkgs/r", "noarch"),
        ("https://repo.continuum.io/pkgs/main", "defaults", "https://repo.continuum.io/pkgs/main", None),
        (
            "https://repo.anaconda.com/pkgs/free/linux-64",
            "https://repo.anaconda.com/pkgs/free",
            "https://repo.anaconda.com/pkgs/free",
            "linux-64",
        ),
        ("pkgs/msys2", "pkgs/msys2", "https://conda.anaconda.org/pkgs/msys2", None),
        ("pkgs/pro", "pkgs/pro", "https://repo.anaconda.com/pkgs/pro", None),
        ("https://u:p@H.org:8443/a/b", "https://h.org:8443/a/b", "https://h.org:8443/a/b", None),
        ("https://h.org/conda/a%20b?x#y", "https://h.org/conda/a b", "https://h.org/conda/a b", None),
        ("https://h.org", "https://h.org", "https://h.org", None),
        ("/a/b/noarch", "file:///a/b", "file:///a/b", "noarch"),
        ("<unknown>", "<unknown>", None, None),
        (None, "<unknown>", None, None),
    ],
)
def test_channel(text, canonical, base_url, subdir):
    channel = parse_channel(text)
    assert (channel.canonical_name, channel.base_url, channel.subdir) == (canonical, base_url, subdir)


@pytest.mark.parametrize(
    ("spec", "channel", "expect"),
    [
        ("defaults::numpy", "https://repo.anaconda.com/pkgs/main/linux-64", True),
        ("defaults::numpy", "https://repo.continuum.io/pkgs/r/linux-64", True),
        ("defaults::numpy", "https://repo.anaconda.com/pkgs/free/linux-64", False),
        ("pkgs/r::numpy", "https://repo.anaconda.com/pkgs/main/linux-64", True),
        ("https://repo.anaconda.com/pkgs/r::numpy", "https://repo.anaconda.com/pkgs/main/linux-64", False),
        ("https://repo.anaconda.com/pkgs/main::numpy", "pkgs/main", True),
        ("https://repo.anaconda.com/pkgs/main::numpy", "https://repo.continuum.io/pkgs/main", False),
        ("conda-forge::numpy", "https://mirror.example.org/conda-forge/linux-64", True),
        ("https://mirror.example.org/conda-forge::numpy", "conda-forge", False),
        ("https://h.org/x/noarch::numpy", "https://u:p@h.org/t/tk-1/x/linux-64", True),
        ("http://h.org/x::numpy", "https://h.org/x", False),
    ],
)
def test_channels_are_compared_as_conda_does(spec, channel, expect):
    record = dict(NUMPY, channel=channel, subdir="noarch")
    assert MatchSpec(spec).match(record) is expect


def test_the_same_text_is_read_once():
    assert parse_match_spec("numpy >=1.8") is parse_match_spec("numpy >=1.8")


@bounded
@given(st.text(alphabet="nN1.*=<>!~^$|,()[]{}'\"@#:/_ -\\é\n", max_size=30))
def test_no_text_makes_anything_but_a_spec_error(text):
    try:
        assert MatchSpec(text).match(NUMPY) in (True, False)
    except SpecError as error:
        assert error.reason


@bounded
@given(
    st.sampled_from(["numpy", "nump*", "conda-forge::numpy", "https://h.org/x/noarch::numpy"]),
    st.sampled_from(["", "=1.7", "==1.7", " 1.7*", " >=1.7,<2", "!=1.7", "~=1.7.1", " 1.7|1.8", "^1.*$"]),
    st.sampled_from(["", " py27_0", " py*", " *"]),
    st.sampled_from(["", "[build_number=7]", "[md5=0123, license='GPL 3']", "[subdir=linux-64]"]),
)
def test_the_canonical_text_reads_the_same(name, version, build, brackets):
    spec = MatchSpec(name + version + (build if version else "") + brackets)
    assert MatchSpec(spec.canonical).canonical == spec.canonical
