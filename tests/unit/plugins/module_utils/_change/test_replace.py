# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a new base comes from: installers, lists of packages, and the tools that install them."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._replace import is_done, replace
from ansible_collections.labfleet.conda.plugins.module_utils._change._source import (
    explicit_packages,
    how_it_failed,
    installer_head,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished

from .trees import base, package, write

MD5, SHA256 = "0" * 32, "a" * 64
URL = "https://conda.example/main/linux-64/"


def test_the_head_of_an_installer_tells_what_it_is():
    head = "#!/bin/sh\n#\n# NAME:  Miniforge3\n# VER:   26.7.2-0\n# PLAT:  linux-64\n# MD5:   0\n"
    assert installer_head(head) == {"name": "Miniforge3", "version": "26.7.2-0", "platform": "linux-64"}
    with pytest.raises(Refused, match="it is for osx-arm64"):
        installer_head(head.replace("linux-64", "osx-arm64"))


@pytest.mark.parametrize("text", ["", "#!/bin/sh\necho\n", "<html>", "# NAME: x\n# VER: 1\n", "#!/bin/sh\n# NAME: x\n"])
def test_what_is_no_installer_is_refused(text):
    with pytest.raises(Refused, match="does not begin as an installer"):
        installer_head(text)


def test_a_list_of_packages_is_read():
    lines = [
        "# This file may be used to create an environment",
        "@EXPLICIT",
        URL + "conda-4.3.16-py36_0.tar.bz2#" + MD5,
        URL + "python-3.13.2-hab_0_cp313.conda#" + SHA256,
        URL + "six-1-0.conda#sha256:" + SHA256,
        "",
    ]
    packages = explicit_packages("\n".join(lines))
    assert [package[:3] for package in packages] == [
        ("conda", "4.3.16", "py36_0"),
        ("python", "3.13.2", "hab_0_cp313"),
        ("six", "1", "0"),
    ]
    assert packages[2].url == URL + "six-1-0.conda"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (URL + "six-1-0.conda", "no checksum"),
        (URL + "six-1-0.conda#123", "no checksum"),
        (URL + "six.zip#" + MD5, "no address of a package"),
        ("six-1-0#" + MD5, "no address of a package"),
    ],
)
def test_what_cannot_be_checked_is_refused(line, why):
    good = URL + "conda-4.3.16-py36_0.tar.bz2#" + MD5
    with pytest.raises(Refused, match=why):
        explicit_packages("@EXPLICIT\n%s\n%s\n" % (good, line))


def test_a_list_without_its_mark_or_without_conda_is_refused():
    with pytest.raises(Refused, match="@EXPLICIT"):
        explicit_packages(URL + "conda-4.3.16-py36_0.tar.bz2#" + MD5)
    with pytest.raises(Refused, match="makes no base"):
        explicit_packages("@EXPLICIT\n%ssix-1-0.conda#%s\n" % (URL, MD5))


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (Finished(0, b"", b"", 1), None),
        (Finished(0, b"", b"", 1, timed_out=True), "longer than 5 s"),
        (Finished(0, b"", b"", 1, interrupted=15), "signal 15"),
        (Finished(3, b"out", b"", 1), "exit code 3. It says: out"),
        (Finished(-9, b"out", b"err\n", 1), "exit code -9. It says: err"),
    ],
)
def test_how_a_program_failed(done, said):
    failed = how_it_failed("It", done, 5)
    assert (failed is None) if said is None else (said in str(failed))


class Place:
    """What is_done() looks at."""

    def __init__(self, prefix, version="4.3.16"):
        self.prefix, self.version = str(prefix), version
        self.installation = self
        self.kind, self.program = "conda", "bin/conda"
        self.environment = self
        self.records = ()


def test_a_base_that_came_from_the_same_file_is_done(tmp_path):
    options = {"version": "any", "sha256": SHA256.upper()}
    place = Place(tmp_path)
    assert not is_done(place, options)
    text = '{"sha256": "%s", "kind": "conda", "version": "%s"}'
    write(place.prefix, ".labfleet-conda/replaced.json", text % (SHA256, "4.3.16"))
    assert is_done(place, options)
    assert is_done(Place(tmp_path, "4.4"), options)  # updated since
    assert not is_done(Place(tmp_path, "4.3.13"), options)  # an older snapshot was restored since
    assert not is_done(Place(tmp_path, None), options)  # its conda is gone
    assert not is_done(place, dict(options, sha256="b" * 64))
    write(place.prefix, ".labfleet-conda/replaced.json", "[]")
    assert not is_done(place, options)


GIVEN = {
    "installer": "/nowhere.sh",
    "lock": None,
    "sha256": SHA256,
    "version": "any",
    "override_frozen": False,
    "trusted_writers": [],
}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"sha256": "abc"}, "is no SHA-256 sum"),
        ({"version": "newest"}, "cannot be told of a file"),
        ({"version": "=>1"}, "neither a version"),
        ({}, "marked as frozen"),
    ],
)
def test_options_that_cannot_be_met_are_refused(tmp_path, options, why):
    base(tmp_path / "base")
    with pytest.raises(Refused, match=why):
        replace(dict(GIVEN, prefix=str(tmp_path / "base"), **options), check=False, note=print)


def test_a_path_with_blanks_is_refused_since_installers_refuse_it(tmp_path):
    base(tmp_path / "ba se")
    package(str(tmp_path / "ba se"), "six-1-0", {"lib/six.py": ""})
    with pytest.raises(Refused, match="blanks"):
        replace(dict(GIVEN, prefix=str(tmp_path / "ba se"), override_frozen=True), check=False, note=print)


def test_an_environment_that_is_no_base_is_refused(tmp_path):
    write(str(tmp_path / "env"), "conda-meta/history", "")
    with pytest.raises(Refused, match="name a base prefix"):
        replace(dict(GIVEN, prefix=str(tmp_path / "env")), check=False, note=print)
