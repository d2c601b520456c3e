# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Splits a package cache that several users fill: one that only its owner fills and all read, and one for each user."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_place import CachePlace
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_session import CacheSession
from ansible_collections.labfleet.conda.plugins.module_utils._change._config import configure
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import APPLY, Journal
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import identifier
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import COMMITTED
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look
from ansible_collections.labfleet.conda.plugins.module_utils._system._close_off import Openness, close_off, openness
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import Identities
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

ACTION = "split"
OWN_CACHE = "~/.conda/pkgs"
_ROOT = 0
_SKIP = frozenset((STATE,))
_Map = t.Dict[str, t.Any]


class SplitPlan(t.NamedTuple):
    """What is to be done.

    :param found: who can write where now.
    :param without: the installations whose users would be left without a cache that they can write to.
    """

    found: Openness
    without: t.List[str]


def plan_split(place: CachePlace, look: Look, root: Root) -> SplitPlan:
    """Look who can write to a cache, and who needs one of their own.

    :raises Refused: not all of it could be looked at, or it holds what only root can take over.
    """
    with root.directory(place.path) as top:
        folder = open_folder("", at=top.descriptor)
        try:
            found = openness(folder, skip=_SKIP)
        finally:
            close(folder)
    if found.unseen:
        path, why = found.unseen[0]
        raise Refused("%s/%s could not be looked at: %s." % (place.path, path, why))
    if found.foreign and place.uid != _ROOT:
        who = ", ".join(_names(found.foreign, root.identities))
        text = "%s holds files of others than its owner %s (%s), which only root can take over: give the cache to root."
        raise Refused(text % (place.path, place.owner_name, who))
    return SplitPlan(found, sorted(set(_without_own(place, look))))


def _without_own(place: CachePlace, look: Look) -> t.Iterator[str]:
    """The base prefixes whose settings name no cache in the home of who uses them; by default conda knows one."""
    for configuration in look.configurations.all():
        setting = configuration.settings.get("pkgs_dirs")
        if setting is None or not isinstance(setting.value, list) or not _names_it(configuration, place, look):
            continue
        if not any(_is_own(str(path), configuration, place) for path in setting.value):
            yield "%s (%s)" % (configuration.installation.prefix, setting.source)


def _names_it(configuration: Configuration, place: CachePlace, look: Look) -> bool:
    for path in configuration.package_caches:
        try:
            with look.survey.root.directory(path) as directory:
                if directory.path == place.path:
                    return True
        except (Absent, Unreadable):
            continue
    return False


def _is_own(path: str, configuration: Configuration, place: CachePlace) -> bool:
    """Whether each user has a directory of their own by this name."""
    if path.startswith("~") or "$HOME" in path or "$USER" in path or "${HOME}" in path or "${USER}" in path:
        return True
    return configuration.user is not None and path.rstrip("/") not in (place.path, place.given)


def give_own(place: CachePlace, plan: SplitPlan, options: t.Mapping[str, t.Any], *, check: bool) -> t.Optional[_Map]:
    """See to it that each user has a cache to write to, by the condarc for everybody.

    :param options: those of the module.
    :returns: the file, the setting that is to hold there, and whether it was written; None where none is needed.
    :raises ChangeError: it could not be written.
    """
    if not plan.without:
        return None
    wanted = [OWN_CACHE, place.given]
    if own_uid() != _ROOT:
        text = (
            "The users of %s would have no cache that they can write to: let root write pkgs_dirs: [%s] to"
            " /etc/conda/condarc first."
        )
        raise Refused(text % (", ".join(plan.without), ", ".join(wanted)))
    given = dict.fromkeys(("path", "dropin", "prefix", "environment", "user", "settings", "append", "remove"))
    given.update(final=None, marks=None, tier="system", state="present", allow_unknown=False, backup=False)
    given.update({name: options[name] for name in ("lock_seconds", "ledger", "run_id")})
    done = configure(dict(given, prepend={"pkgs_dirs": wanted}), check=check)
    return {"path": done["path"], "settings": {"pkgs_dirs": wanted}, "changed": done["changed"]}


def split(session: CacheSession, note: t.Callable[[str], None]) -> _Map:
    """Let nobody but its owner write to the cache."""
    session.wait()
    change = identifier()
    before = openness(session.folder, skip=_SKIP)
    if before.is_closed:
        return {}
    record = _record(session, change, before)
    note("closes %s to all but its owner" % session.place.path)
    session.write(APPLY, change, [], record)
    _close(session)
    session.done(change, dict(record, outcome=COMMITTED))
    return {"changed": True}


def finish_split(session: CacheSession, journal: Journal) -> _Map:
    """Go on with one that was cut off."""
    _close(session)
    return dict(journal.record)


def _close(session: CacheSession) -> None:
    close_off(session.folder, gid=session.place.gid, skip=_SKIP)
    after = openness(session.folder, skip=_SKIP)
    if not after.is_closed:
        text = "%d things in %s can still be written to by others: somebody works in it. Run the task again."
        raise Failed(text % (after.open + sum(after.foreign.values()), session.place.path))


def _record(session: CacheSession, change: str, before: Openness) -> _Map:
    return {
        "action": ACTION,
        "prefix": session.place.path,
        "message": "Only its owner can write to it now (%s)." % change,
        "before": {"open": before.open, "foreign": sum(before.foreign.values())},
        "after": {"open": 0, "foreign": 0},
    }


def told_of(found: Openness, identities: Identities) -> _Map:
    """What was found, for the result."""
    foreign = {identities.user_name(uid) or str(uid): number for uid, number in found.foreign.items()}
    return {
        "open": found.open,
        "foreign": dict(sorted(foreign.items())),
        "copied_bytes": found.bytes,
        "unreadable": found.unreadable,
    }


def _names(foreign: t.Mapping[int, int], identities: Identities) -> t.List[str]:
    return ["%s: %d" % (identities.user_name(uid) or uid, number) for uid, number in sorted(foreign.items())]


__all__ = (
    "ACTION",
    "SplitPlan",
    "finish_split",
    "give_own",
    "plan_split",
    "split",
    "told_of",
)
