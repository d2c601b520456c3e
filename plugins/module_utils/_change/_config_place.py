# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which file of settings is meant, whose it is, and who reads it; nothing is changed, and no program is started."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import is_condarc_name
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_keys import UNKNOWN, Readers
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import who_could_exchange
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

SYSTEM, BASE, USER, ENVIRONMENT = "system", "base", "user", "environment"
_SYSTEM_FOLDER = "/etc/conda"
_DROP_INS = "condarc.d"
_DROP_IN = re.compile(r"[\w][\w.@+-]*\Z", re.ASCII)
_RECORD = re.compile(r"(conda|mamba|micromamba)-([0-9][^-]*)-[^-]+\.json\Z")
_PROGRAMS = ("bin/micromamba", "micromamba")
_Values = t.Mapping[str, t.Any]


class Place(t.NamedTuple):
    """A file of settings, and where it stands.

    :param path: of the file; folder: the deepest directory on the way to it that is there, open.
    :param missing: the names of the directories below that which are not there.
    :param locked: how many of the missing ones come before the place of the lock, which is not in condarc.d.
    :param parent: the directory of the lock, where that is above the folder, else None.
    :param uid: of the owner of the directory; the name is None where nobody knows it.
    :param prefix: the prefix that the file is of, None for a file of none; base: the one that reads it.
    :param home: of the user whose settings are read too.
    """

    tier: t.Optional[str]
    path: str
    folder: Directory
    missing: t.Tuple[str, ...]
    locked: int
    parent: t.Optional[Directory]
    uid: int
    gid: int
    owner: t.Optional[str]
    prefix: t.Optional[str]
    base: t.Optional[str]
    home: t.Optional[str]
    readers: Readers

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_private(self) -> bool:
        """Whether the file is of one user, so that a new one is for that user alone to read."""
        return self.tier == USER

    @property
    def who(self) -> str:
        """The owner of the directory, by name or number."""
        return self.owner or str(self.uid)

    def close(self) -> None:
        for directory in (self.folder, self.parent):
            if directory is not None:
                directory.close()


def place_of(options: _Values, root: Root) -> Place:
    """The file that the options mean.

    :raises Refused: there can be none, or somebody could lead us elsewhere.
    """
    tier, home, uid = options["tier"], None, None
    prefix = _real(options["prefix"], root)
    readers = _readers(prefix, root) if prefix else Readers()
    subject = None
    if options["path"]:
        path = options["path"]
    elif tier == SYSTEM:
        path = _SYSTEM_FOLDER + "/condarc"
    elif tier == USER:
        uid, home = _user(options["user"], root)
        path = home + "/.condarc"
    else:
        subject = prefix if tier == BASE else _real(options["environment"], root)
        path = str(subject) + "/.condarc"
    if options["dropin"] is not None:
        # conda reads no condarc.d in the home itself.
        above = home + "/.conda" if home else path.rpartition("/")[0]
        path = "%s/%s/%s" % (above, _DROP_INS, _drop_in(options["dropin"]))
    place = _open(root, path, tier)._replace(prefix=subject, base=prefix, readers=readers)
    try:
        if tier == USER and place.uid != uid:
            text = "%s belongs to %s, and not to the user %s: give it to that user first."
            raise Refused(text % (place.folder.path, place.who, options["user"] or uid))
        _refuse_others(place, root)
    except BaseException:
        place.close()
        raise
    user = root.identities.find_user(place.owner) if place.owner and place.uid != 0 else None
    return place._replace(home=home or (user.home if user else None))


def _real(path: t.Optional[str], root: Root) -> t.Optional[str]:
    """The real path of a prefix."""
    if path is None:
        return None
    try:
        with root.directory(path) as directory:
            if directory.has("conda-meta") or any(directory.has(name) for name in _PROGRAMS):
                return directory.path
    except Absent:
        pass
    except Unreadable as error:
        raise Refused("%s cannot be looked at: %s." % (path, error.reason)) from None
    raise Refused("There is no environment at %s: it has no conda-meta directory." % path)


