# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The environments of a host that a filter names, each changed for itself, with the tool that it belongs to."""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import PRESENT, meets, parse_wanted
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._glance import glance_at
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_task import (
    Wish,
    is_untouched,
    unchanged,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look, Options, ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import MatchSpec

_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]
_LOOK_SECONDS = 300.0
_MAX_NAMED = 5


class Target(t.NamedTuple):
    """One environment that is meant.

    :ivar base: the base prefix of the installation that it belongs to; None where nothing tells.
    """

    prefix: str
    base: t.Optional[str]


def base_of(environment: str) -> str:
    """The base prefix of the installation that an environment belongs to.

    :raises Refused: there is no environment, or nothing tells.
    """
    look = _look([environment], users=[])
    identity = look.survey.identity("/" + environment.strip("/"))
    found = look.survey.environments.get(identity) if identity else None
    parent = look.result.parents.of(found) if found is not None and look.result.parents else None
    if parent is None or parent.prefix is None:
        raise Refused("Nothing tells which installation %s belongs to: name it by prefix." % environment)
    return parent.prefix


def _look(paths: t.Sequence[str], users: t.Optional[t.Sequence[str]]) -> Look:
    look = Look(Options(search_paths=list(paths), depth=0, users=users, time_limit=_LOOK_SECONDS))
    try:
        look.run()
    except ScanError as error:
        raise Refused(str(error)) from error
    return look


def targets(options: t.Mapping[str, t.Any]) -> t.List[Target]:
    """The environments on the host that the filter names, sorted by their paths.

    :raises Refused: the filter cannot be understood, or not all of the host could be looked at.
    """
    wanted = options["environments"]
    holding = parse_wanted([wanted["holding"]], PRESENT, option="holding") if wanted["holding"] else ()
    base = options["prefix"]
    look = _look([base] if base else [], users=None)
    if not look.complete:
        raise Refused("The host could not be looked at whole in %g s, so that some may be missing." % _LOOK_SECONDS)
    root = look.survey.root
    real = _real(look, base) if base else None
    found = []
    for environment in look.survey.environments.values():
        parent = look.result.parents.of(environment) if look.result.parents else None
        prefix = parent.prefix if parent else None
        is_base = prefix == environment.prefix
        names = (look.result.parents.name_of(environment) if look.result.parents else None, environment.prefix)
        if (is_base and not wanted["base"]) or (real is not None and prefix != real):
            continue
        if not _matches(names, wanted["match"]) or _matches(names, wanted["exclude"]):
            continue
        if wanted["owners"] and root.identities.user_name(environment.uid) not in wanted["owners"]:
            continue
        if all(_holds(spec, environment) for spec in holding):
            found.append(Target(environment.prefix, prefix))
    return sorted(found)


def _real(look: Look, base: str) -> str:
    identity = look.survey.identity("/" + base.strip("/"))
    found = look.survey.environments.get(identity) if identity else None
    return found.prefix if found is not None else "/" + base.strip("/")


def _matches(names: t.Iterable[t.Optional[str]], patterns: t.Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in names if name for pattern in patterns)


def _holds(spec: MatchSpec, environment: Environment) -> bool:
    """Whether a package of an environment meets a spec; one of which that is not known counts, to be looked at."""
    content = glance_at(environment.prefix).content
    records = [record for record in environment.records or () if record.name == spec.name]
    return environment.records is None or any(meets(spec, record, content) is not False for record in records)


def change_many(options: t.Mapping[str, t.Any], wish: Wish, *, check: bool, note: _Note) -> _Map:
    """Change all environments that the filter names; parameters are those of package().

    :raises Failed: one of them was not changed; the error carries the results of all.
    """
    results = [_change(target, options, wish, check, note) for target in targets(options)]
    failed = [item for item in results if item.get("failed")]
    diffs = [item.pop("diff") for item in results if item.get("diff")]
    result: _Map = {"changed": any(item.get("changed") for item in results), "results": results}
    if diffs:
        result["diff"] = diffs
    warnings = [text for item in results for text in item.pop("warnings", ())]
    if warnings:
        result["warnings"] = warnings
    if failed:
        names = ", ".join(item["prefix"] for item in failed[:_MAX_NAMED])
        more = " and %d more" % (len(failed) - _MAX_NAMED) if len(failed) > _MAX_NAMED else ""
        text = "%d of %d environments were not brought to what is wanted (%s%s). The first: %s"
        raise Failed(text % (len(failed), len(results), names, more, failed[0]["msg"]), result)
    return result


def _change(target: Target, options: t.Mapping[str, t.Any], wish: Wish, check: bool, note: _Note) -> _Map:
    """The result for one environment, whose failure is a part of it."""
    from ansible_collections.labfleet.conda.plugins.module_utils._change._package_work import change_one

    try:
        glance = glance_at(target.prefix)
        if is_untouched(glance, wish):
            return unchanged(glance, wish)
        if target.base is None:
            raise Refused("Nothing tells which installation %s belongs to." % target.prefix)
        environment = None if target.prefix == target.base else target.prefix
        mine = dict(options, prefix=target.base, environment=environment, environments=None)
        return change_one(mine, wish, check=check, note=note)
    except ChangeError as error:
        return dict({"changed": False}, **dict(error.result, prefix=target.prefix, failed=True, msg=str(error)))


__all__ = ("Target", "base_of", "change_many", "targets")
