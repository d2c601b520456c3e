# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Finds secrets in texts, by the same patterns that mask them, and tells no character of them."""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import listed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import SEVERITIES, Problem
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._readers import file_readers
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import MASK, is_secret_name, mask_text

MAX_BYTES = 1024 * 1024
MAX_NAME = 100
MAX_NAMES = 1000

# The kinds of secrets, as findings call them.
TOKEN = "a token in a URL"
CREDENTIALS = "a user's name or password in a URL"
VALUE = "a value under the name of a secret"

# What only stands for a secret: conda's and mamba's own masks (conda/common/url.py, libmamba/src/util/url_manip.cpp)
# and variables, which condarc files, shells and environment files expand.
_STAND_IN = r"(?:<[A-Z_]+>|\*+|\$\{?\w+\}?|%\w+%|\{\{[^{}]*\}\})"
_STAND_INS = (
    (r"/t/+" + _STAND_IN + r"(?=/|[\s\"',\])]|$)", "/"),
    (r"//(?:[\w.$%{}<>-]*:)?" + _STAND_IN + r"@", "//"),
    (r"[\w.%?&;-]{0,64}(?:[ \t]{0,8}=[ \t]{0,8}|[ \t]{1,8})['\"]?" + _STAND_IN + r"['\"]?(?=[\s&;,]|$)", " "),
    (r"\bmailto:\S+", ""),
)
_STAND_IN_ALONE = re.compile(_STAND_IN + r"\Z")
_KEY = re.compile(r"^[ \t]*(?:-[ \t]+)?['\"]?([\w.-]{1,100})['\"]?[ \t]*[:=][ \t]*(\S[^\r\n]*)$")
_NO_VALUE = frozenset("true false yes no on off null none ~ | > |- >- [] {}".split())
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


def kind_in(text: str) -> t.Optional[str]:
    """The kind of the secret in a text; None where masking would leave it as it is, or what it masks only stands in."""
    masked = mask_text(text)
    if masked == text:
        return None
    for pattern, replacement in _STAND_INS:
        text = re.sub(pattern, replacement, text)
    masked = mask_text(text)
    if masked == text:
        return None
    place = masked.find(MASK)
    before, after = masked[:place], masked[place + len(MASK) :]
    if re.search(r"(?:/t/+|%2Ft(?:%2F|/)+)$", before, re.IGNORECASE):
        return TOKEN
    return CREDENTIALS if after.startswith(("@", "%40")) else VALUE


def kinds_by_line(text: str, *, keyed: bool = False, harmless: t.Container[str] = ()) -> t.Dict[str, t.List[int]]:
    """The kinds of secrets in a text, and the lines that each is in.

    :param keyed: whether lines of the form C(key: value) or C(key = value) count where the key names a secret.
    :param harmless: keys whose values are no secrets, whatever they are called.
    """
    found: t.Dict[str, t.List[int]] = {}
    changes = mask_text(text) != text  # a line that would be masked makes the whole text so, and few texts are
    if not changes and not keyed:
        return found
    for number, line in enumerate(text.split("\n"), 1):
        kind = kind_in(line) if changes else None
        if kind is None and keyed and _has_secret_key(line, harmless):
            kind = VALUE
        if kind is not None:
            found.setdefault(kind, []).append(number)
    return found


def _has_secret_key(line: str, harmless: t.Container[str]) -> bool:
    match = _KEY.match(line[:MAX_BYTES]) if ":" in line or "=" in line else None
    if match is None or match.group(1) in harmless or not is_secret_name(match.group(1)):
        return False
    return is_value(match.group(2))


