# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test sanity with the oldest and the newest ansible-core, and the oldest and the newest Python for each."""

from __future__ import annotations

import ast
import configparser
import os
import re
from pathlib import Path

import pytest
from gates import toolbox

# ansible-test wants to download get-pip.py, which a closed network does not allow. This does the same with the pip that
# Python carries. It starts a process because ensurepip, called in this one, would hide the configuration of pip.
GET_PIP = """
import subprocess
import sys

sys.exit(subprocess.call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL))
"""


# The oldest Python on hosts that the newest ansible-core supports.
OLDEST_OF_NEWEST = "3.9"


def run_sanity(core: toolbox.Core, scratch: Path, *runs: tuple[str, ...]) -> str:
    """Run sanity tests of one ansible-core on a copy of the collection and return what ansible-test prints.

    ``runs`` are the options of ansible-test sanity, for each time that it is started.
    """
    collection = toolbox.copy_collection(scratch)
    bins = [toolbox.core_venv(core)]
    ends = (toolbox.TARGET_PYTHONS[0], OLDEST_OF_NEWEST, toolbox.TARGET_PYTHONS[-1])
    bins += [found.parent for found in map(toolbox.find_python, ends) if found]
    env = toolbox.environment(*bins, toolbox.tools(), HOME=str(prepare_home(core)))
    # The shims of pyenv stand for Pythons that do not start.
    env["PATH"] = os.pathsep.join(name for name in env["PATH"].split(os.pathsep) if not name.endswith("/shims"))
    command = [bins[0] / "ansible-test", "sanity", "--color", "no", "--truncate", "0"]
    return "".join(toolbox.run([*command, *options], cwd=collection, env=env, timeout=1200) for options in runs)


def prepare_home(core: toolbox.Core) -> Path:
    """Return a home folder for ansible-test, kept between runs for the virtual environments that it makes there."""
    home = toolbox.cache() / "ansible-test" / core.series
    stored = home / ".ansible" / "test" / "cache"
    stored.mkdir(parents=True, exist_ok=True)
    for path in toolbox.core_venv(core).parent.glob("lib/*/site-packages/ansible_test/_internal"):
        for version in re.findall(r"\bpip='([0-9.]+)'", (path / "python_requirements.py").read_text("utf-8")):
            (stored / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP, encoding="ascii")
    _hand_over_pip_settings(home / ".config" / "pip" / "pip.conf")
    return home


def _hand_over_pip_settings(path: Path) -> None:
    """Write the pip settings in force here to a file: ansible-test drops PIP_* and the home from the environment."""
    settings = configparser.RawConfigParser()
    settings.add_section("global")
    listed = toolbox.run([toolbox.tools() / "python", "-m", "pip", "config", "list"], cwd=Path("/"))
    for line in listed.splitlines():
        key, value = line.split("=", 1)
        section, option = key.rsplit(".", 1)
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        settings.set(section, option, ast.literal_eval(value))
    settings.set("global", "quiet", "2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        settings.write(stream)  # an index address may hold a password


def test_sanity(core: toolbox.Core, tmp_path: Path) -> None:
    said = run_sanity(core, tmp_path, ("--skip-test", "pylint"))
    print(said)
    done = set(re.findall(r'^Running sanity test "([a-z0-9-]+)"', said, flags=re.MULTILINE))
    wanted = {"compile", "import", "validate-modules", "pep8"}
    assert wanted <= done, "the essential sanity tests did not run"
    for line in re.findall(r"^WARNING: ((?:Skipping|Required program) .*)", said, flags=re.MULTILINE):
        toolbox.REPORT.append(f"ansible-core {core.series}: {line}")


@pytest.mark.long  # two minutes; ruff, which the test of style runs, tells most of it at once
@pytest.mark.parametrize("folder", ["plugins/", "tests/"])
def test_pylint(folder: str, tmp_path: Path) -> None:
    assert 'Running sanity test "pylint"' in run_sanity(toolbox.CORES[-1], tmp_path, ("--test", "pylint", folder))


def test_no_ignore_without_reason() -> None:
    lines = [
        (path.name, line)
        for path in (toolbox.CHECKOUT / "tests" / "sanity").glob("ignore-*.txt")
        for line in path.read_text("utf-8").splitlines()
    ]
    silent = [where for where in lines if not re.search(r"#.{10,}", where[1])]
    assert not silent, "each sanity ignore needs its reason after a '#' on the same line"
