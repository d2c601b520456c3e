# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules on known vulnerabilities, over a host's tree."""

from __future__ import annotations

import calendar
import json
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit._auditing import Auditing
from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import AuditOptions
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rules_vulnerabilities import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options

NOW = calendar.timegm((2026, 11, 23, 12, 0, 0))
DATA = {
    "date": "2026-11-22",
    "conda_date": "2026-11-22",
    "conda": {
        "conda": [["CVE-2026-53940", "high", [["0", "26.5.2", None]]]],
        "micromamba": [["MAMBA-PR-4282", "medium", [["0", "2.7.0", None]]]],
        "certifi": [
            ["GHSA-6q48-6c7w-9gw2", "high", [["0", "2026.10.19", None]]],
            ["CVE-2023-37920", "high", [["0", "2023.7.22", None]]],
        ],
        "urllib3": [["CVE-1", "medium", [["0", "2.8.0", None]]], ["CVE-2", "high", [["2.0", "2.7.0", None]]]],
        "libsolv": [["CVE-3", "high", [["0", None, None]]]],
    },
    "pypi": {
        "urllib3": [["CVE-1", "medium", [["0", "2.8.0", None]]]],
        "certifi": [["GHSA-6q48-6c7w-9gw2", "high", [["0", "2026.10.19", None]]]],
    },
    "names": {},
    "covers": {
        "conda": ["conda", "micromamba", "certifi", "urllib3", "libsolv"], "PyPI": ["urllib3", "certifi"],
    },
    "unverified": ["CVE-1", "MAMBA-PR-4282"],
    "not_affected": [],
}  # fmt: skip
PYTHON = "python-3.12.1-h1_0"
SITE = "lib/python3.12/site-packages"


SHIPPED = "the data above"
# Only root is in the written host's passwd file.
OWNER = "Type: sudo -u %s " % ("'#%d'" % os.getuid() if os.getuid() else "root")


@pytest.fixture
def judge(host):
    """Judge a host by these rules; returns the auditing."""

    def run(data=SHIPPED, now=NOW):
        prepared = {"now": now, "advisories": DATA if data is SHIPPED else data}
        auditing = Auditing(Options(root=host.top, gather=("records",)), AuditOptions(), prepared, RULES)
        auditing.run()
        assert auditing.judgement.unjudged == []
        return auditing

    return run


def findings(auditing, rule=None):
    return [item for item in auditing.judgement.findings if rule in (None, item["rule"])]


def own(host, prefix, record, *directories):
    """Let a record own directories of Python metadata, which exist."""
    path = host.path("%s/conda-meta/%s.json" % (prefix, record))
    with open(path) as stream:
        content = json.load(stream)
    content["files"] = ["%s/%s/METADATA" % (SITE, name) for name in directories]
    with open(path, "w") as stream:
        json.dump(content, stream, indent=2)
    for name in directories:
        host.write("%s/%s/%s/METADATA" % (prefix, SITE, name))


def pip(host, prefix, name):
    host.write("%s/%s/%s/INSTALLER" % (prefix, SITE, name), "pip\n")


def test_one_finding_per_package(host, judge):
    host.environment("/opt/conda/envs/a", [PYTHON, "urllib3-2.6.0-py_0", "numpy-1-0", "libsolv-0.7-0"])
    auditing = judge()
    found = {item["item"]: item for item in findings(auditing, "env.vuln")}
    assert sorted(found) == ["libsolv", "urllib3"]
    urllib3 = found["urllib3"]
    assert urllib3["severity"] == "high" and urllib3["subject"] == "/opt/conda/envs/a"
    assert urllib3["details"] == {
        "package": "urllib3", "version": "2.6.0", "build": "py_0", "ecosystem": "conda",
        "advisories": ["CVE-2", "CVE-1"], "fixed": "2.8.0", "unfixed": [], "unverified": ["CVE-1"],
    }  # fmt: skip
    assert urllib3["remedy"] == OWNER + "conda install --prefix /opt/conda/envs/a 'urllib3>=2.8.0'"
    assert urllib3["evidence"] == "urllib3 2.6.0 (py_0): CVE-2, CVE-1."
    assert found["libsolv"]["details"]["unfixed"] == ["CVE-3"] and "No version" in found["libsolv"]["remedy"]
    assert auditing.audit.coverage == {"packages": 4, "vulnerable": 2, "unmapped": 2}


def test_equal_packages_of_several_environments_count_once(host, judge):
    for name in "ab":
        host.environment("/opt/conda/envs/" + name, [PYTHON, "urllib3-2.8.0-py_0"])
    auditing = judge()
    assert findings(auditing) == []
    assert auditing.audit.coverage == {"packages": 2, "none_known": 1, "unmapped": 1}


def test_the_metadata_of_a_record_are_the_record(host, judge):
    prefix = host.environment("/opt/conda/envs/a", [PYTHON, "urllib3-1.26.4-py_0"])
    own(host, prefix, "urllib3-1.26.4-py_0", "urllib3-1.26.4.dist-info")
    assert [item["item"] for item in findings(judge())] == ["urllib3"]


def test_a_copy_by_pip_of_another_version_is_another_finding(host, judge):
    prefix = host.environment("/opt/conda/envs/a", [PYTHON, "urllib3-1.26.4-py_0"])
    own(host, prefix, "urllib3-1.26.4-py_0", "urllib3-1.26.4.dist-info")
    pip(host, prefix, "urllib3-2.0.dist-info")
    pip(host, prefix, "six-1.0.dist-info")
    auditing = judge()
    found = {item["item"]: item for item in findings(auditing)}
    assert sorted(found) == ["urllib3", "urllib3 (pip)"]
    assert found["urllib3 (pip)"]["details"]["pending"] is True
    assert found["urllib3 (pip)"]["details"]["ecosystem"] == "PyPI"
    assert auditing.audit.coverage == {"packages": 4, "vulnerable": 1, "unmapped": 2, "pending": 1}


