# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The directory on the control node with the known heads and the history of all hosts."""

from __future__ import annotations

import csv
import heapq
import io
import json
import os
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._ledgers import Judged, Known, read_known
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import write_if_changed, write_pieces
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_csv import cell

SCHEMA = "labfleet.conda/ledger-heads/1"
FILES = {"heads": "heads.json", "history": "history.jsonl", "csv": "history.csv"}
COLUMNS = (
    "time",
    "host",
    "sequence",
    "action",
    "outcome",
    "prefix",
    "user",
    "login",
    "run",
    "before",
    "after",
    "packages",
    "snapshot",
    "message",
    "hash",
)
_Map = t.Mapping[str, t.Any]


class StoreError(ValueError):
    """A file in the directory is not what it should be: one sentence says which, and what to do."""


class Store:
    """The directory.

    :param directory: it is made when something is written, if only its last part is missing.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.files = {kind: os.path.join(directory, name) for kind, name in FILES.items()}

    def known(self) -> dict[str, Known]:
        """The known heads; none in a directory that holds nothing yet.

        :raises StoreError: the file with them is missing where there is a history, or is no such file.
        :raises OSError: it cannot be read.
        """
        path = self.files["heads"]
        try:
            with open(path, encoding="utf-8") as stream:
                document = json.load(stream)
            if not isinstance(document, dict) or document.get("schema") != SCHEMA:
                raise ValueError("it is no file of known heads")
            return read_known(document.get("hosts"))
        except FileNotFoundError:
            if os.path.exists(self.files["history"]):
                message = "%s is missing, but there is a history beside it: restore the file from a backup."
                raise StoreError(message % path) from None
            return {}
        except ValueError as error:
            message = "%s cannot be used: %s. Restore the file from a backup."
            raise StoreError(message % (path, error)) from error

    def write(
        self, judged: t.Mapping[str, Judged], heads: t.Mapping[str, Known], *, mode: int, write: bool
    ) -> tuple[bool, str | None, str]:
        """Add the new records to the history, then the new heads; killed in between, no record comes twice.

        :returns: whether anything changes, and the text of the known heads before and after.
        """
        new = sorted(_lines(judged), key=_place_in_time)
        hosts = {name: known._asdict() for name, known in sorted(heads.items())}
        text = json.dumps({"schema": SCHEMA, "hosts": hosts}, indent=2, sort_keys=True) + "\n"
        missing = not (os.path.exists(self.files["history"]) and os.path.exists(self.files["csv"]))
        if write:
            if not os.path.isdir(self.directory):
                os.mkdir(self.directory, 0o700)
            if new or missing:
                write_pieces(self.files["history"], self._merged(new), mode=mode)
                write_pieces(self.files["csv"], self._csv(), mode=mode)
        before, changed = write_if_changed(self.files["heads"], text, mode=mode, write=write)
        return changed or bool(new) or missing, before, text

    def _old(self) -> t.Iterator[dict[str, t.Any]]:
        path = self.files["history"]
        try:
            with open(path, encoding="utf-8") as stream:
                for number, line in enumerate(stream, 1):
                    try:
                        record = json.loads(line)
                        _place_in_time(record)
                    except (ValueError, TypeError, KeyError) as error:
                        message = "%s, line %d is no record of a history: restore the file, or move it away."
                        raise StoreError(message % (path, number)) from error
                    yield record
        except FileNotFoundError:
            return

    def _merged(self, new: t.Sequence[dict[str, t.Any]]) -> t.Iterator[str]:
        again = {(record["host_name"], record["hash"]) for record in new}
        old = (record for record in self._old() if (record["host_name"], record["hash"]) not in again)
        for record in heapq.merge(old, new, key=_place_in_time):
            yield json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n"

    def _csv(self) -> t.Iterator[str]:
        yield _csv_line(COLUMNS)
        for record in self._old():
            yield _csv_line([cell(value) for value in _row(record)])


def _lines(judged: t.Mapping[str, Judged]) -> t.Iterator[dict[str, t.Any]]:
    for name, host in judged.items():
        for record in host.records:
            yield {**record, "host_name": name}


def _place_in_time(record: _Map) -> tuple[str, str, int]:
    return str(record.get("time")), record["host_name"], record["sequence"]


def _csv_line(values: t.Sequence[t.Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _row(record: _Map) -> t.Sequence[t.Any]:
    who, packages = _map(record.get("who")), record.get("packages")
    return (
        record.get("time"),
        record["host_name"],
        record["sequence"],
        record.get("action"),
        record.get("outcome"),
        record.get("prefix"),
        who.get("user"),
        who.get("controller") or who.get("sudo_user") or who.get("login"),
        who.get("run"),
        _versions(record.get("before")),
        _versions(record.get("after")),
        "; ".join(map(_package, packages if isinstance(packages, list) else ())),
        record.get("snapshot"),
        record.get("message"),
        record["hash"],
    )


def _map(value: t.Any) -> _Map:
    return value if isinstance(value, dict) else {}


def _versions(tools: t.Any) -> str:
    return ", ".join("%s %s" % (name, version) for name, version in sorted(_map(tools).items()))


def _package(change: t.Any) -> str:
    """A change of a package in a few words: numpy 1.26.0 -> 2.3.0."""
    change = _map(change)
    sides = [_map(change.get(side)).get("version") or "none" for side in ("from", "to")]
    return "%s %s -> %s" % (change.get("name"), *sides)


__all__ = ("COLUMNS", "FILES", "SCHEMA", "Store", "StoreError")
