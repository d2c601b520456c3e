# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The log for people: one line for each change that the ledger tells of, in a file that anybody may read."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, Place
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._read import Ledger, read
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._record import Filters
from ansible_collections.labfleet.conda.plugins.module_utils._system._log_files import LogDirectory, LogFile, Refused

# Anchors, starts of containers and what a ledger tells of itself are recorded, but change no environment.
CHANGES = ("committed", "rolled_back", "failed", "recovered", "refused")
NAMED_PACKAGES = 8
MAX_TEXT = 1000
MAX_KEPT = 1000
_TAIL = 64 * 1024
_END = re.compile(r" \(#([0-9]{1,18}) ([0-9a-f]{12})\)\Z")
_SIGNS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_Map = t.Mapping[str, t.Any]


class Position(t.NamedTuple):
    """The last record that the log has: its number, and how its hash begins."""

    sequence: int
    hash: str


class Limits(t.NamedTuple):
    """How large the log grows, in bytes, and how many full files of it are kept."""

    max_bytes: int
    keep: int

    @classmethod
    def checked(cls, max_bytes: int, keep: int) -> Limits:
        """Limits that can be held; raises LedgerError."""
        if max_bytes < MAX_TEXT + 100:
            raise LedgerError("max_bytes: %d leaves no room for a line: give %d or more." % (max_bytes, MAX_TEXT + 100))
        if not 1 <= keep <= MAX_KEPT:
            raise LedgerError("keep: %d is no number of files: give 1 to %d." % (keep, MAX_KEPT))
        return cls(max_bytes, keep)


def line_of(record: _Map) -> str:
    """A record in one line that ends in its number and the start of its hash; nothing of it can begin another line.

    :param record: of the ledger, as the module conda_ledger returns it.
    """
    who, host = _map(record.get("who")), _map(record.get("host"))
    user = who.get("controller") or who.get("sudo_user") or who.get("login") or who.get("user") or "unknown"
    words = (record.get("time"), host.get("name"), record.get("outcome"), record.get("action"), record.get("prefix"))
    text = "%s by %s: %s" % (" ".join(str(word or "-") for word in words), user, _what(record))
    text = _SIGNS.sub(" ", text)
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 3] + "..."
    return "%s (#%d %s)\n" % (text, record["sequence"], record["hash"][:12])


def position_in(text: str) -> t.Optional[Position]:
    """The position that the last whole line of a log tells; None where there is none that does."""
    for line in reversed(text.split("\n")[:-1]):
        found = _END.search(line)
        if found:
            return Position(int(found.group(1)), found.group(2))
    return None


def new_lines(ledger: Ledger, logged: t.Optional[Position]) -> t.Optional[t.List[str]]:
    """What a log lacks of a ledger whose changes were read from the position on, that one included.

    :returns: None where the log tells of a record that this ledger never had, as after the host was installed anew.
    """
    records = list(ledger.records)
    if logged is not None:
        begins = ledger.verification.begins
        is_pruned = begins is not None and begins.sequence >= logged.sequence
        if not is_pruned:
            if not records or records[0]["sequence"] != logged.sequence:
                return None
            if not records[0]["hash"].startswith(logged.hash):
                return None
        records = [record for record in records if record["sequence"] > logged.sequence]
    return [line_of(record) for record in records]


def update(place: Place, path: str, limits: Limits, *, check: bool, lock_seconds: float) -> t.Dict[str, t.Any]:
    """Append to a log what the ledger has since; the result as the module returns it.

    :param path: the log.
    :param check: only tell what would be appended.
    :raises LedgerError: the ledger cannot be read, or the log not be written.
    """
    folder, name = os.path.split(os.path.normpath(path))
    if not os.path.isabs(path) or not name or "\0" in path:
        raise LedgerError("path: %r is no file: give an absolute path, such as /var/log/env-updates.log." % path)
    try:
        with LogDirectory.to_read(folder) as directory:  # it is not made: who may enter it is not for us to say
            if check:
                return _result(path, *_missing(place, directory, name), limits)
        log = LogDirectory.to_write(folder, shared=True)
        with log as directory, directory.locked(".%s.lock" % name, seconds=lock_seconds):
            lines, size = _missing(place, directory, name)
            if lines:
                _append(directory, name, lines, size, limits)
            return _result(path, lines, size, limits)
    except Refused as error:
        message = "The log %s could not be written: %s: %s. Name a file in a directory of root's, and become root."
        raise LedgerError(message % (path, error.path, error.reason)) from error


