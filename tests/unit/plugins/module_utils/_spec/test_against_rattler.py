# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same questions to us and to py-rattler, and each known disagreement by name."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import MatchSpec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import Version
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version_spec import VersionSpec

rattler = pytest.importorskip(
    "rattler", minversion="0.28.0", reason="py-rattler 0.28 or newer is the other implementation that is asked"
)
from rattler.exceptions import (  # noqa: E402 - only there when rattler is
    InvalidMatchSpecError,
    InvalidVersionError,
    InvalidVersionSpecError,
)
from rattler.package.build_string import BuildString  # noqa: E402

INVALID = "invalid"

# Where rattler 0.28 gives another answer than conda 26.7.1, and we give conda's. Each row: the question, our answer,
# rattler's answer. The generators below leave these out. When a row fails because rattler has come to agree with conda,
# take the row away and let the generators make such texts.

ORDER_DISAGREEMENTS = [
    # An asterisk inside a version, and blanks around one.
    ("0.4.1", "0.5*", "<", INVALID),
    ("0.5*", "0.5a1", "<", INVALID),
    ("0.4.1.rc", "  0.4.1.RC  ", "==", INVALID),
    # For conda letters and an underscore at the end are one part, "a_"; for rattler they are two.
    ("1.0a_", "1.0a_a", ">", "<"),
]

STARTSWITH_DISAGREEMENTS = [
    # The 0 that stands before a component of letters is a part like any other for conda.
    ("a+abc", "0.0.0", False, True),
]

VERSION_SPEC_DISAGREEMENTS = [
    # A prefix that ends in letters: for conda it may end inside of a run of letters.
    ("2013a*", "2013ab", True, False),
    ("=2024r", "2024rc", True, False),
    ("!=1.0alph.*", "1.0alpha", False, True),
    ("~=1.2+ab", "1.2+abc", True, False),
    # Regular expressions and a glob with an asterisk inside are conda's alone.
    ("^1.7.1$", "1.7.1", True, INVALID),
    (r"^1\.7\.[0-9]+$", "1.7.1", True, INVALID),
    (r"^1\.8.*$", "1.7.1", False, INVALID),
    ("^.*$", "1.7.1", True, INVALID),
    ("1.7.*|^0.*$", "1.7.1", True, INVALID),
    ("1.6.*|^0.*$", "1.7.1", False, INVALID),
    ("1.*.1", "1.7.1", True, INVALID),
    # A compatible release of a version with a single component; conda fails when it meets a newer version.
    ("~=1", "2.0", INVALID, True),
    # Two dots before the asterisk.
    ("1..*", "1.2", True, INVALID),
    # Letters with an underscore behind them, as in the order.
    (">=1.0b_", "1.0b_3", False, True),
]

OLD_NUMPY = ("numpy", "1.7.1", "py27_0", 0)
NUMPY = ("numpy", "1.11.0", "py34_7", 7)

MATCH_SPEC_DISAGREEMENTS = [
    # A version glob that starts with an asterisk.
    ("numpy >=1,*.7.*", OLD_NUMPY, True, False),
    ("numpy *.7.*,>=1", OLD_NUMPY, True, False),
    # Licences: conda ignores case and takes globs.
    ("*[license_family='lgpl']", NUMPY, True, False),
    ("*[license_family='*GP*']", NUMPY, True, False),
    ("*[license='*v3+']", NUMPY, True, False),
    # Build strings: rattler ignores case, as CEP 29 says.
    ("numpy=1.11.0=PY34_7", NUMPY, False, True),
    # Names that CEP 26 forbids.
    ("pkg..name", OLD_NUMPY, INVALID, False),
    ("-pkg", OLD_NUMPY, INVALID, False),
    (".pkg", OLD_NUMPY, INVALID, False),
    # A rattler record that knows neither its URL nor its file name is not asked for subdir and fn.
    ("numpy[subdir=noarch]", NUMPY, False, True),
    ("numpy[fn=x.conda]", NUMPY, False, True),
]


