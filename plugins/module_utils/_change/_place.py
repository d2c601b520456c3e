# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The prefix that is to be changed: what is in it, whose it is, who could change it, which settings hold there."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._writers import strangers, writers_inside
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import (
    Installation,
    installation_in,
    who_may_write,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look, Options
from ansible_collections.labfleet.conda.plugins.module_utils._discover._solver import solver_in_force
from ansible_collections.labfleet.conda.plugins.module_utils._discover._standalone import standalone_program
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, Owners
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history import EMPTY
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import NOBODY, Writers
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_folder, is_there
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_ROOT = 0
# What a base prefix has and other environments have not, even when its conda is gone.
_BASE_ONLY = ("pkgs", "envs", "condabin", ".labfleet-conda/journal.json")


class Place(t.NamedTuple):
    """A base prefix, or an environment of it, as the files tell it.

    :param prefix: what is to be changed.
    :param installation: whose tool is to change it.
    :param environment: for a program that stands alone (look_at_program) there is none.
    :param writers: who may write to it, or exchange it.
    :param configuration: the settings in force for its owner.
    :param owner: the name of its owner; home: the owner's home, None where nobody knows it.
    :param unread: what could not be read of it, as PATH: REASON.
    :param named: what it was looked at by, where that is a micromamba that stands alone.
    """

    prefix: str
    installation: Installation
    environment: Environment
    configuration: t.Optional[Configuration]
    owner: str
    home: t.Optional[str]
    gid: int
    unread: t.List[str]
    writers: Writers = NOBODY
    named: t.Optional[str] = None

    @property
    def uid(self) -> int:
        return self.environment.uid if self.environment is not None else self.installation.uid

    @property
    def subject(self) -> str:
        """The path that it is known by: that of the prefix, or of a program that stands alone."""
        return self.prefix if self.environment is not None else str(self.installation.program)

    @property
    def base(self) -> str:
        """The base prefix of the installation."""
        return self.installation.prefix or self.prefix

    @property
    def is_base(self) -> bool:
        """Whether the base prefix itself is to be changed."""
        return self.prefix == self.base

    @property
    def version(self) -> t.Optional[str]:
        """The version of the tool that the installation is one of."""
        return self.installation.version

    @property
    def solver(self) -> t.Optional[str]:
        """The name of the solver in force; None for other tools than conda, and where it is unknown."""
        settings, unread = (self.configuration.settings, self.configuration.unread) if self.configuration else ({}, [])
        found = solver_in_force(self.installation, settings, unread)
        return found["name"] if found else None

    def setting(self, key: str) -> t.Any:
        """The value of a setting in force, None where nothing sets it."""
        found = self.configuration.settings.get(key) if self.configuration else None
        return found.value if found is not None else None


def look_at(prefix: str, environment: t.Optional[str] = None, *, broken: bool = False, seconds: float = 60.0) -> Place:
    """Look at a base prefix, or at an environment that its tool is to change, without running anything.

    :param prefix: the absolute path of the base prefix; for an environment also that of a micromamba that stands alone,
        or of its root prefix.
    :param environment: the absolute path of the environment; None for the base prefix itself.
    :param broken: take one whose conda is gone, as after a change that was cut off; its version is unknown then.
    :raises Refused: there is no installation, or no environment.
    :raises ScanError: the host cannot be looked at.
    """
    paths = ["/" + path.strip("/") for path in (prefix, environment) if path is not None]
    program = standalone_micromamba(paths[0]) if environment is not None and not broken else None
    if program is not None:
        return _look_beside(program, paths, seconds)
    place = _look(paths, [], seconds, broken)
    # Root changes with settings for everybody only; the settings of another owner are those of its home too.
    return place if place.uid == _ROOT or place.home is None else _look(paths, [place.owner], seconds, broken)


def _look(paths: t.List[str], users: t.List[str], seconds: float, broken: bool) -> Place:
    look = Look(Options(search_paths=paths, depth=0, users=users, time_limit=seconds))
    look.run()
    base, environment = _environment(look, paths[0]), _environment(look, paths[-1])
    found = [item for item in look.result.installations if item.environment is base]
    if not found and broken and any(is_there("%s/%s" % (base.prefix, name)) for name in _BASE_ONLY):
        found = [installation_in(look.survey, base, "conda")]
    if not found:
        raise Refused("%s is an environment, but holds no conda, mamba or micromamba: name a base prefix." % paths[0])
    if environment is not base and [item for item in look.result.installations if item.environment is environment]:
        raise Refused("%s is a base prefix itself: name it as prefix, without environment." % paths[-1])
    return _place(look, found[0], environment)


def environment_directories(prefix: str, uid: int) -> t.List[str]:
    """The directories in which an installation looks for environments by name, as a user has set them, first one first.

    :param prefix: the base prefix.
    :param uid: the number of the user.
    """
    root = Root("/")
    name = root.identities.user_name(uid)
    look = Look(Options(search_paths=[prefix], depth=0, users=[name] if name else []))
    look.run()
    found = [item for item in look.configurations.all() if item.installation.prefix == prefix]
    own = [item for item in found if item.user == name] or found
    return list(own[0].environment_directories) if own else [prefix + "/envs"]


def standalone_micromamba(path: str) -> t.Optional[str]:
    """The program of a micromamba that stands alone, by its own path or by its root prefix; None for anything else."""
    if not is_folder(path):
        return path if path.endswith("/micromamba") and is_there(path) else None
    is_base = is_there(path + "/conda-meta/history")
    if is_base and any(is_there("%s/bin/%s" % (path, name)) for name in ("conda", "mamba", "micromamba")):
        return None
    if is_there(path + "/bin/micromamba"):
        return path + "/bin/micromamba"
    look = Look(Options(search_paths=[path], depth=0, users=[]))
    look.run()
    found = [item for item in look.result.installations if item.prefix == path and item.kind == "micromamba"]
    return found[0].program if found else None


def _look_beside(program: str, paths: t.Sequence[str], seconds: float) -> Place:
    """Look at an environment that a micromamba is to change which stands alone."""
    look = Look(Options(search_paths=[paths[-1]], depth=0, users=[], time_limit=seconds))
    look.run()
    environment = _environment(look, paths[-1])
    installation = _standalone(look, program)
    parent, envs, _name = environment.prefix.rpartition("/envs/")
    root_prefix = paths[0] if is_folder(paths[0]) else parent if envs else environment.prefix
    return _place(look, installation._replace(prefix=root_prefix), environment)._replace(named=paths[0])


def _standalone(look: Look, program: str) -> Installation:
    try:
        installation, is_binary, _uid = standalone_program(look.survey.root, program)
    except (Absent, Unreadable) as error:
        raise Refused("%s cannot be used: %s." % (program, getattr(error, "reason", "it is not there"))) from error
    if not is_binary:
        raise Refused("%s is a script, and no micromamba itself: name the program that it starts." % program)
    return installation


def _environment(look: Look, path: str) -> Environment:
    identity = look.survey.identity(path)
    environment = look.survey.environments.get(identity) if identity else None
    if environment is None:
        text = "There is no environment at %s: it has no conda-meta directory that can be read.%s"
        raise Refused(text % (path, _why(look, path)))
    return environment


def _why(look: Look, path: str) -> str:
    """The first reason for which something on the way to a path could not be read."""
    found = [entry for entry in look.report.entries if (path + "/").startswith(entry["path"].rstrip("/") + "/")]
    return " It could not be read: %s." % found[0]["reason"] if found else ""


def _place(look: Look, installation: Installation, environment: Environment, who: t.Optional[Writers] = None) -> Place:
    identities = look.survey.root.identities
    name = identities.user_name(environment.uid)
    user = identities.find_user(name) if name else None
    configurations = [item for item in look.configurations.all() if item.installation is installation]
    own = [item for item in configurations if item.user == name] or configurations
    below = environment.prefix + "/conda-meta"
    entries = look.report.entries
    return Place(
        prefix=environment.prefix,
        installation=installation,
        environment=environment,
        configuration=own[0] if own else None,
        owner=name or str(environment.uid),
        home=user.home if user else None,
        gid=user.gid if user else environment.gid,
        unread=["%s: %s" % (item["path"], item["reason"]) for item in entries if item["path"].startswith(below)],
        writers=_writers(look, installation, environment) if who is None else who,
    )


def look_at_new(base: str, prefix: str, *, uid: int, gid: int, name: t.Optional[str], writers: Writers) -> Place:
    """What is to make an environment that is not there yet, as if it were there and empty.

    :param base: the base prefix of the tool.
    :param prefix: the path that the environment gets.
    :param uid: the number of who makes it; name: the name.
    :param writers: who could exchange it.
    :raises Refused: there is no installation.
    """
    path = "/" + base.strip("/")
    program = standalone_micromamba(path)
    users = [name] if name and uid != _ROOT and program is None else []
    look = Look(Options(search_paths=[] if program else [path], depth=0, users=users))
    look.run()
    if program is not None:
        parent = prefix.rpartition("/envs/")[0]
        root_prefix = path if is_folder(path) else parent or prefix
        installation = _standalone(look, program)._replace(prefix=root_prefix)
    else:
        there = _environment(look, path)
        found = [item for item in look.result.installations if item.environment is there]
        if not found:
            raise Refused("%s holds no conda, mamba or micromamba: name a base prefix." % base)
        installation = found[0]
    place = _place(look, installation, _empty(prefix, uid, gid), writers)
    return place if program is None else place._replace(named=path)


def new_place(base: Place, prefix: str, writers: Writers) -> Place:
    """The same, for the owner of the base prefix, from what is known of that."""
    environment = _empty(prefix, base.environment.uid, base.environment.gid)
    return base._replace(prefix=prefix, environment=environment, writers=writers, unread=[])


def new_base(prefix: str, *, uid: int, gid: int, name: t.Optional[str], writers: Writers) -> Place:
    """A base prefix that is not there yet, as if it were there and empty; see look_at_new()."""
    environment = _empty(prefix, uid, gid)
    user = Root("/").identities.find_user(name) if name else None
    installation = Installation(
        kind="conda", distribution=None, distribution_evidence=None, prefix=prefix, program=None, versions={},
        version_source=None, uid=uid, gid=gid, mode=0o755, writers=writers, installer=None, is_secondary=False,
        environment=environment, notes=[],
    )  # fmt: skip
    owner, home = name or str(uid), user.home if user else None
    return Place(prefix, installation, environment, None, owner, home, gid, [], writers)


def _empty(prefix: str, uid: int, gid: int) -> Environment:
    return Environment(
        prefix=prefix, identity=(0, 0), uid=uid, gid=gid, mode=0o755, has_history=False, directory_names=frozenset(),
        records=[], details=[], history=EMPTY, pinned=[], frozen=None, created=None, modified=0.0, python_version=None,
        pip_packages=[], tool_metadata={}, owners=Owners({}, ()),
    )  # fmt: skip


def look_at_program(path: str) -> Place:
    """Look at a micromamba that stands alone, without running it: its prefix is the directory in which it lies.

    After a change that was cut off, it may not be there, or only in part.

    :raises Refused: there is no such program, or it cannot be changed by its owner.
    """
    root = Root("/")
    pending = is_there("%s/.labfleet-conda/journal.json" % (path.rpartition("/")[0]))
    try:
        installation, is_binary, folder_uid = standalone_program(root, path, gone=pending)
    except Absent:
        raise Refused("There is no program at %s." % path) from None
    except Unreadable as error:
        raise Refused("%s cannot be used: %s." % (path, error.reason)) from error
    if not is_binary and not pending:
        raise Refused("%s is a script, and no micromamba itself: name the program that it starts." % path)
    if folder_uid != installation.uid:
        text = "%s and the directory that it lies in belong to different users: give them one owner first."
        raise Refused(text % installation.program)
    name = root.identities.user_name(installation.uid)
    user = root.identities.find_user(name) if name else None
    return Place(
        prefix=str(installation.prefix),
        installation=installation,
        environment=t.cast(Environment, None),
        writers=installation.writers,
        configuration=None,
        owner=name or str(installation.uid),
        home=user.home if user else None,
        gid=user.gid if user else installation.gid,
        unread=[],
    )


def _writers(look: Look, installation: Installation, environment: Environment) -> Writers:
    if installation.environment is environment:
        return installation.writers
    with look.survey.root.directory(environment.prefix) as directory:
        return who_may_write(look.survey, directory, environment)


def refuse_unless_ours(place: Place, *, trusted: t.Iterable[str] = ()) -> None:
    """Refuse a prefix whose programs this user must not run.

    :param trusted: names of users and groups who may write to it all the same.
    :raises Refused: it belongs to somebody else, to nobody, or others can write to it.
    """
    me = own_uid()
    if me not in (_ROOT, place.uid):
        raise Refused(
            "%s belongs to %s, and only its owner may change it: run the task with become: true and become_user: %s."
            % (place.subject, place.owner, place.owner)
        )
    if me != place.uid and place.home is None:
        raise Refused(
            "%s belongs to the user number %d, which no user of this host has: give it an owner first."
            % (place.subject, place.uid)
        )
    trusted = list(trusted)
    _refuse_strangers(place, place.subject, place.writers, trusted)
    if not place.is_base:  # its tool is run too
        _refuse_strangers(place, place.base, place.installation.writers, trusted)


def _refuse_strangers(place: Place, path: str, who: Writers, trusted: t.Sequence[str]) -> None:
    identities = Root("/").identities
    if place.environment is not None:
        who = who | writers_inside(path, identities)
    names = strangers(who, place.owner, identities, trusted=trusted)
    if names:
        raise Refused(
            "%s can be changed by others than %s (%s), so %s must not run what is in it: take away their right to"
            " write, or name them in trusted_writers." % (path, place.owner, ", ".join(names), place.owner)
        )


__all__ = (
    "Place",
    "environment_directories",
    "look_at",
    "look_at_new",
    "new_base",
    "new_place",
    "look_at_program",
    "refuse_unless_ours",
    "standalone_micromamba",
)
