# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the files tell of the packages that are wanted, and what goes along with a package that is removed."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import (
    ABSENT,
    LATEST,
    PRESENT,
    needed_by,
    parse_wanted,
    standing,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName

MIRROR = "https://mirror.example/repo/lab"
NUMPY = RecordName("numpy", "1.26.4", "py312h1_0")
ZLIB = RecordName("zlib", "1.3", "h2_3")


def judged(texts, state=PRESENT, records=(NUMPY, ZLIB), content=None):
    asked = []

    def read(name):
        asked.append(name)
        return content(name) if content else None

    stand = standing(parse_wanted(texts, state), state, list(records), read)
    return stand, asked


@pytest.mark.parametrize(
    ("spec", "is_met"),
    [
        ("numpy", True), ("numpy>=1.26", True), ("numpy=1.26", True), ("numpy=1.26.4=py312*", True),
        ("NumPy <2", True), ("numpy>=2", False), ("numpy=1.26.4=py311*", False), ("scipy", False), ("zlib==1.3", True),
    ],
)  # fmt: skip
def test_the_names_of_the_records_tell_and_nothing_is_read(spec, is_met):
    stand, asked = judged([spec])
    assert stand.is_met is is_met and asked == []
    assert len(stand.met) + len(stand.unmet) == 1 and not stand.unknown


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ("conda-forge::numpy", "met"), ("defaults::numpy", "unmet"), ("numpy[md5=%s]" % ("a" * 32), "met"),
        ("numpy[md5=%s]" % ("b" * 32), "unmet"), ("numpy[build_number='>=5']", "unmet"),
        ("numpy[subdir=linux-64]", "met"),
        ("numpy[license_family=BSD]", "unknown"), ("numpy[sha256=%s]" % ("c" * 64), "unknown"),
    ],
)  # fmt: skip
def test_the_content_of_one_record_tells_the_rest(record, spec, answer):
    def content(name):
        return record(*name)._replace(md5="a" * 32, sha256=None)

    stand, asked = judged([spec], content=content)
    assert [key for key in ("met", "unmet", "unknown") if getattr(stand, key)] == [answer]
    assert set(asked) == {NUMPY}


def test_what_the_name_already_denies_is_not_read():
    stand, asked = judged(["conda-forge::numpy>=2"])
    assert stand.unmet and asked == []


def test_a_channel_by_its_name_that_a_condarc_may_have_moved_is_for_the_tool_to_tell(record):
    stand, _asked = judged(["lab::numpy"], content=lambda name: record(*name, channel=MIRROR))
    assert stand.unknown and not stand.is_met
    assert judged(["lab::numpy"], content=lambda name: record(*name))[0].unmet


def test_a_record_that_cannot_be_read_leaves_it_unknown():
    assert judged(["conda-forge::numpy"])[0].unknown


def test_latest_is_never_told_by_files():
    stand, asked = judged(["numpy", "scipy"], LATEST)
    assert [spec.name for spec in stand.unmet] == ["numpy", "scipy"] and asked == []


def test_absent_names_the_packages_that_go():
    stand, _asked = judged(["numpy<1.20", "zlib", "scipy"], ABSENT)
    assert stand.going == (ZLIB,) and not stand.is_met
    assert [spec.name for spec in stand.met] == ["numpy", "scipy"]
    assert judged(["n*"], ABSENT)[0].going == (NUMPY,)


@pytest.mark.parametrize(
    ("texts", "state", "said"),
    [
        (["numpy=="], PRESENT, "no match spec"), (["nump*"], PRESENT, "one package"), (["*"], ABSENT, "every package"),
        (["numpy>=1"], LATEST, "just a name"), (["numpy>=1", "numpy<2"], PRESENT, "asked for twice"),
        (["conda-forge::numpy"], LATEST, "just a name"),
    ],
)  # fmt: skip
def test_what_cannot_be_wanted_is_refused(texts, state, said):
    with pytest.raises(Refused, match=said):
        parse_wanted(texts, state)


def test_what_needs_a_package_goes_along_and_what_it_needs_itself_stays(record):
    records = [
        record("app", "1", depends=["flask >=1"]), record("flask", "1", depends=["jinja2", "python >=3.8"]),
        record("jinja2", "3", depends=["markupsafe>=2"]), record("markupsafe", "2"), record("python", "3.12"),
        record("other", "1", depends=["python"]), record("odd", "1", depends=["conda-forge::jinja2 <9"]),
    ]  # fmt: skip
    assert needed_by(records, ["jinja2"]) == {"flask": {"jinja2"}, "app": {"flask"}, "odd": {"jinja2"}}
    assert needed_by(records, ["app"]) == {}
    assert needed_by(records, ["nothing"]) == {}
