# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's document and table, from the results of single hosts."""

from __future__ import annotations

import json
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.plugin_utils._fleet import (
    fleet_document,
    table_rows,
    unreadable_lines,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import brief_host_names, merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions, write_if_changed
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import render_table


@pytest.mark.parametrize(
    "names, merged",
    [
        (["gpu01"], "gpu01"),
        (["gpu%02d" % number for number in range(1, 33)], "gpu[01-32]"),
        (["gpu01", "gpu02", "gpu03", "gpu07"], "gpu[01-03,07]"),
        (["gpu1", "gpu2", "gpu10"], "gpu[1-2],gpu10"),
        (["gpu01.lab", "gpu02.lab", "login"], "gpu[01-02].lab,login"),
        (["r1n01", "r1n02", "r2n01"], "r1n[01-02],r2n01"),
        (["b", "a"], "a,b"),
        (["10.0.0.1", "10.0.0.2"], "10.0.0.[1-2]"),
        ([], ""),
    ],
)
def test_host_names_are_merged(names, merged):
    assert merge_host_names(names) == merged


def _expand(text):
    """The names that a merged text stands for."""
    names = []
    for part in re.findall(r"[^,\[]*(?:\[[^\]]*\][^,\[]*)?", text):
        if "[" not in part:
            names += [part] if part else []
            continue
        head, ranges, tail = re.match(r"(.*)\[(.*)\](.*)", part).groups()
        for one in ranges.split(","):
            first, _dash, last = one.partition("-")
            for number in range(int(first), int(last or first) + 1):
                names.append("%s%0*d%s" % (head, len(first), number, tail))
    return names


@given(st.lists(st.from_regex(r"\A(gpu|n|login-)[0-9]{1,3}(\.lab)?\Z"), max_size=30))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_merged_names_stand_for_exactly_the_same_hosts(names):
    assert sorted(_expand(merge_host_names(names))) == sorted(set(names))


def installation(**more):
    found = {
        "kind": "conda",
        "distribution": "miniforge",
        "prefix": "/opt/conda",
        "program": "/opt/conda/bin/conda",
        "version": "26.7.1",
        "versions": {"conda": "26.7.1"},
        "solver": {"name": "libmamba"},
        "owner": "root",
        "writers": {"users": [], "groups": [], "everybody": False},
        "frozen": None,
        "secondary": False,
        "notes": [],
    }
    found.update(more)
    return found


def environment(prefix, parent="/opt/conda", **more):
    found = {"prefix": prefix, "installation": parent, "base": prefix == parent, "pip_packages": [], "made_by": "conda"}
    found.update(more)
    return found


def result(installations=(), environments=(), **more):
    found = {
        "installations": list(installations),
        "environments": list(environments),
        "unreadable": [],
        "unreadable_count": 0,
        "complete": True,
        "seconds": 0.1,
        "files_opened": 3,
        "changed": False,
    }
    found.update(more)
    return found


GPU = result([installation()], [environment("/opt/conda"), environment("/opt/conda/envs/a")])


def rows(results):
    return table_rows(fleet_document(results))


def test_equal_hosts_are_one_row():
    assert rows({"gpu01": GPU, "gpu02": GPU}) == [
        ["gpu[01-02]", "/opt/conda (miniforge)", "26.7.1", "libmamba", "1", ""]
    ]


def test_each_kind_of_host_has_its_row():
    table = rows(
        {
            "bare": result(),
            "dead": {"unreachable": True, "msg": "Failed to connect\nto the host"},
            "odd": {"failed": True, "msg": "The root /x cannot be looked at."},
            "silent": None,
            "slow": result([installation()], complete=False),
            "orphan": result([], [environment("/home/a/envs/x", parent=None, made_by="micromamba")]),
        }
    )
    by_host = {row[0]: row[1:] for row in table}
    assert by_host["bare"] == ["none found", "", "", "", ""]
    assert by_host["dead"][-1] == "unreachable: Failed to connect to the host"
    assert by_host["odd"][-1] == "failed: The root /x cannot be looked at."
    assert by_host["silent"][-1] == "failed: the host gave no result"
    assert "INCOMPLETE" in by_host["slow"][-1]
    assert by_host["orphan"] == ["(no installation)", "", "", "1", "made by micromamba"]


@pytest.mark.parametrize(
    "more, note",
    [
        ({"owner": "bob"}, "owner bob"),
        ({"writers": {"users": [], "groups": [], "everybody": True}}, "WRITABLE BY EVERYBODY"),
        ({"writers": {"users": [], "groups": ["lab"], "everybody": False}}, "writable by group lab"),
        ({"writers": {"users": ["eve"], "groups": [], "everybody": False}}, "writable by eve"),
        ({"frozen": {"message": None}}, "frozen"),
        ({"secondary": True}, "inside another installation's environment"),
        ({"versions": {"conda": "4.12.0", "mamba": "1.5.1"}}, "mamba 1.5.1"),
        ({"notes": ["odd"]}, "odd"),
    ],
)
def test_what_is_worth_knowing_is_noted(more, note):
    assert rows({"a": result([installation(**more)])})[0][-1] == note


def test_pip_packages_in_base_are_noted():
    base = environment("/opt/conda", pip_packages=[{"name": "a"}])
    assert rows({"a": result([installation()], [base])})[0][-1] == "1 pip packages in base"


def test_an_unknown_version_is_not_blank():
    row = rows(
        {"a": result([installation(kind="micromamba", distribution=None, version=None, versions={}, solver=None)])}
    )[0]
    assert row[1:4] == ["/opt/conda (micromamba)", "unknown", ""]


def test_what_could_not_be_read_is_listed_once_for_equal_hosts():
    trouble = result(unreadable=[{"path": "/home/x\n", "reason": "permission denied"}], unreadable_count=1)
    document = fleet_document({"gpu1": trouble, "gpu2": trouble, "ok": result()})
    assert unreadable_lines(document) == ["Could not be read:", "gpu[1-2]: /home/x\\n: permission denied"]
    assert unreadable_lines(fleet_document({"ok": result()})) == []
    many = result(unreadable=[{"path": "/%d" % number, "reason": "x"} for number in range(30)], unreadable_count=30)
    lines = unreadable_lines(fleet_document({"a": many}), limit=5)
    assert len(lines) == 7 and lines[-1].startswith("and 25 more")


def test_the_document_counts_and_leaves_out_what_differs_from_run_to_run():
    document = fleet_document({"a": GPU, "b": {"unreachable": True, "msg": "x"}})
    assert document["summary"] == {
        "hosts": 2,
        "containers": 0,
        "images": 0,
        "hosts_not_seen": ["b"],
        "hosts_incomplete": [],
        "installations": 1,
        "environments": 2,
        "unreadable": 0,
    }
    assert document["schema"].startswith("labfleet.conda/fleet/")
    assert not {"seconds", "files_opened", "changed"} & set(document["hosts"]["a"])
    again = dict(GPU, seconds=99.0, files_opened=1)
    assert fleet_document({"a": again})["hosts"] == fleet_document({"a": GPU})["hosts"]


def test_a_table_is_aligned_and_cannot_be_disturbed_by_what_it_shows():
    lines = render_table(["A", "B"], [["x", "\x1b[31mred\n"], ["longer", "word " * 30]], wrap=40)
    assert lines[0].split() == ["A", "B"]
    assert "\x1b" not in "".join(lines) and "\\x1b[31mred\\n" in lines[2]
    assert all(line.startswith("        ") for line in lines[4:])
    assert max(map(len, lines)) <= 8 + 40


def test_a_file_is_replaced_at_once_and_only_when_it_changes(tmp_path):
    path = str(tmp_path / "fleet.json")
    assert write_if_changed(path, "a", mode=0o600, write=False) == (None, True)
    assert not os.path.exists(path)
    assert write_if_changed(path, "a", mode=0o640) == (None, True)
    assert os.stat(path).st_mode & 0o777 == 0o640
    inode = os.stat(path).st_ino
    assert write_if_changed(path, "a", mode=0o640) == ("a", False)
    assert write_if_changed(path, "a", mode=0o600, write=False) == ("a", True)
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert write_if_changed(path, "a", mode=0o600) == ("a", True)
    assert (os.stat(path).st_ino, os.stat(path).st_mode & 0o777) == (inode, 0o600)
    assert write_if_changed(path, "b", mode=0o600) == ("a", True)
    assert (tmp_path / "fleet.json").read_text() == "b" and os.listdir(str(tmp_path)) == ["fleet.json"]


def test_a_file_that_cannot_be_written_is_left_as_it_was(tmp_path):
    with pytest.raises(OSError):
        write_if_changed(str(tmp_path / "nowhere" / "x"), "a", mode=0o600)
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("mode, number", [("0640", 0o640), ("640", 0o640), (0o640, 0o640), (420, 0o644)])
def test_permissions_are_meant_as_yaml_has_read_them(mode, number):
    assert permissions(mode) == number


@pytest.mark.parametrize("mode", ["rw", "9", -1, 0o10000, "10000", True, None])
def test_what_are_no_permissions_is_refused(mode):
    with pytest.raises(ValueError, match="octal number"):
        permissions(mode)


def test_why_a_host_gave_nothing_is_told_without_repetition():
    document = fleet_document(
        {
            "a": {"unreachable": True, "msg": "Task failed: Failed to connect"},
            "b": {"failed": True, "msg": "No start of json char found", "module_stderr": "x\npython3.13: not found\n"},
        }
    )
    assert document["hosts"]["a"]["message"] == "Failed to connect"
    assert document["hosts"]["b"]["message"] == "No start of json char found (python3.13: not found)"


def test_the_document_is_json():
    json.dumps(fleet_document({"a": GPU, "b": None}))


def test_very_many_names_without_order_are_counted():
    odd = ["node%04d" % number for number in range(1, 1000, 2)]
    text = brief_host_names(odd)
    assert text.startswith("node[0001,0003,") and text.endswith(",…] (500 hosts)") and len(text) < 180
    assert brief_host_names(odd[:9]) == merge_host_names(odd[:9])
    assert brief_host_names(["node%04d" % number for number in range(1, 1001)]) == "node[0001-1000]"
    words = ["host-%s" % chr(97 + number) * 9 for number in range(20)]
    assert brief_host_names(words).endswith("… (20 hosts)")
    assert brief_host_names(["x" * 300, "y" * 300]).endswith("x,… (2 hosts)")
