# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs as AWX is told of them, with the real modules of awx.awx, against a fake of AWX that runs nothing."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
from gates import toolbox
from integration.ansible_run import Ansible, Run
from lab import LabUnavailable, collections
from lab.awx_jobs import templates
from lab.fake_awx import TOKEN, FakeAWX, Server

VARIABLES = {
    "awx_project_url": "https://git.example.org/fleet/conda.git",
    "awx_inventories": [{"name": "fleet", "path": "inventory"}, {"name": "by hand"}],
    "awx_credentials": ["fleet ssh"],
    "awx_execution_environment_image": "registry.example.org/fleet/conda-ee:1",
    "awx_notification_templates": [
        {"name": "mail", "type": "webhook", "configuration": {"url": "https://chat.example.org", "headers": {}}},
    ],
    "awx_notify_error": ["mail", "chat"],
    "awx_notify_approval": ["chat"],
    "awx_timezone": "Europe/Berlin",
}


class Site:
    """A fake of AWX with what its administrators have made, and the playbook to run against it."""

    def __init__(self, scratch: Path, monkeypatch: pytest.MonkeyPatch, url: str, fake: FakeAWX) -> None:
        self.fake = fake
        self._ansible = Ansible(scratch, collections.with_collections())
        for name, value in {"HOST": url, "OAUTH_TOKEN": TOKEN, "VERIFY_SSL": "false"}.items():
            monkeypatch.setenv(f"CONTROLLER_{name}", value)

    def run(self, *arguments: str, **changed: t.Any) -> Run:
        given = json.dumps({**VARIABLES, **changed})
        return self._ansible.playbook("awx", "localhost,", "-e", given, *arguments, document=False)

    def undo(self) -> Run:
        python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        done = self._ansible.role("awx", "localhost,", tasks_from="undo", connection="local", vars=python)
        return Run(done.code, done.output, None)

    def variables(self, template: str) -> dict[str, t.Any]:
        return json.loads(self.fake.named("job_templates")[f"conda: {template}"]["extra_vars"])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Site]:
    fake = FakeAWX(toolbox.CHECKOUT)
    fake.add("credentials", {"name": "fleet ssh"})
    fake.add("notification_templates", {"name": "chat"})
    with Server(fake) as server:
        try:
            yield Site(tmp_path, monkeypatch, server.url, fake)
        except LabUnavailable as reason:
            pytest.skip(str(reason))


def test_jobs_are_described_once(site):
    checked = site.run("--check")
    assert (checked.code, site.fake.changes) == (0, []), checked.output

    first = site.run()
    assert first.code == 0, first.output
    assert "TOKEN" not in first.output and TOKEN not in first.output
    _check_objects(site)
    _check_workflow(site)

    site.fake.changes.clear()
    again = site.run()
    assert (again.code, again.recap("localhost")["changed"], site.fake.changes) == (0, 0, []), again.output


@pytest.mark.long
def test_a_change_is_told_in_check_mode_and_then_done(site):
    assert site.run().code == 0
    site.fake.changes.clear()
    checked = site.run("--check", awx_forks=50)
    assert (checked.code, site.fake.changes) == (0, []), checked.output
    assert checked.recap("localhost")["changed"] == 1
    changed = site.run(awx_forks=50)
    assert changed.recap("localhost")["changed"] == 1 and len(site.fake.changes) == len(templates())
    assert site.fake.named("job_templates")["conda: audit"]["forks"] == 50


@pytest.mark.long
def test_what_was_described_is_taken_away_and_the_rest_stays(site):
    fake = site.fake
    organization = fake.add("organizations", {"name": "conda fleet"})["id"]
    fake.add("inventories", {"name": "fleet", "organization": organization})
    for name in templates():
        fake.add(
            "job_templates", {"name": f"conda: {name}", "organization": organization, "playbook": "playbooks/audit.yml"}
        )
    for name, schedule in (("nightly", "every night"), ("update", "every week")):
        workflow = fake.add("workflow_job_templates", {"name": f"conda: {name}", "organization": organization})["id"]
        fake.add("schedules", {"name": f"conda: {schedule}", "unified_job_template": workflow})
    fake.add("workflow_job_templates", {"name": "of others", "organization": organization})
    gone = site.undo()
    assert gone.code == 0, gone.output
    kinds = ("job_templates", "workflow_job_templates", "schedules", "inventories")
    left = {kind: sorted(fake.named(kind)) for kind in kinds}
    assert left == {
        "job_templates": [], "workflow_job_templates": ["of others"], "schedules": [], "inventories": ["fleet"],
    }  # fmt: skip


