# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs that the role awx describes, run as AWX does it: by ansible-runner, with sliced inventories.

What is AWX's own is small: it takes every n-th host of the inventory for a slice, and gives a job the variables of its
template, the number of the job, and what the jobs before it in the workflow have left with set_stats.
"""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import yaml
from gates import toolbox

_Map = dict[str, t.Any]


class Done(t.NamedTuple):
    """A job that has ended.

    :param code: the exit code of ansible-playbook.
    :param status: what ansible-runner calls it.
    :param left: what set_stats has left.
    :param output: what was printed.
    :param artifacts: the directory with the events.
    """

    code: int
    status: str
    left: _Map
    output: str
    artifacts: Path


def templates() -> dict[str, _Map]:
    """The job templates of the role, with what the job itself fills in as it is."""
    path = toolbox.CHECKOUT / "roles" / "awx" / "vars" / "main.yml"
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!unsafe", lambda this, node: this.construct_scalar(node))  # type: ignore[attr-defined]
    found = yaml.load(path.read_text("utf-8"), loader)["_awx_job_templates"]  # noqa: S506 - a safe loader
    return {template["name"]: template for template in found}


def sliced(hosts: dict[str, _Map], number: int, count: int) -> dict[str, _Map]:
    """The hosts of a slice; the first number is 1."""
    return {name: hosts[name] for name in sorted(hosts)[number - 1 :: count]}


class Jobs:
    """Runs jobs.

    :param scratch: a directory for the private data directories.
    :param bins: where ansible-runner is.
    :param shared: the directory that all jobs share.
    """

    def __init__(self, scratch: Path, bins: Path, shared: Path) -> None:
        self._scratch, self._bins, self._shared = scratch, bins, shared

    def start(self, number: int, template: str, hosts: dict[str, _Map], **variables: t.Any) -> subprocess.Popen[str]:
        """Start a job with this number on these hosts; more variables are those of AWX or of a survey."""
        place = self._scratch / f"job-{number}"
        for name in ("env", "inventory"):
            (place / name).mkdir(parents=True)
        (place / "project").symlink_to(toolbox.CHECKOUT)
        told = {"_meta": {"hostvars": hosts}, "all": {"hosts": sorted(hosts)}}
        script = place / "inventory" / "hosts"
        script.write_text(f"#!/usr/bin/env python3\nprint({json.dumps(told)!r})\n")
        script.chmod(0o700)
        described = templates()[template]
        given = {"fleet_directory": str(self._shared), **described["variables"], "awx_job_id": number, **variables}
        (place / "env" / "extravars").write_text(json.dumps(given))
        (place / "env" / "settings").write_text(json.dumps({"suppress_ansible_output": False}))
        command = [str(self._bins / "ansible-runner"), "run", str(place), "-p", f"playbooks/{described['playbook']}"]
        link = toolbox.CHECKOUT / "build" / "collections" / "ansible_collections" / "labfleet" / "conda"
        env = toolbox.ansible_environment(link, place, self._bins)
        return subprocess.Popen(
            [*command, "--ident", str(number)], cwd=place, env=env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def end(self, number: int, started: subprocess.Popen[str]) -> Done:
        """Wait for the end of a job."""
        try:
            output, _none = started.communicate(timeout=240)
        finally:
            started.kill()
        artifacts = self._scratch / f"job-{number}" / "artifacts" / str(number)
        left: _Map = {}
        for path in (artifacts / "job_events").glob("*.json"):
            left.update(json.loads(path.read_text())["event_data"].get("artifact_data") or {})
        status = (artifacts / "status").read_text()
        return Done(int((artifacts / "rc").read_text()), status, left, output, artifacts)

    def run(self, number: int, template: str, hosts: dict[str, _Map], **variables: t.Any) -> Done:
        """Run a job to its end."""
        return self.end(number, self.start(number, template, hosts, **variables))


__all__ = ("Done", "Jobs", "sliced", "templates")
