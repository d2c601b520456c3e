# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on the space that package caches take, and on what could be had back."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import listed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._places import gigabytes
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._audit._storage import (
    Contents,
    Copies,
    Count,
    contents,
    copies,
    looks_copied,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Cache
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, site_packages
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

# What is less is not worth an operator's time.
WORTH_TELLING = 1000 * 1000 * 1000
_MAX_DETAILS = 20
_Found = t.List[t.Tuple[Cache, Contents, Count]]


def _size(cache: Cache, audit: Audit) -> t.Iterator[Problem]:
    found = contents(audit, cache)
    if found is None or not found.packages and not found.archives and not found.unfinished:
        return
    limit = audit.policy.get("caches.max_gigabytes")
    over = limit is not None and found.bytes > limit * 1e9
    yield Problem(
        "%s takes %s in %d inodes%s: %s would be free without it, %s is shared with environments by hard links.%s%s"
        % (
            cache.path,
            gigabytes(found.bytes),
            found.inodes,
            ", more than the %g GB that the policy allows" % limit if over else "",
            gigabytes(found.own_bytes),
            gigabytes(found.bytes - found.own_bytes),
            " Downloaded archives take %s." % gigabytes(found.archives) if found.archives else "",
            "" if found.complete else " Not all of it could be looked at.",
        ),
        severity="medium" if over else None,
        policy="caches.max_gigabytes" if over else None,
        details=_details(found),
    )


def _details(found: Contents) -> t.Dict[str, t.Any]:
    return {
        "bytes": found.bytes,
        "inodes": found.inodes,
        "reclaimable_bytes": found.own_bytes,
        "shared_bytes": found.bytes - found.own_bytes,
        "archive_bytes": found.archives,
        "unfinished_bytes": found.unfinished,
        "packages": len(found.packages),
        "complete": found.complete,
    }


def _growth(cache: Cache, audit: Audit) -> t.Iterator[Problem]:
    found = contents(audit, cache)
    if found is not None and found.own_bytes >= WORTH_TELLING:
        yield Problem(
            "%s of %s is in no environment: old packages, %s of archives, and %s of unfinished downloads and removals."
            % (
                gigabytes(found.own_bytes),
                cache.path,
                gigabytes(found.archives),
                gigabytes(found.unfinished),
            ),
            details=_details(found),
        )


def _duplicates(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    where: t.Dict[str, _Found] = {}
    for cache in audit.caches:
        found = audit.within_share(cache.uid, cache.path, functools.partial(contents, audit, cache))
        for name, package in found.packages.items() if found else ():
            where.setdefault(name, []).append((cache, t.cast(Contents, found), package))
    wasted: t.List[t.Tuple[int, int, str]] = []
    by_cache: t.Dict[str, t.List[int]] = {}
    for name, places in where.items():
        apart = _apart(places)
        if len(apart) < 2:
            continue
        # One of them has to stay: the largest, so that no more is promised than there is.
        rest = sorted(apart, key=lambda item: item[2].bytes)[:-1]
        wasted.append((sum(item[2].bytes for item in rest), sum(item[2].inodes for item in rest), name))
        for cache, _contents, package in apart:
            numbers = by_cache.setdefault(cache.path, [0, 0])
            numbers[0] += 1
            numbers[1] += package.bytes
    if wasted:
        yield _duplicates_problem(audit, wasted, by_cache)


def _apart(places: _Found) -> _Found:
    """Of the places of one package those that do not share their files with one before."""
    seen: t.Set[t.Tuple[int, int]] = set()
    found: _Found = []
    for place in places:
        files = {(sample.device, sample.inode) for sample in place[2].samples}
        if not files & seen:
            found.append(place)
        seen |= files
    return found


def _duplicates_problem(
    audit: Audit, wasted: t.List[t.Tuple[int, int, str]], by_cache: t.Dict[str, t.List[int]]
) -> Problem:
    size, inodes = sum(item[0] for item in wasted), sum(item[1] for item in wasted)
    largest = [name for _size, _inodes, name in sorted(wasted, key=lambda item: (-item[0], item[2]))]
    owners = {cache.path: audit.user(cache.uid) for cache in audit.caches}
    return Problem(
        "%d packages lie in more than one of %d package caches (of %s): one cache for all would take up to %s and %d"
        " inodes less. The largest: %s."
        % (
            len(wasted),
            len(by_cache),
            listed(sorted({owners[path] for path in by_cache})),
            gigabytes(size),
            inodes,
            listed(largest),
        ),
        severity="low" if size >= WORTH_TELLING else None,
        details={
            "packages": len(wasted),
            "reclaimable_bytes": size,
            "reclaimable_inodes": inodes,
            "largest": largest[:_MAX_DETAILS],
            "caches": [
                {"path": path, "owner": owners[path], "packages": count, "bytes": taken}
                for path, (count, taken) in sorted(by_cache.items())
            ],
        },
    )


def _copied(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    """Only the caches of the environment's owner count: nobody may make hard links to another's files."""
    near = [
        (cache, found)
        for cache, found in ((cache, contents(audit, cache)) for cache in audit.caches if cache.uid == environment.uid)
        if found is not None and found.device == environment.identity[0]
    ]
    if not near:
        return
    python = environment.record("python")
    packages = site_packages(python) if python else None
    total, names = Copies(0, 0), []
    with audit.root.directory(environment.prefix) as prefix:
        for record in environment.records or ():
            audit.root.check_time(environment.prefix)
            name = record.file_name[: -len(".json")]
            there = [(cache, found.packages[name]) for cache, found in near if name in found.packages]
            if not there or not all(looks_copied(prefix, package, packages) for _cache, package in there):
                continue
            found_copies = _compare(audit, prefix, there[0][0], name, packages)
            if found_copies.inodes:
                total = Copies(total.bytes + found_copies.bytes, total.inodes + found_copies.inodes)
                names.append(name)
    if names:
        yield Problem(
            "%d packages were copied into the environment, though the same packages lie in a cache on its file system:"
            " hard links would take %s and %d inodes less. %s."
            % (len(names), gigabytes(total.bytes), total.inodes, listed(names)),
            details={
                "packages": len(names),
                "reclaimable_bytes": total.bytes,
                "reclaimable_inodes": total.inodes,
                "names": names[:_MAX_DETAILS],
            },
        )


def _compare(audit: Audit, prefix: Directory, cache: Cache, name: str, packages: t.Optional[str]) -> Copies:
    try:
        with audit.root.directory(cache.path + "/" + name) as package:
            return copies(prefix, package, packages)
    except Absent:
        return Copies(0, 0)
    except Unreadable as error:
        audit.unknown(error.path, error.reason)
        return Copies(0, 0)


# Not conda clean, which removes what environments reach by symbolic links (conda issue 16614).
_CLEAN = (
    "Clean {subject} with the module labfleet.conda.conda_cache (state=cleaned), which keeps all that an environment"
    " needs."
)
RULES = (
    Rule(
        id="cache.size",
        family="caches",
        severity="info",
        scope="cache",
        title="What a package cache takes",
        explanation="Files that environments share by hard links cost nothing more; all others would be free without"
        " the cache. A size above the policy's limit is worse than a note.",
        remedy=_CLEAN,
        check=_size,
        source="conda issues 3177, 7597",
        needs=("storage",),
    ),
    Rule(
        id="cache.growth",
        family="caches",
        severity="info",
        scope="cache",
        title="A package cache holds much that no environment uses",
        explanation="conda never removes old packages and archives from a cache by itself.",
        remedy=_CLEAN,
        check=_growth,
        source="conda issues 3177, 7597",
        needs=("storage",),
    ),
    Rule(
        id="cache.duplicates",
        family="caches",
        severity="info",
        scope="host",
        title="The same packages lie in the caches of several users",
        explanation="Each cache is filled by itself, so a large package is downloaded and kept once for each user.",
        remedy="Fill one cache that only its owner can write to, and set `pkgs_dirs: [/opt/conda/pkgs, ~/.conda/pkgs]`"
        " in /etc/conda/condarc; then clean theirs with the module labfleet.conda.conda_cache (state=cleaned).",
        check=_duplicates,
        source="conda documentation, admin-multi-user-install",
        needs=("storage",),
    ),
    Rule(
        id="link.broken",
        family="caches",
        severity="low",
        scope="environment",
        title="Packages were copied in place of linked",
        explanation="An environment that was copied, moved from another file system or restored from a backup has lost"
        " its hard links, and takes the space of each package once more.",
        remedy="Make the environment anew from its explicit list, as {user}: conda list -p {subject} --explicit >"
        " list.txt; conda create -p NEW --file list.txt (which leaves out what pip installed)",
        check=_copied,
        source="conda documentation, disk usage and hard links",
        needs=("storage",),
    ),
)


__all__ = ("RULES",)
