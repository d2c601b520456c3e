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

from ansible_collections.labfleet.conda.plugins.plugin_utils._metrics import render

CHECKOUT = Path(__file__).resolve().parents[3]
RULES = CHECKOUT / "roles" / "monitoring" / "files" / "labfleet_conda.rules.yml"
ROUTES = RULES.with_name("alertmanager.example.yml")
PAGE = CHECKOUT / "docs" / "docsite" / "rst" / "monitoring.rst"


def program(name: str) -> t.Any:
    try:
        return monitoring.program(name)
    except LabUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def promtool():
    return program("promtool")


@pytest.fixture
def amtool():
    return program("amtool")


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


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"a": "26.3.1", "b": "26.3.2", "c": "25.11.0"}, []),  # 25.11, 26.1, 26.3: a new year is one step
        ({"a": "26.3.1", "b": "26.3.2", "c": "25.9.1"}, ["c"]),
        ({"a": "26.3.1", "b": "26.3.2", "c": "25.9.1", "d": "a branch", "e": None}, ["c"]),  # unknown is not behind
        ({"a": "4.14.0", "b": "22.9.0"}, []),  # the name of the series changed, and nothing else
    ],
)
def test_versions_over_the_turn_of_the_year_and_unknown_ones(promtool, tmp_path, versions, expected):
    series = merged(*(rendered(name, version) for name, version in versions.items()))
    assert firing(promtool, tmp_path, series, "CondaBehindFleet") == expected


def rendered(instance: str, version: str | None) -> dict[str, str]:
    """The metrics of a host with one conda, as series of a test."""
    conda = {"kind": "conda", "prefix": "/opt/conda", "version": version, "versions": {"conda": version}}
    audit = {"installations": [conda], "counts": {}, "findings": [], "complete": True}
    text = render(audit, written=0, audited=0, floors={}, instance=instance)
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: f"{value}x120" for name, value in lines}


def test_a_host_that_comes_back_is_told_of_again(promtool, tmp_path):
    back = {'labfleet_conda_release_index{instance="c",tool="conda",prefix="/opt/conda"}': "27x20 _x20 27x80"}
    series = merged(*(index(name, 30) for name in ("a", "b", "d")), back)
    for at, expected in {"19m": ["c"], "39m": [], "60m": ["c"]}.items():
        assert firing(promtool, tmp_path, series, "CondaBehindFleet", at=at) == expected


def test_the_alerts_are_those_that_are_promised_and_each_has_what_to_do():
    page = PAGE.read_text("utf-8")
    assert set(alerts()) >= {
        "CondaBehindFleet", "CondaAuditStale", "CondaChangeFailed", "CondaCriticalFindings", "CondaMetricsDead",
        "CondaLicenceExposure",
    }  # fmt: skip
    for name in alerts():
        assert f"\n{name}\n{'~' * len(name)}\n" in page


# --- the routes


def routed(amtool, **labels: str) -> list[str]:
    command = [amtool, "config", "routes", "test", f"--config.file={ROUTES}"]
    command += [f"{name}={value}" for name, value in labels.items()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip().split(",")


def test_the_routes_are_read_by_alertmanager(amtool):
    done = subprocess.run([amtool, "check-config", str(ROUTES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "2 inhibit rules" in done.stdout, done.stderr


def test_each_alert_has_its_way(amtool):
    ways = {name: routed(amtool, alertname=name, **rule["labels"], instance="a") for name, rule in alerts().items()}
    assert ways.pop("CondaBehindFleet") == ["conda-repair", "conda-morning"]
    assert ways.pop("CondaCriticalFindings") == ["conda-now"]
    assert set(map(tuple, ways.values())) == {("conda-morning",)}
    assert routed(amtool, alertname="NodeFilesystemFull", severity="critical") == ["others"]


def test_the_morning_has_one_message_and_a_repair_is_about_one_host():
    content = yaml.safe_load(ROUTES.read_text())
    repair, _now, morning = content["route"]["routes"][0]["routes"]
    assert repair["group_by"] == ["alertname", "instance"] and morning["group_by"] == []
    (window,) = next(item for item in content["time_intervals"] if item["name"] == "morning")["time_intervals"]
    (times,) = window["times"]
    hours = [int(times[key].split(":")[0]) for key in ("start_time", "end_time")]
    assert morning["group_interval"] == f"{hours[1] - hours[0]}h"  # as long as it may be sent, so it is sent once


def test_no_secret_is_in_the_example():
    text = ROUTES.read_text()
    assert "credentials_file" in text
    for name in ("password:", "api_url:", "credentials:", "routing_key:", "token:"):
        assert name not in text
