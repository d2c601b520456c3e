# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which installation an environment belongs to, and which tool made it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey, base_of_command
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment


class Parent(t.NamedTuple):
    """The base prefix an environment belongs to, and what tells so; both None where nothing does."""

    prefix: t.Optional[str]
    evidence: t.Optional[str]


class Parents:
    """Answers for each environment of a survey.

    :param survey: what was found.
    :param installations: the installations among it.
    :param environment_directories: the directories that each base prefix takes environments from, as
        its configuration says.
    """

    def __init__(
        self,
        survey: Survey,
        installations: t.Iterable[Installation],
        environment_directories: t.Mapping[str, t.Collection[str]],
    ) -> None:
        self._survey = survey
        self._prefixes = {item.prefix for item in installations if item.prefix}
        self._pixi = sorted(item.prefix for item in installations if item.kind == "pixi" and item.prefix)
        self._by_program = {item.program: item.prefix for item in installations if item.program and item.prefix}
        self._claims: t.Dict[str, t.Set[str]] = {}
        for prefix, directories in environment_directories.items():
            for directory in directories:
                self._claims.setdefault(directory, set()).add(prefix)

    def of(self, environment: Environment) -> Parent:
        """The parent of one environment; a base prefix is its own."""
        prefix = environment.prefix
        if prefix in self._prefixes:
            return Parent(prefix, "it is a base prefix")
        holder = prefix.rpartition("/")[0]
        if holder.endswith("/envs") and holder[: -len("/envs")] in self._prefixes:
            return Parent(holder[: -len("/envs")], "it lies in the envs directory")
        for change in (environment.history.first, environment.history.last):
            command = change.command if change else None
            base = self._known(base_of_command(command))
            if base is None and command:
                base = self._by_program.get(command.split(" ", 1)[0])
            if base is not None:
                return Parent(base, "a command in its history")
        if "pixi" in environment.directory_names or "pixi_env_prefix" in environment.directory_names:
            near = [item for item in self._pixi if prefix.startswith(item.rpartition("/")[0] + "/")]
            return Parent((near or [None])[0], "pixi's mark")
        claims = self._claims.get(holder, set())
        if len(claims) == 1:
            return Parent(next(iter(claims)), "the envs_dirs of its configuration")
        return Parent(None, None)

    def _known(self, base: t.Optional[str]) -> t.Optional[str]:
        """The installation at a base prefix that a command names, by whichever of its names."""
        if base is None:
            return None
        identity = self._survey.identity(base)
        real = self._survey.environments[identity].prefix if identity else base
        return real if real in self._prefixes else None


def made_by(environment: Environment) -> t.Optional[str]:
    """The tool that made an environment: conda, mamba, micromamba, pixi, or another program's name."""
    if "pixi" in environment.directory_names or "pixi_env_prefix" in environment.directory_names:
        return "pixi"
    first = environment.history.first
    if first is None or not first.command:
        return None
    program = first.command.split(" ", 1)[0]
    if program.endswith("__main__.py"):
        return "conda"  # python -m conda
    return program.rsplit("/", 1)[-1] or None


def environment_name(prefix: str, base_prefixes: t.Collection[str], directories: t.Collection[str]) -> t.Optional[str]:
    """The name under which conda knows an environment; None for one that only its path names."""
    if prefix in base_prefixes:
        return "base"
    holder, _slash, name = prefix.rpartition("/")
    return name if holder.endswith("/envs") or holder in directories else None


__all__ = ("Parent", "Parents", "environment_name", "made_by")
