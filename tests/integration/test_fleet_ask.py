# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ask and the module fleet_ask: what they print, write and refuse."""

from __future__ import annotations

import json

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import audit_document

HOST = {
    "root": "/",
    "findings": [],
    "installations": [
        {
            "kind": "conda",
            "prefix": "/opt/conda",
            "version": "4.12.0",
            "versions": {"conda": "4.12.0"},
            "owner": "root",
            "frozen": False,
        }
    ],
    "environments": [
        {
            "prefix": "/srv/e",
            "name": "e",
            "owner": "alice",
            "installation": "/opt/conda",
            "packages": [{"name": "openssl", "version": "3.0.12", "build": "0", "channel": "conda-forge"}],
        }
    ],
    "complete": True,
}


@pytest.fixture
def ask(ansible, tmp_path):
    """Run the playbook over a saved report of 60 equal hosts and one that was not seen."""
    results = {"gpu%02d" % number: HOST for number in range(60)}
    results["away"] = {"unreachable": True, "msg": "no route"}
    document = audit_document(results, generated="2026-11-22T10:00:00Z", advisories={}, rules=())
    (tmp_path / "audit.json").write_text(json.dumps(document))

    def run(*arguments, **variables):
        given = {"ask_document": str(tmp_path / "audit.json"), **variables}
        playbook = [str(ansible.bins / "ansible-playbook"), "-i", "localhost,", "labfleet.conda.ask", "-c", "local"]
        done = ansible.run([*playbook, "-e", json.dumps(given), *arguments])
        return done.returncode, done.stdout

    return run


def test_a_ready_question_over_a_saved_report(ask):
    code, output = ask(ask_question="conda_below", ask_version="26.10")
    assert code == 0, output
    assert "gpu[00-59]  /opt/conda  4.12.0   root" in output and "Not seen: away (no route)." in output


def test_the_blast_radius_names_a_file_of_hosts(ask, tmp_path):
    hosts, answer = tmp_path / "hosts", tmp_path / "answer.json"
    given = {"ask_question": "blast_radius", "ask_spec": "openssl <3.0.13"}
    given.update(ask_limit_dest=str(hosts), ask_dest=str(answer))
    code, output = ask("--check", **given)
    assert code == 0 and not hosts.exists() and not answer.exists(), output
    for changed in (1, 0):
        code, output = ask(**given)
        assert code == 0 and "changed=%d" % changed in output, output
    assert "update_environments --limit @%s -e 'lift_spec=openssl<3.0.13'" % hosts in output
    assert "--limit @%s" % hosts in output
    assert hosts.read_text().splitlines() == ["gpu%02d" % number for number in range(60)]
    assert json.loads(answer.read_text())["users"] == ["alice"] and answer.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "given, sentence",
    [
        ({}, "No question was asked; the ready ones are conda_below,"),
        ({"ask_question": "conda_below"}, "The question conda_below needs version"),
        ({"ask_expression": "findings[?"}, "The expression ends too early, at character 11"),
        ({"ask_question": "alike", "ask_document": "/nowhere/x"}, "/nowhere/x could not be read: no such file"),
        ({"ask_question": "alike", "ask_dest": "/nowhere/x"}, "/nowhere/x could not be written: no such file"),
        ({"ask_question": "alike", "ask_limit_dest": "/a,b"}, "limit_dest: /a,b: ansible splits"),
    ],
)
def test_what_is_wrong_is_one_sentence(ask, given, sentence):
    code, output = ask(**given)
    assert code == 2 and sentence in output, output
    assert "Traceback" not in output