def _readers(prefix: str, root: Root) -> Readers:
    """The versions of the conda and mamba of a base prefix, by the names of their records."""
    found: t.Dict[str, str] = {}
    with root.directory(prefix) as directory:
        try:
            with directory.directory("conda-meta") as meta:
                found = {match.group(1): match.group(2) for match in map(_RECORD.match, meta.names()) if match}
        except Absent:
            pass
        except Unreadable as error:
            raise Refused("%s cannot be looked at: %s." % (error.path, error.reason)) from None
        if any(directory.has(name) for name in _PROGRAMS):
            found.setdefault("micromamba", UNKNOWN)
    readers = Readers(found.get("conda"), found.get("mamba") or found.get("micromamba"))
    if readers == Readers():
        text = "%s holds no conda, mamba or micromamba to read the settings: name a base prefix."
        raise Refused(text % prefix)
    return readers


def _user(name: t.Optional[str], root: Root) -> t.Tuple[int, str]:
    identities = root.identities
    name = name or identities.user_name(own_uid())
    user = identities.find_user(name) if name else None
    if user is None or not user.home.startswith("/") or user.home == "/":
        raise Refused("The user %s is not known on this host, or has no home." % (name or own_uid()))
    return user.uid, user.home.rstrip("/")


def _drop_in(name: str) -> str:
    if not _DROP_IN.match(name):
        raise Refused("dropin: %r is no name of a file: give one such as proxy or 10-proxy.yml." % name)
    return name if name.endswith((".yml", ".yaml")) else name + ".yml"


def _open(root: Root, path: str, tier: t.Optional[str]) -> Place:
    folder, _slash, name = path.rpartition("/")
    if not is_condarc_name(name, mamba=True):
        text = "%s is no file that conda reads: its name must be .condarc or condarc, or end in .yml or .yaml."
        raise Refused(text % path)
    missing: t.List[str] = []
    most = 0 if tier is None else 2
    while True:
        try:
            found = root.directory(folder or "/")
            break
        except Absent:
            above, _slash, last = folder.rpartition("/")
            if len(missing) == most or not last:
                raise Refused("The directory %s is not there: make it first." % folder) from None
            missing.insert(0, last)
            folder = above
        except Unreadable as error:
            raise Refused("%s cannot be changed: %s: %s." % (path, error.path, error.reason)) from None
    status = found.status()
    owner = root.identities.user_name(status.st_uid)
    user = root.identities.find_user(owner) if owner else None
    real = found.join("/".join([*missing, name]))
    locked = len(missing) - (missing[-1:] == [_DROP_INS])
    parent = _parent(found, root) if not missing and found.path.endswith("/" + _DROP_INS) else None
    gid = user.gid if user else status.st_gid
    return Place(
        tier, real, found, tuple(missing), locked, parent, status.st_uid, gid, owner, None, None, None, Readers()
    )


def _parent(folder: Directory, root: Root) -> t.Optional[Directory]:
    """The directory above condarc.d, whose lock is that of the files in condarc.d too, if it is of the same owner."""
    try:
        above = root.directory(folder.path.rpartition("/")[0] or "/")
    except (Absent, Unreadable):
        return None
    if above.status().st_uid == folder.status().st_uid:
        return above
    above.close()
    return None


def _refuse_others(place: Place, root: Root) -> None:
    folder = place.folder
    if folder.guard is not None and folder.guard != place.uid:
        text = "%s cannot be changed: a symbolic link of the user %s leads there, who does not own that directory."
        raise Refused(text % (place.path, root.identities.user_name(folder.guard) or folder.guard))
    found = who_could_exchange(root, folder.path) if place.uid == 0 else None
    if found is not None:
        text = "%s is in a directory of root, but %s could exchange that, by the directory %s: give that to root first."
        raise Refused(text % (place.path, *found))


__all__ = ("BASE", "ENVIRONMENT", "Place", "SYSTEM", "USER", "place_of")
