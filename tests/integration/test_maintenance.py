# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role maintenance sets up a nightly run, which really updates a host, audits the fleet, and tells people."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import re
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from integration.site import Site, as_found
from integration.webhook import listening
from lab.variants import some

HOST = Site("conda4313", "ops", True, "/opt/miniconda3", "/var/log/labfleet-test-night")
LOG = f"{HOST.folder}/env-updates.log"


class Control:
    """A control node below a directory."""

    def __init__(self, ansible, top: Path) -> None:
        self.ansible, self.top = ansible, top
        (top / "bin").mkdir()
        (top / "metrics").mkdir()
        self.inventory = top / "inventory.json"
        self.inventory.write_text("{}")
        self.script = top / "bin" / "nightly.sh"
        self.state, self.logs = top / "state", top / "logs"

    def variables(self, **more: t.Any) -> dict[str, t.Any]:
        return {
            "ansible_python_interpreter": sys.executable,
            "maintenance_user": getpass.getuser(),
            "maintenance_inventory": str(self.inventory),
            "maintenance_scheduler": "none",
            "maintenance_program": str(self.script),
            "maintenance_configuration": str(self.top / "etc"),
            "maintenance_ansible": str(self.ansible.bins / "ansible-playbook"),
            "maintenance_collections": str(self.ansible.collections),
            "maintenance_state": str(self.state),
            "maintenance_logs": str(self.logs),
            "maintenance_metrics": str(self.top / "metrics"),
            **more,
        }

    def role(self, *options: str, tasks_from: str = "main", **more: t.Any) -> tuple[int, int, str]:
        """Run the role: the exit code, the number of changed tasks, and the output."""
        given = {"ansible_connection": "local", **self.variables(**more)}
        return self.ansible.role("maintenance", "localhost,", *options, tasks_from=tasks_from, variables=given).of_one

    def night(self, *steps: str) -> subprocess.CompletedProcess[str]:
        """The nightly run, as a timer starts it."""
        return self.ansible.run([str(self.script), str(self.top / "etc" / "nightly.conf"), *steps])

    def files(self) -> dict[str, bytes]:
        places = [self.top / "etc", self.script]
        found = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))]
        return {str(path.relative_to(self.top)): path.read_bytes() for path in found}

    def metrics(self) -> dict[str, float]:
        lines = (self.top / "metrics" / "labfleet_conda_nightly.prom").read_text().splitlines()
        return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}


@pytest.fixture
def control(ansible, tmp_path):
    (tmp_path / "control").mkdir()
    return Control(ansible, tmp_path / "control")


@pytest.fixture
def chat():
    """A webhook over real HTTP that keeps what it is told."""
    told: list[dict[str, t.Any]] = []
    with listening(told.append, status=204) as url:
        yield f"{url}hook", told


# --- the role


