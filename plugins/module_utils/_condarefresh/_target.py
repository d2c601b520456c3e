# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which conda, or which environment, the user means."""

from __future__ import annotations

import os.path
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._arguments import ACTIVE, Arguments
from ansible_collections.labfleet.conda.plugins.module_utils._discover._places import HOME_PREFIXES, KNOWN_NAMES
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_there

# What a base prefix has; the journal stands for one whose conda a cut off change has taken away.
_OF_A_BASE = ("bin/conda", "bin/mamba", "bin/micromamba", "condabin/conda", ".labfleet-conda/journal.json")
_PROGRAMS = ("conda", "mamba")
_BASE_NAMES = ("base", "root")


class NoTarget(Exception):
    """Nothing can be chosen.

    :param key: the text that says why; values: what is put into it.
    """

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key, self.values = key, values


class Target(t.NamedTuple):
    """The base prefix whose tool is used, and the environment that is meant, None for the base prefix itself."""

    base: str
    environment: t.Optional[str] = None

    @property
    def prefix(self) -> str:
        return self.environment or self.base


def find_target(arguments: Arguments, variables: t.Mapping[str, str], home: str) -> Target:
    """Choose by the arguments, by what is active, by the search path, and by the usual places in the home.

    :raises NoTarget: there is nothing, or more than one thing, to choose from.
    """
    if arguments.prefix is not None:
        base = _absolute(arguments.prefix, variables, home)
        base = _base_of(base) or base
    else:
        base = _base_in_use(variables, home)
    if arguments.environment is None or arguments.environment in _BASE_NAMES:
        return Target(base)
    environment = _environment(arguments.environment, base, variables, home)
    return Target(base) if environment == base else Target(base, environment)


def _base_in_use(variables: t.Mapping[str, str], home: str) -> str:
    for name in ("CONDA_EXE", "_CONDA_EXE"):
        base = _base_of(os.path.dirname(os.path.dirname(variables.get(name) or "")))
        if base is not None:
            return base
    for name in ("CONDA_PREFIX", "CONDA_ROOT", "_CONDA_ROOT", "MAMBA_ROOT_PREFIX"):
        base = _base_of(variables.get(name) or "")
        if base is not None:
            return base
    for folder in (variables.get("PATH") or "").split(":"):
        if any(is_there("%s/%s" % (folder, name)) for name in _PROGRAMS):
            base = _base_of(os.path.dirname(folder.rstrip("/")))
            if base is not None:
                return base
    usual = ["%s/%s" % (home, name) for name in (*KNOWN_NAMES, *HOME_PREFIXES)]
    found = [path for path in dict.fromkeys(usual) if _is_base(path)]
    if not found:  # then one of somebody else, to say whose it is
        found = [path for path in map("/opt/".__add__, KNOWN_NAMES) if _is_base(path)]
    if not found:
        raise NoTarget("no_conda")
    if len(found) > 1:
        raise NoTarget("several", prefixes=", ".join(found))
    return found[0]


def _base_of(path: str) -> t.Optional[str]:
    """The base prefix that a path is, or whose environment it is; None where neither is."""
    path = path.rstrip("/")
    parent, below, _name = path.rpartition("/envs/")
    if below and _is_base(parent):
        return parent
    return path if _is_base(path) else None


def _is_base(path: str) -> bool:
    return path.startswith("/") and is_there(path + "/conda-meta") and any(map(is_there, _paths(path)))


def _paths(prefix: str) -> t.List[str]:
    return ["%s/%s" % (prefix, name) for name in _OF_A_BASE]


def _environment(name: str, base: str, variables: t.Mapping[str, str], home: str) -> str:
    if name == ACTIVE:
        active = variables.get("CONDA_PREFIX")
        if not active or not active.startswith("/"):
            raise NoTarget("no_active")
        return active.rstrip("/")
    if "/" in name:
        places = [_absolute(name, variables, home)]
    else:
        listed = (variables.get("CONDA_ENVS_PATH") or variables.get("CONDA_ENVS_DIRS") or "").split(":")
        folders = [*filter(None, listed), base + "/envs", home + "/.conda/envs"]
        places = ["%s/%s" % (folder.rstrip("/"), name) for folder in folders]
    for path in places:
        if is_there(path + "/conda-meta"):
            return path
    raise NoTarget("no_environment", name=name)


def _absolute(path: str, variables: t.Mapping[str, str], home: str) -> str:
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return os.path.normpath(os.path.join(variables.get("PWD") or "/", path))


__all__ = ("NoTarget", "Target", "find_target")