def is_value(value: t.Any) -> bool:
    """Whether what stands under the name of a secret can be one: no switch, nothing, and no stand-in."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return False
    text = str(value).partition(" #")[0].strip().strip("'\"")
    return text.lower() not in _NO_VALUE and not text.startswith("#") and bool(text) and not _is_stand_in(text)


def _is_stand_in(text: str) -> bool:
    return _STAND_IN_ALONE.match(text) is not None


def variables_in(content: t.Any) -> t.Tuple[t.List[str], int]:
    """The names of the variables of a map that hold secrets, and how many; a strange name is not told."""
    names = []
    for name, value in content.items() if isinstance(content, dict) else ():
        secret = is_secret_name(name) and is_value(value)
        if secret or (isinstance(value, str) and kind_in(value) is not None):
            names.append(name if _PLAIN_NAME.match(name) else "a variable of an unusual name")
    return sorted(names[:MAX_NAMES]), len(names)


def text_of(audit: Audit, path: str, *, unknown: bool = True) -> t.Optional[str]:
    """The text of a file, or its beginning where it is large, which is noted; None where it cannot be read.

    :param unknown: whether to note why it cannot be read.
    """
    try:
        parent, _slash, name = path.rpartition("/")
        with audit.root.directory(parent or "/") as directory:
            data = directory.read_head(name, size=MAX_BYTES + 1)
    except Absent:
        return None
    except Unreadable as error:
        if unknown:
            audit.unknown(error.path, error.reason)
        return None
    if len(data) > MAX_BYTES:
        audit.unknown(path, "it has more than %d bytes; only these were searched for secrets" % MAX_BYTES)
    return os.fsdecode(data[:MAX_BYTES])


def json_of(audit: Audit, path: str) -> t.Any:
    """The content of a JSON file; None where it cannot be read, which is noted."""
    text = text_of(audit, path)
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        audit.unknown(path, "it is not valid JSON, so not all of it could be searched for secrets")
        return None


def line_problems(
    audit: Audit,
    path: str,
    severity: str,
    *,
    keyed: bool = False,
    harmless: t.Container[str] = (),
    subject: t.Optional[str] = None,
) -> t.Iterator[Problem]:
    """One problem for each kind of secret in a file."""
    text = text_of(audit, path)
    for kind, lines in sorted(kinds_by_line(text or "", keyed=keyed, harmless=harmless).items()):
        where = "Line" if len(lines) == 1 else "%d lines:" % len(lines)
        seen = "%s %s of %s: %s." % (where, listed([str(line) for line in lines]), path, kind)
        yield secret_problem(audit, path, seen, kind, severity, subject)


def secret_problem(
    audit: Audit, path: str, seen: str, item: str, severity: str, subject: t.Optional[str] = None
) -> Problem:
    """A problem with a file that holds a secret: one step worse where others than its owner can read it."""
    try:
        uid, mode, readers = file_readers(audit.root, path)
    except (Absent, Unreadable) as error:
        audit.unknown(path, getattr(error, "reason", "it vanished while it was looked at"))
        return Problem(seen, item=item, subject=subject, path=path)
    owner, holder = audit.user(uid), _owner_of_entry(audit, path)
    who = ["everybody"] if readers.everybody else ["user " + name for name in readers.users]
    who += [] if readers.everybody else ["group " + name for name in readers.groups]
    may = "can be read by " + ", ".join(who) if who else "can be read by its owner and root only"
    return Problem(
        "%s The file (mode %04o, owner %s) %s." % (seen, mode, owner, may),
        item=item,
        subject=subject,
        path=path,
        severity=raised(severity) if readers.are_others else severity,
        details={"mode": "%04o" % mode, "readers": who},
        owner=owner if holder is None else audit.user(holder),
    )


def _owner_of_entry(audit: Audit, path: str) -> t.Optional[int]:
    """Whose the entry at a path is: of a link, who made it, not the owner of what it leads to."""
    parent, _slash, name = path.rpartition("/")
    try:
        with audit.root.directory(parent or "/") as directory:
            return directory.child_status(name).st_uid
    except (Absent, Unreadable):
        return None


def raised(severity: str) -> str:
    """The next worse severity."""
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


__all__ = (
    "CREDENTIALS",
    "TOKEN",
    "VALUE",
    "is_value",
    "json_of",
    "kind_in",
    "kinds_by_line",
    "line_problems",
    "raised",
    "secret_problem",
    "text_of",
    "variables_in",
)
