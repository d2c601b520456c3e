# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of an environment and a file of settings that are different in a container and its image."""

from __future__ import annotations

import json

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._discover._drift import (
    cut_short,
    environment_drift,
    settings_drift,
    tools_drift,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options, ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted, check_wanted
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import parse_condarc
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import read_environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

FORGE = "https://conda.anaconda.org/conda-forge/linux-64/"


@pytest.fixture
def read(tmp_path):
    """Read an environment with these records (name, version, build, more) and pins."""
    made = []

    def make(*records, pins="", pip=()):
        top = tmp_path / str(len(made))
        made.append(top)
        meta = top / "e" / "conda-meta"
        meta.mkdir(parents=True)
        (meta / "history").touch()
        for name, version, build, more in records:
            text = more
            if isinstance(more, dict):
                text = json.dumps({"name": name, "version": version, "build": build, **more})
            (meta / ("%s-%s-%s.json" % (name, version, build))).write_text(text)
        if pins:
            (meta / "pinned").write_text(pins)
        for name in pip:
            (top / "e/lib/python3.12/site-packages" / name).mkdir(parents=True)
        with Root(str(top)).directory("/e") as directory:
            return read_environment(directory, report=Report(), with_details=True)

    return make


def changes(found):
    return {item["name"]: item["change"] for item in found["packages"]}


NUMPY = ("numpy", "1.0", "0", {"url": FORGE + "numpy-1.0-0.conda", "md5": "a" * 32})


def test_packages_are_added_changed_and_removed(read):
    before = read(NUMPY, ("mkl", "1", "0", {}), ("zlib", "1", "0", {}))
    after = read(("numpy", "1.0", "1", {}), ("six", "1", "0", {}), ("zlib", "1", "0", {}))
    found = environment_drift(before, after)
    assert changes(found) == {"mkl": "removed", "numpy": "changed", "six": "added"}
    assert (found["change"], found["complete"], found["pinned"]) == ("changed", True, None)
    numpy = next(item for item in found["packages"] if item["name"] == "numpy")
    assert (numpy["before"]["build"], numpy["after"]["build"]) == ("0", "1")
    assert numpy["before"]["channel"] == "conda-forge"


@pytest.mark.parametrize(
    "more", [{"url": FORGE.replace("conda-forge", "other") + "numpy-1.0-0.conda"}, {**NUMPY[3], "md5": "b" * 32}]
)
def test_another_channel_and_another_archive_of_the_same_version_count(read, more):
    assert changes(environment_drift(read(NUMPY), read((*NUMPY[:3], more)))) == {"numpy": "changed"}


def test_the_same_is_nothing(read):
    assert environment_drift(read(NUMPY, pins="numpy 1\n"), read(NUMPY, pins="# why\nnumpy 1\n")) is None


def test_what_cannot_be_read_is_unknown_and_not_removed(read):
    found = environment_drift(read(NUMPY), read((*NUMPY[:3], "not JSON")))
    assert (found["change"], found["complete"], found["packages"]) == ("unknown", False, [])


def test_environments_come_and_go(read):
    assert environment_drift(None, read(NUMPY))["change"] == "added"
    gone = environment_drift(read(NUMPY, pins="numpy 1\n"), None)
    assert gone["change"] == "removed" and changes(gone) == {"numpy": "removed"}
    assert gone["pinned"] == {"before": ["numpy 1"], "after": []}


def test_pip_packages_are_compared_by_their_normal_names(read):
    python = ("python", "3.12.1", "0", {})
    before = read(python, pip=["Foo_Bar-1.0.dist-info", "same-1.dist-info"])
    after = read(python, pip=["foo.bar-2.0.dist-info", "same-1.dist-info", "new-3.dist-info"])
    assert environment_drift(before, after)["pip_packages"] == [
        {"name": "foo-bar", "change": "changed", "before": "1.0", "after": "2.0"},
        {"name": "new", "change": "added", "before": None, "after": "3"},
    ]


def test_the_versions_of_tools_are_told_apart(read):
    found = environment_drift(read(("conda", "4.10.3", "0", {})), read(("conda", "26.9.4", "0", {}), NUMPY))
    same = environment_drift(read(("mamba", "2.0", "0", {})), read(("mamba", "2.0", "1", {})))
    assert tools_drift([{"prefix": "/opt/conda", **found}, {"prefix": "/b", **same}]) == [
        {"prefix": "/opt/conda", "name": "conda", "before": "4.10.3", "after": "26.9.4"}
    ]


def condarc(text):
    return parse_condarc(text.encode(), path="/root/.condarc", tier="system")


def test_settings_are_compared_by_their_values():
    before = condarc("channels: [a, b]\nssl_verify: true\nauto_update_conda: false\n")
    after = condarc("# mine\nchannels:\n  - a\n  - b\nssl_verify: false\noffline: true\n")
    found = settings_drift("/root/.condarc", before, after)
    assert {item["name"]: (item["before"], item["after"]) for item in found["settings"]} == {
        "auto_update_conda": (False, None),
        "offline": (None, True),
        "ssl_verify": (True, False),
    }
    assert settings_drift("/root/.condarc", before, before) is None
    assert settings_drift("/root/.condarc", None, condarc(""))["change"] == "added"


def test_secrets_in_settings_are_masked_although_their_names_stand_apart():
    before, after = condarc("my_token: abc-def\n"), condarc("my_token: ghi-jkl\nproxy: https://u:pass-word@h/\n")
    found = settings_drift("/root/.condarc", before, after)
    assert [item["change"] for item in found["settings"]] == ["changed", "added"]
    assert not any(secret in json.dumps(found) for secret in ("abc-def", "ghi-jkl", "pass-word"))


def test_more_changes_than_can_be_told_are_cut_short_and_not_complete():
    def changes(number):
        return [{"name": str(place)} for place in range(number)]

    environments = [
        {"prefix": prefix, "packages": changes(number), "pip_packages": changes(number), "complete": True}
        for prefix, number in (("/a", 2), ("/b", 3), ("/c", 1))
    ]
    assert cut_short(environments, 8) == ["/b", "/c"]
    assert [len(item["packages"]) + len(item["pip_packages"]) for item in environments] == [4, 4, 0]
    assert [item["complete"] for item in environments] == [True, False, False]


def test_a_file_of_settings_that_cannot_be_read_is_unknown():
    found = settings_drift("/root/.condarc", condarc("offline: true\n"), condarc("\t{"))
    assert found["complete"] is False


def test_drift_of_no_containers_is_refused():
    with pytest.raises(ScanError, match="drift is that of containers"):
        check_wanted(Options(), Wanted("none", drift=True))
