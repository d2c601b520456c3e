# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The homes of a root: those of its users, and those that lie beside them without a user."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import NO_STORAGE
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

HOME_PARENTS = ("/home", "/Users")
FIRST_PERSON = 1000
# Homes of accounts that hold no files of a person or service.
_NO_HOMES = ("/", "/bin", "/sbin", "/dev", "/proc", "/usr/bin", "/usr/sbin", "/usr", "/nonexistent", "/etc", "/tmp")


class Home(t.NamedTuple):
    """One home directory, by its real path; the user is None where no user has it (a departed one)."""

    path: str
    user: t.Optional[str]
    uid: int


def find_homes(
    root: Root, report: Report, users: t.Optional[t.Sequence[str]] = None, present: t.Collection[int] = ()
) -> t.List[Home]:
    """The homes that can be entered, each once, sorted by path.

    :param root: the root to look at.
    :param report: takes the homes that cannot be entered.
    :param users: only the homes of these users; a name that nobody has is reported.
    :param present: numbers of users who run something; the name service is asked for the homes of those in no file.
    """
    homes: t.Dict[t.Tuple[int, int], Home] = {}
    for path, name in _candidates(root, report, users, present):
        try:
            with root.directory(path) as directory:
                status = directory.status()
                user = name or root.identities.user_name(status.st_uid)
                if users is None or user in users:
                    homes.setdefault((status.st_dev, status.st_ino), Home(directory.path, user, status.st_uid))
        except Absent:
            if users is not None:
                report.add(path, "the home of user %s does not exist" % name)
        except Unreadable as error:
            report.add_error(error)
    return sorted(homes.values(), key=lambda home: home.path)


def _candidates(
    root: Root, report: Report, users: t.Optional[t.Sequence[str]], present: t.Collection[int]
) -> t.List[t.Tuple[str, t.Optional[str]]]:
    if users is not None:
        found = []
        for name in users:
            user = root.identities.find_user(name)
            if user is None:
                report.add("user " + name, "no such user is known here")
            else:
                found.append((user.home, user.name))
        return found
    known: t.List[t.Tuple[str, t.Optional[str]]] = []
    for uid in sorted(present):
        home = root.identities.home_of(uid)
        if home is not None and _may_be_home(home):
            known.append((home, root.identities.user_name(uid)))
    known += [(user.home, user.name) for user in root.identities.users if _may_be_home(user.home)]
    persons = [user.home for user in root.identities.users if user.uid >= FIRST_PERSON and _may_be_home(user.home)]
    parents = set(HOME_PARENTS) | {path.rstrip("/").rpartition("/")[0] for path in persons}
    beside: t.List[t.Tuple[str, t.Optional[str]]] = []
    for parent in sorted(parents - set(_NO_HOMES) - {"", "/var", "/var/lib", "/run", "/opt"}):
        try:
            with root.directory(parent) as directory:
                beside += [(directory.join(name), None) for name, kind in directory.entries() if kind == "directory"]
        except Absent:
            continue
        except Unreadable as error:
            report.add_error(error)
    return known + beside


def _may_be_home(path: str) -> bool:
    path = path.rstrip("/")
    return path.startswith("/") and path not in _NO_HOMES and not path.startswith(NO_STORAGE)


__all__ = ("Home", "find_homes")
