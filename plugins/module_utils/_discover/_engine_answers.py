# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads what container engines tell of their containers and images (JSON) into one form.

The shapes are those of C(docker inspect) (Docker Engine API, ContainerInspect and ImageInspect), which C(podman
inspect) follows, of C(ctr container info) (containerd, containers.Container) and of C(crictl inspect) (Kubernetes CRI,
ContainerStatus).
"""

from __future__ import annotations

import json
import typing as t

_Map = t.Mapping[str, t.Any]
_COMPOSE = ("com.docker.compose.project", "io.podman.compose.project")
_POD_NAME, _POD_NAMESPACE = "io.kubernetes.pod.name", "io.kubernetes.pod.namespace"
# The words of crictl, and of Docker and Podman where these differ.
_STATUSES = {
    "CONTAINER_RUNNING": "running",
    "CONTAINER_EXITED": "exited",
    "CONTAINER_CREATED": "created",
    "CONTAINER_UNKNOWN": "unknown",
    "configured": "created",
    "initialized": "created",
    "stopped": "exited",
}
_OVERLAYS = frozenset(("overlay", "overlay2", "fuse-overlayfs", "overlayfs"))
LIVE = frozenset(("running", "paused"))


class Container(t.NamedTuple):
    """One container of an engine.

    :param engine: C(docker), C(podman), C(containerd) or C(cri).
    :param engine_user: the user whose engine it is.
    :param status: C(running), C(paused), C(exited), C(created) or another word of the engine.
    :param pid: its first process as the host sees it; 0 where there is none.
    :param layers: the directories it is made of, the uppermost first; none where the engine does not tell.
    :param mounts: what else is mounted in it: path inside to directory outside.
    """

    engine: str
    engine_user: str
    id: str
    name: str
    image: str
    image_id: str
    digest: t.Optional[str]
    status: str
    pid: int
    created: t.Optional[str]
    labels: t.Dict[str, str]
    pod: t.Optional[str]
    layers: t.Tuple[str, ...]
    mounts: t.Dict[str, str]

    @property
    def is_live(self) -> bool:
        """Whether it has a process whose root can be looked at."""
        return self.status in LIVE and self.pid > 0

    @property
    def compose_project(self) -> t.Optional[str]:
        """The Compose project it belongs to."""
        return next((self.labels[key] for key in _COMPOSE if key in self.labels), None)


class Image(t.NamedTuple):
    """One image of an engine.

    :param names: its names with tags; none where it has only a number.
    :param digests: its names with the digest of the manifest, as a registry knows it.
    :param size: its bytes, as the engine counts them.
    :param layers: the directories it is made of, the uppermost first; none where the engine does not tell.
    """

    engine: str
    engine_user: str
    id: str
    names: t.Tuple[str, ...]
    digests: t.Tuple[str, ...]
    created: t.Optional[str]
    size: t.Optional[int]
    labels: t.Dict[str, str]
    layers: t.Tuple[str, ...]


class Strange(ValueError):
    """An answer that is not of the documented shape; the text says what is strange."""


def documents(data: bytes) -> t.List[t.Any]:
    """The JSON documents of an answer, one after another: a list is taken apart.

    :raises Strange: it is not JSON.
    """
    text, found, decoder = data.decode("utf-8", "replace").strip(), [], json.JSONDecoder()
    while text:
        try:
            value, end = decoder.raw_decode(text)
        except (ValueError, RecursionError) as error:
            raise Strange("it is no JSON") from error
        found += value if isinstance(value, list) else [value]
        text = text[end:].lstrip()
    return found


def parse_container(engine: str, user: str, answer: t.Any) -> Container:
    """Read one container of C(docker inspect) or C(podman inspect).

    :raises Strange: it lacks what each container has.
    """
    top = _map(answer)
    state, config = _map(top.get("State")), _map(top.get("Config"))
    image_id = _text(top.get("Image"))
    status = _text(state.get("Status"))
    labels = _labels(config.get("Labels"))
    pod = _text(top.get("Pod")) or None
    return Container(
        engine=engine,
        engine_user=user,
        id=_needed(top, "Id"),
        name=_text(top.get("Name")).lstrip("/"),
        image=_text(top.get("ImageName")) or _text(config.get("Image")),
        image_id=_without_algorithm(image_id),
        digest=_text(top.get("ImageDigest")) or None,
        status=_STATUSES.get(status, status) or "unknown",
        pid=_number(state.get("Pid")),
        created=_text(top.get("Created")) or None,
        labels=labels,
        pod=_pod_of(labels) or pod,
        layers=_layers(top.get("GraphDriver")),
        mounts=_mounts(top.get("Mounts")),
    )


def parse_image(engine: str, user: str, answer: t.Any) -> Image:
    """Read one image of C(docker image inspect) or C(podman image inspect).

    :raises Strange: it lacks what each image has.
    """
    top = _map(answer)
    size = top.get("Size")
    return Image(
        engine=engine,
        engine_user=user,
        id=_without_algorithm(_needed(top, "Id")),
        names=_texts(top.get("RepoTags")),
        digests=_texts(top.get("RepoDigests")),
        created=_text(top.get("Created")) or None,
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        labels=_labels(_map(top.get("Config")).get("Labels") or top.get("Labels")),
        layers=_layers(top.get("GraphDriver")),
    )


def parse_containerd(answer: t.Any, *, pid: int, layers: t.Sequence[str]) -> Container:
    """Read one container of C(ctr container info); containerd tells its process and layers elsewhere.

    :raises Strange: it lacks what each container has.
    """
    top = _map(answer)
    labels, identity = _labels(top.get("Labels")), _needed(top, "ID")
    name = labels.get("io.kubernetes.container.name") or labels.get("nerdctl/name") or identity
    return Container(
        engine="containerd",
        engine_user="root",
        id=identity,
        name=name,
        image=_text(top.get("Image")),
        image_id="",
        digest=None,
        status="running" if pid else "exited",
        pid=pid,
        created=_text(top.get("CreatedAt")) or None,
        labels=labels,
        pod=_pod_of(labels),
        layers=tuple(layers),
        mounts=_mounts_of_spec(_map(top.get("Spec")).get("mounts")),
    )


def parse_cri(answer: t.Any) -> Container:
    """Read one container of C(crictl inspect).

    :raises Strange: it lacks what each container has.
    """
    top = _map(answer)
    status, info = _map(top.get("status")), _map(top.get("info"))
    labels = _labels(status.get("labels"))
    state = _text(status.get("state"))
    reference = _text(status.get("imageRef"))
    return Container(
        engine="cri",
        engine_user="root",
        id=_needed(status, "id"),
        name=_text(_map(status.get("metadata")).get("name")) or _needed(status, "id"),
        image=_text(_map(status.get("image")).get("image")) or reference,
        image_id=_without_algorithm(reference.rpartition("@")[2]),
        digest=reference.rpartition("@")[2] if "@" in reference else None,
        status=_STATUSES.get(state, state) or "unknown",
        pid=_number(info.get("pid")),
        created=_text(status.get("createdAt")) or None,
        labels=labels,
        pod=_pod_of(labels),
        layers=(),
        mounts={
            _text(_map(mount).get("containerPath")): _text(_map(mount).get("hostPath"))
            for mount in _list(status.get("mounts"))
        },
    )


def parse_snapshot_mounts(said: bytes) -> t.Tuple[str, ...]:
    """The layers that C(ctr snapshot mounts) names in the mount command it prints; none where it is no overlay."""
    for word in said.decode("utf-8", "surrogateescape").split():
        options = dict(part.partition("=")[::2] for part in word.split(",") if "=" in part)
        if "lowerdir" in options:
            upper = [options["upperdir"]] if "upperdir" in options else []
            return tuple(upper + options["lowerdir"].split(":"))
    return ()


def _layers(driver: t.Any) -> t.Tuple[str, ...]:
    known = _map(driver)
    data = _map(known.get("Data"))
    if known.get("Name") in _OVERLAYS:
        lower = [path for path in _text(data.get("LowerDir")).split(":") if path]
        upper = [path for path in (_text(data.get("UpperDir")),) if path]
        return tuple(upper + lower)
    if known.get("Name") == "vfs":
        return tuple(path for path in (_text(data.get("dir")) or _text(data.get("UpperDir")),) if path)
    return ()


def _mounts(value: t.Any) -> t.Dict[str, str]:
    found = {}
    for item in map(_map, _list(value)):
        inside, outside = _text(item.get("Destination")), _text(item.get("Source"))
        if item.get("Type") in ("bind", "volume") and inside.startswith("/") and outside.startswith("/"):
            found[inside] = outside
    return found


def _mounts_of_spec(value: t.Any) -> t.Dict[str, str]:
    found = {}
    for item in map(_map, _list(value)):
        inside, outside = _text(item.get("destination")), _text(item.get("source"))
        if item.get("type") == "bind" and inside.startswith("/") and outside.startswith("/"):
            found[inside] = outside
    return found


def _pod_of(labels: t.Mapping[str, str]) -> t.Optional[str]:
    if _POD_NAME not in labels:
        return None
    return "%s/%s" % (labels.get(_POD_NAMESPACE, "default"), labels[_POD_NAME])


def _without_algorithm(identity: str) -> str:
    return identity[len("sha256:") :] if identity.startswith("sha256:") else identity


def _needed(top: _Map, key: str) -> str:
    found = _text(top.get(key))
    if not found:
        raise Strange("it has no %s" % key)
    return found


def _map(value: t.Any) -> _Map:
    return value if isinstance(value, dict) else {}


def _list(value: t.Any) -> t.Sequence[t.Any]:
    return value if isinstance(value, list) else ()


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: t.Any) -> t.Tuple[str, ...]:
    return tuple(item for item in _list(value) if isinstance(item, str))


def _number(value: t.Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _labels(value: t.Any) -> t.Dict[str, str]:
    return {key: text for key, text in _map(value).items() if isinstance(text, str)}


__all__ = (
    "Container",
    "Image",
    "Strange",
    "documents",
    "parse_cri",
    "parse_container",
    "parse_containerd",
    "parse_image",
    "parse_snapshot_mounts",
)
