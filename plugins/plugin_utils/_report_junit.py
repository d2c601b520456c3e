# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report as JUnit XML, for what shows test results: one suite for each host.

A finding is a failed case, a waived one a skipped case, a host that was not seen an error; a host without open findings
has one case that passed. One case for each rule and subject that was judged would be millions for a large fleet.

Written so that both schemas in use take it (Jenkins' and the stricter one of Apache Ant's report task). Characters that
XML 1.0 cannot hold (production 2, Char) become escapes.
"""

from __future__ import annotations

import typing as t
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import (
    NOT_SEEN,
    place_of,
    rule_of,
    visible,
    waiver_text,
)

_Map = t.Mapping[str, t.Any]


def chunks(document: _Map) -> t.Iterator[str]:
    """Yield the text in pieces, one for each host."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    for number, (name, host) in enumerate(document["hosts"].items()):
        yield _suite(document, number, name, host)
    yield "</testsuites>\n"


def _suite(document: _Map, number: int, name: str, host: _Map) -> str:
    findings = host.get("findings") or ()
    last_seen = host.get("last_seen")
    # what was not part of the run can fail nothing
    waived = len(findings) if last_seen else sum(1 for finding in findings if finding.get("waiver"))
    cases = [_finding(document, finding, last_seen) for finding in findings]
    errors = [text for text in (_trouble(host),) if text and not last_seen]
    if last_seen:
        cases.append(_case("labfleet.conda.audit", "the host was part of the run", _left_out(last_seen)))
        waived += 1
    elif not errors and waived == len(findings):
        cases.append(_case("labfleet.conda.audit", "no open findings", ""))
    cases += errors
    attributes = {
        "package": "labfleet.conda",
        "id": number,
        "name": name,
        # the schemas want a time without a zone
        "timestamp": str(document["generated"]).rstrip("Z"),
        "hostname": name,
        "tests": len(cases),
        "failures": 0 if last_seen else len(findings) - waived,
        "errors": len(errors),
        "skipped": waived,
        "time": 0,
    }
    head = " ".join("%s=%s" % (key, _attribute(value)) for key, value in attributes.items())
    tail = "    <system-out/>\n    <system-err/>\n  </testsuite>\n"
    return "  <testsuite %s>\n    <properties/>\n%s%s" % (head, "".join(cases), tail)


def _trouble(host: _Map) -> str | None:
    if host["status"] in NOT_SEEN:
        said = host.get("message") or "no reason was given"
        inner = "<error type=%s message=%s/>" % (_attribute(host["status"]), _attribute(said))
        return _case("labfleet.conda.audit", "the host was not seen", inner)
    if host["status"] == "incomplete":
        inner = '<error type="incomplete" message="what was not reached is unknown, not clean"/>'
        return _case("labfleet.conda.audit", "the look at the host came to its end", inner)
    return None


def _left_out(last_seen: str) -> str:
    return "<skipped message=%s/>" % _attribute("not part of this run; last seen " + last_seen)


def _finding(document: _Map, finding: _Map, last_seen: str | None) -> str:
    if last_seen:
        inner = _left_out(last_seen)
    elif finding.get("waiver"):
        inner = "<skipped message=%s/>" % _attribute("waived: " + waiver_text(finding["waiver"]))
    else:
        text = "%s\n\nWhere: %s\nEvidence: %s\nRemedy: %s\n"
        rule = rule_of(document, finding)
        filled = text % (rule["explanation"], place_of(finding), finding["evidence"], finding["remedy"])
        if finding.get("last_seen"):
            filled += "Not looked for this time; last seen: %s\n" % finding["last_seen"]
        names = (_attribute(finding["severity"]), _attribute(finding["evidence"]))
        inner = "<failure type=%s message=%s>%s</failure>" % (*names, escape(visible(filled)))
    return _case(finding["rule"], place_of(finding), inner)


def _case(class_name: str, name: str, inner: str) -> str:
    head = '    <testcase classname=%s name=%s time="0"' % (_attribute(class_name), _attribute(name))
    return "%s>%s</testcase>\n" % (head, inner) if inner else head + "/>\n"


def _attribute(value: t.Any) -> str:
    return quoteattr(visible(value))


__all__ = ("chunks",)
