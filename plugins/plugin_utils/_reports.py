# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report formats: from the audit document of a fleet to a text."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils import (
    _report_csv,
    _report_cyclonedx,
    _report_html,
    _report_junit,
    _report_markdown,
    _report_sarif,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import ReportError

_Map = t.Mapping[str, t.Any]


class Format(t.NamedTuple):
    """One format.

    :param file: the name of the file that a report of this format gets.
    :param chunks: yields the text in pieces, so that the report of a large fleet never stands in memory as a whole.
        The same document always gives the same text. May raise ReportError before the first piece.
    """

    file: str
    chunks: t.Callable[[_Map], t.Iterator[str]]


# Without indent the encoder written in C does it. What came as JSON, or from a file of it, does not hold itself.
_HOST_ENCODER = json.JSONEncoder(sort_keys=True, check_circular=False)


def as_json(document: _Map, saw: t.Callable[[str, str], None] | None = None) -> t.Iterator[str]:
    """The document itself. Each host is one piece: at once it would double the memory of a large fleet's document.

    :param saw: is called with the name and the JSON of each host.
    """
    yield "{"
    for place, key in enumerate(sorted(document)):
        yield "%s\n  %s: " % ("," if place else "", json.dumps(key))
        if key == "hosts":
            yield from _hosts(document["hosts"], saw)
        else:
            yield json.dumps(document[key], indent=2, sort_keys=True).replace("\n", "\n  ")
    yield "\n}\n"


def _hosts(hosts: _Map, saw: t.Callable[[str, str], None] | None) -> t.Iterator[str]:
    for place, name in enumerate(sorted(hosts)):
        host = _HOST_ENCODER.encode(hosts[name])  # a line for each host is what a diff needs
        if saw is not None:
            saw(name, host)
        yield "%s\n    %s: %s" % ("," if place else "{", json.dumps(name), host)
    yield "\n  }" if hosts else "{}"


FORMATS = {
    "json": Format("audit.json", as_json),
    "html": Format("audit.html", _report_html.chunks),
    "markdown": Format("audit.md", _report_markdown.chunks),
    "csv": Format("audit.csv", _report_csv.chunks),
    "sarif": Format("audit.sarif", _report_sarif.chunks),
    "junit": Format("audit.junit.xml", _report_junit.chunks),
    "cyclonedx": Format("audit.cdx.json", _report_cyclonedx.chunks),
}


def render(name: str, document: _Map) -> str:
    """A report as one text.

    :param name: one of FORMATS.
    :raises ReportError: this document has not what the format needs; nothing else can be wrong with a document.
    """
    return "".join(FORMATS[name].chunks(document))


def write(name: str, document: _Map, stream: t.TextIO) -> None:
    """Write a report to a stream, piece by piece; see render()."""
    stream.writelines(FORMATS[name].chunks(document))


__all__ = ("FORMATS", "Format", "ReportError", "as_json", "render", "write")
