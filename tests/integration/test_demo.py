# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo shows what it is for, and the playbooks of the audit do what a run over a small fleet needs of them."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
from gates import toolbox
from integration.ansible_run import Ansible, Run
from lab import LabUnavailable, demo

INVENTORY = toolbox.CHECKOUT / "inventories" / "demo"
FAMILIES = ("base", "caches", "channels", "configuration", "environment", "gpu", "permissions", "policy", "secrets",
            "solver", "tool", "transport", "vulnerabilities")  # fmt: skip


class Demo:
    """Runs playbooks over the demo fleet."""

    def __init__(self, ansible: Ansible, roots: Path) -> None:
        self.ansible, self.roots = ansible, roots
        self.folder = ansible.scratch / "report"

    def run(self, name: str, *arguments: str, **variables: t.Any) -> Run:
        given = {"conda_root": f"{self.roots}/{{{{ inventory_hostname }}}}", "gpu_audit_become": False, **variables}
        return self.ansible.playbook(name, INVENTORY, "-e", json.dumps(given), *arguments, document=False)

    def audit(self, *arguments: str, **variables: t.Any) -> Run:
        return self.run("audit", *arguments, **{"audit_dest": str(self.folder), **variables})

    def refused(self, *arguments: str, **variables: t.Any) -> str:
        """What a run says that ends before a host is audited."""
        run = self.audit(*arguments, **variables)
        assert run.code == 2 and "Judge the host" not in run.output, run.output
        assert not self.folder.exists() and "Traceback" not in run.output
        return run.output

    @property
    def report(self) -> dict[str, t.Any]:
        return json.loads((self.folder / "audit.json").read_text())


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    try:
        demo.make(folder)
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    return folder / "hosts"


@pytest.fixture
def fleet(ansible: Ansible, roots: Path) -> Demo:
    return Demo(ansible, roots)


def test_the_waiver_of_the_demo_covers_something(fleet):
    run = fleet.audit()
    assert run.code == 0, run.output
    waived = [item for host in fleet.report["hosts"].values() for item in host["findings"] if item["waiver"]]
    assert {(item["rule"], item["subject"]) for item in waived} == {("env.python_eol", "/home/eve/.conda/envs/train")}
    assert "(3 waived)" in run.output


def test_the_gpus_of_the_demo_get_an_answer_for_a_driver_to_come(fleet):
    run = fleet.run("gpu_audit", gpu_audit_driver="580")
    assert run.code == 0, run.output
    (row,) = [line for line in run.output.splitlines() if line.startswith("gpu[01-03]")]
    assert re.search(r" 11\.3 +fails +ok\b", row), row
    assert "It is not known what CUDA" not in run.output


@pytest.mark.long
def test_no_line_of_the_digest_is_wider_than_120_columns(fleet):
    for name in ("audit", "gpu_audit"):
        run = fleet.run(name, audit_rows=100)
        printed = run.output.partition("TASK [Print the ")[2].partition("\n")[2].partition("\nTASK [")[0]
        assert len(printed.splitlines()) > 5 and max(map(len, printed.splitlines())) <= 120, printed


def test_a_limited_run_keeps_the_report_of_the_fleet(fleet, tmp_path):
    assert fleet.audit().code == 0
    full = fleet.report
    run = fleet.audit("--limit", "login01", audit_fail_on="critical", audit_new_only=True)
    assert run.code == 0, run.output
    part = fleet.report
    assert list(part["hosts"]) == list(full["hosts"]) and part["summary"]["hosts"] == 1
    assert part["hosts"]["gpu01"]["last_seen"] == full["generated"]
    assert part["hosts"]["gpu01"]["environments"] == full["hosts"]["gpu01"]["environments"]
    assert f"bare01,build01,gpu[01-03]: last seen {full['generated']}: " in run.output
    assert "bare01,build01,gpu[01-03], last seen" in (fleet.folder / "audit.html").read_text()
    # build01 has a critical finding, and is no part of this run
    assert fleet.audit("--limit", "bare01", audit_fail_on="critical").code == 0
    again = fleet.audit(audit_fail_on="info", audit_new_only=True)
    assert again.code == 0 and fleet.report["trend"]["new"] == 0, again.output
    assert not any("last_seen" in host for host in fleet.report["hosts"].values())
    inventory = tmp_path / "hosts.yml"
    text = (INVENTORY / "hosts.yml").read_text().replace("        build01:\n", "")
    inventory.write_text(text)
    given = json.dumps({"conda_root": f"{fleet.roots}/{{{{ inventory_hostname }}}}", "audit_dest": str(fleet.folder)})
    gone = fleet.ansible.playbook("audit", inventory, "--limit", "bare01", "-e", given, document=False)
    assert "no longer in the report: build01" in gone.output and "build01" not in fleet.report["hosts"], gone.output


