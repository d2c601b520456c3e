# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The update of one program, a micromamba that stands alone, as a transaction carries it out."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import Journal
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    PackageChange,
    package_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session
from ansible_collections.labfleet.conda.plugins.module_utils._change._snapshot import clear_incomplete
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import (
    DESCRIPTION,
    FILES,
    SNAPSHOTS,
    Snapshot,
    SnapshotError,
    description,
    load_all,
    next_number,
    open_state,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import remove as remove_snapshots
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import CommandRefused, Options, told_version
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import Change, Store
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import plain_change
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import seconds_now, utc_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    sync_file_system,
    write_durably,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._program import (
    ProgramFile,
    copy_program,
    look,
    remove,
    remove_unfinished,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import NotStarted
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

# What self-update calls the old program while it puts the new one there.
BACKUP = ".bkup"
_MAX_SAID = 400
_OTHERS_MAY_WRITE = 0o022
_EXECUTABLE = 0o100


class ProgramStore(Store):
    """The snapshots of one program: copies of it.

    :param name: its name in the directory.
    """

    def __init__(self, prefix: str, folder: int, name: str) -> None:
        self.prefix, self.folder, self._name = prefix, folder, name
        self.version: t.Optional[str] = None

    def take(self, snapshot: str, reason: str) -> t.Dict[str, t.Any]:
        folder = files = top = -1
        try:
            folder = open_state(self.prefix, SNAPSHOTS, snapshot)
            files = open_state(self.prefix, SNAPSHOTS, snapshot, FILES)
            top = open_folder(self.prefix)
            copy_program(top, self._name, files)
            kept = look(files, self._name)
            had_backup = look(top, self._name + BACKUP) is not None
            if kept is None or kept != look(top, self._name):
                raise Failed("%s/%s changes while it is copied. Nothing was changed." % (self.prefix, self._name))
            taken = Snapshot(
                id=snapshot,
                created=utc_text(seconds_now()),
                reason=reason,
                versions={"micromamba": self.version} if self.version else {},
                counts={"files": 1, "copied": 1, "backups": int(had_backup)},
                bytes=kept.size,
                complete=True,
                manifest_sum=kept.sha256,
                number=next_number(self.prefix),
            )
            sync_file_system(top)
            write_durably(folder, DESCRIPTION, description(taken))
        except (OSError, SnapshotError) as error:
            text = "No copy of %s/%s could be made: %s. Nothing else was changed."
            raise Failed(text % (self.prefix, self._name, _why(error))) from error
        finally:
            close(*(descriptor for descriptor in (folder, files, top) if descriptor >= 0))
        return {"id": snapshot, "files": 1, "bytes": kept.size}

    def restore(self, snapshot: str, journal: Journal) -> t.Dict[str, t.Any]:
        found = [item for item in load_all(self.prefix) if item.id == snapshot and item.complete]
        if not found:
            raise Failed("The snapshot %s of %s/%s is gone or not whole." % (snapshot, self.prefix, self._name))
        top = files = -1
        try:
            files = open_state(self.prefix, SNAPSHOTS, snapshot, FILES, make=False)
            top = open_folder(self.prefix)
            kept, now = look(files, self._name), look(top, self._name)
            if kept is None or kept.sha256 != found[0].manifest_sum:
                raise Failed("The copy of %s/%s in the snapshot %s is damaged." % (self.prefix, self._name, snapshot))
            if now != kept:
                copy_program(files, self._name, top)
            remove_unfinished(top, self._name)
            if not found[0].counts.get("backups"):
                remove(top, self._name + BACKUP)
        except (OSError, SnapshotError) as error:
            text = "%s/%s could not be put back from the snapshot %s: %s."
            raise Failed(text % (self.prefix, self._name, snapshot, _why(error))) from error
        finally:
            close(*(descriptor for descriptor in (files, top) if descriptor >= 0))
        self.settle()
        return {"changed": int(now != kept), "set_aside": [], "problems": [], "caches": []}

    def drop(self, snapshot: str) -> None:
        try:
            clear_incomplete(self.prefix)
            remove_snapshots(self.prefix, [item.id for item in load_all(self.prefix) if item.id == snapshot])
        except SnapshotError as error:
            raise Failed(str(error)) from error

    def settle(self) -> None:
        sync_file_system(self.folder)


class ProgramChange(Change):
    """One self-update.

    :param driver: asks the program, with the version that it has.
    :param target: the version that it shall have, which the channels hold.
    """

    def __init__(
        self, session: Session, driver: Driver, options: Options, target: Package, times: t.Tuple[float, float]
    ) -> None:
        self._session, self._driver, self._options, self._target = session, driver, options, target
        self._seconds, self._grace = times
        self._program = session.place.subject
        self._name = self._program.rpartition("/")[2]
        self._before = self._look()
        self._had_backup = self._look(BACKUP) is not None
        self._verified: t.List[str] = []
        self.lines: t.Tuple[str, ...] = ()
        self.reason = "before the update to %s %s" % (target.name, target.version)

    def interrupted(self) -> bool:
        return bool(self._session.interrupts.received)

    def _look(self, ending: str = "") -> t.Optional[ProgramFile]:
        top = open_folder(self._session.prefix)
        try:
            return look(top, self._name + ending)
        finally:
            close(top)

    def changes(self) -> t.List[PackageChange]:
        """The change as one of a package."""
        before = Package(self._driver.tool.package, self._driver.tool.version, "")
        return package_changes([before], [self._target._replace(build="")])

    def record(self) -> t.Dict[str, t.Any]:
        return {
            "action": "update",
            "prefix": self._program,
            "before": {"micromamba": self._driver.tool.version},
            "after": {"micromamba": self._target.version} if self._verified else None,
            "packages": [plain_change(change) for change in self.changes()],
            "verification": self._verified or None,
        }

    def apply(self) -> None:
        try:
            question = self._driver.tool.self_update(self._options, version=self._target.version)
            command = self._driver.command(question, seconds=self._seconds, grace=self._grace)
            done = self._driver.runner.run(command)
        except (CommandRefused, NotStarted) as error:
            raise Failed("%s." % error) from error
        if done.timed_out:
            raise Failed("micromamba took longer than %g s and was ended." % self._seconds)
        if done.interrupted:
            raise Failed("micromamba was ended, since this run was (signal %d)." % done.interrupted)
        answer = self._driver.read(question, done)
        if answer.error is not None:
            said = " ".join(answer.error.message.split())[-_MAX_SAID:]
            raise Failed("micromamba self-update failed (%s). It says: %s" % (answer.error.kind, said))

    def verify(self) -> t.List[str]:
        now, before = self._look(), self._before
        if now is None:
            return ["%s is gone." % self._program]
        if before is not None and now.uid != before.uid:
            return ["%s belongs to another user than before." % self._program]
        if not now.mode & _EXECUTABLE or now.mode & _OTHERS_MAY_WRITE:
            text = "%s has the permissions %o now: its owner must be able to run it, and nobody else to write to it."
            return [text % (self._program, now.mode)]
        problems = self._wrong_version() or self._wrong_info() or self._failing_lines()
        if not problems:
            self._verified = ["file", "version", "info", *self.lines]
            top = open_folder(self._session.prefix)
            try:
                if not self._had_backup:
                    remove(top, self._name + BACKUP)
            finally:
                close(top)
        return problems

    def _run(self, question: t.Any) -> t.Any:
        return self._driver.runner.run(self._driver.command(question, grace=30.0))

    def _wrong_version(self) -> t.List[str]:
        try:
            done = self._run(self._driver.tool.version_command())
        except NotStarted as error:
            return ["%s." % error]
        told = told_version(self._driver.tool, done.stdout, done.stderr)
        if done.code != 0 or told != self._target.version:
            text = "%s --version ends with exit code %d and tells %s, not %s."
            return [text % (self._program, done.code, told or "no version", self._target.version)]
        return []

    def _wrong_info(self) -> t.List[str]:
        done = self._run(self._driver.tool.info())
        try:
            content = json.loads(done.stdout.decode("utf-8"))
            told = content.get("micromamba version")
        except (ValueError, AttributeError):
            told = None
        if done.code != 0 or told != self._target.version:
            return ["%s info --json ends with exit code %d and does not tell its version." % (self._program, done.code)]
        return []

    def _failing_lines(self) -> t.List[str]:
        problems = []
        for line in self.lines:
            done = self._driver.runner.run(self._driver.operators(line))
            if done.code != 0 or done.timed_out:
                text = "The command %r of verify_commands ended with exit code %d."
                problems.append(text % (mask_text(line), done.code))
        return problems

    def verify_restored(self) -> t.List[str]:
        return [] if self._look() == self._before else ["%s is not what it was." % self._program]


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".").lower()


__all__ = ("BACKUP", "ProgramChange", "ProgramStore")
