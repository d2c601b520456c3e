# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What was changed in the containers of a fleet: a table, a document, and the files of each container."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._container_export import Export, container_export, slug
from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import with_contents
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import host_entry

SCHEMA = "labfleet.conda/drift/1"
HEADS = ("CONTAINER", "IMAGE", "CHANGES")

_Map = t.Mapping[str, t.Any]


class Drifted(t.NamedTuple):
    """One container: its name in the fleet, its image, its drift, the files of it, and the folder that they go to."""

    name: str
    image: str
    drift: _Map
    export: Export
    folder: str


def drifted(results: t.Mapping[str, _Map | None]) -> list[Drifted]:
    """All containers that were compared with their images, or should have been.

    :param results: what conda_info returned, per host.
    """
    found: list[Drifted] = []
    folders: set[str] = set()
    for name, entry in sorted(with_contents(results).items()):
        inside = (entry or {}).get("inside") or {}
        if inside.get("kind") != "container" or not entry or "drift" not in entry:
            continue
        folder = slug(name)
        if folder in folders:  # two names may have the same letters and digits
            folder += "-" + inside["id"][:12]
        folders.add(folder)
        found.append(Drifted(name, str(inside["image"]), entry["drift"], container_export(entry), folder))
    return found


def drift_document(results: t.Mapping[str, _Map | None], found: t.Sequence[Drifted]) -> dict[str, t.Any]:
    """The whole as one document."""
    hosts = {name: host_entry(result, mark="installations") for name, result in sorted(results.items())}
    return {
        "schema": SCHEMA,
        "summary": summary(results, found),
        "hosts": {
            name: {key: host[key] for key in ("status", "message") if key in host} for name, host in hosts.items()
        },
        "containers": {
            item.name: {
                "image": item.image,
                "drift": item.drift,
                "refused": item.export.refused,
                "left_out": item.export.left_out,
                "files": {name: "%s/%s" % (item.folder, name) for name in item.export.files},
            }
            for item in found
        },
    }


def summary(results: t.Mapping[str, _Map | None], found: t.Sequence[Drifted]) -> dict[str, t.Any]:
    """The run in numbers."""
    seen = [host_entry(result, mark="installations")["status"] in ("ok", "incomplete") for result in results.values()]
    return {
        "hosts": len(results),
        "hosts_not_seen": len(seen) - sum(seen),
        "containers": len(found),
        "changed": sum(item.drift["changed"] is True for item in found),
        "unknown": sum(item.drift["status"] != "compared" or not item.drift["complete"] for item in found),
        "refused": sum(bool(item.drift["changed"] and item.export.refused) for item in found),
    }


def table_rows(results: t.Mapping[str, _Map | None], found: t.Sequence[Drifted]) -> list[list[str]]:
    """A row per container, and one per host that gave nothing."""
    rows = [[item.name, item.image, ". ".join(_words(item))] for item in found]
    for name, result in sorted(results.items()):
        host = host_entry(result, mark="installations")
        if host["status"] not in ("ok", "incomplete"):
            rows.append([name, "-", "%s: %s" % (host["status"], host["message"])])
    return rows


def _words(item: Drifted) -> t.Iterator[str]:
    drift = item.drift
    if drift["status"] != "compared":
        yield "unknown: %s" % drift["reason"]
        return
    for tool in drift["tools"]:
        yield "%s %s to %s in %s" % (tool["name"], tool["before"] or "none", tool["after"] or "none", tool["prefix"])
    for environment in drift["environments"]:
        yield "%s %s%s" % (environment["prefix"], environment["change"], _counts(environment))
    for file in drift["settings"]:
        yield "%s %s" % (file["path"], file["change"])
    if not drift["changed"]:
        yield "none" if drift["complete"] else "none in what could be read"
    elif not drift["complete"]:
        yield "not all could be read"
    if drift["image"]["there"] is False:
        yield "its image is no longer there"
    if drift["changed"] and item.export.refused:
        yield "not exported: %s" % item.export.refused.rstrip(".")


def _counts(environment: _Map) -> str:
    parts = []
    for key, noun in (("packages", "packages"), ("pip_packages", "pip packages")):
        changes = [each["change"] for each in environment[key]]
        counts = ["%d %s" % (changes.count(word), word) for word in ("added", "changed", "removed") if word in changes]
        if counts:
            parts.append("%s %s" % (noun, ", ".join(counts)))
    if environment["pinned"] is not None:
        parts.append("pins")
    return " (%s)" % "; ".join(parts) if parts else ""


__all__ = ("HEADS", "SCHEMA", "Drifted", "drift_document", "drifted", "summary", "table_rows")
