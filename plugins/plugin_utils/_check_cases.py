# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What became of the steps of a check, and the same as JUnit XML."""

from __future__ import annotations

import typing as t
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import message_of
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import visible

_Map = t.Mapping[str, t.Any]


def check_cases(steps: t.Iterable[_Map]) -> list[dict[str, str]]:
    """One case for each step, or for each item of its loop.

    :param steps: C(name), C(result), what the step has registered, and C(failure), what to say before the reason where
        it failed. In both texts C({item}) is the item of a loop.
    :returns: C(name), C(state), one of passed, failed, skipped, and C(message), a sentence where it did not pass.
    """
    cases = []
    for step in steps:
        result = step["result"]
        for one in result.get("results") or [result]:
            item = str(one.get("item", ""))
            state = _state(one)
            message = ""
            if state == "failed":
                message = "%s: %s" % (step["failure"].replace("{item}", item), _reason(one))
            elif state == "skipped":
                message = "It was not tried, as a step before it failed or nothing is to be done."
            cases.append({"name": step["name"].replace("{item}", item), "state": state, "message": message})
    return cases


def _state(result: _Map) -> str:
    if result.get("skipped"):
        return "skipped"
    return "failed" if result.get("failed") or result.get("unreachable") else "passed"


def _reason(result: _Map) -> str:
    """Why a step failed: the last line of a program, which names the error, else the message of a module."""
    said = [
        line.strip() for line in str(result.get("stderr") or result.get("stdout") or "").splitlines() if line.strip()
    ]
    if "cmd" in result and said:
        return said[-1]
    return message_of(result)


def junit_chunks(hosts: t.Mapping[str, t.Sequence[_Map]], *, timestamp: str) -> t.Iterator[str]:
    """The text in pieces: one suite for each host.

    :param hosts: per host its cases, as check_cases() returns them.
    :param timestamp: when, as C(2026-11-22T10:00:00).
    """
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    for number, (name, cases) in enumerate(hosts.items()):
        states = [case["state"] for case in cases]
        head = {
            "package": "labfleet.conda", "id": number, "name": name, "timestamp": timestamp, "hostname": name,
            "tests": len(cases), "failures": states.count("failed"), "errors": 0, "skipped": states.count("skipped"),
            "time": 0,
        }  # fmt: skip
        yield "  <testsuite %s>\n    <properties/>\n" % " ".join("%s=%s" % (key, _quoted(head[key])) for key in head)
        yield "".join(map(_case, cases))
        yield "    <system-out/>\n    <system-err/>\n  </testsuite>\n"
    yield "</testsuites>\n"


def _case(case: _Map) -> str:
    head = '    <testcase classname="labfleet.conda.ci_check" name=%s time="0"' % _quoted(case["name"])
    if case["state"] == "passed":
        return head + "/>\n"
    if case["state"] == "skipped":
        return "%s><skipped message=%s/></testcase>\n" % (head, _quoted(case["message"]))
    text = escape(visible(case["message"]))
    return '%s><failure type="failed" message=%s>%s</failure></testcase>\n' % (head, _quoted(case["message"]), text)


def _quoted(value: t.Any) -> str:
    return quoteattr(visible(value))


__all__ = ("check_cases", "junit_chunks")
