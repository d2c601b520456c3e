# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role user on a real host: forecast, made, repeated; environments reported, marked and moved aside; undone."""

from __future__ import annotations

import json
import typing as t

import pytest
from lab import hosts

HOST = "conda4316"
OWN = "# mine\npkgs_dirs:\n  - /tmp/emil-pkgs\n"
MARKS = "/var/lib/labfleet-conda/unused"
ACCOUNTS = [
    {"name": "dora", "environments": [{"name": "lab", "packages": ["python=3.6", "six=1.10"]}]},
    {"name": "emil", "settings": {"show_channel_urls": True}},
]


class Role:
    """Runs the role on the host, as root."""

    def __init__(self, ansible, inventory):
        self.ansible, self.inventory = ansible, inventory

    def run(self, *options: str, tasks_from: str = "main", **variables: t.Any) -> tuple[int, int, str]:
        """The exit code, the number of changed tasks and the output."""
        given = {"user_accounts": ACCOUNTS, "user_settings": {"channel_priority": False}, **variables}
        return self.ansible.role(
            "user", self.inventory, *options, tasks_from=tasks_from, hosts=HOST, variables=given
        ).of_one


def on(script: str, user: str = "") -> str:
    """What a script on the host says."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    done = hosts.run_on(HOST, *command, "env", f"HOME=/home/{user}", "sh", "-c", script)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture
def role(ansible, lab_inventory):
    on("useradd -m -s /bin/bash dora && useradd -m -s /bin/bash emil && rm -f /usr/local/bin/condarefresh")
    on(f"printf '{OWN}' > /home/emil/.condarc && chown emil:emil /home/emil/.condarc".replace("\n", "\\n"))
    try:
        yield Role(ansible, lab_inventory)
    finally:
        on(f"userdel -r dora 2>/dev/null; userdel -r emil 2>/dev/null; rm -rf /usr/local/bin/condarefresh {MARKS}")
        on("rmdir --ignore-fail-on-non-empty /var/lib/labfleet-conda 2>/dev/null || true")


def test_the_way_of_the_role(role):
    code, changed, said = role.run("--check", "--diff")
    assert code == 0 and changed > 0 and "envs_dirs" in said, said
    planned = "/home/dora/.condarc /home/dora/.conda/envs /usr/local/bin/condarefresh"
    assert on(f"ls -d {planned} 2>&1 || true").count("No such file") == 3
    code, changed, said = role.run()
    assert code == 0 and changed > 0, said
    code, changed, said = role.run()
    assert (code, changed) == (0, 0), said
    assert role.run("--check")[:2] == (0, 0)

    # What users have set themselves stays, and the rest is there; nothing in their homes is root's.
    assert on("cat /home/emil/.condarc").startswith(OWN)
    assert on("cat /home/emil/.condarc").count("pkgs_dirs") == 1
    assert "channel_priority: false" in on("cat /home/emil/.condarc") and "envs_dirs" in on("cat /home/emil/.condarc")
    assert on("find /home/dora /home/emil ! -user dora ! -user emil") == ""
    info = json.loads(on("/opt/conda/bin/conda info --json", "dora"))
    assert info["envs_dirs"][0] == "/home/dora/.conda/envs" and info["pkgs_dirs"][0] == "/home/dora/.conda/pkgs"
    assert "/home/dora/.conda/envs/lab" in info["envs"]
    assert on("stat -c '%U %a' /usr/local/bin/condarefresh") == "root 755\n"

    # A user runs the command: the conda of this host is root's.
    told = on("PATH=/opt/conda/bin:/usr/local/bin:/usr/bin:/bin condarefresh --check; echo $?", "dora")
    assert "/opt/conda belongs to root" in told and told.endswith("\n3\n")

    # Undone, what is the users' stays.
    assert role.run(tasks_from="undo")[:2] == (0, 2) and role.run(tasks_from="undo")[:2] == (0, 0)
    on("test ! -e /usr/local/bin/condarefresh && test -d /home/dora/.conda/envs/lab")


@pytest.mark.long
def test_an_environment_that_nobody_uses_is_reported_then_marked_then_archived(role):
    accounts = ACCOUNTS[:1]
    given = {"user_accounts": accounts, "user_unused_days": 100, "user_grace_days": 30, "user_archive": True}
    assert role.run(**given)[0] == 0
    lab = "/home/dora/.conda/envs/lab"
    # Its Python is a file of its own, that was read long ago, as its packages were changed long ago.
    on(f"cd {lab} && cp -p bin/python3.6 copy && mv copy bin/python3.6 && chown dora:dora bin/python3.6")
    on(f"cd {lab} && touch -d 2025-01-01 bin/python3.6 conda-meta conda-meta/*")
    given["user_accounts"] = [{"name": "dora"}]
    first = {**given, "_user_now": "2026-11-01T12:00:00Z"}
    code, changed, said = role.run(**first)
    assert code == 0 and f"{lab}: unused" in said and "may be archived from 2026-12-01 on" in said, said
    assert json.loads(on(f"cat {MARKS}/dora.json")) == {lab: "2026-11-01T12:00:00Z"}
    late = {**given, "_user_now": "2026-12-02T12:00:00Z"}
    code, changed, said = role.run("--check", **late)
    assert code == 0 and changed > 0 and on(f"ls -d {lab}"), said
    code, changed, said = role.run(**late)
    assert code == 0 and changed > 0, said
    archived = "/home/dora/.conda/archived/lab-2026-12-02"
    on(f"test ! -e {lab} && test -f {archived}/bin/python3.6 && grep -q six {archived}.yml")
    assert role.run(**late)[:2] == (0, 0) and json.loads(on(f"cat {MARKS}/dora.json")) == {}
    # The way back.
    assert on(f"mv {archived} {lab} && {lab}/bin/python -c 'import six; print(six.__version__)'", "dora") == "1.10.0\n"


@pytest.mark.parametrize("variables", [
    {"user_accounts": [{"name": "nosuchuser"}]}, {"user_accounts": [{"name": "root"}]}, {"user_prefix": "/nosuch"},
    {"user_accounts": [{"name": "dora"}, {"name": "dora"}]}, {"user_archive_directory": "../x"}, {"user_report": "so"},
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(role, variables):
    code, changed, _said = role.run(**variables)
    assert code == 2 and changed == 0


def test_an_environment_by_name_is_where_the_user_keeps_environments(ansible, lab_inventory):
    """The conda is root's; carol's settings name a directory of her own for environments, alice has no such setting."""
    folders = {"alice": "/home/alice/.conda/envs", "carol": "/data/projects/carol/envs"}
    there = {"alice": "analysis", "carol": "tools"}
    for user, folder in folders.items():
        for name in (there[user], "none-of-that-name"):
            options = json.dumps({"prefix": "/opt/conda", "name": name, "state": "absent"})
            adhoc = [str(ansible.bins / "ansible"), "shared", "-i", str(lab_inventory), "-e", f"ansible_user={user}"]
            said = ansible.run([*adhoc, "--check", "-m", "labfleet.conda.conda_env", "-a", options]).stdout
            assert f'"prefix": "{folder}/{name}"' in said, said
            assert ('"outcome": "planned"' in said) is (name == there[user]), said
