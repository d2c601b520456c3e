# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift of a container becomes files that make the same changes, and a hostile one becomes nothing at all."""

from __future__ import annotations

import json
import re

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._spec._environment_file import read_environment_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._explicit_file import read_explicit_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import read_yaml
from ansible_collections.labfleet.conda.plugins.plugin_utils._container_export import container_export, slug

DIGEST = "ai/base@sha256:" + "a" * 64
FORGE = "https://conda.anaconda.org/conda-forge/linux-64"


def package(name, version="1.0", build="0", change="added", **more):
    url = f"{FORGE}/{name}-{version}-{build}.conda"
    after = {"version": version, "build": build, "channel": "conda-forge", "subdir": "linux-64", "url": url}
    after.update({"md5": "0" * 32, **more})
    return {"name": name, "change": change, "before": None, "after": after}


def gone(name):
    known = {"version": "1.0", "build": "0", "channel": None, "subdir": None, "url": None, "md5": None}
    return {"name": name, "change": "removed", "before": known, "after": None}


def environment(prefix="/opt/conda", change="changed", packages=(), pip=(), pinned=None, **more):
    keeper = {"installation": "/opt/conda", "program": "/opt/conda/bin/conda", "kind": "conda", **more}
    found = {"prefix": prefix, "change": change, "packages": list(packages), "pip_packages": list(pip)}
    return {**found, "pinned": pinned, "complete": True, **keeper}


def container(*environments, image=None, **more):
    told = {"id": "b" * 64, "name": "ai/base:1", "there": True, "names": ["ai/base:1"], "digests": [DIGEST]}
    drift = {"status": "compared", "reason": None, "changed": True, "complete": True, "tools": [], "settings": []}
    drift.update(
        {"mounted": [], "unreadable": [], "environments": list(environments), "image": {**told, **(image or {})}}
    )
    return {"name": "c", "drift": {**drift, **more}}


def commands(text):
    """The commands of a Containerfile, as a builder reads its lines."""
    joined = text.replace("\\\n", "")
    return [json.loads(line[4:]) for line in joined.splitlines() if line.startswith("RUN ")]


def exported(*environments, **more):
    found = container_export(container(*environments, **more))
    assert found.refused is None
    return found


def test_each_change_is_made_with_the_very_package():
    pip = [
        {"name": "wandb", "change": "changed", "before": "0.18", "after": "0.19.1"},
        {"name": "six", "change": "removed", "before": "1.0", "after": None},
    ]
    found = exported(
        environment(
            packages=[package("numpy", "2.1", "py_0"), gone("mkl")],
            pip=pip,
            pinned={"before": [], "after": ["numpy 2.*"]},
        )
    )
    text = found.files["Containerfile"]
    assert text.splitlines()[1] == "FROM " + DIGEST
    where = ["--yes", "--prefix", "/opt/conda"]
    address = f"{FORGE}/numpy-2.1-py_0.conda#{'0' * 32}"
    write = commands(text)[-1]
    assert commands(text) == [
        ["/bin/sh", "-c", commands(text)[0][2], "/opt/conda/bin/conda", "install", "/opt/conda", address],
        ["/opt/conda/bin/conda", "remove", "--force", *where, "mkl"],
        ["/opt/conda/bin/python", "-m", "pip", "install", "--no-deps", "wandb==0.19.1"],
        ["/opt/conda/bin/python", "-m", "pip", "uninstall", "--yes", "six"],
        ["/bin/sh", "-c", write[2], "/opt/conda/conda-meta/pinned", "numpy 2.*"],
    ]
    request = read_environment_file(read_yaml(found.files["base.yml"]).root)
    assert (request.name, request.channels, request.specs) == ("base", ("conda-forge",), ("numpy=2.1=py_0",))
    assert request.pip == ("wandb==0.19.1",)
    assert [item.url for item in read_explicit_file(found.files["base.explicit.txt"]).explicit] == [address[:-33]]
    assert found.left_out == []


def test_environments_are_made_and_removed():
    found = exported(
        environment("/opt/conda/envs/new", "added", [package("python", "3.12.1", "h_0")]),
        environment("/opt/conda/envs/old", "removed", [gone("python")]),
    )
    address = f"{FORGE}/python-3.12.1-h_0.conda#{'0' * 32}"
    made, removed = commands(found.files["Containerfile"])
    assert [made[3:], removed] == [
        ["/opt/conda/bin/conda", "create", "/opt/conda/envs/new", address],
        ["/opt/conda/bin/conda", "env", "remove", "--yes", "--prefix", "/opt/conda/envs/old"],
    ]
    assert sorted(found.files) == ["Containerfile", "new.explicit.txt", "new.yml"]


