# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the role to the webhook: real node exporters, Prometheus and Alertmanager on loopback tell of who lags behind.

The hosts are trees of made up installations, since the lab's condas are all of one minor release.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import typing as t
import urllib.request
from pathlib import Path

import pytest
import yaml
from integration.alerting import FILES, INTERVAL, Running, Services, heard, programs, to_webhook, webhook
from lab import hosts
from lab.entrypoint import small_prefix

VERSIONS = {"gpu01": "26.7.1", "gpu02": "26.7.1", "gpu03": "25.1.0"}


class Fleet:
    """Hosts that are trees below a directory, each with a directory for the textfile collector."""

    def __init__(self, ansible, top: Path) -> None:
        self.ansible, self.top = ansible, top
        for name, version in VERSIONS.items():
            self.install(name, version)
            self.textfiles(name).mkdir()

    def install(self, name: str, version: str) -> None:
        prefix = self.top / name / "opt" / "conda"
        shutil.rmtree(prefix, ignore_errors=True)
        small_prefix(prefix, version)

    def textfiles(self, name: str) -> Path:
        return self.top / f"{name}.textfiles"

    def run(self, tasks_from: str = "main", *options: str, **more: t.Any) -> tuple[int, str]:
        listed = {
            name: {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "conda_root": str(self.top / name),
                "monitoring_textfiles": str(self.textfiles(name)),
                "monitoring_ledger": str(self.top / name / "ledger.jsonl"),
                **more,
            }
            for name in VERSIONS
        }
        inventory = self.top / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": listed}}))
        done = self.ansible.role("monitoring", inventory, *options, tasks_from=tasks_from)
        return done.code, done.output


@pytest.fixture
def fleet(ansible, tmp_path):
    (tmp_path / "fleet").mkdir()
    return Fleet(ansible, tmp_path / "fleet")


# --- the role


def test_each_host_has_its_metrics(fleet):
    code, output = fleet.run("main", "--check")
    assert code == 0 and not list(fleet.textfiles("gpu03").iterdir()), output
    code, output = fleet.run()
    assert code == 0, output
    (path,) = fleet.textfiles("gpu03").iterdir()
    text = path.read_text()
    assert path.name == "labfleet_conda.prom" and path.stat().st_mode & 0o777 == 0o644
    assert re.search(r'labfleet_conda_installation_info\{.*version="25\.1\.0"\} 1\n', text)
    assert len([line for line in text.splitlines() if not line.startswith("#")]) < 40
    assert fleet.run("undo")[0] == 0 and not list(fleet.textfiles("gpu03").iterdir())


def test_without_the_directory_there_is_a_sentence_and_nothing_is_made(fleet):
    code, output = fleet.run("main", monitoring_textfiles="/no/such/place")
    assert code == 2 and "there is no directory /no/such/place" in " ".join(output.split())
    assert "--collector.textfile.directory" in output


def test_a_host_of_the_lab_writes_its_own(ansible, lab_inventory):
    place = "/var/lib/labfleet-test-metrics"
    hosts.run_on("conda4313", "mkdir", "-p", place)
    try:
        given = {"monitoring_textfiles": place, "monitoring_sizes": True}
        limit = ["--limit", "conda4313", "-e", json.dumps(given)]
        done = ansible.playbook("metrics", lab_inventory, *limit, document=False)
        assert done.code == 0, done.output
        text = hosts.run_on("conda4313", "cat", f"{place}/labfleet_conda.prom").stdout
        assert 'prefix="/opt/miniconda3"' in text and 'version="4.3.13"' in text
        assert re.search(r'labfleet_conda_cache_bytes\{path="/opt/miniconda3/pkgs"\} [1-9]', text)
        assert hosts.run_on("conda4313", "ls", place).stdout.split() == ["labfleet_conda.prom"]
    finally:
        hosts.run_on("conda4313", "rm", "-rf", place)


def test_hosts_whose_files_one_exporter_reads_are_not_mixed(fleet, tmp_path):
    place = tmp_path / "textfiles"
    place.mkdir()
    code, output = fleet.run("main", monitoring_on_control_node=True, monitoring_textfiles=str(place))
    assert code == 0, output
    assert sorted(path.name for path in place.iterdir()) == [f"labfleet_conda_{name}.prom" for name in VERSIONS]
    with contextlib.ExitStack() as stack:
        address = Running(stack, tmp_path).exporter(place)
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    assert re.findall(r'labfleet_conda_audit_complete{instance="(gpu0\d)"} 1', text) == list(VERSIONS)
    assert fleet.run("undo", monitoring_on_control_node=True, monitoring_textfiles=str(place))[0] == 0
    assert not list(place.iterdir())


def test_the_rules_name_the_page_that_is_asked_for(fleet, tmp_path):
    given = {"monitoring_rules": str(tmp_path / "rules.yml"), "monitoring_promtool": programs()["promtool"]}
    code, output = fleet.run("rules", "--limit", "gpu01", **given)
    assert code == 0 and (tmp_path / "rules.yml").read_text() == FILES.joinpath("labfleet_conda.rules.yml").read_text()
    assert "changed=0" in fleet.run("rules", "--limit", "gpu01", **given)[1]
    assert fleet.run("rules", "--limit", "gpu01", **given, monitoring_runbooks="https://wiki.example.org/conda")[0] == 0
    groups = yaml.safe_load((tmp_path / "rules.yml").read_text())["groups"]
    pages = {rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert all(page.startswith("https://wiki.example.org/conda#conda") for page in pages)


def test_grafana_gets_the_dashboard_and_a_provider_that_names_its_place(fleet, tmp_path):
    given = {"monitoring_grafana": str(tmp_path / "etc"), "monitoring_dashboards": str(tmp_path / "dashboards")}
    code, output = fleet.run("dashboards", "--limit", "gpu01", **given)
    assert code == 2 and "Install Grafana first" in " ".join(output.split())
    (tmp_path / "etc").mkdir()
    code, output = fleet.run("dashboards", "--limit", "gpu01", "--check", **given)
    assert code == 0 and not list((tmp_path / "etc").iterdir()), output
    assert fleet.run("dashboards", "--limit", "gpu01", **given)[0] == 0
    assert "changed=0" in fleet.run("dashboards", "--limit", "gpu01", **given)[1]
    (provider,) = yaml.safe_load((tmp_path / "etc" / "labfleet_conda.yml").read_text())["providers"]
    (shown,) = Path(provider["options"]["path"]).iterdir()
    assert json.loads(shown.read_text()) == json.loads(FILES.joinpath("labfleet_conda.dashboard.json").read_text())


# --- the way of an alert


def test_the_laggard_is_told_of_and_nobody_else_until_it_is_updated(fleet):
    with contextlib.ExitStack() as stack:
        url, told = stack.enter_context(webhook())
        Services(stack, fleet.top, {name: fleet.textfiles(name) for name in VERSIONS}, to_webhook(url))
        assert fleet.run()[0] == 0
        came = heard(told, "CondaBehindFleet", "gpu03", "firing")
        written = max(fleet.textfiles(name).joinpath("labfleet_conda.prom").stat().st_mtime for name in VERSIONS)
        assert came - written < 2 * (INTERVAL + INTERVAL)  # two scrapes and two evaluations
        fleet.install("gpu03", "26.7.1")  # as an update does; see test_repair for a real one
        assert fleet.run()[0] == 0
        heard(told, "CondaBehindFleet", "gpu03", "resolved")
        # A file that cannot be read is no silence: it is told too.
        fleet.textfiles("gpu01").joinpath("labfleet_conda.prom").unlink()
        heard(told, "CondaMetricsDead", "gpu01", "firing")
