# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node exporters, Prometheus and Alertmanager on loopback, for as long as a test needs them."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import subprocess
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml
from integration.webhook import listening
from lab import LabUnavailable, monitoring

FILES = Path(__file__).resolve().parents[2] / "roles" / "monitoring" / "files"
RULES = FILES / "labfleet_conda.rules.yml"
ROUTES = FILES / "alertmanager.example.yml"
INTERVAL = 1.0  # seconds from scrape to scrape, and from evaluation to evaluation
_Map = dict[str, t.Any]


def programs() -> dict[str, str]:
    """Their paths; the test is skipped where they cannot be had."""
    try:
        return {name: monitoring.program(name) for name in monitoring.PACKAGES}
    except LabUnavailable as reason:
        pytest.skip(str(reason))


def free_port() -> int:
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Told(t.NamedTuple):
    """A notification of Alertmanager, and when it came."""

    at: float
    content: _Map


@contextlib.contextmanager
def webhook() -> t.Iterator[tuple[str, queue.Queue[Told]]]:
    """What Alertmanager delivers, over real HTTP."""
    told: queue.Queue[Told] = queue.Queue()
    with listening(lambda content: told.put(Told(time.time(), content)), status=200) as url:
        yield url, told


def heard(told: queue.Queue[Told], alert: str, instance: str, status: str) -> float:
    """Wait for a notification, and give its time; fails when another host is told of with this alert."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        with contextlib.suppress(queue.Empty):
            at, content = told.get(timeout=1)
            for item in content["alerts"]:
                if item["labels"]["alertname"] == alert:
                    assert item["labels"]["instance"] == instance, item
                    if item["status"] == status:
                        return at
    pytest.fail(f"{alert} of {instance} was not told as {status}")


def to_webhook(url: str) -> _Map:
    """A configuration of Alertmanager that tells everything at once, each host alone."""
    route = {"receiver": "hook", "group_by": ["alertname", "instance"], "group_wait": "0s", "group_interval": "1s"}
    return {
        "route": route,
        "receivers": [{"name": "hook", "webhook_configs": [{"url": url, "send_resolved": True}]}],
    }


class Running:
    """Programs that run until the end of the test, with their logs in a folder."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path) -> None:
        self.stack, self.folder, self.programs = stack, folder, programs()

    def start(self, name: str, url: str, *command: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a program and wait until its address answers."""
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env)
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        limit = time.monotonic() + 60
        while True:
            assert process.poll() is None, (self.folder / f"{name}.log").read_text()
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return process
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return process  # it is there, and wants a token
            except OSError:
                pass
            assert time.monotonic() < limit, f"{name} does not answer"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)

    def exporter(self, textfiles: Path | None) -> str:
        address = f"127.0.0.1:{free_port()}"
        if textfiles is None:
            return address
        options = [
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={textfiles}",
            f"--web.listen-address={address}",
        ]
        self.start(textfiles.name, f"http://{address}/metrics", self.programs["prometheus-node-exporter"], *options)
        return address

    def manager(self, content: _Map) -> str:
        address = f"127.0.0.1:{free_port()}"
        config = self.folder / "alertmanager.yml"
        config.write_text(json.dumps(content))
        options = [f"--config.file={config}", f"--storage.path={self.folder / 'alerts'}", "--cluster.listen-address="]
        listen = f"--web.listen-address={address}"
        command = monitoring.command("prometheus-alertmanager")
        self.start("alertmanager", f"http://{address}/-/ready", *command, *options, listen)
        return address


class Services(Running):
    """All of them, until the end of the test.

    :param targets: the directory of the textfile collector of each instance; where it is None, nobody answers.
    :param manager: the configuration of Alertmanager.
    :param tolerated: how many minor releases below the median are none too many.
    """

    def __init__(
        self, stack: contextlib.ExitStack, folder: Path, targets: dict[str, Path | None], manager: _Map,
        *, tolerated: int = 2,
    ) -> None:  # fmt: skip
        super().__init__(stack, folder)
        addresses = {name: self.exporter(path) for name, path in targets.items()}
        self.alertmanager = self.manager(manager)
        self.address = self.prometheus(addresses, tolerated)
        self.until('up{job="node"}', lambda found: len(found) == len(targets))

    def prometheus(self, targets: dict[str, str], tolerated: int) -> str:
        address = f"127.0.0.1:{free_port()}"
        static = [
            {"targets": [target], "labels": {"instance": name, "group": "gpu"}} for name, target in targets.items()
        ]
        every = {"scrape_interval": f"{INTERVAL:g}s", "evaluation_interval": f"{INTERVAL:g}s"}
        rules = yaml.safe_load(RULES.read_text().replace("_behind_median > 2", f"_behind_median > {tolerated}"))
        for group in rules["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    rule["for"] = "0s"  # the rest of a rule is as it is shipped
        (self.folder / "rules.yml").write_text(json.dumps(rules))
        config = {
            "global": every,
            "rule_files": [str(self.folder / "rules.yml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager]}]}]},
            "scrape_configs": [{"job_name": "node", "honor_labels": True, "static_configs": static}],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        options = [
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={address}",
        ]
        self.process = self.start("prometheus", f"http://{address}/-/ready", self.programs["prometheus"], *options)
        return address

    def query(self, expression: str) -> list[_Map]:
        """What Prometheus answers now."""
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{query}", timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def until(self, expression: str, accepted: t.Callable[[list[_Map]], bool], seconds: float = 60) -> list[_Map]:
        """Ask until the answer is accepted, and give it."""
        limit = time.monotonic() + seconds
        while True:
            found = self.query(expression)
            if accepted(found):
                return found
            assert time.monotonic() < limit, f"{expression} is {found}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)


__all__ = (
    "FILES",
    "INTERVAL",
    "ROUTES",
    "RULES",
    "Running",
    "Services",
    "Told",
    "free_port",
    "heard",
    "programs",
    "to_webhook",
    "webhook",
)
