# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has changed between two lists of records."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    diff_texts,
    package_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName


def kinds(before, after):
    return [(change.name, change.kind) for change in package_changes(before, after)]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("4.12.0", "22.11.1", "updated"),
        ("25.5.1", "25.11.1", "updated"),
        ("1.1.1w", "3.0.0", "updated"),
        ("1.1.1", "1.1.1w", "downgraded"),
        ("2.0", "1.9", "downgraded"),
        ("1.0", "1.0.0", "rebuilt"),
        ("not a version", "1", "updated"),
    ],
)
def test_kinds_follow_the_order_of_conda_versions(old, new, kind):
    assert kinds([RecordName("a", old, "0")], [RecordName("a", new, "0")]) == [("a", kind)]


def test_installed_removed_rebuilt_and_unchanged(record):
    before = [record("gone", "1"), record("same", "1"), record("built", "1", "py39_0")]
    after = [record("same", "1"), record("new", "1"), record("built", "1", "py310_0")]
    assert kinds(before, after) == [("built", "rebuilt"), ("gone", "removed"), ("new", "installed")]


def test_the_same_build_from_another_channel_is_a_change(record):
    before, after = record("a", "1"), record("a", "1", channel="https://repo.anaconda.com/pkgs/main")
    assert kinds([before], [after]) == [("a", "rebuilt")]


def test_the_same_channel_written_in_another_way_is_no_change(record):
    by_mamba = Package("a", "1", "0", channel="conda-forge")
    with_token = Package("a", "1", "0", channel="https://conda.anaconda.org/t/abc-123/conda-forge/linux-64")
    for other in (by_mamba, with_token, RecordName("a", "1", "0")):
        assert kinds([record("a", "1")], [other]) == []


def test_of_two_records_of_one_package_the_one_that_stays_is_left_out(record):
    old, new = record("conda", "26.7.0"), record("conda", "26.7.1")
    assert kinds([old, new], [new]) == [("conda", "removed")]
    assert kinds([old], [old, new]) == [("conda", "installed")]


def test_the_diff_has_the_changed_packages_only_and_masks_secrets(record):
    before = [record("same", "1"), record("conda", "26.7.0")]
    elsewhere = record("tool", "2", channel="https://ann:s3cr3t@host.example/private")
    changes = package_changes(before, [record("same", "1"), record("conda", "26.7.1"), elsewhere])
    diff = diff_texts(changes, "/opt/conda")
    assert diff["before"] == "conda 26.7.0 0 conda-forge\n"
    assert diff["after"] == "conda 26.7.1 0 conda-forge\ntool 2 0 https://host.example/private\n"
    assert diff["before_header"] == diff["after_header"] == "packages of /opt/conda"


def test_nothing_changed_is_an_empty_diff(record):
    diff = diff_texts(package_changes([record("a", "1")], [record("a", "1")]), "/p")
    assert (diff["before"], diff["after"]) == ("", "")
