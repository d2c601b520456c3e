# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands for old condas, run by the real ones; nothing but searches, dry runs and looks."""

from __future__ import annotations

import json

import pytest
from lab import hosts
from lab.variants import some

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import (
    found_packages,
    parse_answer,
    solver_works,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._child_environment import child_environment
from ansible_collections.labfleet.conda.plugins.module_utils._change._diagnosis import why_not_newer
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Options, Tool, told_version
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_facts import Facts
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName, parse_record

HOSTS = {"conda427": "4.2.7", "conda4313": "4.3.13", "conda4316": "4.3.16"}


class Real:
    """The real conda of a host, with a home of its own that is removed again."""

    def __init__(self, host: str) -> None:
        self.host = host
        prefix, version = hosts.host_named(host).bases[0]
        self.tool = Tool("conda", version, f"{prefix}/bin/conda", prefix, f"{prefix}/bin/python")
        self.home = hosts.run_on(host, "mktemp", "-d").stdout.strip()

    def run(self, command):
        """The completed process of a command, in the environment that a child gets."""
        base = {"CONDA_PREFIX": "/nowhere", "PYTHONPATH": "/nowhere", "CONDA_ROOT_DIR": "/nowhere", "CI": "true"}
        environment = child_environment(base, home=self.home, cache=f"{self.home}/cache", as_root=True)
        environment.update(command.environment)
        words = [f"{name}={value}" for name, value in environment.items()]
        return hosts.run_on(self.host, "env", "-i", *words, *command.argv)

    def answer(self, command):
        """The answer to a command that changes nothing."""
        assert not command.changes
        done = self.run(command)
        stdout, stderr = done.stdout.encode(), done.stderr.encode()
        return parse_answer(stdout, stderr, done.returncode, tool=self.tool, what=command.what)


@pytest.fixture(params=some(sorted(HOSTS, key="conda4313".__eq__), 2))
def real(request, lab_hosts):
    conda = Real(request.param)
    before = records(conda)
    yield conda
    hosts.run_on(conda.host, "rm", "-rf", conda.home)
    assert records(conda) == before, "a look has changed the base prefix"


def records(real):
    return hosts.run_on(real.host, "ls", f"{real.tool.prefix}/conda-meta").stdout


def base_records(real):
    """What a reader of the base prefix would know."""
    script = 'for file in "$1"/conda-meta/*.json; do cat "$file"; printf "\\0"; done'
    texts = hosts.run_on(real.host, "sh", "-c", script, "sh", real.tool.prefix).stdout.split("\0")[:-1]
    contents = [(text, json.loads(text)) for text in texts]
    return [
        parse_record(text.encode(), expected=RecordName(content["name"], content["version"], content["build"]))
        for text, content in contents
    ]


def test_version_info_and_the_import_of_the_solver(real):
    done = real.run(real.tool.version_command())
    assert told_version(real.tool, done.stdout.encode(), done.stderr.encode()) == HOSTS[real.host]
    info = real.answer(real.tool.info())
    assert info.success and info.documents[-1]["root_prefix"] == real.tool.prefix
    assert info.documents[-1]["conda_version"] == HOSTS[real.host]
    assert real.answer(real.tool.solver_import()).success


def test_a_search_finds_the_package_of_that_full_name_only(real):
    answer = real.answer(real.tool.search("conda"))
    assert set(answer.documents[0]) == {"conda"}
    found = found_packages(answer, "conda")
    assert [package.version for package in found] == ["4.2.7", "4.3.13", "4.3.16"]
    assert any(spec.startswith("python 3.6") for spec in found[0].depends)
    assert found_packages(real.answer(real.tool.search("nosuchpkg")), "nosuchpkg") == []
    assert found_packages(real.answer(real.tool.search("conda", Options(offline=True))), "conda") == found


def test_a_plan_with_a_lower_bound(real):
    answer = real.answer(real.tool.plan(["conda>=4.3.16"]))
    assert answer.success and answer.error is None
    if real.tool.version == "4.3.16":
        assert answer.nothing_to_do
    else:
        changes = [(change.name, change.kind, change.after.version) for change in answer.actions.changes]
        assert changes == [("conda", "updated", "4.3.16")]
        assert answer.actions.prefix == real.tool.prefix


def test_a_plan_from_the_channels_of_a_command(real):
    options = Options(channels=(f"{hosts.CHANNEL_URL}/pkgs/main",), override_channels=True)
    assert real.answer(real.tool.plan(["conda>=4.3.16"], options)).success


@pytest.mark.parametrize(
    ("specs", "kind"),
    [
        (["conda>=9"], "not_found"),
        (["nosuchpkg>=1"], "not_found"),
        (["conda>=4.3.16", "python>=3.9"], "unsatisfiable"),
        (["conda=>1=="], "bad_spec"),
    ],
)
def test_plans_that_fail(real, specs, kind):
    answer = real.answer(real.tool.plan(specs))
    assert (answer.success, answer.error.kind) == (False, kind)


def test_an_environment_that_is_not_there(real):
    answer = real.answer(real.tool.plan(["click>=1"], prefix=f"{real.home}/nothing"))
    assert answer.error.kind == "not_an_environment"


def test_an_unknown_option_is_a_usage_error(real):
    command = real.tool.plan(["click>=1"])
    assert real.answer(command._replace(argv=(*command.argv, "--nosuch"))).error.kind == "usage"


def test_an_offline_solve_works(real):
    assert solver_works(real.answer(real.tool.offline_solve()))


def test_no_cause_holds_back_what_can_be_updated(real):
    found = found_packages(real.answer(real.tool.search("conda")), "conda")
    plan = real.answer(real.tool.plan(["conda>=4.3.16"]))
    facts = Facts(real.tool, base_records(real), found=found, channels=("defaults",), plan=plan)
    told = [item.id for item in why_not_newer(facts)]
    assert told == (["nothing_newer"] if real.tool.version == "4.3.16" else [])
