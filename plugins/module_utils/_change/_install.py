# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A base where nothing is: an empty prefix is made in one step, filled, verified, and taken away when that fails.

The empty prefix bears a journal, so that whoever comes after a crash knows that it is half made, and begins again.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import concluded, run_work, run_worker
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_create import (
    CREATE,
    NewStore,
    filled,
    half_made,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_target import maker_of, real_path
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import is_pending
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import diff_texts
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import (
    Place,
    look_at,
    new_base,
    refuse_unless_ours,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._replace import (
    ReplaceWork,
    begun,
    refuse_wish,
    replace,
    versions_of,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._replace_change import (
    ReplaceChange,
    ReplaceSettings,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, identifier
from ansible_collections.labfleet.conda.plugins.module_utils._change._source import DOWNLOAD
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import COMMITTED, transact
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import plain_change
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import remove_tree
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_there
from ansible_collections.labfleet.conda.plugins.module_utils._system._new_prefix import clear_hidden, take_away

_Map = t.Dict[str, t.Any]
_Options = t.Mapping[str, t.Any]
_Note = t.Callable[[str], None]


def install_or_replace(options: _Options, *, check: bool, note: _Note) -> _Map:
    """Install a base where nothing is, or replace the one that is there; see replace().

    :raises ChangeError: it was not done; the error carries the result so far.
    """
    refuse_wish(options)
    prefix = real_path("/" + options["prefix"].strip("/"))
    cleared: _Map = {}
    if not check and is_pending(prefix):
        cleared = _clear_half_made(look_at(prefix, broken=True), options, note)
    if is_there(prefix):
        return replace(options, check=check, note=note)
    if options["installer"] and re.search(r"\s", prefix):
        raise Refused("The installers of constructor refuse a path with blanks, such as %s." % prefix)
    place = new_base(prefix, **maker_of(prefix)._asdict())
    refuse_unless_ours(place, trusted=options["trusted_writers"])
    result = dict(begun(place), **cleared)
    if check:
        return dict(result, changed=True, outcome="planned", replaces={"bytes": 0}, kept=[])
    work = _InstallWork(options, note)

    def run() -> _Map:
        clear_hidden(prefix)
        return filled(place, prefix, work, work.name, options["lock_seconds"], "base")

    return concluded(place, options, run_worker(place, run, options), result, action=CREATE, check=False)


def _clear_half_made(place: Place, options: _Options, note: _Note) -> _Map:
    """Take a base away whose installation was cut off, and tell so; nothing where it was not."""
    refuse_unless_ours(place, trusted=options["trusted_writers"])

    def work(session: Session) -> _Map:
        if half_made(session.folder, session.prefix) is None:
            return {}
        note("removes %s, whose installation was cut off" % session.prefix)
        take_away(session.prefix)
        text = "The installation of an interrupted run was undone: what there was of the base was removed."
        session.records.append({"action": CREATE, "prefix": session.prefix, "outcome": "recovered", "message": text})
        return {"recovered": text}

    answer = run_work(place, work, options, what="undoes an installation")
    if not answer["records"] and answer["error"] is None:
        return {}
    done = concluded(place, options, answer, {}, action=CREATE, check=False)
    return {"recovered": done["recovered"], "changed": True}


class _InstallWork(ReplaceWork):
    """What the owner does under the lock of the empty prefix.

    :ivar name: the identifier of the change, which the journal of the prefix bears.
    """

    def __init__(self, options: _Options, note: _Note) -> None:
        super().__init__(options, False, note)
        self.name = identifier()

    def __call__(self, session: Session) -> _Map:
        result: _Map = {"replaces": {"bytes": 0}, "kept": [], "lost": {"conda": [], "pip": []}}
        before = read_packages(session.prefix)
        try:
            source = self.source(session, result)
            settings = ReplaceSettings(
                self.options["version"], self.options["sha256"].lower(), tuple(self.options["verify_commands"])
            )
            change = _InstallChange(session, source, before, settings, self.name)
            outcome = transact(NewStore(session.prefix, session.folder), change, self.name, note=self.note)
        finally:
            remove_tree(session.folder, DOWNLOAD)
        session.records.append(outcome.record)
        result.update(outcome=outcome.outcome, snapshot=None)
        if outcome.outcome != COMMITTED:
            text = "No base was installed to %s, and nothing is left of it: %s"
            raise Failed(text % (session.prefix, outcome.why), dict(result, changed=False))
        changes = change.changes()
        result.update(changed=True, after=versions_of(change.place), packages=[plain_change(item) for item in changes])
        return dict(result, diff=diff_texts(changes, session.prefix))


class _InstallChange(ReplaceChange):
    """Fills an empty prefix."""

    def record(self) -> _Map:
        return dict(super().record(), action=CREATE)

    def apply(self) -> None:
        self.fill()

    def verify_restored(self) -> t.List[str]:
        return []  # it is taken away


__all__ = ("install_or_replace",)
