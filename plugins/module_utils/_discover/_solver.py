# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which solver a conda uses, and what says so."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import Setting

# conda's own defaults: classic; libmamba from 23.10 (CHANGELOG 23.10.0); rattler announced for 26.10 (conda
# documentation, user-guide/concepts/solvers).
_DEFAULTS = (((26, 10), "rattler"), ((23, 10), "libmamba"))
# The key was experimental_solver before 22.11 (CHANGELOG 4.12.0, 22.11.0).
_PACKAGES = {
    "libmamba": "conda-libmamba-solver",
    "libmamba-draft": "conda-libmamba-solver",
    "rattler": "conda-rattler-solver",
}


def solver_in_force(
    installation: Installation, settings: t.Mapping[str, Setting], unread: t.Sequence[str]
) -> t.Optional[t.Dict[str, t.Any]]:
    """The solver of an installation under some settings.

    :param unread: files of settings that are there and could not be read; any of them could decide.
    :returns: None for other tools than conda; else a map with C(name), C(version) of the package that provides
        it, C(source) and C(available); the name is None where it is unknown.
    """
    if installation.kind != "conda":
        return None
    setting = settings.get("solver")
    if unread and not (setting is not None and setting.final):
        return {
            "name": None,
            "version": None,
            "source": "unknown, since %s could not be read" % unread[0],
            "available": None,
        }
    if setting is not None and isinstance(setting.value, str):
        name, source = t.cast(t.Optional[str], setting.value), t.cast(t.Optional[str], setting.source)
    else:
        name, source = default_solver(installation.version)
    package = _PACKAGES.get(name or "")
    version = installation.versions.get(package) if package else None
    available = name == "classic" or version is not None
    return {"name": name, "version": version, "source": source, "available": available}


def default_solver(conda_version: t.Optional[str]) -> t.Tuple[t.Optional[str], t.Optional[str]]:
    """The solver that a version of conda uses when nobody says otherwise, and since when.

    conda's own versions start with two plain numbers (CEP 8 and before it), which is all that matters here.
    """
    parts = (conda_version or "").split(".")
    if len(parts) < 2 or not parts[0].isdigit() or not parts[1].isdigit():
        return None, None
    for since, name in _DEFAULTS:
        if (int(parts[0]), int(parts[1])) >= since:
            return name, "default since conda %d.%d" % since
    return "classic", "default before conda 23.10"


__all__ = ("default_solver", "solver_in_force")
