# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the entrypoint script as images do: under the shells that they have as sh, each with its own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import typing as t
from pathlib import Path

FILES = Path(__file__).resolve().parents[2] / "roles" / "entrypoint" / "files"
SCRIPT = FILES / "labfleet-conda-entrypoint.sh"
PARTS = tuple(sorted(FILES.glob("*.sh")))
SHELLS = ("dash", "bash", "busybox")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Shell(t.NamedTuple):
    """A shell that runs the script, and where it finds its tools."""

    name: str
    argv: tuple[str, ...]
    path: str
    script: Path = SCRIPT

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs the script with arguments."""
        return [*self.argv, str(self.script), *arguments]

    def environment(self, **settings: t.Any) -> dict[str, str]:
        """A small environment: names in lower case are settings of the script, others are taken as they are."""
        place = self.script.parent
        given = {"PATH": self.path, "HOME": str(place / "home"), "LABFLEET_CONDA_CONFIG": str(place / "none.conf")}
        for name, value in settings.items():
            given["LABFLEET_CONDA_" + name.upper() if name.islower() else name] = str(value)
        return given

    def run(
        self, *arguments: str, options: dict[str, t.Any] | None = None, **settings: t.Any
    ) -> subprocess.CompletedProcess[str]:
        """Run the script to its end; options are those of subprocess.run()."""
        given: dict[str, t.Any] = {"stdin": subprocess.DEVNULL, "timeout": 300, **(options or {})}
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, check=False,
            env=self.environment(**settings), **given,
        )  # fmt: skip


def shell(name: str, folder: Path) -> Shell | None:
    """A shell with a copy of the script below a folder; None where this machine has no such shell.

    That of busybox sees no tools but those of busybox.
    """
    program = shutil.which(name)
    if program is None:
        return None
    place = folder / name
    place.mkdir()
    for part in PARTS:
        shutil.copy2(part, place)
    script = place / SCRIPT.name
    if name != "busybox":
        return Shell(name, (program,), _PATH, script)
    tools = place / "tools"
    tools.mkdir()
    shutil.copy2(program, place)
    for applet in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (tools / applet).symlink_to(place / "busybox")
    flock = shutil.which("flock")
    if flock and not (tools / "flock").exists():  # Alpine's busybox has it, Debian's has not
        (tools / "flock").symlink_to(flock)
    return Shell(name, (str(place / "busybox"), "sh"), str(tools), script)


def fields(line: str) -> dict[str, str]:
    """The names and values of a line that the script has written; raises ValueError where it is none."""
    name, _space, rest = line.partition(" ")
    if name != "labfleet-conda-entrypoint":
        raise ValueError(f"not a line of the entrypoint: {line!r}")
    found = {}
    while rest:
        match = re.match(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]+)(?: |\Z)', rest)
        if match is None:
            raise ValueError(f"not logfmt: {rest!r}")
        value = match[2]
        found[match[1]] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        rest = rest[match.end() :]
    return found


def small_prefix(path: Path, conda: str = "26.7.1") -> Path:
    """What a script that only reads takes for a healthy base prefix: no conda can be started there."""
    (path / "conda-meta").mkdir(parents=True)
    (path / "bin").mkdir()
    (path / "conda-meta" / "history").write_text("")
    (path / "conda-meta" / f"conda-{conda}-py312_0.json").write_text("{}")
    (path / "conda-meta" / "conda-build-25.1.0-py312_0.json").write_text("{}")
    python, program = path / "bin" / "python", path / "bin" / "conda"
    python.write_text('#!/bin/sh\necho started >>"$0.log"\n')
    program.write_text(f"#!{python}\nimport sys\n")
    for file in (python, program):
        file.chmod(0o755)
    return path


__all__ = ("FILES", "PARTS", "SCRIPT", "SHELLS", "Shell", "fields", "shell", "small_prefix")