def _missing(place: Place, directory: LogDirectory, name: str) -> t.Tuple[t.List[str], int]:
    """The lines that the log lacks, and the bytes that it has."""
    text, size = _end_of(directory, name)
    logged = position_in(text) or position_in(_end_of(directory, name + ".1")[0])
    lines = new_lines(read(place, Filters(outcomes=CHANGES, after=logged.sequence - 1 if logged else 0)), logged)
    if lines is None:
        lines = new_lines(read(place, Filters(outcomes=CHANGES)), None) or []
    return lines, size


def _end_of(directory: LogDirectory, name: str) -> t.Tuple[str, int]:
    if directory.status(name) is None:
        return "", 0
    with directory.open(name) as file:
        size = file.size
        return file.read(max(0, size - _TAIL), _TAIL).decode("utf-8", "replace"), size


def _append(directory: LogDirectory, name: str, lines: t.Sequence[str], size: int, limits: Limits) -> None:
    data = "".join(lines).encode("utf-8", "replace")
    if size and size + len(data) > limits.max_bytes:
        _rotate(directory, name, limits.keep)
    with directory.open(name, write=True, create=0o644) as file:
        file.append((b"" if _is_whole(file) else b"\n") + data)


def _is_whole(file: LogFile) -> bool:
    return file.size == 0 or file.read(file.size - 1, 1) == b"\n"


def _rotate(directory: LogDirectory, name: str, keep: int) -> None:
    """Move each full file one number up; the last of those that are kept is replaced."""
    for number in range(keep, 0, -1):
        newer = name if number == 1 else "%s.%d" % (name, number - 1)
        if directory.status(newer) is not None:
            directory.replace("%s.%d" % (name, number), newer)


def _result(path: str, lines: t.List[str], size: int, limits: Limits) -> t.Dict[str, t.Any]:
    bytes_new = sum(len(line.encode("utf-8", "replace")) for line in lines)
    result = {
        "changed": bool(lines),
        "path": path,
        "lines": [line.rstrip("\n") for line in lines],
        "rotated": bool(lines and size and size + bytes_new > limits.max_bytes),
    }
    result["diff"] = {"before": "", "after": "".join(lines), "before_header": path, "after_header": path}
    return result


def _what(record: _Map) -> str:
    """What was changed, in a few words: packages, else versions of the tools, and the message."""
    packages = [_package(_map(change)) for change in record.get("packages") or () if _map(change)]
    parts = []
    if packages:
        more = len(packages) - NAMED_PACKAGES
        parts.append(", ".join(packages[:NAMED_PACKAGES]) + (" and %d more" % more if more > 0 else ""))
    elif record.get("before") != record.get("after"):
        before, after = _map(record.get("before")), _map(record.get("after"))
        names = sorted(set(before) | set(after))
        parts.append(", ".join(_step(name, before.get(name), after.get(name)) for name in names))
    if record.get("message"):
        parts.append(str(record["message"]))
    return "; ".join(part for part in parts if part) or "nothing was changed"


def _package(change: _Map) -> str:
    return _step(change.get("name"), *(_map(change.get(side)).get("version") for side in ("from", "to")))


def _step(name: t.Any, before: t.Any, after: t.Any) -> str:
    if before is None:
        return "%s %s added" % (name, after)
    if after is None:
        return "%s %s removed" % (name, before)
    return "%s %s -> %s" % (name, before, after) if before != after else "%s %s rebuilt" % (name, after)


def _map(value: t.Any) -> _Map:
    return value if isinstance(value, dict) else {}


__all__ = ("CHANGES", "Limits", "Position", "line_of", "new_lines", "position_in", "update")
