# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module conda_cache on caches of made up packages: what is used, what goes, and what a crash leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import (
    _cache,
    _cache_clean,
    _cache_gather,
    _cache_session,
    _cache_split,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache import ChangeError, cache
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._discover import _survey
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import place_at
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._read import read
from ansible_collections.labfleet.conda.plugins.module_utils._system import _close_off, _trash
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import PrefixLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._users_of import Use
from ansible_collections.labfleet.conda.plugins.modules.conda_cache import ARGUMENT_SPEC

SIZE = 65536
DAY = 86400
A, B, C = "alpha-1-0", "beta-1-0", "gamma-1-0"


class Place:
    """A base prefix with a package cache and environments, in a directory of a test."""

    def __init__(self, top):
        self.top = top
        self.base = str(top / "conda")
        self.pkgs = self.base + "/pkgs"
        self.ledger = str(top / "ledger.jsonl")
        self.notes = []
        self.write("conda/pkgs/urls.txt", "")
        self.environment("conda", ["conda-26.7.1-0"])

    def write(self, name, content):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return str(path)

    def package(self, name, archive=True, files=("lib/x.so",), below=""):
        folder = "conda/pkgs/" + below
        for file in files:
            self.write("%s%s/%s" % (folder, name, file), "x" * SIZE)
        self.write("%s%s/info/index.json" % (folder, name), "{}")
        self.write("%s%s/info/files" % (folder, name), "\n".join(files))
        if archive:
            self.write("%s%s.tar.bz2" % (folder, name), "y" * SIZE)
        return "%s/%s%s" % (self.pkgs, below, name)

    def environment(self, prefix, packages, source=None, history="==> 2020-01-01 00:00:00 <==\n"):
        """An environment with records that name the cache, or another source; None for no source at all."""
        for package in packages:
            name, version, build = package.rsplit("-", 2)
            record = {"name": name, "version": version, "build": build, "files": [], "depends": []}
            where = self.pkgs if source is None else source
            if where:
                record["link"] = {"source": where + "/" + package, "type": 1}
                record["extracted_package_dir"] = where + "/" + package
                record["package_tarball_full_path"] = where + "/" + package + ".tar.bz2"
            self.write("%s/conda-meta/%s.json" % (prefix, package), json.dumps(record, indent=2))
        self.write(prefix + "/conda-meta/history", history)
        return str(self.top / prefix)

    def age(self, days, *names):
        """Let things of the cache be so old, with all that lies in them."""
        when = time.time() - days * DAY
        for name in names:
            top = self.pkgs + "/" + name
            for folder, folders, files in os.walk(top):
                for below in [*folders, *files]:
                    os.utime(os.path.join(folder, below), (when, when))
            os.utime(top, (when, when))

    def run(self, check=False, **given):
        options = {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()}
        options.update({"path": self.pkgs, "state": "cleaned", "ledger": self.ledger, "busy_seconds": 5}, **given)
        return cache(options, check=check, note=self.notes.append)

    def names(self):
        return sorted(name for name in os.listdir(self.pkgs) if name[0] != "." and name != "urls.txt")

    def records(self):
        return [record for record in read(place_at(self.ledger)).records if record["action"] != "repair"]


def removed(result):
    return [item["name"] for entry in result["caches"] for item in entry["removed"]]


@pytest.fixture
def place(tmp_path, monkeypatch):
    # The homes of this machine are not what is tested, nor is who else runs conda on it.
    monkeypatch.setattr(_survey, "list_processes", lambda root: [])
    monkeypatch.setattr(_cache, "Options", lambda **given: Options(users=[], **given))
    monkeypatch.setattr(_cache_session, "managers_at_work", lambda uids, spared: [])
    return Place(tmp_path)


