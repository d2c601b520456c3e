# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Sets, changes and removes settings of conda: the module conda_config, which documents the options and the result."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._config_override import overridden
from ansible_collections.labfleet.conda.plugins.module_utils._change._config_place import (
    BASE,
    ENVIRONMENT,
    Place,
    place_of,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._config_plan import Plan, plan_text
from ansible_collections.labfleet.conda.plugins.module_utils._change._config_wish import Wish, wish_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_container import host_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import DONE, read_journal
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._change._told import one_line, told_record
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import append
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, place_at
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import MAX_CONDARC
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import NotOurs, close, private_folder
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._exchange import (
    Found,
    Unfit,
    exchange,
    find_file,
    keep_copy,
    make_folder,
    open_again,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import Locked, PrefixLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._worker import WorkerDied, run_as

ACTION = "config"
_FOR_ALL, _FOR_ONE, _FOLDER_MODE = 0o644, 0o600, 0o755
_OWNER_MAY_WRITE = 0o200
# What a change of a file may take, even on the slowest disk.
_WORK_SECONDS = 3600.0
_Map = t.Dict[str, t.Any]


def configure(options: t.Mapping[str, t.Any], *, check: bool) -> _Map:
    """Let settings hold in a file.

    :param options: those of the module.
    :param check: plan only.
    :returns: the result of the module, not yet without secrets.
    :raises ChangeError: nothing was changed, or it is not known whether; the error carries the result so far.
    """
    _refuse_options(options)
    try:
        root = Root("/")
    except Unreadable as error:
        raise Refused("The host cannot be looked at: %s." % error) from None
    place = place_of(options, root)
    try:
        work = _Work(root, place, wish_of(options, place.readers), options, check)
        answer = _as_owner(place, work, seconds=options["lock_seconds"] + _WORK_SECONDS)
    finally:
        place.close()
    result: _Map = {"changed": False, "path": place.path, "tier": place.tier, "before": {}, "after": {}}
    result.update(overridden=[], warnings=[])
    if answer.get("error"):
        if not check and not answer.get("refused"):
            _write_down(place, options, "failed", str(answer["error"]), result)
        raise (Refused if answer.get("refused") else Failed)(one_line(answer["error"]), result)
    result.update(_told(answer, result))
    if result["changed"] and not check:
        names = ", ".join(sorted({*result["before"], *result["after"]})) or "marks"
        _write_down(place, options, "committed", "%s: %s" % (place.path, names), result)
    return result


def _refuse_options(options: t.Mapping[str, t.Any]) -> None:
    refuse_options(options)
    tier = options["tier"]
    if tier == BASE and not options["prefix"]:
        raise Refused("tier: base needs prefix, the base prefix whose file is meant.")
    if (tier == ENVIRONMENT) != bool(options["environment"]):
        raise Refused("tier: environment and environment, the prefix of it, belong together: give both or neither.")
    if options["user"] and tier != "user":
        raise Refused("user needs tier: user.")
    if options["dropin"] is not None and options["path"]:
        raise Refused("dropin is a file of a tier: give path alone, with the whole path of the file.")


def _as_owner(place: Place, work: t.Callable[[], _Map], *, seconds: float) -> _Map:
    if own_uid() == place.uid or own_uid() != 0:  # who is not the owner can still see that nothing is to do
        return work()
    try:
        return t.cast(_Map, run_as(place.uid, place.gid, place.owner, work, seconds=seconds))
    except (WorkerDied, OSError) as error:
        return {"error": "The change of %s by its owner was cut off: %s" % (place.path, error)}


def _told(answer: _Map, result: _Map) -> _Map:
    """What the owner's process has told, as far as it is of the kind that is expected of it."""
    found = {key: answer[key] for key in result.keys() & answer.keys() if isinstance(answer[key], type(result[key]))}
    found.pop("path", None)
    found.pop("tier", None)
    for key in ("diff", "backup_file"):
        if isinstance(answer.get(key), (dict, str)):
            found[key] = answer[key]
    found["warnings"] = [one_line(text) for text in found.get("warnings", ())]
    return found


class _Work:
    """What the owner of the file does."""

    def __init__(self, root: Root, place: Place, wish: Wish, options: t.Mapping[str, t.Any], check: bool) -> None:
        self._root, self._place, self._wish, self._options, self._check = root, place, wish, options, check

    def __call__(self) -> _Map:
        """The result, or the text of an error, which can be sent from one process to another."""
        path = self._place.path
        try:
            return self._work()
        except Refused as error:
            return {"error": str(error), "refused": True}
        except (Unfit, NotOurs) as error:
            return {"error": "%s is not changed: %s." % (path, str(error).rstrip(".")), "refused": True}
        except Locked as error:
            return {"error": str(error), "refused": True}
        except ChangeError as error:
            return {"error": str(error)}
        except OSError as error:
            return {"error": "%s is not changed: %s." % (path, (error.strerror or str(error)).lower())}

    def _work(self) -> _Map:
        place = self._place
        found = None if place.missing else find_file(place.folder.descriptor, place.name, limit=MAX_CONDARC)
        text = self._text(found)
        plan = plan_text(text, self._wish, place.path)
        result = self._result(plan, text)
        if plan.text != text:
            self._refuse_unwritable(found)
        if plan.text == text or self._check:
            return result
        with self._locked() as folder:
            found = find_file(folder, place.name, limit=MAX_CONDARC)
            text = self._text(found)
            plan = plan_text(text, self._wish, place.path)
            result = self._result(plan, text)
            if plan.text != text:
                self._refuse_unwritable(found)
                if self._options["backup"] and found is not None:
                    result["backup_file"] = place.path.rpartition("/")[0] + "/" + keep_copy(folder, place.name, found)
                mode = _FOR_ONE if place.is_private else _FOR_ALL
                exchange(folder, place.name, plan.text.encode("utf-8"), like=found, mode=mode)
        return result

    def _text(self, found: t.Optional[Found]) -> str:
        if found is None:
            return ""
        try:
            return found.data.decode("utf-8")
        except UnicodeDecodeError:
            raise Unfit("it is not UTF-8, so conda cannot read it either") from None

    def _refuse_unwritable(self, found: t.Optional[Found]) -> None:
        place = self._place
        if own_uid() != place.uid:
            text = "%s is for %s to change, who owns its directory: run the task with become: true and become_user: %s."
            raise Refused(text % (place.path, place.who, place.who))
        if found is None:
            return
        if self._place.uid not in (0, found.status.st_uid):
            identities = self._root.identities
            names = [identities.user_name(uid) or str(uid) for uid in (found.status.st_uid, self._place.uid)]
            raise Unfit(
                "it belongs to %s, though its directory belongs to %s: give it to %s first" % (*names, names[1])
            )
        if not found.status.st_mode & _OWNER_MAY_WRITE:
            raise Unfit(
                "its mode %03o keeps everybody from writing to it: give its owner that right first"
                % (found.status.st_mode & 0o777)
            )

    def _result(self, plan: Plan, text: str) -> _Map:
        place, changed = self._place, plan.text != text
        found = overridden(self._root, place, plan.text, self._wish.targets())
        result = {
            "changed": changed,
            "before": plan.before,
            "after": plan.after,
            "overridden": [dict(item._asdict()) for item in found],
            "warnings": [str(item) for item in found],
        }
        if changed:
            result["diff"] = {"before": plan.diff[0], "after": plan.diff[1]}
            result["diff"].update(before_header=place.path, after_header=place.path)
        return clean(result)

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[int]:
        """The directory of the file, made where it was not there, under the lock that all changes there heed."""
        place, opened = self._place, []  # type: t.Tuple[Place, t.List[int]]
        try:
            opened.append(open_again((place.parent or place.folder).descriptor))
            for name in place.missing[: place.locked]:
                opened.append(make_folder(opened[-1], name, _FOLDER_MODE))
            above = opened[-1]
            opened.append(private_folder(STATE, at=above))
            state = opened[-1]
            where = place.path.rsplit("/", 1 + (place.parent is not None or place.locked < len(place.missing)))[0]
            lock = PrefixLock(
                state, where + "/" + STATE, what="conda_config", wait_seconds=self._options["lock_seconds"]
            )
            with lock:
                journal = read_journal(state, where)
                if journal is not None and journal.phase != DONE:
                    text = "A change of %s was cut off and is to be undone first: run labfleet.conda.conda_update."
                    raise Refused(text % where)
                if place.parent is not None:
                    above = place.folder.descriptor
                for name in place.missing[place.locked :]:
                    opened.append(make_folder(above, name, _FOLDER_MODE))
                    above = opened[-1]
                yield above
        finally:
            close(*opened)


def _write_down(place: Place, options: t.Mapping[str, t.Any], outcome: str, message: str, result: _Map) -> None:
    """Record a change in the ledger; what could not be recorded is told in the result."""
    record = {"action": ACTION, "outcome": outcome, "message": message}
    record.update({key: result[key] for key in ("before", "after")})
    record = told_record(record, place.prefix or place.path, ACTION)
    who = {"run": options["run_id"]} if options["run_id"] else {}
    try:
        ledger = place_at(options["ledger"])
        entry = append(
            ledger, dict(record, who=who, host=host_of(options)), now=datetime.datetime.now(datetime.timezone.utc)
        )
        result["ledger"] = {"path": ledger.path, **entry._asdict()}
    except LedgerError as error:
        result["ledger"] = {"path": options["ledger"], "problem": str(error)}
        result["warnings"] = [*result["warnings"], "What was done to %s is not in the ledger: %s" % (place.path, error)]


__all__ = ("ChangeError", "configure")
