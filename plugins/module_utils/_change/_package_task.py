# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The packages of environments: the module conda_package, which documents the options and the result.

What is imported here is all that a run needs that has nothing to do; the rest is imported once something is to be done.
"""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import Desired, parse_wanted, standing
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._glance import Glance, glance_at
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_wanted import (
    Requirement,
    parse_requirements,
    pip_standing,
)

_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]
_BASE_NAMES = ("base", "root")


class Wish(t.NamedTuple):
    """What is wanted of an environment.

    :param requirements: what is wanted of its pip, in the same state.
    :param pip_force: whether pip may replace what conda installed.
    """

    desired: Desired
    requirements: t.Tuple[Requirement, ...]
    pip_force: bool


def package(options: t.Mapping[str, t.Any], *, check: bool, note: _Note) -> _Map:
    """Bring the packages of one environment, or of several, to what is wanted.

    :param options: those of the module.
    :param check: plan only.
    :param note: takes what is being done, for a person who waits.
    :returns: the result of the module.
    :raises ChangeError: it was not done, in one environment at least; the error carries the result so far.
    """
    options = dict(options, environment=_environment_path(options))
    refuse_options(options)
    wish = _wish(options)
    if options["environments"] is not None:
        from ansible_collections.labfleet.conda.plugins.module_utils._change._package_many import change_many

        return change_many(options, wish, check=check, note=note)
    prefix = options["environment"] or options["prefix"]
    if prefix is None:
        raise Refused("Name a prefix, an environment, or environments.")
    glance = glance_at(str(prefix))
    if is_untouched(glance, wish):
        return unchanged(glance, wish)
    from ansible_collections.labfleet.conda.plugins.module_utils._change._package_work import change_one

    return change_one(options, wish, check=check, note=note)


def _environment_path(options: t.Mapping[str, t.Any]) -> t.Optional[str]:
    """The path of the environment, where an option names it by its name in the base prefix."""
    name, base = options["environment"], options["prefix"]
    if name is None or "/" in name:
        return name
    if base is None:
        raise Refused("environment: %r is a name: say by prefix in which installation, or give the path." % name)
    return None if name in _BASE_NAMES else "%s/envs/%s" % (base.rstrip("/"), name)


def _wish(options: t.Mapping[str, t.Any]) -> Wish:
    state = options["state"]
    if not options["name"] and not options["pip"]:
        raise Refused("Neither name nor pip asks for a package.")
    desired = Desired(parse_wanted(options["name"], state), state, options["with_dependents"])
    return Wish(desired, parse_requirements(options["pip"], state), options["pip_force"])


def is_untouched(glance: Glance, wish: Wish) -> bool:
    """Whether the files show that nothing is to be done.

    :raises Refused: pip would be asked to change what conda installed.
    """
    if glance.is_pending or glance.environment.records is None:
        return False
    desired = wish.desired
    if not standing(desired.specs, desired.state, glance.environment.records, glance.content).is_met:
        return False
    if not wish.requirements:
        return True
    has_url = any(item.url for item in wish.requirements)
    installed = glance.python_packages(with_origin=has_url)
    return pip_standing(wish.requirements, desired.state, installed, forced=wish.pip_force).is_met


def unchanged(glance: Glance, wish: Wish) -> _Map:
    """The result of a run that has nothing to do."""
    versions = versions_in(glance, wish)
    return {
        "changed": False,
        "prefix": glance.prefix,
        "outcome": "unchanged",
        "before": versions,
        "after": versions,
        "packages": [],
        "diagnoses": [],
        "recovered": None,
        "snapshot": None,
        "tool": None,
    }


def versions_in(glance: Glance, wish: Wish) -> t.Dict[str, str]:
    """The versions of what is wanted, as far as it is there."""
    names = [spec.name for spec in wish.desired.specs]
    found = {name: glance.environment.version_of(name) for name in names}
    if wish.requirements:
        installed = glance.python_packages()
        found.update((item.name, installed[item.name].version) for item in wish.requirements if item.name in installed)
    return {name: version for name, version in found.items() if version}


__all__ = ("ChangeError", "Wish", "is_untouched", "package", "unchanged", "versions_in")