def test_a_clean_goes_step_by_step_and_the_second_one_does_nothing(place):
    place.package(A)
    place.package(B)
    place.environment("conda/envs/work", [A])
    before = place.names()
    for _again in range(2):
        planned = place.run(check=True)
        assert (planned["changed"], planned["outcome"]) == (True, "planned")
        assert place.names() == before and not os.path.exists(place.pkgs + "/.labfleet-conda")
    done = place.run()
    assert removed(done) == removed(planned) == [A + ".tar.bz2", B + ".tar.bz2", B]
    assert done["won"] == planned["won"] and done["won"]["bytes"] >= 3 * SIZE
    assert done["diff"] == planned["diff"] and place.pkgs + "/" + B in done["diff"]["before"]
    assert (done["changed"], done["outcome"]) == (True, "committed")
    assert place.names() == [A] and os.path.exists(place.pkgs + "/urls.txt")
    assert done["caches"][0]["kept"] == {"in_environment": 1}
    for check in (True, False):
        again = place.run(check=check)
        assert (again["changed"], again["outcome"], removed(again)) == (False, "unchanged", [])
        assert again["won"] == {"bytes": 0, "inodes": 0}
    place.package(C, archive=False)
    assert removed(place.run(check=True)) == removed(place.run()) == [C]
    assert place.names() == [A]
    first, second = place.records()
    assert (first["action"], first["outcome"], first["prefix"]) == ("clean", "committed", place.pkgs)
    assert first["before"]["removed"] == removed(done) and first["before"]["bytes"] == done["won"]["bytes"]
    assert second["before"]["removed"] == [C]
    assert os.listdir(place.pkgs + "/.labfleet-conda") == ["lock"]


def test_a_report_tells_all_and_changes_nothing(place):
    place.package(A)
    place.package(B)
    place.environment("conda/envs/work", [A])
    place.write("conda/pkgs/cache/1234.json", "{}")
    place.write("conda/pkgs/c-1-0.conda.partial", "x" * SIZE)
    before = place.names()
    result = place.run(state="reported")
    (entry,) = result["caches"]
    assert (result["changed"], place.names()) == (False, before)
    assert (entry["packages"]["count"], entry["archives"]["count"], entry["leftovers"]["count"]) == (2, 2, 1)
    assert entry["index_cache"]["inodes"] == 2
    assert entry["bytes"] == entry["own_bytes"] >= 5 * SIZE
    kinds = {item["name"]: item["kind"] for item in entry["removable"]}
    assert kinds[B] == "package" and A not in kinds and kinds["cache"] == "index"
    assert entry["used_by"] == {place.base + "/envs/work": 1}
    assert entry["reclaimable"]["bytes"] == sum(item["bytes"] for item in entry["removable"])
    assert not os.path.exists(place.ledger)


def test_each_kind_is_asked_for_by_itself(place):
    place.package(B)
    place.write("conda/pkgs/cache/1234.json", "{}")
    place.write("conda/pkgs/x.c~", "")
    place.write("conda/pkgs/.trash/old/file", "")
    off = {"archives": False, "packages": False, "leftovers": False, "index_cache": False}
    assert removed(place.run(**off)) == []
    assert removed(place.run(**dict(off, index_cache=True))) == ["cache"]
    assert os.listdir(place.pkgs + "/cache") == []
    assert removed(place.run(**dict(off, index_cache=True))) == []
    assert sorted(removed(place.run(**dict(off, leftovers=True)))) == [".trash", "x.c~"]
    assert removed(place.run(**dict(off, packages=True))) == [B]
    assert removed(place.run(**dict(off, archives=True))) == [B + ".tar.bz2"]


def test_a_record_counts_by_whatever_path_it_names_the_cache(place):
    place.package(A, archive=False)
    os.symlink(place.base, str(place.top / "alias"))
    place.environment("conda/envs/work", [A], source=str(place.top / "alias") + "/pkgs")
    assert place.run()["caches"][0]["kept"] == {"in_environment": 1}


@pytest.mark.parametrize(("source", "is_kept"), [("", True), ("/nowhere/pkgs", True), ("other", False)])
def test_a_record_of_unknown_source_counts_for_every_cache(place, source, is_kept):
    place.package(A, archive=False)
    if source == "other":
        source = os.path.dirname(place.write("other/pkgs/urls.txt", ""))
    place.environment("conda/envs/work", [A], source=source)
    assert place.run()["caches"][0]["kept"] == ({"in_environment": 1} if is_kept else {})


def test_a_record_that_cannot_be_read_counts_for_its_name(place):
    place.package(A, archive=False)
    place.environment("conda/envs/work", [A])
    place.write("conda/envs/work/conda-meta/%s.json" % A, "{damaged")
    assert place.run()["caches"][0]["kept"] == {"in_environment": 1}


