# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real base with conda 4.3.13 is replaced by one with 4.3.16, by a stand-in for an installer and by a real conda.

The stand-in unpacks a real base; its head is told from constructor's (tests/lab/installers.py), since no real installer
can be had. It removes the package cache and writes a condarc of its own, as those do. LABFLEET_KILLS says how often a
replacement is killed (8).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from integration.updating import Update, kill_tree, let_others_pass
from lab import channel, prefixes
from lab.base import Base, copy_of, make_base
from lab.installers import Installer, stand_in
from lab.variants import some

from ansible_collections.labfleet.conda.plugins.module_utils._change._snapshot_task import Task, run_task

KILLS = int(os.environ.get("LABFLEET_KILLS", "4"))
WRONG_SUM = "0" * 64


class Place:
    """A model base, a base that it is replaced by, and where installers are put."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = make_base(folder / "base")
        url = self.model.channels.as_uri()
        self.new = prefixes.base_prefix(channel.channels(), "4.3.16", str(self.model.path), url)
        self.good = self.installer("good")

    def installer(self, name: str, **lines: str) -> Installer:
        return stand_in(self.folder / f"{name}.sh", self.new, **lines)

    def old(self) -> Base:
        """The base with what a user has put into it."""
        base = copy_of(self.model)
        (base.path / "bin" / "ours.sh").write_text("echo ours\n")
        (base.path / "notes").mkdir()
        (base.path / "notes" / "a.txt").write_text("mine\n")
        (base.path / "condarc.d").mkdir()
        (base.path / "condarc.d" / "lab.yml").write_text("show_channel_urls: true\n")
        (base.path / "conda-meta" / "pinned").write_text("python 3.6.*\n")
        (base.path / "conda-meta" / "state").write_text('{"env_vars": {"LAB": "yes"}}')
        (base.path / "pkgs" / "cached.txt").write_text("cached\n")
        return base


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("replace"))


def run(base: Base, **options: object) -> Update:
    return Update(base, "conda_replace", **options)


def replace(base: Base, installer: Installer | None = None, **options: object) -> dict[str, object]:
    if installer is not None:
        options = {"installer": str(installer.path), "sha256": installer.sha256, **options}
    return run(base, **options).result()


def everything(base: Base) -> dict[str, object]:
    """The whole of a prefix but for our own, with its package cache."""
    cache = sorted(str(path.relative_to(base.path)) for path in (base.path / "pkgs").rglob("*"))
    return {**base.listing(), "pkgs": cache}


def in_state(base: Base) -> set[str]:
    return {path.name for path in base.state.iterdir()}


def test_the_base_is_replaced_and_what_is_not_of_it_stays(place: Place) -> None:
    base = place.old()
    before = everything(base)
    planned = replace(base, place.good, check=True)
    assert planned["outcome"] == "planned" and planned["changed"]
    assert planned["replaces"]["conda"] == "4.3.13" and planned["replaces"]["bytes"] > 10**7
    assert {"envs", "pkgs", "notes", ".condarc", "condarc.d", "conda-meta/pinned"} <= set(planned["kept"])
    assert everything(base) == before and not (base.state / "snapshots").exists()

    result = replace(base, place.good)
    assert (result["outcome"], result["after"]["conda"], base.version()) == ("committed", "4.3.16", "4.3.16")
    assert [(item["name"], item["kind"]) for item in result["packages"]] == [("conda", "updated")]
    assert result["source"]["name"] == "StandIn3"
    after = everything(base)
    kept = ("envs", "pkgs", "notes", ".condarc", "condarc.d", "conda-meta/pinned", "conda-meta/state")
    for name in {*before, *after}:
        if name.startswith(kept):
            assert after.get(name) == before.get(name), name
    assert base.leftovers() == [] and base.differences_to_records() == sorted(["condarc.d/lab.yml", "notes/a.txt"])
    assert result["set_aside"]["files"] == ["bin/ours.sh"]
    assert Path(result["set_aside"]["directory"], "bin/ours.sh").read_text() == "echo ours\n"
    snapshot = base.state / "snapshots" / result["snapshot"]["id"]
    assert "conda-4.3.13" in (snapshot / "explicit.txt").read_text()
    assert in_state(base) == {"lock", "snapshots", "replaced", "replaced.json"}
    record = json.loads(base.ledger.read_text().splitlines()[-1])
    assert (record["action"], record["outcome"]) == ("replace", "committed")

    again = replace(base, place.good)
    assert (again["changed"], again["outcome"]) == (False, "unchanged")
    assert everything(base) == after


def test_a_base_that_is_new_enough_is_left_alone(place: Place) -> None:
    base = place.old()
    before = everything(base)
    result = replace(base, place.good, version=">=4.3.10")
    assert result["outcome"] == "unchanged" and not base.state.exists()
    result = replace(base, place.good, version=">=4.4")  # the new one does not reach it either
    assert result["outcome"] == "rolled_back" and "conda>=4.4 does not hold" in result["failed"]
    assert everything(base) == before


BAD = {
    "fails before it does anything": {"before": "exit 1"},
    "fails half-way": {"before": 'mkdir -p "$PREFIX/lib"; echo x > "$PREFIX/lib/x"; exit 7'},
    "fails at its end": {"after": "exit 3"},
    "says success and did nothing": {"before": "exit 0"},
    "is ended by a signal": {"after": "kill -9 $$"},
    "leaves a package half there": {"after": 'rm "$PREFIX/bin/python3.6"'},
    "leaves a conda that does not start": {"after": 'echo "exit 1" > "$PREFIX/bin/conda"'},
    "breaks an environment": {"after": 'echo x >> "$PREFIX/envs/work/conda-meta/history"'},
}


@pytest.mark.parametrize("how", some(BAD, 4))
def test_a_bad_installer_leaves_the_old_base_byte_for_byte(place: Place, how: str) -> None:
    base = place.old()
    before = everything(base)
    result = replace(base, place.installer("bad", **BAD[how]))
    assert result["outcome"] == "rolled_back" and not result["changed"], result
    after = everything(base)
    if how == "breaks an environment":  # what an installer does elsewhere is found, and cannot be undone
        assert "Environments other than the base" in result["failed"]
        del before["envs/work/conda-meta/history"], after["envs/work/conda-meta/history"]
    assert after == before
    # What no record knows can be somebody's.
    aside = [path for path in result["restored"]["set_aside"] if not path.endswith("/lib/x")]
    assert result["restored"]["problems"] == [] and aside == []
    assert base.version() == "4.3.13"
    assert in_state(base) - {"set-aside"} == {"lock", "snapshots"}


def test_nothing_is_started_before_the_sum_is_right(place: Place) -> None:
    base = place.old()
    before = everything(base)
    trap = place.installer("trap", before=f"touch {place.folder}/was-run")
    result = replace(base, trap, sha256=WRONG_SUM)
    assert "SHA-256 sum is " + trap.sha256 in result["failed"]
    script = place.folder / "script.sh"
    script.write_text(f"#!/bin/sh\ntouch {place.folder}/was-run\n")
    result = replace(base, Installer(script, hashlib.sha256(script.read_bytes()).hexdigest()))
    assert "does not begin as an installer" in result["failed"]
    assert not (place.folder / "was-run").exists()
    assert everything(base) == before and in_state(base) == {"lock"}


@pytest.mark.parametrize(
    "damage",
    some(["conda does not start", "conda is gone", "no record is left"], 1),
)
def test_a_broken_base_is_replaced(place: Place, damage: str) -> None:
    base = place.old()
    if damage == "conda does not start":
        shutil.rmtree(base.path / "lib" / "python3.6" / "encodings")
    for record in (base.path / "conda-meta").glob("*.json"):
        if damage == "no record is left" or (damage == "conda is gone" and record.name.startswith("conda-4")):
            record.unlink()
    broken = everything(base)
    result = replace(base, place.installer("bad", after="exit 3"))
    assert result["outcome"] == "rolled_back" and everything(base) == broken
    result = replace(base, place.good)
    assert result["outcome"] == "committed", result
    assert base.version() == "4.3.16"
    assert (base.path / ".condarc").read_text() == (base.pristine / ".condarc").read_text()


def test_by_a_list_of_packages_and_the_conda_of_another_base(place: Place, tmp_path: Path) -> None:
    base = place.old()
    other = tmp_path / "tool"
    source = prefixes.base_prefix(channel.channels(), "4.3.16", str(other), base.channels.as_uri())
    subprocess.run(["cp", "-a", str(source), str(other)], check=True)
    records = [json.loads(path.read_text()) for path in sorted((other / "conda-meta").glob("*.json"))]
    lock = tmp_path / "base.txt"
    lock.write_text("@EXPLICIT\n" + "".join(f"{record['url']}#{record['md5']}\n" for record in records))
    before = everything(base)
    options = {"lock": str(lock), "tool": str(other / "bin" / "conda")}
    options["sha256"] = hashlib.sha256(lock.read_bytes()).hexdigest()
    (base.channels / "pkgs/main/linux-64/away").mkdir(exist_ok=True)
    archive = next((base.channels / "pkgs" / "main" / "linux-64").glob("conda-4.3.16-*.bz2"))
    archive.rename(archive.parent / "away" / archive.name)
    try:
        result = replace(base, **options)
    finally:
        (archive.parent / "away" / archive.name).rename(archive)
    assert result["outcome"] == "rolled_back", result
    after = everything(base)
    assert {**after, "pkgs": 0} == {**before, "pkgs": 0} and set(before["pkgs"]) <= set(after["pkgs"])

    result = replace(base, **options)
    assert result["outcome"] == "committed", result
    assert base.version() == "4.3.16" and base.leftovers() == []
    assert base.other_environments_changed(before) == []
    assert replace(base, **options)["outcome"] == "unchanged"


def test_killed_at_any_instant_the_next_run_brings_the_old_base_back(place: Place) -> None:
    seed = int(os.environ.get("LABFLEET_SEED", str(random.randrange(10**6))))
    chance = random.Random(seed)
    options = {"installer": str(place.good.path), "sha256": place.good.sha256}
    whole = run(place.old(), **options)
    assert whole.result()["outcome"] == "committed"
    moments = sorted(whole.began.items(), key=lambda item: item[1])
    lengths = {step: end[1] - begin for (step, begin), end in zip(moments, moments[1:], strict=False)}
    reached: dict[str, int] = {}
    for number in range(KILLS):
        step = ("snapshot", "apply", "apply", "verify")[number % 4]
        seconds = chance.uniform(0, lengths[step])
        base = place.old()
        before = everything(base)
        if not run(base, **options).kill(step, seconds):
            continue
        what = f"seed {seed}, kill {number + 1}, {seconds:.3f} s into {step}, phase {base.phase()}"
        reached[base.phase()] = reached.get(base.phase(), 0) + 1
        # The next run undoes first; then it finds that the sum is wrong, and leaves the old base.
        result = replace(base, place.good, sha256=WRONG_SUM)
        if base.version() == "4.3.13":
            assert "SHA-256" in result["failed"], what
            assert everything(base) == before, what
            assert not {"replaced", "kept", "emptied.json", "replaced.json"} & in_state(base), what
        else:  # it had been verified, and is kept
            assert "replaced.json" in in_state(base), what
        assert base.leftovers() == [], what
        result = replace(base, place.good)
        assert result["outcome"] in ("committed", "unchanged"), (what, result)
        assert base.version() == "4.3.16" and base.leftovers() == [], what
        assert base.other_environments_changed(before) == [], what
    print(f"seed {seed}, killed in these steps: {reached}")
    assert "apply" in reached


def test_root_works_as_the_owner(place: Place) -> None:
    """Run as root on the prefix of another user, everything is done by that user."""
    if os.geteuid() != 0:
        pytest.skip("only root can work for another user")
    base = place.old()
    let_others_pass(place.folder)
    subprocess.run(["chown", "-R", "nobody:nogroup", str(base.path)], check=True)
    result = replace(base, place.installer("who", after='id -un > "$PREFIX/who"'))
    assert result["outcome"] == "committed", result
    assert (base.path / "who").read_text() == "nobody\n"
    assert {path.owner() for path in [base.path, *base.path.rglob("*")]} == {"nobody"}


def test_conda_update_undoes_a_replacement_that_was_cut_off(place: Place) -> None:
    """Whichever module comes next, it finds a base without conda and brings the old one back."""
    base = place.old()
    before = everything(base)
    mark = place.folder / "emptied"
    cut = place.installer("cut", before=f"touch {mark}; exec sleep 600")
    replacing = run(base, installer=str(cut.path), sha256=cut.sha256)
    while not mark.exists():
        assert replacing.process.poll() is None
        time.sleep(0.01)
    kill_tree(replacing.process.pid)
    replacing.process.communicate()
    assert not (base.path / "bin").exists()
    result = Update(base, version="any").result()
    assert result["changed"] and "was undone" in result["recovered"]
    assert everything(base) == before
    assert Update(base, version="any").result()["changed"] is False


def test_a_replacement_that_was_kept_can_be_taken_back_by_its_snapshot(place: Place) -> None:
    base = place.old()
    before = everything(base)
    result = replace(base, place.good)
    task = Task(
        str(base.path), "restored", result["snapshot"]["id"], "", 5, None, None, False, 30.0, False, 0.0, "1f2e3d"
    )
    assert run_task(task)["problems"] == []
    assert base.version() == "4.3.13"
    assert replace(base, place.good)["outcome"] == "committed"  # its checksum alone does not make it done
    assert base.other_environments_changed(before) == []


def test_a_base_is_installed_where_nothing_is(place: Place) -> None:
    base = place.old()
    shutil.rmtree(base.path)
    planned = replace(base, place.good, check=True)
    assert (planned["outcome"], planned["changed"], planned["before"]) == ("planned", True, {})
    assert not base.path.exists()
    result = replace(base, place.good, version=">=4.3.16")
    assert (result["outcome"], result["after"]["conda"], base.version()) == ("committed", "4.3.16", "4.3.16")
    assert base.leftovers() == [] and base.differences_to_records() == []
    assert in_state(base) == {"lock", "replaced.json"}
    record = json.loads(base.ledger.read_text().splitlines()[-1])
    assert (record["action"], record["outcome"], record["after"]["conda"]) == ("create", "committed", "4.3.16")
    assert replace(base, place.good)["outcome"] == "unchanged"


@pytest.mark.parametrize(
    "how", some(["leaves a package half there", "fails half-way", "says success and did nothing"], 1)
)
def test_of_an_installation_that_fails_nothing_is_left(place: Place, how: str) -> None:
    base = place.old()
    shutil.rmtree(base.path)
    before = set(os.listdir(base.path.parent)) | {"log"}
    result = replace(base, place.installer("bad", **BAD[how]))
    assert not result["changed"] and "nothing is left of it" in result["failed"], result
    result = replace(base, place.good, sha256=WRONG_SUM)
    assert "SHA-256" in result["failed"]
    result = replace(base, place.good, version=">=4.4")
    assert "conda>=4.4 does not hold" in result["failed"]
    assert not base.path.exists() and set(os.listdir(base.path.parent)) <= before | {"bad.sh"}


def test_an_installation_that_was_cut_off_is_begun_again(place: Place) -> None:
    base = place.old()
    shutil.rmtree(base.path)
    mark = place.folder / "begun"
    cut = place.installer("cut-new", before=f"mkdir $PREFIX/lib; touch {mark}; exec sleep 600")
    installing = run(base, installer=str(cut.path), sha256=cut.sha256)
    while not mark.exists():
        assert installing.process.poll() is None
        time.sleep(0.01)
    kill_tree(installing.process.pid)
    installing.process.communicate()
    result = replace(base, place.good)
    assert (result["outcome"], base.version()) == ("committed", "4.3.16") and "was undone" in result["recovered"]
    assert base.leftovers() == [] and base.differences_to_records() == []


def test_nothing_is_installed_over_what_is_no_base(place: Place) -> None:
    base = place.old()
    shutil.rmtree(base.path)
    base.path.mkdir()
    (base.path / "mine.txt").write_text("mine\n")
    result = replace(base, place.good)
    assert "There is no environment at" in result["failed"] and [path.name for path in base.path.iterdir()] == [
        "mine.txt"
    ]
