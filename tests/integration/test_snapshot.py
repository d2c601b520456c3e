# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module conda_snapshot on copies of real base prefixes, which a real conda that is killed leaves in ruins."""

from __future__ import annotations

import json
import subprocess

import pytest
from gates import toolbox
from integration.ansible_run import Ansible
from lab import hosts
from lab.variants import some

SCRATCH = "/root/labfleet-snapshot"
PREFIX = f"{SCRATCH}/base"
LISTING = """
import hashlib, json, os, sys
found = {}
for top, folders, files in os.walk(sys.argv[1]):
    if top == sys.argv[1]:
        folders[:] = [name for name in folders if name not in ("envs", "pkgs", ".labfleet-conda")]
    for name in [".", *folders, *files]:
        path = os.path.normpath(os.path.join(top, name))
        status = os.lstat(path)
        content = None
        if os.path.islink(path):
            content = os.readlink(path)
        elif os.path.isfile(path):
            content = hashlib.sha256(open(path, "rb").read()).hexdigest()
        found[path] = [status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content]
print(json.dumps(found))
"""
# Killed at the moment that the record of the old conda is gone: in the middle of the change.
KILL = f"""
cd {SCRATCH}
base/bin/python base/bin/conda install -y --json conda=$1 > answer 2>&1 &
while kill -0 $! 2>/dev/null && ls base/conda-meta/conda-$2-*.json > /dev/null 2>&1; do :; done
kill -9 $!
wait $!
"""
# As a transaction does it, which knows what the change was to bring, the new record among it.
RESTORE = """
import glob, json, sys
from ansible_collections.labfleet.conda.plugins.module_utils._change._restore import restore
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import load_all
prefix, version = sys.argv[1:]
(name,) = glob.glob(prefix + "/pkgs/conda-%s-*/info/files" % version)
planned = set(open(name).read().split("\\n"))
planned.add("conda-meta/%s.json" % name.split("/")[-3])
print(json.dumps(restore(prefix, load_all(prefix)[0], planned=planned)))
"""
LEDGER = "/var/log/labfleet-test-snapshot"
CASES = [("conda4313", "4.3.13", "4.3.16"), ("conda4316", "4.3.16", "4.3.13")]


