# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Runs the pip of an environment: after conda, and so that it leaves alone what conda installed."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    PackageChange,
    package_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_wanted import (
    Installed,
    PipStanding,
    Requirement,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Command, Finished, NotStarted

CHANNEL, BUILD = "pypi", "pypi_0"
CONSTRAINTS = "constraints.txt"
_MAX_SAID = 400


class Pip:
    """The pip of one environment.

    :param driver: starts programs, with the environment variables of the tool.
    :param arguments: of the operator, such as those that name another index.
    :param seconds: how long it may take; grace: how long to end.
    """

    def __init__(self, driver: Driver, arguments: t.Sequence[str], *, seconds: float, grace: float) -> None:
        self._driver, self._arguments = driver, tuple(arguments)
        self._seconds, self._grace = seconds, grace

    def newer(self, wanted: t.Sequence[Requirement], installed: t.Mapping[str, Installed]) -> t.List[Requirement]:
        """Those of the packages that the index has something newer of.

        :raises ChangeError: pip is not there, or does not tell.
        """
        if not wanted:
            return []
        self._refuse_without(installed)
        done = self._run(["list", "--outdated", "--format=json", *self._arguments])
        try:
            names = {normalize(item["name"]) for item in json.loads(done.stdout.decode("utf-8"))}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Failed("pip of %s did not tell what is outdated." % self._driver.prefix) from error
        return [item for item in wanted if item.name in names]

    def install(
        self,
        wanted: t.Sequence[Requirement],
        installed: t.Mapping[str, Installed],
        *,
        upgrade: t.Container[str] = (),
        constraints: t.Optional[str],
    ) -> None:
        """Install requirements.

        :param upgrade: the names of those that are to be brought to the newest version.
        :param constraints: a file that holds what conda installed where it is; None lets pip replace it.
        """
        self._refuse_without(installed)
        bounds = ["--constraint", constraints] if constraints else []
        newest = [item.text for item in wanted if item.name in upgrade]
        plain = [item.text for item in wanted if item.name not in upgrade]
        for texts, more in ((plain, []), (newest, ["--upgrade"])):
            if texts:
                self._run(["install", *more, *bounds, *self._arguments, *texts])

    def remove(self, names: t.Sequence[str], installed: t.Mapping[str, Installed]) -> None:
        """Remove packages."""
        if names:
            self._refuse_without(installed)
            self._run(["uninstall", "-y", *names])

    def _refuse_without(self, installed: t.Mapping[str, Installed]) -> None:
        if "pip" not in installed:
            text = "%s has no pip, so its Python packages cannot be changed: ask for pip in name as well."
            raise Refused(text % self._driver.prefix)

    def _run(self, words: t.Sequence[str]) -> Finished:
        prefix = self._driver.prefix
        python = prefix + "/bin/python"
        command = self._driver.operators("", seconds=self._seconds)
        environment = dict(command.environment, PIP_USER="no", PIP_REQUIRE_VIRTUALENV="no")
        arguments = (python, "-m", "pip", "--disable-pip-version-check", "--no-input", *words)
        try:
            done = self._driver.runner.run(Command(arguments, environment, seconds=self._seconds, grace=self._grace))
        except NotStarted as error:
            raise Failed("%s." % error) from error
        if done.timed_out or done.interrupted:
            why = "took longer than %g s and was ended" if done.timed_out else "was ended, since this run was%.0s"
            raise Failed("pip %s in %s %s." % (words[0], prefix, why % self._seconds))
        if done.code != 0:
            said = " ".join(done.stderr[-65536:].decode("utf-8", "replace").split())
            text = "pip %s in %s failed (exit code %d). It says: %s"
            raise Failed(text % (words[0], prefix, done.code, mask_text(said)[-_MAX_SAID:]))
        return done


def constraints_of(installed: t.Mapping[str, Installed]) -> bytes:
    """The content of a file of constraints that holds what conda installed."""
    lines = ["%s==%s\n" % (item.name, item.version) for item in installed.values() if item.by_conda]
    return "".join(sorted(lines)).encode("utf-8")


def pip_changes(before: t.Mapping[str, Installed], after: t.Mapping[str, Installed]) -> t.List[PackageChange]:
    """What has become of the packages that pip looks after."""
    return package_changes(
        *([_package(item) for item in side.values() if not item.by_conda] for side in (before, after))
    )


def planned_pip_changes(stand: PipStanding, installed: t.Mapping[str, Installed]) -> t.List[PackageChange]:
    """What pip would do; which version it chooses, only a run of it tells, so the condition stands in its place."""
    changes = []
    for item in (*stand.install, *stand.ask):
        there = installed.get(item.name)
        text = item.url or item.specifiers.text
        version = text[2:] if text.startswith("==") and "," not in text else text or "newest"
        before = _package(there) if there else None
        kind = "updated" if there else "installed"
        changes.append(PackageChange(item.name, before, Package(item.name, version, BUILD, channel=CHANNEL), kind))
    for name in stand.remove:
        changes.append(PackageChange(name, _package(installed[name]), None, "removed"))
    return changes


def _package(item: Installed) -> Package:
    return Package(item.name, item.version, BUILD, channel=CHANNEL)


__all__ = ("CONSTRAINTS", "Pip", "constraints_of", "pip_changes", "planned_pip_changes")
