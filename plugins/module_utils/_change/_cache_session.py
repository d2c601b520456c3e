# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The work on one package cache, by its owner and under its lock, when nobody else is at work in it."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_place import CachePlace
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    DONE,
    Journal,
    clear_journal,
    read_journal,
    write_journal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import SKIP, WAIT
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE, SnapshotError, open_state
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import RECOVERED
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look, Options, ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._system._cache_locks import MambaLock, held_locks
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close, sync_file_system
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import Locked, PrefixLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._users_of import Use, managers_at_work
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

_Map = t.Dict[str, t.Any]
_TICK = 0.5
_LOOK_SECONDS = 20.0
_MAX_NAMED = 5


class CacheBusy(Refused):
    """A conda or mamba is at work; C(skip) tells whether that is no failure."""

    def __init__(self, message: str, uses: t.Sequence[Use], *, skip: bool) -> None:
        super().__init__(message, {"processes": [dict(use._asdict()) for use in uses]})
        self.skip = skip


class Waiting(t.NamedTuple):
    """How to meet a conda or mamba at work.

    :param how: WAIT, SKIP or FAIL, for up to so many seconds.
    :param spared: tells whether the conda of a base prefix has other caches for a user, by its number.
    """

    how: str
    seconds: float
    spared: t.Callable[[str, int], bool]


class Others:
    """Tells which installations have other caches than one; those that the look at the host has not met are looked at.

    :param path: the real path of the cache.
    :param known: the base prefixes that have been looked at; users those of them that have this cache.
    """

    def __init__(self, path: str, known: t.Container[str], users: t.Container[str]) -> None:
        self._path, self._known, self._users = path, known, users
        self._asked: t.Dict[t.Tuple[str, int], bool] = {}

    def __call__(self, base: str, uid: int) -> bool:
        if base in self._known:
            return base not in self._users
        if not base.strip("/") or not base.startswith("/"):
            return False
        if (base, uid) not in self._asked:
            self._asked[base, uid] = self._has_others(base, uid)
        return self._asked[base, uid]

    def _has_others(self, base: str, uid: int) -> bool:
        try:
            name = Root("/").identities.user_name(uid)
            options = Options(search_paths=[base], depth=0, users=[name] if name else [], time_limit=_LOOK_SECONDS)
            look = Look(options)
            look.run()
        except (ScanError, Unreadable):
            return False
        found = base in {item.prefix for item in look.result.installations}
        cache = look.result.caches.get(self._path)
        return look.complete and found and not (cache and base in {use["installation"] for use in cache.used_by})


