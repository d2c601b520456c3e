# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What conda_package costs in an environment of 250 packages: with nothing to do, and for a real change."""

from __future__ import annotations

import bz2
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from gates import toolbox
from integration.updating import Update
from lab import channel, generated, prefixes
from lab.base import Base, make_base

RECORDS = 250
# What conda-forge had of linux-64 some years ago; today it has several times as many.
LARGE_CHANNEL = 150_000
# Of the lab's channel the index is read in no time; of this one it is read as on a host where conda is in use.
USUAL_CHANNEL = 10_000
TASKS, MEASURED_COMMANDS = 20, 1
_MOST_SECONDS = 1800
ROUNDS = 5
# Where one command takes 20 seconds.
FEW_ROUNDS = 2
NAMES = ("six", "pip", "setuptools", "wheel", "python=3.6")
LOOP = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
started = time.perf_counter()
from ansible_collections.labfleet.conda.plugins.modules import conda_package as module
imported = time.perf_counter() - started
options = {name: spec.get("default") for name, spec in module.ARGUMENT_SPEC.items()}
options.update(json.loads(sys.argv[2]))
walls = []
for _round in range(20):
    started = time.perf_counter()
    result = module.package(options, check=False, note=str)
    walls.append(time.perf_counter() - started)
    assert result["outcome"] == "unchanged", result
