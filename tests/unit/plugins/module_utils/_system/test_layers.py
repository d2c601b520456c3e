# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Layers are seen as the kernel's overlay would show them, and nothing outside of them is."""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._layers import LayeredRoot
from ansible_collections.labfleet.conda.plugins.module_utils._system._tree import compare_sums, look_for


@pytest.fixture
def layers(tmp_path):
    """Make directories of layers, the uppermost first, from what each holds: path to text, or None for a directory."""

    def make(*contents):
        paths = []
        for number, content in enumerate(contents):
            top = tmp_path / ("layer%d" % number)
            top.mkdir()
            for path, text in content.items():
                place = top / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.mkdir() if text is None else place.write_text(text)
            paths.append(str(top))
        return paths

    return make


def seen(root, path="/"):
    """Everything below a directory: files with what they hold, links with their target."""
    found = {}
    with root.directory(path) as directory:
        for name, kind in directory.entries():
            full = directory.join(name)
            if kind == "directory":
                found[full] = None
                found.update(seen(root, full))
            elif kind == "link":
                found[full] = "-> " + directory.link(name)[0]
            else:
                found[full] = directory.read(name)
    return found


def test_the_upper_layer_hides_what_is_below_it(layers):
    root = LayeredRoot(layers({"a/x": "new"}, {"a/x": "old", "a/y": "kept", "b/z": "kept"}))
    assert seen(root) == {"/a": None, "/a/x": b"new", "/a/y": b"kept", "/b": None, "/b/z": b"kept"}


def test_a_file_that_stands_for_a_removed_one_hides_it(layers):
    root = LayeredRoot(layers({"a/.wh.x": "", "a/.wh.d": ""}, {"a/x": "old", "a/d/y": "old", "a/z": "kept"}))
    assert seen(root) == {"/a": None, "/a/z": b"kept"}
    with root.directory("/a") as directory:
        assert not directory.has("x") and not directory.has("d/y") and directory.has("z")
        assert not directory.has(".wh.x")
        with pytest.raises(Absent):
            directory.read("x")
        with pytest.raises(Absent):
            directory.directory("d")


def test_an_opaque_directory_hides_what_is_below_it(layers):
    root = LayeredRoot(layers({"a/.wh..wh..opq": "", "a/x": "new"}, {"a/x": "old", "a/y": "old"}))
    assert seen(root) == {"/a": None, "/a/x": b"new"}


def test_a_file_in_place_of_a_directory_and_the_other_way_round(layers):
    root = LayeredRoot(layers({"a": "file", "b/x": "new"}, {"a/x": "old", "b": "file"}, {"b/y": "older"}))
    assert seen(root) == {"/a": b"file", "/b": None, "/b/x": b"new"}


def test_a_link_is_followed_through_all_layers(layers):
    paths = layers(
        {"opt/new": None}, {"opt/conda/conda-meta/history": "==>"}, {"etc/passwd": "root:x:0:0::/root:/bin/sh\n"}
    )
    os.symlink("../conda/conda-meta", paths[0] + "/opt/new/meta")
    os.symlink("/opt/new/meta", paths[2] + "/etc/meta")
    os.symlink("../../../../../../../../etc/hostname", paths[0] + "/opt/out")
    root = LayeredRoot(paths)
    assert root.read("/etc/meta/history") == b"==>"
    assert root.identities.user_name(0) == "root"
    with pytest.raises(Absent):
        root.read("/opt/out")


def test_files_of_packages_are_looked_for_in_all_layers(layers):
    hashes = {"new": "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437", "old": "0" * 64}
    root = LayeredRoot(layers({"p/bin/x": "new", "p/lib/.wh.gone": ""}, {"p/bin/y": "yyy", "p/lib/gone": "g"}))
    with root.directory("/p") as top:
        presence = look_for(top, {"bin": ["x", "y", "z"], "lib": ["gone"]})
        assert presence.absent == {"bin": ["z"], "lib": ["gone"]} and not presence.unknown
        many = ["y", "x"] + ["n%d" % number for number in range(20)]
        assert look_for(top, {"bin": many}).absent == {"bin": many[2:]}
        sums = compare_sums(top, {"bin": [("x", hashes["new"], 3), ("y", hashes["old"], 3)]})
        assert sums.altered == ["bin/y"] and sums.count == 2