def test_a_package_is_used_by_whom_a_hard_link_leads_to(place):
    place.package(A, archive=False)
    place.package(B, archive=False)
    os.link(place.pkgs + "/%s/lib/x.so" % A, place.write("elsewhere", "") + ".so")
    os.link(place.pkgs + "/%s/lib/x.so" % B, place.pkgs + "/%s/lib/same.so" % B)
    result = place.run()
    assert result["caches"][0]["kept"] == {"hard_linked": 1}
    assert removed(result) == [B] and place.names() == [A]


def test_an_archive_with_another_name_elsewhere_wins_nothing(place):
    place.package(A)
    place.environment("conda/envs/work", [A])
    os.link(place.pkgs + "/%s.tar.bz2" % A, str(place.top / "copy.tar.bz2"))
    result = place.run(keep_bytes=1)
    assert (removed(result), result["caches"][0]["goal_met"]) == ([], False)
    result = place.run()
    assert removed(result) == [A + ".tar.bz2"]
    assert result["won"] == {"bytes": 0, "inodes": 0}


@pytest.mark.parametrize("name", ["lib/x.so", "lib"])
def test_an_environment_with_symbolic_links_needs_its_packages_whatever_its_records_say(place, name):
    place.package(A, archive=False)
    place.package(B, archive=False)
    prefix = place.environment("conda/envs/soft", ["other-1-0"])
    os.makedirs(prefix + "/deep/er")
    os.symlink(os.path.join(place.pkgs, A, name), prefix + "/deep/er/link")
    os.symlink("../x", prefix + "/deep/up")
    result = place.run()
    assert result["caches"][0]["kept"] == {"soft_linked": 1}
    assert result["caches"][0]["used_by"] == {prefix: 1}
    assert removed(result) == [B] and os.path.exists(prefix + "/deep/er/link")


def test_a_relative_link_and_one_by_another_path_count_too(place):
    place.package(A, archive=False)
    place.package(B, archive=False)
    os.symlink(place.base, str(place.top / "alias"))
    prefix = place.environment("conda/envs/soft", [])
    os.symlink("../../pkgs/%s/lib/x.so" % A, prefix + "/one")
    os.symlink(str(place.top) + "/alias/pkgs/%s/lib/x.so" % B, prefix + "/two")
    assert place.run()["caches"][0]["kept"] == {"soft_linked": 2}


def test_what_could_not_be_looked_at_counts_as_a_user_of_everything(place, monkeypatch):
    place.package(A)
    place.environment("conda/envs/odd", [])
    with open(place.base + "/envs/odd/conda-meta/history", "w") as stream:
        stream.write("")
    before = _cache.CacheUses._read

    def read_but_one(uses, environment):
        before(uses, environment._replace(records=None) if environment.prefix.endswith("odd") else environment)

    monkeypatch.setattr(_cache.CacheUses, "_read", read_but_one)
    (entry,) = place.run()["caches"]
    assert entry["kept"] == {"unseen": 1} and [item["name"] for item in entry["removed"]] == [A + ".tar.bz2"]
    assert entry["unseen"] == [{"path": place.base + "/envs/odd", "reason": "its records could not be listed"}]


def test_the_only_copy_of_what_an_environment_has_stays(place):
    place.package(A)
    place.package(B)
    place.environment("conda/envs/work", [A])
    for name in (A, B):
        subprocess.run(["rm", "-r", place.pkgs + "/" + name], check=True)
    result = place.run()
    assert result["caches"][0]["kept"] == {"only_copy": 1} and removed(result) == [B + ".tar.bz2"]


def test_what_an_interrupted_change_asks_for_stays(place):
    place.package(A, archive=False)
    place.package(B, archive=False)
    other = os.path.dirname(place.write("other/pkgs/urls.txt", ""))
    for name, caches, package in (("one", [place.pkgs], A), ("two", [other], B)):
        place.environment("conda/envs/" + name, [])
        journal = {"packages": [package], "caches": caches}
        place.write("conda/envs/%s/.labfleet-conda/journal.json" % name, json.dumps(journal))
    result = place.run()
    assert result["caches"][0]["kept"] == {"changing": 1} and removed(result) == [B]


