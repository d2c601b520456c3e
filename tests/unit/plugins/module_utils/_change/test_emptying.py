# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A base prefix is emptied and filled again, and that is undone from every instant."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._emptying import (
    empty,
    forget_emptying,
    give_back_cache,
    settle_emptying,
    undo_emptying,
    was_emptied,
    what_stays,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import APPLY, Journal
from ansible_collections.labfleet.conda.plugins.module_utils._change._keep import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import owned_paths, read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import PrefixStore
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import open_state
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import installed_by_pip

from .trees import base, listing, package, read, write

CHANGE = "20261122T090000Z-1f2e3d"


class Cut(BaseException):
    """The process was killed here."""


class Prefix:
    """A small base prefix with a snapshot of it."""

    def __init__(self, path):
        self.path = str(path)
        base(path)
        write(self.path, "notes/mine.txt", "mine")
        write(self.path, "bin/ours.sh", "echo ours")
        write(self.path, "pkgs/cached/info/index.json", "{}")
        write(self.path, "envs/work/conda-meta/history", "")
        write(self.path, "conda-meta/tos/accepted.json", "{}")
        self.folder = open_state(self.path)
        self.store = PrefixStore(self.path, self.folder)
        self.owned = owned_paths(read_packages(self.path))
        self.before = listing(self.path)
        self.old_cache = self.cache()
        self.store.take(CHANGE, "a test")

    def empty(self, moves_cache=True):
        return empty(self.path, self.folder, CHANGE, owned=self.owned, moves_cache=moves_cache)

    def fill(self):
        """What an installer does, up to the removal of the package cache."""
        package(self.path, "conda-2.0-0", {"bin/conda": "new", "lib/new/a.py": "new"})
        write(self.path, "lib/half-written", "a file that no record knows")
        write(self.path, ".condarc", "channels: [installer]")
        write(self.path, "_conda", "new")
        write(self.path, "pkgs/new-1-0/info/index.json", "{}")

    def restore(self):
        return self.store.restore(CHANGE, Journal(CHANGE, APPLY, (), (), {}))

    def cache(self):
        return sorted(os.listdir(self.path + "/pkgs"))


@pytest.fixture
def prefix(tmp_path):
    made = Prefix(tmp_path / "base")
    yield made
    close(made.folder)


def test_what_packages_brought_goes_and_the_rest_stays(prefix):
    moved = prefix.empty()
    names = set(os.listdir(prefix.path))
    assert names == {".condarc", ".labfleet-conda", "conda-meta", "envs", "notes"}
    assert os.listdir(prefix.path + "/conda-meta") == ["history"]
    assert os.stat(prefix.path + "/conda-meta/history").st_mode & 0o777 == 0o644
    assert "bin/ours.sh" in moved and "share/notes.txt" in moved
    assert "lib/conda/a.py" not in moved
    assert not any(path.startswith("conda-meta") or path.endswith(".pyc") for path in moved)
    aside = "%s/.labfleet-conda/replaced/%s/bin/ours.sh" % (prefix.path, CHANGE)
    assert read(aside) == "echo ours"
    assert was_emptied(prefix.folder, CHANGE) and not was_emptied(prefix.folder, "another")


def test_damaged_records_do_not_keep_the_directories_of_packages():
    names = ["bin", "lib", "conda-meta", "etc", "share", "envs", "pkgs", "data", "odd", ".condarc"]
    assert what_stays(names, ["odd/a"]) == [".condarc", "data", "envs", "pkgs"]
    assert what_stays(names, []) == [".condarc", "data", "envs", "odd", "pkgs"]


def test_the_new_base_is_kept_with_the_configuration_and_the_cache_of_the_old(prefix):
    prefix.empty()
    prefix.fill()
    give_back_cache(prefix.path, prefix.folder, CHANGE)
    assert prefix.cache() == prefix.old_cache
    settle_emptying(prefix.path, prefix.folder, CHANGE)
    assert prefix.cache() == sorted([*prefix.old_cache, "new-1-0"])
    assert sorted(os.listdir(prefix.path + "/.labfleet-conda")) == ["replaced", "snapshots"]
    assert read(prefix.path + "/bin/conda") == "new"