def test_what_would_be_mounted_is_seen_where_it_would_be(layers, tmp_path):
    volume = tmp_path / "volume"
    (volume / "conda-meta").mkdir(parents=True)
    (volume / "conda-meta" / "history").write_text("==>")
    paths = layers({"opt/conda": None, "opt/gone": None}, {"opt/conda/hidden": "x"})
    root = LayeredRoot(paths, mounts={"/opt/conda": str(volume), "/opt/gone": str(tmp_path / "gone")})
    with root.directory("/opt/conda") as directory:
        assert directory.names() == ["conda-meta"]
    assert root.read("/opt/conda/conda-meta/history") == b"==>"
    with pytest.raises(Absent):
        root.directory("/opt/gone")


def test_a_layer_that_is_not_there_is_told(layers, tmp_path):
    with pytest.raises(Unreadable, match="gone.*a layer: no such file"):
        LayeredRoot([*layers({}), str(tmp_path / "gone")])


class Overlay:
    """The kernel's overlay over some layers, in which one can work."""

    def __init__(self, home, lower, options=""):
        self.home = home
        self.upper, self.merged = home / "upper", home / "merged"
        for path in (self.upper, self.merged, home / "work"):
            path.mkdir()
        option = "lowerdir=%s,upperdir=%s,workdir=%s%s" % (":".join(lower), self.upper, home / "work", options)
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", option, str(self.merged)], check=False)
        if done.returncode:
            pytest.skip("no overlay can be mounted here")
        self.layers = [str(self.upper), *lower]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        subprocess.run(["umount", str(self.merged)], check=True)


def as_mounted(top):
    found = {}
    for where, directories, files in os.walk(top):
        for name in directories + files:
            path = os.path.join(where, name)
            inside = path[len(str(top)) :]
            if os.path.islink(path):
                found[inside] = "-> " + os.readlink(path)
            elif os.path.isdir(path):
                found[inside] = None
            else:
                with open(path, "rb") as stream:
                    found[inside] = stream.read()
    return found


def change_at_random(top, chance):
    """Do to a tree what users do to a running container."""
    directories = [""] + [path for path, text in as_mounted(top).items() if text is None]
    place = str(top) + chance.choice(directories) + "/" + chance.choice("abcd")
    action = chance.choice(["write", "write", "make", "remove", "exchange", "link", "mode"])
    if action == "write" and not os.path.isdir(place):
        if os.path.islink(place):
            os.unlink(place)
        with open(place, "w", encoding="ascii") as stream:
            stream.write(str(chance.random()))
    elif action == "make" and not os.path.lexists(place):
        os.mkdir(place)
    elif action == "mode" and os.path.isfile(place) and not os.path.islink(place):
        os.chmod(place, 0o600)
    elif action in ("remove", "exchange", "link") and os.path.lexists(place):
        shutil.rmtree(place) if os.path.isdir(place) and not os.path.islink(place) else os.unlink(place)
        if action == "exchange":
            os.mkdir(place)
        elif action == "link":
            os.symlink("b", place)


@pytest.mark.parametrize("options", ["", ",metacopy=on,redirect_dir=on"])
@pytest.mark.parametrize("seed", range(6))
def test_layers_are_seen_as_the_kernel_shows_them(tmp_path, as_root, seed, options):
    """What Docker and Podman mount is the truth."""
    chance, lower = random.Random(seed), [str(tmp_path / "base")]
    os.mkdir(lower[0])
    for _step in range(60):
        change_at_random(lower[0], chance)
    for number in range(3):
        home = tmp_path / str(number)
        home.mkdir()
        with Overlay(home, lower, options) as overlay:
            for _step in range(40):
                change_at_random(overlay.merged, chance)
            expected = as_mounted(overlay.merged)
            assert seen(LayeredRoot(overlay.layers)) == expected
            for path, text in expected.items():
                status = os.lstat(str(overlay.merged) + path)
                parent, name = os.path.split(path)
                with LayeredRoot(overlay.layers).directory(parent) as directory:
                    found = directory.child_status(name)
                    assert (found.st_mode, found.st_uid) == (status.st_mode, status.st_uid)
                    assert directory.has(name) and (text is None) == stat.S_ISDIR(found.st_mode)
        lower = overlay.layers


def test_a_renamed_directory_of_redirect_dir_is_told_and_not_guessed(tmp_path, as_root):
    lower = tmp_path / "base"
    (lower / "old").mkdir(parents=True)
    (lower / "old" / "x").write_text("x")
    with Overlay(tmp_path, [str(lower)], ",redirect_dir=on") as overlay:
        os.rename(str(overlay.merged / "old"), str(overlay.merged / "new"))
    root = LayeredRoot(overlay.layers)
    with pytest.raises(Absent):
        root.directory("/old")
    with pytest.raises(Unreadable, match="renamed"):
        root.directory("/new")