class CacheSession:
    """One piece of work on a cache.

    :param folder: the open directory of the cache; state is that of our own in it.
    :ivar records: what the ledger is to hold.
    """

    def __init__(self, place: CachePlace, folder: int, state: int, waiting: Waiting) -> None:
        self.place, self.folder, self.state, self.waiting = place, folder, state, waiting
        self.records: t.List[_Map] = []
        self.own_locks: t.Tuple[str, ...] = ()

    def at_work(self) -> t.Tuple[t.List[Use], t.List[str]]:
        """The processes of conda and mamba that can be using the cache, and the locks that they hold in it."""
        closed = self.place.closed_to
        uses = managers_at_work(None if closed is None else {0, closed}, spared=self.waiting.spared)
        return uses, held_locks(self.folder, own=self.own_locks)

    def wait(self) -> None:
        """Wait until nobody is at work.

        :raises CacheBusy: somebody still is.
        """
        limit = time.monotonic() + (self.waiting.seconds if self.waiting.how == WAIT else 0.0)
        while True:
            uses, locks = self.at_work()
            if not uses and not locks:
                return
            if time.monotonic() >= limit:
                raise self.busy(uses, locks)
            time.sleep(min(_TICK, max(0.05, limit - time.monotonic())))

    def busy(self, uses: t.Sequence[Use], locks: t.Sequence[str]) -> CacheBusy:
        """The error for what at_work() has told."""
        told = ["%s (process %d of user %d)" % (use.program, use.pid, use.uid) for use in uses] or list(locks)
        names = ", ".join(told[:_MAX_NAMED])
        text = "%s is in use by %s%s. Nothing was changed; try again later, or see the option busy."
        waited = ", still after %g s" % self.waiting.seconds if self.waiting.how == WAIT else ""
        return CacheBusy(text % (self.place.path, names, waited), uses, skip=self.waiting.how == SKIP)

    def journal(self) -> t.Optional[Journal]:
        """What is written down of a change under way; None where there is none."""
        return read_journal(self.state, self.place.path)

    def write(self, phase: str, change: str, packages: t.Sequence[str], record: _Map) -> None:
        """Write down what is being done, before it is."""
        journal = Journal(change, phase, tuple(packages), (), record, tuple(self.records))
        write_journal(self.state, journal)

    def forget(self) -> None:
        """Nothing of the change that was written down has come about; records of earlier ones are kept."""
        clear_journal(self.state)
        if self.records:
            last = self.records[-1]
            write_journal(self.state, Journal(str(last["change"]), DONE, (), (), last, tuple(self.records[:-1])))

    def done(self, change: str, record: _Map) -> None:
        """Write down what was done; it is kept until it is in the ledger."""
        sync_file_system(self.folder)
        record = dict(record, change=change)
        self.write(DONE, change, (), record)
        self.records.append(record)

    def take_up(self, finish: t.Callable[[Journal], t.Optional[_Map]]) -> t.Optional[str]:
        """Finish a change that was cut off, and take over the records that are not in the ledger yet.

        :param finish: finishes it; returns its record, None where nothing of it is left to tell.
        :returns: what was done, for the result.
        """
        journal = self.journal()
        if journal is None:
            return None
        self.records += [dict(record, again=True) for record in journal.earlier]
        if journal.phase == DONE:
            self.records.append(dict(journal.record, again=True))
            return None
        with contextlib.suppress(BlockingIOError), MambaLock(self.folder, self.place.path):
            pass  # the one that was held when the run was cut off goes
        record = finish(journal)
        if record is None:
            self.forget()
            return "An interrupted run had changed nothing yet."
        record = dict(record, outcome=RECOVERED)
        self.done(journal.change, record)
        return str(record["message"])


def with_cache(
    place: CachePlace, work: t.Callable[[CacheSession], _Map], *, what: str, lock_seconds: float, waiting: Waiting
) -> _Map:
    """Do a piece of work under the lock of a cache, as the owner, who this process is.

    :returns: C(result), C(records) for the ledger, and C(error), None where all went well.
    """
    records: t.List[_Map] = []
    state = folder = -1
    try:
        folder = open_folder(place.path)
        state = open_state(place.path)
        with PrefixLock(state, "%s/%s" % (place.path, STATE), what=what, wait_seconds=lock_seconds):
            session = CacheSession(place, folder, state, waiting)
            records = session.records
            return {"result": work(session), "records": records, "error": None}
    except CacheBusy as busy:
        if busy.skip:
            return {
                "result": dict(busy.result, outcome="deferred", message=str(busy)),
                "records": records,
                "error": None,
            }
        return {"result": busy.result, "records": records, "error": {"kind": "refused", "message": str(busy)}}
    except ChangeError as error:
        kind = "refused" if isinstance(error, Refused) else "failed"
        return {"result": error.result, "records": records, "error": {"kind": kind, "message": str(error)}}
    except (Locked, SnapshotError) as error:
        if waiting.how == SKIP and isinstance(error, Locked):
            return {"result": {"outcome": "deferred", "message": str(error)}, "records": records, "error": None}
        return {"result": {}, "records": records, "error": {"kind": "refused", "message": str(error)}}
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        where = " (%s)" % error.filename if error.filename else ""
        text = "The work on %s stopped: %s%s. The next run finishes it." % (place.path, why, where)
        return {"result": {}, "records": records, "error": {"kind": "failed", "message": text}}
    finally:
        close(*(descriptor for descriptor in (folder, state) if descriptor >= 0))


__all__ = ("CacheBusy", "CacheSession", "Others", "Waiting", "with_cache")
