# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a request that cannot be met conflicts with: which package is wanted differently by whom, and what to relax.

That the request cannot be met is told by the kind of the error, never by a word of it. The reasons stand nowhere else
than in its texts, whose lines are read here by their shape, in the forms of all solvers:

* classic, conda up to 4.3: ``- markupsafe 1.1.1* -> python 3.6*``
* classic, later: chains in C(unsatisfiable), and lines as ``- conf-a -> demo[version='<2']``
* libmamba and rattler in conda: a tree drawn with lines, in which each package is told what it requires
* libsolv, as micromamba hands it on: ``package conf-b-1.0-0 requires demo >=2, but none of the providers ...``
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._tool_error import (
    NOT_FOUND,
    UNSATISFIABLE,
    ToolError,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import parse_match_spec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError

INCOMPATIBLE, NOT_AVAILABLE, NOT_ON_THIS_HOST = "incompatible", "not_available", "not_on_this_host"
_MAX_CONFLICTS, _MAX_WANTS = 20, 20
_CHAIN = re.compile(r"^\s*(?:- )?(\S[^\n]*?(?: -> [^\n]+)+)\s*$", re.MULTILINE)
_LEGEND = "Requested package -> Available versions"
_BULLET = re.compile(r"^ +- ([^\n]+)$", re.MULTILINE)
_TREE = re.compile(r"^(?P<lines>(?:[│ ] {2})*)[├└]─ (?P<text>.*)$")
# Where what a line of a tree names ends, and what is said of it begins.
_SAID = re.compile(
    r",? (?:is (?:not )?installable|is missing|which |for which |can(?:not)? be installed|would (?:require|constrain))"
)
_LIBSOLV = (
    (r"package (?P<by>\S+) requires (?P<spec>.+?), but none of the providers can be installed", INCOMPATIBLE),
    (r"nothing provides (?P<spec>.+?) needed by (?P<by>\S+)", NOT_AVAILABLE),
    (r"nothing provides requested (?P<spec>.+)", NOT_AVAILABLE),
    (r"package (?P<by>\S+) has constraint (?P<spec>.+?) conflicting with", INCOMPATIBLE),
    (r"package (?P<by>\S+) conflicts with (?P<spec>.+?) provided by", INCOMPATIBLE),
    (r"cannot install both (?P<by>\S+) and (?P<dist>\S+)", INCOMPATIBLE),
)


class Want(t.NamedTuple):
    """One side of a conflict.

    :ivar by: who wants it: a spec of the request, or a package, down from the request.
    :ivar spec: what is wanted.
    """

    by: t.Tuple[str, ...]
    spec: str


class Conflict(t.NamedTuple):
    """One package that cannot be as all want it.

    :ivar package: its name.
    :ivar kind: C(incompatible): it is wanted in ways that exclude each other; C(not_available): no channel has it so;
        C(not_on_this_host): it stands for something that the host has not, such as a driver.
    :ivar relax: those specs of the request that one could relax.
    """

    package: str
    kind: str
    wants: t.Tuple[Want, ...]
    relax: t.Tuple[str, ...]

    def as_dict(self) -> t.Dict[str, t.Any]:
        """As the module returns it."""
        wants = [{"by": " -> ".join(want.by) or None, "spec": want.spec} for want in self.wants]
        return {
            "package": self.package,
            "kind": self.kind,
            "wants": wants,
            "relax": list(self.relax),
            "text": self.text,
        }

    @property
    def text(self) -> str:
        """The conflict, and the way out, in one or two sentences."""
        is_alone = len(self.wants) == 1
        wants = [
            "%s wants %s" % (" -> ".join(want.by), want.spec)
            if want.by
            else want.spec + ("" if is_alone else " is asked for")
            for want in self.wants
        ]
        told = "; ".join(wants[:4]) + ("; and others" if len(wants) > 4 else "")
        if self.kind == NOT_AVAILABLE:
            way = "name a channel that has it, or %s" % (_relaxed(self.relax) or "ask for something else")
            what = "%s: %s" % (self.package, told) if any(want.by for want in self.wants) else told
            return "No channel has %s. %s." % (what, way[0].upper() + way[1:])
        if self.kind == NOT_ON_THIS_HOST:
            way = _relaxed(self.relax) or "ask for something else"
            return "This host does not have %s: %s. Change the host, or %s." % (self.package, told, way)
        way = _relaxed(self.relax)
        return "%s cannot be as all want it: %s.%s" % (
            self.package,
            told,
            " %s." % (way[0].upper() + way[1:]) if way else "",
        )


def conflicts(error: ToolError, requested: t.Sequence[str], records: t.Sequence[Record] = ()) -> t.List[Conflict]:
    """What stands in the way of a request, from the answer of the tool; none for an error of another kind.

    :param requested: the match specs that were asked for.
    :param records: those of the environment, whose packages want something too.
    """
    if error.kind not in (UNSATISFIABLE, NOT_FOUND):
        return []
    wants = _of_not_found(error) if error.kind == NOT_FOUND else _of_unsatisfiable(error)
    names = {name: spec for spec in requested for name in [_name(spec)]}
    found: t.Dict[str, t.List[t.Tuple[Want, str]]] = {}
    for want, kind in wants:
        found.setdefault(_name(want.spec), []).append((want, kind))
    told = [_conflict(package, sides, names, records) for package, sides in found.items()]
    # A package that a single side wants, where others are in conflict, is on the way to that only.
    certain = [item for item in told if len(item.wants) > 1 or item.kind != INCOMPATIBLE]
    # The classic solver also names what has nothing to do with the request.
    return (certain or [item for item in told if item.relax])[:_MAX_CONFLICTS]


def _conflict(
    package: str, sides: t.List[t.Tuple[Want, str]], names: t.Mapping[str, str], records: t.Sequence[Record]
) -> Conflict:
    kinds = {kind for _want, kind in sides}
    wants = list(dict.fromkeys(want for want, _kind in sides))
    wants = [want for want in wants if not any(_is_part(want, other) for other in wants)]
    known = NOT_AVAILABLE if kinds == {NOT_AVAILABLE} else INCOMPATIBLE
    kind = NOT_ON_THIS_HOST if package.startswith("__") else known
    if kind == INCOMPATIBLE:
        if package in names and all(want.by for want in wants):
            wants.append(Want((), names[package]))
        named = {_name(want.by[-1]) for want in wants if want.by}
        for record in records if len(wants) < 2 else ():
            needed = [text for text in record.depends if _name(text) == package]
            if needed and record.name not in named:
                wants.append(Want(("%s %s" % record[:2],), needed[0]))
    relax = [names[name] for want in wants for name in [_name(want.by[0]) if want.by else package] if name in names]
    return Conflict(package, kind, tuple(wants[:_MAX_WANTS]), tuple(dict.fromkeys(relax)))


def _is_part(want: Want, other: Want) -> bool:
    """Whether another side tells the same, and the way to it as well."""
    return (
        want != other
        and want.spec == other.spec
        and len(other.by) > len(want.by)
        and other.by[-len(want.by) :] == want.by
    )


def _of_not_found(error: ToolError) -> t.Iterator[t.Tuple[Want, str]]:
    packages = error.details.get("packages")
    if not isinstance(packages, list):
        packages = _BULLET.findall(error.message)
    for package in packages:
        # ResolvePackageNotFound lists chains: who asks, and down to what is not there.
        chain = [str(item) for item in package] if isinstance(package, list) else str(package).split(" -> ")
        yield Want(tuple(_plain(text) for text in chain[:-1]), _plain(chain[-1])), NOT_AVAILABLE


def _of_unsatisfiable(error: ToolError) -> t.List[t.Tuple[Want, str]]:
    tree = list(_of_tree(error.message))
    if tree:
        return tree
    found = list(_of_libsolv(error.message))
    if found:
        return found
    lines = [match.split(" -> ") for match in _CHAIN.findall(error.message) if not match.endswith(_LEGEND)]
    listed = error.details.get("unsatisfiable")
    if not lines and isinstance(listed, list):
        lines = [[str(text) for text in chain] for chain in listed if isinstance(chain, list) and chain]
    # What was asked for stands alone in a line of its own.
    lines += [[text] for text in _BULLET.findall(error.message) if " -> " not in text]
    return [(Want(tuple(map(_plain, chain[:-1])), _plain(chain[-1])), INCOMPATIBLE) for chain in lines]


def _of_libsolv(message: str) -> t.Iterator[t.Tuple[Want, str]]:
    for line in message.splitlines():
        for pattern, kind in _LIBSOLV:
            match = re.search(pattern, line)
            if match:
                found = match.groupdict()
                spec = _of_dist(found["dist"]) if "dist" in found else found["spec"].strip()
                yield Want((_of_dist(found["by"]),) if "by" in found else (), _plain(spec)), kind
                break


def _of_tree(message: str) -> t.Iterator[t.Tuple[Want, str]]:
    """The ends of the branches of a tree: what is wanted there, and who wants it, from the root on."""
    path: t.List[str] = []
    for line in message.splitlines():
        match = _TREE.match(line)
        if not match:
            continue
        depth, text = len(match.group("lines")) // 3, match.group("text").strip()
        said = _SAID.search(text)
        subject = _plain(text[: said.start()] if said else text.rstrip(":;. "))
        path = [*path[:depth], subject]
        about = text[said.start() :] if said else ""
        # A line that ends a sentence ends a branch; one that goes on has branches below it.
        if depth == 0 and not about.rstrip(".; "):
            continue
        if not _goes_on(about):
            is_gone = any(word in about for word in ("does not exist", "missing", "no candidates"))
            *by, spec = _without_options(path)
            yield Want(tuple(by), spec), NOT_AVAILABLE if is_gone else INCOMPATIBLE


def _goes_on(about: str) -> bool:
    """Whether more is said below a line."""
    return about.rstrip(": ").endswith(("requires", "require", "options", "because", "constrain"))


def _without_options(path: t.Sequence[str]) -> t.List[str]:
    """The path less its repetitions: a spec, and then the package that meets it."""
    left: t.List[str] = []
    for text in path:
        if left and _name(left[-1]) == _name(text):
            continue
        left.append(text)
    return left


def _plain(text: str) -> str:
    """A spec as people write it: C(demo <2) for C(demo[version='<2']), C(demo =* *) and the like."""
    text = text.strip().rstrip(",;")
    brackets = re.match(r"([^\s\[\]]+)\[version='([^']*)'\]\Z", text)
    if brackets:
        return "%s %s" % brackets.groups()
    words = text.split()
    while len(words) > 1 and words[-1] in ("*", "=*"):
        words.pop()
    return " ".join(words)


def _of_dist(dist: str) -> str:
    """Name and version of C(NAME-VERSION-BUILD)."""
    parts = dist.rsplit("-", 2)
    return "%s %s" % tuple(parts[:2]) if len(parts) == 3 else dist


def _name(spec: str) -> str:
    try:
        return parse_match_spec(spec).name
    except SpecError:
        return re.split(r"[\s=<>!~\[]", spec.rpartition("::")[2].strip(), maxsplit=1)[0].lower()


def _relaxed(specs: t.Sequence[str]) -> str:
    if not specs:
        return ""
    return "relax or leave out %s" % (" or ".join(specs) if len(specs) < 4 else "one of " + ", ".join(specs))


__all__ = ("Conflict", "INCOMPATIBLE", "NOT_AVAILABLE", "NOT_ON_THIS_HOST", "Want", "conflicts")
