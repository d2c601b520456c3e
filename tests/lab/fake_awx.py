# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake of AWX: an HTTP server that keeps what the modules of awx.awx create by its REST API, and runs nothing.

It is no AWX. It refuses what AWX is known to refuse where a test could do so by mistake: an unknown token, an object
that is not there, a playbook that the project does not have, a survey without its fields, a rule of a schedule without
a start. Every change of an object is kept in `changes`, so that a second run can be shown to change nothing.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
import typing as t
import urllib.parse
import zoneinfo
from pathlib import Path

TOKEN = "a-token-of-the-fake"
UNIFIED = ("job_templates", "workflow_job_templates", "projects", "inventory_sources", "workflow_approval_templates")
KINDS = (
    *UNIFIED, "organizations", "credentials", "execution_environments", "inventories", "notification_templates",
    "schedules", "workflow_job_template_nodes", "instance_groups", "labels", "project_updates",
)  # fmt: skip
ASSOCIATED = re.compile(
    r"(notification_templates_(started|success|error|approvals)|credentials|instance_groups|galaxy_credentials"
    r"|(success|failure|always)_nodes|labels|input_inventories)"
)
SURVEY_TYPES = {"text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float"}
SURVEY_FIELDS = {
    "question_name", "question_description", "required", "type", "variable", "min", "max", "default", "choices",
}  # fmt: skip
RULE = re.compile(r"^DTSTART;TZID=(\S+?):\d{8}T\d{6} RRULE:(FREQ=(?:DAILY|WEEKLY);INTERVAL=\d+(?:;BYDAY=[A-Z,]+)?)$")

_Object = dict[str, t.Any]


class Refused(Exception):
    """What the API answers with another code than 200."""

    def __init__(self, code: int, answer: t.Any) -> None:
        super().__init__(code, answer)
        self.code, self.answer = code, answer


