# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What all report formats share: walking through a fleet's audit document (schema C(labfleet.conda/audit/1))."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES as MILDEST_FIRST

# The worst first, as a reader wants them.
SEVERITIES = tuple(reversed(MILDEST_FIRST))
NOT_SEEN = ("failed", "unreachable")

_Map = t.Mapping[str, t.Any]


class ReportError(ValueError):
    """A report cannot be written from this document; the message says why and what to do."""


def findings_of(document: _Map) -> t.Iterator[tuple[str, _Map]]:
    """Yield every finding of this run with its host, hosts in the order of the document."""
    for name, host in document["hosts"].items():
        for finding in host.get("findings") or ():
            yield name, finding


def fixed_findings(document: _Map) -> list[_Map]:
    """The findings of the previous run that are gone; each has a C(host)."""
    return list((document.get("trend") or {}).get("fixed_findings") or ())


def rule_of(document: _Map, finding: _Map) -> _Map:
    """The rule of a finding; a document that has no text for it gets its id as the title."""
    known = (document.get("rules") or {}).get(finding["rule"])
    return known or {
        "title": finding["rule"],
        "family": finding["rule"].partition(".")[0],
        "severity": finding["severity"],
        "explanation": "",
        "remedy": finding.get("remedy") or "",
        "source": "",
    }


def advisory_ids(document: _Map, finding: _Map) -> list[str]:
    """The advisories that a finding is about, of those whose text the document carries."""
    texts = document.get("advisory_texts") or {}
    if not texts:
        return []
    details = finding.get("details") or {}
    named = [details.get("advisory"), *(details.get("advisories") or ()), *(finding.get("item") or "").split()]
    named = [item.get("id") if isinstance(item, dict) else item for item in named]
    return list(dict.fromkeys(item for item in named if isinstance(item, str) and item in texts))


def waiver_text(waiver: _Map) -> str:
    """A waiver in one sentence: the reason, who answers for it, until when."""
    text = str(waiver.get("reason") or "no reason was given")
    if waiver.get("owner"):
        text += " (%s)" % waiver["owner"]
    if waiver.get("expires"):
        text += ", until %s" % waiver["expires"]
    return text


def place_of(finding: _Map) -> str:
    """Where a finding is: the subject, and what within it."""
    return "%s: %s" % (finding["subject"], finding["item"]) if finding.get("item") else finding["subject"]


def visible(text: t.Any) -> str:
    """A text with each character that no reader could see, lone surrogates included, written as an escape.

    Line breaks and tabs stay.
    """
    text = "" if text is None else str(text)
    if text.isprintable() or ("\n" in text and all(line.isprintable() for line in text.split("\n"))):
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def one_line(text: t.Any) -> str:
    """A text without line breaks."""
    return " ".join(visible(text).split())


def counted(number: int, word: str, plural: str | None = None) -> str:
    """A number with its word: 1 host, 2,000 hosts."""
    return "%s %s" % (format(number, ","), word if number == 1 else plural or word + "s")


def headline(document: _Map) -> str:
    """What matters most, in one sentence. What was not seen is never called clean."""
    summary = document["summary"]
    seen = summary["hosts"] - len(summary["hosts_not_seen"])
    if not summary["hosts"]:
        return "There were no hosts to look at"
    if not seen:
        return "Not one of %s could be looked at" % counted(summary["hosts"], "host")
    counts = summary["findings"]
    worst = [severity for severity in SEVERITIES if counts.get(severity)]
    said = " and ".join("%s %s" % (format(counts[severity], ","), severity) for severity in worst[:2])
    number = sum(counts[severity] for severity in worst[:2])
    text = "%s finding%s on %s" % (said or "No", "" if number == 1 else "s", counted(seen, "host"))
    return text + ("; %s not seen" % format(summary["hosts"] - seen, ",") if seen < summary["hosts"] else "")


def dump(value: t.Any) -> str:
    """Compact JSON in ASCII: no character in it can harm the text around it, but C(<), C(>) and C(&)."""
    return _ENCODER.encode(value)


def natural(text: str) -> list[t.Any]:
    """A sort key that puts 24.9 before 24.11, and host2 before host10."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in _DIGITS.split(text.casefold()) if part]


_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False)
_DIGITS = re.compile(r"([0-9]+)")

__all__ = (
    "NOT_SEEN",
    "SEVERITIES",
    "ReportError",
    "advisory_ids",
    "counted",
    "dump",
    "findings_of",
    "fixed_findings",
    "headline",
    "natural",
    "one_line",
    "place_of",
    "rule_of",
    "visible",
    "waiver_text",
)
