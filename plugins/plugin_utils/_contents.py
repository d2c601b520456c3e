# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The containers and images of hosts, as members of the fleet beside the hosts."""

from __future__ import annotations

import typing as t

_Map = t.Mapping[str, t.Any]
KINDS = ("containers", "images")
# Who a container or image is; all else that was told of it is what a host tells too.
IDENTITY = (
    "engine", "engine_user", "id", "name", "image", "image_id", "digest", "status", "created", "labels",
    "compose_project", "pod", "names", "digests", "size",
)  # fmt: skip


def with_contents(results: t.Mapping[str, _Map | None]) -> dict[str, _Map | None]:
    """Make a member of its own of each container and image that a host tells of.

    :param results: what conda_info or conda_audit returned, per host.
    :returns: the same without C(containers) and C(images), and a result for each of these, called
        C(HOST/ENGINE/NAME) or C(HOST/ENGINE-image/NAME), with C(inside): its host, kind and identity.
    """
    found: dict[str, _Map | None] = {}
    for host, result in results.items():
        if not isinstance(result, t.Mapping) or not any(result.get(kind) for kind in KINDS):
            found[host] = result
            continue
        found[host] = {key: value for key, value in result.items() if key not in KINDS}
        for kind in KINDS:
            for item in result.get(kind) or ():
                told = {key: value for key, value in item.items() if key not in IDENTITY}
                identity = {key: item[key] for key in IDENTITY if key in item}
                name = _name(host, kind, item, found)
                found[name] = {**told, "inside": {"host": host, "kind": kind[:-1], **identity}}
    return found


def host_of(name: str, entry: _Map) -> str:
    """The host that a member of the fleet is, or lies on."""
    return (entry.get("inside") or {}).get("host") or name


def is_gone(name: str, entry: _Map, this_run: t.Mapping[str, _Map]) -> bool:
    """Whether a container or image of the run before is no longer there: its host was asked, and does not have it."""
    inside = entry.get("inside")
    now = this_run.get(inside["host"]) if inside else None
    if not inside or not now or now.get("status") != "ok":
        return False
    asked = now.get("looked_into") or {}
    if inside["kind"] == "image":
        return bool(asked.get("images"))
    return asked.get("containers") == "all" or (
        asked.get("containers") == "running" and inside.get("status") in ("running", "paused")
    )


def _name(host: str, kind: str, item: _Map, taken: t.Container[str]) -> str:
    names = item.get("names") or [item.get("name") or item["id"][:12]]
    engine = item["engine"] + ("-image" if kind == "images" else "")
    if item["engine_user"] != "root":
        engine += "-of-" + item["engine_user"]
    name = "%s/%s/%s" % (host, engine, names[0])
    # Two pods may have containers of one name, and one name may have been taken over by a newer image.
    return name if name not in taken else "%s-%s" % (name, item["id"][:12])


__all__ = ("IDENTITY", "KINDS", "host_of", "is_gone", "with_contents")
