# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The replacement of a base by another one at the same path, as a transaction carries it out."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._emptying import (
    ORIGIN,
    empty,
    give_back_cache,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._keep import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    PackageChange,
    package_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import (
    NoEnvironment,
    owned_paths,
    read_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session
from ansible_collections.labfleet.conda.plugins.module_utils._change._source import Source, how_it_failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import Change
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import damage, plain_change
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import wrong_answers
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import unmet, wanted_packages
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import write_durably
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import fingerprints, installed_by_pip
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import NotStarted


class ReplaceSettings(t.NamedTuple):
    """What is wanted of the new base.

    :param version: the version that it must have, as the option of that name.
    :param sha256: the sum of the file that it comes from.
    :param lines: command lines of the operator that verify it.
    """

    version: str
    sha256: str
    lines: t.Tuple[str, ...] = ()


class ReplaceChange(Change):
    """One replacement.

    :param before: the environment before it, with the content of its records.
    :param name: the identifier of the change and of its snapshot.
    """

    def __init__(
        self, session: Session, source: Source, before: Environment, settings: ReplaceSettings, name: str
    ) -> None:
        self._session, self._source, self._before = session, source, before
        self._settings, self._name = settings, name
        self._configuration: t.Optional[Configuration] = None
        self._envs_before = fingerprints(session.prefix + "/envs")
        self._was = session.place
        self._after: t.Optional[Environment] = None
        self._verified: t.List[str] = []
        self.kept: t.List[str] = []
        self.moved: t.List[str] = []
        self.reason = "before the base was replaced"
        self.packages = ["%s-%s-%s" % package[:3] for package in source.packages]
        self.caches = [] if source.moves_cache else [session.prefix + "/pkgs"]

    @property
    def place(self) -> Place:
        """The new base, after it was verified."""
        return self._session.place

    def interrupted(self) -> bool:
        return bool(self._session.interrupts.received)

    def record(self) -> t.Dict[str, t.Any]:
        return {
            "action": "replace",
            "prefix": self._session.prefix,
            "before": dict(self._was.installation.versions) or None,
            "after": dict(self.place.installation.versions) if self._after else None,
            "packages": [plain_change(change) for change in self.changes()],
            "verification": self._verified or None,
        }

    def changes(self) -> t.List[PackageChange]:
        """What was changed, by the records; none before the new base was read."""
        return package_changes(self._before.details or (), self._after.details or ()) if self._after else []

    def lost(self) -> t.List[str]:
        """The packages of the old base that the new one has in no version, as NAME-VERSION-BUILD."""
        there = {record.name for record in (self._after.records if self._after else None) or ()}
        return sorted("%s-%s-%s" % record[:3] for record in self._before.records or () if record.name not in there)

    def apply(self) -> None:
        session, source = self._session, self._source
        try:
            self._configuration = Configuration(session.prefix, self._name)
            owned = owned_paths(self._before) | installed_by_pip(session.prefix)
            self.moved = empty(session.prefix, session.folder, self._name, owned=owned, moves_cache=source.moves_cache)
            self.fill()
            if source.moves_cache:
                give_back_cache(session.prefix, session.folder, self._name)
            self._configuration.put_back()
        except OSError as error:
            where = " (%s)" % error.filename if error.filename else ""
            text = "The base of %s could not be exchanged: %s%s."
            raise Failed(text % (session.prefix, error.strerror or error, where)) from error
        self.kept = self._configuration.paths

    def fill(self) -> None:
        """Let the source fill the prefix, which is empty."""
        what = "%s of the new base" % ("The installer" if self._source.moves_cache else "The tool")
        try:
            done = self._session.runner.run(self._source.command)
        except NotStarted as error:
            raise Failed("%s." % error) from error
        error = how_it_failed(what, done, self._source.command.seconds)
        if error is not None:
            raise error

    def verify(self) -> t.List[str]:
        session = self._session
        try:
            session.look_again()
            after = self._after = read_packages(session.prefix)
            wanted = wanted_packages(session.place.installation.kind, self._settings.version, ())
            open_ = unmet(wanted, after.records or ())
        except (ChangeError, NoEnvironment) as error:
            return [str(error)]
        problems = ["%s does not hold in the new base." % item.spec for item in open_]
        problems += damage(session.prefix, after)
        changed = self._configuration.changed() if self._configuration else []
        problems += ["%s is not as it was." % path for path in changed]
        if fingerprints(session.prefix + "/envs") != self._envs_before:
            problems.append("Environments other than the base are not as they were.")
        if session.place.uid != self._was.uid:
            problems.append("The new base belongs to %s, not to %s." % (session.place.owner, self._was.owner))
        if not problems:
            problems = wrong_answers(session.driver(), solver=session.place.solver, lines=self._settings.lines)
        if not problems:
            self._verified = ["records", "files", "configuration", "version", "info", "solver", "offline solve"]
            self._verified += self._settings.lines
            self._sign()
        return problems

    def _sign(self) -> None:
        place = self._session.place
        origin = {
            "change": self._name,
            "sha256": self._settings.sha256,
            "kind": place.installation.kind,
            "version": place.version,
        }
        write_durably(self._session.folder, ORIGIN, json.dumps(origin).encode("utf-8"))

    def verify_restored(self) -> t.List[str]:
        """The old conda is not asked: it can be one that did not start before either."""
        return other_packages(self._session.prefix, self._before)


def other_packages(prefix: str, before: Environment) -> t.List[str]:
    """What is wrong where a prefix has not the packages of before."""
    try:
        now = read_packages(prefix)
    except NoEnvironment as error:
        return [str(error)]
    if sorted(now.records or ()) != sorted(before.records or ()):
        return ["The packages of %s are not those of before." % prefix]
    return []


__all__ = ("ReplaceChange", "ReplaceSettings", "other_packages")
