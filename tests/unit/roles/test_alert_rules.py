# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The alert rules fire for who they should and for nobody else; Prometheus's own promtool evaluates them."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from lab import LabUnavailable, monitoring

RULES = Path(__file__).resolve().parents[3] / "roles" / "monitoring" / "files" / "labfleet_conda.rules.yml"


@pytest.fixture
def promtool():
    try:
        return monitoring.program("promtool")
    except LabUnavailable as reason:
        pytest.skip(str(reason))


def alerts() -> dict[str, dict[str, t.Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def firing(promtool, tmp_path, series: dict[str, str], alert: str, *, at: str = "60m") -> list[str]:
    """The instances for which an alert fires after a while, found by asking for each one alone."""
    instances = sorted({name.split('instance="')[1].split('"')[0] for name in series})
    found = []
    for instance in instances:
        test = {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            # promtool has no way to ask what fires: a query of ALERTS tells.
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing",instance="{instance}"}})',
                    "eval_time": at,
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
            ],
        }
        path = tmp_path / f"{alert}.json"
        path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
        done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "FAILED" in done.stdout + done.stderr, done.stderr
        if done.returncode == 0:
            found.append(instance)
    return found


def index(instance: str, value: int, tool: str = "conda", prefix: str = "/opt/conda") -> dict[str, str]:
    labels = f'instance="{instance}",tool="{tool}",prefix="{prefix}"'
    return {f"labfleet_conda_release_index{{{labels}}}": f"{value}x120"}


def merged(*parts: dict[str, str]) -> dict[str, str]:
    return {name: values for part in parts for name, values in part.items()}


def test_the_rules_are_read_by_prometheus(promtool):
    done = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_each_alert_has_a_severity_and_a_page(promtool):
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        assert rule["annotations"]["runbook_url"].endswith("#" + name.lower())


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({"a": 30, "b": 30, "c": 30}, []),
        ({"a": 30, "b": 30, "c": 27}, ["c"]),
        ({"a": 30, "b": 30, "c": 28}, []),  # two are tolerated
        ({"a": 30, "b": 27}, []),  # of two, the lower is the median
        ({"a": 30, "b": 30, "c": 26, "d": 26}, []),  # half of a fleet does not lag behind the other half
        ({"a": 30, "b": 30, "c": 30, "d": 26, "e": 25}, ["d", "e"]),
        ({"a": 26}, []),
    ],
)
def test_who_lags_behind_the_fleet(promtool, tmp_path, places, expected):
    series = merged(*(index(name, place) for name, place in places.items()))
    assert firing(promtool, tmp_path, series, "CondaBehindFleet") == expected


def test_tools_are_compared_with_their_like(promtool, tmp_path):
    conda = [index(name, 38) for name in ("a", "b", "c")]
    mamba = [index(name, 16, "mamba", "/opt/mamba") for name in ("a", "b")]
    series = merged(*conda, *mamba, index("c", 5, "mamba", "/opt/mamba"))
    assert firing(promtool, tmp_path, series, "CondaBehindFleet") == ["c"]


def test_a_host_that_is_gone_counts_no_more(promtool, tmp_path):
    gone = {'labfleet_conda_release_index{instance="gone",tool="conda",prefix="/opt/conda"}': "20x5 _x120"}
    series = merged(index("a", 30), index("b", 30), index("c", 30), gone)
    assert firing(promtool, tmp_path, series, "CondaBehindFleet") == []


@pytest.mark.parametrize(
    ("alert", "series", "expected"),
    [
        ("CondaBelowFloor", {'labfleet_conda_releases_behind_floor{instance="a"}': "1x120"}, ["a"]),
        ("CondaBelowFloor", {'labfleet_conda_releases_behind_floor{instance="a"}': "0x120"}, []),
        ("CondaCriticalFindings", {'labfleet_conda_findings{instance="a",severity="critical"}': "2x120"}, ["a"]),
        ("CondaCriticalFindings", {'labfleet_conda_findings{instance="a",severity="high"}': "2x120"}, []),
        ("CondaChangeFailed", {'labfleet_conda_change_success{instance="a"}': "0x120"}, ["a"]),
        ("CondaChangeFailed", {'labfleet_conda_change_success{instance="a"}': "1x120"}, []),
        ("CondaLicenceExposure", {'labfleet_conda_licence_findings{instance="a"}': "0x30 1x90"}, []),  # not for an hour
        (
            "CondaMetricsDead",
            {
                'up{instance="a",job="node"}': "1x120",
                'up{instance="b",job="node"}': "1x120",
                'up{instance="c",job="node"}': "0x120",  # it is not ours to tell that a host is down
                'labfleet_conda_written_timestamp_seconds{instance="b"}': "1x120",
            },
            ["a"],
        ),
        (
            "CondaMetricsDead",
            {
                'up{instance="a",job="node"}': "1x120",
                'node_textfile_scrape_error{instance="a"}': "1x120",
                'labfleet_conda_written_timestamp_seconds{instance="a"}': "1x120",
            },
            ["a"],
        ),
    ],
)
def test_alerts_of_one_host(promtool, tmp_path, alert, series, expected):
    assert firing(promtool, tmp_path, series, alert) == expected


@pytest.mark.parametrize(("at", "expected"), [("2879m", []), ("2900m", ["a"])])
def test_an_audit_is_stale_after_two_days(promtool, tmp_path, at, expected):
    series = {'labfleet_conda_audit_timestamp_seconds{instance="a"}': "0x3000"}
    assert firing(promtool, tmp_path, series, "CondaAuditStale", at=at) == expected


def test_a_nightly_run_is_missed(promtool, tmp_path):
    series = {'labfleet_conda_nightly_last_run_timestamp_seconds{instance="a"}': "0x3000"}
    assert firing(promtool, tmp_path, series, "CondaNightlyRunMissing", at="1500m") == []
    assert firing(promtool, tmp_path, series, "CondaNightlyRunMissing", at="1600m") == ["a"]
