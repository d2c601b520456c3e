# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads what pip is asked for, a line of a requirements file each, as far as it decides what is installed already."""

from __future__ import annotations

import re
import typing as t

_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[A-Za-z0-9._, -]*\])?\s*")
_CLAUSE = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>)\s*([A-Za-z0-9.*+!_-]+)\s*\Z")
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+[a-z+]+://\S+\Z")
_URL = re.compile(r"(?:https?|file|ftp)://\S+\Z")
# What can stand on a line of its own: it changes where packages come from, not which.
_OPTIONS = ("--index-url", "-i", "--extra-index-url", "--no-index", "--find-links", "-f", "--pre", "--prefer-binary",
            "--only-binary", "--no-binary", "--trusted-host")  # fmt: skip
_OTHER_FILES = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable")


class RequirementError(ValueError):
    """A line that cannot be used; the text says why, and what to do."""


class Requirement(t.NamedTuple):
    """One requirement.

    :ivar name: the project in its normal form (PEP 503); None for an address without a name, and for an option.
    :ivar clauses: operators and versions.
    :ivar url: where it comes from, if that is told.
    :ivar marker: the condition behind the semicolon.
    :ivar is_option: whether the line is an option of pip.
    """

    text: str
    name: t.Optional[str] = None
    clauses: t.Tuple[t.Tuple[str, str], ...] = ()
    url: t.Optional[str] = None
    marker: t.Optional[str] = None
    is_option: bool = False

    @property
    def pinned(self) -> t.Optional[str]:
        """The one version that it allows; None where it allows others."""
        if len(self.clauses) == 1 and self.clauses[0][0] in ("==", "===") and "*" not in self.clauses[0][1]:
            return self.clauses[0][1]
        return None


def parse_requirement(text: str) -> Requirement:
    """Read a line.

    :raises RequirementError: it is none, or refers to a file that is not here.
    """
    line = re.split(r"(?:\A|\s)#", text, maxsplit=1)[0].strip()
    word = re.split(r"[\s=]", line, maxsplit=1)[0]
    if word.startswith("-"):
        if word in _OTHER_FILES or any(word.startswith(option) for option in ("-r", "-c", "-e")):
            raise RequirementError("%s refers to another file: write what is in it here, or its address" % word)
        if word not in _OPTIONS:
            raise RequirementError("pip takes no option %s on such a line" % word)
        return Requirement(line, is_option=True)
    if _VCS.match(line) or _URL.match(line):
        return Requirement(line, url=line)
    requirement, _sign, marker = line.partition(";")
    named = _NAME.match(requirement)
    if not named:
        raise RequirementError("%r is no requirement of pip: write it as in torch==2.5.1" % text)
    name, rest = normal_name(named.group(1)), requirement[named.end() :].strip()
    told = marker.strip() or None
    if rest.startswith("@"):
        url, _space, condition = rest[1:].strip().partition(" ")
        return Requirement(line, name, url=url, marker=(condition.strip("; ") or told))
    rest = rest[1:-1] if rest.startswith("(") and rest.endswith(")") else rest
    rest = re.split(r"\s--hash[= ]", rest, maxsplit=1)[0]
    clauses = []
    for clause in rest.split(",") if rest.strip() else []:
        match = _CLAUSE.match(clause)
        if not match:
            raise RequirementError("%r is no requirement of pip: write it as in torch==2.5.1" % text)
        clauses.append((match.group(1), match.group(2)))
    return Requirement(line, name, tuple(clauses), marker=told)


def normal_name(name: str) -> str:
    """The normal form of a project's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


__all__ = ("Requirement", "RequirementError", "normal_name", "parse_requirement")
