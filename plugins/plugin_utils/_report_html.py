# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report as one HTML page: no request to any network, no script but its own, readable in dark and light.

The head, with the numbers and the charts, is plain HTML and SVG. The lists of findings and hosts are drawn by
C(_data/report.js) from the data of C(_report_rows), as text, never as mark-up.
"""

from __future__ import annotations

import base64
import hashlib
import typing as t
from pathlib import Path

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup

from ansible_collections.labfleet.conda.plugins.plugin_utils._carried import carried_groups, of_this_run
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import (
    NOT_SEEN,
    SEVERITIES,
    dump,
    headline,
    natural,
    visible,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_rows import report_data

_FOLDER = Path(__file__).parent / "_data"
_TOOLS = ("conda", "mamba", "micromamba", "pixi")
_MOST_BARS = 12

_Map = t.Mapping[str, t.Any]


def chunks(document: _Map) -> t.Iterator[str]:
    """Yield the text of the page in pieces."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda number: format(number, ",")
    script, style = (_source(name) for name in ("report.js", "report.css"))
    page = environment.get_template("report.html.j2")
    yield from page.generate(
        document=_plain({key: document[key] for key in ("generated", "summary", "trend", "advisories", "policy")}),
        headline=headline(document),
        severities=SEVERITIES,
        not_seen=_not_seen(document),
        carried=[tuple(map(visible, group)) for group in carried_groups(document)],
        gone=merge_host_names(visible(name) for name in (document["trend"] or {}).get("hosts_gone") or ()),
        incomplete=merge_host_names(visible(name) for name in document["summary"]["hosts_incomplete"]),
        versions=_versions(document),
        style=Markup(style),
        script=Markup(script),
        policy="default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'"
        % (_hash(script), _hash(style)),
        data=Markup(json_in_html(report_data(document))),
    )


def json_in_html(value: t.Any) -> str:
    """JSON that may stand in a C(script) element: it holds nothing that could end the element or begin another.

    In ASCII, so that U+2028 and U+2029, which end a line in older JavaScript, are escapes too.
    """
    return dump(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _source(name: str) -> str:
    """A file of ours without its licence head, which the page has once."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return "\n" + text.partition("*/\n")[2]


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _plain(value: t.Any) -> t.Any:
    """The same with every text made visible(); lists of fixed findings are not for the head."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != "fixed_findings"}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return visible(value) if isinstance(value, str) else value


def _not_seen(document: _Map) -> list[dict[str, t.Any]]:
    """The hosts that gave nothing, those with the same trouble as one entry."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, host in of_this_run(document["hosts"]).items():
        if host["status"] in NOT_SEEN:
            said = visible(host.get("message") or "no reason was given")
            groups.setdefault((host["status"], said.replace(name, "…")), []).append(visible(name))
    return [
        {"status": status, "message": said, "names": merge_host_names(names), "count": len(names)}
        for (status, said), names in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _versions(document: _Map) -> list[dict[str, t.Any]]:
    """For each tool how many installations have which version, the newest first."""
    counts: dict[str, dict[str, int]] = {}
    for host in of_this_run(document["hosts"]).values():
        for item in host.get("installations") or ():
            known = {item["kind"]: item.get("version"), **(item.get("versions") or {})}
            for tool in _TOOLS:
                if tool in known:
                    version = visible(known[tool] or "unknown")
                    tool_counts = counts.setdefault(tool, {})
                    tool_counts[version] = tool_counts.get(version, 0) + 1
    fleet = document.get("fleet") or {}
    behind = {(entry["tool"], entry["version"]): entry["behind"] for entry in fleet.get("lag") or ()}
    charts = []
    for tool in sorted(counts, key=_TOOLS.index):
        ordered = sorted(counts[tool].items(), key=lambda item: natural(item[0]), reverse=True)
        median = (fleet.get("median") or {}).get(tool)
        bars = [
            {"label": version, "count": count, "median": version == median, "behind": behind.get((tool, version))}
            for version, count in ordered[:_MOST_BARS]
        ]
        rest = ordered[_MOST_BARS:]
        if rest:
            older = {"label": "%d older" % len(rest), "count": sum(count for _version, count in rest)}
            bars.append({**older, "median": False, "behind": None})
        charts.append({"tool": tool, "bars": bars, "most": max(one["count"] for one in bars)})
    return charts


__all__ = ("chunks", "json_in_html")
