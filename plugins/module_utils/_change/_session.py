# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The work on one prefix, by its owner and under its lock: recover, plan, and change it."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._child_environment import child_environment
from ansible_collections.labfleet.conda.plugins.module_utils._change._emptying import (
    forget_emptying,
    undo_emptying,
    was_emptied,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    Journal,
    clear_journal,
    read_journal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_caches import brought_by, remove_broken
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import owned_paths, read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at
from ansible_collections.labfleet.conda.plugins.module_utils._change._restore import restore
from ansible_collections.labfleet.conda.plugins.module_utils._change._snapshot import clear_incomplete, new_id, take
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import (
    STATE,
    SnapshotError,
    load_all,
    open_state,
    remove,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import Store
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import site_packages
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import random_token, seconds_now
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    private_folder,
    remove_tree,
    sync_file_system,
    temporary_folder,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import names_below
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import Locked, PrefixLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_variables
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Interrupts, Runner, Supervised

HOME = "home"
# What conda_snapshot does: between the snapshot and its restore, others have worked in the prefix.
RESTORE_ACTION = "restore"
# What conda_env does where nothing was before: there is no snapshot to go back to.
CREATE_ACTION = "create"


class PrefixStore(Store):
    """The snapshots of a prefix, as a transaction uses them."""

    def __init__(self, prefix: str, folder: int) -> None:
        self.prefix = prefix
        self.folder = folder

    def take(self, snapshot: str, reason: str) -> t.Dict[str, t.Any]:
        try:
            environment = read_packages(self.prefix)
            taken = take(
                self.prefix,
                snapshot_id=snapshot,
                reason=reason,
                owned=owned_paths(environment),
                now=seconds_now(),
                environment=environment,
            )
        except SnapshotError as error:
            raise Failed(str(error)) from error
        return {"id": taken.id, "files": taken.counts.get("files", 0), "bytes": taken.bytes}

    def restore(self, snapshot: str, journal: Journal) -> t.Dict[str, t.Any]:
        if journal.record.get("action") == CREATE_ACTION:
            text = "%s was being created when its run was cut off, and is not whole: run that task again."
            raise Failed(text % self.prefix)
        try:
            found = next(item for item in load_all(self.prefix) if item.id == snapshot and item.complete)
            if was_emptied(self.folder, journal.change):
                # What was put there goes only when the snapshot can be read.
                restore(self.prefix, found, dry=True)
                emptied = self._brought(journal, by_installer=True)
            else:
                emptied = set()
            aside = undo_emptying(self.prefix, self.folder, journal.change, brought=emptied)
            planned = self._brought(journal)
            planned.update("conda-meta/%s.json" % name for name in journal.packages)
            late = journal.record.get("action") == RESTORE_ACTION
            done = restore(self.prefix, found, planned=planned, late=late)
        except StopIteration:
            raise Failed("The snapshot %s of %s is gone or not whole." % (snapshot, self.prefix)) from None
        except SnapshotError as error:
            raise Failed(str(error)) from error
        self.settle()
        broken = remove_broken(journal.caches, journal.packages)
        problems = ["%s: %s." % problem for problem in done.problems]
        if not problems:
            forget_emptying(self.folder, journal.change)
        return {"changed": done.changed, "set_aside": [*aside, *done.set_aside], "problems": problems, "caches": broken}

    def _brought(self, journal: Journal, *, by_installer: bool = False) -> t.Set[str]:
        """The paths that the packages of a change bring, by the caches; by_installer takes all that the cache holds."""
        environment = read_packages_or_none(self.prefix)
        python = environment.record("python") if environment else None
        cache = self.prefix + "/pkgs"
        packages = [*journal.packages, *(names_below(cache) if by_installer else ())]
        caches = {*journal.caches, cache} if by_installer else journal.caches
        return brought_by(caches, packages, site_packages(python) if python else None)

    def drop(self, snapshot: str) -> None:
        try:
            clear_incomplete(self.prefix)
            remove(self.prefix, [item.id for item in load_all(self.prefix) if item.id == snapshot])
        except SnapshotError as error:
            raise Failed(str(error)) from error

    def settle(self) -> None:
        sync_file_system(self.folder)


def read_packages_or_none(prefix: str) -> t.Any:
    """The environment, or None where it cannot be read, as after a crash."""
    try:
        return read_packages(prefix)
    except Exception:  # noqa: BLE001 - a broken prefix is what a restore is for
        return None


class Session:
    """The lock, the home and the runner of one piece of work.

    :param folder: the open directory of our own; -1 where there is none, as in check mode.
    :param home: an empty directory for programs that must not see their owner's.
    :param interrupts: the signals to this process.
    """

    def __init__(
        self, place: Place, folder: int, home: str, lock: t.Optional[PrefixLock], interrupts: Interrupts
    ) -> None:
        self.place = place
        self.prefix = place.prefix
        self.folder = folder
        self.home = home
        self.interrupts = interrupts
        self.store = PrefixStore(place.prefix, folder)
        self.runner: Runner = Supervised(interrupts, inherit=[lock.descriptor] if lock else [])
        self.records: t.List[t.Dict[str, t.Any]] = []

    def journal(self) -> t.Optional[Journal]:
        """What an earlier run has left; None where it has left nothing.

        :raises Failed: it says nothing that can be understood.
        """
        return read_journal(self.folder, self.prefix) if self.folder >= 0 else None

    def environment(self, *, own_home: bool = False) -> t.Dict[str, str]:
        """The environment variables of a program that is started.

        :param own_home: give it an empty home, even where the owner has one.
        """
        as_root = self.place.uid == 0
        is_own = own_home or as_root or self.place.home is None
        variables = own_variables()
        variables.update(USER=self.place.owner, LOGNAME=self.place.owner)
        their_home = self.home if is_own else str(self.place.home)
        return child_environment(variables, home=their_home, cache=self.home, as_root=as_root)

    def driver(self) -> Driver:
        """Asks the tool of the installation that is there now."""
        return Driver(tool_of(self.place), self.runner, self.environment(), self.prefix)

    def look_again(self, *, broken: bool = False) -> None:
        """Read the prefix anew: under the lock, or after a recovery, it can be another."""
        self.place = look_at(
            self.place.named or self.place.base, None if self.place.is_base else self.prefix, broken=broken
        )


def tool_of(place: Place) -> Tool:
    """The tool of an installation.

    :raises Refused: it has no program, or its version is unknown.
    """
    installation = place.installation
    kind, version = installation.kind, installation.version
    if installation.program is None or version is None:
        raise Refused("The %s of %s cannot be used: it has no program, or no version." % (kind, place.base))
    python = place.base + "/bin/python" if installation.versions.get("python") else None
    return Tool(kind, version, installation.program, place.base, python, installation.versions)


def with_session(
    place: Place,
    work: t.Callable[[Session], t.Dict[str, t.Any]],
    *,
    what: str,
    lock_seconds: float,
    check: bool = False,
    skip: bool = False,
) -> t.Dict[str, t.Any]:
    """Do a piece of work under the lock of a prefix, as the owner, who this process is.

    :param check: leave no trace in the prefix: where nothing of ours is there, nobody else is at work.
    :param skip: it is no failure that somebody else keeps the lock; the outcome is C(deferred) then.
    :returns: C(result), C(records) for the ledger, and C(error), None where all went well.
    """
    records: t.List[t.Dict[str, t.Any]] = []
    try:
        with _session(place, what, lock_seconds, check) as session:
            records = session.records
            return {"result": work(session), "records": records, "error": None}
    except ChangeError as error:
        kind = "refused" if isinstance(error, Refused) else "failed"
        return {"result": error.result, "records": records, "error": {"kind": kind, "message": str(error)}}
    except (Locked, SnapshotError) as error:
        if skip and isinstance(error, Locked):
            return {"result": {"outcome": "deferred", "message": str(error)}, "records": records, "error": None}
        return {"result": {}, "records": records, "error": {"kind": "refused", "message": str(error)}}
    except OSError as error:
        text = "The work on %s stopped: %s%s." % (
            place.prefix,
            (error.strerror or str(error)).lower(),
            " (%s)" % error.filename if error.filename else "",
        )
        return {"result": {}, "records": records, "error": {"kind": "failed", "message": text}}


@contextlib.contextmanager
def _session(place: Place, what: str, lock_seconds: float, check: bool) -> t.Iterator[Session]:
    with contextlib.ExitStack() as stack:
        folder, lock = _state_of(place.prefix, make=not check), None
        interrupts = stack.enter_context(Interrupts())
        if folder >= 0:
            stack.callback(close, folder)
            path = "%s/%s" % (place.prefix, STATE)
            lock = stack.enter_context(PrefixLock(folder, path, what=what, wait_seconds=lock_seconds))
        if check:
            home = stack.enter_context(temporary_folder())
        else:
            home = "%s/%s/%s" % (place.prefix, STATE, HOME)
            remove_tree(folder, HOME)
            close(private_folder(HOME, at=folder))
            stack.callback(remove_tree, folder, HOME)
        yield Session(place, folder, home, lock, interrupts)


def _state_of(prefix: str, *, make: bool) -> int:
    """The open directory of our own in a prefix; -1 where there is none, and none is to be made."""
    try:
        return open_state(prefix, make=make)
    except FileNotFoundError:
        return -1


def forget(prefix: str, changes: t.Container[t.Optional[str]]) -> None:
    """Clear the journal, where it is that of a change whose record is in the ledger, and not of a later one."""
    folder = open_state(prefix)
    try:
        with PrefixLock(folder, "%s/%s" % (prefix, STATE), what="clears the journal", wait_seconds=60):
            journal = read_journal(folder, prefix)
            if journal is not None and journal.phase == "done" and journal.change in changes:
                clear_journal(folder)
    finally:
        close(folder)


def identifier() -> str:
    """The identifier of a new change."""
    return new_id(seconds_now(), random_token())


__all__ = (
    "CREATE_ACTION",
    "HOME",
    "PrefixStore",
    "RESTORE_ACTION",
    "Session",
    "forget",
    "identifier",
    "read_packages_or_none",
    "tool_of",
    "with_session",
)
