# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports from the zip archive that a module is sent in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system import _zip_import

ROOM = "ansible_collections/labfleet/conda/plugins/module_utils/_system"
# A process that imports from the archive as a module does, and tells what was compiled, and from where modules come.
PROGRAM = """
import json, sys
compiled = []
if hasattr(sys, "addaudithook"):
    sys.addaudithook(lambda event, values: compiled.append(values[1]) if event == "compile" else None)
sys.path.insert(0, sys.argv[1])
from ansible_collections.labfleet.conda.plugins.module_utils._system._zip_import import ZipImporter, compile_once
compile_once()
from ansible_collections.labfleet.conda.plugins.module_utils._system import one
import other, other.inner
modules = [one, other, other.inner]
print(json.dumps({
    "compiled": [str(name) for name in compiled],
    "files": [module.__file__ for module in modules],
    "values": [module.VALUE for module in modules],
    "ours": isinstance(one.__spec__.loader, ZipImporter),
}))
"""


@pytest.fixture(name="archive")
def fixture_archive(tmp_path):
    path = tmp_path / "module.zip"
    with zipfile.ZipFile(path, "w") as archive:
        parts = ROOM.split("/")
        for depth in range(1, len(parts) + 1):
            archive.writestr("/".join(parts[:depth]) + "/__init__.py", "")
        archive.write(_zip_import.__file__, ROOM + "/_zip_import.py")
        archive.writestr(ROOM + "/one.py", "VALUE = 1\n")
        archive.writestr("other/__init__.py", "VALUE = 2\n")
        archive.writestr("other/inner.py", "VALUE = 3\n")
    return str(path)


def run(archive):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, archive],
        check=True,
        stdout=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
    )
    return json.loads(done.stdout.decode())


def test_modules_and_packages_are_imported_as_ever(archive):
    found = run(archive)
    assert found["values"] == [1, 2, 3]
    expected = [ROOM + "/one.py", "other/__init__.py", "other/inner.py"]
    assert found["files"] == [archive + "/" + name for name in expected]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="zipimport compiles once by itself")
def test_each_file_is_compiled_once(archive):
    found = run(archive)
    assert found["ours"]
    assert [found["compiled"].count(name) for name in found["files"]] == [1, 1, 1]


@pytest.mark.skipif(sys.version_info >= (3, 10), reason="for Pythons that need nothing")
def test_older_pythons_are_left_alone(archive):
    assert not run(archive)["ours"]


def test_a_process_that_was_not_sent_as_an_archive_is_left_alone():
    before = list(sys.path_hooks)
    _zip_import.compile_once()
    assert sys.path_hooks == before
