# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Names of hosts, written short: gpu01 to gpu32 as gpu[01-32]."""

from __future__ import annotations

import functools
import re
import typing as t

_NUMBERED = re.compile(r"^(?P<head>.*?)(?P<number>\d+)(?P<tail>[^0-9]*)$")


def merge_host_names(names: t.Iterable[str]) -> str:
    """Write host names as ranges that Ansible's inventory and C(--limit)-minded people can read.

    :param names: the names, in any order, each once.
    :returns: for example C(gpu[01-03,07],login1); numbers are merged only where they have the same width.
    """
    return _merged(tuple(sorted(set(names))))


@functools.lru_cache(maxsize=64)  # in a report of a fleet, many rows name the same hosts
def _merged(names: tuple[str, ...]) -> str:
    groups: dict[tuple[str, str, int], list[int]] = {}
    whole: list[tuple[str, str]] = []
    for name in names:
        match = _NUMBERED.match(name)
        if match:
            key = (match.group("head"), match.group("tail"), len(match.group("number")))
            groups.setdefault(key, []).append(int(match.group("number")))
        else:
            whole.append((name, name))
    for (head, tail, width), numbers in groups.items():
        ranges = list(_ranges(sorted(numbers), width))
        if len(numbers) == 1:
            whole.append((head + ranges[0] + tail, head + ranges[0] + tail))
        else:
            whole.append((head, "%s[%s]%s" % (head, ",".join(ranges), tail)))
    return ",".join(text for _key, text in sorted(whole))


def brief_host_names(names: t.Iterable[str], most: int = 160) -> str:
    """The same, but where that is longer than so many characters the number of hosts, and as many as there is room for.

    The hosts of a large fleet that have something in common may have names without any order.
    """
    known = sorted(set(names))
    text = _merged(tuple(known))
    if len(text) <= most:
        return text
    parts = text[:most].split(",")
    start = ",".join(parts[:-1]) or known[0]
    return "%s,…%s (%d hosts)" % (start, "]" if start.count("[") > start.count("]") else "", len(known))


def _ranges(numbers: t.Sequence[int], width: int) -> t.Iterator[str]:
    start = previous = numbers[0]
    for number in [*numbers[1:], None]:
        if number is not None and number == previous + 1:
            previous = number
            continue
        yield "%0*d" % (width, start) if start == previous else "%0*d-%0*d" % (width, start, width, previous)
        if number is not None:
            start = previous = number


__all__ = ("brief_host_names", "merge_host_names")
