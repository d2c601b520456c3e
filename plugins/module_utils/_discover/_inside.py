# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Looks into the containers and images of a host from outside: nothing is executed in them, mounted or started."""

from __future__ import annotations

import functools
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._engine_answers import Container, Image
from ansible_collections.labfleet.conda.plugins.module_utils._discover._engines import (
    Answers,
    Asker,
    ask_engines,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._homes import Home
from ansible_collections.labfleet.conda.plugins.module_utils._discover._interpreter import find_interpreter
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look, ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import See, Wanted, Way
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, TimeIsUp, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._layers import LayeredRoot
from ansible_collections.labfleet.conda.plugins.module_utils._system._numbers import Numbers, subordinate_numbers
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import (
    ProcessTable,
    own_uid,
    own_variables,
    owner_of,
    root_of,
    sees_our_files,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Supervised
from ansible_collections.labfleet.conda.plugins.module_utils._system._worker import WorkerDied, run_as

_STORAGE = "/.local/share/containers/storage"
_LEAST_SECONDS = 1.0
_NO_LAYERS = "its engine does not tell in which directories its layers lie"
# What the Podman of one user may take, who can stop the process that asks it; an engine has a minute at the most.
_USER_SECONDS, _GRACE = 90.0, 5.0
_Map = t.Dict[str, t.Any]
_Thing = t.Union[Container, Image]


def look_into(look: Look, wanted: Wanted, seconds: float, see: See) -> _Map:
    """What _wanted.look_inside() returns, but for C(looked_into)."""
    until = time.monotonic() + seconds
    answers = _ask(look, wanted)
    look.survey.root.process_table = ProcessTable()
    drift = _drift(answers, look, see) if wanted.drift else None
    left = len(answers.containers) * (2 if drift else 1) + len(answers.images)
    found: _Map = {"containers": [], "images": []}

    def share() -> float:
        nonlocal left
        seconds, left = max(_LEAST_SECONDS, (until - time.monotonic()) / left), left - 1
        return seconds

    for kind, things in (("containers", answers.containers), ("images", answers.images)):
        for thing in t.cast(t.Sequence[_Thing], things):
            seen = _see(thing, look, share(), see)
            if drift is not None and isinstance(thing, Container):
                seconds = share()
                seen = None if seen is None else dict(seen, drift=drift(thing, seen, seconds))
            if seen is not None:
                found[kind].append({**about(thing), **seen})
    return found


def _drift(answers: Answers, look: Look, see: See) -> t.Callable[[Container, _Map, float], _Map]:
    """What tells the drift of a container that was looked into."""
    from ansible_collections.labfleet.conda.plugins.module_utils._discover._drift_look import Drifts

    drifts, host = Drifts(answers.of_containers, answers.untold, see), look.survey.root

    def of(container: Container, seen: _Map, seconds: float) -> _Map:
        if len(container.layers) < 2:
            return drifts.unknown(container, _NO_LAYERS)
        try:
            before = _way_to_layers(container, container.layers[1:], host, {})
            after = _way_to_process(container, host) if container.is_live else _way(container, host)
        except Unreadable as error:
            return drifts.unknown(container, error.reason)
        return drifts.of(container, seen, after, before, seconds)

    return of


def about(thing: _Thing) -> _Map:
    """Who a container or image is, as plain values."""
    shared: _Map = {
        "engine": thing.engine,
        "engine_user": thing.engine_user,
        "id": thing.id,
        "created": thing.created,
        "labels": thing.labels,
    }
    if isinstance(thing, Image):
        return {**shared, "names": list(thing.names), "digests": list(thing.digests), "size": thing.size}
    return {
        **shared,
        "name": thing.name,
        "image": thing.image,
        "image_id": thing.image_id or None,
        "digest": thing.digest,
        "status": thing.status,
        "pid": thing.pid or None,
        "compose_project": thing.compose_project,
        "pod": thing.pod,
    }


def title(thing: _Thing) -> str:
    """How a container or image is called in a report."""
    if isinstance(thing, Image):
        return "%s image %s" % (thing.engine, thing.names[0] if thing.names else thing.id[:12])
    return "%s container %s" % (thing.engine, thing.name or thing.id[:12])


def _ask(look: Look, wanted: Wanted) -> Answers:
    """The engines of this user; root asks the Podman of each user who has one, as that user."""
    root, uid, variables = look.survey.root, own_uid(), own_variables()
    name = root.identities.user_name(uid) or str(uid)
    asker = Asker(name, variables.get("HOME") or "/", variables)
    answers = ask_engines(root, Supervised(), look.report, asker, wanted)
    if uid != 0:
        return answers
    for home in look.survey.homes:
        if home.uid == 0 or not home.user or not _has_storage(root, home):
            continue
        try:
            ask = functools.partial(_ask_as, root, home, wanted)
            plain = run_as(home.uid, _group_of(root, home), home.user, ask, seconds=_USER_SECONDS, grace=_GRACE)
        except (WorkerDied, OSError) as error:
            look.report.add(home.path + _STORAGE, "the containers of user %s are not known: %s" % (home.user, error))
            continue
        _take(plain, home, answers, look.report)
    return answers


def _ask_as(root: Root, home: Home, wanted: Wanted) -> _Map:
    """What the Podman of a user tells, as what JSON has; runs as that user."""
    report = Report()
    asker = Asker(str(home.user), home.path, {"XDG_RUNTIME_DIR": "/run/user/%d" % home.uid}, ("podman",))
    answers = ask_engines(root, Supervised(), report, asker, wanted)
    return {
        "containers": [container._asdict() for container in answers.containers],
        "images": [image._asdict() for image in answers.images],
        "of_containers": [image._asdict() for image in answers.of_containers],
        "is_told": not answers.untold,
        "entries": report.entries,
    }


def _take(plain: t.Any, home: Home, answers: Answers, report: Report) -> None:
    """Take the word of a user for what it is: about their own containers only."""
    try:
        for entry in plain["entries"]:
            report.add("%s of user %s" % (entry["path"], home.user), entry["reason"])
        for item in plain["containers"]:
            container = Container(**item)
            answers.containers.append(
                container._replace(
                    engine="podman", engine_user=str(home.user), layers=tuple(container.layers), mounts={}
                )
            )
        if not plain["is_told"]:
            answers.untold.add(("podman", str(home.user)))
        for kind in ("images", "of_containers"):
            for item in plain[kind]:
                image = Image(**item)
                getattr(answers, kind).append(
                    image._replace(
                        engine="podman", engine_user=str(home.user), names=tuple(image.names),
                        digests=tuple(image.digests), layers=tuple(image.layers),
                    )
                )  # fmt: skip
    except (TypeError, KeyError, ValueError, AttributeError):
        report.add(home.path + _STORAGE, "what the Podman of user %s told could not be read" % home.user)


def _see(thing: _Thing, look: Look, seconds: float, see: See) -> t.Optional[_Map]:
    try:
        if isinstance(thing, Container) and thing.is_live:
            return _see_live(thing, look.survey.root, seconds, see)
        way = _way(thing, look.survey.root)
        return see(way.path, way.enter, seconds)
    except (Unreadable, ScanError) as error:
        reason = error.reason if isinstance(error, Unreadable) else str(error)
        look.report.add(title(thing), "it could not be looked into: " + reason)
    return None


def _see_live(container: Container, host: Root, seconds: float, see: See) -> _Map:
    """Look at a container through the root of its first process."""
    way, roots = _way_to_process(container, host), []

    def open_root(where: str, **options: t.Any) -> Root:
        roots.append(way.enter(where, **options))
        return roots[0]

    seen = see(way.path, open_root, seconds)
    try:
        return dict(seen, python=find_interpreter(roots[0], seen["environments"]))
    except TimeIsUp:
        return dict(seen, python=None)


def _way_to_process(container: Container, host: Root) -> Way:
    def open_root(where: str, **options: t.Any) -> Root:
        opened = Root(where, **options)
        if sees_our_files(container.pid) or not _is_theirs(container, host):
            opened.close()
            raise Unreadable(where, "its process has ended")
        opened.process_table = host.process_table
        return opened

    return Way(root_of(container.pid), open_root)


def _is_theirs(container: Container, host: Root) -> bool:
    """Whether the process can be of the container, if that is a user's: their word is not enough to show another's."""
    user = host.identities.find_user(container.engine_user)
    if user is None or user.uid == 0:
        return True
    numbers = subordinate_numbers(host, user)
    owner = owner_of(container.pid)
    return owner is not None and numbers.has_user(owner)


def _way(thing: _Thing, host: Root) -> Way:
    """How an image, or a container that does not run, is opened."""
    return _way_to_layers(thing, thing.layers, host, thing.mounts if isinstance(thing, Container) else {})


def _way_to_layers(thing: _Thing, layers: t.Sequence[str], host: Root, mounts: t.Mapping[str, str]) -> Way:
    """How some layers of an image or container are opened.

    :raises Unreadable: there are none, or one is not its user's.
    """
    if not layers:
        raise Unreadable(title(thing), _NO_LAYERS)
    numbers: t.Optional[Numbers] = None
    user = host.identities.find_user(thing.engine_user)
    if user is not None and user.uid != 0:
        numbers = subordinate_numbers(host, user)
        for layer in layers:
            _check_layer(host, layer, numbers)
    return Way(layers[0], lambda _path, **options: LayeredRoot(layers, mounts=mounts, numbers=numbers, **options))


def _check_layer(host: Root, layer: str, numbers: Numbers) -> None:
    """A layer that a user names must be theirs, and no link of theirs may lead there."""
    try:
        with host.directory(layer) as directory:
            if (
                directory.guard is not None
                or directory.path != layer
                or not numbers.has_user(directory.status().st_uid)
            ):
                raise Unreadable(layer, "a layer is not its user's own")
    except Absent as error:
        raise Unreadable(layer, "a layer is not there") from error


def _has_storage(root: Root, home: Home) -> bool:
    try:
        root.directory(home.path + _STORAGE).close()
    except (Absent, Unreadable):
        return False
    return True


def _group_of(root: Root, home: Home) -> int:
    user = root.identities.find_user(str(home.user))
    return user.gid if user is not None else home.uid


__all__ = ("about", "look_into", "title")
