# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on package caches that several users share, and on how packages are linked from them."""

from __future__ import annotations

import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import listed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._places import (
    Place,
    home_of,
    path_writers,
    persons,
    place_at,
    shared_groups,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Cache
from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import Mount

# Where conda and mamba keep the parsed indexes of channels, which their solvers load.
_INDEX = "cache"
# The tiers whose files are for everybody who uses an installation.
FOR_EVERYBODY = ("system", "state", "root_prefix")


def users_of(cache: Cache, audit: Audit) -> t.FrozenSet[str]:
    """The people whose conda uses a cache: those whose settings name it, or all, where everybody's do.

    The settings of everybody for an installation in a home count for the user of that home alone. Who names the cache
    of somebody else in settings of their own counts only where they can write to it: its owner can do nothing about it.
    """
    found: t.Set[str] = set()
    guests = _guests(cache, audit)
    for use in cache.used_by:
        user, installation = use["user"], use["installation"] or "/"
        if user is not None:
            if user not in guests:
                found.add(user)
            continue
        home = home_of(audit, installation)
        if home is None:
            found |= persons(audit)
        else:
            found |= {item.user or item.path for item in audit.homes if item.path == home}
    return frozenset(found)


def _guests(cache: Cache, audit: Audit) -> t.Dict[str, str]:
    """The users who name another's cache in files of their own, and may not write to it; and the file of each."""
    found: t.Dict[str, str] = {}
    for configuration in audit.configurations if cache.uid else ():
        user, setting = configuration.user, configuration.settings.get("pkgs_dirs")
        named = {"installation": configuration.installation.prefix, "user": user}
        if user is None or user == audit.user(cache.uid) or setting is None or named not in cache.used_by:
            continue
        if setting.sources[0].tier not in FOR_EVERYBODY and not _may_write(cache, user, audit):
            found[user] = setting.source
    return found


def _may_write(cache: Cache, user: str, audit: Audit) -> bool:
    if cache.writers.everybody or user in cache.writers.users:
        return True
    known = audit.root.identities.find_user(user)
    groups = audit.root.identities.groups_of(known.uid) if known else ()
    return any(audit.group(gid) in cache.writers.groups for gid in groups)


def _of_guests(cache: Cache, audit: Audit) -> t.Iterator[Problem]:
    """Who uses a cache that another user fills runs what that one puts there, by their own choice."""
    for user, path in sorted(_guests(cache, audit).items()):
        yield Problem(
            "%s names the package cache %s, to which its owner, user %s, can write."
            % (path, cache.path, audit.user(cache.uid)),
            item="pkgs_dirs: " + cache.path,
            subject=path,
            path=path,
            owner=user,
            remedy="Name a cache of your own in pkgs_dirs, such as ~/.conda/pkgs.",
            policy="caches.shared",
        )


def several_writers(cache: Cache, audit: Audit) -> t.List[str]:
    """Who may write to a cache, in words, where that is more than one user; else nothing."""
    place = place_at(audit, cache.path)
    if place is None:
        return []
    index = place_at(audit, cache.path + "/" + _INDEX)
    found: t.Set[str] = set()
    for item in [place] + ([index] if index else []):
        found |= _writers(item, audit)
    exchangers = path_writers(audit, place)
    found |= {"everybody"} if exchangers.everybody else {"user " + name for name in exchangers.users}
    named = sorted(found - {"user " + audit.user(place.status.st_uid)})
    return named + (["its owner " + audit.user(cache.uid)] if named and cache.uid else [])


def _writers(place: Place, audit: Audit) -> t.Set[str]:
    if place.writers.everybody:
        return {"everybody"}
    return {"user " + name for name in place.writers.users} | {"group " + name for name in shared_groups(audit, place)}


def _writable(cache: Cache, audit: Audit) -> t.Iterator[Problem]:
    users, writers = users_of(cache, audit), several_writers(cache, audit)
    policy = audit.policy.get("caches.shared", "read_only")
    if policy == "allow":
        return
    yield from _of_guests(cache, audit)
    owner = audit.user(cache.uid)
    if not writers and not (cache.uid and users - {owner}):
        return
    who = listed(writers) if writers else "its owner, user " + owner
    used = " It is used by %d users: %s." % (len(users), listed(sorted(users))) if len(users) > 1 else ""
    place = place_at(audit, cache.path)
    setgid = place is not None and bool(place.status.st_mode & stat.S_ISGID)
    yield Problem(
        "The package cache %s (mode %04o, owner %s, group %s) can be written to by %s.%s%s"
        % (
            cache.path,
            cache.mode,
            owner,
            audit.group(cache.gid),
            who,
            used,
            " Its setgid bit hands the group on to each package." if setgid else "",
        ),
        policy="caches.shared",
        details={"writers": writers or ["user " + owner], "users": sorted(users)},
    )


def _forbidden(cache: Cache, audit: Audit) -> t.Iterator[Problem]:
    users = users_of(cache, audit)
    if audit.policy.get("caches.shared", "read_only") == "forbid" and len(users) > 1:
        yield Problem(
            "%d users use the package cache %s: %s." % (len(users), cache.path, listed(sorted(users))),
            policy="caches.shared",
            details={"users": sorted(users)},
        )


def _contention(cache: Cache, audit: Audit) -> t.Iterator[Problem]:
    users, writers = users_of(cache, audit), several_writers(cache, audit)
    if len(users) > 1 and writers:
        yield Problem(
            "%d users have %s as package cache, %s, and %s may write to it."
            % (len(users), cache.path, listed(sorted(users)), listed(writers)),
            item="users",
            details={"users": sorted(users), "writers": writers},
        )
    if cache.file_system is not None and Mount(cache.path, cache.file_system, frozenset()).is_remote:
        yield Problem(
            "%s lies on a network file system (%s): each host that mounts it may write at the same time, and the locks"
            " of mamba hang there." % (cache.path, cache.file_system),
            item="network file system",
            severity=None if len(users) > 1 else "low",
        )


def _crosses(configuration: Configuration, audit: Audit) -> t.Iterator[Problem]:
    caches = [place for place in (place_at(audit, path) for path in configuration.package_caches) if place]
    devices = {place.status.st_dev for place in caches}
    setting = configuration.settings.get("pkgs_dirs") or configuration.settings.get("envs_dirs")
    for path in configuration.environment_directories:
        place = place_at(audit, path)
        if place is not None and caches and place.status.st_dev not in devices:
            yield Problem(
                "The environments in %s and the package caches (%s) lie on different file systems."
                % (place.path, listed([item.path for item in caches])),
                subject=setting.source if setting is not None else caches[0].path,
                item=place.path,
                path=place.path,
                details={"caches": [item.path for item in caches]},
            )


def _soft_links(configuration: Configuration, _audit: Audit) -> t.Iterator[Problem]:
    for key in ("allow_softlinks", "always_softlink"):
        yield from _is_on(configuration, key)


def _copies(configuration: Configuration, _audit: Audit) -> t.Iterator[Problem]:
    yield from _is_on(configuration, "always_copy")


def _is_on(configuration: Configuration, key: str) -> t.Iterator[Problem]:
    setting = configuration.settings.get(key)
    if setting is not None and setting.value is True:
        source = setting.locked_by or setting.sources[0]
        where = source.origin if source.line is None else "%s, line %d" % (source.origin, source.line)
        yield Problem("%s is true (%s)." % (key, where), subject=source.origin, item=key, path=source.origin)


RULES = (
    Rule(
        id="cache.shared.writable",
        family="caches",
        severity="high",
        scope="cache",
        title="Several users can write to a package cache",
        explanation="Hard links make a file of the cache the very file of each user's environments, so who can write to"
        " the cache changes what others run; and conda's solvers load its index files, crafted ones too.",
        remedy="Let pkgs_dirs name {subject} as a cache that only its owner fills, then ~/.conda/pkgs for each"
        " user. Look at"
        " what others have put there, and close it: sudo -u {user} chmod go-w -- {subject}",
        check=_writable,
        source="conda documentation, admin-multi-user-install; CVE-2026-9149",
    ),
    Rule(
        id="cache.shared.forbidden",
        family="caches",
        severity="medium",
        scope="cache",
        title="Several users share a package cache, which the policy forbids",
        explanation="The policy wants each user to have a cache of their own.",
        remedy="Set `pkgs_dirs: [~/.conda/pkgs]` in /etc/conda/condarc.",
        check=_forbidden,
        source="docs/docsite/rst/policy_reference.rst",
    ),
    Rule(
        id="cache.shared.contention",
        family="caches",
        severity="medium",
        scope="cache",
        title="Several users or hosts fill one package cache at the same time",
        explanation="conda takes no lock on a package cache: two runs at the same time leave damaged packages, which"
        " then go into environments.",
        remedy="Give each user a cache of their own: `pkgs_dirs: [~/.conda/pkgs]`, on a local disk where it can be.",
        check=_contention,
        source="conda issues 8870, 13037; mamba issue 2592",
    ),
    Rule(
        id="cache.cross_fs",
        family="caches",
        severity="info",
        scope="configuration",
        title="Package cache and environments lie on different file systems",
        explanation="Hard links cannot cross file systems, so each environment holds full copies of its packages.",
        remedy="Put both on one volume: set `pkgs_dirs` or `envs_dirs`.",
        check=_crosses,
        source="conda documentation, disk usage and hard links",
    ),
    Rule(
        id="link.softlink",
        family="caches",
        severity="high",
        scope="configuration",
        title="conda may link packages by symbolic links",
        explanation="`conda clean --packages` deletes packages that environments reach by symbolic links, and breaks"
        " them.",
        remedy="Set {item} to false in {path}, and make anew the environments that hold symbolic links to the cache.",
        check=_soft_links,
        source="conda issue 16614",
    ),
    Rule(
        id="link.copy",
        family="caches",
        severity="info",
        scope="configuration",
        title="conda copies packages in place of linking them",
        explanation="Each environment then takes the full space of its packages.",
        remedy="Take {item} out of {path}, if the file system has hard links.",
        check=_copies,
        source="conda documentation, always_copy",
    ),
)


__all__ = ("RULES", "several_writers", "users_of")
