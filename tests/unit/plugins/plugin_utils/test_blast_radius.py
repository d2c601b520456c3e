# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The blast radius: whom a package or an advisory touches, and whether what it says to type is right."""

from __future__ import annotations

import json
import shlex

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ansible_collections.labfleet.conda.plugins.plugin_utils._blast_radius import blast_radius
from ansible_collections.labfleet.conda.plugins.plugin_utils._fix_lines import (
    fix_lines,
    limit_pattern,
    mending_spec,
    not_for_limit,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._packages import QuestionError

OLD, NEW = [("openssl", "3.0.12")], [("openssl", "3.0.13"), ("zlib", "1.3")]


@pytest.fixture
def fleet(audited):
    """Two equal hosts with an old openssl in alice's environment and a new one in base, one host without, one away."""
    alice = audited.environment(packages=OLD, owner="alice", processes=2)
    host = audited.result([], [audited.environment("/opt/conda", packages=NEW), alice], [audited.installation()])
    other = audited.result([], [audited.environment("/opt/conda", packages=NEW)], [audited.installation()])
    return audited.document({"gpu01": host, "gpu02": host, "login": other, "away": None})


def test_a_package_range_names_hosts_users_and_environments(fleet):
    answer = blast_radius(fleet, "openssl <3.0.13")
    assert (answer["hosts"], answer["users"], answer["limit"]) == (["gpu01", "gpu02"], ["alice"], "gpu01,gpu02")
    assert answer["environments"][0] == {
        "host": "gpu01",
        "prefix": "/opt/conda/envs/a",
        "environment": "a",
        "owner": "alice",
        "name": "openssl",
        "version": "3.0.12",
        "build": "h1_0",
        "channel": "conda-forge",
        "kind": "conda",
    }
    assert answer["fix"] == [
        {
            "hosts": ["gpu01", "gpu02"],
            "limit": "gpu01,gpu02",
            "command": "ansible-playbook labfleet.conda.update_environments --limit gpu01,gpu02"
            " -e 'lift_spec=openssl<3.0.13'",
            "note": "processes run from it",
        }
    ]
    assert answer["unknown"] == ["Not seen: away (the host gave no result)."]


def test_nobody_is_touched(fleet):
    answer = blast_radius(fleet, "openssl <1")
    assert (answer["hosts"], answer["users"], answer["environments"], answer["fix"]) == ([], [], [], [])
    assert answer["limit"] is None and answer["unknown"] == ["Not seen: away (the host gave no result)."]


def test_without_lists_of_packages_there_is_no_answer(audited):
    document = audited.document({"a": audited.result([], [audited.environment()])})
    with pytest.raises(QuestionError, match="packages set to true"):
        blast_radius(document, "openssl")


def test_what_could_not_be_looked_through_is_told(audited):
    environments = [
        audited.environment("/a", packages=[("openssl", "not a version!"), ("openssl", "1.0")]),
        audited.environment("/b"),
    ]
    unreadable = {"unreadable": [{"path": "/c", "reason": "no"}], "unreadable_count": 1}
    document = audited.document(
        {"a": audited.result([], environments, **unreadable), "b": audited.result(complete=False)}
    )
    answer = blast_radius(document, "openssl <3")
    assert [row["version"] for row in answer["environments"]] == ["1.0"]
    told = " ".join(answer["unknown"])
    assert "openssl not a version! on a could not be judged" in told
    assert "1 environments on a have no list of packages" in told
    assert "Seen in part only, the time limit ended the look: b." in told
    assert "Some things could not be read on a" in told


@pytest.mark.parametrize("question", ["openssl <", "", "pkg["])
def test_what_is_no_question_is_refused(fleet, question):
    with pytest.raises(QuestionError, match="Write it as for conda"):
        blast_radius(fleet, question)


@pytest.mark.parametrize(
    "spec, found",
    [
        ("requests <2.31", ["2.30.0"]),
        ("Foo.Bar <2", ["1.0"]),
        # the local part of a version from pip does not make it older
        ("torch <2.5.1", []),
        ("torch >=2.5.1", ["2.5.1+cu124"]),
        ("tor*", ["2.5.1+cu124"]),
    ],
)
def test_packages_from_pip_count_too(audited, spec, found):
    pip = [("Requests", "2.30.0"), ("torch", "2.5.1+cu124"), ("foo_bar", "1.0")]
    environment = audited.environment(packages=[("zlib", "1.3")], pip=pip, owner="bob")
    document = audited.document({"a": audited.result([], [environment], [audited.installation()])})
    answer = blast_radius(document, spec.replace(".Bar", "-bar"))
    assert [row["version"] for row in answer["environments"]] == found
    assert all(row["kind"] == "pip" for row in answer["environments"])


def test_what_pip_installed_is_mended_by_pip(audited):
    environment = audited.environment(packages=[], pip=[("requests", "2.30.0")], owner="bob")
    document = audited.document({"a": audited.result([], [environment], [audited.installation()])})
    command = blast_radius(document, "requests <2.31")["fix"][0]["command"]
    assert command == "sudo -H -u bob /opt/conda/envs/a/bin/python -m pip install 'requests>=2.31'"


ADVISORIES = {
    "advisories": [
        {
            "id": "CVE-2026-1#a",
            "aliases": ["GHSA-aaaa-bbbb-cccc"],
            "packages": [
                {
                    "ecosystem": "conda",
                    "name": "openssl",
                    "ranges": [
                        {"introduced": "0", "fixed": "1.0.5"},
                        {"introduced": "3.0.0", "fixed": "3.0.13"},
                    ],
                },
                {"ecosystem": "PyPI", "name": "requests", "ranges": [{"introduced": "0", "last_affected": "2.30.0"}]},
            ],
        }
    ]
}


@pytest.mark.parametrize("name", ["CVE-2026-1", "CVE-2026-1#a", "GHSA-aaaa-bbbb-cccc"])
def test_an_advisory_is_found_in_the_packages_by_each_of_its_names(audited, name):
    environments = [
        audited.environment("/a", packages=[("openssl", "3.0.12")]),
        audited.environment("/b", packages=[("openssl", "2.0.0")]),
        audited.environment("/c", packages=[("openssl", "1.0.4")]),
        audited.environment("/d", packages=[], pip=[("requests", "2.30.0")]),
        audited.environment("/e", packages=[], pip=[("requests", "2.31.0")]),
    ]
    document = audited.document({"a": audited.result([], environments, [audited.installation()])})
    answer = blast_radius(document, name, advisories=ADVISORIES)
    assert [row["prefix"] for row in answer["environments"]] == ["/a", "/c", "/d"]
    commands = [entry["command"] for entry in answer["fix"]]
    # the lowest fixed version above the own one; there is none for the third
    assert commands[0].endswith("'lift_spec=openssl<3.0.13'") and commands[1].endswith("'lift_spec=openssl<1.0.5'")
    assert commands[2] is None and "no version is known that mends it" in answer["fix"][2]["note"]


def test_an_advisory_is_found_in_the_findings_without_lists_of_packages(audited):
    details = {
        "package": "conda",
        "version": "26.5.1",
        "ecosystem": "conda",
        "advisories": ["CVE-2026-53940"],
        "fixed": "26.5.2",
    }
    finding = audited.finding("env.vuln", item="conda", details=details)
    document = audited.document(
        {
            "a": audited.result([finding], [audited.environment("/opt/conda")], [audited.installation("26.5.1")]),
            "b": audited.result(),
        }
    )
    answer = blast_radius(document, "CVE-2026-53940")
    assert answer["hosts"] == ["a"] and answer["environments"][0]["version"] == "26.5.1"
    assert answer["fix"][0]["command"].endswith("--limit a -e 'lift_spec=conda<26.5.2'")
    assert "what the audit has found" in answer["unknown"][0]
    with pytest.raises(QuestionError, match="about CVE-2020-1"):
        blast_radius(document, "CVE-2020-1")


def test_the_same_package_in_findings_and_packages_is_one(audited):
    details = {"package": "openssl", "version": "3.0.12", "ecosystem": "conda", "advisories": ["CVE-2026-1#a"]}
    finding = audited.finding("env.vuln", subject="/opt/conda/envs/a", item="openssl", details=details)
    document = audited.document(
        {"a": audited.result([finding], [audited.environment(packages=OLD)], [audited.installation()])}
    )
    answer = blast_radius(document, "CVE-2026-1", advisories=ADVISORIES)
    assert len(answer["environments"]) == 1 and "'lift_spec=openssl<3.0.13'" in answer["fix"][0]["command"]


@pytest.mark.parametrize(
    "condition, versions, spec",
    [
        ("<3.0.13", ["3.0.12"], "x>=3.0.13"),
        ("<=3.0.13", ["3.0.13"], "x>3.0.13"),
        (">=3.0,<3.0.13", ["3.0.12"], "x>=3.0.13"),
        (">=3.1,<3.1.5|<3.0.13", ["3.0.12", "3.1.4"], "x>=3.1.5"),
        ("<3,<=2.5", ["2.4"], "x>2.5"),
        ("<1.1.1w", ["1.1.1a"], "x>=1.1.1w"),
        ("1.0|<2", ["1.0"], None),
        ("=1.1", ["1.1.2"], None),
        (">=2", ["2.1"], None),
        (None, ["1"], None),
        ("(<2|>3),<4", ["1"], None),
    ],
)
def test_what_mends_lies_above_the_range(condition, versions, spec):
    assert mending_spec("x", condition, versions) == spec


ROW = {
    "host": "a",
    "root": "/",
    "prefix": "/e",
    "owner": "alice",
    "processes": 0,
    "kind": "conda",
    "spec": "x>=1",
    "package": "x",
    "installation": {"kind": "conda", "prefix": "/opt/conda", "owner": "root", "frozen": False},
}


PLAYBOOK = ["labfleet.conda.update_environments"]


def line(**more):
    return fix_lines([{**ROW, **more}])[0]


def installed(**more):
    return {"kind": "conda", "prefix": "/opt/conda", "owner": "root", "frozen": False, **more}


@pytest.mark.parametrize(
    "more, start",
    [
        ({}, ["-u", "alice", "/opt/conda/bin/conda"]),
        ({"owner": "root"}, ["-u", "root", "/opt/conda/bin/conda"]),
        ({"owner": "1001"}, ["-u", "#1001", "/opt/conda/bin/conda"]),
        ({"installation": installed(kind="mamba")}, ["-u", "alice", "/opt/conda/bin/mamba"]),
        ({"installation": installed(program="/usr/bin/micromamba")}, ["-u", "alice", "/usr/bin/micromamba"]),
        ({"installation": installed(owner="alice")}, ["-u", "alice", "/opt/conda/bin/conda"]),
    ],
)
def test_a_command_runs_as_the_owner_of_the_environment(more, start):
    command = line(root="/proc/7/root", **more)["command"]
    assert shlex.split(command) == ["sudo", "-H", *start, "install", "-p", "/e", "x>=1"]
    if more.get("owner") != "1001":
        assert shlex.split(line(**more)["command"])[1:] == [*PLAYBOOK, "--limit", "a", "-e", "lift_spec=x<1"]


def test_equal_environments_of_many_hosts_are_one_run_of_the_playbook():
    rows = [{**ROW, "host": host, "prefix": prefix, "spec": "x>1"} for host in "ba" for prefix in ("/e", "/f")]
    (entry,) = fix_lines(rows)
    assert entry["hosts"] == ["a", "b"]
    assert entry["command"] == "ansible-playbook labfleet.conda.update_environments --limit a,b -e 'lift_spec=x<=1'"


@pytest.mark.parametrize(
    "more, note",
    [
        ({"spec": None}, "no version is known that mends it"),
        ({"owner": None}, "its owner is unknown"),
        ({"installation": None}, "no installation is known"),
        ({"installation": installed(kind="pixi")}, "pixi has no command for it"),
        # root, or anybody else, must not run what bob can write
        ({"installation": installed(owner="bob")}, "belongs to bob, whose programs alice must not run"),
        ({"installation": installed(owner="bob"), "owner": "root"}, "whose programs root must not run"),
        ({"installation": installed(prefix="/home/bob/conda"), "owner": "root"}, "lies in the home of bob"),
        ({"open_to_others": {"/opt/conda"}}, "others can change /opt/conda"),
        ({"open_to_others": {"/e"}, "kind": "pip"}, "others can change /e"),
        ({"prefix": "/home/bob/e", "kind": "pip"}, "lies in the home of bob"),
        ({"prefix": "/e\nrm -rf /"}, "control characters"),
    ],
)
def test_there_is_no_command_where_none_is_right(more, note):
    entry = line(**more)
    assert entry["command"] is None and note in entry["note"]


@pytest.mark.parametrize(
    "more, note",
    [
        ({"processes": 3}, "processes run from it"),
        ({"root": "/proc/7/root"}, "inside the root /proc/7/root"),
        ({"owner": "1001"}, "nobody has the user number of its owner any more"),
        ({"prefix": "/opt/conda", "installation": installed(frozen=True)}, "held back"),
    ],
)
def test_what_to_know_before_typing_is_noted(more, note):
    assert note in line(**more)["note"]


def test_what_the_audit_found_writable_is_not_run(audited):
    finding = audited.finding("perm.world_writable", "/opt/conda", waiver={"reason": "r"})
    host = audited.result([finding], [audited.environment(packages=OLD)], [audited.installation()])
    entry = blast_radius(audited.document({"a": host}), "openssl <3.0.13")["fix"][0]
    assert entry["command"] is None and "others can change /opt/conda: mend its permissions first" in entry["note"]


def test_a_hostile_path_stays_one_word():
    prefix = "/e/$(reboot); 'x' \"y\" `z`"
    assert shlex.split(line(prefix=prefix, root="/proc/7/root")["command"])[7] == prefix


@pytest.fixture
def limited(tmp_path):
    """The hosts that ansible-core takes a --limit for, in an inventory of these names and a group with another."""

    def hosts(names, pattern):
        groups = {
            "lab": {"hosts": dict.fromkeys(names)},
            "gpu": {"hosts": dict.fromkeys(["other1", "other2", "other3"])},
        }
        inventory = tmp_path / "inventory.yml"
        inventory.write_text(json.dumps({"all": {"children": groups}}))
        manager = InventoryManager(loader=DataLoader(), sources=[str(inventory)])
        manager.subset(pattern)
        return sorted(host.name for host in manager.get_hosts("all"))

    return hosts


@pytest.mark.parametrize(
    "names",
    [
        ["gpu01"],
        ["gpu01", "gpu02", "gpu03", "login1.lab.example.org"],
        ["n1", "n2", "n3", "n10"],
        ["10.0.0.1", "10.0.0.2"],
        ["fe80::1"],
        ["fe80::1", "2001:db8::7", "gpu1"],
        ["host_with-signs.x"],
    ],
)
def test_ansible_takes_the_limit_for_exactly_these_hosts(limited, names):
    more = ["gpu011", "n100", "bystander", "10.0.0.10"]
    assert limited([*names, *more], limit_pattern(names)) == sorted(names)


def test_ansible_does_not_take_merged_names_for_a_limit(limited):
    names = ["gpu01", "gpu02", "gpu03"]
    assert limited(names, merge_host_names(names)) != names


def test_many_hosts_are_named_by_a_file(limited, tmp_path):
    names = ["gpu%03d" % number for number in range(60)]
    path = tmp_path / "hosts"
    path.write_text("".join(name + "\n" for name in names))
    pattern = limit_pattern(names, limit_file=str(path))
    assert pattern == "@%s" % path and limited([*names, "bystander"], pattern) == names
    assert limited([*names, "bystander"], limit_pattern(names)) == names
    assert limit_pattern(names[:50], limit_file=str(path)) == ",".join(names[:50])


def test_names_that_are_patterns_are_told(audited):
    assert not_for_limit(["a", "~a", "a*", "!b", "@c", "a[1]", "x y", "fe80::1"]) == [
        "!b",
        "@c",
        "a*",
        "a[1]",
        "x y",
        "~a",
    ]
    document = audited.document({"a*": audited.result([], [audited.environment(packages=OLD)])})
    assert "The name a* cannot be used in --limit." in blast_radius(document, "openssl <3.0.13")["unknown"]
