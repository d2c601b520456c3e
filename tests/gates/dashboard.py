# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes Grafana's dashboard from the short description below: PYTHONPATH=tests .venv/bin/python -m gates.dashboard"""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
FILE = "roles/monitoring/files/labfleet_conda.dashboard.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# In a query, a name that begins with _ gets this prefix, and HOSTS are the hosts that are chosen above the panels.
PREFIX, HOSTS = "labfleet_conda_", 'group=~"$group",instance=~"$host"'
DEAD = (
    '(up{job="node",HOSTS} == 1 unless on (instance) _written_timestamp_seconds{HOSTS})'
    " or (node_textfile_scrape_error{HOSTS} == 1 and on (instance) _written_timestamp_seconds{HOSTS})"
)


class Panel(t.NamedTuple):
    """One panel.

    :param kind: of panel in Grafana.
    :param queries: a legend and a query each. Of a table, the legend is the head of the column of values.
    :param width: of 24 columns.
    :param red_from: the value from which on it is red.
    """

    title: str
    told: str
    kind: str
    queries: dict[str, str]
    width: int
    unit: str = "short"
    red_from: float | None = None


PANELS = (
    Panel("Hosts", "Hosts whose metrics are here.", "stat", {"": "count(_written_timestamp_seconds{HOSTS})"}, 4),
    Panel("Behind the fleet", "Hosts with a tool that is more than two minor releases below the median.", "stat",
          {"": "count(max by (instance) (labfleet_conda:releases_behind_median{HOSTS}) > 2) or vector(0)"}, 4,
          red_from=1),
    Panel("Critical findings", "Of the last audits, without those that are waived.", "stat",
          {"": 'sum(_findings{severity="critical",HOSTS})'}, 4, red_from=1),
    Panel("Last change failed", "Hosts whose last change was undone, refused or failed.", "stat",
          {"": "count(_change_success{HOSTS} == 0) or vector(0)"}, 4, red_from=1),
    Panel("Licence exposure", "Hosts with packages or channels that may need a licence.", "stat",
          {"": "count(_licence_findings{HOSTS} > 0) or vector(0)"}, 4, red_from=1),
    Panel("Missing", "Hosts that do not answer, or that answer without metrics of conda.", "stat",
          {"": 'count((up{job="node",HOSTS} == 0) or ' + DEAD + ") or vector(0)"}, 4, red_from=1),
    Panel("Versions", "Installations of each kind and version.", "bargauge",
          {"{{kind}} {{version}}": "sort_desc(count by (kind, version) (_installation_info{HOSTS}))"}, 12),
    Panel("Furthest behind the fleet", "Minor releases below the median of the fleet.", "table",
          {"behind": "topk(20, labfleet_conda:releases_behind_median{HOSTS} > 0)"}, 12, red_from=3),
    Panel("Findings", "Of all hosts, by severity.", "timeseries",
          {"{{severity}}": "sum by (severity) (_findings{HOSTS})"}, 12),
    Panel("Oldest audits", "How long ago the host was audited.", "table",
          {"age": "topk(20, time() - _audit_timestamp_seconds{HOSTS})"}, 12, red_from=2 * 86400),
    Panel("Last changes", "Whether the last change was kept (1), and how long ago it was.", "table",
          {"kept": "_change_success{HOSTS}", "age": "time() - _change_timestamp_seconds{HOSTS}"}, 12),
    Panel("Licence exposure by host", "Packages and channels that may need a licence.", "timeseries",
          {"{{instance}}": "topk(20, _licence_findings{HOSTS} > 0)"}, 12),
    Panel("Package caches, bytes", "Needs monitoring_sizes. Caches that hold the most.", "timeseries",
          {"{{instance}} {{path}}": "topk(10, _cache_bytes{HOSTS})"}, 12, unit="bytes"),
    Panel("Package caches, inodes", "Needs monitoring_sizes. Caches with the most files, directories and links.",
          "timeseries", {"{{instance}} {{path}}": "topk(10, _cache_inodes{HOSTS})"}, 12),
    Panel("Hosts without metrics", "Node exporter answers; its file for conda is missing or cannot be read.", "table",
          {"dead": DEAD}, 12),
    Panel("Hosts that do not answer", "Node exporter of these does not answer.", "table",
          {"up": 'up{job="node",HOSTS} == 0'}, 12),
    Panel("Incomplete audits", "Something could not be read, so that what is unknown may be wrong.", "table",
          {"complete": "_audit_complete{HOSTS} == 0"}, 12),
    Panel("Nightly runs", "Needs the role maintenance on the control node. The exit code of each step.", "table",
          {"exit code": "_nightly_exit_code{HOSTS}"}, 12),
)  # fmt: skip


