# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Decides what becomes of base images: whether one is built, where the name of a line leads, and which ones go.

A line of images is C(NAME:TAG), and so is the name that moves along it. An image of the line has the name
C(NAME:TAG-VERSION) once it has passed its test.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

LABEL = "labfleet.conda."
LINE, INPUTS = LABEL + "line", LABEL + "inputs"
VERSION, CREATED = "org.opencontainers.image.version", "org.opencontainers.image.created"
# What follows the name of the line where it is no version.
BUILDING, CANDIDATE, PREVIOUS, WITHDRAWN = "building", "candidate", "previous", "withdrawn"
RESERVED = (BUILDING, CANDIDATE, PREVIOUS, WITHDRAWN)
ARCHIVED = "-archived"
# What engines put before a name that has no registry.
_UNSAID = ("localhost/", "docker.io/library/", "docker.io/")

_Map = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Image:
    """One image, as C(image inspect) of Docker and of Podman tells it."""

    id: str
    names: tuple[str, ...]
    labels: _Map
    created: tuple[str, str]
    layers: tuple[str, ...]

    def stands_on(self, other: Image) -> bool:
        """Whether it was made from the other one."""
        return len(self.layers) > len(other.layers) and self.layers[: len(other.layers)] == other.layers


class Line:
    """The images of one line, and the names that they have."""

    def __init__(self, inspected: t.Iterable[_Map], name: str, tag: str) -> None:
        self.name = "%s:%s" % (short(name), tag)
        self.all = [read_image(item) for item in inspected]
        ours = [image for image in self.all if image.labels.get(LINE) == self.name]
        # The newest first.
        self.images = sorted(ours, key=lambda image: image.created, reverse=True)

    def reference(self, word: str = "") -> str:
        """The name of the line, or of one of its images."""
        return "%s-%s" % (self.name, word) if word else self.name

    def holder(self, word: str = "") -> Image | None:
        """The image that has such a name, whoever made it."""
        return next((image for image in self.all if self.reference(word) in image.names), None)

    def versions(self, image: Image) -> list[str]:
        """The versions that an image is offered as; the first is the one that its label says."""
        words = [name[len(self.name) + 1 :] for name in image.names if name.startswith(self.name + "-")]
        found = [word for word in words if word not in RESERVED and not word.endswith(ARCHIVED)]
        return sorted(found, key=lambda word: (word != image.labels.get(VERSION), word))

    def archived(self, image: Image) -> list[str]:
        """Its names as an archived one."""
        return [name for name in image.names if name.startswith(self.name + "-") and name.endswith(ARCHIVED)]


def read_image(inspected: _Map) -> Image:
    """One item of what C(image inspect) prints."""
    labels = (inspected.get("Config") or {}).get("Labels") or inspected.get("Labels") or {}
    layers = (inspected.get("RootFS") or {}).get("Layers") or ()
    names = tuple(sorted(map(short, inspected.get("RepoTags") or ())))
    created = (str(labels.get(CREATED) or ""), str(inspected.get("Created") or ""))
    return Image(plain_id(inspected["Id"]), names, labels, created, tuple(layers))


def short(name: str) -> str:
    """The name of an image without what an engine puts before it."""
    return next((name[len(start) :] for start in _UNSAID if name.startswith(start)), name)


def plain_id(name: str) -> str:
    return name.removeprefix("sha256:")