@pytest.mark.long
def test_the_report_is_made_once_whatever_the_strategy(fleet, monkeypatch):
    environment = toolbox.ansible_environment
    free = {"ANSIBLE_STRATEGY": "free"}
    monkeypatch.setattr(toolbox, "ansible_environment", lambda *given: {**environment(*given), **free})
    run = fleet.audit()
    assert run.code == 0 and run.output.count("AUDIT of 6 hosts") == run.output.count("AUDIT of ") == 1, run.output
    asked = fleet.run("ask", ask_question="versions", ask_become=False)
    assert asked.code == 0 and asked.output.count("VERSION  INSTALLATIONS") == 1, asked.output
    assert len(re.findall(r"^HOST +DRIVER", fleet.run("gpu_audit").output, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    "variables, sentence",
    [
        ({"audit_fail_on": "hihg"}, "value of fail_on must be one of: never, info, low, medium, high, critical"),
        ({"audit_formats": "json,pdf"}, "Got no match for: pdf"),
        ({"audit_formats": "json,cyclonedx"}, "Add -e audit_packages=true"),
        ({"audit_families": "tool,foo"}, "there is no family of rules foo"),
        ({"audit_dest": "/no/such/place"}, "there is no directory /no/such"),
        ({"audit_dest": "/etc/passwd"}, "/etc/passwd is no directory"),
        ({"audit_previous": "/etc/passwd"}, "/etc/passwd: it is not JSON"),
        ({"audit_advisories": "/no/such"}, "/no/such"),
        ({"audit_rows": -1}, "rows: -1 is no number of rows"),
        ({"audit_hosts": "nobody"}, "No host of the inventory matches nobody"),
    ],
)
def test_what_cannot_be_used_is_refused_before_a_host_is_audited(fleet, variables, sentence):
    assert sentence in fleet.refused(**variables)


@pytest.mark.parametrize("arguments", [("--tags", "tpyo"), ("--tags", "tool,tpyo"), ("--skip-tags", "tpyo")])
def test_a_tag_that_is_no_family_is_refused_with_those_there_are(fleet, arguments):
    output = fleet.refused(*arguments)
    assert "There is no family of rules tpyo." in output and all(family in output for family in FAMILIES)


def test_other_tags_pass_where_the_families_are_named(fleet):
    run = fleet.audit("--tags", "site", "--limit", "bare01", audit_families=["tool"])
    assert run.code == 0, run.output


def test_one_who_does_not_want_to_become_root_does_not(fleet):
    nobody = {"ansible_become_exe": "/no/sudo/here", "ansible_become_user": "nobody"}
    assert fleet.audit("--limit", "bare01", audit_become=False, **nobody).code == 0
    run = fleet.audit("--limit", "bare01", audit_become=True, **nobody)
    assert run.code == 2 and fleet.report["hosts"]["bare01"]["status"] == "failed", run.output


def test_the_variables_of_the_engine_reach_the_host(fleet):
    # a Python that does not find its library shows that it was given them
    run = fleet.audit("--limit", "bare01", audit_engine_environment={"PYTHONHOME": "/nowhere"})
    assert run.code == 2 and fleet.report["hosts"]["bare01"]["status"] == "failed", run.output


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"audit_timeout": "soon"}, "audit_timeout is 'soon', and a number of seconds was expected."),
        ({"audit_timeout": "inf"}, "audit_timeout is 'inf', and a number of seconds was expected."),
        ({"audit_become": "perhaps"}, "audit_become is 'perhaps', and true or false was expected."),
    ],
)
def test_a_variable_that_cannot_be_used_is_one_sentence(fleet, variables, sentence):
    run = fleet.audit("--limit", "bare01", **variables)
    assert run.code == 2 and sentence in fleet.report["hosts"]["bare01"]["message"], run.output


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("--tags", "channels,tool"), {"channels", "tool"}),
        (("--skip-tags", ",".join(set(FAMILIES) - {"tool"})), {"tool"}),
    ],
)
def test_a_tag_asks_the_rules_of_its_family_alone(fleet, arguments, asked):
    run = fleet.audit(*arguments)
    assert run.code == 0, run.output
    rules = fleet.report["rules"]
    found = {finding["rule"] for host in fleet.report["hosts"].values() for finding in host["findings"]}
    assert found and {rules[rule]["family"] for rule in found} <= asked


def test_the_families_of_the_playbook_are_those_of_the_rules():
    from ansible_collections.labfleet.conda.plugins.module_utils._audit._catalogue import RULES

    assert {rule.family for rule in RULES} <= set(FAMILIES)
    text = (toolbox.CHECKOUT / "playbooks" / "audit.yml").read_text()
    assert re.findall(r"^      - (\w+)$", text, re.MULTILINE) == list(FAMILIES)


