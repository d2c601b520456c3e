# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is known of a host as metrics in the text format of Prometheus, for node exporter's textfile collector.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/; names and units follow
https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion
from ansible_collections.labfleet.conda.plugins.plugin_utils._fleet_view import TOOLS, behind, load_releases
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES

PREFIX = "labfleet_conda_"
# Each installation has a few series. A host with more is one whose homes are looked at: those of root come first.
MAX_INSTALLATIONS = 50
_LICENCE_RULES = ("chan.defaults.", "tos.")
_CHANGES = {"committed": 1, "rolled_back": 0, "failed": 0, "refused": 0, "recovered": 0}
_Map = t.Mapping[str, t.Any]

# Name, and what it tells. The order is that of the file.
HELP = {
    "installation_info": "A conda, mamba or micromamba of the host; always 1.",
    "release_index": "The place of its minor release in the known releases of the tool, the oldest is 1.",
    "releases_behind_newest": "How many minor releases it is behind the newest that is known.",
    "releases_behind_floor": "How many minor releases it is below the floor of the policy.",
    "findings": "Findings of the last audit without a waiver, by severity.",
    "licence_findings": "Of these, packages and channels that may need a licence.",
    "audit_timestamp_seconds": "When the host was audited last.",
    "audit_complete": "Whether that audit saw all it should; 0 where something could not be read.",
    "change_timestamp_seconds": "When the collection changed, or tried to change, something last.",
    "change_success": "Whether that change was kept; 0 where it failed or was undone.",
    "cache_bytes": "The size of a package cache.",
    "cache_inodes": "The number of files, directories and links in a package cache.",
    "written_timestamp_seconds": "When these metrics were written.",
}


def render(
    audit: _Map, *, written: float, audited: float, floors: _Map, ledger: _Map | None = None, info: _Map | None = None,
    instance: str | None = None,
) -> str:  # fmt: skip
    """The metrics of a host.

    :param audit: what C(conda_audit) returned.
    :param written: the time now, in seconds of the epoch.
    :param audited: when the host was audited, the same.
    :param floors: the lowest version of each tool that the policy allows.
    :param ledger: what C(conda_ledger) returned with C(operation=export).
    :param info: what C(conda_info) returned with C(gather=[sizes]).
    :param instance: the name of the host, where its metrics are read on another one together with those of others.
    """
    series = _Series({"instance": instance} if instance else {})
    _installations(series, audit, floors)
    for severity in SEVERITIES:
        series.add("findings", (audit.get("counts") or {}).get(severity, 0), severity=severity)
    licences = [item for item in audit.get("findings") or () if str(item.get("rule")).startswith(_LICENCE_RULES)]
    series.add("licence_findings", sum(not item.get("waiver") for item in licences))
    series.add("audit_timestamp_seconds", int(audited))
    series.add("audit_complete", int(bool(audit.get("complete"))))
    _last_change(series, ledger or {})
    for cache in (info or {}).get("package_caches") or ():
        size = cache.get("size") or {}
        if size.get("bytes") is not None:
            series.add("cache_bytes", size["bytes"], path=cache["path"])
            series.add("cache_inodes", size.get("inodes") or 0, path=cache["path"])
    series.add("written_timestamp_seconds", int(written))
    return series.text()


def _installations(series: _Series, audit: _Map, floors: _Map) -> None:
    releases = load_releases()
    found = sorted(audit.get("installations") or (), key=_turn)
    for item in found[:MAX_INSTALLATIONS]:
        kind, place = item["kind"], item.get("prefix") or item.get("program")
        versions = item.get("versions") or {}
        solver = (item.get("solver") or {}).get("name")
        series.add(
            "installation_info", 1, kind=kind, prefix=place, version=item.get("version") or "unknown",
            solver=solver or "unknown", owner=item.get("owner") or "unknown",
            frozen="true" if item.get("frozen") else "false",
        )  # fmt: skip
        for tool in TOOLS:
            version = versions.get(tool) or (item.get("version") if kind == tool else None)
            if version:
                _releases(series, tool, str(version), str(place), releases, floors.get(tool))


def _turn(installation: _Map) -> tuple[bool, str]:
    return installation.get("owner") != "root", str(installation.get("prefix"))


def _releases(series: _Series, tool: str, version: str, place: str, releases: _Map, floor: t.Any) -> None:
    known = releases.get(tool) or ()
    try:
        if known:
            index = len(known) - behind(version, known[-1], known).behind
            series.add("release_index", index, tool=tool, prefix=place)
            series.add("releases_behind_newest", len(known) - index, tool=tool, prefix=place)
        if floor:
            series.add("releases_behind_floor", behind(version, str(floor), known).behind, tool=tool, prefix=place)
    except InvalidVersion:
        return  # a version that is none has no place; installation_info tells it


def _last_change(series: _Series, ledger: _Map) -> None:
    changes = [item for item in ledger.get("records") or () if item.get("outcome") in _CHANGES]
    if not changes:
        return
    last = max(changes, key=lambda item: item["sequence"])
    when = datetime.datetime.strptime(last["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
    series.add("change_timestamp_seconds", int(when.timestamp()))
    series.add("change_success", _CHANGES[last["outcome"]])


class _Series:
    """The lines of each metric, kept together as the format asks."""

    def __init__(self, common: dict[str, str]) -> None:
        self._common = common
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, value: float, **labels: t.Any) -> None:
        told = sorted({**labels, **self._common}.items())
        given = ",".join('%s="%s"' % (label, escape(str(text))) for label, text in told)
        line = "%s%s%s %s\n" % (PREFIX, name, "{%s}" % given if given else "", value)
        lines = self._lines.setdefault(name, [])
        if line not in lines:
            lines.append(line)

    def text(self) -> str:
        parts = []
        for name, told in HELP.items():
            if name in self._lines:
                parts.append("# HELP %s%s %s\n# TYPE %s%s gauge\n" % (PREFIX, name, told, PREFIX, name))
                parts += self._lines[name]
        return "".join(parts)


def escape(text: str) -> str:
    """A value of a label; what is no UTF-8 would make node exporter refuse the whole file."""
    safe = text.encode("utf-8", "replace").decode("utf-8")
    return safe.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


__all__ = ("HELP", "MAX_INSTALLATIONS", "PREFIX", "escape", "render")
