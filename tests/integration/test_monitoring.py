# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the role to the webhook: real node exporters, Prometheus and Alertmanager on loopback tell of who lags behind.

The hosts are trees of made up installations, since the lab's condas are all of one minor release.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import typing as t
import urllib.request
from pathlib import Path

import pytest
import yaml
from lab import LabUnavailable, hosts, monitoring
from lab.entrypoint import small_prefix

CHECKOUT = Path(__file__).resolve().parents[2]
RULES = CHECKOUT / "roles" / "monitoring" / "files" / "labfleet_conda.rules.yml"
INTERVAL = 1.0  # seconds from scrape to scrape, and from evaluation to evaluation
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


# --- the way of an alert


def free_port() -> int:
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def webhook():
    """What Alertmanager delivers, over real HTTP."""
    told: queue.Queue[dict[str, t.Any]] = queue.Queue()

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *unused: t.Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", told
    server.shutdown()
    thread.join()
    server.server_close()


class Services:
    """Node exporters, Prometheus and Alertmanager, until the end of the test."""

    def __init__(self, stack: contextlib.ExitStack, fleet: Fleet, programs: dict[str, str], webhook: str) -> None:
        self.stack, self.folder, self.programs = stack, fleet.top, programs
        targets = {name: self.exporter(fleet.textfiles(name)) for name in VERSIONS}
        manager = self.manager(webhook)
        self.prometheus(targets, manager)

    def start(self, name: str, url: str, *command: str) -> None:
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        limit = time.monotonic() + 60
        while True:
            assert process.poll() is None, (self.folder / f"{name}.log").read_text()
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
                return
            assert time.monotonic() < limit, f"{name} does not answer"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)

    def exporter(self, textfiles: Path) -> str:
        address = f"127.0.0.1:{free_port()}"
        options = [
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={textfiles}",
        ]
        listen = f"--web.listen-address={address}"
        self.start(
            textfiles.name, f"http://{address}/metrics", self.programs["prometheus-node-exporter"], *options, listen
        )
        return address

    def manager(self, webhook: str) -> str:
        address = f"127.0.0.1:{free_port()}"
        route = {"receiver": "hook", "group_by": ["alertname", "instance"], "group_wait": "0s", "group_interval": "1s"}
        receiver = {"name": "hook", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
        config = self.folder / "alertmanager.yml"
        config.write_text(json.dumps({"route": route, "receivers": [receiver]}))
        options = [f"--config.file={config}", f"--storage.path={self.folder / 'alerts'}", "--cluster.listen-address="]
        listen = f"--web.listen-address={address}"
        self.start(
            "alertmanager", f"http://{address}/-/ready", self.programs["prometheus-alertmanager"], *options, listen
        )
        return address

    def prometheus(self, targets: dict[str, str], manager: str) -> None:
        address = f"127.0.0.1:{free_port()}"
        static = [{"targets": [target], "labels": {"instance": name}} for name, target in targets.items()]
        every = {"scrape_interval": f"{INTERVAL:g}s", "evaluation_interval": f"{INTERVAL:g}s"}
        rules = yaml.safe_load(RULES.read_text())
        for group in rules["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    rule["for"] = "0s"  # the rest of a rule is as it is shipped
        (self.folder / "rules.yml").write_text(json.dumps(rules))
        config = {
            "global": every,
            "rule_files": [str(self.folder / "rules.yml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
            "scrape_configs": [{"job_name": "node", "static_configs": static}],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        options = [
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={address}",
        ]
        self.start("prometheus", f"http://{address}/-/ready", self.programs["prometheus"], *options)


def heard(told: queue.Queue, alert: str, instance: str, status: str) -> None:
    """Wait for a notification; fails when another host is told of with this alert."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        with contextlib.suppress(queue.Empty):
            for item in told.get(timeout=1)["alerts"]:
                if item["labels"]["alertname"] == alert:
                    assert item["labels"]["instance"] == instance, item
                    if item["status"] == status:
                        return
    pytest.fail(f"{alert} of {instance} was not told as {status}")


def test_the_laggard_is_told_of_and_nobody_else_until_it_is_updated(fleet, webhook):
    try:
        programs = {name: monitoring.program(name) for name in monitoring.PACKAGES}
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    url, told = webhook
    with contextlib.ExitStack() as stack:
        Services(stack, fleet, programs, url)
        assert fleet.run()[0] == 0
        heard(told, "CondaBehindFleet", "gpu03", "firing")
        fleet.install("gpu03", "26.7.1")  # as an update does
        assert fleet.run()[0] == 0
        heard(told, "CondaBehindFleet", "gpu03", "resolved")
        # A file that cannot be read is no silence: it is told too.
        fleet.textfiles("gpu01").joinpath("labfleet_conda.prom").unlink()
        heard(told, "CondaMetricsDead", "gpu01", "firing")
