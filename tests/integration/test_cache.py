# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module conda_cache on the cache of a real conda, whose environments must go on working."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from integration.updating import Update, kill_tree, let_others_pass
from lab import LabUnavailable, channel
from lab.base import Base, copy_of, make_base
from lab.variants import some

WANTED = ("click", "six")


class Cached:
    """A real base with environments linked in each of the ways that conda has, and a package that none uses."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.pkgs = base.path / "pkgs"

    def make(self) -> None:
        condarc = self.base.path / ".condarc"
        text = condarc.read_text()
        condarc.write_text(text + "allow_softlinks: true\nalways_softlink: true\n")
        self.conda("create", "-n", "soft", *WANTED)
        condarc.write_text(text)
        self.conda("create", "-n", "copied", "--copy", "six=1.11", "python=3.6")
        self.conda("create", "-n", "gone", "click=7", "six=1.11", "python=3.6")
        shutil.rmtree(self.base.path / "envs" / "gone")

    def conda(self, command: str, *arguments: str) -> str:
        done = self.base.conda(command, "-y", "-q", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, **options: t.Any) -> dict[str, t.Any]:
        given = {"prefix": None, "path": str(self.pkgs), "state": "cleaned", "busy_seconds": 120, **options}
        return Update(self.base, "conda_cache", **given).result()

    def names(self) -> set[str]:
        return {path.name for path in self.pkgs.iterdir() if path.name[0] != "."}

    def broken(self) -> list[str]:
        """What does not work of the environments: files that are gone, links to nothing, a Python that does not run."""
        found = []
        for name in ("work", "soft", "copied"):
            prefix = self.base.path / "envs" / name
            for record in (prefix / "conda-meta").glob("*.json"):
                found += [
                    f"{name}/{file}" for file in json.loads(record.read_text())["files"] if not (prefix / file).exists()
                ]
            environment = {"PATH": "/usr/bin:/bin", "PYTHONHOME": str(prefix)}
            command = [str(prefix / "bin" / "python"), "-c", "import six, ssl; print(six.__version__)"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            found += [f"{name}: {done.stderr}"] if done.returncode else []
        done = self.base.conda("list", "-n", "copied")
        return found + ([done.stderr] if done.returncode else [])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Cached:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "home").mkdir()
    try:
        channel.channels()
        cached = Cached(make_base(folder / "conda"))
    except LabUnavailable as error:
        pytest.skip(str(error))
    cached.make()
    subprocess.run(["rm", "-rf", str(cached.base.pristine)], check=True)
    subprocess.run(["cp", "-a", str(cached.base.path), str(cached.base.pristine)], check=True)
    return cached


@pytest.fixture
def cached(made: Cached) -> Cached:
    copy_of(made.base)
    made.base.ledger.unlink(missing_ok=True)
    assert made.broken() == []
    return made


def removed(result: dict[str, t.Any]) -> list[str]:
    return [item["name"] for item in result["caches"][0]["removed"]]


def free_inodes_and_bytes(path: Path) -> tuple[int, int]:
    """What a tree and the rest of its file system hold of blocks and inodes, seen by the tree alone."""
    seen = {}
    for folder, folders, files in os.walk(path):
        for name in [*folders, *files]:
            status = os.lstat(os.path.join(folder, name))
            seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values()), len(seen)


def test_what_a_clean_leaves_works_and_can_be_used_again(cached: Cached) -> None:
    before, taken = cached.names(), free_inodes_and_bytes(cached.base.path)
    checked = cached.run(check=True)
    assert (checked["changed"], checked["outcome"], cached.names()) == (True, "planned", before)
    done = cached.run()
    assert (done["outcome"], removed(done)) == ("committed", removed(checked))
    assert cached.names() == before - set(removed(done))
    packages = [name for name in removed(done) if not name.endswith(".tar.bz2")]
    assert packages == ["click-7.0-py36_0"]
    assert cached.broken() == []
    left = free_inodes_and_bytes(cached.base.path)
    ours = free_inodes_and_bytes(cached.pkgs / ".labfleet-conda")
    # The directory of our own is new, and holds an empty file.
    assert taken[1] - left[1] == done["won"]["inodes"] - 1 - ours[1]
    assert abs(taken[0] - left[0] - done["won"]["bytes"]) <= 16384
    for check in (True, False):
        again = cached.run(check=check)
        assert (again["changed"], again["outcome"]) == (False, "unchanged")
    cached.conda("create", "-n", "again", "--offline", *WANTED)
    cached.conda("create", "-n", "fresh", "click=7", "six=1.11", "python=3.6")
    assert "click-7.0-py36_0.tar.bz2" in removed(cached.run(packages=False))
    shutil.rmtree(cached.base.path / "envs" / "fresh")
    assert removed(cached.run()) == ["click-7.0-py36_0"]
    assert cached.broken() == []


def test_conda_clean_breaks_what_we_do_not(cached: Cached) -> None:
    """The trap is a real one: conda removes what the environment with symbolic links needs."""
    shutil.rmtree(cached.base.path / "envs" / "work")
    cached.run()
    assert os.path.exists(cached.base.path / "envs" / "soft" / "bin" / "python")
    for record in (cached.base.path / "envs" / "soft" / "conda-meta").glob("*.json"):
        record.unlink()  # the links tell all the same
    kept = cached.run(check=True)["caches"][0]["kept"]
    assert kept["soft_linked"] >= 5
    assert cached.base.conda("clean", "-y", "--packages").returncode == 0
    assert not os.path.exists(cached.base.path / "envs" / "soft" / "bin" / "python")


def test_age_and_size_of_a_real_cache(cached: Cached) -> None:
    assert removed(cached.run(check=True, keep_days=1)) == []
    old = time.time() - 40 * 86400
    for path in (cached.pkgs / "click-7.0-py36_0.tar.bz2", cached.pkgs / "xz-5.4.1-0.tar.bz2"):
        os.utime(path, (old, old))
    for history in (*cached.base.path.glob("envs/*/conda-meta/history"), cached.base.path / "conda-meta" / "history"):
        history.write_text(re.sub(r"==> \S+", "==> 2020-01-01", history.read_text()))
    assert removed(cached.run(check=True, keep_days=30)) == ["click-7.0-py36_0.tar.bz2", "xz-5.4.1-0.tar.bz2"]
    size = cached.run(state="reported")["caches"][0]["bytes"]
    result = cached.run(keep_bytes=size - 1)
    assert len(removed(result)) == 1 and result["caches"][0]["goal_met"] is True
    assert cached.run(state="reported")["caches"][0]["bytes"] <= size - 1 + 8192


@pytest.mark.parametrize("seconds", some([0.02, 0.0], 1))
def test_killed_at_any_instant_conda_can_use_the_cache(cached: Cached, seconds: float) -> None:
    given = {"prefix": None, "path": str(cached.pkgs), "state": "cleaned", "busy_seconds": 120}
    run = Update(cached.base, "conda_cache", **given)
    for line in run.process.stderr or ():
        if line.startswith("removes"):
            break
    time.sleep(seconds)  # at which instant, not for what
    kill_tree(run.process.pid)
    run.process.communicate()
    assert cached.broken() == []
    cached.conda("create", "-n", "again", "click=7", "six=1.11", "python=3.6")
    shutil.rmtree(cached.base.path / "envs" / "again")
    done = cached.run()
    assert "failed" not in done, done["failed"]
    assert cached.broken() == []
    assert cached.run()["changed"] is False
    assert sorted(path.name for path in (cached.pkgs / ".labfleet-conda").iterdir()) == ["lock"]


@pytest.fixture
def other(tmp_path: Path) -> t.Iterator[Path]:
    """A second file system."""
    folder = tmp_path / "other"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    folder.chmod(0o755)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def sums(top: Path) -> dict[str, t.Any]:
    """All files below a directory, but our own: permissions, time, content or target."""
    found: dict[str, t.Any] = {}
    for path in top.rglob("*"):
        name = str(path.relative_to(top))
        if name.startswith(".labfleet-conda") or name == "pkgs.lock":  # that of mamba, held and left by who is killed
            continue
        status = path.lstat()
        content: t.Any = os.readlink(path) if path.is_symlink() else None
        if path.is_file() and not path.is_symlink():
            content = (status.st_mtime_ns, status.st_nlink == 1, path.read_bytes())
        found[name] = (status.st_mode, content if not isinstance(content, tuple) else (content[0], hash(content[2])))
    return found


def test_a_moved_cache_is_the_same_and_comes_back(cached: Cached, other: Path) -> None:
    before, target = sums(cached.pkgs), other / "pkgs"
    given = {"state": "moved", "to": str(target), "reserve": 0}
    checked = cached.run(check=True, **given)
    assert (checked["outcome"], target.exists(), cached.pkgs.is_symlink()) == ("planned", False, False)
    done = cached.run(**given)
    assert done["outcome"] == "committed" and done["won"] == checked["won"]
    assert os.readlink(cached.pkgs) == str(target) and sums(target) == before
    assert cached.broken() == []
    assert sorted(path.name for path in cached.base.path.iterdir() if "labfleet" in path.name) == []
    for check in (True, False):
        assert cached.run(check=check, **given)["changed"] is False
    cached.conda("create", "-n", "again", "--offline", *WANTED)
    assert removed(cached.run(archives=False)) == ["click-7.0-py36_0"]
    back = cached.run(state="moved", to=str(cached.pkgs))
    assert back["outcome"] == "committed" and not cached.pkgs.is_symlink()
    assert set(sums(cached.pkgs)) == {name for name in before if name.split("/")[0] != "click-7.0-py36_0"}
    assert cached.broken() == []
    ledger = [json.loads(line) for line in cached.base.ledger.read_text().splitlines()]
    assert [record["action"] for record in ledger] == ["move", "clean", "move"]
    assert ledger[0]["after"] == {"path": str(target)}


def test_a_directory_that_is_there_is_filled(cached: Cached, other: Path) -> None:
    before = sums(cached.pkgs)
    done = cached.run(state="moved", to=str(other), reserve=0)
    assert done["outcome"] == "committed" and sums(other) == before and cached.broken() == []


def test_a_full_file_system_changes_nothing(cached: Cached, other: Path) -> None:
    before = sums(cached.pkgs)
    subprocess.run(["mount", "-o", "remount,size=200M", other], check=True)
    (other / "filler").write_bytes(bytes(150 * 1000 * 1000))
    told = cached.run(state="moved", to=str(other / "pkgs"), reserve=0)
    assert "too little room" in told["failed"]
    assert sums(cached.pkgs) == before and sorted(path.name for path in other.iterdir()) == ["filler"]


@pytest.mark.parametrize(("step", "seconds"), [("copies", 0.3), ("removes", 0.0)])
@pytest.mark.parametrize("way", some(["there", "back"], 1))
def test_a_move_killed_at_any_instant_leaves_one_whole_cache(
    cached: Cached, other: Path, step: str, seconds: float, way: str
) -> None:
    before, target = sums(cached.pkgs), other / "pkgs"
    if way == "back":
        cached.run(state="moved", to=str(target), reserve=0)
        target = cached.pkgs
    given = {"prefix": None, "path": str(cached.pkgs), "state": "moved", "to": str(target), "reserve": 0}
    run = Update(cached.base, "conda_cache", busy_seconds=120, **given)
    for line in run.process.stderr or ():
        if line.startswith(step):
            break
    time.sleep(seconds)  # at which instant, not for what
    kill_tree(run.process.pid)
    run.process.communicate()
    assert sums(Path(os.path.realpath(cached.pkgs))) == before
    assert cached.broken() == []
    done = cached.run(state="moved", to=str(target), reserve=0)
    assert "failed" not in done, done
    assert os.path.realpath(cached.pkgs) == os.path.realpath(target)
    assert sums(Path(os.path.realpath(cached.pkgs))) == before and cached.broken() == []
    left = [path.name for folder in (cached.base.path, other) for path in folder.iterdir() if "labfleet" in path.name]
    assert left == [] and not (cached.pkgs / "pkgs.lock").exists()


def test_root_works_on_the_cache_of_a_user_as_that_user(cached: Cached) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    let_others_pass(cached.base.path.parent)
    for folder, folders, files in os.walk(cached.base.path):
        for name in [".", *folders, *files]:
            os.chown(os.path.join(folder, name), 65534, 65534, follow_symlinks=False)
    done = cached.run()
    assert (done["outcome"], removed(done)[-1]) == ("committed", "click-7.0-py36_0")
    state = cached.pkgs / ".labfleet-conda"
    assert (state.stat().st_uid, (state / "lock").stat().st_uid) == (65534, 65534)
    assert cached.base.ledger.stat().st_uid == 0
    (record,) = [json.loads(line) for line in cached.base.ledger.read_text().splitlines()]
    assert record["prefix"] == str(cached.pkgs) and record["who"]["user"] == "root"
