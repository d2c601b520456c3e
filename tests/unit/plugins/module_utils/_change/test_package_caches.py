# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages in a cache, and what is damage in a prefix."""

from __future__ import annotations

import json
import types

from ansible_collections.labfleet.conda.plugins.module_utils._change import _update_change
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_caches import (
    brought_by,
    remove_broken,
    unpacked_since,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import fingerprints, free_space

SITE = "lib/python3.13/site-packages"


def unpacked(cache, name, files, *, listed=None, link=None):
    place = cache / name
    for file in files:
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text("x")
    (place / "info").mkdir(parents=True, exist_ok=True)
    (place / "info" / "files").write_text("\n".join(listed or files) + "\n")
    (place / "info" / "index.json").write_text("{}")
    if link:
        (place / "info" / "link.json").write_text(link)
    return place


def test_what_packages_bring_is_told_with_programs_and_pythons_own_place(tmp_path):
    unpacked(
        tmp_path, "tool-1-0", ["site-packages/tool/__init__.py", "python-scripts/helper", "share/doc"],
        link='{"noarch": {"type": "python", "entry_points": ["tool = tool:main"]}}',
    )  # fmt: skip
    found = brought_by([str(tmp_path)], ["tool-1-0", "absent-1-0"], SITE)
    assert {SITE + "/tool/__init__.py", "bin/helper", "bin/tool", "share/doc"} <= found


def test_a_package_that_is_unpacked_in_part_is_removed_and_a_whole_one_stays(tmp_path):
    """Trap: a kill leaves directories in the cache that conda takes for whole packages."""
    whole = unpacked(tmp_path, "whole-1-0", ["bin/a", "bin/b"])
    cut = unpacked(tmp_path, "cut-1-0", ["bin/a"], listed=["bin/a", "bin/b"])
    (tmp_path / "bare-1-0").mkdir()
    other = unpacked(tmp_path, "other-1-0", ["bin/a"], listed=["bin/a", "bin/b"])
    assert remove_broken([str(tmp_path)], ["whole-1-0", "cut-1-0", "bare-1-0"]) == [
        str(cut),
        str(tmp_path / "bare-1-0"),
    ]
    assert whole.is_dir() and other.is_dir() and not cut.exists()


def test_a_package_whose_list_of_files_was_being_written_is_not_whole(tmp_path):
    """Of one that was cut off just then the list is empty, as is that of a package without files, which stays."""
    cut, bare = (unpacked(tmp_path, name, []) for name in ("cut-1-0", "bare-1-0"))
    for place in (cut, bare):
        (place / "info" / "files").write_text("")
    (tmp_path / "cut-1-0.tar.bz2").write_text("x")
    assert remove_broken([str(tmp_path)], ["cut-1-0", "bare-1-0"]) == [str(cut)]


def test_a_package_whose_last_file_was_being_written_is_not_whole(tmp_path):
    places = {name: unpacked(tmp_path, f"{name}-1-0", ["bin/a", "bin/b"]) for name in ("cut", "whole", "alone")}
    for name, place in places.items():
        paths = [{"_path": "bin/a", "path_type": "hardlink", "size_in_bytes": 1}]
        paths.append({"_path": "bin/b", "path_type": "hardlink", "size_in_bytes": 1 if name == "whole" else 2})
        paths.append({"_path": "bin/link", "path_type": "softlink", "size_in_bytes": 7})
        (place / "info" / "paths.json").write_text(json.dumps({"paths": paths, "paths_version": 1}))
        if name != "alone":  # what cannot be unpacked again stays
            (tmp_path / f"{name}-1-0.conda").write_text("x")
    (places["cut"] / "bin" / "link").symlink_to("a")
    assert remove_broken([str(tmp_path)], [place.name for place in places.values()]) == [str(places["cut"])]


def test_a_package_that_another_process_unpacks_now_is_left_to_it(tmp_path):
    places = [unpacked(tmp_path, f"{name}-1-0", ["bin/a"], listed=["bin/a", "bin/b"]) for name in ("one", "two", "cut")]
    archive = tmp_path / "two-1-0.tar.bz2"
    archive.write_text("x")
    names = [place.name for place in places]
    with open(places[0] / "bin" / "a"), open(archive):
        assert remove_broken([str(tmp_path)], names) == [str(places[2])]
    assert remove_broken([str(tmp_path)], names) == [str(place) for place in places[:2]]


def test_only_packages_beside_their_archives_count_as_unpacked_since(tmp_path):
    for name in ("old-1-0", "new-1-0", "mine", "bare-1-0"):
        (tmp_path / name).mkdir()
    for name in ("old-1-0.tar.bz2", "new-1-0.conda"):
        (tmp_path / name).write_text("x")
    changed = (tmp_path / "old-1-0").stat().st_ctime
    assert unpacked_since([str(tmp_path)], changed) == ["new-1-0", "old-1-0"]
    assert unpacked_since([str(tmp_path)], changed + 60) == []
    assert unpacked_since([str(tmp_path / "none")], 0) == []


def test_names_that_lead_out_of_the_cache_are_passed_over(tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "mine").mkdir()
    assert remove_broken([str(tmp_path / "cache")], ["../mine", "..", ".", ""]) == []
    assert (tmp_path / "mine").is_dir()


def test_a_history_that_is_gone_is_damage(tmp_path):
    environment = types.SimpleNamespace(details=[], has_history=False)
    assert _update_change.damage(str(tmp_path), environment) == ["conda-meta/history is gone."]


def test_leftovers_of_a_transaction_are_damage(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "conda.c~").touch()
    environment = types.SimpleNamespace(details=[], has_history=True)
    (problem,) = _update_change.damage(str(tmp_path), environment)
    assert "1 leftovers" in problem and "conda.c~" in problem


def test_another_environment_that_changes_is_noticed(tmp_path):
    meta = tmp_path / "envs" / "work" / "conda-meta"
    meta.mkdir(parents=True)
    (meta / "history").write_text("a")
    before = fingerprints(str(tmp_path / "envs"))
    assert list(before) == ["work"]
    (meta / "history").write_text("ab")
    assert fingerprints(str(tmp_path / "envs")) != before


def test_free_space_is_told(tmp_path):
    free, inodes = free_space(str(tmp_path))
    assert free > 0 and (inodes is None or inodes > 0)
