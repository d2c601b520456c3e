# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module fleet_report in a play of one's own: what it prints, writes and refuses."""

from __future__ import annotations

import json

import pytest

PLAY = {
    "hosts": "all",
    "gather_facts": False,
    "tasks": [
        {"name": "Look", "labfleet.conda.conda_info": {"root": "{{ root }}"}, "register": "found"},
        {"name": "Report", "labfleet.conda.fleet_report": {"variable": "found"}, "run_once": True},
    ],
}


@pytest.fixture
def report(ansible, tmp_path):
    """Run the play on two hosts that are the same empty directory, with these options of fleet_report."""
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(
        "a1\na2\n[all:vars]\nansible_connection=local\nansible_python_interpreter={{ ansible_playbook_python }}\n"
    )
    (tmp_path / "root").mkdir()

    def run(*arguments, **options):
        play = json.loads(json.dumps(PLAY))
        play["tasks"][1]["labfleet.conda.fleet_report"].update(options)
        (tmp_path / "play.yml").write_text(json.dumps([play]))
        command = [str(ansible.bins / "ansible-playbook"), "-i", str(inventory), str(tmp_path / "play.yml")]
        done = ansible.run([*command, "-e", f"root={tmp_path}/root", *arguments])
        return done.returncode, done.stdout

    return run


def test_equal_hosts_are_one_row(report):
    code, output = report()
    assert code == 0 and "a[1-2]  none found" in output


@pytest.mark.parametrize("mode, expected", [(0o640, 0o640), ("0640", 0o640), ("0600", 0o600)])
def test_the_document_has_the_permissions_that_are_meant(report, tmp_path, mode, expected):
    code, output = report(dest=str(tmp_path / "fleet.json"), mode=mode)
    assert code == 0, output
    assert (tmp_path / "fleet.json").stat().st_mode & 0o7777 == expected


def test_permissions_alone_are_a_change(report, tmp_path):
    dest = tmp_path / "fleet.json"
    for mode, changed in (("0644", 1), ("0600", 1), ("0600", 0)):
        code, output = report(dest=str(dest), mode=mode)
        assert code == 0 and f"changed={changed}" in next(
            line for line in output.splitlines() if line.startswith("a1 ")
        )
    assert dest.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"variable": "fuond"}, "No host has registered a variable 'fuond'"),
        ({"hosts": ["a1", "a9"]}, "hosts: there is no host 'a9' in the inventory."),
        ({"dest": "/nowhere/x.json"}, "could not be written to /nowhere/x.json: no such file or directory."),
        ({"dest": "/tmp"}, "could not be written to /tmp: is a directory."),
        ({"mode": "rw"}, "mode 'rw' is no octal number from 0000 to 7777, such as 0600."),
    ],
)
def test_what_is_wrong_is_one_sentence(report, options, sentence):
    code, output = report(**options)
    assert code == 2 and sentence in output, output
    assert "Traceback" not in output and "Errno" not in output


def test_a_typo_in_the_variable_does_not_replace_a_good_document(report, tmp_path):
    dest = tmp_path / "fleet.json"
    assert report(dest=str(dest))[0] == 0
    before = dest.read_text()
    assert report(dest=str(dest), variable="fuond")[0] == 2
    assert dest.read_text() == before


def test_a_missing_directory_is_noticed_before_the_look(ansible):
    run = ansible.playbook(
        "detect", "inventories/local", "-e", "detect_become=false", "-e", "detect_dest=/nowhere/x.json", document=False
    )
    assert run.code == 2 and "there is no directory /nowhere on the control node" in run.output
    assert "Look at the host" not in run.output
