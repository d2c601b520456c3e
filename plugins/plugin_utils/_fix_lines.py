# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What to type to mend packages of environments: the hosts for C(--limit), and a playbook or commands."""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import (
    InvalidVersion,
    Version,
    parse_version,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version_spec import VersionSpec

# From here on a list of names is better read from a file.
MANY_HOSTS = 50

_Map = t.Mapping[str, t.Any]
_UPPER_BOUND = re.compile(r"^(<=?)\s*([^<>=!~*^$()|,\s]+)$")
# Stands for the hosts in the words of a command until all of them are known.
_LIMIT = "{limit}"
_HOME = re.compile(r"^/home/([^/]+)/")
# What ansible takes for something else than a name when it stands in a pattern.
_NO_PLAIN_NAME = re.compile(r"^[~!&@]|[*?\[\],\s]")


def limit_pattern(hosts: t.Iterable[str], *, limit_file: str | None = None) -> str:
    """The value of C(--limit) that means exactly these hosts.

    A merged name such as C(gpu[01-12]) is no pattern: ansible would look for the 2nd to 13th host of a group. So all
    names are listed, or a file that lists them is named.

    :param hosts: the names, as in the inventory.
    :param limit_file: a file with the names, one a line, for more than fifty hosts.
    """
    names = sorted(set(hosts))
    if limit_file and len(names) > MANY_HOSTS:
        return "@" + limit_file
    # with a comma in it, a pattern is never split at colons (IPv6) or taken for a range
    return ",".join(names) if len(names) != 1 or ":" not in names[0] else names[0] + ","


def not_for_limit(hosts: t.Iterable[str]) -> list[str]:
    """The hosts whose names ansible would take for patterns; they cannot be named in C(--limit)."""
    return sorted({name for name in hosts if _NO_PLAIN_NAME.search(name)})


def mending_spec(name: str, condition: str | None, versions: t.Iterable[str]) -> str | None:
    """The spec to install where a condition must no longer hold: what lies above its upper bound.

    :param name: the package.
    :param condition: the versions to get rid of, such as C(<3.0.13) or C(>=3.1,<3.1.5|<3.0.13).
    :param versions: the versions that were found.
    :returns: for example C(openssl>=3.1.5); None where the condition has no upper bound.
    """
    bounds: list[tuple[Version, bool]] = []
    for alternative in (condition or "").split("|"):
        matches = [_UPPER_BOUND.match(part.strip()) for part in alternative.split(",")]
        try:
            upper = [(parse_version(match.group(2)), match.group(1) == "<=") for match in matches if match]
        except InvalidVersion:
            return None
        if not upper:
            return None
        bounds.append(min(upper, key=lambda bound: (bound[0], bound[1])))
    version, included = max(bounds, key=lambda bound: (bound[0], bound[1]))
    spec = "%s%s" % (">" if included else ">=", version.text)
    return name + spec if not _any_matches(spec, versions) else None


def _any_matches(spec: str, versions: t.Iterable[str]) -> bool:
    test = VersionSpec(spec)
    try:
        return any(test.matches(version) for version in versions)
    except SpecError:
        return True


def fix_lines(rows: t.Iterable[_Map], *, limit_file: str | None = None) -> list[dict[str, t.Any]]:
    """What to type on which hosts, equal commands merged.

    What conda installed is mended by the playbook update_environments, which works as the owner of each environment and
    undoes what does not pass. Where it cannot be used, inside other roots and for what pip installed, the commands are
    those of the tools, run as the owner too: what a user can change is never run as anybody else.

    :param rows: what to mend: C(host), C(inside) (which container or image on it, if it lies in one), C(root) (of the
        look), C(prefix), C(owner), C(processes), C(kind) (conda or pip), C(spec) (what to install; None where nobody
        knows), C(package), C(installation), the entry of the installation that the environment belongs to, or None, and
        C(open_to_others), the prefixes of its host that others than their owners can change.
    :param limit_file: see limit_pattern().
    :returns: maps of C(hosts) (names), C(limit), C(command) (None where there is none to give) and C(note).
    """
    merged: dict[tuple[tuple[str, ...] | None, str], list[str]] = {}
    for row in rows:
        words, notes = _words(row)
        merged.setdefault((words, "; ".join(notes)), []).append(row["host"])
    fixes = []
    for (words, note), names in merged.items():
        limit = limit_pattern(names, limit_file=limit_file)
        command = shlex.join(limit if word == _LIMIT else word for word in words) if words else None
        fixes.append({"hosts": sorted(set(names)), "limit": limit, "command": command, "note": note})
    return fixes


