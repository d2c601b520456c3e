# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What it takes for a conda to use another solver: the packages that bring it, and a line in the condarc."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._discover._solver import default_solver
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version

KEEP = "keep"
_PACKAGES = {"libmamba": "conda-libmamba-solver", "rattler": "conda-rattler-solver"}
# The first conda that can be told to use it by the key solver (CHANGELOG 22.11.0); rattler as a plugin since 25.x.
_SINCE = {"libmamba": "22.11", "rattler": "25.7", "classic": "4.3"}


class SolverWish(t.NamedTuple):
    """What is to be done for a solver.

    :param packages: match specs of what brings it.
    :param condarc: the solver to write into the condarc of the prefix; None where nothing is to be written.
    """

    packages: t.Tuple[str, ...] = ()
    condarc: t.Optional[str] = None


def solver_wish(place: Place, wanted: str) -> SolverWish:
    """What is to be done so that a conda uses a solver.

    :param wanted: C(keep), or the name of a solver.
    :raises Refused: this conda cannot have it, or a setting that stands above the condarc of the prefix says otherwise.
    """
    if wanted == KEEP or place.installation.kind != "conda" or place.solver == wanted:
        return SolverWish()
    version = place.version or "0"
    if _is_before(version, _SINCE[wanted]):
        text = "conda %s of %s cannot use the solver %s: it needs conda %s. Update it first, with solver: keep."
        raise Refused(text % (version, place.prefix, wanted, _SINCE[wanted]))
    setting = place.configuration.settings.get("solver") if place.configuration else None
    own = place.prefix + "/.condarc"
    if setting is not None and setting.value != wanted and str(setting.source) != own:
        text = "%s says solver: %s for %s, so that %s cannot be put in force in %s: change it there."
        raise Refused(text % (setting.source, setting.value, place.prefix, wanted, own))
    package = _PACKAGES.get(wanted)
    default, _since = default_solver(version)
    needs_line = setting is not None or default != wanted
    return SolverWish((package,) if package else (), wanted if needs_line else None)


def _is_before(one: str, other: str) -> bool:
    try:
        return parse_version(one) < parse_version(other)
    except InvalidVersion:
        return True


__all__ = ("KEEP", "SolverWish", "solver_wish")