print(json.dumps({"first": walls[0], "median": sorted(walls)[10], "import": imported}))
"""


class Desired(t.NamedTuple):
    """Seconds.

    :ivar own: the module's own work with nothing to do: first, and the median of 20.
    :ivar imports: what the import of its code takes, from files that are compiled.
    :ivar play: a play of TASKS tasks with nothing to do; the same of ansible.builtin.ping.
    :ivar commands: a play of MEASURED_COMMANDS tasks of the same with C(conda install) by command, for each channel.
    :ivar changes: the change of one package by the bare command, and as a transaction, for each channel.
    """

    own: float
    first: float
    imports: float
    play: float
    ping: float
    commands: dict[str, float]
    changes: dict[str, tuple[float, float]]


def measured() -> Desired:
    """One environment, measured in all ways."""
    top = toolbox.cache() / "bench" / "desired"
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    try:
        base = make_base(top / "base")
        forge = environment(base)
        own = loop(base)
        commands = {"the lab's channel": play(top, [bare_task(base, forge)] * MEASURED_COMMANDS)}
        large = large_channel(top / "large", LARGE_CHANNEL)
        commands[f"a channel of {LARGE_CHANNEL:,}"] = play(top, [bare_task(base, large)] * MEASURED_COMMANDS)
        ours = play(top, [task(base, NAMES[number % len(NAMES)]) for number in range(TASKS)])
        ping = play(top, [{"ansible.builtin.ping": {}}] * TASKS)
        usual = large_channel(top / "usual", USUAL_CHANNEL)
        changes = {"the lab's channel": change(base), f"a channel of {USUAL_CHANNEL:,}": change(base, usual)}
        changes[f"a channel of {LARGE_CHANNEL:,}"] = change(base, large, rounds=FEW_ROUNDS)
        return Desired(own["median"], own["first"], own["import"], ours, ping, commands, changes)
    finally:
        shutil.rmtree(top, ignore_errors=True)


def environment(base: Base) -> str:
    """Install the environment C(big), and give the address of the channel that most of it is from."""
    built = channel.channels()
    pool = generated.Pool(built / "pkgs" / "main", channel.OLD_PYTHON)
    seen = base.path / "envs" / "big"
    urls = ((built / "pkgs" / "main", base.channels.as_uri() + "/pkgs/main"), (pool.folder, pool.folder.as_uri()))
    prefixes.install(seen, pool.request(str(seen), "conda create")._replace(channels=urls), pool.choose(RECORDS, 1))
    return pool.folder.as_uri()


def large_channel(folder: Path, records: int) -> str:
    """The index of a channel of a real size; what it names is not there, and nothing needs it."""
    chooser = random.Random(1)
    found = {}
    for number in range(records):
        name, build = f"pkg{number // 20:05}", f"py36h{chooser.randrange(1 << 24):06x}_0"
        version = f"{1 + number % 20 // 5}.{number % 5}.{chooser.randrange(9)}"
        depends = ["python 3.6.*", "six >=1.10", f"pkg{chooser.randrange(max(1, number // 20)):05} >=1"]
        found[f"{name}-{version}-{build}.tar.bz2"] = {
            "name": name, "version": version, "build": build, "build_number": 0, "depends": depends, "size": number,
            "md5": f"{chooser.getrandbits(128):032x}", "subdir": "linux-64", "license": "MIT",
        }  # fmt: skip
    for subdir, content in (("linux-64", found), ("noarch", {})):
        (folder / subdir).mkdir(parents=True)
        data = json.dumps({"info": {"subdir": subdir}, "packages": content}).encode()
        (folder / subdir / "repodata.json").write_bytes(data)
        (folder / subdir / "repodata.json.bz2").write_bytes(bz2.compress(data))
    return folder.as_uri()


def loop(base: Base) -> dict[str, float]:
    """The module's own work, in one process, again and again."""
    options = {"prefix": str(base.path), "environment": "big", "name": list(NAMES), "pip": ["six>=1"]}
    place = str(toolbox.CHECKOUT / "build" / "collections")
    command = [sys.executable, "-c", LOOP, place, json.dumps(options)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def task(base: Base, name: str) -> dict[str, t.Any]:
    """A task that has nothing to do."""
    options = {"prefix": str(base.path), "environment": "big", "name": [name], "ledger": str(base.ledger)}
    return {"labfleet.conda.conda_package": options}


def bare_task(base: Base, url: str) -> dict[str, t.Any]:
    """The same by the bare command."""
    prefix = str(base.path / "envs" / "big")
    argv = [str(base.path / "bin/conda"), "install", "-y", "-q", "--json", "-p", prefix, "-c", url, "six"]
    return {"ansible.builtin.command": {"argv": argv}, "environment": {"CONDA_REGISTER_ENVS": "false"}}


def play(top: Path, tasks: list[dict[str, t.Any]]) -> float:
    """The seconds that a play takes."""
    path = top / "play.json"
    path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    collection = toolbox.CHECKOUT / "build" / "collections" / "ansible_collections" / "labfleet" / "conda"
    env = toolbox.ansible_environment(collection, top, toolbox.tools())
    command = [str(toolbox.tools() / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(path)]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    started = time.perf_counter()
    toolbox.run(command, cwd=toolbox.CHECKOUT, env=env, timeout=_MOST_SECONDS)
    return time.perf_counter() - started


def change(base: Base, *channels: str, rounds: int = ROUNDS) -> tuple[float, float]:
    """The medians of some rounds of one change, the two ways in turn; the bare command undoes it in between.

    :param channels: what is read beside the channel of the base.
    """
    bare, ours = [], []
    prefix = str(base.path / "envs" / "big")
    named = [word for url in channels for word in ("-c", url)]

    def install(spec: str) -> None:
        done = base.conda("install", "-y", "-q", "--json", "-p", prefix, *named, spec)
        if done.returncode:
            raise SystemExit(f"conda install {spec} failed: {done.stdout}{done.stderr}")

    for _round in range(rounds):
        install("six=1.10")
        started = time.perf_counter()
        install("six>=1.11")
        bare.append(time.perf_counter() - started)
        install("six=1.10")
        started = time.perf_counter()
        options = {"environment": "big", "name": ["six>=1.11"], "keep_snapshots": 1}
        options.update(channels=list(channels), override_channels=False)
        result = Update(base, "conda_package", **options).result()
        ours.append(time.perf_counter() - started)
        if result.get("outcome") != "committed":
            raise SystemExit(f"the change was not made: {result}")
    return statistics.median(bare), statistics.median(ours)


__all__ = (
    "FEW_ROUNDS",
    "LARGE_CHANNEL",
    "MEASURED_COMMANDS",
    "RECORDS",
    "TASKS",
    "Desired",
    "large_channel",
    "measured",
)