def ask(question):
    """Return the answer, or INVALID when the text is refused."""
    try:
        return question()
    except SpecError:
        return INVALID
    except (InvalidVersionError, InvalidVersionSpecError, InvalidMatchSpecError):
        return INVALID


def relation(kind, first, second):
    first, second = kind(first), kind(second)
    return "<" if first < second else ">" if first > second else "=="


def rattler_matches_version(spec, version):
    return rattler.VersionSpec(spec).matches(rattler.Version(version))


def rattler_matches_record(spec, record):
    name, version, build, number = record
    return rattler.MatchSpec(spec, exact_names_only=False).matches(
        rattler.PackageRecord(
            name=name,
            version=version,
            build=BuildString(build),
            build_number=number,
            subdir="linux-64",
            license="LGPLv3+",
            license_family="LGPL",
        )
    )


def our_record(record):
    fields = dict(zip(("name", "version", "build", "build_number"), record))
    return dict(fields, subdir="linux-64", license="LGPLv3+", license_family="LGPL")


@pytest.mark.parametrize(("first", "second", "ours", "theirs"), ORDER_DISAGREEMENTS)
def test_known_disagreement_on_order(first, second, ours, theirs):
    assert relation(Version, first, second) == ours
    assert ask(lambda: relation(rattler.Version, first, second)) == theirs


@pytest.mark.parametrize(("version", "prefix", "ours", "theirs"), STARTSWITH_DISAGREEMENTS)
def test_known_disagreement_on_startswith(version, prefix, ours, theirs):
    assert Version(version).startswith(Version(prefix)) is ours
    assert rattler.Version(version).starts_with(rattler.Version(prefix)) is theirs


@pytest.mark.parametrize(("spec", "version", "ours", "theirs"), VERSION_SPEC_DISAGREEMENTS)
def test_known_disagreement_on_version_specs(spec, version, ours, theirs):
    assert ask(lambda: VersionSpec(spec).matches(version)) == ours
    assert ask(lambda: rattler_matches_version(spec, version)) == theirs


@pytest.mark.parametrize(("spec", "record", "ours", "theirs"), MATCH_SPEC_DISAGREEMENTS)
def test_known_disagreement_on_match_specs(spec, record, ours, theirs):
    assert ask(lambda: MatchSpec(spec).match(our_record(record))) == ours
    assert ask(lambda: rattler_matches_record(spec, record)) == theirs


def load(name):
    with open(os.path.join(os.path.dirname(__file__), "data", name), encoding="utf-8") as file:
        return json.load(file)


def test_every_disagreement_of_the_facts_is_listed():
    facts, cases = load("version_order.json"), load("matchspec_cases.json")["cases"]
    orders = {(fact["a"], fact["b"]) for fact in facts["pairs"] if fact["rattler"] != fact["expect"]}
    specs = {(fact["spec"], fact["version"]) for fact in facts["version_spec"] if fact["rattler"] != fact["expect"]}
    matches = {
        case["spec"]
        for case in cases
        if case["rattler"] != "n/a" and str(case["expect"]).partition(":")[0] != str(case["rattler"])
    }
    assert orders and orders <= {row[:2] for row in ORDER_DISAGREEMENTS}
    assert specs and specs <= {row[:2] for row in VERSION_SPEC_DISAGREEMENTS}
    assert matches and matches <= {row[0] for row in MATCH_SPEC_DISAGREEMENTS}


bounded = settings(deadline=None, derandomize=True, max_examples=200, database=None)

numbers = st.sampled_from(["0", "1", "2", "3", "10", "01", "2024"])
letters = st.sampled_from(["a", "b", "rc", "RC", "dev", "post", "alpha", "devel"])
# Components start with a digit or with letters; an underscore at the end only stands behind a digit.
components = st.one_of(numbers, numbers, st.builds("{}{}".format, numbers, letters))
any_components = st.one_of(components, letters, st.builds("{}{}{}".format, numbers, letters, numbers))