def _check_objects(site: Site) -> None:
    fake = site.fake
    project = fake.named("projects")["conda fleet"]
    assert project["scm_url"] == VARIABLES["awx_project_url"] and project["scm_update_on_launch"] is True
    assert fake.named("inventory_sources")["fleet: inventory"]["source_project"] == project["id"]
    assert set(fake.named("job_templates")) == {f"conda: {name}" for name in templates()}
    for template in fake.named("job_templates").values():
        assert fake.names_of(template, "credentials") == ["fleet ssh"]
        assert template["inventory"] == fake.named("inventories")["fleet"]["id"]
    assert fake.named("job_templates")["conda: audit"]["job_slice_count"] == 4
    # what the job is to fill in reaches AWX as it is
    assert site.variables("audit")["audit_artifact"] == "conda_audit_{{ awx_job_id }}"
    assert site.variables("update rest")["update_hosts"] == "all:!canary"
    rules = {name: found["rrule"] for name, found in fake.named("schedules").items()}
    assert rules["conda: every night"] == "DTSTART;TZID=Europe/Berlin:20260101T021500 RRULE:FREQ=DAILY;INTERVAL=1"
    assert rules["conda: every week"].endswith("T200000 RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA")


def _check_workflow(site: Site) -> None:
    fake = site.fake
    update = fake.named("workflow_job_templates")["conda: update"]
    assert set(fake.names_of(update, "notification_templates_error")) == {"mail", "chat"}
    assert fake.names_of(update, "notification_templates_approvals") == ["chat"]
    nodes = fake.objects["workflow_job_template_nodes"].values()
    steps = {node["identifier"]: node for node in nodes if node["workflow_job_template"] == update["id"]}
    ends = {"success", "failure", "always"}
    follows = {
        name: {end: fake.names_of(node, f"{end}_nodes") for end in ends if fake.names_of(node, f"{end}_nodes")}
        for name, node in steps.items()
    }
    assert follows == {
        "audit": {"always": ["forecast"]},
        "forecast": {"always": ["approval"]},
        "approval": {"success": ["update_canary"], "failure": ["report"]},
        "update_canary": {"success": ["update_rest"], "failure": ["audit_again"]},
        "update_rest": {"always": ["audit_again"]},
        "audit_again": {"always": ["report"]},
        "report": {},
    }
    approval = fake.objects["workflow_approval_templates"][steps["approval"]["unified_job_template"]]
    assert (approval["name"], approval["timeout"]) == ("Update the fleet", 259200)


def test_what_templates_and_surveys_set_is_a_variable_of_their_playbook():
    for name, template in templates().items():
        text = (toolbox.CHECKOUT / "playbooks" / template["playbook"]).read_text("utf-8")
        head = text.partition("\n- name:")[0]
        given = {*template["variables"], *(question["variable"] for question in template["survey"])}
        documented = set(re.findall(r"^# +([a-z_]+(?:, [a-z_]+)*)(?: {2,}|$)", head, re.MULTILINE))
        known = {word for words in documented for word in words.split(", ")}
        assert given <= known, f"{name}: {sorted(given - known)} of {template['playbook']}"


def test_no_job_of_a_workflow_hides_what_another_one_found():
    keys = [
        value for template in templates().values() for key, value in template["variables"].items() if "artifact" in key
    ]
    assert len(keys) == len(set(keys)) >= 6
    defaults = {}
    for path in (toolbox.CHECKOUT / "playbooks").glob("*.yml"):
        for key in re.findall(r"_artifact \| default\('(\w+)'\)", path.read_text("utf-8")):
            assert defaults.setdefault(key, path.name) == path.name
    assert {"conda_audit", "conda_update", "conda_report", "conda_rollback", "conda_gpu_audit"} <= set(defaults)


def test_a_secret_is_refused_before_anything_is_made(site):
    slack = {"name": "chat 2", "type": "slack", "configuration": {"token": "s3cret", "channels": ["#ops"]}}
    done = site.run(awx_notification_templates=[slack])
    assert done.code == 2 and site.fake.changes == []
    assert "token: this looks like a secret" in done.output and "s3cret" not in done.output


@pytest.mark.long
def test_a_credential_that_is_not_there_is_named(site):
    done = site.run(awx_credentials=["fleet key"])
    assert done.code == 2
    assert "name=fleet+key returned 0 items, expected 1" in done.output
