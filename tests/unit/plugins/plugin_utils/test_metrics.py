# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metrics of a host tell what is known, in the format that Prometheus reads, and nothing that is not known."""

from __future__ import annotations

import re
import subprocess

import pytest
from lab import LabUnavailable, monitoring

from ansible_collections.labfleet.conda.plugins.plugin_utils._metrics import HELP, MAX_INSTALLATIONS, render

LINE = re.compile(r'(labfleet_conda_[a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+)\})? (-?[0-9.e+]+)\Z')


def installation(prefix="/opt/conda", version="26.7.1", **more):
    found = {"kind": "conda", "prefix": prefix, "version": version, "versions": {"conda": version}, "owner": "root"}
    return {**found, "solver": {"name": "libmamba"}, "frozen": False, **more}


def audit(*installations, **more):
    counts = {"critical": 1, "high": 2, "medium": 0, "low": 0, "info": 0}
    return {"installations": list(installations), "counts": counts, "findings": [], "complete": True, **more}


def text(found, **more):
    return render(found, written=2000.0, audited=1000.5, **{"floors": {}, **more})


def series(said):
    lines = [line for line in said.splitlines() if not line.startswith("#")]
    matches = [LINE.match(line) for line in lines]
    assert all(matches), lines
    found = {(match[1].replace("labfleet_conda_", ""), match[2] or ""): float(match[3]) for match in matches}
    assert len(found) == len(lines)
    return found


def test_an_installation_its_place_among_the_releases_and_the_findings():
    found = series(text(audit(installation(version="26.5.2")), floors={"conda": "26.7.0"}))
    labels = 'frozen="false",kind="conda",owner="root",prefix="/opt/conda",solver="libmamba",version="26.5.2"'
    assert found["installation_info", labels] == 1
    place = 'prefix="/opt/conda",tool="conda"'
    newest = series(text(audit(installation(version="26.9.4"))))["release_index", place]
    assert newest - found["release_index", place] == found["releases_behind_newest", place] >= 2
    assert found["releases_behind_floor", place] == 1
    assert (found["findings", 'severity="critical"'], found["findings", 'severity="low"']) == (1, 0)
    assert found["audit_timestamp_seconds", ""] == 1000 and found["audit_complete", ""] == 1


def test_what_is_not_known_has_no_series():
    unknown = {"kind": "micromamba", "prefix": None, "program": "/usr/bin/micromamba", "version": None, "versions": {}}
    found = series(text(audit(unknown)))
    names = {name for name, _labels in found}
    assert "installation_info" in names
    assert not names & {"release_index", "releases_behind_newest", "releases_behind_floor", "change_success"}


def test_the_last_change_is_told_and_what_is_none_is_passed_over():
    records = [
        {"sequence": 1, "time": "2026-11-22T09:00:00Z", "outcome": "committed"},
        {"sequence": 2, "time": "2026-11-23T09:00:00Z", "outcome": "rolled_back"},
        {"sequence": 3, "time": "2026-11-24T09:00:00Z", "outcome": "recorded"},
    ]
    found = series(text(audit(), ledger={"records": records}))
    assert found["change_success", ""] == 0 and found["change_timestamp_seconds", ""] == 1795424400
    assert ("change_success", "") not in series(text(audit(), ledger={"records": records[2:]}))


def test_findings_about_terms_count_unless_they_are_waived():
    findings = [{"rule": rule, "waiver": None} for rule in ("chan.defaults.installed", "tos.auto", "chan.http")]
    findings.append({"rule": "tos.accepted", "waiver": {"reason": "we have one"}})
    assert series(text(audit(findings=findings)))["licence_findings", ""] == 2


def test_the_size_of_caches():
    caches = [{"path": "/opt/conda/pkgs", "size": {"bytes": 5, "inodes": 3}}, {"path": "/x"}]
    found = series(text(audit(), info={"package_caches": caches}))
    assert found["cache_bytes", 'path="/opt/conda/pkgs"'] == 5 and found["cache_inodes", 'path="/opt/conda/pkgs"'] == 3


def test_a_name_can_be_anything_and_breaks_no_line():
    hostile = '/home/"x"\\\n# HELP a b\nlabfleet_conda_findings 9 \udcff'
    found = series(text(audit(installation(prefix=hostile))))
    assert [name for name, labels in found].count("findings") == 5


def test_a_host_with_three_installations_has_fewer_than_forty_series():
    records = [{"sequence": 1, "time": "2026-11-22T09:00:00Z", "outcome": "committed"}]
    caches = [{"path": f"/opt/{name}/pkgs", "size": {"bytes": 5, "inodes": 3}} for name in "abc"]
    both = {"conda": "26.7.1", "mamba": "2.3.3"}
    three = [installation(prefix=f"/opt/{name}", versions=both) for name in "abc"]
    floors = {"conda": "26.7", "mamba": "2.0"}
    said = text(audit(*three), ledger={"records": records}, info={"package_caches": caches}, floors=floors)
    assert {name for name, _labels in series(said)} == set(HELP)
    assert len(series(said)) < 40


def test_the_name_of_the_host_is_on_each_series_where_one_exporter_reads_the_files_of_several():
    found = series(text(audit(installation()), instance="gpu01"))
    assert all('instance="gpu01"' in labels for _name, labels in found)
    assert not any("instance=" in labels for _name, labels in series(text(audit(installation()))))


def test_a_host_with_very_many_installations_has_those_of_root_first():
    many = [installation(prefix=f"/home/{number}", owner="u") for number in range(200)]
    found = series(text(audit(*many, installation())))
    assert sum(name == "installation_info" for name, _labels in found) == MAX_INSTALLATIONS
    assert any('prefix="/opt/conda"' in labels for _name, labels in found)


def test_promtool_has_nothing_to_say(tmp_path):
    try:
        promtool = monitoring.program("promtool")
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    records = [{"sequence": 1, "time": "2026-11-22T09:00:00Z", "outcome": "committed"}]
    caches = [{"path": "/opt/conda/pkgs", "size": {"bytes": 5, "inodes": 3}}]
    said = text(audit(installation()), ledger={"records": records}, info={"package_caches": caches})
    done = subprocess.run([promtool, "check", "metrics"], input=said, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
