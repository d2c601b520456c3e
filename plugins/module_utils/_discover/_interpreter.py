# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The Python with which Ansible could run modules under a root: that of the system, else that of an environment."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

# The oldest Python of hosts for the ansible-core of each year; see its support matrix.
OLDEST = (3, 7)
_DIRECTORIES = ("/usr/bin", "/usr/local/bin", "/usr/libexec", "/bin")
_NAME = re.compile(r"python(3)\.(\d{1,2})\Z")


def find_interpreter(root: Root, environments: t.Iterable[t.Mapping[str, t.Any]]) -> t.Optional[str]:
    """The path of a Python 3.7 or newer; None where there is none.

    :param environments: prefix, whether it is a base prefix, and python_version of each environment of the root.
    """
    found: t.List[t.Tuple[int, t.Tuple[int, ...], str]] = []
    seen: t.Set[str] = set()
    for directory in _DIRECTORIES:
        found += [(2, version, path) for version, path in _of_system(root, directory, seen)]
    for item in environments:
        version = tuple(map(int, re.findall(r"\d+", str(item.get("python_version") or ""))[:2]))
        path = "%s/bin/python" % item["prefix"]
        if version >= OLDEST and _is_there(root, path):
            found.append((1 if item.get("base") else 0, version, path))
    return max(found)[2] if found else None


def _of_system(root: Root, directory: str, seen: t.Set[str]) -> t.Iterator[t.Tuple[t.Tuple[int, ...], str]]:
    try:
        with root.directory(directory) as opened:
            if opened.path in seen:  # /bin is mostly a link to /usr/bin
                return
            seen.add(opened.path)
            names = opened.names()
    except (Absent, Unreadable):
        return
    for name in names:
        match = _NAME.match(name) if name.startswith("python") else None
        version = (int(match.group(1)), int(match.group(2))) if match else ()
        if version >= OLDEST:
            yield version, "%s/%s" % (directory, name)


def _is_there(root: Root, path: str) -> bool:
    try:
        parent, name = root.walk_to_parent(path)
    except (Absent, Unreadable):
        return False
    with parent:
        return parent.has(name)


__all__ = ("find_interpreter",)
