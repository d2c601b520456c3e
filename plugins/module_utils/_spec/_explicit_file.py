# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads an C(@EXPLICIT) list of packages (CEP 23)."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import (
    EXPLICIT_FILE,
    ExplicitPackage,
    FileError,
    Request,
    explicit_package,
    refuse_twice,
    sum_of,
)

MARK = "@EXPLICIT"


def is_explicit_file(text: str) -> bool:
    """Whether a text is such a list: one of its lines is the mark."""
    return any(line.strip() == MARK for line in text.splitlines())


def read_explicit_file(text: str) -> Request:
    """Read a list.

    :raises FileError: a line of it is no package.
    """
    found = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#") or line == MARK:
            continue
        url, _sign, sum_ = line.partition("#")
        found.append((explicit_package(url, number, **(sum_of(sum_, number) if sum_ else {})), number))
    refuse_twice(found)
    if not found:
        raise FileError(1, "the list names no package")
    return Request(EXPLICIT_FILE, explicit=tuple(package for package, _line in found))


def write_explicit_file(packages: t.Sequence[ExplicitPackage], *, platform: str) -> str:
    """Write a list as C(conda list --explicit --md5) does; the SHA-256 sum stands where there is no other."""
    lines = [
        "# This file may be used to create an environment using:",
        "# $ conda create --name <env> --file <this file>",
    ]
    lines += ["# platform: %s" % platform, MARK]
    for package in packages:
        sum_ = package.md5 or package.sha256
        lines.append(package.url + ("#" + sum_ if sum_ else ""))
    return "\n".join(lines) + "\n"


__all__ = ("MARK", "is_explicit_file", "read_explicit_file", "write_explicit_file")
