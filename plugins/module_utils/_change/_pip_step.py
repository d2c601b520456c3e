# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Installs and removes packages of pip, by the Python of the environment itself."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._spec._requirement import parse_requirement
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Command, NotStarted, Runner

# Where pip takes packages from. What would put them elsewhere than into the environment is not passed on.
_PASSED = frozenset(
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_NO_INDEX PIP_FIND_LINKS PIP_TRUSTED_HOST PIP_CERT PIP_CLIENT_CERT PIP_PROXY"
    " PIP_TIMEOUT PIP_RETRIES PIP_CONFIG_FILE PIP_ONLY_BINARY PIP_NO_BINARY PIP_PREFER_BINARY PIP_CACHE_DIR".split()
)
_MAX_SAID = 600


class PipStep:
    """Runs pip.

    :param environment: the variables of programs that are started.
    :param variables: those of this process, of which some are for pip.
    :param seconds: how long one run may take; grace: how long it may take to end.
    """

    def __init__(
        self,
        prefix: str,
        runner: Runner,
        environment: t.Mapping[str, str],
        variables: t.Mapping[str, str],
        *,
        seconds: float,
        grace: float,
    ) -> None:
        self._prefix, self._runner = prefix, runner
        self._environment = dict(environment)
        self._environment.update((name, value) for name, value in variables.items() if name in _PASSED)
        self._environment["PATH"] = "%s/bin:%s" % (prefix, self._environment.get("PATH", ""))
        self._seconds, self._grace = seconds, grace

    def install(self, file: str, *, alone: bool) -> None:
        """Install what a requirements file names.

        :param alone: whether the file names all, so that what its packages need is not installed.
        :raises Failed: it was not installed.
        """
        arguments = ["install", "--no-input", *(["--no-deps"] if alone else []), "-r", file]
        self._run(arguments, "install the pip packages")

    def remove(self, names: t.Sequence[str]) -> None:
        """Remove packages; raises Failed."""
        self._run(["uninstall", "--yes", *names], "remove pip packages")

    def _run(self, arguments: t.Sequence[str], what: str) -> None:
        program = (self._prefix + "/bin/python", "-m", "pip", "--disable-pip-version-check", *arguments)
        command = Command(program, self._environment, seconds=self._seconds, stop_signal=2, grace=self._grace)
        try:
            done = self._runner.run(command)
        except NotStarted as error:
            text = "%s has no Python that starts, and no pip: add python and pip to its packages."
            raise Failed(text % self._prefix) from error
        if done.timed_out or done.interrupted:
            how = "took longer than %g s" % self._seconds if done.timed_out else "was ended, since this run was"
            raise Failed("pip %s." % how)
        if done.code != 0:
            said = " ".join((done.stderr or done.stdout)[-65536:].decode("utf-8", "replace").split())
            raise Failed("pip could not %s of %s: %s" % (what, self._prefix, mask_text(said)[-_MAX_SAID:]))


def pip_changes(before: Environment, after: Environment) -> t.List[t.Dict[str, t.Optional[str]]]:
    """What has become of the packages of pip."""
    old = {normalize(item.name): item for item in before.pip_packages}
    new = {normalize(item.name): item for item in after.pip_packages}
    names = sorted(name for name in {*old, *new} if _version(old, name) != _version(new, name))
    return [{"name": name, "from": _version(old, name), "to": _version(new, name)} for name in names]


def planned_pip(
    environment: Environment, requirements: t.Sequence[str], extras: t.Sequence[str]
) -> t.List[t.Dict[str, t.Optional[str]]]:
    """What is to become of them, as far as the requirements tell."""
    old = {normalize(item.name): item for item in environment.pip_packages}
    planned: t.List[t.Dict[str, t.Optional[str]]] = []
    for requirement in map(parse_requirement, requirements):
        if not requirement.is_option:
            name = requirement.name or requirement.text
            planned.append({"name": mask_text(name), "from": _version(old, name), "to": requirement.pinned})
    planned += [{"name": normalize(name), "from": _version(old, normalize(name)), "to": None} for name in extras]
    return planned


def _version(packages: t.Mapping[str, t.Any], name: str) -> t.Optional[str]:
    return packages[name].version if name in packages else None


__all__ = ("PipStep", "pip_changes", "planned_pip")