def on(host, *command):
    """The output of a command that must succeed on a host."""
    done = hosts.run_on(host, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_base(host, base, place):
    """Copy a base prefix without its package cache and environments, which no snapshot holds."""
    on(host, "mkdir", place)
    on(host, "bash", "-c", f"tar -C {base} --exclude=./pkgs --exclude=./envs -c . | tar -C {place} -xp")


def listing(host):
    return json.loads(on(host, "python3", "-c", LISTING, PREFIX))


@pytest.fixture
def module(ansible: Ansible, lab_inventory, tmp_path):
    """Runs conda_snapshot on a host; returns its result, also that of a failure."""

    def run(host, *arguments, prefix=PREFIX, **options):
        tasks = [
            {"labfleet.conda.conda_snapshot": {"prefix": prefix, "ledger": LEDGER + "/ledger.jsonl", **options},
             "register": "done", "ignore_errors": True},
            {"ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": str(tmp_path / "result.json")},
             "delegate_to": "localhost", "check_mode": False,
             "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}},
        ]  # fmt: skip
        play = [{"hosts": host, "gather_facts": False, "tasks": tasks}]
        (tmp_path / "play.yml").write_text(json.dumps(play))
        command = [str(ansible.bins / "ansible-playbook"), "-i", str(lab_inventory), str(tmp_path / "play.yml")]
        done = ansible.run([*command, *arguments])
        assert done.returncode == 0, done.stdout
        used.add(host)
        return json.loads((tmp_path / "result.json").read_text())

    used: set[str] = set()
    yield run
    for host in used:
        on(host, "rm", "-rf", LEDGER)


@pytest.fixture(params=some(CASES, 1), ids=[case[0] for case in CASES])
def copied(request, lab_hosts):  # noqa: F811 - the fixture
    """A copy of a base prefix: the host, the version of its conda, and another that can be installed."""
    host, version, other = request.param
    on(host, "rm", "-rf", SCRATCH)
    on(host, "mkdir", SCRATCH)
    copy_base(host, hosts.host_named(host).bases[0][0], PREFIX)
    yield host, version, other
    on(host, "rm", "-rf", SCRATCH)


def version_of(host):
    done = hosts.run_on(host, f"{PREFIX}/bin/python", f"{PREFIX}/bin/conda", "--version")
    return (done.stdout + done.stderr).strip()


def kill_conda(host, version, other):
    hosts.run_on(host, "bash", "-c", KILL, "bash", other, version)
    records = on(host, "ls", f"{PREFIX}/conda-meta").split()
    assert not any(name.startswith(f"conda-{version}-") and name.endswith(".json") for name in records), records


def test_a_base_that_a_killed_conda_left_in_ruins_is_as_it_was(copied, module):
    host, version, other = copied
    assert version_of(host) == f"conda {version}"
    taken = module(host, state="taken", reason="before")
    assert taken["changed"] and taken["snapshot"]["complete"] and taken["snapshot"]["versions"]["conda"] == version
    before = listing(host)
    kill_conda(host, version, other)
    ruins = listing(host)
    assert ruins != before
    source = toolbox.CHECKOUT / "plugins"
    tree = f"{SCRATCH}/lib/ansible_collections/labfleet/conda/plugins"
    on(host, "mkdir", "-p", tree)
    packed = subprocess.run(["tar", "-C", str(source), "-c", "module_utils"], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run([*hosts.ssh_args(host), f"tar -C {tree} -x"], input=packed, check=True)
    said = json.loads(on(host, "env", f"PYTHONPATH={SCRATCH}/lib", "python3", "-c", RESTORE, PREFIX, other))
    changed, set_aside, problems, _notes = said
    assert changed > 0 and problems == [] and set_aside == []
    assert listing(host) == before
    assert version_of(host) == f"conda {version}"


@pytest.mark.parametrize("copied", CASES[1:], indirect=True, ids=["conda4316"])
def test_the_module_brings_the_old_conda_back_and_the_new_one_again(copied, module):
    host, version, other = copied
    first = module(host, state="taken")["snapshot"]["id"]
    before = listing(host)
    assert module(host, state="restored")["changed"] is False
    on(host, "bash", "-c", f"cd {SCRATCH}; base/bin/python base/bin/conda install -y --json conda={other}")
    assert version_of(host) == f"conda {other}"
    foreseen = module(host, "--check", "--diff", state="restored")
    assert foreseen["changed"] and version_of(host) == f"conda {other}"
    assert [name.rsplit("-", 1)[0] for name in foreseen["packages"]["added"]] == [f"conda-{version}"]
    restored = module(host, state="restored")
    assert restored["changed"] and restored["problems"] == [] and restored["snapshot"]["id"] == first
    assert version_of(host) == f"conda {version}"
    after = listing(host)
    # Compiled files that Python wrote for itself since are nobody's.
    extra = {path for path in set(after) - set(before) if "__pycache__" not in path}
    assert extra == set()
    assert {path for path in before if before[path][4] != after.get(path, [None] * 5)[4]} == set()
    assert module(host, state="restored")["changed"] is False
    again = module(host, state="restored", snapshot=restored["snapshot_before"])
    assert again["changed"] and version_of(host) == f"conda {other}"
    assert len(again["snapshots"]) == 3
    pruned = module(host, state="pruned", keep=1)
    assert pruned["removed"] == [item["id"] for item in again["snapshots"][:2]]
    assert module(host, state="pruned", keep=1)["changed"] is False


@pytest.mark.parametrize("copied", CASES[:1], indirect=True, ids=["conda4313"])
def test_what_must_not_be_touched_is_refused(copied, module):
    host, _version, _other = copied
    assert "no environment" in module(host, state="taken", prefix="/usr")["msg"]
    on(host, "chmod", "o+w", f"{PREFIX}/bin")
    said = module(host, state="taken")["msg"]
    assert "everybody" in said and "chmod" in said
    on(host, "chmod", "o-w", f"{PREFIX}/bin")
    first = module(host, state="taken")["snapshot"]["id"]
    on(host, "rm", f"{PREFIX}/bin/conda")
    with subprocess.Popen([*hosts.ssh_args(host), f"{PREFIX}/bin/python -c 'print(1, flush=True); input()'"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:  # fmt: skip
        assert user.stdout.readline() == b"1\n"
        assert "in use by python" in module(host, state="restored")["msg"]
        assert module(host, state="restored", force=True, snapshot=first)["changed"]
        user.communicate(b"\n")
    assert on(host, "ls", f"{PREFIX}/bin/conda")


def test_root_works_on_a_users_prefix_as_that_user(lab_hosts, module):  # noqa: F811 - the fixture
    place = "/home/bob/labfleet-snapshot"
    copy_base("shared", "/home/bob/miniconda3", place)
    try:
        taken = module("shared", state="taken", prefix=place)
        assert taken["changed"], taken
        owners = on("shared", "find", f"{place}/.labfleet-conda", "-printf", "%u\\n").split()
        assert set(owners) == {"bob"}
        on("shared", "rm", f"{place}/bin/conda")
        restored = module("shared", state="restored", prefix=place)
        assert restored["changed"] and restored["problems"] == []
        assert on("shared", "stat", "-c", "%U", f"{place}/bin/conda") == "bob\n"
        listed = module("shared", prefix=place)
        assert not listed["changed"] and len(listed["snapshots"]) == 2
    finally:
        on("shared", "rm", "-rf", place)
