# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where a new base comes from: an installer of constructor, or a list of packages and a tool that installs it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package, parse_package
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import (
    Place,
    look_at,
    look_at_program,
    refuse_unless_ours,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, tool_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Options, Tool, told_version
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._change._writers import strangers
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_there, read_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Command, Finished, NotStarted

DOWNLOAD = "download"
INSTALLER, LIST = "installer.sh", "explicit.txt"
_HEAD_BYTES = 4096
_MAX_LIST = 16 * 1024 * 1024
_HEAD = re.compile(r"^# (NAME|VER|PLAT): +(\S.*?)\s*$", re.M)
_HASH = re.compile(r"#(?:sha256:)?(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{64})\Z")
_ARCHIVE = re.compile(r"/([^/]+?)(?:\.tar\.bz2|\.conda)\Z")
_MAX_SAID = 400


class Source(t.NamedTuple):
    """What fills an empty prefix.

    :param path: the file, checked, where nobody but the owner of the prefix can exchange it.
    :param about: what it tells of itself, for the result of the module.
    :param packages: the packages that it brings; none where they are not known.
    :param moves_cache: whether it removes the package cache of the prefix, so that this must be out of its way.
    """

    path: str
    about: t.Dict[str, str]
    packages: t.Tuple[Package, ...]
    moves_cache: bool
    command: Command


def installer_source(session: Session, *, seconds: float, grace: float) -> Source:
    """The installer that was fetched.

    :raises Refused: it is none of constructor's, or one for another kind of machine.
    """
    path = _path(session, INSTALLER)
    about = installer_head(read_text(path, limit=_HEAD_BYTES) or "")
    shell = "/bin/bash" if is_there("/bin/bash") else "/bin/sh"
    environment = session.environment(own_home=True)
    # It unpacks programs there and runs them; many hosts forbid that in /tmp.
    environment["TMPDIR"] = environment["HOME"]
    # -u is needed since the prefix is there: without it, the installer refuses.
    arguments = (shell, path, "-b", "-u", "-p", session.prefix)
    return Source(path, about, (), True, Command(arguments, environment, seconds=seconds, grace=grace))


def installer_head(text: str) -> t.Dict[str, str]:
    """What the head of an installer tells: its name, version and platform.

    :raises Refused: it is none of constructor's.
    """
    found = {key.lower(): value for key, value in _HEAD.findall(text)}
    if not text.startswith("#!") or "name" not in found or "ver" not in found:
        raise Refused(
            "installer: it does not begin as an installer of constructor (such as Miniforge3 for Linux) does."
        )
    about = {"name": found["name"], "version": found["ver"]}
    if "plat" in found:
        about["platform"] = found["plat"]
        if not found["plat"].startswith("linux"):
            raise Refused("installer: it is for %s, and this host runs Linux." % found["plat"])
    return about


def lock_source(session: Session, driver: Driver, channels: t.Sequence[str], *, seconds: float, grace: float) -> Source:
    """The list of packages that was fetched, and the tool that installs it.

    :raises Refused: it is no such list, or one of its packages has no checksum.
    """
    path = _path(session, LIST)
    packages = explicit_packages(read_text(path, limit=_MAX_LIST) or "")
    question = driver.tool.explicit_install(path, Options(channels=tuple(channels)), prefix=session.prefix)
    command = driver.command(question, seconds=seconds, grace=grace)
    environment = {**command.environment, "CONDA_PKGS_DIRS": session.prefix + "/pkgs"}
    if driver.tool.kind == "conda":
        environment["CONDA_ROOT_DIR"] = session.prefix  # conda 4 installs conda into what it takes for its base only
    about = {"tool": driver.tool.program, "version": driver.tool.version}
    return Source(path, about, tuple(packages), False, command._replace(environment=environment))


def explicit_packages(text: str) -> t.List[Package]:
    """The packages of an C(@EXPLICIT) list.

    :raises Refused: it is none, or one of its packages has no checksum.
    """
    lines = [line.strip() for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith("# ") and line != "#"]
    if "@EXPLICIT" not in lines:
        raise Refused("lock: it has no line @EXPLICIT. Write it with conda list --explicit --md5, or --sha256.")
    packages: t.List[Package] = []
    for line in lines:
        if line == "@EXPLICIT":
            continue
        if not _HASH.search(line):
            text = "lock: %s has no checksum. Write the list with conda list --explicit --md5, or --sha256."
            raise Refused(text % line)
        url = _HASH.sub("", line)
        archive = _ARCHIVE.search(url)
        package = parse_package(archive.group(1)) if archive else None
        if package is None:
            raise Refused("lock: %s is no address of a package." % line)
        packages.append(package._replace(url=url))
    if not any(package.name in ("conda", "mamba") for package in packages):
        raise Refused("lock: neither conda nor mamba is in it, so that it makes no base.")
    return packages


def tool_elsewhere(session: Session, program: str, trusted: t.Sequence[str]) -> Driver:
    """The tool that installs a list into a prefix that is not its own.

    :raises Refused: there is none, or somebody could have changed it.
    """
    place = _place_of(program)
    if place.prefix.rstrip("/") == session.prefix:
        raise Refused("tool: %s is of the base that is to be replaced. Name one that lies elsewhere." % program)
    _refuse_if_others_can_write(session, place, program, trusted)
    environment = session.environment()
    if place.environment is not None:
        return Driver(tool_of(place), session.runner, environment)
    tool = Tool(place.installation.kind, "0", str(place.installation.program), session.prefix)
    try:
        done = session.runner.run(Driver(tool, session.runner, environment).command(tool.version_command()))
    except NotStarted as error:
        raise Refused("tool: %s." % error) from error
    version = told_version(tool, done.stdout, done.stderr)
    if done.code != 0 or version is None:
        raise Refused("tool: %s --version ends with exit code %d." % (program, done.code))
    return Driver(tool._replace(version=version), session.runner, environment)


def _place_of(program: str) -> Place:
    """The installation that a program is of; a micromamba can be one of its own."""
    folder, _slash, name = program.rpartition("/")
    if name not in ("conda", "mamba", "micromamba"):
        raise Refused("tool: %s is no conda, mamba or micromamba." % program)
    if name == "micromamba":
        return look_at_program(program)
    base, _slash, last = folder.rpartition("/")
    if last not in ("bin", "condabin"):
        raise Refused("tool: %s does not lie in the bin of a base prefix." % program)
    return look_at(base)


def _refuse_if_others_can_write(session: Session, place: Place, program: str, trusted: t.Sequence[str]) -> None:
    """Refuse a tool that neither root nor the owner of the prefix vouches for."""
    if place.uid not in (0, own_uid()):
        text = "tool: %s belongs to %s. It must belong to root, or to %s, the owner of %s."
        raise Refused(text % (program, place.owner, session.place.owner, session.prefix))
    if place.uid == own_uid():
        refuse_unless_ours(place, trusted=trusted)
        return
    names = strangers(place.installation.writers, session.place.owner, Root("/").identities, trusted=trusted)
    if names:
        raise Refused("tool: %s can be changed by %s, so it must not be run." % (program, ", ".join(names)))


def how_it_failed(what: str, done: Finished, seconds: float) -> t.Optional[Failed]:
    """Why a program did not fill the prefix; None where it says that it did."""
    if done.timed_out:
        return Failed("%s took longer than %g s and was ended." % (what, seconds))
    if done.interrupted:
        return Failed("%s was ended, since this run was (signal %d)." % (what, done.interrupted))
    if done.code == 0:
        return None
    said = " ".join((done.stderr or done.stdout).decode("utf-8", "replace").split())[-_MAX_SAID:]
    return Failed("%s ended with exit code %d.%s" % (what, done.code, " It says: %s" % said if said else ""))


def _path(session: Session, name: str) -> str:
    return "/".join((session.prefix, STATE, DOWNLOAD, name))


__all__ = (
    "DOWNLOAD",
    "INSTALLER",
    "LIST",
    "Source",
    "explicit_packages",
    "how_it_failed",
    "installer_head",
    "installer_source",
    "lock_source",
    "tool_elsewhere",
)
