# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark: one table, each row a ratio of two things measured side by side in this run.

make bench                      all rows
.venv/bin/python tests/benchmark/bench.py own audit      only these parts

LABFLEET_CONDA is the path of another conda than that of the lab, with which the audit is compared too.
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
OTHER_CONDA = os.environ.get("LABFLEET_CONDA", "")
sys.path[:0] = [str(CHECKOUT / "tests"), str(CHECKOUT / "build" / "collections")]

from benchmark import audits, config, containers, desired, entrypoint, govern, rollback, scale, updates  # noqa: E402
from benchmark.shapes import Shape, build, real_conda_commands, real_conda_environment  # noqa: E402
from gates import toolbox  # noqa: E402
from lab import LabUnavailable, hosts  # noqa: E402

SCAN = """
import json, resource, sys, time
from ansible_collections.labfleet.conda.plugins.module_utils._discover._look_result import scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options
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


def other_seconds(shape: Shape, verb: str) -> float:
    """How long another conda takes to list, or to examine, all environments of a shape: the better of two rounds."""
    rounds = []
    for _round in range(2):
        started = time.perf_counter()
        for prefix in map(shape.real, shape.environments):
            command = [OTHER_CONDA, verb, "-p", prefix]  # doctor ends with 1 where it has found something
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode > 1 or not done.stdout:
                raise SystemExit(f"{' '.join(command)} failed: {done.stderr[-500:]}")
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


TASKS = {
    "ansible.builtin.ping": ({}, None),
    "labfleet.conda.conda_info": ({}, 1.3),
    "labfleet.conda.conda_audit": ({"storage": True}, 1.6),
}


def whole_task() -> t.Iterator[Row]:
    """The whole tasks over the lab against ansible.builtin.ping, same hosts, same forks."""
    hosts.up()
    place = toolbox.cache() / "bench-inventory.json"
    place.write_text(json.dumps(hosts.inventory()))
    best = dict.fromkeys(TASKS, float("inf"))
    for number in range(8):  # the first one opens the connections
        for module, (options, _wanted) in TASKS.items():
            play = [{"hosts": "all", "gather_facts": False, "tasks": [{"name": "Look", module: options}]}]
            playbook = toolbox.cache() / "bench-playbook.yml"
            playbook.write_text(json.dumps(play))
            started = time.perf_counter()
            ansible(["ansible-playbook", "-i", str(place), str(playbook), "--forks", "10"])
            if number:
                best[module] = min(best[module], time.perf_counter() - started)
    ping = best["ansible.builtin.ping"]
    for module, (_options, wanted) in TASKS.items():
        if wanted is not None:
            what, ratio = f"whole task {module.rpartition('.')[2]} over the lab", best[module] / ping
            texts = (f"{best[module]:.2f} s", f"ping {ping:.2f} s", f"{ratio:.2f} x", f"<= {wanted} x")
            yield Row(what, *texts, ratio <= wanted)


def own_audit() -> t.Iterator[Row]:
    """The audit's own work on shape M against the real conda's list of each environment.

    Beside that of the lab, which is old, against list and doctor of the conda that LABFLEET_CONDA names.
    """
    shape = build("M")
    theirs = conda_seconds(shape)
    others = {verb: other_seconds(shape, verb) for verb in ("list", "doctor")} if OTHER_CONDA else {}
    count = f"{len(shape.bases)} info + {len(shape.environments)} list: {theirs:.1f} s"
    for what, options in (("all rules", {"storage": True}), ("defaults", {}), ("no files", {"integrity": "none"})):
        ours = audits.audit(shape.root, **options)["wall"]
        ratio, texts = theirs / ours, (f"audit of shape M, {what}", f"{ours * 1000:.0f} ms", count)
        yield Row(*texts, f"{ratio:.0f} x faster", ">= 20 x", ratio >= 20)
        for verb, seconds in others.items():
            told = f"{len(shape.environments)} {verb} of {OTHER_CONDA}: {seconds:.1f} s"
            texts, ratio = ("the same", f"{ours * 1000:.0f} ms", told), seconds / ours
            yield Row(*texts, f"{ratio:.0f} x faster", ">= 20 x", ratio >= 20)
    large = build("L")
    answer = audits.audit(large.root, runs=1)
    texts = ("audit of shape L", f"{answer['wall']:.1f} s", "", f"{answer['megabytes']:.0f} MB", "")
    yield Row(*texts, None)


def deep_integrity() -> t.Iterator[Row]:
    """Hashing every file of every package against sha256sum over the same files, both warm."""
    shape = build("M")
    names = packaged_files(shape)
    best = {"theirs": float("inf"), "with": float("inf"), "without": float("inf")}
    for _round in range(3):
        started = time.perf_counter()
        listing = "\0".join(names)
        subprocess.run(["xargs", "-0", "sha256sum"], input=listing, text=True, check=True, stdout=subprocess.DEVNULL)
        best["theirs"] = min(best["theirs"], time.perf_counter() - started)
        for key, integrity in (("with", "hashes"), ("without", "none")):
            wall = audits.audit(shape.root, runs=1, integrity=integrity, families=["environment"])["wall"]
            best[key] = min(best[key], wall)
    ours = best["with"] - best["without"]
    ratio = best["theirs"] / ours
    texts = (
        "deep integrity of shape M",
        f"{ours:.2f} s",
        f"sha256sum {best['theirs']:.2f} s",
        f"{ratio:.2f} x the speed",
    )
    yield Row(*texts, ">= 0.8 x", ratio >= 0.8)


def packaged_files(shape: Shape) -> list[str]:
    """The files of all packages that their records have a hash of; as conda, we leave compiled Python out."""
    found = []
    for prefix in (*shape.bases, *shape.environments):
        top = Path(shape.real(prefix))
        for record in (top / "conda-meta").glob("*.json"):
            paths = json.loads(record.read_text())["paths_data"]["paths"]
            kept = (item["_path"] for item in paths if item.get("sha256_in_prefix") or item.get("sha256"))
            found += [str(top / name) for name in kept if not name.endswith((".pyc", ".pyo"))]
    return found


def reports() -> t.Iterator[Row]:
    """The report of 1,000 hosts with 30 environments each: document, digest, JSON, HTML and Markdown.

    The first one, and the one of the next run, which is compared with it.
    """
    folder = toolbox.cache() / "bench" / "report"
    folder.mkdir(parents=True, exist_ok=True)
    previous = folder / "audit.json"
    previous.unlink(missing_ok=True)
    for what, compared in (("the first", ""), ("the next", str(previous))):
        answer = audits.measured(audits.REPORT, "1000", "30", "5", str(folder), "json,html,markdown", compared)
        texts = (f"report of 1,000 hosts x 30 environments, {what}", f"{answer['wall']:.1f} s", "")
        reached = answer["wall"] < 10 and answer["megabytes"] < 500
        yield Row(*texts, f"CPU {answer['cpu']:.1f} s, {answer['megabytes']:.0f} MB", "< 10 s, 500 MB", reached)


def snapshots() -> t.Iterator[Row]:
    """Snapshots of a base of 25,000 files, as conda links them: taken, and restored after few and after all changed."""
    answer = rollback.measured()
    count, links = f"{answer['files']} files", answer["links"]
    ratio = answer["take"] / links
    texts = (f"snapshot of {count}", f"{answer['take']:.2f} s", f"bare link() {links:.2f} s", f"{ratio:.2f} x")
    yield Row(*texts, "< 1.5 s", answer["take"] < 1.5)
    for what, key, wanted in (
        ("all replaced", "all", 5.0),
        ("100 renamed", "few", 1.0),
        ("nothing changed", "none", 1.0),
    ):
        texts = (f"rollback of {count}, {what}", f"{answer[key]:.2f} s", "", "", f"< {wanted:g} s")
        yield Row(*texts, answer[key] < wanted)


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


def safety() -> t.Iterator[Row]:
    """What the transaction costs against the bare command, and what a run costs that has nothing to do.

    A channel of 80 records and a change of one package, which are the lab's, exist nowhere else; so the third case has
    a channel of 150,000 records beside it, and the last one has a channel of 10,000 records by HTTP and a change of 12
    packages with 4,000 files.
    """
    cases = (
        ("conda alone, channel of the lab", 1.5),
        ("the same, large base", 1.25),
        ("the same, and a channel of 150,000", 1.25),
        ("12 packages, channel of 10,000, large base", 1.25),
    )
    for item, (what, wanted) in zip(updates.measured(), cases, strict=True):
        ratio = item.ours.wall / item.bare.wall
        texts = (f"update, {what}, {item.files} files", f"{item.ours}", f"bare install {item.bare}")
        more = f"{ratio:.2f} x, CPU {item.ours.cpu / item.bare.cpu:.2f} x"
        yield Row(*texts, more, f"<= {wanted} x", ratio <= wanted)
        texts = ("the same with nothing to do, process and all", f"{item.nothing}", "", "", "no conda started")
        yield Row(*texts, None)


def in_containers() -> t.Iterator[Row]:
    """Looking into containers and images from their host, and tasks in a container."""
    found = containers.measured()
    cost = f"{found.outside * 1000:.1f} ms, CPU {found.processors * 1000:.1f} ms"
    texts = (cost, f"docker exec conda list {found.inside * 1000:.0f} ms")
    ratio = f"{found.inside / found.outside:.0f} x faster"
    yield Row(f"each of {containers.COUNT} containers, looked into", *texts, ratio, "< 10 ms", found.outside < 0.01)
    yield Row("the same, compared with its image: more", f"CPU {found.drift * 1000:.1f} ms", "", "", "", None)
    what = f"{found.image_count} images of {found.image_bytes / 1e9:.1f} GB"
    yield Row(what, f"{found.images:.2f} s", "", "", "< 5 s", found.images < 5)
    ours, theirs = containers.connection()
    texts = (f"{ours:.1f} s", f"community.docker.docker {theirs:.1f} s", f"{ours / theirs:.2f} x")
    yield Row(f"{containers.TASKS} tasks in a local container", *texts, "<= 1.2 x", ours <= 1.2 * theirs)


def entrypoints() -> t.Iterator[Row]:
    """What the entrypoint adds to the start of a container with a healthy conda, under each shell."""
    for item in entrypoint.measured():
        added = item.median - item.bare
        texts = (f"entrypoint under {item.shell}, added to a start", f"{added * 1000:.0f} ms")
        theirs = (f"conda --version {item.conda * 1000:.0f} ms", f"{item.conda / added:.0f} x faster")
        yield Row(*texts, *theirs, "< 50 ms, no conda", added < entrypoint.WANTED and not item.programs_started)


def governed() -> t.Iterator[Row]:
    """The playbook govern on a host that is as the policy asks."""
    item = govern.measured()
    ratio = item.govern / item.ping
    texts = (
        "govern on a host that is as it should be",
        f"{item.govern:.1f} s",
        f"{item.tasks} x ping {item.ping:.1f} s",
    )
    yield Row(*texts, f"{ratio:.2f} x", f"<= {govern.WANTED} x", ratio <= govern.WANTED)


def settings() -> t.Iterator[Row]:
    """What a desired state costs that is there already: no tool is started to see that."""
    item = config.measured()
    texts = ("three settings that hold already", f"{item.nothing * 1000:.1f} ms")
    theirs = (f"one conda config --set {item.command * 1000:.0f} ms", f"{item.command / item.nothing:.0f} x faster")
    yield Row(*texts, *theirs, "< 50 ms", item.nothing < 0.05)
    texts = ("one of three settings changes, on disk and in the ledger", f"{item.change * 1000:.1f} ms")
    ratio = f"{item.command / item.change:.0f} x faster"
    yield Row(*texts, theirs[0], ratio, "< 200 ms", item.change < 0.2)
    yield Row("loading the code of conda_config, from files", f"{item.loaded * 1000:.0f} ms", "", "", "", None)


def desired_state() -> t.Iterator[Row]:
    """conda_package in an environment of 250 packages, with nothing to do and for a change."""
    found = desired.measured()
    where = f"conda_package, {desired.RECORDS} packages"
    started = f"{found.first * 1000:.0f} ms the first time, {found.imports * 1000:.0f} ms to import"
    texts = (f"{where}: own work with nothing to do", f"{found.own * 1000:.1f} ms", started, "", "< 50 ms, no conda")
    yield Row(*texts, found.own < 0.05)
    for name, seconds in found.commands.items():
        theirs = seconds * desired.TASKS / desired.MEASURED_COMMANDS
        ratio = theirs / found.play
        texts = (
            f"{where}: a play of {desired.TASKS} tasks with nothing to do",
            f"{found.play:.1f} s (ping: {found.ping:.1f} s)",
            f"conda install, {name}: {theirs:.0f} s (of {desired.MEASURED_COMMANDS})",
        )
        yield Row(*texts, f"{ratio:.0f} x faster", ">= 20 x", ratio >= 20)
    for name, (bare, ours) in found.changes.items():
        texts = (f"{where}: one package changed, {name}", f"{ours:.2f} s", f"bare install {bare:.2f} s")
        yield Row(*texts, f"{ours / bare:.2f} x", "<= 1.15 x", ours / bare <= 1.15)


def at_scale() -> t.Iterator[Row]:
    """The nightly audit of hundreds of hosts on the control node, and what a tenth of dead and hanging ones does."""
    runner = scale.Scale()
    for kind, answer in runner.record().items():
        texts = (f"{answer['seconds']:.2f} s", "", f"{len(answer['out'])} bytes back, {answer['sent']} there")
        yield Row(f"a host of shape {kind} itself, audited", *texts, "", None)
    per_host: dict[tuple[int, int], float] = {}
    for count in scale.sizes():
        for forks in scale.FORKS:
            scale.note(f"{count} hosts, {forks} forks")
            ping, ours = _both(runner, count, forks)
            yield from _scale_rows(f"{count} hosts, {forks} forks", ours, ping)
            per_host[forks, count] = ours.cpu / count
    few, many = min(scale.sizes()), max(scale.sizes())
    ratio = per_host[20, many] / per_host[20, few]
    texts = (f"{per_host[20, many] * 1000:.0f} ms", f"of {few}: {per_host[20, few] * 1000:.0f} ms", f"{ratio:.2f} x")
    yield Row(f"audit of {many} hosts, CPU per host", *texts, "flat: <= 1.1 x", ratio <= 1.1)
    scale.note(f"{many} hosts, a connection that costs nothing")
    ping, ours = _both(runner, many, max(scale.FORKS), scale.FREE)
    yield from _scale_rows(f"{many} hosts, {max(scale.FORKS)} forks, without ssh", ours, ping)
    yield from _slices(runner, many)
    yield from _troubled(runner, many)


def _both(runner: scale.Scale, count: int, forks: int, connection: str = scale.SSH) -> tuple[scale.Cost, scale.Cost]:
    with runner.fleet(count, connection=connection) as fleet:
        return runner.run("ping", fleet.inventory, forks), runner.run("audit", fleet.inventory, forks)


def _scale_rows(what: str, ours: scale.Cost, ping: scale.Cost) -> t.Iterator[Row]:
    ratio = ours.wall / ping.wall
    if ours.code or ping.code:
        raise SystemExit(f"the run is not right: {ours.output[-3000:]}")
    texts = (f"{ours.wall:.0f} s", f"ping {ping.wall:.0f} s ({scale.load()})", f"{ratio:.2f} x")
    yield Row(f"audit of {what}", *texts, "<= 1.5 x", ratio <= 1.5)
    texts = (f"{ours.cpu:.0f} s", f"ping {ping.cpu:.0f} s", f"{ours.cpu / ping.cpu:.2f} x")
    yield Row("the same, CPU of the control node", *texts, "", None)
    texts = (f"{ours.proportional:.0f} MB", f"ping {ping.proportional:.0f} MB", f"{ours.resident:.0f} MB if not shared")
    yield Row("the same, most memory", *texts, "< 1 GB", ours.proportional < 1000)
    if ours.kept:
        yield Row(
            "the same, what ssh keeps for a minute", f"{ours.kept:.0f} MB", f"ping {ping.kept:.0f} MB", "", "", None
        )


def _slices(runner: scale.Scale, count: int) -> t.Iterator[Row]:
    scale.note(f"{count} hosts in {scale.SLICES} slices")
    ours, joined = runner.slices(count, 20)
    texts = (f"{ours.wall:.0f} s", "", f"CPU {ours.cpu:.0f} s, {ours.proportional:.0f} MB ({scale.load()})")
    yield Row(f"audit of {count} hosts in {scale.SLICES} slices of 5 forks, here", *texts, "", None)
    if joined.code == 0:
        yield Row("their reports joined", f"{joined.wall:.0f} s", "", f"{joined.proportional:.0f} MB", "", None)


def _troubled(runner: scale.Scale, count: int) -> t.Iterator[Row]:
    scale.note(f"{count} hosts, a tenth of them in trouble")
    with runner.fleet(count, troubled=True) as fleet:
        ours = runner.run("audit", fleet.inventory, 50)
        named = set(runner.report()["summary"]["hosts_not_seen"])
    texts = (f"{ours.wall:.0f} s", "", f"{len(named)} of {len(fleet.lost)} named, exit code {ours.code}")
    what = f"audit of {count} hosts, a tenth dead, hanging, slow or broken, 50 forks"
    yield Row(what, *texts, "all named, code 2", named == set(fleet.lost) and ours.code == 2)


PARTS = {
    "scale": at_scale,
    "desired": desired_state,
    "config": settings,
    "update": safety,
    "own": own_work,
    "large": large,
    "audit": own_audit,
    "hashes": deep_integrity,
    "task": whole_task,
    "payload": payload,
    "report": reports,
    "snapshot": snapshots,
    "containers": in_containers,
    "entrypoint": entrypoints,
    "govern": governed,
}


def main() -> int:
    rows = []
    unknown = [name for name in sys.argv[1:] if name not in PARTS]
    if unknown:
        print(f"bench: there is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}", file=sys.stderr)
        return 2
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