def test_what_pip_installed_and_is_clean_for_sure_is_not_left_open(host, judge):
    prefix = host.environment("/opt/conda/envs/a", [PYTHON])
    pip(host, prefix, "urllib3-2.8.0.dist-info")
    auditing = judge()
    assert findings(auditing) == []
    assert auditing.audit.coverage == {"packages": 2, "none_known": 1, "unmapped": 1}


def test_what_to_type_is_safe_for_any_path(host, judge):
    host.environment("/opt/conda/envs/a; reboot", [PYTHON, "urllib3-2.6.0-py_0"])
    assert findings(judge())[0]["remedy"].startswith(OWNER + "conda install --prefix '/opt/conda/envs/a; reboot' ")


def test_the_tool_chain_of_a_base_prefix_is_told_once(host, judge):
    host.environment("/opt/conda", [PYTHON, "conda-26.5.1-py_0", "urllib3-2.6.0-py_0"], "==> 2026-01-01 <==\n")
    host.environment("/opt/conda/envs/a", [PYTHON, "conda-26.5.1-py_0"])
    auditing = judge()
    told = sorted((item["rule"], item["subject"], item["item"]) for item in findings(auditing))
    assert ("tool.conda.vulnerable", "/opt/conda", "conda") in told
    assert ("env.vuln", "/opt/conda", "urllib3") in told
    assert ("env.vuln", "/opt/conda", "conda") not in told
    tool = findings(auditing, "tool.conda.vulnerable")[0]
    assert tool["severity"] == "high" and tool["details"]["fixed"] == "26.5.2"
    assert tool["remedy"] == OWNER + "conda install --prefix /opt/conda 'conda>=26.5.2'"


def test_a_current_conda_is_clean(host, judge):
    host.environment("/opt/conda", [PYTHON, "conda-26.5.2-py_0"], "==> 2026-01-01 <==\n")
    assert findings(judge()) == []


def test_compromised_authorities_are_told_by_their_own_rule(host, judge):
    records = [PYTHON, "certifi-2023.1.1-py_0", "ca-certificates-2026.10.18-h_0", "pip-26.2.2-py_0"]
    prefix = host.environment("/opt/conda/envs/a", records)
    pip(host, prefix, "pip-26.2.1.dist-info")
    auditing = judge()
    found = {item["item"]: item for item in findings(auditing, "tls.ca.compromised")}
    assert sorted(found) == ["ca-certificates", "certifi", "pip (pip)"]
    assert found["pip (pip)"]["details"]["advisories"] == ["CVE-2026-133949"]
    assert found["pip (pip)"]["remedy"] == OWNER + "/opt/conda/envs/a/bin/python -m pip install 'pip>=26.2.2'"
    other = findings(auditing, "env.vuln")
    assert [item["details"]["advisories"] for item in other] == [["CVE-2023-37920"]]


def test_current_authorities_are_clean(host, judge):
    records = [PYTHON, "certifi-2026.10.19-py_0", "ca-certificates-2026.11.1-h_0", "pip-26.3-py_0"]
    host.environment("/opt/conda/envs/a", records)
    assert findings(judge()) == []


@pytest.mark.parametrize("days, told", [(0, False), (30, False), (32, True)])
def test_old_advisories(host, judge, days, told):
    found = findings(judge(now=NOW + (days - 1) * 86400), "advisories.stale")
    assert bool(found) == told
    if told:
        assert found[0]["severity"] == "low" and "of 2026-11-22, more than 30 days old" in found[0]["evidence"]


def test_the_conda_part_is_old_by_itself(host, judge):
    found = findings(judge(dict(DATA, date="2027-01-10"), NOW + 50 * 86400), "advisories.stale")
    assert [item["item"] for item in found] == ["conda"] and "Upgrade the collection" in found[0]["remedy"]


def test_without_advisories_nothing_is_called_clean(host, judge):
    host.environment("/opt/conda/envs/a", [PYTHON, "urllib3-2.6.0-py_0"])
    auditing = judge(None)
    assert findings(auditing, "env.vuln") == [] and auditing.audit.coverage == {}
    reasons = [entry["reason"] for entry in auditing.look.report.entries]
    assert reasons.count("no advisories were handed over, so no package was judged for vulnerabilities") == 1


def test_a_version_out_of_order_is_reported(host, judge):
    host.environment("/opt/conda/envs/a", [PYTHON, "urllib3-2..6-py_0"])
    auditing = judge()
    assert auditing.audit.coverage == {"packages": 2, "unmapped": 2}
    assert any("urllib3: its version '2..6'" in entry["reason"] for entry in auditing.look.report.entries)


def test_a_package_with_a_hostile_name_ends_nothing(host, judge):
    host.environment("/opt/conda/envs/a", [PYTHON, "urllib3-2.6.0-py_0"])
    name = "x" * 200 + "-1-0.json"
    host.write("/opt/conda/envs/a/conda-meta/" + name, "{")
    os.symlink("/dev/zero", host.path("/opt/conda/envs/a/conda-meta/urllib3-9-9.json"))
    assert "urllib3" in [item["item"] for item in findings(judge(), "env.vuln")]