def _words(row: _Map) -> tuple[tuple[str, ...] | None, list[str]]:
    """The words of the command for one environment, and what to know before it is typed."""
    if row.get("inside"):
        return _words_inside(row, row["inside"])
    prefix, owner, installation = row["prefix"], str(row.get("owner") or ""), row.get("installation")
    reason = _why_none(row, owner, installation)
    if reason:
        return None, ["%s in %s: %s" % (row["package"], prefix, reason)]
    notes = list(_notes(row, owner, installation))
    if row["kind"] == "conda" and row.get("root") in (None, "/") and not owner.isdigit():
        spec = "lift_spec=" + _below(row["spec"])
        return ("ansible-playbook", "labfleet.conda.update_environments", "--limit", _LIMIT, "-e", spec), notes
    user = "#" + owner if owner.isdigit() else owner
    if row["kind"] == "pip":
        words = [prefix + "/bin/python", "-m", "pip", "install", row["spec"]]
    else:
        program = installation.get("program") or "%s/bin/%s" % (installation["prefix"], installation["kind"])
        words = [program, "install", "-p", prefix, row["spec"]]
    return ("sudo", "-H", "-u", user, *words), notes


def _words_inside(row: _Map, inside: _Map) -> tuple[tuple[str, ...] | None, list[str]]:
    """The words for a container: to type on its host. An image is not changed, but built anew."""
    what = "the %s %s" % (inside["kind"], inside.get("name") or (inside.get("names") or [inside["id"][:12]])[0])
    where = "%s in %s in %s" % (row["package"], row["prefix"], what)
    if not row["spec"]:
        return None, [where + ": no version is known that mends it"]
    installation, owner = row.get("installation"), str(row.get("owner") or "")
    is_live = inside["kind"] == "container" and inside.get("status") == "running"
    if not is_live or inside["engine"] not in ("docker", "podman") or not row["prefix"].isprintable() or not owner:
        return None, [where + ": build its image anew with %s" % row["spec"]]
    if row["kind"] == "pip":
        words = [row["prefix"] + "/bin/python", "-m", "pip", "install", row["spec"]]
    elif installation and installation.get("prefix") and installation["kind"] in ("conda", "mamba", "micromamba"):
        program = installation.get("program") or "%s/bin/%s" % (installation["prefix"], installation["kind"])
        words = [program, "install", "-p", row["prefix"], row["spec"]]
    else:
        return None, [where + ": no installation is known to which it belongs"]
    note = "on its host; it is lost with the container: build its image anew as well"
    sudo = ("sudo", "-H", "-u", inside["engine_user"])
    return (*sudo, inside["engine"], "exec", "--user", owner, inside["name"], *words), [note]


def _below(spec: str) -> str:
    """What must go so that a spec with a lower bound holds: openssl<3.0.13 for openssl>=3.0.13."""
    return spec.replace(">=", "<") if ">=" in spec else spec.replace(">", "<=")


def _why_none(row: _Map, owner: str, installation: _Map | None) -> str | None:
    """Why there is no command to give; None where there is one."""
    if not row["spec"]:
        return "no version is known that mends it"
    if not row["prefix"].isprintable():
        return "its path holds control characters"
    if not owner:
        return "its owner is unknown"
    if row["kind"] == "pip":
        return _why_not_run(row["prefix"], owner, row.get("open_to_others") or ())
    if installation is None:
        return "no installation is known to which it belongs"
    if installation["kind"] not in ("conda", "mamba", "micromamba") or not installation.get("prefix"):
        return "%s has no command for it: change the manifest of its project" % installation["kind"]
    if installation.get("owner") not in ("root", owner):
        return "its installation belongs to %s, whose programs %s must not run" % (installation.get("owner"), owner)
    return _why_not_run(installation["prefix"], owner, row.get("open_to_others") or ())


def _why_not_run(place: str, owner: str, open_to_others: t.Container[str]) -> str | None:
    """Why a user must not run what lies in a prefix; None where nothing is known against it."""
    match = _HOME.match(place)
    if match and match.group(1) != owner:
        return "%s lies in the home of %s, who can replace what %s would run" % (place, match.group(1), owner)
    return "others can change %s: mend its permissions first" % place if place in open_to_others else None


def _notes(row: _Map, owner: str, installation: _Map | None) -> t.Iterator[str]:
    if row.get("root") not in (None, "/"):
        yield "inside the root %s" % row["root"]
    if row.get("processes"):
        yield "processes run from it"
    if owner.isdigit():
        yield "nobody has the user number of its owner any more"
    if installation and installation.get("frozen") and row["prefix"] == installation.get("prefix"):
        yield "it is frozen, so it is held back until the policy sets update.override_frozen"


__all__ = ("MANY_HOSTS", "fix_lines", "limit_pattern", "mending_spec", "not_for_limit")
