# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a question over the document of an audit; see the documentation of the module of the same name."""

from __future__ import annotations

import json
import os
import time

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._advisories import AdvisoryError, load
from ansible_collections.labfleet.conda.plugins.plugin_utils._answer import answer_lines
from ansible_collections.labfleet.conda.plugins.plugin_utils._ask import QuestionError, ask
from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import audit_document, read_document
from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import SEEN, registered
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions, write_if_changed
from ansible_collections.labfleet.conda.plugins.plugin_utils._packages import hosts_not_covered
from ansible_collections.labfleet.conda.plugins.plugin_utils._questions import ready_question
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import show
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import plain_text

ARGUMENT_SPEC = {
    "document": {"type": "path"},
    "variable": {"type": "str"},
    "hosts": {"type": "list", "elements": "str"},
    "expression": {"type": "str"},
    "question": {"type": "str"},
    "parameters": {"type": "dict", "default": {}},
    "advisories": {"type": "path"},
    "rows": {"type": "int", "default": 200},
    "dest": {"type": "path"},
    "limit_dest": {"type": "path"},
    "mode": {"type": "raw", "default": "0600"},
}


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(
            argument_spec=ARGUMENT_SPEC,
            mutually_exclusive=[["document", "variable"], ["document", "hosts"], ["expression", "question"]],
            required_one_of=[["document", "variable"]],
        )
        unknown = []
        try:
            mode = permissions(options["mode"])
            title, expression, parameters = _question(options)
            document = self._document(options, task_vars)
            _refuse_blindness(document)
            limit_file = _limit_file(options["limit_dest"])
            answer = ask(
                document,
                expression,
                parameters=parameters,
                advisories=load(options["advisories"]),
                limit_file=limit_file,
                warn=unknown.append,
            )
        except (QuestionError, AdvisoryError, ValueError) as error:
            raise AnsibleActionFail("fleet_ask: %s" % error) from None
        unknown += [sentence for sentence in hosts_not_covered(document) if sentence not in unknown]
        table = answer_lines(answer, rows=options["rows"])
        unknown += [sentence for sentence in hosts_not_covered(document) if sentence not in unknown]
        left_out = ["", "Not in the answer:", *map(plain_text, unknown)] if unknown else []
        show("\n".join(["", plain_text(title), "", *table, *left_out, ""]))
        result.update(changed=False, answer=answer, table=table, unknown=unknown, expression=expression)
        if options["dest"]:
            text = json.dumps(answer, indent=2, sort_keys=True) + "\n"
            result.update(dest=options["dest"], changed=self._write("dest", options["dest"], text, mode))
        if limit_file:
            text = "".join(name + "\n" for name in _hosts_of(answer))
            changed = self._write("limit_dest", limit_file, text, mode)
            result.update(limit_dest=limit_file, changed=result["changed"] or changed)
        return result

    def _document(self, options, task_vars):
        if options["document"]:
            path = options["document"]
            try:
                with open(path, encoding="utf-8") as stream:
                    return read_document(stream.read(), path)
            except OSError as error:
                message = "document: %s could not be read: %s." % (path, (error.strerror or str(error)).lower())
                raise ValueError(message) from None
            except UnicodeDecodeError:
                raise ValueError(
                    "document: %s is no text in UTF-8: name a report of the playbook audit." % path
                ) from None
        hosts = options["hosts"] if options["hosts"] is not None else task_vars["ansible_play_hosts_all"]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        found = registered(task_vars, hosts, options["variable"])
        if not any(isinstance(result, dict) and "findings" in result for result in found.values()):
            _refuse_strangers(found, options["variable"])
        document = audit_document(found, generated=now, advisories={}, rules={})
        # ansible-core marks texts with types of its own, which jmespath does not take for texts
        return json.loads(json.dumps(document))

    def _write(self, option, path, text, mode):
        try:
            _before, changed = write_if_changed(path, text, mode=mode, write=not self._task.check_mode)
        except OSError as error:
            message = "fleet_ask: %s: %s could not be written: %s. Name a file in a directory that you may write to."
            raise AnsibleActionFail(message % (option, path, (error.strerror or str(error)).lower())) from None
        return changed


def _question(options):
    """The title, the expression and the parameters of what is asked."""
    given = options["parameters"]
    if options["expression"]:
        for name, value in given.items():
            if value is not None and not isinstance(value, str):
                raise QuestionError("parameters: %s is no text: write its value in quotes." % name)
        parameters = {str(name): str(value) for name, value in given.items() if value not in (None, "")}
        return options["expression"], options["expression"], parameters
    question, parameters = ready_question(options["question"] or "", given)
    asked = ", ".join("%s: %s" % item for item in parameters.items())
    return question.title + (" (%s)" % asked if asked else ""), question.expression, parameters


def _hosts_of(answer):
    """The names of the hosts that an answer is about: those in hosts, or in the column host."""
    if isinstance(answer, dict):
        names = answer.get("hosts")
    else:
        names = [row.get("host") for row in answer or () if isinstance(row, dict)] if isinstance(answer, list) else ()
    return sorted({name for name in names or () if isinstance(name, str)})


def _limit_file(path):
    """The path as C(--limit) can name it."""
    if not path:
        return None
    path = os.path.abspath(path)
    if set(path) & set(",:[] "):
        raise QuestionError(
            "limit_dest: %s: ansible splits a --limit at commas, colons, brackets and blanks: choose another path."
            % path
        )
    return path


def _refuse_blindness(document):
    """An answer over hosts of which none was seen would say that nothing is wrong."""
    if document["hosts"] and not any(host["status"] in SEEN for host in document["hosts"].values()):
        raise QuestionError("No host was seen, so there is nothing to ask. %s" % " ".join(hosts_not_covered(document)))


def _refuse_strangers(found, variable):
    """A variable that some other module has registered is no audit; failures of the audit are told as such."""
    for host, result in sorted(found.items()):
        if isinstance(result, dict) and not (result.get("failed") or result.get("unreachable")):
            message = "What %s has registered as %r is no result of conda_audit: name the variable of that task."
            raise ValueError(message % (host, variable))
