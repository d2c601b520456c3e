# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one file of condarefresh: what is in it, that it is always the same, and which Python it takes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils import _program_file
from ansible_collections.labfleet.conda.plugins.plugin_utils._program_file import closure, program

FAKE = """#!/bin/sh
case $3 in -c) exit {fits};; esac
echo "{name} $*"
"""


@pytest.fixture
def command(tmp_path):
    """The command, as it is on a machine without any Python of the system."""
    text = program()
    head, exit_line, rest = text.partition(b"\nexit 3\n")
    for path in (b"/usr/bin/python3", b"/usr/local/bin/python3"):
        head = head.replace(path, b"/nowhere/python3")
    path = tmp_path / "condarefresh"
    path.write_bytes(head + exit_line + rest)
    path.chmod(0o755)
    return path


def python_in(folder, *, name, fits=True):
    """A stand-in for a Python that tells how it is started."""
    folder.mkdir(parents=True)
    path = folder / "python3"
    path.write_text(FAKE.format(name=name, fits=0 if fits else 1))
    path.chmod(0o755)
    return str(folder)


def run(command, *folders, **variables):
    env = {"PATH": ":".join(folders), **variables}
    return subprocess.run(["/bin/sh", str(command), "--check"], env=env, capture_output=True, text=True, check=False)


def test_the_same_sources_give_the_same_bytes_wherever_and_whenever(tmp_path):
    copy = tmp_path / "elsewhere" / "plugins"
    shutil.copytree(_program_file._PLUGINS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert program(copy) == program()
    changed = copy / "module_utils/_condarefresh/_texts.py"
    changed.write_text(changed.read_text() + "\n")
    assert program(copy) != program()


def test_it_holds_what_it_needs_and_nothing_else():
    with zipfile.ZipFile(io.BytesIO(program())) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    files = {name for name in names if not name.endswith("__init__.py")}
    inside = "ansible_collections/labfleet/conda/plugins/module_utils/"
    assert "__main__.py" in files and inside + "_change/_update.py" in files
    assert all(name.startswith(inside) for name in files - {"__main__.py"})
    assert not any("/_audit/" in name or "/modules/" in name for name in files)
    assert {name.rpartition("/")[0] + "/__init__.py" for name in files if "/" in name} <= set(names)


def test_code_that_needs_ansible_core_is_not_taken_in(tmp_path):
    (tmp_path / "module_utils").mkdir()
    (tmp_path / "module_utils/_x.py").write_text("def f():\n    from ansible.module_utils.basic import AnsibleModule\n")
    with pytest.raises(ValueError, match="module_utils._x imports ansible"):
        closure(["module_utils._x"], tmp_path)


def test_it_starts_by_itself(tmp_path):
    path = tmp_path / "condarefresh"
    path.write_bytes(program())
    path.chmod(0o755)
    done = subprocess.run([str(path), "--help"], capture_output=True, text=True, check=False, env={"LANG": "C"})
    assert done.returncode == 0 and done.stdout.startswith("Usage: condarefresh"), done


@pytest.mark.parametrize(
    ("language", "said"), [("zh_CN.UTF-8", "需要 Python 3.7"), ("de_DE.UTF-8", "needs Python 3.7")]
)
def test_without_a_python_it_says_so(command, tmp_path, language, said):
    old = python_in(tmp_path / "old", name="old", fits=False)
    done = run(command, old, LANG=language)
    assert done.returncode == 3 and said in done.stderr and done.stdout == ""


def test_the_python_of_conda_is_the_last_that_it_takes(command, tmp_path):
    conda = python_in(tmp_path / "conda/bin", name="conda")
    (tmp_path / "conda/conda-meta").mkdir()
    other = python_in(tmp_path / "other", name="other")
    assert run(command, conda, "relative", other).stdout == f"other -I -B {command} --check\n"
    assert run(command, conda).stdout == f"conda -I -B {command} --check\n"