def input_digest(inputs: t.Any) -> str:
    """One sum over all that an image is made from."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def image_plan(
    inspected: t.Iterable[_Map], *, name: str, tag: str, inputs: t.Any, today: str, version: str = ""
) -> dict[str, t.Any]:
    """What is to be done so that the newest image of a line is the one that these inputs make.

    :param today: what a version is called that has no name.
    :returns: C(build), C(test), C(promote), the names to use, C(labels), and C(problems).
    """
    line, digest = Line(inspected, name, tag), input_digest(inputs)
    known = next((image for image in line.images if image.labels.get(INPUTS) == digest), None)
    wanted = version or _version_of(line, known) or _free_version(line, today)
    current, withdrawn = line.holder(), line.holder(WITHDRAWN)
    holder, candidate = line.holder(wanted), line.holder(CANDIDATE)
    is_withdrawn = known is not None and withdrawn is not None and withdrawn.id == known.id
    problems = []
    if holder is not None and holder != known:
        text = "base_image_version: %s is there and was made from something else. Give the new image a new version."
        problems.append(text % line.reference(wanted))
    return {
        "build": known is None,
        # it did not pass, and what it was made from is different by now
        "discard": known is None and candidate is not None,
        "test": known is None or not line.versions(known),
        "tag": known is None or holder is None,
        "promote": known is None or (not is_withdrawn and (current is None or current.id != known.id)),
        "is_withdrawn": is_withdrawn,
        "id": known.id if known else "",
        "current_id": current.id if current else "",
        "version": wanted,
        "line": line.reference(),
        "version_name": line.reference(wanted),
        "leftovers": _leftovers(line, known),
        "labels": {LINE: line.name, INPUTS: digest, VERSION: wanted},
        "problems": problems,
        **_reserved(line),
    }


def _version_of(line: Line, image: Image | None) -> str:
    """The version of an image that is there already, though perhaps by its label only."""
    if image is None:
        return ""
    return next(iter(line.versions(image)), "") or str(image.labels.get(VERSION) or "")


def _free_version(line: Line, today: str) -> str:
    taken = {name for image in line.all for name in image.names}
    taken |= {line.reference(str(image.labels.get(VERSION))) for image in line.images}
    taken |= {name.removesuffix(ARCHIVED) for name in taken}
    count, word = 1, today
    while line.reference(word) in taken:
        count += 1
        word = "%s.%d" % (today, count)
    return word


def _leftovers(line: Line, image: Image | None) -> list[str]:
    """Names of an image that it loses when it is offered."""
    names = [line.reference(CANDIDATE)]
    if image is None:
        return names
    return [name for name in names if name in image.names] + line.archived(image)


def _reserved(line: Line) -> dict[str, str]:
    return {word: line.reference(word) for word in RESERVED}


def image_promotion(inspected: t.Iterable[_Map], *, name: str, tag: str, version: str) -> dict[str, t.Any]:
    """What is to be done so that the name of a line leads to a version, or to C(previous)."""
    line = Line(inspected, name, tag)
    wanted, current, withdrawn = line.holder(version), line.holder(), line.holder(WITHDRAWN)
    answer = {
        "line": line.reference(),
        "id": wanted.id if wanted else "",
        "current_id": current.id if current else "",
        "version": (_version_of(line, wanted) or version) if wanted else version,
        "promote": wanted is not None and (current is None or current.id != wanted.id),
        # who goes back to an older one does not want the newer one again in the next night
        "withdraw": bool(wanted and current and wanted.created < current.created),
        "restore": bool(wanted and withdrawn and withdrawn.id == wanted.id),
        "problems": [],
        **_reserved(line),
    }
    if wanted is None or version in (BUILDING, CANDIDATE, WITHDRAWN):
        versions = ", ".join(word for image in line.images for word in line.versions(image)) or "none"
        text = "There is no %s. Name one of the versions that have passed their test (%s)."
        answer["problems"] = [text % (line.reference(version), versions)]
    return answer


def image_retirement(
    inspected: t.Iterable[_Map], containers: t.Iterable[_Map], *, name: str, tag: str, keep: int
) -> dict[str, t.Any]:
    """Which versions of a line are archived or removed, and why others are not.

    :param containers: what C(container inspect) prints, of all of them.
    :param keep: how many of the newest versions stay as they are.
    """
    line = Line(inspected, name, tag)
    offered = [image for image in line.images if line.versions(image) or line.archived(image)]
    needed = {image.id for image in map(line.holder, ("", PREVIOUS, CANDIDATE)) if image}
    needed |= {image.id for image in [image for image in offered if line.versions(image)][:keep]}
    old = [image for image in offered if image.id not in needed]
    going = {image.id for image in old}
    running = [(plain_id(item["Image"]), str(item.get("Name", "")).lstrip("/")) for item in containers]
    answer = []
    for image in old:
        used_by = _users(line, image, running, going)
        version = _version_of(line, image)
        answer.append(
            {
                "version": version,
                "id": image.id,
                "names": [item for item in image.names if item.startswith(line.name + "-")],
                "versions": [line.reference(word) for word in line.versions(image)],
                "archived_name": line.reference(version) + ARCHIVED,
                "archive": bool(line.versions(image)),
                "remove": not used_by,
                "used_by": used_by,
            }
        )
    return {"line": line.reference(), "kept": sorted(_version_of(line, image) for image in offered if image not in old),
            "retired": answer}  # fmt: skip


def _users(line: Line, image: Image, running: t.Iterable[tuple[str, str]], going: set[str]) -> list[str]:
    """Containers, and images with names of their own, that need this image."""
    above = {other.id: other for other in line.all if other.stands_on(image)}
    users = ["container %s" % name for ident, name in running if ident == image.id or ident in above]
    users += ["image %s" % other.names[0] for other in above.values() if other.names and other.id not in going]
    foreign = [name for name in image.names if not name.startswith(line.name + "-")]
    return sorted(users + ["name %s" % name for name in foreign])


__all__ = ("image_plan", "image_promotion", "image_retirement", "input_digest")
