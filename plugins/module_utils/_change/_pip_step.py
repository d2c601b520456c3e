# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The packages of pip of an environment, as a file asks for them: what pip is told, and what has become of them."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    INSTALLED,
    REMOVED,
    UPDATED,
    PackageChange,
    package_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_run import BUILD, CHANNEL, Pip
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_wanted import Installed
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_wanted import Requirement as Wanted
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._spec._python_version import Specifiers
from ansible_collections.labfleet.conda.plugins.module_utils._spec._requirement import parse_requirement
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text

_NEWEST = "newest"


class PipStep:
    """One run of pip.

    :param lines: requirements and options, as lines of a requirements file.
    :param extras: the packages to remove.
    :param alone: whether the lines name all, so that what their packages need is not installed.
    """

    def __init__(self, lines: t.Sequence[str], extras: t.Sequence[str], *, alone: bool) -> None:
        found = [parse_requirement(line) for line in lines]
        self._wanted = [item for item in found if not item.is_option]
        self._options = [word for item in found if item.is_option for word in item.text.split(None, 1)]
        self._options += ["--no-deps"] if alone else []
        self._extras = extras

    def run(self, driver: Driver, environment: Environment, *, seconds: float, grace: float) -> None:
        """Remove what is too much, and install what is not there.

        :raises ChangeError: it could not be done.
        """
        installed = {
            normalize(item.name): Installed(item.name, item.version, False) for item in environment.pip_packages
        }
        for record in environment.records or ():
            installed[normalize(record.name)] = Installed(record.name, record.version, True)
        Pip(driver, (), seconds=seconds, grace=grace).remove(self._extras, installed)
        if self._wanted:
            wanted = [Wanted(item.text, item.name or "", Specifiers(""), item.url) for item in self._wanted]
            pip = Pip(driver, self._options, seconds=seconds, grace=grace)
            pip.install(wanted, installed, constraints=None)


def pip_changes(before: Environment, after: Environment) -> t.List[PackageChange]:
    """What has become of the packages of pip."""
    return package_changes(
        *([_package(item.name, item.version) for item in side.pip_packages] for side in (before, after))
    )


def planned_pip(environment: Environment, lines: t.Sequence[str], extras: t.Sequence[str]) -> t.List[PackageChange]:
    """What is to become of them, as far as the requirements tell: which version comes, only pip itself decides."""
    there = {normalize(item.name): _package(item.name, item.version) for item in environment.pip_packages}
    planned = []
    for item in map(parse_requirement, lines):
        if not item.is_option:
            name = item.name or mask_text(item.text)
            version = item.pinned or ",".join(map("".join, item.clauses)) or _NEWEST
            before = there.get(name)
            planned.append(PackageChange(name, before, _package(name, version), UPDATED if before else INSTALLED))
    planned += [PackageChange(normalize(name), there.get(normalize(name)), None, REMOVED) for name in extras]
    return planned


def _package(name: str, version: str) -> Package:
    return Package(normalize(name), version, BUILD, channel=CHANNEL)


__all__ = ("PipStep", "pip_changes", "planned_pip")