def test_the_ladder_of_the_role(control):
    code, changed, output = control.role("--check", "--diff")
    assert code == 0 and changed > 3, output
    assert control.files() == {} and not control.state.exists()
    code, again, output = control.role(
        maintenance_variables={"digest_chat_url": "https://chat.example.org/hook/s3cret"}
    )
    assert code == 0 and again == changed and "s3cret" not in output, output
    assert sorted(control.files()) == ["bin/nightly.sh", "etc/nightly.conf", "etc/nightly.yml"]
    assert (control.top / "etc" / "nightly.yml").stat().st_mode & 0o777 == 0o600
    before = control.files()
    more = {"maintenance_variables": {"digest_chat_url": "https://chat.example.org/hook/s3cret"}}
    assert control.role(**more)[:2] == (0, 0) and control.files() == before
    code, changed, _output = control.role("--check", maintenance_log_days=3, **more)
    assert (code, changed) == (0, 1) and control.files() == before
    assert control.role(maintenance_log_days=3, **more)[:2] == (0, 1)
    assert b"keep_days=3\n" in control.files()["etc/nightly.conf"]
    assert control.role("--check", tasks_from="undo")[:2] == (0, 1) and control.script.exists()
    assert control.role(tasks_from="undo")[:2] == (0, 1) and control.files() == {} and control.state.exists()
    assert control.role(tasks_from="undo")[:2] == (0, 0)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"maintenance_time": "25:00"}, "maintenance_time (25:00)"),
        ({"maintenance_days": ["monday"]}, "maintenance_days (monday)"),
        ({"maintenance_steps": ["audit; reboot"]}, "maintenance_steps (audit; reboot)"),
        ({"maintenance_program": "/usr/bin/a b"}, "maintenance_program (/usr/bin/a b)"),
        ({"maintenance_state": "/srv/../etc"}, "maintenance_state (/srv/../etc)"),
        ({"maintenance_ansible": "/no/such/ansible-playbook"}, "is not on localhost"),
        ({"maintenance_window": "22-05"}, "window"),
        ({"maintenance_freeze": ["2026-13-01"]}, "2026-13-01"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(control, variables, said):
    code, _changed, output = control.role(**variables)
    assert code == 2 and said in " ".join(output.split()), output
    assert control.files() == {}


def test_the_schedules_are_what_systemd_and_cron_read(control, tmp_path):
    units, crontab = tmp_path / "units", tmp_path / "crontab"
    units.mkdir()
    task = "labfleet-conda-nightly"
    constants = {"_maintenance_units": str(units), "_maintenance_crontab": str(crontab)}
    days = {"maintenance_days": ["mon", "fri"], "maintenance_time": "03:07"}
    assert control.role(maintenance_scheduler="cron", **constants, **days)[0] == 0
    command = f"{control.script} {control.top}/etc/nightly.conf"
    assert f"\n7 3 * * mon,fri {getpass.getuser()} {command}\n" in crontab.read_text()
    # systemd does not run here: the units are written in check mode only, and read by its own checker.
    for name in ("service", "timer"):
        play = {"name": "Write", "hosts": "localhost", "connection": "local", "gather_facts": False}
        source = f"{control.ansible.collections}/ansible_collections/labfleet/conda/roles/maintenance"
        play["vars_files"] = [f"{source}/defaults/main.yml", f"{source}/vars/main.yml"]
        write = {"src": f"{source}/templates/{task}.{name}.j2", "dest": f"{units}/{task}.{name}", "mode": "0644"}
        play["tasks"] = [{"name": "Write", "ansible.builtin.template": write}]
        (tmp_path / "units.yml").write_text(json.dumps([play]))
        given = json.dumps({**control.variables(), **days})
        command_line = [str(control.ansible.bins / "ansible-playbook"), "-i", "localhost,", str(tmp_path / "units.yml")]
        done = control.ansible.run([*command_line, "-e", given])
        assert done.returncode == 0, done.stdout
    assert "OnCalendar=Mon,Fri *-*-* 03:07:00\n" in (units / f"{task}.timer").read_text()
    assert f"ExecStart={command}\n" in (units / f"{task}.service").read_text()
    assert (
        control.role(maintenance_scheduler="none", _maintenance_crontab=str(crontab))[0] == 0 and not crontab.exists()
    )


# --- the run


def policy() -> dict[str, t.Any]:
    return {"versions": {"minimum": {"conda": "4.3.16"}, "newest": {"conda": "4.3.16"}}}


def test_a_night_updates_writes_down_audits_and_tells(control, lab_inventory, chat):
    url, told = chat
    lab = json.loads(lab_inventory.read_text())
    gone = {"ansible_host": "192.0.2.1", "ansible_ssh_common_args": "-o ConnectTimeout=1", "ansible_timeout": 2}
    lab["lab"]["hosts"] = {HOST.host: lab["lab"]["hosts"][HOST.host], "gone": gone}
    lab["lab"]["vars"].update(
        conda_policy_base=policy(), ledger_path=HOST.ledger, update_ledger=HOST.ledger, rollback_ledger=HOST.ledger,
        change_log_ledger=HOST.ledger, change_log_path=LOG, update_prefixes=[HOST.prefix], audit_families=["tool"],
        rollback_prefix=HOST.prefix,
    )  # fmt: skip
    control.inventory.write_text(json.dumps(lab))
    closed = {"maintenance_freeze": ["2000-01-01..2199-12-31"]}
    variables = {"maintenance_variables": {"digest_chat_url": url, "digest_when": "problems"}}
    assert control.role(**closed, **variables)[0] == 0
    with as_found(HOST):
        HOST.sh(f"mkdir -m 755 -p {HOST.folder}")
        # A freeze: nothing is updated, and the fleet is audited all the same.
        done = control.night()
        assert HOST.version() == "4.3.13", done.stdout
        run = json.loads((control.state / "nightly.json").read_text())
        codes = {step["step"]: step["exit_code"] for step in run["steps"]}
        assert list(codes) == ["update", "ledger", "change_log", "audit", "digest"], done.stdout
        assert (codes["update"], codes["digest"]) == (0, 0), done.stdout
        assert run["exit_code"] == done.returncode and done.returncode in (2, 4)
        (first,) = told
        assert "Not audited: gone." in first["text"] and "0 hosts updated" in first["text"]
        # The night after: the host that can be reached is updated, and its users can read so.
        assert control.role(**variables)[0] == 0
        done = control.night()
        assert HOST.version() == "4.3.16", (control.logs / sorted(os.listdir(control.logs))[-1]).read_text()
        line = HOST.sh(f"cat {LOG}")
        assert re.match(r"\S+Z \S+ committed update /opt/miniconda3 by \S+: .*conda 4.3.13 -> 4.3.16", line), line
        assert HOST.sh(f"stat -c %a {LOG}") == "644\n"
        assert "1 hosts updated" in told[-1]["text"] and len(told) == 2
        metrics = control.metrics()
        assert metrics['labfleet_conda_nightly_exit_code{step="audit"}'] in (2, 4)
        assert metrics["labfleet_conda_nightly_last_success_timestamp_seconds"] == 0
        assert time.time() - metrics["labfleet_conda_nightly_last_run_timestamp_seconds"] < 100
        assert len(list(control.logs.glob("nightly-*.log"))) == 2
        # Without the host that is gone, all is well, nothing is told, and nothing is written down twice.
        del lab["lab"]["hosts"]["gone"]
        control.inventory.write_text(json.dumps(lab))
        done = control.night("change_log", "audit", "digest")
        assert done.returncode == 0, done.stdout
        assert HOST.sh(f"cat {LOG}") == line and len(told) == 2
        assert control.metrics()["labfleet_conda_nightly_last_success_timestamp_seconds"] > 0
        back = control.ansible.playbook("rollback", control.inventory, "--limit", "all", document=False)
        assert back.code == 0, back.output


def test_one_run_at_a_time(control):
    assert control.role()[0] == 0
    with open(control.state / "nightly.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = control.night("audit")
    assert done.returncode == 75 and "another run is under way" in done.stdout
    assert list(control.logs.iterdir()) == [] and not (control.state / "nightly.json").exists()


class Slow(t.NamedTuple):
    """A stand-in for ansible-playbook that tells that it runs, and does not end by itself."""

    program: Path
    running: Path


@pytest.fixture
def slow(tmp_path):
    program, running = tmp_path / "ansible-playbook", tmp_path / "running"
    program.write_text(f"#!/bin/sh\ntrap 'exit 3' TERM\necho \"$1\" >>{running}\nwhile :; do sleep 0.05; done\n")
    program.chmod(0o755)
    return Slow(program, running)


def test_the_time_limit_ends_the_run_and_all_steps_are_told(control, slow):
    assert control.role(maintenance_ansible=str(slow.program), maintenance_time_limit=2)[0] == 0
    done = control.night("update", "audit")
    assert done.returncode == 124
    steps = json.loads((control.state / "nightly.json").read_text())["steps"]
    assert [(step["step"], step["exit_code"]) for step in steps] == [("update", 124), ("audit", 124)]
    assert slow.running.read_text() == "labfleet.conda.update\n"


def test_a_stop_reaches_the_step_and_is_told(control, slow):
    assert control.role(maintenance_ansible=str(slow.program))[0] == 0
    process = control.ansible.start([str(control.script), str(control.top / "etc" / "nightly.conf"), "update", "audit"])
    limit = time.monotonic() + 30
    while not slow.running.exists() and time.monotonic() < limit:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    run = json.loads((control.state / "nightly.json").read_text())
    assert process.returncode == run["exit_code"] == 143
    assert [step["step"] for step in run["steps"]] == ["update", "audit"] and run["steps"][1]["exit_code"] == 143
    assert slow.running.read_text() == "labfleet.conda.update\n"


def test_old_logs_go_and_new_ones_stay(control, slow):
    assert control.role(maintenance_log_days=3)[0] == 0
    old, new, other = (control.logs / name for name in ("nightly-old.log", "nightly-new.log", "other.log"))
    for path in (old, new, other):
        path.write_text("")
    for path in (old, other):
        os.utime(path, (time.time() - 5 * 86400,) * 2)
    control.night("digest")  # there is no report yet, so it fails; the logs are tended to all the same
    assert not old.exists() and new.exists() and other.exists()


@pytest.mark.parametrize("arguments", some([[], ["/no/such/file"], ["{etc}", "audit;id"]], 1))
def test_bad_calls_get_a_sentence(control, arguments):
    assert control.role()[0] == 0
    etc = str(control.top / "etc" / "nightly.conf")
    done = control.ansible.run([str(control.script), *(argument.format(etc=etc) for argument in arguments)])
    assert done.returncode in (64, 78) and len(done.stdout.splitlines()) == 1, done.stdout
    assert list(control.logs.iterdir()) == []