class FakeAWX:
    """The objects by kind and number, and the changes that were made to them.

    :param project: the directory that stands for the checkout of every project.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self.objects: dict[str, dict[int, _Object]] = {kind: {} for kind in KINDS}
        self.associated: dict[str, list[int]] = {}
        self.surveys: dict[str, _Object] = {}
        self.changes: list[str] = []
        self._last = 0

    def add(self, kind: str, fields: _Object) -> _Object:
        """Create an object."""
        self._last += 1
        url = f"/api/v2/{kind}/{self._last}/"
        single = "inventory" if kind == "inventories" else kind[:-1]
        found = {"id": self._last, "type": single, "url": url, "related": {}, "summary_fields": {}}
        self.objects[kind][self._last] = found
        if kind in ("job_templates", "workflow_job_templates"):
            found["related"]["survey_spec"] = f"{url}survey_spec/"
        if kind == "projects":
            update = self.add("project_updates", {"name": fields["name"], "status": "successful"})
            found.update(scm_revision="", summary_fields={"current_update": {"id": update["id"]}})
        self._put(kind, found, fields)
        return found

    def named(self, kind: str) -> dict[str, _Object]:
        """The objects of a kind by name."""
        key = "identifier" if kind == "workflow_job_template_nodes" else "name"
        return {found[key]: found for found in self.objects[kind].values()}

    def names_of(self, owner: _Object, association: str) -> list[str]:
        """The names of what is associated with an object."""
        found = self._associated(f"{owner['url']}{association}/")
        return [item.get("identifier") or item["name"] for item in found]

    def answer(self, method: str, path: str, query: dict[str, str], data: _Object) -> tuple[int, t.Any]:
        """Answer a request; raises Refused."""
        match = re.fullmatch(r"/api/v2/([a-z_]+)/(?:(\d+)/)?(?:([a-z_]+)/)?", path)
        if not match or match.group(1) not in (*KINDS, "unified_job_templates"):
            raise Refused(404, {"detail": "Not found."})
        kind, number, rest = match.groups()
        if number is None:
            return self._whole_kind(method, kind, query, data)
        found = self.objects.get(kind, {}).get(int(number))
        if found is None:
            raise Refused(404, {"detail": "Not found."})
        if rest == "survey_spec":
            return self._survey(method, path, data)
        if rest == "create_approval_template" and method == "POST":
            approval = self.add("workflow_approval_templates", data)
            self.changes.append(f"POST {path}")
            found["unified_job_template"] = approval["id"]
            found["related"]["unified_job_template"] = approval["url"]
            return 201, approval
        if rest:
            return self._association(method, path, rest, data)
        return self._one(method, kind, found, data)

    def _whole_kind(self, method: str, kind: str, query: dict[str, str], data: _Object) -> tuple[int, t.Any]:
        if method == "POST":
            if kind not in KINDS:
                raise Refused(405, {"detail": "Method not allowed."})
            self.changes.append(f"POST {kind} {data.get('name') or data.get('identifier')}")
            return 201, self.add(kind, data)
        kinds = UNIFIED if kind == "unified_job_templates" else (kind,)
        found = [item for each in kinds for item in self.objects[each].values() if _fits(item, query)]
        return 200, {"count": len(found), "next": None, "results": found}

    def _one(self, method: str, kind: str, found: _Object, data: _Object) -> tuple[int, t.Any]:
        if method == "PATCH":
            before = dict(found)
            self._put(kind, found, data)
            if found != before:
                self.changes.append(f"PATCH {found['url']}")
        elif method == "DELETE":
            self.changes.append(f"DELETE {found['url']}")
            del self.objects[kind][found["id"]]
            return 204, None
        return 200, dict(found)

    def _survey(self, method: str, path: str, data: _Object) -> tuple[int, t.Any]:
        if method == "POST":
            _check_survey(data)
            if data != self.surveys.get(path):
                self.changes.append(f"POST {path}")
            self.surveys[path] = data
        return 200, self.surveys.get(path, {})

    def _association(self, method: str, path: str, rest: str, data: _Object) -> tuple[int, t.Any]:
        if not ASSOCIATED.fullmatch(rest):
            raise Refused(404, {"detail": "Not found."})
        if method == "POST":
            self.changes.append(f"POST {path} {data}")
            numbers = self.associated.setdefault(path, [])
            if data.get("disassociate"):
                numbers.remove(data["id"])
            else:
                numbers.append(data["id"])
            return 204, None
        found = self._associated(path)
        return 200, {"count": len(found), "next": None, "results": found}

    def _associated(self, path: str) -> list[_Object]:
        every = {number: item for items in self.objects.values() for number, item in items.items()}
        return [every[number] for number in self.associated.get(path, ()) if number in every]

    def _put(self, kind: str, found: _Object, fields: _Object) -> None:
        if kind == "job_templates" and not (self.project / fields.get("playbook", "")).is_file():
            raise Refused(400, {"playbook": ["Playbook not found for project."]})
        if kind == "schedules" and "rrule" in fields:
            _check_rule(fields["rrule"])
        for field in ("organization", "inventory", "project", "source_project", "unified_job_template"):
            if field in fields and not any(fields[field] in items for items in self.objects.values()):
                raise Refused(400, {field: ["Invalid pk - object does not exist."]})
        for key, value in fields.items():
            if key != "type":  # AWX has no null in a text, but for this one
                found[key] = "" if value is None and key != "host_filter" else value


def _fits(item: _Object, query: dict[str, str]) -> bool:
    """Whether an object is one of those that a query asks for."""
    either = {key[4:]: value for key, value in query.items() if key.startswith("or__")}
    every = {key: value for key, value in query.items() if not key.startswith("or__")}
    return all(str(item.get(key)) == value for key, value in every.items()) and (
        not either or any(str(item.get(key)) == value for key, value in either.items())
    )


def _check_survey(data: _Object) -> None:
    if set(data) != {"name", "description", "spec"}:
        raise Refused(400, {"error": "name, description and spec are needed"})
    for question in data["spec"]:
        if not {"question_name", "type", "variable", "required"} <= set(question) <= SURVEY_FIELDS:
            raise Refused(400, {"error": f"wrong fields in {question}"})
        if question["type"] not in SURVEY_TYPES:
            raise Refused(400, {"error": f"no type {question['type']}"})
        choices = question.get("choices")
        if question["type"].startswith("multi") and not (choices and question.get("default", choices[0]) in choices):
            raise Refused(400, {"error": f"the default is none of the choices of {question['variable']}"})


def _check_rule(rule: str) -> None:
    match = RULE.fullmatch(rule)
    if not match or match.group(1) not in zoneinfo.available_timezones():
        raise Refused(400, {"rrule": [f"cannot be used: {rule}"]})


class Server:
    """The fake on a free port of this machine, within a "with"."""

    def __init__(self, fake: FakeAWX) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(fake: FakeAWX) -> type[http.server.BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def _do(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Refused(401, {"detail": "Authentication credentials were not provided."})
                with lock:
                    query = dict(urllib.parse.parse_qsl(url.query))
                    code, answer = fake.answer(self.command, url.path, query, json.loads(body or b"{}"))
            except Refused as refused:
                code, answer = refused.code, refused.answer
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815 - names of the standard library

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    return Handler


__all__ = ("TOKEN", "FakeAWX", "Refused", "Server")
