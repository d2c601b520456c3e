# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What has to hold before a prefix is changed: nobody at work in it, and room for the change."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import free_space, nearest_existing
from ansible_collections.labfleet.conda.plugins.module_utils._system._users_of import Use, uses_of

WAIT, SKIP, FAIL, IGNORE = "wait", "skip", "fail", "ignore"
# What is in these directories of a base prefix is not changed by a change of the base prefix.
APART = ("envs", "pkgs", ".labfleet-conda")
_TICK = 2.0
_MANAGER = "manager"
# A package takes its archive, what is unpacked of it, and what is copied of it into the prefix (text with the prefix
# in it, and everything where the cache lies elsewhere).
_TIMES_ARCHIVE = 8
_UNKNOWN_ARCHIVE = 20 * 1000 * 1000
_INODES_PER_PACKAGE = 2000
_MAX_NAMED = 5


class Busy(Refused):
    """Others use the prefix; C(skip) tells whether that is no failure."""

    def __init__(self, message: str, uses: t.Sequence[Use], *, skip: bool) -> None:
        super().__init__(message, {"processes": [dict(use._asdict()) for use in uses]})
        self.skip = skip


def wait_until_unused(place: Place, how: str, seconds: float, *, note: t.Callable[[str], None]) -> t.List[Use]:
    """See that nobody uses a prefix.

    A package manager at work is always waited for, or refused; C(ignore) is about programs that run.

    :param how: WAIT, SKIP, FAIL or IGNORE.
    :param seconds: how long to wait.
    :returns: the processes that go on using it, with IGNORE.
    :raises Busy: somebody does.
    """
    limit = time.monotonic() + (seconds if how in (WAIT, IGNORE) else 0.0)
    told = False
    while True:
        uses = uses_of(place.prefix, apart=APART).found
        standing = [use for use in uses if how != IGNORE or (use.how == _MANAGER and _may_change(place, use))]
        if not standing:
            return uses
        if time.monotonic() >= limit:
            raise _busy(place, standing, how, seconds)
        if not told:
            note("waits for %d processes that use %s" % (len(standing), place.prefix))
            told = True
        time.sleep(min(_TICK, max(0.05, limit - time.monotonic())))


def _may_change(place: Place, use: Use) -> bool:
    """Whether a process can change a prefix; one of a user who cannot write there only claims to be at work."""
    who = place.writers
    others = who.everybody or who.groups or set(who.users) - {place.owner}
    return bool(others) or use.uid in (0, place.uid)


def put_off(
    place: Place, options: t.Mapping[str, t.Any], *, note: t.Callable[[str], None]
) -> t.Optional[t.Dict[str, t.Any]]:
    """See that nobody uses a prefix, as the options of a module ask for it.

    :param options: C(busy) and C(busy_seconds) of the module.
    :returns: what the result says where the change is put off; None where nothing stands in its way.
    :raises Busy: somebody uses it, and that is a failure.
    """
    try:
        wait_until_unused(place, options["busy"], options["busy_seconds"], note=note)
    except Busy as busy:
        if not busy.skip:
            raise
        return dict(busy.result, outcome="deferred", message=str(busy))
    return None


def _busy(place: Place, uses: t.Sequence[Use], how: str, seconds: float) -> Busy:
    names = ", ".join("%s (process %d of user %d)" % (use.program, use.pid, use.uid) for use in uses[:_MAX_NAMED])
    more = " and %d more" % (len(uses) - _MAX_NAMED) if len(uses) > _MAX_NAMED else ""
    waited = " after %g s" % seconds if how == WAIT else ""
    text = "%s is in use%s: %s%s. Nothing was changed; try again later, or see the option busy."
    return Busy(text % (place.prefix, waited, names, more), uses, skip=how == SKIP)


def check_space(place: Place, plan: Plan, *, reserve: int, copies: int) -> t.Dict[str, t.Any]:
    """See that there is room for the packages, their unpacking and the snapshot.

    :param reserve: the bytes that must stay free.
    :param copies: the bytes that a snapshot copies.
    :returns: what is needed and what is free, per directory.
    :raises Refused: it is too little.
    """
    sizes = [package.size or _UNKNOWN_ARCHIVE for package in plan.fetch]
    packages = len(plan.link)
    needed = sum(sizes) * _TIMES_ARCHIVE + copies
    caches = place.configuration.package_caches if place.configuration else []
    told: t.Dict[str, t.Any] = {"needed": needed, "download": sum(sizes)}
    for path in dict.fromkeys([place.prefix, *map(nearest_existing, caches[:1])]):
        free, inodes = free_space(path)
        told.setdefault("free", {})[path] = free
        if free < needed + reserve:
            text = "There is too little room at %s: %.1f MB are free, %.1f MB are needed and %.1f MB must stay free."
            raise Refused(text % (path, free / 1e6, needed / 1e6, reserve / 1e6), {"space": told})
        if inodes is not None and packages and inodes < packages * _INODES_PER_PACKAGE:
            text = "There are too few inodes at %s: %d are free, up to %d are needed. Remove old packages and files."
            raise Refused(text % (path, inodes, packages * _INODES_PER_PACKAGE), {"space": told})
    return told


__all__ = ("APART", "Busy", "FAIL", "IGNORE", "SKIP", "WAIT", "check_space", "put_off", "wait_until_unused")
