# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark: one table, each row a ratio of two things measured side by side in this run.

make bench                      all rows
.venv/bin/python tests/benchmark/bench.py own records    only these rows
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "tests"), str(CHECKOUT / "build" / "collections")]

from benchmark.shapes import Shape, build, real_conda_commands, real_conda_environment  # noqa: E402
from gates import toolbox  # noqa: E402
from lab import LabUnavailable, hosts  # noqa: E402

SCAN = """
import json, resource, sys, time
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options, scan
options = Options(**json.loads(sys.argv[1]))
runs = []
for number in range(int(sys.argv[2])):
    wall, cpu = time.perf_counter(), time.process_time()
    result = scan(options)
    runs.append((time.perf_counter() - wall, time.process_time() - cpu))
print(json.dumps({
    "wall": min(run[0] for run in runs), "cpu": min(run[1] for run in runs),
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "environments": len(result["environments"]), "installations": len(result["installations"]),
    "files": result["files_opened"], "complete": result["complete"], "unreadable": result["unreadable_count"],
}))
"""


class Row(t.NamedTuple):
    """One row of the table."""

    what: str
    ours: str
    alternative: str
    ratio: str
    wanted: str
    reached: bool | None


def look(shape: Shape, *, runs: int = 5, **options: t.Any) -> dict[str, t.Any]:
    """Look at a shape in a process of its own: the best of some runs, warm."""
    arguments = json.dumps({"root": str(shape.root), "time_limit": 600, **options})
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT / "build" / "collections")}
    done = subprocess.run(
        [sys.executable, "-c", SCAN, arguments, str(runs)], env=env, check=True, stdout=subprocess.PIPE
    )
    answer = json.loads(done.stdout)
    if not answer["complete"] or answer["unreadable"] or answer["environments"] < len(shape.environments):
        raise SystemExit(f"the look at shape {shape.name} is not right: {answer}")
    return answer


def conda_seconds(shape: Shape) -> float:
    """How long the real conda takes to tell the same: the better of two rounds, warm."""
    environment, rounds = real_conda_environment(shape), []
    for _round in range(2):
        started = time.perf_counter()
        for command in real_conda_commands(shape):
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rounds.append(time.perf_counter() - started)
    return min(rounds)


def own_work() -> t.Iterator[Row]:
    """The module's own work on shape M against the real conda over the same environments."""
    shape = build("M")
    theirs = conda_seconds(shape)
    count = f"{len(shape.bases)} info + {len(shape.environments)} list: {theirs:.1f} s"
    for what, wanted, options in (("default", 100, {}), ("gather records", 25, {"gather": ["records"]})):
        ours = look(shape, **options)["wall"]
        ratio = theirs / ours
        texts = (f"shape M, {what}", f"{ours * 1000:.0f} ms", count, f"{ratio:.0f} x faster", f">= {wanted} x")
        yield Row(*texts, ratio >= wanted)