def expression(query: str) -> str:
    """A query as Prometheus takes it, but for the variables of Grafana."""
    return re.sub(r"(?<![A-Za-z0-9_:])_(?=[a-z])", PREFIX, query).replace("HOSTS", HOSTS)


def dashboard() -> dict[str, t.Any]:
    """The dashboard, as Grafana imports it."""
    return {
        "uid": "labfleet-conda",
        "title": "Conda in the fleet",
        "description": "Versions, findings, changes and caches of conda; made by labfleet.conda.",
        "tags": ["conda", "labfleet"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "5m",
        "time": {"from": "now-7d", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source(), _variable("group", "Group"), _variable("host", "Host")]},
        "annotations": {"list": []},
        "panels": _panels(),
    }


def _source() -> dict[str, t.Any]:
    return {"type": "datasource", "name": "datasource", "label": "Source", "query": "prometheus", "refresh": 1}


def _variable(name: str, label: str) -> dict[str, t.Any]:
    """A variable that lists the values of a label; all of them also stands for series without it."""
    metric, within = PREFIX + "written_timestamp_seconds", ""
    if name == "host":
        within = '{group=~"$group"}'
    query = f"label_values({metric}{within}, {'instance' if name == 'host' else name})"
    return {
        "type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query,
        "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
        "allValue": ".*", "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def _panels() -> list[dict[str, t.Any]]:
    made: list[dict[str, t.Any]] = []
    left, top, height = 0, 0, 0
    for number, panel in enumerate(PANELS, 1):
        if left + panel.width > 24:
            left, top = 0, top + height
        height = 4 if panel.kind == "stat" else 9
        made.append(_panel(number, panel, {"x": left, "y": top, "w": panel.width, "h": height}))
        left += panel.width
    return made


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, t.Any]:
    steps: list[dict[str, t.Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    now = panel.kind != "timeseries"
    targets = [
        {
            "refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expression(query), "legendFormat": legend,
            "instant": now, "range": not now, "format": "table" if panel.kind == "table" else "time_series",
        }
        for place, (legend, query) in enumerate(panel.queries.items())
    ]  # fmt: skip
    made: dict[str, t.Any] = {
        "id": number, "type": panel.kind, "title": panel.title, "description": panel.told, "datasource": SOURCE,
        "gridPos": place, "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": _columns_shown(panel) if panel.kind == "table" else [],
        },
    }  # fmt: skip
    if panel.kind == "table":
        made["transformations"] = _columns(targets)
    if now and panel.kind != "table":
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    if panel.kind == "bargauge":
        made["options"].update(orientation="horizontal", displayMode="basic")
    return made


def _columns_shown(panel: Panel) -> list[dict[str, t.Any]]:
    shown: dict[str, list[dict[str, t.Any]]] = {"age": [{"id": "unit", "value": "s"}]}
    if panel.red_from is not None:
        coloured = {"id": "custom.cellOptions", "value": {"type": "color-text"}}
        shown.setdefault(next(iter(panel.queries)), []).append(coloured)
    return [
        {"matcher": {"id": "byName", "options": name}, "properties": properties}
        for name, properties in shown.items()
        if name in panel.queries
    ]


def _columns(targets: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """A line for each series, without the time of the query and the labels that say nothing here."""
    names = {"Value" if len(targets) == 1 else f"Value #{item['refId']}": item["legendFormat"] for item in targets}
    hidden = dict.fromkeys(("Time", "__name__", "job", "group"), True)
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hidden, "renameByName": names}},
    ]


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=2) + "\n"


def main() -> int:
    """Write the file when it differs."""
    path = CHECKOUT / FILE
    if not path.is_file() or path.read_text("utf-8") != text():
        path.write_text(text(), "utf-8")
        print("written: " + FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
