# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What has become of the packages of an environment: the records before and after a change are the truth about it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._package import NamedPackage, channel_of
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text

INSTALLED, REMOVED, UPDATED, DOWNGRADED, REBUILT = "installed", "removed", "updated", "downgraded", "rebuilt"


class PackageChange(t.NamedTuple):
    """One package that is not what it was.

    :ivar before: the package before; None for one that was installed.
    :ivar after: the package after; None for one that was removed.
    :ivar kind: C(installed), C(removed), C(updated), C(downgraded) or C(rebuilt), which is the same version in another
        build or from another channel.
    """

    name: str
    before: t.Optional[NamedPackage]
    after: t.Optional[NamedPackage]
    kind: str


def package_changes(before: t.Iterable[NamedPackage], after: t.Iterable[NamedPackage]) -> t.List[PackageChange]:
    """Compare two lists of records, in the order of the names.

    Of a name with more than one record, which a broken transaction leaves behind, what is in both lists is left out.
    """
    old, new = _by_name(before), _by_name(after)
    changes: t.List[PackageChange] = []
    for name in sorted({*old, *new}):
        left = [package for package in old.get(name, ()) if not _is_among(package, new.get(name, ()))]
        come = [package for package in new.get(name, ()) if not _is_among(package, old.get(name, ()))]
        while left and come:
            first, second = left.pop(), come.pop()
            changes.append(PackageChange(name, first, second, _kind(first, second)))
        changes += [PackageChange(name, package, None, REMOVED) for package in left]
        changes += [PackageChange(name, None, package, INSTALLED) for package in come]
    return changes


def diff_texts(changes: t.Iterable[PackageChange], prefix: str) -> t.Dict[str, str]:
    """The changes as Ansible's ``--diff`` takes them: what was there, and what is there now, one package on a line."""
    changes = list(changes)
    header = "packages of %s" % prefix
    return {
        "before": "".join(_line(change.before) for change in changes if change.before is not None),
        "after": "".join(_line(change.after) for change in changes if change.after is not None),
        "before_header": header,
        "after_header": header,
    }


def _by_name(packages: t.Iterable[NamedPackage]) -> t.Dict[str, t.List[NamedPackage]]:
    named: t.Dict[str, t.List[NamedPackage]] = {}
    for package in packages:
        named.setdefault(package.name, []).append(package)
    return named


def _is_among(package: NamedPackage, others: t.Iterable[NamedPackage]) -> bool:
    return any(_is_same(package, other) for other in others)


def _is_same(one: NamedPackage, other: NamedPackage) -> bool:
    if (one.version, one.build) != (other.version, other.build):
        return False
    channels = {channel_of(one), channel_of(other)} - {None}
    return len(channels) < 2


def _kind(before: NamedPackage, after: NamedPackage) -> str:
    try:
        old, new = parse_version(before.version), parse_version(after.version)
    except InvalidVersion:
        return REBUILT if before.version == after.version else UPDATED
    if old == new:
        return REBUILT
    return UPDATED if old < new else DOWNGRADED


def _line(package: NamedPackage) -> str:
    channel = channel_of(package)
    words = (package.name, package.version, package.build, *([channel] if channel else []))
    return mask_text(" ".join(words)) + "\n"


__all__ = (
    "DOWNGRADED",
    "INSTALLED",
    "PackageChange",
    "REBUILT",
    "REMOVED",
    "UPDATED",
    "diff_texts",
    "package_changes",
)
