# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a file, or a task, asks of an environment, whatever the format of the file is."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel import PACKAGE_SUFFIXES, percent_decoded

ENVIRONMENT_FILE, EXPLICIT_FILE, CONDA_LOCK, PIXI_LOCK = "environment", "explicit", "conda-lock", "pixi"
_MD5, _SHA256 = re.compile(r"[0-9a-f]{32}\Z"), re.compile(r"[0-9a-f]{64}\Z")
_URL = re.compile(r"(?:https?|file|ftp|s3)://\S+\Z")


class FileError(ValueError):
    """A file that does not ask for an environment.

    :ivar line: the line of the fault, from 1 on.
    :ivar problem: what is wrong there, and how it is written right.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__("line %d: %s" % (line, problem))
        self.line = line
        self.problem = problem


class ExplicitPackage(t.NamedTuple):
    """One package by its address.

    :ivar md5: the sums of the archive, as far as they are known.
    """

    url: str
    name: str
    version: str
    build: str
    md5: t.Optional[str] = None
    sha256: t.Optional[str] = None

    @property
    def dist(self) -> t.Tuple[str, str, str]:
        """Name, version and build, as a record has them."""
        return self.name, self.version, self.build

    @property
    def file_name(self) -> str:
        """The name of its archive."""
        return percent_decoded(self.url.rpartition("/")[2])


class Request(t.NamedTuple):
    """What an environment is to hold.

    :ivar name: the name that the file gives the environment; None where it gives none.
    :ivar channels: where the packages come from, the first with the highest priority.
    :ivar has_nodefaults: whether the channels of the configuration are not to be asked as well.
    :ivar specs: match specs of packages.
    :ivar explicit: all packages by address; then there are no specs.
    :ivar pip: requirements for pip, as a line of a requirements file each.
    :ivar pip_is_whole: whether the requirements are all that pip is to install, so that their dependencies are not.
    :ivar variables: the environment's variables.
    """

    kind: str = ENVIRONMENT_FILE
    name: t.Optional[str] = None
    channels: t.Tuple[str, ...] = ()
    has_nodefaults: bool = False
    specs: t.Tuple[str, ...] = ()
    explicit: t.Tuple[ExplicitPackage, ...] = ()
    pip: t.Tuple[str, ...] = ()
    pip_is_whole: bool = False
    variables: t.Mapping[str, str] = {}


def explicit_package(url: str, line: int, *, md5: t.Any = None, sha256: t.Any = None) -> ExplicitPackage:
    """The package at an address.

    :raises FileError: it is no address of a package, or a sum is none.
    """
    if not _URL.match(url):
        raise FileError(line, "a package must be a URL, with a scheme such as https:// or file:// in front")
    file_name = percent_decoded(url.rpartition("/")[2])
    suffix = next((suffix for suffix in PACKAGE_SUFFIXES if file_name.endswith(suffix)), None)
    parts = file_name[: -len(suffix)].rsplit("-", 2) if suffix else []
    if len(parts) != 3 or not all(parts):
        raise FileError(line, "the URL of a package must end in NAME-VERSION-BUILD.conda or .tar.bz2")
    if md5 is not None and not (isinstance(md5, str) and _MD5.match(md5)):
        raise FileError(line, "an MD5 sum must have 32 digits of 0-9 and a-f")
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.match(sha256)):
        raise FileError(line, "a SHA-256 sum must have 64 digits of 0-9 and a-f")
    return ExplicitPackage(url, *parts, md5=md5, sha256=sha256)


def sum_of(text: str, line: int) -> t.Dict[str, str]:
    """What stands behind the C(#) of an explicit list: the MD5 sum, or the SHA-256 sum with or without its name."""
    value = text[len("sha256:") :] if text.startswith("sha256:") else text
    if _SHA256.match(value):
        return {"sha256": value}
    if _MD5.match(value) and value == text:
        return {"md5": value}
    raise FileError(line, "behind the # of a package must stand its MD5 or SHA-256 sum, in small letters")


def refuse_twice(packages: t.Sequence[t.Tuple[ExplicitPackage, int]]) -> None:
    """Refuse a list with two packages of one name.

    :param packages: the packages, each with its line.
    """
    seen: t.Dict[str, int] = {}
    for package, line in packages:
        if package.name in seen:
            raise FileError(line, "%s stands in line %d already" % (package.name, seen[package.name]))
        seen[package.name] = line


__all__ = (
    "CONDA_LOCK",
    "ENVIRONMENT_FILE",
    "EXPLICIT_FILE",
    "ExplicitPackage",
    "FileError",
    "PIXI_LOCK",
    "Request",
    "explicit_package",
    "refuse_twice",
    "sum_of",
)