def test_the_cache_stays_where_the_tool_uses_it(prefix):
    prefix.empty(moves_cache=False)
    assert prefix.cache() == prefix.old_cache
    write(prefix.path, "pkgs/new-1-0/info/index.json", "{}")
    prefix.restore()
    assert prefix.cache() == sorted([*prefix.old_cache, "new-1-0"])
    assert listing(prefix.path) == prefix.before


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_restore_brings_back_the_old_base_to_the_last_byte(prefix, steps):
    if steps > 0:
        prefix.empty()
    if steps > 1:
        prefix.fill()
    if steps > 2:
        give_back_cache(prefix.path, prefix.folder, CHANGE)
    done = prefix.restore()
    # Who wrote what no record knows, the installer or somebody else, nobody can tell.
    aside = os.path.join(prefix.path, ".labfleet-conda", "set-aside", CHANGE, "lib/half-written")
    assert done["problems"] == [] and done["set_aside"] == ([aside] if steps > 1 else [])
    assert listing(prefix.path) == prefix.before
    assert prefix.cache() == prefix.old_cache
    assert set(os.listdir(prefix.path + "/.labfleet-conda")) - {"set-aside"} == {"snapshots"}


def cut_after(monkeypatch, count):
    """Kill at the so manieth change of a file or directory, whichever function makes it."""
    left = [count]

    def guarded(real):
        def call(*arguments, **options):
            if left[0] <= 0:
                raise Cut
            left[0] -= 1
            return real(*arguments, **options)

        return call

    for name in ("rename", "unlink", "rmdir", "mkdir"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    return left


def test_killed_at_any_change_of_a_file_the_old_base_comes_back(tmp_path, monkeypatch):
    number, ended = 0, False
    while not ended:
        prefix = Prefix(tmp_path / ("base-%d" % number))
        with monkeypatch.context() as patch:
            cut_after(patch, number)
            try:
                prefix.empty()
                ended = True
            except Cut:
                pass
        if ended:
            prefix.fill()
            with monkeypatch.context() as patch:
                cut_after(patch, 3)
                with pytest.raises(Cut):
                    give_back_cache(prefix.path, prefix.folder, CHANGE)
        prefix.restore()
        assert listing(prefix.path) == prefix.before, number
        assert prefix.cache() == prefix.old_cache, number
        close(prefix.folder)
        number += 9
    assert number > 20


def test_killed_while_it_is_undone_it_is_undone_by_the_next(tmp_path, monkeypatch):
    number, ended = 0, False
    while not ended:
        prefix = Prefix(tmp_path / ("base-%d" % number))
        prefix.empty()
        prefix.fill()
        with monkeypatch.context() as patch:
            cut_after(patch, number)
            try:
                prefix.restore()
                ended = True
            except Cut:
                pass
        prefix.restore()
        assert listing(prefix.path) == prefix.before, number
        assert prefix.cache() == prefix.old_cache, number
        close(prefix.folder)
        number += 13
    assert number > 20


@pytest.mark.parametrize("path", ["results/day-1.csv", "bin/tool.sh", "lib/python3.13/site-packages/mine/a.py"])
def test_what_somebody_puts_into_the_prefix_while_its_base_is_replaced_is_set_aside(prefix, path):
    prefix.empty()
    prefix.fill()
    os.unlink(prefix.path + "/lib/half-written")
    # The record of this package is not written yet; the cache knows what it brings.
    write(prefix.path, "lib/unpacked.so", "new")
    write(prefix.path, "pkgs/late-1-0/info/files", "lib/unpacked.so\n")
    write(prefix.path, path, "an hour of work")
    told = prefix.restore()
    aside = os.path.join(prefix.path, ".labfleet-conda", "set-aside", CHANGE)
    assert read(os.path.join(aside, path)) == "an hour of work"
    assert told["set_aside"] == [os.path.join(aside, "results" if path.startswith("results") else path)]
    assert listing(prefix.path) == prefix.before


def test_the_new_base_is_left_when_the_snapshot_cannot_be_read(prefix):
    prefix.empty()
    prefix.fill()
    with open("%s/.labfleet-conda/snapshots/%s/manifest" % (prefix.path, CHANGE), "ab") as stream:
        stream.write(b"x")
    with pytest.raises(Failed):
        prefix.restore()
    assert read(prefix.path + "/bin/conda") == "new" and was_emptied(prefix.folder, CHANGE)


def test_the_mark_of_another_change_means_nothing(prefix):
    prefix.empty()
    prefix.fill()
    undo_emptying(prefix.path, prefix.folder, "20261122T090000Z-ffffff")
    assert read(prefix.path + "/bin/conda") == "new"
    forget_emptying(prefix.folder, "20261122T090000Z-ffffff")


@pytest.mark.parametrize("change", [CHANGE, "20261122T090000Z-ffffff"])
def test_where_a_base_came_from_is_forgotten_only_with_the_change_that_is_undone(prefix, change):
    prefix.empty()
    origin = prefix.path + "/.labfleet-conda/replaced.json"
    with open(origin, "w") as stream:
        json.dump({"change": change}, stream)
    prefix.restore()
    assert os.path.exists(origin) == (change != CHANGE)


def test_where_directories_cannot_be_renamed_they_are_moved_piece_by_piece(prefix, monkeypatch):
    """So it is for the lower layers of overlayfs."""
    real = os.rename

    def rename(source, target, **options):
        folder = options.get("src_dir_fd")
        if os.path.isdir("/proc/self/fd/%s/%s" % (folder, source)) and not source.startswith("."):
            raise OSError(18, "Invalid cross-device link")
        return real(source, target, **options)

    monkeypatch.setattr(os, "rename", rename)
    prefix.empty()
    assert not os.path.exists(prefix.path + "/pkgs")
    prefix.fill()
    give_back_cache(prefix.path, prefix.folder, CHANGE)
    assert prefix.cache() == prefix.old_cache
    settle_emptying(prefix.path, prefix.folder, CHANGE)
    assert read(prefix.path + "/pkgs/cached/info/index.json") == "{}" and "new-1-0" in prefix.cache()


def test_the_configuration_is_put_back_as_it_was(tmp_path):
    prefix = Prefix(tmp_path / "base")
    configuration = Configuration(prefix.path, CHANGE)
    paths = [".condarc", "conda-meta/frozen", "conda-meta/pinned", "conda-meta/state", "conda-meta/tos/accepted.json"]
    assert sorted(configuration.paths) == paths
    assert configuration.changed() == []
    prefix.empty()
    prefix.fill()
    assert sorted(configuration.changed()) == paths
    configuration.put_back()
    assert configuration.changed() == []
    now, before = listing(prefix.path)[0], prefix.before[0]
    assert all(now[path] == before[path] for path in paths)
    close(prefix.folder)


def test_a_prefix_that_a_snapshot_cannot_keep_whole_is_not_emptied(prefix, monkeypatch):
    folder = "%s/.labfleet-conda/snapshots/%s" % (prefix.path, CHANGE)
    with open(folder + "/snapshot.json") as stream:
        content = json.load(stream)
    content["missing"] = [["share/socket", "it is no regular file, and cannot be linked"]]
    with open(folder + "/snapshot.json", "w") as stream:
        json.dump(content, stream)
    with pytest.raises(Failed, match="cannot keep share/socket"):
        Configuration(prefix.path, CHANGE)


def test_what_pip_installed_is_known_by_its_lists(tmp_path):
    packages = str(tmp_path / "lib/python3.6/site-packages")
    rows = ["six.py,sha256=x,1", "../../../bin/six,,", "/etc/passwd,,", "../../../../outside,,", '"a,b.py",,', "", "\0"]
    write(packages, "six-1.0.dist-info/RECORD", "\n".join(rows))
    write(packages, "odd.egg-info/RECORD", "odd.py,,")
    site = "lib/python3.6/site-packages/"
    assert installed_by_pip(str(tmp_path)) - {site.rstrip("/")} == {site + "six.py", "bin/six", site + "a,b.py"}