@pytest.mark.parametrize(
    "url", [None, "https://host/t/********/conda-forge/linux-64/numpy-1.0-0.conda", FORGE + "/other-1.0-0.conda"]
)
def test_without_an_address_the_exact_spec_is_asked_for(url):
    found = exported(environment(packages=[package("numpy", url=url)]))
    [command] = commands(found.files["Containerfile"])
    assert command[-4:] == ["--channel", "conda-forge", "--no-deps", "numpy=1.0=0"]
    assert "base.explicit.txt" not in found.files


def test_what_cannot_be_exported_is_said():
    found = exported(
        environment(packages=[package("numpy")], program=None),
        complete=False,
        settings=[{"path": "/root/.condarc", "change": "added", "settings": [{"name": "channels"}], "complete": True}],
        mounted=["/data/conda"],
    )
    assert len(found.left_out) == 4
    text = found.files["Containerfile"]
    assert all("# Left out: " + line in text for line in found.left_out) and "RUN" not in text
    assert "/root/.condarc are different (channels)" in text


def test_the_image_is_named_by_digest_or_by_a_name_that_is_its_own():
    other = "mirror/base@sha256:" + "c" * 64
    of_name = exported(environment(), image={"digests": [other, DIGEST]})
    assert "FROM " + DIGEST in of_name.files["Containerfile"].splitlines()
    by_name = exported(environment(), image={"digests": [], "name": "b" * 12})
    assert "FROM ai/base:1" in by_name.files["Containerfile"].splitlines()
    gone_one = exported(environment(), image={"digests": [], "names": [], "there": False})
    assert "FROM ai/base:1" in gone_one.files["Containerfile"].splitlines()
    refused = container_export(container(environment(), image={"digests": [], "names": [], "name": "b" * 12}))
    assert refused.refused and not refused.files


def test_nothing_different_and_nothing_known():
    assert container_export(container(changed=False)) == ({}, None, [])
    for item in (
        {},
        container(status="unknown", reason="its layers are gone"),
        {"drift": {"status": "compared", "changed": True}},
    ):
        found = container_export(item)
        assert not found.files and found.refused.endswith(".") and "\n" not in found.refused


EVIL = (
    "x; touch /tmp/e",
    "x\nRUN rm -rf /",
    "-rf",
    "$(id)",
    "`id`",
    'a"]',
    "a\\",
    "../../etc",
    "ａ",
    "",
    None,
    7,
    "a" * 300,
)


PLACES = ("name", "version", "build", "pip", "pip version", "prefix", "pin", "removed", "program", "channel")
# Nothing at all is allowed in these places.
MAY_LACK = {("channel", None), ("program", None), ("program", ""), ("pip version", None), ("pip version", "")}


@pytest.mark.parametrize(
    ("place", "evil"), [(place, evil) for place in PLACES for evil in EVIL if (place, evil) not in MAY_LACK]
)
def test_a_hostile_container_is_refused_in_one_sentence(place, evil):
    good = package("numpy")
    items = {
        "name": environment(packages=[dict(good, name=evil)]),
        "version": environment(packages=[package("numpy", version=evil)]),
        "build": environment(packages=[package("numpy", build=evil)]),
        "pip": environment(pip=[{"name": evil, "change": "added", "before": None, "after": "1"}]),
        "pip version": environment(pip=[{"name": "six", "change": "added", "before": None, "after": evil}]),
        "prefix": environment(evil, packages=[good]),
        "pin": environment(pinned={"before": [], "after": [evil]}),
        "removed": environment(packages=[gone(evil)]),
        "program": environment(program=evil),
        "channel": environment(packages=[package("numpy", channel=evil)]),
    }
    found = container_export(container(items[place]))
    assert found.files == {} and found.refused
    assert re.fullmatch(r"[ -~]+\.", found.refused), found.refused


def test_comments_hold_no_line_of_a_container():
    evil = "/etc/x\nRUN touch /e"
    found = exported(
        environment(packages=[package("numpy")]),
        settings=[{"path": evil, "change": "added", "settings": [{"name": evil}], "complete": True}],
        mounted=[evil],
        image={"digests": [], "id": evil},
    )
    assert len(commands(found.files["Containerfile"])) == 1
    assert all(len(line) < 1000 for line in found.files["Containerfile"].splitlines())


def test_an_address_with_the_signs_of_a_shell_is_not_taken():
    url = FORGE + "/$(id)/numpy-1.0-0.conda"
    [command] = commands(exported(environment(packages=[package("numpy", url=url)])).files["Containerfile"])
    assert not any("$" in word for word in command)


def test_files_of_environments_of_one_name_do_not_meet():
    added = [environment(prefix, "added", [package("numpy")]) for prefix in ("/a/envs/x", "/b/envs/x", "/c/envs/.x")]
    names = sorted(exported(*added).files)
    assert len(names) == 7 and all(name == slug(name) for name in names)
