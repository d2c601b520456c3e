# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An alert repairs the host that it is about: from real metrics to Alertmanager, ansible-rulebook, and a real update.

ansible-rulebook needs Java. Its parts are one test, since each takes many seconds to start.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from gates import dashboard, toolbox
from integration.alerting import ROUTES, Services, free_port
from lab import LabUnavailable, channel, prefixes
from lab.base import Base
from lab.entrypoint import small_prefix

RULEBOOK = "ansible-rulebook==1.3.2"
TOKEN = "token-of-the-test"
LAGGARD, FROZEN = "gpu03", "gpu04"
# Why a panel may have nothing to show here.
EMPTY = {
    "Incomplete audits": "every audit has seen all that it should",
    "Nightly runs": "the role maintenance writes these",
    "Furthest behind the fleet": "the laggard was updated by then; before, the alert comes of the same series",
}


@pytest.fixture(scope="module")
def rulebook_bins() -> Path:
    if shutil.which("java") is None:
        pytest.skip("ansible-rulebook needs Java, which is not on this machine: install a JRE of 17 or later")
    try:
        return toolbox.venv("rulebook", Path(sys.executable).resolve(), RULEBOOK)
    except toolbox.ToolFailedError:
        pytest.skip(f"{RULEBOOK} cannot be installed here")


class Fleet:
    """Two hosts that are up to date, a laggard with a real conda 4.2.7, and one that must not be changed today."""

    def __init__(self, ansible, top: Path) -> None:
        self.ansible, self.top = ansible, top
        path, channels = top / LAGGARD / "opt" / "conda", channel.channels()
        made = prefixes.base_prefix(channels, "4.2.7", str(path), channels.as_uri())
        path.parent.mkdir(parents=True)
        subprocess.run(["cp", "-a", str(made), str(path)], check=True)
        self.base = Base(path, made, channels)
        for name in ("gpu01", "gpu02", FROZEN):
            small_prefix(top / name / "opt" / "conda", "4.3.16")
        self.inventory = top / "inventory"
        self.inventory.mkdir()
        common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "update_become": False}
        listed = {name: self.variables(name) for name in ("gpu01", "gpu02", LAGGARD, FROZEN)}
        listed[FROZEN]["update_freeze"] = ["2000-01-01..2999-12-31"]
        groups = {"all": {"hosts": listed, "vars": common}, "gpu": {"hosts": dict.fromkeys(listed)}}
        self.inventory.joinpath("hosts.yml").write_text(yaml.safe_dump(groups))

    def variables(self, name: str) -> dict[str, t.Any]:
        self.textfiles(name).mkdir()
        ledger = str(self.top / name / "ledger.jsonl")
        return {
            "conda_root": str(self.top / name),
            "conda_policy_base": {"organisation": {"commercial_use": True}},
            "monitoring_textfiles": str(self.textfiles(name)),
            "monitoring_sizes": True,
            "monitoring_ledger": ledger,
            "update_ledger": ledger,
            "update_prefixes": [str(self.top / name / "opt" / "conda")],
            "update_version": "newest",
        }

    def textfiles(self, name: str) -> Path:
        return self.top / f"{name}.textfiles"

    def measure(self) -> None:
        done = self.ansible.role("monitoring", self.inventory, "--limit", f"!{FROZEN}")
        assert done.code == 0, done.output


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    from integration.ansible_run import Ansible

    top = tmp_path_factory.mktemp("repair")
    try:
        return Fleet(Ansible(top), top)
    except LabUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def two_hosts(tmp_path) -> Path:
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps({"gpu": {"hosts": {"gpu01": {}, "gpu02": {}}}}))
    return path


@pytest.mark.parametrize(("given", "hosts"), [
    (["-e", "repair_instance=gpu02:9100"], {"gpu02"}), (["-e", "repair_instance=*"], set()),
    (["-e", "repair_instance=gpu"], set()), ([], set()),
])  # fmt: skip
def test_the_playbook_takes_one_host_or_none(ansible, two_hosts, given, hosts):
    done = ansible.playbook("repair", two_hosts, *given, "--list-hosts", document=False)
    plays = re.findall(
        r"play #\d+ .*?: (.*?)\t.*?\n    pattern: .*?\n    hosts \(\d+\):((?:\n      \S+)*)", done.output
    )
    assert {host for name, listed in plays if name != "See which host it is" for host in listed.split()} == hosts
    if not given:
        done = ansible.playbook("repair", two_hosts, document=False)
        assert done.code == 2 and "no host is named" in done.output and "Find what is installed" not in done.output


