# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two users of one governed server who make the same environment at the same moment, again and again."""

from __future__ import annotations

import json
import subprocess

import pytest
from lab import channel, hosts, prefixes
from lab.variants import some

HOST, PREFIX, FOLDER = "noconda", "/opt/labfleet-two", "/srv/labfleet-test-two"
PUBLISHED = "/opt/labfleet-two-published"
USERS = ("dora", "emil")
POLICY = {
    "versions": {"minimum": {"conda": "4.3.16"}, "newest": {"conda": "4.3.16"}},
    "settings": {"required": {"always_yes": False}},
    "solver": {"wanted": "classic"},
}
MAIN = f"{hosts.CHANNEL_URL}/pkgs/main"
PACKAGES = ["python=3.6", "click=7", "six=1.11", "jinja2"]
CONTENT = "\n".join(
    ["channels:", f"  - {MAIN}", "  - nodefaults", "dependencies:", *(f"  - {one}" for one in PACKAGES)]
)

# Runs on the host as root: tells of each round what went wrong, and at the end where packages lie.
ROUNDS = r"""
import hashlib, json, os, pwd, shutil, subprocess, sys, time

prefix, rounds, users, packages = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4].split(",")


def command(user, *argv):
    home = pwd.getpwnam(user).pw_dir
    run = ["setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups", *argv]
    pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return subprocess.Popen(run, cwd=home, env={"HOME": home, "PATH": "/usr/bin:/bin", "LC_ALL": "C"}, **pipes)


def tree(top):
    total = hashlib.sha256()
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and "/cache/" not in path:
                total.update(path.encode() + open(path, "rb").read() + str(os.stat(path).st_mode).encode())
    return total.hexdigest()


def wrong(user, output, code):
    env = os.path.join(pwd.getpwnam(user).pw_dir, ".conda", "envs", "same")
    if code or "ermission" in output or "Errno" in output or "orrupt" in output:
        return "%s: exit code %d: %s" % (user, code, output[-2000:])
    meta = os.path.join(env, "conda-meta")
    records = [json.load(open(os.path.join(meta, name))) for name in os.listdir(meta) if name.endswith(".json")]
    gone = [file for record in records for file in record["files"] if not os.path.exists(os.path.join(env, file))]
    proof = command(user, env + "/bin/python", "-c", "import click, six, jinja2, ssl, sqlite3; print(six.__version__)")
    said = proof.communicate()[0]
    if gone or said != "1.11.0\n" or len(records) < 12:
        return "%s: %d records, files gone %r, python says %r" % (user, len(records), gone[:5], said)


before, problems, took = tree(prefix + "/pkgs"), [], []
for number in range(rounds):
    start = time.monotonic()
    argv = [prefix + "/bin/conda", "create", "-y", "-q", "-n", "same", *packages]
    running = [(user, command(user, *argv)) for user in users]
    ended = [(user, job.communicate()[0], job.returncode) for user, job in running]
    took.append(time.monotonic() - start)
    problems += ["round %d: %s" % (number + 1, text) for text in map(lambda item: wrong(*item), ended) if text]
    if number + 1 < rounds:
        for user in users:
            shutil.rmtree(os.path.join(pwd.getpwnam(user).pw_dir, ".conda", "envs", "same"))
own = {}
for user in users:
    place = os.path.join(pwd.getpwnam(user).pw_dir, ".conda", "pkgs")
    there = os.listdir(place) if os.path.isdir(place) else []
    own[user] = sorted(name for name in there if os.path.isdir(os.path.join(place, name, "info")) or ".tar" in name)
module = "lib/python3.6/site-packages/six.py"
(cached,) = [name for name in os.listdir(prefix + "/pkgs") if name.startswith("six-1.11") and name.endswith("_0")]
places = [prefix + "/pkgs/" + cached] + [pwd.getpwnam(user).pw_dir + "/.conda/envs/same" for user in users]
inodes = {os.stat(place + "/" + module).st_ino for place in places}
print(json.dumps({
    "problems": problems, "own": own, "cache_unchanged": tree(prefix + "/pkgs") == before,
    "slowest": round(max(took), 1), "mean": round(sum(took) / len(took), 1), "files": len(inodes),
    "protected": open("/proc/sys/fs/protected_hardlinks").read().strip(),
}))
"""


def sh(script: str) -> str:
    done = hosts.run_on(HOST, "sh", "-ec", script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clean() -> None:
    for user in USERS:
        hosts.run_on(HOST, "userdel", "-r", user)
    places = [PREFIX, PUBLISHED, FOLDER, "/etc/conda", "/root/.conda", "/etc/profile.d/labfleet-conda.sh"]
    hosts.run_on(HOST, "rm", "-rf", *places)


@pytest.fixture(scope="module")
def server(lab_hosts):
    """A host with a base prefix, and two users."""
    model = prefixes.base_prefix(channel.channels(), "4.3.16", PREFIX, hosts.CHANNEL_URL)
    clean()
    try:
        with subprocess.Popen(["tar", "-C", str(model), "-cf", "-", "."], stdout=subprocess.PIPE) as tar:
            script = f"mkdir -p {PREFIX} && tar xf - -C {PREFIX} --no-same-owner"
            subprocess.run([*hosts.ssh_args(HOST), script], stdin=tar.stdout, check=True)
        for user in USERS:
            sh(f"useradd -m -s /bin/bash {user} && chmod 700 /home/{user}")
        yield
    finally:
        clean()


@pytest.fixture
def governed(ansible, lab_inventory, server):
    """The server as the playbook govern leaves it: one cache that root fills, and a cache and a place for each user."""
    given = {
        "base_prefix": PREFIX, "base_ledger": f"{FOLDER}/ledger.jsonl", "base_channels": [MAIN], "base_profile": False,
        "conda_policy_base": POLICY,
        "platform_prefix": PREFIX, "platform_root": PUBLISHED, "platform_cache": f"{PREFIX}/pkgs",
        "platform_environments": [{"name": "common", "version": "1", "content": CONTENT}],
        "user_prefix": PREFIX, "user_accounts": [{"name": user} for user in USERS], "user_condarefresh": False,
        "user_report": False,
    }  # fmt: skip
    done = ansible.playbook("govern", lab_inventory, "--limit", HOST, "-e", json.dumps(given), document=False)
    assert done.code == 0, done.output


@pytest.mark.parametrize("rounds", some([2, 50], 1))
def test_two_users_make_the_same_environment_at_once(governed, rounds):
    done = hosts.run_on(HOST, "python3", "-c", ROUNDS, PREFIX, str(rounds), ",".join(USERS), ",".join(PACKAGES))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["problems"] == []
    # One copy of each package in all caches: nobody has fetched or unpacked what the shared cache has.
    assert found["own"] == {user: [] for user in USERS} and found["cache_unchanged"]
    # One copy on the disk, too: where Linux forbids users hard links to files of root, conda 4.3 makes symbolic ones.
    assert found["files"] == 1