def test_what_was_used_lately_stays(place):
    for name in (A, B, C):
        place.package(name)
        place.age(100, name, name + ".tar.bz2")
    day = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - 10 * DAY))
    place.environment("conda/envs/work", [], history="==> %s <==\n-defaults::%s\n" % (day, B))
    os.utime(place.pkgs + "/%s.tar.bz2" % C, (time.time() - DAY, time.time() - 100 * DAY))
    other = os.path.dirname(place.write("other/pkgs/urls.txt", ""))
    lately = time.strftime(f"==> %Y-%m-%d %H:%M:%S <==\n+{A}\n")
    place.environment("conda/envs/stranger", ["delta-1-0"], source=other, history=lately)
    result = place.run(keep_days=30)
    assert removed(result) == [A + ".tar.bz2", A]
    assert result["caches"][0]["kept"] == {"recent": 4}
    ages = {item["name"]: item for item in place.run(state="reported")["caches"][0]["removable"]}
    assert ages[B]["evidence"] == "the history of an environment names it"
    assert ages[C]["evidence"] == "its archive was read"
    assert removed(place.run(keep_days=5)) == [B + ".tar.bz2", B]


def test_where_the_size_counts_each_thing_is_counted_once(place, monkeypatch):
    place.package(A)
    place.package(B)

    def count_again(_top, item, _note):
        raise AssertionError("%s is counted again" % item.name)

    size = place.run(state="reported")["caches"][0]["bytes"]
    monkeypatch.setattr(_cache_gather, "count_item", count_again)
    result = place.run(keep_bytes=size)
    assert (removed(result), result["caches"][0]["kept"]) == ([], {"within_goal": 4})


def test_no_more_goes_than_the_goal_asks_for_the_oldest_and_the_archives_first(place):
    for days, name in ((300, A), (200, B), (100, C)):
        place.package(name)
        place.age(days, name, name + ".tar.bz2")
    size = place.run(state="reported")["caches"][0]["bytes"]
    assert removed(place.run(keep_bytes=size)) == []
    result = place.run(check=True, keep_bytes=size - SIZE - 1)
    assert removed(result) == [A + ".tar.bz2", B + ".tar.bz2"]
    result = place.run(check=True, keep_bytes=size - 4 * SIZE)
    assert removed(result) == [A + ".tar.bz2", B + ".tar.bz2", C + ".tar.bz2", A]
    assert result["caches"][0]["goal_met"] is True and result["caches"][0]["kept"] == {"within_goal": 2}
    assert removed(place.run(check=True, keep_bytes=1, keep_days=250)) == [A + ".tar.bz2", A]


def test_packages_below_their_channel_are_known(place):
    below = "https/conda.anaconda.org/conda-forge/linux-64/"
    used, unused = place.package(A, below=below), place.package(B, below=below)
    record = json.dumps({"name": "alpha", "version": "1", "build": "0", "link": {"source": used, "type": 1}}, indent=2)
    place.write("conda/envs/work/conda-meta/%s.json" % A, record)
    place.write("conda/envs/work/conda-meta/history", "")
    result = place.run()
    assert removed(result) == [below + A + ".tar.bz2", below + B + ".tar.bz2", below + B]
    assert os.path.exists(used) and not os.path.exists(unused)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"path": "/nowhere/pkgs"}, "/nowhere/pkgs is not there"),
        ({"path": "relative"}, "no absolute path"),
        ({"path": "/etc"}, "/etc is no package cache"),
        ({"path": None, "prefix": "/nowhere"}, "/nowhere"),
        ({"keep_days": -1.0}, "keep_days"),
        ({"keep_bytes": -1}, "keep_bytes"),
        ({"state": "moved", "to": "relative"}, "to: 'relative' is no absolute path"),
        ({"state": "moved", "to": "TOP/new"}, "same file system"),
        ({"state": "moved", "to": "TOP/conda/pkgs/new"}, "one lies in the other"),
        ({"state": "moved", "to": "TOP/nowhere/pkgs"}, "/nowhere is not there"),
        ({"state": "moved", "to": "TOP/conda"}, "is there already"),
    ],
)
def test_what_is_of_no_use_is_refused_in_a_sentence_and_nothing_is_changed(place, given, said):
    place.package(A)
    top = str(place.top)
    given = {name: value.replace("TOP", top) if isinstance(value, str) else value for name, value in given.items()}
    before = sorted(os.walk(str(place.top)))
    with pytest.raises(ChangeError) as error:
        place.run(**given)
    assert said in str(error.value) and str(error.value).endswith(".") and "\n" not in str(error.value)
    assert sorted(os.walk(str(place.top))) == before


