# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What is wanted of the Python packages that pip looks after, against what the metadata in site-packages shows."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import ABSENT, LATEST, PRESENT
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._spec._python_version import (
    InvalidPythonVersion,
    Specifiers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._requirement import (
    RequirementError,
    parse_requirement,
)

_VCS = re.compile(r"(git|hg|svn|bzr)\+(.+?)(?:@([^@/#]+))?(?:#.*)?\Z")


class Requirement(t.NamedTuple):
    """One Python package that is wanted, as pip writes it.

    :ivar name: in its normal form.
    :ivar url: where it is to come from, for C(NAME @ URL).
    """

    text: str
    name: str
    specifiers: Specifiers
    url: t.Optional[str] = None


class Installed(t.NamedTuple):
    """One Python package that is there.

    :ivar by_conda: whether a package of conda brought it.
    :ivar origin: the content of its C(direct_url.json), where that was read.
    """

    name: str
    version: str
    by_conda: bool
    origin: t.Optional[bytes] = None


class PipStanding(t.NamedTuple):
    """What is to be done about the Python packages.

    :ivar install: the requirements to install, as they were written.
    :ivar remove: the names to remove.
    :ivar ask: with LATEST, the requirements that are there: whether something newer is, only pip can tell.
    """

    install: t.Tuple[Requirement, ...] = ()
    remove: t.Tuple[str, ...] = ()
    ask: t.Tuple[Requirement, ...] = ()

    @property
    def is_met(self) -> bool:
        return not (self.install or self.remove or self.ask)


def parse_requirements(texts: t.Iterable[str], state: str) -> t.Tuple[Requirement, ...]:
    """The requirements of an option.

    :raises Refused: one of them cannot be judged from files, or two are about the same package.
    """
    found = [_requirement(text, state) for text in texts]
    names = [item.name for item in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused("pip: %s is asked for twice: write one requirement for it." % twice[0])
    return tuple(found)


def _requirement(text: str, state: str) -> Requirement:
    try:
        found = parse_requirement(text)
        specifiers = Specifiers(",".join("".join(clause) for clause in found.clauses))
    except (RequirementError, InvalidPythonVersion) as error:
        raise Refused("pip: %s: %s." % (text.strip(), error)) from error
    if found.name is None:
        told = "pip: %r names no package: write it as in rich>=13, or as in mylib @ https://host/mylib.whl."
        raise Refused(told % found.text)
    if found.marker is not None:
        raise Refused("pip: %r has a condition behind a semicolon: put it into the when of the task." % found.text)
    if state != PRESENT and (found.url or found.clauses):
        raise Refused("pip: with state %s a package has just a name, not %r." % (state, found.text))
    return Requirement(found.text, normalize(found.name), specifiers, found.url)


def pip_standing(
    wanted: t.Iterable[Requirement], state: str, installed: t.Mapping[str, Installed], *, forced: bool
) -> PipStanding:
    """Judge an environment.

    :param installed: the Python packages that are there, by their normal names.
    :param forced: whether pip may put its package in the place of one that conda brought.
    :raises Refused: it would do so, or remove one.
    """
    install, remove, ask = [], [], []
    for item in wanted:
        there = installed.get(item.name)
        if state == ABSENT:
            if there is not None:
                _respect_conda(item, there, "be removed", forced)
                remove.append(item.name)
        elif there is None or not is_met_by(item, there):
            if there is not None:
                _respect_conda(item, there, "be replaced", forced)
            install.append(item)
        elif state == LATEST and (forced or not there.by_conda):
            ask.append(item)
    return PipStanding(tuple(install), tuple(remove), tuple(ask))


def _respect_conda(item: Requirement, there: Installed, what: str, forced: bool) -> None:
    if there.by_conda and not forced:
        text = "pip: %s would make %s %s, which conda installed, %s by pip: ask for it in name, or set pip_force."
        raise Refused(text % (item.text, there.name, there.version, what))


def is_met_by(item: Requirement, there: Installed) -> bool:
    """Whether an installed package is what a requirement asks for; what its extras bring is not looked at."""
    if item.url is not None:
        return _comes_from(item.url, there.origin)
    return item.specifiers.is_met_by(there.version)


def _comes_from(url: str, origin: t.Optional[bytes]) -> bool:
    """Whether a package was installed from an address, as its direct_url.json tells (PEP 610)."""
    try:
        content = json.loads((origin or b"").decode("utf-8"))
        told, source = content["url"], content.get("vcs_info") or {}
        revisions = [source.get("requested_revision"), source.get("commit_id")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    vcs = _VCS.match(url)
    if vcs is None:
        return bool(told == url.split("#")[0])
    kind, address, revision = vcs.groups()
    return source.get("vcs") == kind and told == address and (revision is None or revision in revisions)


__all__ = (
    "Installed",
    "PipStanding",
    "Requirement",
    "is_met_by",
    "parse_requirements",
    "pip_standing",
)
