# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the directories of an environment hold whose files are run, looked at once for all rules."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._places import Place, opened, opened_below
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, site_packages
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import directory_writers
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

MAX_NAMES = 20
SCRIPT_DIRECTORIES = ("etc/conda/activate.d", "etc/conda/deactivate.d", "etc/profile.d")
# What `conda init` and `mamba shell init` write, or refresh, themselves (conda/core/initialize.py).
_BY_INIT = frozenset("etc/profile.d/%s" % name for name in ("conda.sh", "conda.csh", "mamba.sh", "micromamba.sh"))
# The files of these are run by whoever uses the environment.
_RUN = ("bin", "condabin") + SCRIPT_DIRECTORIES
# conda/base/constants.py: CONDA_TEMP_EXTENSIONS.
_LEFTOVERS = (".c~", ".trash")
_Entries = t.Sequence[t.Tuple[str, t.Optional[os.stat_result]]]


class Several(t.NamedTuple):
    """The first few of the things of one kind, and how many there are."""

    names: t.List[str]
    count: int


class Inside(t.NamedTuple):
    """What is in the directories of an environment whose content decides what its users run. Paths are those below it.

    :param places: the prefix, which is called C(the prefix), and the directories; not what links lead out to.
    :param writable: files that everybody may write to.
    :param foreign: by the number of each owner other than that of the environment: what is that user's.
    :param leftovers: what conda leaves behind when it is interrupted.
    :param scripts: what is in the directories of scripts that shells run at activation.
    """

    places: t.List[t.Tuple[str, Place]]
    writable: Several
    foreign: t.Dict[int, Several]
    leftovers: Several
    scripts: t.List[str]


def inside(environment: Environment, audit: Audit) -> Inside:
    """Look into the directories of an environment whose files are run, and no deeper."""
    return audit.memo(("inside", environment.identity), lambda: _look(environment, audit))


def _look(environment: Environment, audit: Audit) -> Inside:
    look = _Looking(environment, audit)
    prefix = opened(audit, environment.prefix)
    if prefix is not None:
        with prefix:
            look.at("", prefix)
            for place in ("bin", "condabin", "lib", "conda-meta") + SCRIPT_DIRECTORIES + look.packages + ("pkgs",):
                directory = opened_below(audit, prefix, place)
                if directory is not None:
                    with directory:
                        look.at(place, directory)
    return look.result()


class _Looking:
    """Looks at one directory after another."""

    def __init__(self, environment: Environment, audit: Audit) -> None:
        self._environment = environment
        self._audit = audit
        self._places: t.List[t.Tuple[str, Place]] = []
        self._writable: t.List[str] = []
        self._foreign: t.Dict[int, t.List[str]] = {}
        self._leftovers: t.List[str] = []
        self._scripts: t.List[str] = []
        python = environment.record("python")
        self.packages: t.Tuple[str, ...] = (site_packages(python),) if python else ()
        # The files of these are asked for their owners and modes.
        self._asked = _RUN + ("conda-meta",) + self.packages if audit.options.integrity != "none" else ()

    def at(self, place: str, directory: Directory) -> None:
        """Look at a directory, by its path below the prefix."""
        uid, below = self._environment.uid, place + "/" if place else ""
        is_within = (directory.path + "/").startswith(self._environment.prefix + "/")
        if is_within:
            seen = Place(directory.path, directory.status(), directory_writers(directory))
            self._places.append((place or "the prefix", seen))
        if place == "pkgs":
            return
        asked = is_within and place in self._asked
        entries = self._entries(place, directory, asked)
        self._leftovers += [below + name for name, _status in entries if name.endswith(_LEFTOVERS)]
        if not place and any(name == ".condatmp" for name, _status in entries):
            self._leftovers.append(".condatmp")
        if place in SCRIPT_DIRECTORIES:
            self._scripts += sorted(below + name for name, _status in entries)
        if not asked:
            return
        if directory.status().st_uid != uid:
            self._foreign.setdefault(directory.status().st_uid, []).append(place)
        for name, status in entries:
            if status is None:
                continue
            if status.st_uid != uid:
                self._foreign.setdefault(status.st_uid, []).append(below + name)
            if status.st_mode & 0o002 and place in _RUN and stat.S_ISREG(status.st_mode):
                self._writable.append(below + name)

    def _entries(self, place: str, directory: Directory, asked: bool) -> _Entries:
        """What is in a directory; nothing where it cannot be listed, which is noted."""
        try:
            if place == "conda-meta":
                return self._records(directory, asked)
            return directory.statuses() if asked else [(name, None) for name in directory.names()]
        except (Absent, Unreadable) as error:
            self._audit.unknown(directory.path, getattr(error, "reason", "it vanished while it was listed"))
            return []

    def _records(self, directory: Directory, asked: bool) -> _Entries:
        """What is in conda-meta: listed before, and most of it asked for its owner when it was read."""
        found: t.List[t.Tuple[str, t.Optional[os.stat_result]]] = []
        owners = self._environment.owners
        unasked = owners.unasked if asked else ()
        for name in self._environment.directory_names:
            status = None
            if name in unasked:
                try:
                    status = directory.child_status(name)
                except Absent:
                    continue
            found.append((name, status))
        if asked:
            for name, uid in owners.others.items():
                self._foreign.setdefault(uid, []).append("conda-meta/" + name)
        return found

    def result(self) -> Inside:
        """What was seen."""
        foreign = {uid: _several(names) for uid, names in self._foreign.items()}
        leftovers = _several(self._leftovers)
        return Inside(self._places, _several(self._writable), foreign, leftovers, self._scripts)


def _several(names: t.List[str]) -> Several:
    return Several(sorted(names)[:MAX_NAMES], len(names))


def unowned_scripts(environment: Environment, audit: Audit) -> t.List[str]:
    """The scripts that shells run at activation and that no package has brought, by their paths below the prefix."""
    return audit.memo(("scripts", environment.identity), lambda: _unowned_scripts(environment, audit))


def _unowned_scripts(environment: Environment, audit: Audit) -> t.List[str]:
    there = [path for path in inside(environment, audit).scripts if path not in _BY_INIT]
    if there:
        owned: t.Set[str] = set()
        for record in audit.records(environment):
            owned |= record.activation_scripts
        there = [path for path in there if path not in owned]
    return there


__all__ = ("Inside", "Several", "inside", "unowned_scripts")
