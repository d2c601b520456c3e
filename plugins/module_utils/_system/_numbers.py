# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The numbers of users and groups of a user namespace, as seen from inside and from outside (user_namespaces(7))."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
    from ansible_collections.labfleet.conda.plugins.module_utils._system._users import User

OVERFLOW = 65534  # what the kernel shows where a number has no counterpart
_MAX_MAP_BYTES = 65536
_MORE = (
    "st_atime",
    "st_mtime",
    "st_ctime",
    "st_atime_ns",
    "st_mtime_ns",
    "st_ctime_ns",
    "st_blksize",
    "st_blocks",
    "st_rdev",
)


class Range(t.NamedTuple):
    """Numbers that follow each other: the first inside, the first outside, and how many there are."""

    inside: int
    outside: int
    count: int


class Numbers:
    """Translates owner and group of a file into what they are inside a user namespace.

    :param users: the ranges of user numbers.
    :param groups: the ranges of group numbers.
    """

    def __init__(self, users: t.Sequence[Range], groups: t.Sequence[Range]) -> None:
        self.users = tuple(users)
        self.groups = tuple(groups)

    def has_user(self, number: int) -> bool:
        """Whether a user number outside is one of the namespace."""
        return any(some.outside <= number < some.outside + some.count for some in self.users)

    def seen(self, status: os.stat_result) -> os.stat_result:
        """The same status with owner and group as seen from inside."""
        values = list(status)
        values[4], values[5] = inside(self.users, status.st_uid), inside(self.groups, status.st_gid)
        return os.stat_result(values, {name: getattr(status, name) for name in _MORE if hasattr(status, name)})


def inside(ranges: t.Sequence[Range], number: int) -> int:
    """The number inside of one outside; OVERFLOW where it has none."""
    for some in ranges:
        if some.outside <= number < some.outside + some.count:
            return some.inside + number - some.outside
    return OVERFLOW


def parse_map(data: bytes) -> t.List[Range]:
    """Read C(/proc/PID/uid_map) or C(gid_map); lines of another form are passed over."""
    found = []
    for line in data.split(b"\n"):
        fields = line.split()
        if len(fields) == 3 and all(field.isdigit() for field in fields):
            found.append(Range(*map(int, fields)))
    return found


def numbers_of_process(process: int) -> t.Optional[Numbers]:
    """The numbers of the user namespace that a process runs in; None where it is our own, or is not told."""
    maps = [_map_of(process, name) for name in ("uid_map", "gid_map")]
    own = [_map_of("self", name) for name in ("uid_map", "gid_map")]
    return None if maps == own or not all(maps) else Numbers(*maps)


def subordinate_numbers(root: Root, user: User) -> Numbers:
    """The numbers of the containers that a user runs without root: subuid(5) and subgid(5), after their own."""
    maps = []
    for path, own in (("/etc/subuid", user.uid), ("/etc/subgid", user.gid)):
        try:
            data = root.read(path)
        except (Absent, Unreadable):
            data = b""
        maps.append(_after(own, parse_subordinate(data, user)))
    return Numbers(*maps)


def _after(own: int, given: t.Iterable[t.Tuple[int, int]]) -> t.List[Range]:
    ranges = [Range(0, own, 1)]
    for outside, count in given:
        ranges.append(Range(ranges[-1].inside + ranges[-1].count, outside, count))
    return ranges


def parse_subordinate(data: bytes, user: User) -> t.List[t.Tuple[int, int]]:
    """First number and count of each range that subuid(5) or subgid(5) gives a user."""
    found = []
    for line in data.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[0] in (user.name, str(user.uid)) and fields[1].isdigit() and fields[2].isdigit():
            found.append((int(fields[1]), int(fields[2])))
    return found


def _map_of(process: t.Union[int, str], name: str) -> t.List[Range]:
    try:
        with open("/proc/%s/%s" % (process, name), "rb") as stream:
            return parse_map(stream.read(_MAX_MAP_BYTES))
    except OSError:
        return []


__all__ = (
    "OVERFLOW",
    "Numbers",
    "Range",
    "inside",
    "numbers_of_process",
    "parse_map",
    "parse_subordinate",
    "subordinate_numbers",
)