def test_the_home_in_a_destination_is_that_of_the_operator(fleet, monkeypatch):
    environment = toolbox.ansible_environment
    home = fleet.ansible.scratch / "home"
    home.mkdir()
    monkeypatch.setattr(toolbox, "ansible_environment", lambda *given: {**environment(*given), "HOME": str(home)})
    run = fleet.audit("--limit", "bare01", audit_dest="~/audits")
    assert run.code == 0 and (home / "audits" / "audit.json").exists(), run.output
    run = fleet.run("gpu_audit", "--limit", "bare01", gpu_audit_dest="~/gpus")
    assert run.code == 0 and (home / "gpus" / "audit.json").exists(), run.output


def test_a_gate_that_is_not_passed_is_one_failed_task_with_one_sentence(fleet):
    for run in (
        fleet.audit(audit_fail_on="high"),
        fleet.run("report", report_src=str(fleet.folder / "audit.json"), report_fail_on="high"),
        fleet.run("gpu_audit", gpu_audit_fail_on="high"),
    ):
        assert run.code == 2, run.output
        assert run.output.count("fatal: [") == run.output.count("FAILED! => ") == 1
        (said,) = [line for line in run.output.splitlines() if line.startswith("fatal: [")]
        result = json.loads(said.partition("=> ")[2])
        assert result["msg"].startswith("The gate is not passed: ") and "table" not in result and len(said) < 400


def test_a_format_that_cannot_be_written_fails_the_run_after_the_others_are_written(fleet):
    fleet.folder.mkdir()
    (fleet.folder / "audit.html").mkdir()
    run = fleet.audit("--limit", "bare01")
    assert run.code == 2 and "audit.html could not be written: is a directory." in run.output, run.output
    assert (fleet.folder / "audit.json").exists() and (fleet.folder / "audit.md").exists()


def test_a_run_that_sees_no_host_says_so_and_fails_each(fleet):
    run = fleet.audit(conda_root="/no/such/root", audit_fail_on="high")
    assert run.code == 2 and ": no host was seen" in run.output and "no findings" not in run.output, run.output
    assert run.recap("gpu01")["failed"] == run.recap("login01")["failed"] == 1
    assert fleet.report["summary"]["hosts_not_seen"] == ["bare01", "build01", "gpu01", "gpu02", "gpu03", "login01"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"schema": "labfleet.conda/audit/0"}', b"[]"])
def test_a_previous_report_that_cannot_be_read_is_a_warning(fleet, content):
    fleet.folder.mkdir()
    (fleet.folder / "audit.json").write_bytes(content)
    run = fleet.audit("--limit", "bare01")
    assert run.code == 0 and "Nothing was compared with the run before" in run.output, run.output
    assert fleet.report["trend"] is None


def test_hosts_with_odd_names_are_told_as_they_are(fleet, tmp_path):
    inventory = tmp_path / "hosts.json"
    variables = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    names = ["../../etc/passwd", "hôst-ü", "a b", "-x"]
    inventory.write_text(json.dumps({"all": {"vars": variables, "hosts": dict.fromkeys(names, {})}}))
    formats = ["json", "html", "markdown", "csv", "sarif", "junit"]
    given = {"conda_root": f"{fleet.roots}/bare01", "audit_become": False, "audit_dest": str(fleet.folder),
             "audit_formats": formats}  # fmt: skip
    run = fleet.ansible.playbook("audit", inventory, "-e", json.dumps(given), document=False)
    assert run.code == 0 and sorted(fleet.report["hosts"]) == sorted(names), run.output
    assert len(list(fleet.folder.iterdir())) == len(formats)


def test_check_mode_judges_and_writes_nothing(fleet):
    run = fleet.audit("--check", "--limit", "login01", audit_fail_on="high")
    assert run.code == 2 and "The gate is not passed" in run.output and not fleet.folder.exists(), run.output


def test_no_hosts_at_all_is_no_passed_audit(fleet):
    run = fleet.ansible.playbook("audit", "/dev/null", document=False)
    assert run.code == 2 and "No host of the inventory matches all" in run.output, run.output


def test_the_readme_shows_what_the_demo_prints(fleet):
    readme = (toolbox.CHECKOUT / "README.md").read_text()
    shown = [block.rstrip().splitlines() for block in re.findall(r"```text\n(.*?)```", readme, re.DOTALL)]
    # The first two lines of the audit count and date what is found, which changes with the advisories and the calendar.
    for run, lines in zip([fleet.run("detect"), fleet.audit()], [shown[0], shown[1][2:]], strict=True):
        printed = {line.rstrip() for line in run.output.splitlines()}
        assert [line for line in lines if line not in printed] == []
