# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for conda, in real processes, whose shape is that of the real ones as far as our part in them reaches."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.labfleet.conda.plugins.module_utils._change._held_plan import ask_for_plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import DEFAULTS, Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Supervised

MAIN = """
import os, sys
from . import common, install as installer
def main(*args):
    with open(os.environ["ROOT"] + "/pid", "w") as stream:
        stream.write(str(os.getpid()))
    if "info" in sys.argv:
        common.stdout_json_success(root_prefix=os.environ["ROOT"], conda_version=os.environ["VERSION"])
    elif "--version" in sys.argv:
        print("conda " + os.environ["VERSION"])
    elif "fails" in sys.argv:
        common.stdout_json_success(success=False, error="x", exception_name="UnsatisfiableError")
        return 1
    elif "labfleet-check" in sys.argv or "--dry-run" in sys.argv:
        link = [{"name": "labfleet-check", "version": "1", "build_string": "0"}]
        common.stdout_json_success(actions={"LINK": link, "UNLINK": []}, dry_run=True)
    elif "there" in sys.argv:
        common.stdout_json_success(message="All requested packages already installed.")
    else:
        installer.install()
        common.stdout_json_success(actions={"LINK": ["x-2-0"], "UNLINK": ["x-1-0"]})
"""
COMMON = """
import json, sys
def stdout_json_success(success=True, **more):
    json.dump(dict(more, success=success), sys.stdout)
"""
INSTALL = """
import os, sys
from ..core.link import UnlinkLinkTransaction
def execute_actions(actions, index, verbose=False):
    UnlinkLinkTransaction().execute()
def install():
    if hasattr(UnlinkLinkTransaction, "_make_legacy_action_groups"):
        UnlinkLinkTransaction().download_and_extract()
        UnlinkLinkTransaction().execute()
    else:
        execute_actions({"LINK": [{"name": "x", "version": "2", "build_string": "0"}], "UNLINK": []}, None)
"""
LINK = """
import os, sys
class UnlinkLinkTransaction(object):
    def execute(self):
        with open(os.environ["ROOT"] + "/done", "a") as stream:
            stream.write(" ".join(sys.argv) + "\\n")
"""
SINCE_4_5 = """
    def download_and_extract(self):
        open(os.environ["ROOT"] + "/downloaded", "w").close()
    def _make_legacy_action_groups(self):
        return [{"LINK": [{"name": "x", "version": "2", "build_string": "0"}], "UNLINK": []}]
"""
SHELL = """#!/bin/sh
'''exec' %s "$0" "$@"
'''
import conda.cli, sys
sys.exit(conda.cli.main())
"""
SOLVERS = "conda/resolve.py", "libmambapy.py", "conda_libmamba_solver.py"


def both(driver, specs):
    """The dry run, and the command that does it."""
    return [ask(specs, DEFAULTS, prefix=driver.prefix) for ask in (driver.tool.plan, driver.tool.apply)]


class StandIn:
    """A prefix with the stand-in, and its driver."""

    def __init__(self, folder: Path, version: str, python: str) -> None:
        self.root = folder
        link = LINK if version.startswith("4.3") else LINK + SINCE_4_5
        files = {"conda/cli/__init__.py": MAIN, "conda/cli/common.py": COMMON, "conda/cli/install.py": INSTALL}
        files.update(
            {"conda/core/link.py": link, "conda/base/context.py": "class context(object): subdir = 'linux-64'"}
        )
        files.update(
            dict.fromkeys(("conda/__init__.py", "conda/core/__init__.py", "conda/base/__init__.py", *SOLVERS), "")
        )
        for name, text in files.items():
            path = folder / "bin" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        program = folder / "bin" / "the-conda"
        program.write_text(f"#!{python}\nimport conda.cli, sys\nsys.exit(conda.cli.main())\n")
        program.chmod(0o755)
        environment = {"ROOT": str(folder), "VERSION": version, "XDG_CACHE_HOME": str(folder), "PATH": "/usr/bin:/bin"}
        environment["PYTHONPATH"] = str(folder / "bin")  # where the real one is found by itself
        self.tool = Tool("conda", version, str(program), str(folder), python)
        self.driver = Driver(self.tool, Supervised(), environment)
        self.meanwhile = 0

    def ask(self, *specs: str, seconds: float = 60):
        return ask_for_plan(self.driver, *both(self.driver, specs), seconds=seconds, meanwhile=self.note)

    def change(self, name: str, old: str, new: str) -> None:
        """Change what is in one of its files."""
        path = self.root / "bin" / name
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new))

    def note(self) -> None:
        self.meanwhile += 1

    def made(self) -> list[str]:
        return sorted(name for name in ("done", "downloaded") if (self.root / name).exists())
