# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shipped advisories, their verification, and what a host makes of them."""

from __future__ import annotations

import copy
import datetime
import json

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit._advisories import Advisories, unpack
from ansible_collections.labfleet.conda.plugins.module_utils._audit._packed import pack
from ansible_collections.labfleet.conda.plugins.plugin_utils._advisories import (
    AdvisoryError,
    age_days,
    effective_severity,
    for_host,
    load,
    load_names,
    normalize,
    texts,
    verify,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._pip_advisories import PipAdvisories
from ansible_collections.labfleet.conda.plugins.plugin_utils._vex import load_vex

DATA = load()
COMPACT = for_host(DATA, load_vex())
HOST = Advisories(COMPACT)
CASES = [(entry["id"], package) for entry in DATA["advisories"] for package in entry["packages"]]


def test_nothing_of_the_data_is_lost_by_accident():
    assert len(DATA["advisories"]) == 75
    assert len(DATA["covers"]["conda"]) == 33 and len(DATA["covers"]["PyPI"]) == 15


@pytest.mark.parametrize(
    "rejected", ["CVE-2023-36595", "CVE-2024-46060", "CVE-2024-46061", "CVE-2024-46062", "CVE-2026-53942"]
)
def test_what_was_rejected_stays_out(rejected):
    assert rejected not in json.dumps(DATA)


def test_no_version_of_openssl_is_judged_by_data_that_do_not_speak_of_it():
    assert HOST.judge_record("openssl", "1.1.1w").verdict == "unmapped"


def _samples(ranges):
    """Versions that a range names as affected, and one that ends it."""
    for item in ranges:
        end = item.get("fixed")
        yield item.get("last_affected") or (item["introduced"] if item["introduced"] != "0" else "0.0.1"), end


@pytest.mark.parametrize("advisory, package", CASES, ids=["%s-%s-%s" % (c[0], *list(c[1].values())[:2]) for c in CASES])
def test_each_range_has_a_vulnerable_and_a_clean_version(advisory, package):
    only = {**DATA, "advisories": [entry for entry in DATA["advisories"] if entry["id"] == advisory]}
    host, control = Advisories(for_host(only)), PipAdvisories(only)

    def is_vulnerable(version):
        if package["ecosystem"] == "PyPI":
            return control.judge({"name": package["name"], "version": version}).ids == [advisory]
        return host.judge_record(package["name"], version).verdict == "vulnerable"

    if only["advisories"][0]["platforms"] == ["win"]:
        assert not is_vulnerable("3.12.2")  # the hosts that we look at are none of these
        return
    for bad, fixed in _samples(package["ranges"]):
        assert is_vulnerable(bad), bad
        assert fixed is None or not is_vulnerable(fixed), fixed


@pytest.mark.parametrize(
    "name, version, verdict, advisory",
    [
        ("conda", "26.5.1", "vulnerable", "CVE-2026-53940"),
        ("conda", "26.5.2", "none_known", None),
        ("conda", "4.3.16", "vulnerable", "CVE-2026-53940"),
        ("conda", "26.5.2rc1", "vulnerable", "CVE-2026-53940"),
        ("brotli-python", "1.0.9", "vulnerable", "CVE-2026-111497"),
        ("libbrotlidec", "1.2.0", "vulnerable", "CVE-2026-111497"),
        ("libbrotlidec", "1.2.1", "none_known", None),
        ("ca-certificates", "2026.9.1", "vulnerable", "GHSA-6q48-6c7w-9gw2"),
        ("ca-certificates", "2026.10.19", "none_known", None),
        ("certifi", "2024.07.04", "vulnerable", "GHSA-6q48-6c7w-9gw2"),
        ("python", "3.13.18", "none_known", None),
        ("python", "3.15.1", "vulnerable", "CVE-2026-115557"),
        ("python", "3.14.0b2", "vulnerable", "CVE-2025-4517"),
        ("pixi", "0.68.1", "vulnerable", "CVE-2026-47425"),
        ("libmamba", "2.6.9", "vulnerable", "MAMBA-PR-4282"),
        ("urllib3", "2.8.0", "none_known", None),
        ("numpy", "1.26.4", "unmapped", None),
        ("conda", "not a version", "unmapped", None),
    ],
)
def test_verdict_of_a_record(name, version, verdict, advisory):
    found = HOST.judge_record(name, version)
    assert found.verdict == verdict
    assert advisory is None or advisory in [match.id for match in found.matches]
    assert (found.reason is not None) == (verdict == "unmapped")


def test_what_fixes_all_is_in_no_other_range():
    assert HOST.judge_record("urllib3", "1.26.4").fixed == "2.8.0"
    assert HOST.judge_record("python", "3.12.1").fixed == "3.12.16"
    unfixed = HOST.judge_record("libsolv", "0.7.30")
    assert unfixed.fixed == "0.7.38" and {match.id for match in unfixed.matches if not match.fixed} == {
        "CVE-2026-48864",
        "CVE-2026-82327",
    }


def test_wheels_that_bundle_openssl_are_no_matter_for_conda_builds():
    found = HOST.judge_record("cryptography", "48.0.0", pypi=["cryptography"])
    assert "GHSA-537c-gmf6-5ccf" not in [match.id for match in found.matches]
    assert dict(found.silenced)["GHSA-537c-gmf6-5ccf"] == "component_not_present"
    by_pip = PipAdvisories(DATA, load_vex()).judge({"name": "cryptography", "version": "48.0.0"})
    assert "GHSA-537c-gmf6-5ccf" in by_pip.ids


def test_dependency_confusion_by_pip_is_no_matter_for_conda_builds():
    found = HOST.judge_record("conda-forge-metadata", "0.4.1", pypi=["conda-forge-metadata"])
    assert (found.verdict, dict(found.silenced)) == ("none_known", {"CVE-2025-27510": "component_not_present"})


def test_the_data_for_a_host_are_small_and_come_back_from_one_text():
    assert len(json.dumps(COMPACT)) < 25_000
    assert unpack(pack(COMPACT)) == json.loads(json.dumps(COMPACT))
    assert len(pack(COMPACT)) < 5_000


def test_unverified_advisories_are_no_worse_than_medium():
    entries = {entry["id"]: entry for entry in DATA["advisories"]}
    assert entries["CVE-2025-4517"]["severity"] == "critical"
    assert effective_severity(entries["CVE-2025-4517"]) == "medium"
    assert effective_severity(entries["CVE-2026-111497"]) == "critical"
    assert effective_severity(entries["CVE-2026-46699"]) == "medium"  # unknown
    assert HOST.judge_record("python", "3.12.1").severity == "medium"
    assert "CVE-2025-4517" in COMPACT["unverified"]


def test_names_are_in_normal_form():
    names = load_names()
    assert names["pytorch"] == "torch" and names["brotli-python"] == "brotli" and len(names) >= 55
    assert [name for name, other in names.items() if other != normalize(other) or name != name.lower()] == []
    assert COMPACT["names"]["brotli-python"] == "brotli" and "pytorch" not in COMPACT["names"]


def test_texts_of_those_that_fired():
    found = texts(DATA, ["CVE-2026-53940", "CVE-0000-0000"])
    assert list(found) == ["CVE-2026-53940"]
    assert found["CVE-2026-53940"]["url"] == "https://github.com/conda/conda/security/advisories/GHSA-9m8m-c4j3-rj2c"
    assert found["CVE-2026-53940"]["aliases"] == ["GHSA-9m8m-c4j3-rj2c"]


def test_age():
    assert age_days("2026-11-22", datetime.date(2026, 12, 24)) == 32
    assert age_days("2026-11-22", datetime.date(2026, 11, 1)) == 0


def _with(path, value):
    """The data with one place changed: the path's last part, below the first advisory where it starts with it."""
    data = copy.deepcopy(DATA)
    place = data
    for part in path[:-1]:
        place = place[part]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


FIRST = ("advisories", 0)
PACKAGE = (*FIRST, "packages", 0)
RANGE = (*PACKAGE, "ranges", 0)


@pytest.mark.parametrize(
    "path, value, sentence",
    [
        (("schema",), "other/1", "data: its schema is 'other/1', not 'labfleet.conda/advisories/1'"),
        (("extra",), 1, "data has the unknown key 'extra'"),
        (("date",), "yesterday", "data: date is 'yesterday', not a date"),
        (("date",), "20261122", "data: date is '20261122', not a date"),
        (("covers",), [], "data: covers is no map"),
        (("covers", "PyPI"), "all", "covers.PyPI is no list of texts"),
        (("covers", "conda"), ["numpy"], "conda package conda is missing in covers"),
        (("advisories",), {}, "advisories is no list"),
        ((*FIRST, "id"), "two words", "advisories[0]: id is 'two words'"),
        ((*FIRST, "severity"), "bad", "(CVE-2026-53940): severity is 'bad', not one of"),
        ((*FIRST, "severity"), KeyError, "advisories[0] has no severity"),
        ((*FIRST, "published"), "2026-13-01", "published is '2026-13-01'"),
        ((*FIRST, "packages"), [], "packages is empty"),
        ((*FIRST, "id"), "MAMBA-PR-4282", "there is more than one advisory MAMBA-PR-4282"),
        ((*PACKAGE, "ecosystem"), "npm", "ecosystem is 'npm'"),
        ((*PACKAGE, "name"), "Conda", "name is 'Conda'; write 'conda'"),
        ((*PACKAGE, "name"), "a/b", "name is 'a/b', no name"),
        ((*PACKAGE, "ranges"), [], "ranges is empty"),
        ((*RANGE, "fixed"), "a b", "packages[0]: ranges[0]: fixed is 'a b', no version of conda"),
        ((*RANGE, "fixed"), 26.5, "ranges[0]: fixed is 26.5, no version"),
        ((*RANGE, "last_affected"), "27", "both fixed and last_affected"),
        ((*RANGE, "introduced"), "26.5.2", "is empty: in the order of conda, introduced 26.5.2 does not come before"),
        ((*RANGE,), {"introduced": "1.1.1", "fixed": "1.1.1w"}, "introduced 1.1.1 does not come before 1.1.1w"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(path, value, sentence):
    with pytest.raises(AdvisoryError) as caught:
        verify(_with(path, value), "data")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path):
    file = tmp_path / "a.json"
    with pytest.raises(AdvisoryError, match=r"a\.json could not be read: no such file or directory\.$"):
        load(str(file))
    for content in (b"\xff", b"{", b"[" * 100_000):
        file.write_bytes(content)
        with pytest.raises(AdvisoryError, match="are not valid JSON in UTF-8"):
            load(str(file))
    file.write_text("[]")
    with pytest.raises(AdvisoryError, match="no object"):
        load(str(file))


def test_letter_releases_of_openssl():
    """In conda's order 1.1.1w comes before 1.1.1, so ranges of letters must begin at a letter too."""
    package = {"ecosystem": "conda", "name": "openssl", "ranges": [{"introduced": "1.1.1a", "fixed": "1.1.1w"}]}
    entry = {**DATA["advisories"][0], "id": "CVE-0000-0001", "packages": [package]}
    data = {**DATA, "advisories": [entry], "covers": {"conda": ["openssl"], "PyPI": []}}
    host = Advisories(for_host(verify(data, "data")))
    found = {v: host.judge_record("openssl", v).verdict for v in ("1.1.1a", "1.1.1v", "1.1.1w", "1.1.1", "3.0.2")}
    assert found == {
        "1.1.1a": "vulnerable",
        "1.1.1v": "vulnerable",
        "1.1.1w": "none_known",
        "1.1.1": "none_known",
        "3.0.2": "none_known",
    }


def test_the_shipped_data_are_in_our_form():
    """They are not verified in each run, so they are here."""
    assert verify(DATA, "shipped") is DATA
