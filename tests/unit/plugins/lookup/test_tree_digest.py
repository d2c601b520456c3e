# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup tree_digest: what counts, and what does not."""

from __future__ import annotations

import os

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader

from ansible_collections.labfleet.conda.plugins.lookup.tree_digest import LookupModule


@pytest.fixture
def digest():
    lookup = LookupModule(loader=DataLoader())
    return lambda path: lookup.run([str(path)], {})[0]


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree" / "etc").mkdir(parents=True)
    (tmp_path / "tree" / "etc" / "one").write_text("1")
    (tmp_path / "tree" / "two").write_text("2")
    return tmp_path / "tree"


@pytest.mark.parametrize("change", [
    lambda tree: (tree / "two").write_text("3"), lambda tree: (tree / "two").rename(tree / "three"),
    lambda tree: (tree / "two").chmod(0o755), lambda tree: (tree / "etc" / "new").write_text(""),
])  # fmt: skip
def test_names_content_and_the_right_to_execute_count(digest, tree, change):
    before = digest(tree)
    change(tree)
    assert digest(tree) != before


def test_times_do_not_count(digest, tree):
    before = digest(tree)
    os.utime(tree / "two", (1, 1))
    assert digest(tree) == before


def test_a_file_alone(digest, tree):
    assert digest(tree / "two") != digest(tree / "etc" / "one")


def test_what_is_not_there_is_told(digest, tmp_path):
    with pytest.raises(AnsibleLookupError, match="no file or directory .*nosuch"):
        digest(tmp_path / "nosuch")
