# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A report that was saved as JSON, to compare with: the hosts of a large fleet stay texts and are parsed one by one."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import (
    DocumentError,
    check_document,
    completed,
    read_document,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._reports import as_json

_Map = t.Mapping[str, t.Any]
# How C(_reports) writes the hosts: a line for each, and nothing else begins like one.
_BEGIN, _HOST = '  "hosts": {\n', '    "'
_DECODER = json.JSONDecoder()
# What a run alone changes in a finding, with the key that follows there and nowhere else. A text that holds these words
# has a backslash before each quote.
_STATES = tuple('"state": "%s", "subject"' % state for state in ("new", "open"))
_LAST_SEEN = re.compile(r'"last_seen": "[^"]*", (?="layer")')


class SavedHosts(t.Mapping[str, dict[str, t.Any]]):
    """The hosts of a report by name; each is parsed anew when it is asked for."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def add(self, line: str) -> bool:
        """Take the line of a host; tells whether it looks like one."""
        try:
            name, end = _DECODER.raw_decode(line, len(_HOST) - 1)
        except ValueError:
            return False
        text = line[end + 2 :].rstrip(",\n")
        self._texts[name] = text
        return line.startswith(": {", end) and text.endswith("}")

    def fingerprint(self) -> str:
        """That of the document."""
        found = Fingerprint()
        for name, text in sorted(self._texts.items()):
            found.add(name, text)
        return found.value()

    def __getitem__(self, name: str) -> dict[str, t.Any]:
        return completed(json.loads(self._texts[name]))

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def read_report(path: str) -> dict[str, t.Any]:
    """Read a saved report whose C(hosts) need to be gone through a few times only.

    :raises DocumentError: it cannot be read or is no report of this schema.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            document = _apart(stream, path)
            if document is None:
                stream.seek(0)
                document = read_document(stream.read(), path)
            return document
    except OSError as error:
        raise DocumentError(
            "the report %s cannot be read: %s." % (path, (error.strerror or str(error)).lower())
        ) from None
    except UnicodeDecodeError:
        message = "%s: it is no text in UTF-8: name the file that the playbook audit has written."
        raise DocumentError(message % path) from None


def _apart(stream: t.Iterable[str], path: str) -> dict[str, t.Any] | None:
    """The document with its hosts apart; None where it is not in the lines that we write it in."""
    rest: list[str] = []
    hosts = SavedHosts()
    inside = False
    for line in stream:
        inside = inside and line.startswith(_HOST)
        if not inside:
            inside = line == _BEGIN
            rest.append(line)
        elif not hosts.add(line):
            return None
    try:
        document = json.loads("".join(rest))
        if not hosts or not isinstance(document, dict) or document.get("hosts") != {}:
            return None
        document["hosts"] = hosts
        check_document(document, path)
    except (json.JSONDecodeError, RecursionError):
        return None
    return document


class Fingerprint:
    """The same for two documents that differ in nothing but their time and trend; takes their hosts in order."""

    def __init__(self) -> None:
        self._found = hashlib.sha256()

    def add(self, name: str, text: str) -> None:
        """Take a host, as the JSON that is saved of it."""
        for state in _STATES:
            text = text.replace(state, '"subject"')
        if '"last_seen"' in text:
            text = _LAST_SEEN.sub("", text)
        self._found.update(("%s: %s\n" % (name, text)).encode("utf-8", "surrogatepass"))

    def value(self) -> str:
        """The fingerprint of what was taken."""
        return self._found.hexdigest()


def fingerprint(document: _Map) -> str:
    """That of a document."""
    hosts = document["hosts"]
    if isinstance(hosts, SavedHosts):
        return hosts.fingerprint()
    found = Fingerprint()
    for _piece in as_json(document, found.add):
        pass
    return found.value()


__all__ = ("Fingerprint", "SavedHosts", "fingerprint", "read_report")