def joined(parts, separators):
    return st.builds(
        lambda epoch, first, rest, tail: epoch + first + "".join(sep + part for sep, part in rest) + tail,
        st.sampled_from(["", "", "", "", "1!"]),
        parts,
        st.lists(st.tuples(separators, parts), max_size=3),
        st.sampled_from(["", "", "", "", ".0", ".0.0", "+1", "+1.2", "+1a", "_"]),
    ).filter(lambda text: not (text.endswith("_") and text[-2].isalpha()))


def related(parts):
    """Two versions that are often close to each other."""
    texts = joined(parts, st.sampled_from("..._"))
    return st.one_of(
        st.tuples(texts, texts),
        texts.map(lambda text: (text, text.upper())),
        texts.map(lambda text: (text, text.replace(".", ".0."))),
        texts.map(lambda text: (text, text.replace("_", ".") if not text.endswith("_") else text)),
    )


@bounded
@given(related(any_components))
def test_order(pair):
    assert relation(Version, *pair) == relation(rattler.Version, *pair)


plain_versions = joined(components, st.sampled_from("...")).filter(lambda text: text[-1].isdigit() and "+" not in text)
operators = st.sampled_from(["", "=", "==", "!=", "<", ">", "<=", ">=", "~="])


@st.composite
def conditions_and_version(draw):
    version = draw(plain_versions)
    bounds = st.one_of(
        plain_versions, st.just(version), st.just(version + ".1"), st.just(".".join(version.split(".")[:2]))
    )
    parts = []
    for _part in range(draw(st.integers(1, 3))):
        sign, bound = draw(operators), draw(bounds)
        assume(bound[-1].isdigit() and not (sign == "~=" and "." not in bound))
        glob = ".*" if sign in ("", "=", "!=", ">=") and draw(st.booleans()) else ""
        parts.append(sign + bound + glob)
    spec = parts[0] + "".join(draw(st.sampled_from(",|")) + part for part in parts[1:])
    return spec, version


@bounded
@given(conditions_and_version())
def test_version_specs(question):
    spec, version = question
    assert VersionSpec(spec).matches(version) == rattler_matches_version(spec, version)


builds = st.sampled_from(["py27_0", "h1a_3", "cuda126_0", "cpu_1", "0"])
build_specs = st.one_of(builds, st.sampled_from(["*", "py*", "*_0", "*cuda*", "c*_*"]))
records = st.tuples(
    st.sampled_from(["numpy", "cuda-version", "__cuda"]),
    st.sampled_from(["1.2", "1.2.3", "1.10", "2.0", "2.0rc1", "1.2.post1"]),
    builds,
    st.integers(0, 3),
)


@st.composite
def specs_and_record(draw):
    record = draw(records)
    name = draw(st.sampled_from([record[0], record[0], record[0].upper(), record[0][:3] + "*", "*"]))
    bound = draw(st.sampled_from([record[1], record[1], "1.2", "1.2.3", "2.0"]))
    sign = draw(operators)
    rest = draw(
        st.one_of(
            st.just(""),
            st.just((sign or " ") + bound),
            st.just(" " + sign + bound + " ").flatmap(lambda text: build_specs.map(lambda build: text + build)),
            builds.map(lambda build: f"={bound}={build}"),
            build_specs.map(lambda build: f"[version='{sign}{bound}', build='{build}']"),
            st.builds("[build_number='{}{}']".format, st.sampled_from(["", "==", "!=", "<", ">="]), st.integers(0, 3)),
            st.just("[md5=" + "a" * 32 + "]"),
            st.sampled_from(["[license='LGPLv3+']", "[license=MIT]"]),
        )
    )
    return name + rest, record


@bounded
@given(specs_and_record())
def test_match_specs(question):
    spec, record = question
    assert MatchSpec(spec).match(our_record(record)) == rattler_matches_record(spec, record)