class Rulebook:
    """ansible-rulebook with the rulebook as it is shipped."""

    def __init__(self, fleet: Fleet, bins: Path, port: int) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}/conda", fleet.top / "rulebook.log"
        variables = fleet.top / "variables.yml"
        variables.write_text(yaml.safe_dump({"repair_token": TOKEN, "repair_port": port}))
        collection = fleet.ansible.collections / "ansible_collections" / "labfleet" / "conda"
        self.env = toolbox.ansible_environment(collection, fleet.top, bins, fleet.ansible.bins)
        rulebook = ["--rulebook", "labfleet.conda.conda_repair", "--inventory", str(fleet.inventory)]
        self.command = [str(bins / "ansible-rulebook"), *rulebook, "--vars", str(variables)]

    def notify(self, token: str = TOKEN, **labels: str) -> int:
        """A notification as Alertmanager sends it; the status of the answer."""
        labels = {"alertname": "CondaBehindFleet", **labels}
        alert = {"status": "firing", "labels": labels, "annotations": {"summary": "{{ 7 * 191 }}"}}
        content = {"version": "4", "status": "firing", "groupLabels": labels, "commonLabels": labels, "alerts": [alert]}
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url, json.dumps(content).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def said(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text(errors="replace"))

    def hosts(self) -> list[str]:
        """The hosts that the runs so far were about, in their order."""
        return re.findall(r"^(\S+) +: ok=", self.said(), re.MULTILINE)


def configuration(rulebook: Rulebook, folder: Path) -> dict[str, t.Any]:
    """The shipped routes, with this address and these files of secrets, open by day and without long waits."""
    text = ROUTES.read_text().replace("/etc/alertmanager/secrets", str(folder))
    content = yaml.safe_load(text.replace("http://127.0.0.1:5000/conda", rulebook.url))
    for route in content["route"]["routes"][0]["routes"]:
        if route["receiver"] == "conda-repair":
            del route["active_time_intervals"]
            route["group_interval"] = "1s"  # at first there are no metrics, and then the alert waits behind that one
    for name in ("smtp", "chat", "repair"):
        folder.joinpath(name).write_text(TOKEN)
    return content


@pytest.mark.long
def test_an_alert_updates_the_one_host_that_it_is_about(fleet, rulebook_bins):
    with contextlib.ExitStack() as stack:
        rulebook = Rulebook(fleet, rulebook_bins, free_port())
        targets = {name: fleet.textfiles(name) for name in ("gpu01", "gpu02", LAGGARD, FROZEN)}
        services = Services(
            stack, fleet.top, {**targets, "gpu05": None}, configuration(rulebook, fleet.top), tolerated=0
        )
        services.start("rulebook", rulebook.url, *rulebook.command, env=rulebook.env)
        assert rulebook.notify("another-token", instance=LAGGARD) == 401
        for name in ("*", "!gpu01", "gpu01:gpu02", "gpu01,gpu02", "{{ 7 * 191 }}", ""):
            assert rulebook.notify(instance=name) == 200
        assert rulebook.notify(alertname="CondaLicenceExposure", instance="gpu01") == 200
        assert rulebook.notify() == 200
        assert rulebook.notify(instance="gpu") == 200  # a group: the playbook refuses it
        # The laggard's own metrics lead to its update, once.
        fleet.measure()
        firing = 'ALERTS{alertname="CondaBehindFleet",alertstate="firing"}'
        services.until(firing, lambda found: [item["metric"]["instance"] for item in found] == [LAGGARD])
        services.until("vector(1)", lambda _found: rulebook.hosts() == [LAGGARD])
        assert fleet.base.version() == "4.3.16", rulebook.said()
        # Within six hours it is not done again. Runs are one after the other, so that of the other host comes last.
        for name in (LAGGARD, FROZEN):
            assert rulebook.notify(instance=name) == 200
        services.until("vector(1)", lambda _found: FROZEN in rulebook.hosts())
        assert rulebook.hosts() == [LAGGARD, FROZEN]
        said = rulebook.said()
        assert set(re.findall(r"The alert names (.*?),", said)) == {"gpu"} and "1337" not in said
        # What the nightly run measures next ends the alert.
        fleet.measure()
        services.until(firing, lambda found: not found)
        every_panel_has_something_to_show(services)


def every_panel_has_something_to_show(services: Services) -> None:
    for panel in dashboard.dashboard()["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$group", ".*").replace("$host", ".*")
            assert bool(services.query(query)) is (panel["title"] not in EMPTY), (panel["title"], query)