HOLDS_LOCK = """
import fcntl, sys
stream = open(sys.argv[1], "a")
fcntl.lockf(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder():
    processes = []

    def hold(path):
        command = [sys.executable, "-c", HOLDS_LOCK, path]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        processes.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield hold
    for process in processes:
        process.communicate()


@pytest.mark.parametrize("name", ["pkgs.lock", "cache/1234.info.json", "x-1-0.conda.partial"])
def test_a_lock_that_is_held_holds_the_change_up(place, holder, name):
    place.package(B)
    path = place.write("conda/pkgs/" + name, "")
    process = holder(path)
    before = place.names()
    with pytest.raises(ChangeError, match=name.replace(".", r"\.")):
        place.run(busy="fail")
    result = place.run(busy="skip")
    assert (result["changed"], result["outcome"], removed(result)) == (False, "deferred", [])
    assert place.names() == before
    with pytest.raises(ChangeError, match="still after"):
        place.run(busy_seconds=0.3)
    process.communicate()
    assert B in removed(place.run(busy="fail"))


def test_another_change_of_the_cache_that_goes_on_is_a_failure_or_puts_it_off(place):
    place.package(B)
    os.mkdir(place.pkgs + "/.labfleet-conda", 0o700)
    folder = os.open(place.pkgs + "/.labfleet-conda", os.O_RDONLY)
    try:
        with PrefixLock(folder, "x", what="cleans", wait_seconds=0):
            with pytest.raises(ChangeError, match="Another change is under way"):
                place.run(lock_seconds=0)
            put_off = place.run(lock_seconds=0, busy="skip")
    finally:
        os.close(folder)
    assert (put_off["outcome"], put_off["changed"]) == ("deferred", False) and B in place.names()
    assert B in removed(place.run())


def test_an_old_lock_counts_only_while_its_process_lives(place):
    place.package(B)
    name = place.write("conda/pkgs/pkgs.pid%d.conda_lock" % os.getpid(), "")
    with pytest.raises(ChangeError, match="conda_lock"):
        place.run(busy="fail")
    os.rename(name, place.pkgs + "/pkgs.pid4194304999.conda_lock")
    assert B in removed(place.run(busy="fail"))


def test_a_conda_that_starts_meanwhile_finds_all_as_it_was(place, monkeypatch):
    place.package(A)
    place.package(B)
    before = place.names()
    answers = [[], [Use(4711, 0, "conda", "manager")]]
    monkeypatch.setattr(_cache_session, "managers_at_work", lambda uids, spared: answers.pop(0))
    with pytest.raises(ChangeError, match="conda \\(process 4711"):
        place.run(busy="fail")
    assert place.names() == before
    assert not os.path.exists(place.pkgs + "/.labfleet-conda/journal.json")


def test_what_is_linked_to_while_it_goes_comes_back(place, monkeypatch):
    place.package(A, archive=False)
    place.package(B, archive=False)
    before = _trash.Trash.linked_meanwhile

    def link(trash):
        folder = place.pkgs + "/.labfleet-conda/trash/0/lib/x.so"
        os.link(folder, str(place.top / "late.so"))
        return before(trash)

    monkeypatch.setattr(_trash.Trash, "linked_meanwhile", link)
    result = place.run()
    assert removed(result) == [B] and result["caches"][0]["not_removed"] == {A: "used_meanwhile"}
    assert place.names() == [A] and os.path.exists(place.pkgs + "/%s/info/index.json" % A)


def test_what_lies_in_a_layer_of_an_image_stays(place, monkeypatch):
    place.package(A, archive=False)

    def refuse(*names, **folders):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(_trash.os, "rename", refuse)
    monkeypatch.setattr(_cache_clean.CacheSession, "write", lambda *given: None)
    monkeypatch.setattr(_cache_clean.CacheSession, "done", lambda *given: None)
    result = place.run()
    assert removed(result) == [] and result["caches"][0]["not_removed"] == {A: "in_image"}
    assert place.names() == [A]


WHOLE = ["bin", "info", "lib"]
KILLS = [("take", 0), ("take", 1), ("linked_meanwhile", 0), ("put_back", 0), ("delete", 0), ("delete", 1), ("empty", 0)]


@pytest.mark.parametrize(("step", "number"), KILLS)
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_no_package_is_half_there_and_the_next_run_finishes(place, monkeypatch, step, number, after):
    for name in (A, B):
        place.package(name, files=["lib/x.so", "bin/y"])
    place.package(C)
    place.environment("conda/envs/work", [C])
    before, calls = getattr(_trash.Trash, step), []

    def die(trash, *given):
        calls.append(step)
        if len(calls) == number + 1 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = before(trash, *given)
        if len(calls) == number + 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    monkeypatch.setattr(_trash.Trash, step, die)
    with pytest.raises(ChangeError, match="cut off"):
        place.run()
    monkeypatch.setattr(_trash.Trash, step, before)
    for name in place.names():
        if not name.endswith((".bz2", ".lock")):
            assert sorted(os.listdir(place.pkgs + "/" + name)) == (["info", "lib"] if name == C else WHOLE)
    checked = place.run(check=True)
    assert checked["changed"] and "interrupted" in checked["message"]
    done = place.run()
    assert "interrupted" in done["recovered"] and done["changed"]
    assert place.names() == [C]
    assert os.listdir(place.pkgs + "/.labfleet-conda") == ["lock"]
    assert "recovered" in [record["outcome"] for record in place.records()]
    gone = [name for record in place.records() for name in (record["before"] or {}).get("removed", ())]
    assert sorted(gone) == sorted([A, B, A + ".tar.bz2", B + ".tar.bz2", C + ".tar.bz2"])
    assert place.run()["changed"] is False


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


def writable_by_others(top):
    """What in a tree others can write to, or own."""
    found = []
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != ".labfleet-conda"]
        for path in [folder, *(os.path.join(folder, name) for name in files)]:
            status = os.lstat(path)
            if not os.path.islink(path) and (status.st_mode & 0o022 or status.st_uid != os.geteuid()):
                found.append(path)
    return found


@as_root
def test_a_shared_cache_becomes_one_that_only_its_owner_fills(place):
    place.package(A)
    place.package(B)
    bobs = place.pkgs + "/" + B
    os.link(bobs + "/lib/x.so", str(place.top / "in-an-environment.so"))
    os.symlink("/etc/passwd", bobs + "/lib/link")
    for folder, _folders, files in os.walk(bobs):
        for name in [".", *files]:
            os.chown(os.path.join(folder, name), 4711, 4711)
    os.chmod(place.pkgs, 0o2775)
    os.chmod(place.pkgs + "/%s/lib/x.so" % A, 0o664)
    before = {name: os.stat(bobs + "/lib/" + name) for name in ("x.so",)}
    planned = place.run(state="split", check=True)
    assert (planned["changed"], planned["outcome"]) == (True, "planned")
    assert place.run(state="split", check=True)["caches"] == planned["caches"]
    assert planned["caches"][0]["foreign"] == {"4711": 6} and planned["caches"][0]["open"] == 2
    done = place.run(state="split")
    assert (done["changed"], done["outcome"], done["diff"]) == (True, "committed", planned["diff"])
    assert writable_by_others(place.pkgs) == []
    after = os.stat(bobs + "/lib/x.so")
    assert after.st_ino != before["x.so"].st_ino and after.st_size == SIZE
    assert os.stat(str(place.top / "in-an-environment.so")).st_uid == 4711
    assert os.readlink(bobs + "/lib/link") == "/etc/passwd" and os.stat("/etc/passwd").st_mode & 0o444 == 0o444
    for check in (True, False):
        assert place.run(state="split", check=check)["changed"] is False
    (record,) = place.records()
    assert (record["action"], record["outcome"], record["before"]) == ("split", "committed", {"open": 2, "foreign": 6})


@pytest.fixture
def shared(place):
    place.package(A)
    os.chmod(place.pkgs, 0o775)
    os.makedirs(place.base + "/bin")
    place.condarc = place.write("conda/.condarc", "pkgs_dirs: [%s]\n" % place.pkgs)
    return place


@as_root
def test_everybody_gets_a_cache_to_write_to_before_the_shared_one_is_closed(shared, monkeypatch):
    asked = []

    def configure(options, *, check):
        asked.append((options["tier"], options["prepend"], check, oct(os.stat(shared.pkgs).st_mode & 0o777)))
        return {"path": "/etc/conda/condarc", "changed": True}

    monkeypatch.setattr(_cache_split, "configure", configure)
    settings = {"pkgs_dirs": ["~/.conda/pkgs", shared.pkgs]}
    for check in (True, False):
        (entry,) = shared.run(state="split", check=check)["caches"]
        assert entry["condarc"] == {"path": "/etc/conda/condarc", "settings": settings, "changed": True}
        assert entry["without"] == ["%s (%s)" % (shared.base, shared.condarc)]
    assert asked == [("system", settings, True, "0o775"), ("system", settings, False, "0o775")]
    assert os.stat(shared.pkgs).st_mode & 0o777 == 0o755


@as_root
def test_a_cache_is_not_closed_where_the_settings_could_not_be_written(shared, monkeypatch):
    def configure(options, *, check):
        raise Refused("/etc/conda/condarc cannot be read.")

    monkeypatch.setattr(_cache_split, "configure", configure)
    with pytest.raises(ChangeError, match="cannot be read"):
        shared.run(state="split")
    assert os.stat(shared.pkgs).st_mode & 0o777 == 0o775


def test_who_is_not_root_is_told_what_is_to_be_written(shared, monkeypatch):
    monkeypatch.setattr(_cache_split, "own_uid", lambda: 4711)
    with pytest.raises(
        ChangeError, match=r"let root write pkgs_dirs: \[~/.conda/pkgs, .*/pkgs\] to /etc/conda/condarc"
    ):
        shared.run(state="split")
    assert os.stat(shared.pkgs).st_mode & 0o777 == 0o775


def test_where_each_user_has_a_cache_no_settings_are_touched(shared, monkeypatch):
    monkeypatch.setattr(_cache_split, "configure", None)
    shared.write("conda/.condarc", "pkgs_dirs: [~/.conda/pkgs, %s]\n" % shared.pkgs)
    result = shared.run(state="split")
    assert result["changed"] is True and result["caches"][0]["condarc"] is None
    assert os.stat(shared.pkgs).st_mode & 0o777 == 0o755


@as_root
def test_a_split_that_was_cut_off_is_gone_on_with(place, monkeypatch):
    place.package(A)
    os.chmod(place.pkgs, 0o775)
    os.chmod(place.pkgs + "/" + A, 0o775)
    before = _close_off._close

    def die(folder, *given):
        if os.fstat(folder).st_ino == os.stat(place.pkgs + "/" + A).st_ino:
            os.kill(os.getpid(), signal.SIGKILL)
        before(folder, *given)

    monkeypatch.setattr(_close_off, "_close", die)
    with pytest.raises(ChangeError, match="cut off"):
        place.run(state="split")
    monkeypatch.setattr(_close_off, "_close", before)
    assert writable_by_others(place.pkgs) == [place.pkgs + "/" + A]
    done = place.run(state="split")
    assert done["changed"] and done["recovered"] and writable_by_others(place.pkgs) == []
    assert [record["outcome"] for record in place.records()][-1] == "recovered"


@as_root
def test_what_is_of_others_in_the_cache_of_a_user_only_root_can_take_over(place):
    place.package(A)
    for folder, _folders, files in os.walk(place.pkgs):
        for name in [".", *files]:
            os.chown(os.path.join(folder, name), 65534, 65534)
    os.chown(place.pkgs + "/%s/lib/x.so" % A, 4711, 4711)
    with pytest.raises(ChangeError, match=r"others than its owner .* \(4711: 1\)"):
        place.run(state="split")


def test_an_installation_that_was_not_met_is_looked_at_before_its_conda_counts(place, monkeypatch):
    place.package(A)
    place.environment("late", ["conda-26.7.1-0"])
    place.environment("late-sharer", ["conda-26.7.1-0"])
    place.write("late-sharer/.condarc", "pkgs_dirs: [%s]\n" % place.pkgs)
    others = _cache_session.Others(place.pkgs, {"/opt/known", place.base}, {place.base})
    uid = os.geteuid()
    assert others("/opt/known", uid) and not others(place.base, uid)
    assert others(str(place.top / "late"), uid) and not others(str(place.top / "late-sharer"), uid)
    assert not others(str(place.top / "nothing"), uid) and not others("", uid) and not others("bin", uid)
