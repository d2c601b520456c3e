# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads and writes C(environment.yml)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import parse_match_spec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._nodes import list_of, map_of, text_of, texts_of
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import ENVIRONMENT_FILE, FileError, Request
from ansible_collections.labfleet.conda.plugins.module_utils._spec._requirement import (
    RequirementError,
    parse_requirement,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node

NODEFAULTS = "nodefaults"
_KEYS = ("name", "channels", "dependencies", "variables", "prefix", "platforms", "category")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./=+@~<>-]|:(?=[A-Za-z0-9/:]))*\Z")
_NO_PLAIN = re.compile(r"(?:y|n|yes|no|on|off|true|false|null)\Z", re.IGNORECASE)


def read_environment_file(root: Node) -> Request:
    """Read the document of a file.

    :raises FileError: it has another shape.
    """
    content = map_of(root, "the file")
    for key, node in content.items():
        if key not in _KEYS:
            raise FileError(node.line, "there is no key %r: the keys are %s" % (key, ", ".join(_KEYS[:4])))
    specs, pip = _dependencies(content.get("dependencies"))
    channels = [] if "channels" not in content else texts_of(content["channels"], "channels", "a channel")
    return Request(
        ENVIRONMENT_FILE,
        name=_name(content.get("name")),
        channels=tuple(channel for channel in channels if channel != NODEFAULTS),
        has_nodefaults=NODEFAULTS in channels,
        specs=tuple(specs),
        pip=tuple(pip),
        variables=_variables(content.get("variables")),
    )


def _name(node: t.Optional[Node]) -> t.Optional[str]:
    if node is None or (node.kind == "scalar" and node.value is None):
        return None
    if node.kind == "scalar" and isinstance(node.value, int) and not isinstance(node.value, bool):
        return str(node.value)
    return text_of(node, "name")


def _dependencies(node: t.Optional[Node]) -> t.Tuple[t.List[str], t.List[str]]:
    specs: t.Dict[str, t.Tuple[str, int]] = {}
    pip: t.List[str] = []
    has_pip = False
    for item in list_of(node, "dependencies"):
        if item.kind != "map":
            text = text_of(item, "a dependency")
            name = _package_of(text, item.line)
            if name in specs:
                problem = "%s stands in line %d already: write one spec for it" % (name, specs[name][1])
                raise FileError(item.line, problem)
            specs[name] = text, item.line
            continue
        content = map_of(item, "a dependency")
        if list(content) != ["pip"] or has_pip:
            raise FileError(item.line, "the one map that can stand among the dependencies is 'pip:' with a list below")
        has_pip = True
        pip = [_requirement(child) for child in list_of(content["pip"], "pip")]
    return [text for text, _line in specs.values()], pip


def _package_of(text: str, line: int) -> str:
    try:
        spec = parse_match_spec(text)
    except SpecError as error:
        raise FileError(line, "%r is no match spec (%s): write it as in numpy>=1.26" % (text, error.reason)) from error
    if not spec.names_one_package:
        raise FileError(line, "%r does not name one package" % text)
    return spec.name


def _requirement(node: Node) -> str:
    text = text_of(node, "a requirement of pip")
    try:
        parse_requirement(text)
    except RequirementError as error:
        raise FileError(node.line, str(error)) from error
    return text


def _variables(node: t.Optional[Node]) -> t.Dict[str, str]:
    found: t.Dict[str, str] = {}
    for name, value in map_of(node, "variables").items() if node is not None else ():
        if not isinstance(name, str) or not _VARIABLE.match(name):
            raise FileError(value.line, "%r is no name of a variable: use letters, digits and underscores" % (name,))
        if value.kind == "scalar" and isinstance(value.value, int) and not isinstance(value.value, bool):
            found[name] = str(value.value)
        elif value.kind == "scalar" and value.value == "":
            found[name] = ""
        else:
            found[name] = text_of(value, "the variable %s" % name)
    return found


def write_environment_file(request: Request, *, prefix: t.Optional[str] = None) -> str:
    """Write a file in the order in which conda writes it.

    :param prefix: the path that conda writes at the end.
    """
    lines = ["name: %s" % _scalar(request.name)] if request.name is not None else []
    channels = [*request.channels, *([NODEFAULTS] if request.has_nodefaults else [])]
    lines += _list("channels", channels)
    lines += _list("dependencies", request.specs, more=bool(request.pip))
    if request.pip:
        lines.append("  - pip:")
        lines += ["      - %s" % _scalar(text) for text in request.pip]
    if request.variables:
        lines.append("variables:")
        lines += ["  %s: %s" % (name, _scalar(value)) for name, value in request.variables.items()]
    if prefix is not None:
        lines.append("prefix: %s" % _scalar(prefix))
    return "\n".join(lines) + "\n"


def _list(key: str, values: t.Sequence[str], *, more: bool = False) -> t.List[str]:
    if not values and not more:
        return ["%s: []" % key]
    return ["%s:" % key, *("  - %s" % _scalar(value) for value in values)]


def _scalar(value: t.Any) -> str:
    text = str(value)
    if _PLAIN.match(text) and not _NO_PLAIN.match(text) and not text.endswith(":"):
        return text
    if all(" " <= sign != "\x7f" for sign in text):
        return "'%s'" % text.replace("'", "''")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"%s"' % "".join(sign if " " <= sign != "\x7f" else "\\u%04x" % ord(sign) for sign in escaped)


__all__ = ("NODEFAULTS", "read_environment_file", "write_environment_file")
