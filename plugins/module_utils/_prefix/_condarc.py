# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where conda and mamba look for their configuration, and what one condarc file or the environment says.

The facts are those of conda 26.7.1: conda/base/constants.py, conda/base/context.py, conda/common/configuration.py.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_keys import ALIASES, SHAPES
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node, YamlError, read_yaml

MAX_CONDARC = 64 * 1024
_SEPARATORS = {"pinned_packages": "&", "disallowed_packages": "&", "envs_dirs": ":"}
_CONDARC = (".condarc", "condarc", "condarc.d")
_MAMBARC = (".mambarc", "mambarc", "mambarc.d")


class SearchEntry(t.NamedTuple):
    """One place of the search path; directory tells that it is meant to be a directory of drop-in files.

    conda reads a file if is_condarc_name() accepts it, and the drop_ins() of whatever is a directory.
    """

    tier: str
    path: str
    directory: bool


class Entry(t.NamedTuple):
    """One setting of one file or of the environment: key is today's name of it, name the one that was written.

    origin is the path of the file or the name of the variable; line is 1-based, None for a variable. problem tells
    why conda stops at it, None if it does not.
    """

    key: str
    name: str
    node: Node
    origin: str
    tier: str
    line: t.Optional[int]
    problem: t.Optional[str]


class CondarcFile(t.NamedTuple):
    """What one file says. readable is false if it was left out as a whole, and the first problem tells why.

    Further problems are (line, text) of what has no effect; their texts never quote the file.
    """

    path: str
    tier: str
    readable: bool
    settings: t.Dict[str, Entry]
    problems: t.Tuple[t.Tuple[int, str], ...]


def search_path(
    *,
    root_prefix: t.Optional[str],
    home: t.Optional[str],
    prefix: t.Optional[str] = None,
    xdg_config_home: t.Optional[str] = None,
    condarc: t.Optional[str] = None,
    mamba: bool = False,
    mambarc: t.Optional[str] = None,
) -> t.List[SearchEntry]:
    """List the places of configuration from lowest to highest precedence, each path once, where it stands first.

    All paths are absolute; xdg_config_home, condarc and mambarc are the values of these variables (~ is expanded; a
    relative one depends on the working directory and is left out). prefix is the environment in use. With mamba the
    order is that of compute_default_rc_sources() of libmamba 2, else that of SEARCH_PATH of conda 26.7.1.
    """
    places = [("system", "/etc/conda", "cm"), ("state", "/var/lib/conda", "cm"), ("root_prefix", root_prefix, "cm")]
    xdg = _from_variable(xdg_config_home, home)
    config = home and home + "/.config"
    if mamba:
        tier, config = ("xdg", xdg) if xdg else ("user_config", config)
        places += [(tier, config and config + "/conda", "c")]
    else:
        places += [("xdg", xdg and xdg + "/conda", "c"), ("user_config", config and config + "/conda", "c")]
    places += [("user", home and home + "/.conda", "c"), ("home", home, "1"), ("prefix", prefix, "c")]
    places += [("condarc_variable", _from_variable(condarc, home), "")]
    if mamba:
        places += [("mamba_config", config and config + "/mamba", "M"), ("mamba_user", home and home + "/.mamba", "M")]
        places += [("mamba_home", home, "m"), ("mambarc_variable", _from_variable(mambarc, home), "")]
        places += [("prefix", prefix, "m")]
    names = {"c": _CONDARC, "cm": _CONDARC + (_MAMBARC[:1] if mamba else ()), "1": _CONDARC[:1]}
    names.update({"m": _MAMBARC[:1], "M": _MAMBARC, "": ("",)})
    found: t.Dict[str, SearchEntry] = {}
    for tier, place, kind in places:
        for name in names[kind] if place else ():
            path = "/" + "/".join(part for part in (place + "/" + name).split("/") if part not in ("", "."))
            # A file of another name than conda accepts is not read, so a variable can only mean a directory by it.
            directory = name.endswith(".d") if name else not is_condarc_name(path.rpartition("/")[2], mamba=mamba)
            found.setdefault(path, SearchEntry(tier, path, directory))
    return list(found.values())


def _from_variable(value: t.Optional[str], home: t.Optional[str]) -> t.Optional[str]:
    if value and home and (value == "~" or value.startswith("~/")):
        value = home + value[1:]
    return value if value and value.startswith("/") else None


def is_condarc_name(name: str, *, mamba: bool = False) -> bool:
    """Tell whether conda (or mamba) reads a regular file with this base name when the search path leads to it."""
    return name in _CONDARC[:2] or mamba and name in _MAMBARC[:2] or _has_suffix(name)


def drop_ins(names: t.Iterable[str]) -> t.List[str]:
    """Of the names in a directory of the search path, those that conda reads as files, in its order."""
    return sorted(filter(_has_suffix, names))


def _has_suffix(name: str) -> bool:
    return name.endswith((".yml", ".yaml")) and name not in (".yml", ".yaml")


