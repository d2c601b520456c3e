# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which installation an environment belongs to, and which tool made it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._discover._places import base_of_command
from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment


class Parent(t.NamedTuple):
    """The base prefix an environment belongs to, and what tells so; both None where nothing does."""

    prefix: t.Optional[str]
    evidence: t.Optional[str]


_Directories = t.Mapping[str, t.Sequence[t.Tuple[t.Optional[str], str]]]


class Parents:
    """Answers for each environment of a survey.

    :param survey: what was found.
    :param installations: the installations among it.
    :param directories: for each directory of environments, by each of its names, for which user (None for
        everybody) which base prefix looks there.
    """

    def __init__(self, survey: Survey, installations: t.Iterable[Installation], directories: _Directories) -> None:
        self._survey = survey
        self._directories = directories
        self._prefixes = {item.prefix for item in installations if item.prefix}
        self._pixi = sorted(item.prefix for item in installations if item.kind == "pixi" and item.prefix)
        self._by_program = {item.program: item.prefix for item in installations if item.program and item.prefix}
        self._names: t.Dict[t.Tuple[int, int], t.List[str]] = {}
        for path, identity in survey.real.items():
            self._names.setdefault(identity, []).append(path)

    def of(self, environment: Environment) -> Parent:
        """The parent of one environment; a base prefix is its own."""
        if environment.prefix in self._prefixes:
            return Parent(environment.prefix, "it is a base prefix")
        holders = self._holders(environment)
        for holder in holders:
            if holder.endswith("/envs") and holder[: -len("/envs")] in self._prefixes:
                return Parent(holder[: -len("/envs")], "it lies in the envs directory")
        base = self._by_history(environment)
        if base is not None:
            return Parent(base, "a command in its history")
        if "pixi" in environment.directory_names or "pixi_env_prefix" in environment.directory_names:
            near = [item for item in self._pixi if environment.prefix.startswith(item.rpartition("/")[0] + "/")]
            return Parent((near or [None])[0], "pixi's mark")
        claims = {prefix for holder in holders for prefix in self._claims(environment, holder)}
        if len(claims) == 1:
            return Parent(claims.pop(), "the envs_dirs of its configuration")
        return Parent(None, None)

    def name_of(self, environment: Environment) -> t.Optional[str]:
        """The name under which its owner's conda knows an environment; None for one that only its path names."""
        if environment.prefix in self._prefixes:
            return "base"
        for path in self._paths(environment):
            holder, _slash, name = path.rpartition("/")
            own = holder.endswith("/envs") and holder[: -len("/envs")] in self._prefixes
            if own or self._claims(environment, holder):
                return name
        return None

    def _paths(self, environment: Environment) -> t.List[str]:
        """All paths under which an environment was found, its real one first."""
        others = sorted(self._names.get(environment.identity, ()))
        return [environment.prefix] + [path for path in others if path != environment.prefix]

    def _holders(self, environment: Environment) -> t.List[str]:
        return [path.rpartition("/")[0] for path in self._paths(environment)]

    def _claims(self, environment: Environment, holder: str) -> t.Set[str]:
        """The base prefixes that take environments from a directory, for everybody or for the owner of this one."""
        owner = self._survey.root.identities.user_name(environment.uid)
        return {prefix for user, prefix in self._directories.get(holder, ()) if user is None or user == owner}

    def _by_history(self, environment: Environment) -> t.Optional[str]:
        for change in (environment.history.first, environment.history.last):
            command = change.command if change else None
            base = self._known(base_of_command(command))
            if base is None and command:
                base = self._by_program.get(command.split(" ", 1)[0])
            if base is not None:
                return base
        return None

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


__all__ = ("Parent", "Parents", "made_by")
