# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Makes an environment: at first an empty one, in one step, which is then filled as any other.

The tool's own C(create) is never used: micromamba's wipes what is there without a word, and that of conda goes on in a
directory that holds something else. The empty environment bears a journal, so that whoever comes after a crash knows
that it is half made, and removes it. Nothing else can be lost, so that there is no snapshot, and no plan either: the
tool solves once.
"""

from __future__ import annotations

import json
import threading
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_change import EnvChange, explicit_command
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_work import EnvWork
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    APPLY,
    FILE_NAME,
    FORMAT,
    Journal,
    read_journal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_caches import (
    remove_broken,
    unpacked_since,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import diff_texts
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._registry import register
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import (
    CREATE_ACTION as CREATE,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import (
    Session,
    identifier,
    with_session,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import CommandRefused
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import (
    COMMITTED,
    Store,
    transact,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import plain_change
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import UpdatePlan
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import seconds_now
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import sync_file_system
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import read_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._new_prefix import (
    Taken,
    clear_hidden,
    make_prefix,
    scratch_folder,
    take_away,
)

_Map = t.Dict[str, t.Any]
_BEGAN = "conda-meta/created_at"


class NewStore(Store):
    """Of a new environment there is no state of before: what undoes it is that it is taken away, as a whole."""

    def __init__(self, prefix: str, folder: int) -> None:
        self.prefix, self.folder = prefix, folder
        self._writing: t.Optional[threading.Thread] = None

    def take(self, snapshot: str, reason: str) -> _Map:
        return {}

    def restore(self, snapshot: str, journal: Journal) -> _Map:
        return {"caches": heal_caches(self.prefix, journal)}

    def drop(self, snapshot: str) -> None:
        pass

    def begin(self) -> None:
        """Let the kernel write while the environment is verified, which changes nothing in it."""
        self._writing = threading.Thread(target=sync_file_system, args=(self.folder,), daemon=True)
        self._writing.start()

    def settle(self) -> None:
        if self._writing is None:
            self.begin()
        t.cast(threading.Thread, self._writing).join()


class _NewChange(EnvChange):
    begin_settling: t.Callable[[], None]

    def verify(self) -> t.List[str]:
        self.begin_settling()
        return super().verify()

    def verify_restored(self) -> t.List[str]:
        return []  # it is taken away


class CreateWork(EnvWork):
    """Fills an environment that was just made empty.

    :param change: the identifier of the change, which its journal bears.
    """

    noun, action = "creation", CREATE
    change_class = _NewChange

    def __init__(self, change: str, *arguments: t.Any, **named: t.Any) -> None:
        super().__init__(*arguments, **named)
        self._name = change

    def __call__(self, session: Session) -> _Map:
        if self.check:
            return super().__call__(session)
        journal = read_journal(session.folder, session.prefix)
        if journal is None or journal.change != self._name:
            raise Failed("Another run has made %s meanwhile: run this one again." % session.prefix)
        before = read_packages(session.prefix)
        driver = self.driver(session)
        self._open, self._before = self.wanted.open_in(before), before
        plan = self._commands(session, driver)
        return self._create(session, driver, plan, before)

    def settle(self, session: Session) -> t.Callable[[], None]:
        return lambda: None  # the store lets the kernel write by then

    def _commands(self, session: Session, driver: t.Any) -> UpdatePlan:
        """What fills it: one command, without a plan of the tool beforehand."""
        request, options, prefix = self.wanted.request, self.tool_options(session.place, driver.tool), session.prefix
        commands = []
        try:
            if request.specs:
                commands.append(driver.tool.apply(request.specs, options, prefix=prefix))
            if request.explicit:
                commands.append(explicit_command(driver.tool, options, prefix))
        except CommandRefused as error:
            raise Failed("%s." % error) from error
        return UpdatePlan(request.specs, self._wanted(), Plan(), {}, [], tuple(commands))

    def _create(self, session: Session, driver: t.Any, plan: UpdatePlan, before: Environment) -> _Map:
        change = t.cast(_NewChange, self.change(session, driver, plan, before))
        store = NewStore(session.prefix, session.folder)
        change.begin_settling = store.begin
        outcome = transact(store, change, self._name, note=self.note)
        session.records.append(outcome.record)
        result: _Map = {"outcome": outcome.outcome, "snapshot": None}
        if change.conflicts:
            result["conflicts"] = [item.as_dict() for item in change.conflicts]
        if outcome.outcome != COMMITTED:
            text = "%s was not created, and nothing is left of it: %s"
            raise Failed(text % (session.prefix, outcome.why), dict(result, changed=False))
        changes = change.changes()
        result.update(changed=True, after=change.versions(plan))
        result.update(packages=[plain_change(item) for item in changes], diff=diff_texts(changes, session.prefix))
        return dict(self.with_marks(result), changed=True, **self.planned(session.place, plan))


def create(place: Place, work: CreateWork, change: str, *, lock_seconds: float, directories: t.Sequence[str]) -> _Map:
    """Make an environment, as the user who this process is; the answer is that of with_session().

    :param place: see look_at_new(); its prefix is where it is made, or would be made.
    :param directories: where environments are found without being registered.
    """
    if work.check:
        with scratch_folder() as folder:
            path = "%s/%s" % (folder, place.prefix.rpartition("/")[2])
            answer = filled(place, path, work, change, lock_seconds)
        if answer["error"] is not None:  # nobody knows the path of the directory in which it was planned
            answer["error"]["message"] = answer["error"]["message"].replace(path, place.prefix)
        return answer
    clear_hidden(place.prefix)
    answer = filled(place, place.prefix, work, change, lock_seconds)
    if answer["error"] is not None:
        return answer
    if place.prefix.rpartition("/")[0] not in directories:
        register(place.home, place.prefix)
    return answer


def filled(place: Place, path: str, work: t.Any, change: str, lock_seconds: float, noun: str = "environment") -> _Map:
    """Make an empty prefix in one step and let work fill it; where that fails, nothing is left of it.

    :param noun: what it is, for those who wait at the lock.
    """
    journal = Journal(change, APPLY, (), (), {"action": CREATE, "prefix": path, "snapshot": change})
    content = json.dumps(dict(journal._asdict(), format=FORMAT)).encode("utf-8")
    files = {"conda-meta/history": b"", _BEGAN: b"%.3f" % seconds_now()}
    if not work.check:
        files["%s/%s" % (STATE, FILE_NAME)] = content
    try:
        make_prefix(path, files)
    except Taken:
        text = "Something was put to %s meanwhile, and nothing is ever created over what is there." % path
        return {"result": {}, "records": [], "error": {"kind": "refused", "message": text}}
    except OSError as error:
        text = "%s could not be made: %s%s." % (path, error.strerror or error, _named(error))
        return {"result": {}, "records": [], "error": {"kind": "failed", "message": text}}
    here = place._replace(prefix=path, environment=place.environment._replace(prefix=path))
    answer: _Map = {"error": {}}
    try:
        answer = with_session(here, work, what="creates the %s" % noun, lock_seconds=lock_seconds)
    finally:
        if answer["error"] is not None and not work.check:
            take_away(path)
            for record in answer.get("records", ()):
                record["snapshot"] = None  # with the environment, its journal is gone
    return answer


def _named(error: OSError) -> str:
    return " (%s)" % error.filename if isinstance(error.filename, str) else ""


def new_change() -> str:
    """The identifier of a creation."""
    return identifier()


def heal_caches(prefix: str, journal: Journal) -> t.List[str]:
    """Remove what a creation has left half unpacked in the caches; the directories that were removed.

    :param prefix: the environment, which still tells when its creation began.
    """
    began = read_text(prefix + "/" + _BEGAN)
    try:
        since = float(began or "")
    except ValueError:
        return []
    return remove_broken(journal.caches, unpacked_since(journal.caches, since))


def half_made(folder: int, prefix: str) -> t.Optional[Journal]:
    """The journal of an environment whose creation was cut off; None where that is not so."""
    journal = read_journal(folder, prefix)
    if journal is None or journal.record.get("action") != CREATE or journal.phase == "done":
        return None
    return journal


__all__ = ("CREATE", "CreateWork", "NewStore", "create", "filled", "half_made", "heal_caches", "new_change")
