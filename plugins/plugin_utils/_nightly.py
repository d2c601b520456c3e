# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a nightly run tells people: one subject, one text for a mail, one for a chat, and whether anything is wrong."""

from __future__ import annotations

import datetime
import json
import os
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import DocumentError, read_document
from ansible_collections.labfleet.conda.plugins.plugin_utils._carried import of_this_run
from ansible_collections.labfleet.conda.plugins.plugin_utils._change_report import SCHEMA as CHANGES
from ansible_collections.labfleet.conda.plugins.plugin_utils._change_report import change_lines, failing_hosts
from ansible_collections.labfleet.conda.plugins.plugin_utils._digest import digest_lines
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._reports import render
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import plain_text

FILES = {"run": "nightly.json", "audit": "audit/audit.json", "update": "update.json"}
# Exit codes of a step that are no accident of a host.
_CODES = {124: "its time was up", 129: "it was stopped", 130: "it was stopped", 143: "it was stopped"}
_Map = t.Mapping[str, t.Any]


class DigestError(ValueError):
    """A report cannot be used: one sentence says which, and what to do."""


class Reports(t.NamedTuple):
    """What a nightly run has left; None where there is no such file.

    :ivar run: C(nightly.json), the steps and their exit codes.
    :ivar audit: the document of the playbook audit.
    :ivar update: the document of the playbook update.
    """

    run: _Map | None
    audit: _Map | None
    update: _Map | None


class Digest(t.NamedTuple):
    """What is told; C(problems) are sentences, none where all is well."""

    subject: str
    text: str
    markdown: str
    problems: list[str]


def read_reports(state: str) -> Reports:
    """The reports of the directory in which a nightly run keeps them; those of an earlier run are left out.

    :raises DigestError: there is no run, or a file is not what it should be.
    """
    run = _read(os.path.join(state, FILES["run"]), _read_run)
    if run is None:
        message = "%s: there is no %s: name the directory in which a nightly run leaves its reports."
        raise DigestError(message % (state, FILES["run"]))
    steps = {step["step"] for step in run["steps"]}
    audit = _read(os.path.join(state, FILES["audit"]), read_document) if "audit" in steps else None
    update = _read(os.path.join(state, FILES["update"]), _read_changes) if "update" in steps else None
    began = datetime.datetime.fromtimestamp(run["began"], datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    audit, update = (document if document and document["generated"] >= began else None for document in (audit, update))
    return Reports(run, audit, update)


def digest(reports: Reports, *, severity: str, rows: int) -> Digest:
    """Put the digest together.

    :param severity: how severe a new finding must be to be a problem.
    :param rows: at most so many rows of each table.
    """
    problems = [*_of_steps(reports), *_of_audit(reports.audit, severity), *_of_update(reports.update)]
    lines = [*problems, ""] if problems else []
    for document, write in ((reports.update, change_lines), (reports.audit, digest_lines)):
        if document is not None:
            lines += [*write(document, rows=rows), ""]
    lines.append("The log of the run is %s." % plain_text(str((reports.run or {}).get("log"))))
    what = "%d problems" % len(problems) if len(problems) > 1 else "1 problem" if problems else "all is well"
    subject = "conda, nightly run: %s%s" % (what, _counts(reports))
    marked = ["**%s**" % subject, *("- %s" % problem for problem in problems)]
    markdown = "\n".join(marked) + ("\n\n" + render("markdown", reports.audit) if reports.audit else "\n")
    return Digest(subject, "\n".join(lines).strip("\n") + "\n", markdown, problems)


def _of_steps(reports: Reports) -> t.Iterator[str]:
    for step in (reports.run or {}).get("steps", ()):
        code = step["exit_code"]
        if code:
            why = _CODES.get(code, "hosts failed or could not be reached" if code in (2, 4) else "exit code %d" % code)
            yield "The step %s did not end well: %s." % (step["step"], why)


def _of_audit(audit: _Map | None, severity: str) -> t.Iterator[str]:
    if audit is None:
        return
    unseen = audit["summary"].get("hosts_not_seen") or []
    if unseen:
        yield "Not audited: %s." % plain_text(", ".join(unseen))
    if audit["trend"] is None:
        return
    least = SEVERITIES.index(severity)
    new: dict[str, int] = {}
    for host in of_this_run(audit["hosts"]).values():
        for finding in host["findings"]:
            grave = SEVERITIES.index(finding["severity"]) >= least
            if finding["state"] == "new" and grave and not finding.get("waiver"):
                new[finding["severity"]] = new.get(finding["severity"], 0) + 1
    if new:
        counts = ", ".join("%d %s" % (new[name], name) for name in reversed(SEVERITIES) if name in new)
        yield "New findings since %s: %s." % (audit["trend"]["previous"], counts)


def _of_update(update: _Map | None) -> t.Iterator[str]:
    for host, why in failing_hosts(update, fail_deferred=False).items() if update else ():
        yield "The update of %s failed: %s" % (plain_text(host), plain_text(why))


def _counts(reports: Reports) -> str:
    parts = []
    if reports.update is not None:
        parts.append("%d hosts updated" % reports.update["summary"]["hosts_changed"])
    if reports.audit is not None:
        found = reports.audit["summary"]["findings"]
        parts += ["%d %s" % (found[name], name) for name in reversed(SEVERITIES[-2:])]
    return " (%s)" % ", ".join(parts) if parts else ""


def _read(path: str, reader: t.Callable[[str, str], _Map]) -> _Map | None:
    try:
        with open(path, encoding="utf-8") as stream:
            return reader(stream.read(), path)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError, DocumentError) as error:
        raise DigestError(str(error)) from error


def _read_run(text: str, path: str) -> _Map:
    document = _json(text, path)
    steps = document.get("steps") if isinstance(document, dict) else None
    whole = isinstance(steps, list) and isinstance(document.get("began"), int)
    if not whole or not all(isinstance(step, dict) and _is_step(step) for step in steps):
        raise DigestError("%s: it is no file of a nightly run: start the run anew." % path)
    return document


def _is_step(step: _Map) -> bool:
    return isinstance(step.get("step"), str) and isinstance(step.get("exit_code"), int)


def _read_changes(text: str, path: str) -> _Map:
    document = _json(text, path)
    if not isinstance(document, dict) or document.get("schema") != CHANGES:
        raise DigestError("%s: it is no report of the playbook update: remove it and start the run anew." % path)
    return document


def _json(text: str, path: str) -> t.Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DigestError("%s: it is not JSON (%s): start the run anew." % (path, error)) from None


__all__ = ("FILES", "Digest", "DigestError", "Reports", "digest", "read_reports")
