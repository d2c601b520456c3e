# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the system log of a host and the output with -vvv show of the options of a task: no token and no password."""

from __future__ import annotations

import json
import shlex
import subprocess

import pytest
from lab import hosts

HOST = "noconda"
# Stands for the system log of the host, which has none: tells all that it is sent, until it is told to end.
LISTEN = """
import os, select, socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
os.chmod("/dev/log", 0o666)
print("ready", flush=True)
while True:
    ready = select.select([log, sys.stdin], [], [])[0]
    if log in ready:
        print(log.recv(1 << 20).decode("utf-8", "replace"), flush=True)
    elif sys.stdin in ready:
        break
os.unlink("/dev/log")
"""
PLAY = [
    {
        "hosts": HOST,
        "gather_facts": False,
        "tasks": [
            {
                "labfleet.conda.conda_update": {"prefix": "/opt/none", "channels": "{{ channels }}"},
                "ignore_errors": True,
            },
            {
                "labfleet.conda.conda_replace": {
                    "prefix": "/opt/none",
                    "installer": "{{ channels[0] }}/a.sh",
                    "sha256": "0" * 64,
                },
                "ignore_errors": True,
            },
            {"labfleet.conda.conda_audit": {"policy": {"base": {"versions": {"minimum": {"conda": "26.5.77"}}}}}},
        ],
    }
]


@pytest.fixture
def system_log(lab_hosts):
    """Gives what the host has logged by now."""
    command = [*hosts.ssh_args(HOST), f"{hosts.host_named(HOST).python} -c {shlex.quote(LISTEN)}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout.readline() == "ready\n"
        try:
            yield lambda: listener.communicate("end\n", timeout=60)[0]
        finally:
            listener.stdin.close()


def test_no_secret_of_an_address_is_shown_and_the_rest_is(ansible, lab_inventory, tmp_path, system_log):
    play = tmp_path / "play.yml"
    play.write_text(json.dumps(PLAY))
    channels = ["https://alice:pass-word-1@h.example.org/t/tk-secret-2/main", "https://h.example.org/t/tk-secret-3/x"]
    command = [str(ansible.bins / "ansible-playbook"), "-i", str(lab_inventory), str(play), "-vvv"]
    done = ansible.run([*command, "-e", json.dumps({"channels": channels})])
    logged = system_log()
    assert done.returncode == 0, done.stdout
    assert "There is no environment at /opt/none" in done.stdout and '"module_args"' in done.stdout
    for text, kept in ((done.stdout, "h.example.org"), (logged, "h.example.org")):
        assert kept in text and "/opt/none" in text
        for secret in ("pass-word-1", "tk-secret-2", "tk-secret-3"):
            assert secret not in text, secret
    assert "26.5.77" not in logged and "audit of /" in logged