def mark_of(node: Node) -> t.Optional[str]:
    """The mark of a value: final, top, bottom or None. conda drops all ! and # around the word."""
    word = node.comment.strip().strip("!#") if node.comment else ""
    return word if word in ("final", "top", "bottom") else None


def parse_condarc(data: bytes, *, path: str, tier: str) -> CondarcFile:
    """Read the bytes of one condarc file. It raises nothing: what cannot be read is in the problems.

    A file that is not readable is left out as a whole, which is what conda does with most of them; at some others
    conda itself stops (wrong encoding, duplicate keys, dates, a document that is no map).
    """
    try:
        document = read_yaml(data.decode("utf-8"))
    except UnicodeDecodeError as err:
        return _unreadable(path, tier, data.count(b"\n", 0, err.start) + 1, "it is not UTF-8")
    except YamlError as err:
        return _unreadable(path, tier, err.line, err.problem)
    root = document.root
    if root.kind != "map":
        if root.kind == "scalar" and root.value is None:
            return CondarcFile(path, tier, True, {}, ())
        return _unreadable(path, tier, root.line, "it is not a map of settings")
    settings, problems = {}, []  # type: t.Dict[str, Entry], t.List[t.Tuple[int, str]]
    for name, node in root.value.items():
        if isinstance(name, str):
            _add(settings, Entry(ALIASES.get(name, name), name, node, path, tier, node.line, None))
        else:
            problems.append((node.line, "a key that is no text"))
    problems += _marks_without_effect(root, document.comments or [])
    return CondarcFile(path, tier, True, settings, tuple(problems))


def _unreadable(path: str, tier: str, line: int, problem: str) -> CondarcFile:
    return CondarcFile(path, tier, False, {}, ((line, problem),))


def _add(settings: t.Dict[str, Entry], entry: Entry) -> None:
    if entry.key in settings:
        entry = entry._replace(problem="one setting under two of its names (%s)" % entry.key)
    settings[entry.key] = entry


def _marks_without_effect(root: Node, comments: t.Iterable[t.Tuple[int, str]]) -> t.List[t.Tuple[int, str]]:
    """Find the #! marks that conda does not see: not next to a value, next to another comment, or of no use there."""
    marked = [line for line, text in comments if text.startswith("#!") and mark_of(Node("", "", 0, text))]
    if not marked:
        return []
    effective, nodes = [], [root]
    while nodes:
        node = nodes.pop()
        children = node.value.values() if node.kind == "map" else node.value if node.kind == "list" else ()
        useful = ("final",) if node.kind == "map" else ("top", "bottom")
        effective += [child.line for child in children if mark_of(child) in useful]
        nodes.extend(children)
    known, count = set(effective), len(marked) - len(effective)
    unused = [line for line in marked if line not in known][: max(count, 0)]
    return [(line, "a mark that has no effect where it stands") for line in unused]


def environment_settings(mapping: t.Mapping[str, str], *, path: str = "environment") -> CondarcFile:
    """Read the CONDA_* variables that are settings: the tier above all files. path only names their origin."""
    settings: t.Dict[str, Entry] = {}
    names = {name[6:].lower(): name for name in mapping if name.startswith("CONDA_")}
    for lower, name in names.items():
        key, text = ALIASES.get(lower, lower), mapping[name]
        shape = SHAPES.get(key, "?")
        if shape == "?":
            continue
        problem, important = None, "#!final" if "!important" in text else ""
        if shape[0] == "L":
            parts = [part.strip() for part in text.split(_SEPARATORS.get(key, ","))]
            node = Node("list", [Node("scalar", part, 0) for part in parts if part], 0, important)
        else:
            node = Node("scalar", text.split("!important")[0].strip(), 0, important)
        if shape[0] == "M":
            problem = "a variable cannot hold a map"
        _add(settings, Entry(key, name, node, name, "environment", None, problem))
    return CondarcFile(path, "environment", True, settings, ())


def expand_path(value: str, *, home: t.Optional[str], environment: t.Mapping[str, str]) -> t.Optional[str]:
    """Expand an entry of envs_dirs or pkgs_dirs as conda does: variables, then ~, then to an absolute path.

    None if that cannot be known here: an unknown variable, another user's ~, a path relative to the working directory.
    """

    def replace(match: t.Any) -> str:
        return variables[match.group(1) or match.group(2)]

    variables = dict(environment)
    if home:
        variables.setdefault("HOME", home)
    try:
        # conda expands twice: when it reads the setting and when it uses it.
        for _again in range(2):
            value = re.sub(r"\$(?:([0-9A-Za-z_]+)|\{([^}]*)\})", replace, value)
    except KeyError:
        return None
    known = _from_variable(value, home)
    return os.path.normpath(known) if known else None


__all__ = (
    "CondarcFile",
    "Entry",
    "MAX_CONDARC",
    "SearchEntry",
    "drop_ins",
    "environment_settings",
    "expand_path",
    "is_condarc_name",
    "mark_of",
    "parse_condarc",
    "search_path",
)
