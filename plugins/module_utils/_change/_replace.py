# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The replacement of a base prefix, from the options of the module to its result."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import (
    concluded,
    earlier_run,
    pruned,
    run_work,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._emptying import (
    ORIGIN,
    settle_emptying,
    top_names,
    what_stays,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_container import refuse_in_container
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import is_pending
from ansible_collections.labfleet.conda.plugins.module_utils._change._keep import CONFIGURATION
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import diff_texts
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import owned_paths, read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at, refuse_unless_ours
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import put_off
from ansible_collections.labfleet.conda.plugins.module_utils._change._replace_change import (
    ReplaceChange,
    ReplaceSettings,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, identifier
from ansible_collections.labfleet.conda.plugins.module_utils._change._source import (
    DOWNLOAD,
    INSTALLER,
    LIST,
    Source,
    installer_source,
    lock_source,
    tool_elsewhere,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import (
    COMMITTED,
    NOT_RESTORED,
    transact,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import plain_change
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import NEWEST, unmet, wanted_packages
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._download import Limits, NotFetched, fetch
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    private_folder,
    remove_tree,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import free_space, is_there, read_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._measure import measure
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]
_SUM = re.compile(r"[0-9a-fA-F]{64}\Z")
_MAX_ORIGIN = 65536
# An installer unpacks packages that it holds compressed, and copies of them into the prefix.
_TIMES_INSTALLER = 8
_MAX_NAMED = 100


def replace(options: t.Mapping[str, t.Any], *, check: bool, note: _Note) -> _Map:
    """Replace the base of a prefix.

    :param options: those of the module.
    :param check: tell what would be done only.
    :param note: takes what is being done, for a person who waits.
    :returns: the result of the module.
    :raises ChangeError: it was not replaced; the error carries the result so far.
    """
    refuse_wish(options)
    place = look_at(str(options["prefix"]), broken=True)
    result = begun(place)
    pending = is_pending(place.prefix)
    if not pending and is_done(place, options):
        return result
    refuse_unless_ours(place, trusted=options["trusted_writers"])
    refuse_in_container(place.prefix, options, result)
    if place.environment.frozen is not None and not options["override_frozen"]:
        text = "%s is marked as frozen, so its base is not replaced: set override_frozen to do it all the same."
        raise Refused(text % place.prefix, result)
    if options["installer"] and re.search(r"\s", place.prefix):
        raise Refused("The installers of constructor refuse a path with blanks, such as %s." % place.prefix, result)
    deferred = None if check else put_off(place, options, note=note)
    if deferred is not None:
        return dict(result, **deferred)
    what = "plans a replacement" if check else "replaces the base"
    answer = run_work(place, ReplaceWork(options, check, note), options, what=what, check=check)
    return concluded(place, options, answer, result, action="replace", check=check)


def begun(place: Place) -> _Map:
    """The result of a run that has not done anything yet."""
    versions = versions_of(place)
    result: _Map = {"changed": False, "prefix": place.prefix, "before": versions, "after": versions}
    result.update(outcome="unchanged", packages=[], recovered=None, snapshot=None)
    return result


def refuse_wish(options: t.Mapping[str, t.Any]) -> None:
    """Refuse options that mean nothing together."""
    refuse_options(options)
    if not _SUM.match(options["sha256"]):
        raise Refused("sha256: %r is no SHA-256 sum: it has 64 hexadecimal digits." % options["sha256"])
    if options["version"] == NEWEST:
        raise Refused("version: newest cannot be told of a file; write a bound such as >=26.5.2, or any.")
    wanted_packages("conda", options["version"], ())


def is_done(place: Place, options: t.Mapping[str, t.Any]) -> bool:
    """Whether the base is what is wanted: its version is, or without one it came from the same file."""
    kind, version = place.installation.kind, place.version
    wanted = wanted_packages(kind, options["version"], ())
    if version is None or place.installation.program is None:
        return False
    if wanted:
        return not unmet(wanted, place.environment.records or [])
    origin = _origin(place.prefix)
    if origin.get("sha256") != options["sha256"].lower() or origin.get("kind") != kind:
        return False
    try:  # a snapshot of before may have been restored since
        return parse_version(version) >= parse_version(str(origin.get("version")))
    except InvalidVersion:
        return False


def _origin(prefix: str) -> _Map:
    try:
        content = json.loads(read_text("%s/%s/%s" % (prefix, STATE, ORIGIN), limit=_MAX_ORIGIN) or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


class ReplaceWork:
    """What the owner does under the lock."""

    def __init__(self, options: t.Mapping[str, t.Any], check: bool, note: _Note) -> None:
        self.options, self.check, self.note = options, check, note

    def __call__(self, session: Session) -> _Map:
        result: _Map = {}
        result.update(earlier_run(session, check=self.check, note=self.note))
        if "message" in result:
            return result
        session.look_again(broken=True)
        if is_done(session.place, self.options):
            return dict(result, after=versions_of(session.place))
        before = read_packages(session.prefix)
        stays = what_stays(top_names(session.prefix), owned_paths(before))
        result.update(self._told(session, stays))
        if self.check:
            return dict(result, changed=True, outcome="planned", after={})
        remove_tree(session.folder, DOWNLOAD)
        try:
            source = self.source(session, result)
            return self._change(session, before, source, result)
        finally:
            remove_tree(session.folder, DOWNLOAD)

    def _told(self, session: Session, stays: t.Sequence[str]) -> _Map:
        """What is replaced, and what is not."""
        configuration = [path for path in CONFIGURATION if is_there("%s/%s" % (session.prefix, path))]
        top = Root("/").directory(session.prefix)
        with top:
            replaced = sum(
                _size(top, name) for name, kind in top.entries() if name not in stays and kind == "directory"
            )
        return {
            "replaces": {"bytes": replaced, **versions_of(session.place)},
            "kept": sorted({*stays, *configuration} - {STATE}),
        }

    def source(self, session: Session, result: _Map) -> Source:
        """Fetch what the new base comes from, and see that it can be used."""
        given = self.options
        address = str(given["installer"] or given["lock"])
        self.note("fetches %s" % address.rpartition("/")[2])
        folder = private_folder(DOWNLOAD, at=session.folder)
        limits = Limits(given["size_limit"], given["download_seconds"], lambda: session.interrupts.received)
        name = INSTALLER if given["installer"] else LIST
        try:
            size = fetch(address, folder, name, sha256=given["sha256"], limits=limits)
        except NotFetched as error:
            raise Refused(str(error)) from error
        finally:
            close(folder)
        times = {"seconds": given["time_limit"], "grace": given["grace"]}
        if given["installer"]:
            source = installer_source(session, **times)
        else:
            driver = tool_elsewhere(session, given["tool"], given["trusted_writers"])
            source = lock_source(session, driver, given["channels"], **times)
        result["source"] = dict(source.about, bytes=size, sha256=given["sha256"].lower())
        self.see_space(session, size, result)
        return source

    def see_space(self, session: Session, size: int, result: _Map) -> None:
        needed = size * _TIMES_INSTALLER + result["replaces"]["bytes"]
        free, _inodes = free_space(session.prefix)
        result["space"] = {"needed": needed, "free": {session.prefix: free}}
        if free < needed + self.options["reserve"]:
            text = "There is too little room at %s: %.1f MB are free, %.1f MB are needed and %.1f MB must stay free."
            raise Refused(text % (session.prefix, free / 1e6, needed / 1e6, self.options["reserve"] / 1e6), result)

    def _change(self, session: Session, before: t.Any, source: Source, result: _Map) -> _Map:
        given = self.options
        settings = ReplaceSettings(given["version"], given["sha256"].lower(), tuple(given["verify_commands"]))
        name = identifier()
        change = ReplaceChange(session, source, before, settings, name)
        outcome = transact(session.store, change, name, note=self.note, earlier=session.records)
        session.records.append(dict(outcome.record, snapshot=name))
        result.update(outcome=outcome.outcome, snapshot=outcome.snapshot, restored=outcome.restored)
        if outcome.outcome != COMMITTED:
            result["changed"] = outcome.outcome == NOT_RESTORED
            state = "The old state is back." if outcome.outcome != NOT_RESTORED else "The next run tries again."
            raise Failed("The base of %s was not replaced: %s %s" % (session.prefix, outcome.why, state), result)
        settle_emptying(session.prefix, session.folder, name)
        changes = change.changes()
        result.update(changed=True, after=versions_of(change.place), packages=[plain_change(item) for item in changes])
        result["diff"] = diff_texts(changes, session.prefix)
        result["lost"] = {
            "conda": change.lost(),
            "pip": ["%s==%s" % (package.name, package.version) for package in before.pip_packages],
        }
        result["set_aside"] = {"count": len(change.moved), "files": change.moved[:_MAX_NAMED]}
        if change.moved:
            result["set_aside"]["directory"] = "%s/%s/replaced/%s" % (session.prefix, STATE, name)
        result.update(pruned(session.prefix, given, name))
        return result


def _size(top: Directory, name: str) -> int:
    child = top.enter(name)
    if child is None:
        return 0
    with child:
        return measure(child, Report()).bytes


def versions_of(place: Place) -> t.Dict[str, str]:
    return dict(place.installation.versions)


__all__ = ("ChangeError", "ReplaceWork", "begun", "is_done", "refuse_wish", "replace", "versions_of")
