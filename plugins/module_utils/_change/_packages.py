# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the records of a prefix tell that a snapshot needs: the packages, their files, and where they come from."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, read_environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import (
    BadRecord,
    RecordMemory,
    is_record_file,
    parse_files,
    parse_record_name,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

MAX_RECORDS_BYTES = 1024 * 1024 * 1024


class NoEnvironment(Exception):
    """There is no environment at a path; the text is a sentence."""


def read_packages(prefix: str) -> Environment:
    """The environment at a path, with the content of its records and their lists of files.

    :raises NoEnvironment: there is none, or it cannot be read.
    """
    try:
        with Root("/").directory(prefix) as directory:
            memory = RecordMemory(keep_files=True, limit=MAX_RECORDS_BYTES, most=MAX_RECORDS_BYTES)
            return read_environment(directory, report=Report(), with_details=True, memory=memory)
    except Absent as error:
        message = "%s is no environment of conda: it has no conda-meta directory. Name the prefix of an environment."
        raise NoEnvironment(message % prefix) from error
    except Unreadable as error:
        raise NoEnvironment("%s could not be read: %s." % (error.path, error.reason)) from error


def read_names(prefix: str) -> Environment:
    """The environment at a path, without the content of its records.

    :raises NoEnvironment: there is none, or it cannot be read.
    """
    try:
        with Root("/").directory(prefix) as directory:
            return read_environment(directory, report=Report())
    except Absent as error:
        message = "%s is no environment of conda: it has no conda-meta directory. Name the prefix of an environment."
        raise NoEnvironment(message % prefix) from error
    except Unreadable as error:
        raise NoEnvironment("%s could not be read: %s." % (error.path, error.reason)) from error


def owned_paths(environment: Environment) -> t.Set[str]:
    """The paths below the prefix of all files that records list."""
    owned: t.Set[str] = set()
    for record in environment.details or ():
        try:
            owned.update(parse_files(record.files or b"{}"))
        except BadRecord:
            continue
    return owned


def files_of_record(data: bytes) -> t.List[str]:
    """The files that a record lists; none where it is damaged."""
    try:
        return parse_files(data)
    except BadRecord:
        return []


def distributions(names: t.Iterable[str]) -> t.List[str]:
    """NAME-VERSION-BUILD of each record among the names of conda-meta, sorted."""
    return sorted(name[:-5] for name in names if is_record_file(name) and parse_record_name(name))


def explicit_list(environment: Environment) -> str:
    """The packages as a list that C(conda create --file) takes: an address each, with its checksum where known."""
    lines = ["# This file may be used with conda create --file or conda install --file.", "@EXPLICIT"]
    for record in sorted(environment.details or ()):
        if record.url is None:
            lines.append("# %s-%s-%s: its record names no address" % record[:3])
        else:
            lines.append(
                record.url + ("#" + (record.sha256 or record.md5 or "") if record.sha256 or record.md5 else "")
            )
    return "\n".join(lines) + "\n"


def pip_list(environment: Environment) -> str:
    """The Python packages that something else than conda installed, as pip's requirements name them."""
    return "".join("%s==%s\n" % package[:2] for package in environment.pip_packages)


class FileSource(t.NamedTuple):
    """Where else a file of a package may be found, and what its content must be."""

    sha256: str
    places: t.List[str]


def file_source(data: bytes, path: str, prefix: str, dist: str) -> t.Optional[FileSource]:
    """What a record tells of one of its files; None where it has no checksum of it.

    :param data: the content of the record.
    :param dist: NAME-VERSION-BUILD.
    """
    try:
        record = json.loads(data.decode("utf-8"))
        found = [item for item in record["paths_data"]["paths"] if item.get("_path") == path]
        wanted = found[0].get("sha256_in_prefix") or found[0].get("sha256")
        if not isinstance(wanted, str):
            return None
        link = record.get("link")
        extracted = [record.get("extracted_package_dir"), link.get("source") if isinstance(link, dict) else None]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return None
    places = [place for place in extracted if isinstance(place, str) and place.startswith("/")]
    places.append("%s/pkgs/%s" % (prefix, dist))
    return FileSource(wanted, ["%s/%s" % (place, path) for place in places])


__all__ = (
    "FileSource",
    "NoEnvironment",
    "distributions",
    "explicit_list",
    "file_source",
    "files_of_record",
    "owned_paths",
    "pip_list",
    "read_names",
    "read_packages",
)