def large() -> t.Iterator[Row]:
    """Shape L, and how the cost grows with the number of environments."""
    shape = build("L")
    whole = look(shape, runs=2)
    users = sorted({path.split("/")[2] for path in shape.environments if path.startswith("/home/")})
    one = look_some(shape, users[: len(users) // 2])
    ratio = (whole["cpu"] / whole["environments"]) / (one["cpu"] / one["environments"])
    yield Row(
        "shape L, CPU per environment",
        f"{whole['cpu'] / whole['environments'] * 1e6:.0f} us of {whole['environments']}",
        f"{one['cpu'] / one['environments'] * 1e6:.0f} us of {one['environments']}",
        f"{ratio:.2f} x",
        "linear: <= 1.25 x",
        ratio <= 1.25,
    )
    first = look(shape, runs=1)
    yield Row("shape L, CPU of one look", f"{first['cpu']:.2f} s", "", "", "< 3 s", first["cpu"] < 3)
    yield Row("shape L, peak memory", f"{first['megabytes']:.0f} MB", "", "", "< 200 MB", first["megabytes"] < 200)
    files = first["files"] / first["environments"]
    yield Row("shape L, files opened per environment", f"{files:.2f}", "", "", "<= 5", files <= 5)


def look_some(shape: Shape, users: list[str]) -> dict[str, t.Any]:
    """A look at the homes of some users only; what lies elsewhere is found all the same."""
    partial = shape._replace(environments=())
    return look(partial, runs=2, users=users)


def whole_task() -> t.Iterator[Row]:
    """The whole task over the lab against ansible.builtin.ping, same hosts, same forks."""
    hosts.up()
    place = toolbox.cache() / "bench-inventory.json"
    place.write_text(json.dumps(hosts.inventory()))
    modules = ("ansible.builtin.ping", "labfleet.conda.conda_info")
    best = dict.fromkeys(modules, float("inf"))
    for number in range(8):  # the first one opens the connections
        for module in modules:
            play = [{"hosts": "all", "gather_facts": False, "tasks": [{"name": "Look", module: {}}]}]
            playbook = toolbox.cache() / "bench-playbook.yml"
            playbook.write_text(json.dumps(play))
            started = time.perf_counter()
            ansible(["ansible-playbook", "-i", str(place), str(playbook), "--forks", "10"])
            if number:
                best[module] = min(best[module], time.perf_counter() - started)
    ping, ours = best.values()
    ratio = ours / ping
    yield Row(
        "whole task over the lab", f"{ours:.2f} s", f"ping {ping:.2f} s", f"{ratio:.2f} x", "<= 1.3 x", ratio <= 1.3
    )


def ansible(command: list[str], **more: str) -> str:
    """Run a command of ansible-core, the checkout as the collection."""
    collection = CHECKOUT / "build" / "collections" / "ansible_collections" / "labfleet" / "conda"
    scratch = toolbox.cache() / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    env = toolbox.ansible_environment(collection, scratch, toolbox.tools(), **more)
    return toolbox.run([str(toolbox.tools() / command[0]), *command[1:]], cwd=CHECKOUT, env=env)


def payload() -> t.Iterator[Row]:
    """The bytes sent to the target for the module, against those for ping, which are ansible-core's own."""
    sizes = []
    for module in ("ansible.builtin.ping", "labfleet.conda.conda_info"):
        remote = toolbox.cache() / "bench" / module
        subprocess.run(["rm", "-rf", str(remote)], check=True)
        command = ["ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", module]
        command += ["-e", f"ansible_remote_tmp={remote}", "-e", f"ansible_python_interpreter={sys.executable}"]
        ansible(command, ANSIBLE_KEEP_REMOTE_FILES="1", ANSIBLE_PIPELINING="0")
        sizes.append(max(path.stat().st_size for path in remote.rglob("AnsiballZ_*")))
    ping, ours = sizes
    added = ours - ping
    yield Row(
        "payload: what the collection adds",
        f"{added / 1000:.0f} kB",
        f"ansible-core's own {ping / 1000:.0f} kB",
        f"{ours / ping:.2f} x",
        "< 60 kB",
        added < 60000,
    )


PARTS = {"own": own_work, "large": large, "task": whole_task, "payload": payload}


def main() -> int:
    rows = []
    for name in sys.argv[1:] or PARTS:
        print(f"bench: measuring {name}", file=sys.stderr, flush=True)
        try:
            rows += PARTS[name]()
        except LabUnavailable as reason:
            rows.append(Row(name, "not measured", str(reason), "", "", None))
    heads = ("what", "ours", "alternative", "ratio", "wanted", "reached")
    verdict = {True: "yes", False: "NO", None: ""}
    texts = [heads, *((*row[:5], verdict[row.reached]) for row in rows)]
    widths = [max(len(row[index]) for row in texts) for index in range(len(heads))]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
