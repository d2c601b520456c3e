# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the rules of several families ask: the settings in force, versions in conda's order, texts fit to be shown."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._remedies import quoted
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import Setting
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel_places import texts_in
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import Version, parse_version
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import (
    MASK,
    is_secret_name,
    mask_text,
    on_one_line,
)

MAX_SHOWN = 300
MAX_FILE = 256 * 1024


def shown(value: t.Any) -> str:
    """A value from a file as it may stand in a finding: on one line, not long, without token and password."""
    text = value if isinstance(value, str) else _in_words(value)
    text = mask_text(on_one_line(text))  # before it is cut: half a URL does not show what of it is a password
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


def _in_words(value: t.Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(_in_words, value[:50]))
    if isinstance(value, dict):
        pairs = [(key, MASK if is_secret_name(key) else _in_words(item)) for key, item in list(value.items())[:50]]
        return "{%s}" % ", ".join("%s: %s" % pair for pair in pairs)
    return str(value)


def listed(names: t.Sequence[str], most: int = 5) -> str:
    """The first few of some names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (" and %d more" % more if more > 0 else "")


def setting_of(configuration: Configuration, key: str, audit: Audit) -> t.Optional[Setting]:
    """A setting in force; None where nothing sets it, or conda cannot take it, which is noted as unknown."""
    setting = configuration.settings.get(key)
    if setting is not None and setting.problem is not None:
        reason = "the setting %s cannot be judged: conda stops at it, since it is %s"
        audit.unknown(setting.source, reason % (key, shown(setting.problem)))
        return None
    return setting


def is_unset(configuration: Configuration, key: str, audit: Audit) -> bool:
    """Whether nothing sets a key; not so where a file that could not be read may do it, which is noted as unknown."""
    if key in configuration.settings:
        return False
    for path in configuration.unread[:10]:
        audit.unknown(path, "it may set %s, so that could not be judged" % key)
    return not configuration.unread


def place_of_setting(setting: Setting) -> str:
    """Where a setting was written, in words."""
    source = setting.locked_by or setting.sources[0]
    return in_words(source.origin, source.line)


def in_words(origin: str, line: t.Optional[int] = None) -> str:
    """The file, or variable, that sets something."""
    if not origin.startswith("/"):
        return "the variable %s" % shown(origin)
    return "%s, line %d" % (origin, line) if line else origin


def to_set(origin: str, key: str, value: str) -> str:
    """How to give a setting another value where it was written."""
    if not origin.startswith("/"):
        return "Set the variable %s to %s, or take it away." % (shown(origin), value)
    command = quoted("conda", "config", "--file", origin, "--set", key, value)
    return "Type as the owner of the file: " + command


def to_remove(origin: str, key: str) -> str:
    """How to take back a setting where it was written."""
    if not origin.startswith("/"):
        return "Take the variable %s away." % shown(origin)
    return "Type as the owner of the file: " + quoted("conda", "config", "--file", origin, "--remove-key", key)


def origin_of(setting: Setting, key: str, text: str, audit: Audit) -> str:
    """Which of the sources of a list or map holds a text; the one that comes first where none tells."""
    unknown = setting.source
    if len(setting.sources) > 1:
        for source in setting.sources:
            make = functools.partial(_texts_of_file, audit, source.origin, key)
            texts = audit.memo(("texts", source.origin, key), make)
            if texts is None:
                unknown = source.origin  # a variable: what no file holds is from there
            elif text in texts:
                return source.origin
    return unknown


def _texts_of_file(audit: Audit, path: str, key: str) -> t.Optional[t.Set[str]]:
    file = audit.look.configurations.file(path)
    if file is None:
        return None
    entry = file.settings.get(key)
    return set(_texts_of_node(entry.node)) if entry else set()


def _texts_of_node(node: Node) -> t.Iterator[str]:
    if node.kind == "scalar":
        if isinstance(node.value, str):
            yield node.value
        return
    for child in node.value.values() if node.kind == "map" else node.value:
        yield from _texts_of_node(child)


def own_files(environment: Environment, audit: Audit) -> t.List[str]:
    """The files in a prefix that tell where packages come from, as far as they are there."""

    def make() -> t.List[str]:
        meta = environment.prefix + "/conda-meta/"
        names = ("environment.yml", "environment.yaml")
        found = [meta + name for name in names if name in environment.directory_names]
        with audit.root.directory(environment.prefix) as prefix:
            return found + [prefix.join(name) for name in names + ("pip.conf",) if prefix.has(name)]

    return audit.memo(("own files", environment.prefix), make)


def read_small(path: str, audit: Audit, limit: int = MAX_FILE) -> bytes:
    """The content of a file; nothing where there is none, or it cannot be read, which is noted."""
    try:
        return audit.root.read(path, limit=limit)
    except Absent:
        return b""
    except Unreadable as error:
        audit.unknown(path, error.reason)
        return b""


def version(text: t.Optional[str]) -> t.Optional[Version]:
    """A version in conda's order; None where there is none, or it cannot be read."""
    try:
        return parse_version(text) if isinstance(text, str) else None
    except SpecError:
        return None


def version_of(installation: Installation, tool: str, audit: Audit) -> t.Optional[Version]:
    """The version of a tool in an installation of its kind; one that is not known is noted."""
    text = installation.versions.get(tool)
    found = version(text)
    if found is None and (text is not None or installation.kind == tool):
        audit.unknown(where(installation), "which version of %s it is could not be told" % tool)
    return found


def where(installation: Installation) -> str:
    """The path that an installation goes by, which is that of its findings too."""
    return installation.prefix or installation.program or "/"


def is_conda(configuration: Configuration) -> bool:
    """Whether settings are those of a conda."""
    return configuration.installation.kind == "conda"


__all__ = (
    "in_words",
    "is_conda",
    "is_unset",
    "listed",
    "origin_of",
    "own_files",
    "place_of_setting",
    "read_small",
    "setting_of",
    "shown",
    "texts_in",
    "to_remove",
    "to_set",
    "version",
    "version_of",
    "where",
)
