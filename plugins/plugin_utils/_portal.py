# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The catalogue of a portal: which versions of images it lists, which of them users may start, and with what limits."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._image_status import BLOCKED, UNKNOWN, WORDS

ID, NAME = "id", "name"
_Map = t.Mapping[str, t.Any]
_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_HASH = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_IMPLIED = ("docker.io/library/", "docker.io/", "localhost/")


class CatalogueError(Exception):
    """The list of images cannot be meant; the message tells why."""


class Wish(t.NamedTuple):
    """How a portal makes its catalogue.

    :param startable: the status words of images that users may start; C(blocked) never is one.
    :param start_by: C(id) to start the very image that was judged on its host, C(name) to start it by its digest, or by
        its name where no registry knows it.
    :param engine: count only what this engine has; any when empty.
    """

    startable: t.Sequence[str] = WORDS[2:]
    start_by: str = ID
    engine: str = ""


def portal_catalogue(
    listed: t.Iterable[_Map], judged: t.Iterable[_Map], limits: _Map, wish: Wish, *, now: float
) -> dict[str, t.Any]:
    """The catalogue, in the order of the list.

    :param listed: with C(name), C(version) and C(image), and C(description) and C(labels) where there are any.
    :param judged: the images that conda_audit has judged on a host.
    :param limits: the values of C(servers) of a policy.
    :param now: the time, in seconds since the epoch.
    """
    if BLOCKED in wish.startable or not set(wish.startable) <= set(WORDS):
        words = ", ".join(word for word in WORDS if word != BLOCKED)
        raise CatalogueError("users may start images of the status words %s, never blocked ones" % words)
    found: dict[str, dict[str, t.Any]] = {}
    seen = [image for image in judged if wish.engine in ("", image.get("engine"))]
    for item in listed:
        entry = _entry(item, seen, wish)
        if entry["key"] in found:
            raise CatalogueError("%s %s is listed twice" % (item["name"], item["version"]))
        found[entry["key"]] = entry
    as_of = datetime.datetime.fromtimestamp(now, datetime.UTC).date().isoformat()
    return {"as_of": as_of, "limits": dict(limits), "images": list(found.values())}


def _entry(item: _Map, seen: t.Sequence[_Map], wish: Wish) -> dict[str, t.Any]:
    key = "%s-%s" % (item["name"], item["version"])
    if not _KEY.match(key):
        text = "%s %s: the name and the version must be of letters, digits and . _ -, and be quoted"
        raise CatalogueError(text % (item["name"], item["version"]))
    image = _worst(_with_name(item["image"], seen))
    health = image["health"] if image else {"status": UNKNOWN, "reason": "It is not on the host that judges images."}
    entry = {
        "key": key,
        "name": str(item["name"]),
        "version": str(item["version"]),
        "description": item.get("description") or "",
        "labels": {str(name): str(value) for name, value in sorted((item.get("labels") or {}).items())},
        "image": item["image"],
        "start": _start(item["image"], image, wish.start_by) if image else None,
        "status": health["status"],
        "reason": health["reason"],
        "age_days": health.get("age_days"),
        "findings": {name: count for name, count in (image or {}).get("counts", {}).items() if count},
    }
    entry["startable"] = bool(image) and health["status"] in wish.startable
    return entry


def _with_name(reference: str, seen: t.Sequence[_Map]) -> list[_Map]:
    """The images with a name, a digest or an identifier."""
    identifier = _HASH.match(reference)
    if identifier:
        return [image for image in seen if image["id"].rpartition(":")[2] == identifier[1]]
    wanted = _plain(reference)
    return [image for image in seen if wanted in {_plain(name) for name in (*image["names"], *image["digests"])}]


def _plain(reference: str) -> str:
    """A reference without what engines add by themselves."""
    for start in _IMPLIED:
        if reference.startswith(start):
            reference = reference[len(start) :]
            break
    return reference if "@" in reference or ":" in reference.rpartition("/")[2] else reference + ":latest"


def _worst(images: t.Sequence[_Map]) -> _Map | None:
    return min(images, key=lambda image: WORDS.index(image["health"]["status"]), default=None)


def _start(reference: str, image: _Map, start_by: str) -> str:
    if start_by == ID:
        return "sha256:" + image["id"].rpartition(":")[2]
    repository = _plain(reference).partition("@")[0].rpartition(":")[0]
    for digest in image["digests"]:
        if _plain(digest).partition("@")[0] == repository:
            return digest
    return reference


__all__ = ("ID", "NAME", "CatalogueError", "Wish", "portal_catalogue")
