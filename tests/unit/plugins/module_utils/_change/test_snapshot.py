# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of real trees: what is taken comes back to the last byte, and nothing of the user's is lost."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import stat

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _snapshot as snapshots
from ansible_collections.labfleet.conda.plugins.module_utils._change._manifest import parse_manifest
from ansible_collections.labfleet.conda.plugins.module_utils._change._restore import restore
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError

from .trees import base, listing, package, read, write

NOW = 1795000000.0
ID = "20261118T110640Z-00000a"


@pytest.fixture
def tree(tmp_path):
    """A base prefix, and what its records own."""
    return base(tmp_path / "opt" / "conda")


def take(prefix, owned, number=10, reason="test"):
    return snapshots.take(prefix, snapshot_id=ID[:-6] + "%06x" % number, reason=reason, owned=owned, now=NOW)


def place(prefix, snapshot, *parts):
    return os.path.join(prefix, ".labfleet-conda", "snapshots", snapshot.id, *parts)


def kept(prefix, snapshot, path):
    """The file in which a snapshot keeps a file of the prefix."""
    with open(place(prefix, snapshot, "manifest"), "rb") as stream:
        folders, _unseen = parse_manifest(stream.read())
    folder, name = os.path.split(path)
    return place(prefix, snapshot, "files", folders[folder].entries[name].kept_at(folder))


def test_a_snapshot_tells_what_it_is(tree):
    prefix, owned = tree
    assert snapshots.new_id(NOW, "00000a") == ID
    taken = take(prefix, owned, reason="conda 1.0 -> 2.0")
    assert snapshots.load_all(prefix) == [taken]
    assert (taken.id, taken.reason, taken.complete) == (ID, "conda 1.0 -> 2.0", True)
    assert taken.created == "2026-11-18T11:06:40Z"
    assert taken.versions == {"conda": "1.0", "python": "3.6.15"}
    assert taken.packages == ["conda-1.0-0", "etcetera-1-0", "python-3.6.15-0"]
    assert taken.counts["packages"] == 3 and taken.counts["links"] == 2 and taken.counts["directories"] == 11
    assert taken.missing == []
    explicit = read(place(prefix, taken, "explicit.txt")).splitlines()
    assert explicit[1] == "@EXPLICIT" and len(explicit) == 5
    assert explicit[2].startswith("https://conda.example/main/linux-64/conda-1.0-0.tar.bz2#")
    assert stat.S_IMODE(os.stat(prefix + "/.labfleet-conda").st_mode) == 0o700


