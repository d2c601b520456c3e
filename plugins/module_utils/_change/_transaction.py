# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The one way in which a prefix is changed: snapshot, apply, verify, then commit, or restore the snapshot.

Killed at any instant, the journal tells what is to be undone, and recover() does so. A change that was verified is
kept; one that was not is undone, also where it might have come to a good end, since nobody knows that it did.
"""

from __future__ import annotations

import abc
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    APPLY,
    DONE,
    RESTORE,
    SNAPSHOT,
    VERIFY,
    Journal,
    clear_journal,
    read_journal,
    write_journal,
)

COMMITTED, ROLLED_BACK, NOT_RESTORED, RECOVERED = "committed", "rolled_back", "not_restored", "recovered"


class Store(abc.ABC):
    """Where the snapshots of one prefix are; a transaction needs no more of them than this."""

    prefix: str
    folder: int

    @abc.abstractmethod
    def take(self, snapshot: str, reason: str) -> t.Dict[str, t.Any]:
        """Take a snapshot, durably, and tell about it; raises ChangeError."""

    @abc.abstractmethod
    def restore(self, snapshot: str, journal: Journal) -> t.Dict[str, t.Any]:
        """Bring the prefix back to a snapshot, durably, and tell about it; raises ChangeError."""

    @abc.abstractmethod
    def drop(self, snapshot: str) -> None:
        """Remove a snapshot that nobody needs, and what an interrupted take() has left."""

    @abc.abstractmethod
    def settle(self) -> None:
        """Have the kernel write down all that was changed in the prefix."""


class Change(abc.ABC):
    """What is to be done to a prefix, and how to see whether it was done well."""

    reason: str
    # The packages that may come, as NAME-VERSION-BUILD, and the caches where they are unpacked.
    packages: t.Sequence[str] = ()
    caches: t.Sequence[str] = ()

    @abc.abstractmethod
    def record(self) -> t.Dict[str, t.Any]:
        """What the ledger is to say of it, as far as that is known by now."""

    @abc.abstractmethod
    def apply(self) -> None:
        """Do it; raises ChangeError where that did not come to its end."""

    @abc.abstractmethod
    def verify(self) -> t.List[str]:
        """What is wrong with the prefix now, one sentence each; none where all is well."""

    def verify_restored(self) -> t.List[str]:
        """What is wrong with the prefix after it was restored."""
        return []

    def interrupted(self) -> bool:
        """Whether somebody wants this to end."""
        return False


class Outcome(t.NamedTuple):
    """What became of a change.

    :param outcome: COMMITTED, ROLLED_BACK or NOT_RESTORED.
    :param why: why it was not committed, one or more sentences.
    :param snapshot: about the snapshot.
    :param restored: about the restoring, where there was one.
    """

    outcome: str
    why: t.Optional[str]
    snapshot: t.Dict[str, t.Any]
    restored: t.Optional[t.Dict[str, t.Any]]
    record: t.Dict[str, t.Any]


def transact(
    store: Store,
    change: Change,
    identifier: str,
    *,
    note: t.Callable[[str], None],
    earlier: t.Sequence[t.Dict[str, t.Any]] = (),
    taken: t.Optional[t.Dict[str, t.Any]] = None,
) -> Outcome:
    """Change a prefix, under its lock, which the caller holds; recover() has been called before.

    The journal is left in its last phase, until the caller has written the record of the outcome to the ledger.

    :param identifier: of the change and its snapshot.
    :param earlier: the records that recover_all() has given, which are not written down yet.
    :param taken: what take_first() has returned, where it was called.
    :raises ChangeError: nothing was changed, since the snapshot could not be taken.
    """
    record = dict(change.record(), snapshot=identifier)
    journal = Journal(identifier, SNAPSHOT, tuple(change.packages), tuple(change.caches), record, tuple(earlier))
    snapshot = take_first(store, journal, change.reason, note=note) if taken is None else taken
    write_journal(store.folder, journal._replace(phase=APPLY))
    note("changes %s" % store.prefix)
    why = _apply(change)
    if why is None:
        write_journal(store.folder, journal._replace(phase=VERIFY))
        note("verifies %s" % store.prefix)
        why = _verify(change)
    if why is None:
        store.settle()
        record = dict(change.record(), snapshot=identifier)
        record = _conclude(store, journal._replace(record=record), COMMITTED, None)
        return Outcome(COMMITTED, None, snapshot, None, record)
    return _roll_back(store, journal, change, why, note)._replace(snapshot=snapshot)


def take_first(store: Store, journal: Journal, reason: str, *, note: t.Callable[[str], None]) -> t.Dict[str, t.Any]:
    """Take the snapshot of a change; it can be called before it is known what will change, see give_up().

    :param journal: in its first step.
    :raises ChangeError: it could not be taken.
    """
    write_journal(store.folder, journal)
    note("takes a snapshot of %s" % store.prefix)
    try:
        return store.take(journal.change, reason)
    except ChangeError:
        give_up(store, journal)
        raise


def give_up(store: Store, journal: Journal) -> None:
    """Let a change be of which nothing but its snapshot was begun."""
    store.drop(journal.change)
    _forget_attempt(store, journal)


def recover(
    store: Store, *, note: t.Callable[[str], None], check: t.Callable[[], t.List[str]] = list
) -> t.Optional[t.Dict[str, t.Any]]:
    """Finish or undo what an interrupted run has left; under the lock.

    The journal is left in its last phase, until the caller has written the record to the ledger.

    :param check: tells what is wrong with the prefix after it was restored.
    :returns: the record for the ledger, whose outcome and message say what was done; None where nothing was left.
    :raises Failed: it could not be undone.
    """
    journal = read_journal(store.folder, store.prefix)
    if journal is None:
        return None
    if journal.phase == DONE:
        return journal.record
    if journal.phase == SNAPSHOT:
        store.drop(journal.change)
        text = "An interrupted run had changed nothing yet; what it left was removed."
        return _conclude(store, journal, RECOVERED, text)
    note("undoes an interrupted change of %s" % store.prefix)
    write_journal(store.folder, journal._replace(phase=RESTORE))
    restored = store.restore(journal.change, journal)
    problems = list(restored.get("problems", ())) + check()
    if problems:
        raise Failed(
            "An interrupted change of %s could not be undone whole: %s The snapshot %s is still there."
            % (store.prefix, " ".join(problems), journal.change),
            {"restored": restored},
        )
    text = "An interrupted run was undone (it had come to the step '%s'): the state of the snapshot %s is back."
    return _conclude(store, journal, RECOVERED, text % (journal.phase, journal.change))


def recover_all(
    store: Store, *, note: t.Callable[[str], None], check: t.Callable[[], t.List[str]] = list
) -> t.List[t.Dict[str, t.Any]]:
    """Do as recover(), and give all records that may not be in the ledger yet, the oldest first.

    Those that an earlier run may have written bear C(again).
    """
    journal = read_journal(store.folder, store.prefix)
    if journal is None:
        return []
    record = recover(store, note=note, check=check)
    found = [dict(item, again=True) for item in journal.earlier]
    return [*found, dict(record or {}, again=True) if journal.phase == DONE else dict(record or {})]


def recovery(records: t.Sequence[t.Dict[str, t.Any]]) -> t.Dict[str, t.Any]:
    """What the result of a module says of the records of recover_all(); nothing where there are none."""
    if not records:
        return {}
    outcome, message = records[-1].get("outcome"), records[-1].get("message")
    text = message or outcome
    if records[-1].get("again"):
        text = "An earlier run had ended its change (%s), but was cut off before it could write that down.%s"
        text %= (outcome, " %s" % (message,) if message else "")
    return {"recovered": text, "changed": True}


def _forget_attempt(store: Store, journal: Journal) -> None:
    """Nothing was changed: only what was to be written down before is left to do."""
    if not journal.earlier:
        clear_journal(store.folder)
        return
    *others, last = journal.earlier
    change = str(last.get("snapshot") or journal.change)
    write_journal(store.folder, Journal(change, DONE, (), (), last, tuple(others)))


def _apply(change: Change) -> t.Optional[str]:
    """Why the change was not applied; None where it was."""
    try:
        change.apply()
    except ChangeError as error:
        return str(error)
    return "It was interrupted." if change.interrupted() else None


def _verify(change: Change) -> t.Optional[str]:
    """Why the change is not to be kept; None where it is."""
    try:
        problems = change.verify()
    except ChangeError as error:
        problems = [str(error)]
    if problems:
        return " ".join(problems)
    return "It was interrupted." if change.interrupted() else None


def _roll_back(store: Store, journal: Journal, change: Change, why: str, note: t.Callable[[str], None]) -> Outcome:
    write_journal(store.folder, journal._replace(phase=RESTORE))
    note("restores %s" % store.prefix)
    try:
        restored = store.restore(journal.change, journal)
        problems = list(restored.get("problems", ())) + change.verify_restored()
    except ChangeError as error:
        restored, problems = dict(error.result), [str(error)]
    if problems:
        # The journal stays in its phase: the next run tries again.
        text = "%s And the old state could not be brought back whole: %s" % (why, " ".join(problems))
        record = dict(journal.record, outcome=NOT_RESTORED, message=text)
        return Outcome(NOT_RESTORED, text, {}, restored, record)
    return Outcome(ROLLED_BACK, why, {}, restored, _conclude(store, journal, ROLLED_BACK, why))


def _conclude(store: Store, journal: Journal, outcome: str, message: t.Optional[str]) -> t.Dict[str, t.Any]:
    record = dict(journal.record, outcome=outcome, message=message)
    write_journal(store.folder, journal._replace(phase=DONE, record=record))
    return record


__all__ = (
    "COMMITTED",
    "Change",
    "NOT_RESTORED",
    "Outcome",
    "RECOVERED",
    "ROLLED_BACK",
    "Store",
    "give_up",
    "recover",
    "recover_all",
    "take_first",
    "recovery",
    "transact",
)