def test_what_packages_own_is_linked_and_the_rest_is_copied(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    if taken.counts["linked"] == 1:
        pytest.skip("the file system clones everything")

    def same_file(path):
        return os.path.samefile(os.path.join(prefix, path), kept(prefix, taken, path))

    for path in ("bin/conda", "lib/libpython.so", "lib/conda/__pycache__/a.cpython-36.pyc", "share/fifo"):
        assert same_file(path), path
    for path in ("conda-meta/history", "conda-meta/conda-1.0-0.json", "share/notes.txt", "etc/profile.d/conda.sh"):
        assert not same_file(path), path
    sparse = os.stat(kept(prefix, taken, "share/sparse"))
    assert sparse.st_blocks * 512 < sparse.st_size == 3000000
    names = os.listdir(place(prefix, taken, "files"))
    assert len(names) == taken.counts["files"] and all(name.isalnum() for name in names)


def test_a_snapshot_in_the_first_format_can_be_restored(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    with open(place(prefix, taken, "manifest"), "rb") as stream:
        lines = stream.read().splitlines()
    rows = [json.loads(line) for line in lines]
    rows[0]["labfleet.conda manifest"] = 1
    for path, _fields, entries in rows[1:-1]:
        for entry in entries:
            *_others, number = entry
            entry.pop()
            if number is not None:
                os.makedirs(place(prefix, taken, "old", path), exist_ok=True)
                os.rename(place(prefix, taken, "files", number), place(prefix, taken, "old", path, entry[0]))
    os.rmdir(place(prefix, taken, "files"))
    os.rename(place(prefix, taken, "old"), place(prefix, taken, "files"))
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    with open(place(prefix, taken, "manifest"), "wb") as stream:
        stream.write(data)
    old = taken._replace(manifest_sum=hashlib.sha256(data).hexdigest())
    before = listing(prefix)
    for path in ("bin/conda", "share/notes.txt", "conda-meta/history"):
        write(prefix, path, "broken")
    os.unlink(prefix + "/lib/libpython.so")
    planned = {"bin/conda", "share/notes.txt"}
    assert restore(prefix, old, planned=planned).problems == []
    assert listing(prefix) == before


def settled(prefix, monkeypatch):
    """Let the files of a prefix have been changed long before the snapshot that is taken next."""
    monkeypatch.setattr(f"{__name__}.NOW", os.stat(prefix + "/share/notes.txt").st_ctime + 10)


def test_snapshots_share_the_copies_of_what_does_not_change(tree, monkeypatch):
    prefix, owned = tree
    settled(prefix, monkeypatch)
    first = snapshots.take(prefix, snapshot_id=later_id(0), reason="", owned=owned, now=NOW)
    if first.counts["linked"] == 1:
        pytest.skip("the file system clones everything")
    write(prefix, "share/notes.txt", "other")
    before = listing(prefix)
    second = snapshots.take(prefix, snapshot_id=later_id(1), reason="", owned=owned, now=NOW)

    def is_shared(path):
        return os.path.samefile(kept(prefix, first, path), kept(prefix, second, path))

    assert is_shared("conda-meta/conda-1.0-0.json") and is_shared("etc/profile.d/conda.sh")
    assert not is_shared("share/notes.txt")
    for path in ("conda-meta/conda-1.0-0.json", "etc/profile.d/conda.sh", "share/notes.txt"):
        assert not os.path.samefile(kept(prefix, second, path), os.path.join(prefix, path)), path
    shutil.rmtree(place(prefix, first))
    for path in ("conda-meta/conda-1.0-0.json", "share/notes.txt"):
        write(prefix, path, "broken")
    assert restore(prefix, second, planned={"share/notes.txt"}).problems == []
    assert listing(prefix) == before


def test_a_copy_from_before_is_not_taken_where_it_may_be_another(tree, monkeypatch):
    prefix, owned = tree
    early = snapshots.take(prefix, snapshot_id=later_id(0, -10), reason="", owned=owned, now=NOW)
    settled(prefix, monkeypatch)
    first = snapshots.take(prefix, snapshot_id=later_id(0), reason="", owned=owned, now=NOW)
    path = "conda-meta/conda-1.0-0.json"
    assert not os.path.samefile(kept(prefix, early, path), kept(prefix, first, path))  # just changed by then
    with open(kept(prefix, first, path), "a") as stream:
        stream.write("damage")
    second = snapshots.take(prefix, snapshot_id=later_id(1), reason="", owned=owned, now=NOW)
    assert read(kept(prefix, second, path)) == read(os.path.join(prefix, path))


def later_id(number, seconds=0):
    return snapshots.new_id(NOW + seconds, "%06x" % number)


def test_a_large_file_of_the_user_is_linked_and_never_rolled_back(tree, monkeypatch):
    monkeypatch.setattr(snapshots, "MAX_COPY", 100)
    prefix, owned = tree
    large = write(prefix, "share/data.bin", b"x" * 200)
    taken = take(prefix, owned)
    if not os.path.samefile(large, kept(prefix, taken, "share/data.bin")):
        pytest.skip("the file system clones everything")
    with open(large, "ab") as stream:
        stream.write(b"more")
    assert restore(prefix, taken).problems == []
    assert read(large) == "x" * 200 + "more"
    os.unlink(large)
    assert restore(prefix, taken).problems == []
    assert read(large) == "x" * 200 + "more"


def test_restoring_what_is_so_changes_nothing(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    before = listing(prefix)
    for _again in range(2):
        assert restore(prefix, taken) == (0, [], [], [])
    assert listing(prefix) == before


def damage(prefix, owned, chance):
    """Change a prefix as a bad update, and a user in a hurry, would; returns what the change may have brought."""
    planned = set()
    for top, _folders, files in list(os.walk(prefix, topdown=False)):
        relative = "" if top == prefix else os.path.relpath(top, prefix) + "/"
        if relative.startswith(("envs/", "pkgs/", ".labfleet-conda/")):
            continue
        for name in files:
            full = os.path.join(top, name)
            what = chance.randrange(9)
            if what == 0:
                os.unlink(full)
            elif what == 1 and not os.path.islink(full):
                os.chmod(full, 0o700)
            elif what == 2:
                os.rename(full, full + ".c~")
            elif what == 3:
                os.unlink(full)
                write(top, name, "new content %d" % chance.random().__hash__())
            elif what == 4:
                os.unlink(full)
                os.symlink("elsewhere", full)
            elif what == 5 and relative + name not in owned and name.endswith((".txt", ".sh", "sparse", "history")):
                with open(full, "ab") as stream:
                    stream.write(b"appended")
            elif what == 6:
                os.unlink(full)
                os.makedirs(full)
                write(full, "brought/deep", "new")
                planned.add(relative + name + "/brought/deep")
        if chance.randrange(3) == 0:
            write(top, "brought-%d/file" % chance.randrange(100), "new")
            planned.update(relative + name + "/file" for name in os.listdir(top) if name.startswith("brought-"))
        if chance.randrange(4) == 0:
            os.chmod(top, 0o711)
        if relative and chance.randrange(8) == 0:
            shutil.rmtree(top, ignore_errors=True)
            if chance.randrange(2) and not os.path.exists(top) and os.path.isdir(os.path.dirname(top)):
                write(os.path.dirname(top), os.path.basename(top), "a file where a directory was")
                planned.add(relative[:-1])
    write(prefix, ".condatmp/half", "x")
    return planned


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_is_undone_to_the_last_byte(tree, seed):
    prefix, owned = tree
    before = listing(prefix)
    taken = take(prefix, owned)
    assert listing(prefix) == before
    planned = damage(prefix, owned, random.Random(seed))
    assert listing(prefix) != before
    foreseen = restore(prefix, taken, planned=planned, dry=True)
    restored = restore(prefix, taken, planned=planned)
    assert restored.problems == []
    assert listing(prefix) == before
    assert restored.changed > 0 and foreseen.changed > 0
    assert restore(prefix, taken, planned=planned) == (0, [], [], [])


def test_nothing_of_the_user_is_lost(tree):
    prefix, owned = tree
    before = listing(prefix)
    taken = take(prefix, owned)
    write(prefix, "share/results.csv", "a year of work", 0o600)
    write(prefix, "lib/conda/main.c~", "a backup of Emacs")
    write(prefix, "deep/er/thesis.tex", "chapter 1")
    restored = restore(prefix, taken)
    aside = os.path.join(prefix, ".labfleet-conda", "set-aside", taken.id)
    assert sorted(restored.set_aside) == [
        aside + "/deep/er/thesis.tex", aside + "/lib/conda/main.c~", aside + "/share/results.csv",
    ]  # fmt: skip
    assert read(aside + "/share/results.csv") == "a year of work"
    assert listing(prefix) == before
    write(prefix, "share/results.csv", "a second year")
    assert restore(prefix, taken).set_aside == [aside + "/share/results.csv.1"]
    assert read(aside + "/share/results.csv") == "a year of work"


def test_what_somebody_wrote_into_their_file_meanwhile_is_set_aside_and_not_overwritten(tree):
    prefix, owned = tree
    write(prefix, "share/notebook.ipynb", "before")
    write(prefix, "share/settings", "before")
    taken = take(prefix, owned)
    write(prefix, "share/notebook.ipynb", "an hour of work")
    write(prefix, "share/settings", "of the new package")
    restored = restore(prefix, taken, planned={"share/settings"})
    assert read(prefix + "/share/notebook.ipynb") == read(prefix + "/share/settings") == "before"
    aside = place(prefix, taken).replace("/snapshots/", "/set-aside/")
    assert restored.set_aside == [aside + "/share/notebook.ipynb"]
    assert read(restored.set_aside[0]) == "an hour of work"
    assert restore(prefix, taken).set_aside == []


def test_what_a_new_package_and_conda_left_is_deleted(tree):
    prefix, owned = tree
    before = listing(prefix)
    taken = take(prefix, owned)
    package(prefix, "conda-2.0-0", {"lib/conda/new.py": "n = 1\n", "lib/conda/pkg/x.py": ""})
    write(prefix, "lib/conda/__pycache__/new.cpython-36.pyc", "compiled")
    write(prefix, "lib/archspec/__pycache__/cpu.cpython-36.pyc.4711", "compiled")
    for path in ("conda-meta/conda-1.0-0.json", "bin/conda", "conda-meta/history"):
        os.rename(prefix + "/" + path, prefix + "/" + path + ".c~")
    write(prefix, ".condatmp/a/b", "x")
    restored = restore(prefix, taken)
    assert (restored.set_aside, restored.problems) == ([], [])
    assert listing(prefix) == before


def test_a_half_written_record_is_set_aside(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    write(prefix, "conda-meta/conda-2.0-0.json", '{"name": "con')
    assert [os.path.basename(path) for path in restore(prefix, taken).set_aside] == ["conda-2.0-0.json"]


def test_the_marks_of_conda_meta_come_back(tree):
    prefix, owned = tree
    before = listing(prefix)
    taken = take(prefix, owned)
    for name in ("frozen", "pinned", "state"):
        os.unlink(prefix + "/conda-meta/" + name)
    with open(prefix + "/conda-meta/history", "a") as stream:
        stream.write("==> later <==\n")
    assert restore(prefix, taken).changed >= 4
    assert listing(prefix) == before


def test_a_file_written_in_place_comes_from_the_package_cache(tmp_path):
    prefix, owned = base(tmp_path / "conda")
    package(prefix, "tool-1-0", {"share/tool.cfg": "old"}, pkgs=str(tmp_path / "cache"))
    before = listing(prefix)
    taken = take(prefix, owned | {"share/tool.cfg"})
    if not os.path.samefile(prefix + "/share/tool.cfg", kept(prefix, taken, "share/tool.cfg")):
        pytest.skip("the file system clones everything")
    with open(prefix + "/share/tool.cfg", "a") as stream:
        stream.write("er")
    restored = restore(prefix, taken)
    assert restored.problems == [] and restored.notes[0][0] == "share/tool.cfg"
    assert listing(prefix) == before
    assert restore(prefix, taken).changed == 0


def test_a_file_written_in_place_that_no_cache_has_is_a_problem(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    if not os.path.samefile(prefix + "/bin/conda", kept(prefix, taken, "bin/conda")):
        pytest.skip("the file system clones everything")
    with open(prefix + "/bin/conda", "a") as stream:
        stream.write("# edited\n")
    assert [path for path, _reason in restore(prefix, taken).problems] == ["bin/conda"]
    os.utime(prefix + "/bin/python3.6")  # only touched: its sum tells that it is right
    assert [path for path, _reason in restore(prefix, taken).problems] == ["bin/conda"]


def test_a_late_restore_leaves_what_nobody_owns(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    write(prefix, "share/notes.txt", "changed by the user")
    write(prefix, "share/new.txt", "new of the user")
    write(prefix, "conda-meta/pinned", "python 3.7.*\n")
    write(prefix, "lib/conda/__pycache__/a.cpython-37.pyc", "compiled of an old file")
    write(prefix, "lib/gone/__pycache__/z.cpython-37.pyc", "compiled of nothing")
    package(prefix, "extra-1-0", {"lib/extra/e.py": "e = 1\n"})
    os.unlink(prefix + "/conda-meta/conda-1.0-0.json")
    package(prefix, "conda-2.0-0", {"bin/conda": "#!/bin/sh\necho 2.0\n", "lib/conda/a.py": "a = 2\n"})
    os.unlink(prefix + "/lib/conda/sub/b.py")
    restored = restore(prefix, taken, late=True)
    assert (restored.problems, restored.set_aside) == ([], [])
    assert read(prefix + "/bin/conda") == "#!/bin/sh\necho 1.0\n"
    assert os.path.exists(prefix + "/lib/conda/sub/b.py") and not os.path.exists(prefix + "/lib/extra")
    assert sorted(name for name in os.listdir(prefix + "/conda-meta") if name.endswith(".json")) == [
        "conda-1.0-0.json", "etcetera-1-0.json", "python-3.6.15-0.json",
    ]  # fmt: skip
    assert read(prefix + "/share/notes.txt") == "changed by the user"
    assert read(prefix + "/share/new.txt") == "new of the user"
    assert read(prefix + "/conda-meta/pinned") == "python 3.7.*\n"
    assert os.path.exists(prefix + "/lib/conda/__pycache__/a.cpython-37.pyc")
    assert not os.path.exists(prefix + "/lib/gone")
    assert restore(prefix, taken, late=True).changed == 0


def test_an_unfinished_snapshot_is_no_snapshot_and_goes(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    os.unlink(place(prefix, taken, "snapshot.json"))
    (found,) = snapshots.load_all(prefix)
    assert not found.complete
    with pytest.raises(SnapshotError, match="not complete"):
        restore(prefix, found)
    second = take(prefix, owned, number=11)
    assert snapshots.load_all(prefix) == [second]


def test_a_damaged_manifest_is_refused_before_anything_is_changed(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    before = listing(prefix)
    with open(place(prefix, taken, "manifest"), "ab") as stream:
        stream.write(b"\n")
    write(prefix, "bin/conda", "broken")
    damaged = listing(prefix)
    with pytest.raises(SnapshotError, match="damaged"):
        restore(prefix, taken)
    assert listing(prefix) == damaged != before


def test_a_snapshot_of_what_is_no_environment_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="no environment"):
        take(str(tmp_path / "empty"), set())


def test_names_that_are_no_text_survive(tree):
    prefix, owned = tree
    write(prefix, os.fsdecode(b"share/caf\xe9"), "latin")
    before = listing(prefix)
    taken = take(prefix, owned)
    os.unlink(os.path.join(prefix, os.fsdecode(b"share/caf\xe9")))
    assert restore(prefix, taken).problems == []
    assert listing(prefix) == before


def test_an_open_snapshots_directory_of_somebody_else_is_refused(tree, as_root):
    prefix, owned = tree
    os.chown(prefix + "/.labfleet-conda", 12345, 12345)
    with pytest.raises(SnapshotError, match="12345"):
        take(prefix, owned)
    os.rmdir(prefix + "/.labfleet-conda")
    os.symlink("/tmp", prefix + "/.labfleet-conda")
    with pytest.raises(SnapshotError, match="could not be opened"):
        take(prefix, owned)


def test_the_description_is_plain_json(tree):
    prefix, owned = tree
    taken = take(prefix, owned)
    with open(place(prefix, taken, "snapshot.json")) as stream:
        assert json.load(stream)["id"] == taken.id
