# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Asks the container engines of a host what containers and images they have, through their own command lines.

Nothing is started in a container, and no container, image or mount is made or changed.
"""

from __future__ import annotations

import functools
import os
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._engine_answers import (
    Container,
    Image,
    Strange,
    documents,
    parse_container,
    parse_containerd,
    parse_cri,
    parse_image,
    parse_snapshot_mounts,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import NOBODY, directory_writers, writers
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text, on_one_line
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Command, NotStarted, Runner

ENGINES = ("docker", "podman", "containerd", "cri")
_PROGRAMS = {"docker": "docker", "podman": "podman", "containerd": "ctr", "cri": "crictl"}
# Where a package manager puts programs, and the search path that an engine gets to find its own helpers.
_DIRECTORIES = (
    "/usr/bin",
    "/usr/local/bin",
    "/bin",
    "/usr/sbin",
    "/usr/local/sbin",
    "/sbin",
    "/snap/bin",
    "/opt/cni/bin",
)
# What an administrator sets so that the command line finds its engine.
_VARIABLES = (
    "DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_CERT_PATH DOCKER_TLS_VERIFY DOCKER_API_VERSION CONTAINERS_CONF"
    " CONTAINERS_STORAGE_CONF CONTAINERS_REGISTRIES_CONF CONTAINER_HOST CONTAINERD_ADDRESS CONTAINER_RUNTIME_ENDPOINT"
    " IMAGE_SERVICE_ENDPOINT XDG_RUNTIME_DIR"
).split()
_DOCKERS_NAMESPACE = "moby"  # containerd's name for what Docker runs, and tells of itself
_CONTAINERD = "/run/containerd/containerd.sock"
_AT_ONCE = 100
_SECONDS = 30.0
_GRACE = 5.0
MAX_CONTAINERS = 5000


class Answers(t.NamedTuple):
    """What the engines of a host have.

    :param of_containers: the images that containers were made of, where their drift is wanted.
    :param untold: each engine, and its user, that did not tell which of these it still has.
    """

    containers: t.List[Container]
    images: t.List[Image]
    of_containers: t.List[Image]
    untold: t.Set[t.Tuple[str, str]]


class NoAnswer(Exception):
    """An engine did not answer as it should; the text says why."""


class Asker(t.NamedTuple):
    """Who asks.

    :param user: the name of the user that this process runs as, whose engines these are.
    :param home: their home.
    :param variables: their environment variables.
    :param engines: the engines to ask.
    """

    user: str
    home: str
    variables: t.Mapping[str, str]
    engines: t.Sequence[str] = ENGINES


def ask_engines(root: Root, runner: Runner, report: Report, asker: Asker, wanted: Wanted) -> Answers:
    """Ask each engine whose program is on the host.

    :param root: the running system.
    :param runner: starts the programs.
    :param report: takes which engine did not answer, and why.
    """
    containers: t.Dict[str, Container] = {}
    images: t.List[Image] = []
    of_containers: t.List[Image] = []
    untold: t.Set[t.Tuple[str, str]] = set()
    for engine in asker.engines:
        program = find_program(root, _PROGRAMS[engine], report)
        if program is None:
            continue
        ask = _Ask(engine, program, root, runner, report, asker)
        try:
            if wanted.containers != "none":
                # What two engines tell of (containerd, and Kubernetes' interface to it) counts once, as the later does.
                found = list(_CONTAINERS[engine](ask, wanted))
                containers.update((container.id, container) for container in found)
                if wanted.drift:
                    untold.add((engine, asker.user))
                    if engine in _IMAGES:
                        of_containers.extend(_images_of(ask, found))
                        untold.discard((engine, asker.user))
            if wanted.images and engine in _IMAGES:
                images.extend(_IMAGES[engine](ask))
        except (NoAnswer, Strange, NotStarted) as error:
            report.add("container engine " + engine, "%s (%s)" % (error, program))
    return Answers(list(containers.values()), images, of_containers, untold)


def find_program(root: Root, name: str, report: Report) -> t.Optional[str]:
    """The program of an engine; None where there is none, or none that may be started: others could have written it."""
    for directory in _DIRECTORIES:
        path = "%s/%s" % (directory, name)
        try:
            parent, last = root.walk_to_parent(path)
        except (Absent, Unreadable):
            continue
        with parent:
            if not parent.has(last):
                continue
            found = writers(parent.child_status(last), root.identities) | directory_writers(parent)
            if parent.guard is not None or found != NOBODY:
                report.add(path, "it is not started: others than root may write it, so nobody knows what it does")
                return None
            return path
    return None


class _Ask:
    """Asks one engine."""

    def __init__(self, engine: str, program: str, root: Root, runner: Runner, report: Report, asker: Asker) -> None:
        self.engine = engine
        self._root = root
        self.user = asker.user
        self.report = report
        self.environment = _environment(asker)
        self._program = program
        self._runner = runner
        self._until = time.monotonic() + 2 * _SECONDS

    def said(self, *arguments: str, may_fail: bool = False) -> bytes:
        """What the command prints.

        :param may_fail: what it printed counts also where it failed: some of what was asked for may have gone.
        :raises NoAnswer: it failed, or took too long.
        """
        seconds = min(_SECONDS, self._until - time.monotonic())
        if seconds <= 0:
            raise NoAnswer("it needs more than %d s to answer" % (2 * _SECONDS))
        command = Command((self._program, *arguments), self.environment, directory="/", seconds=seconds, grace=_GRACE)
        done = self._runner.run(command)
        if done.timed_out:
            raise NoAnswer("it did not answer within %d s" % seconds)
        if done.code and not (may_fail and done.stdout.strip()):
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["exit code %d" % done.code]
            raise NoAnswer("it did not answer: %s" % mask_text(on_one_line(lines[-1]))[:300])
        return done.stdout

    def is_there(self, path: str) -> bool:
        """Whether there is something at an absolute path of the host."""
        try:
            parent, name = self._root.walk_to_parent(path)
        except (Absent, Unreadable):
            return False
        with parent:
            return parent.has(name)

    def words(self, *arguments: str) -> t.List[str]:
        """The words that the command prints, each once."""
        found = list(dict.fromkeys(self.said(*arguments).decode("utf-8", "replace").split()))
        if len(found) > MAX_CONTAINERS:
            self.report.add(
                "container engine " + self.engine, "it has %d; only %d were looked at" % (len(found), MAX_CONTAINERS)
            )
        return found[:MAX_CONTAINERS]

    def read_each(self, answers: t.Iterable[t.Any], parse: t.Callable[[t.Any], t.Any]) -> t.Iterator[t.Any]:
        """What can be read of some answers; what cannot is reported."""
        for answer in answers:
            try:
                yield parse(answer)
            except Strange as error:
                self.report.add("container engine " + self.engine, "an answer could not be read: %s" % error)


def _inspect(ask: _Ask, command: t.Sequence[str], names: t.Sequence[str]) -> t.Iterator[t.Any]:
    for start in range(0, len(names), _AT_ONCE):
        said = ask.said(*command, *names[start : start + _AT_ONCE], may_fail=True)
        yield from documents(said)


def _containers(ask: _Ask, wanted: Wanted) -> t.Iterator[Container]:
    """Of Docker and of Podman."""
    names = ask.words("ps", "--quiet", "--no-trunc", *_all(wanted))
    answers = _inspect(ask, ("inspect", "--type", "container"), names)
    yield from ask.read_each(answers, functools.partial(parse_container, ask.engine, ask.user))


def _images(ask: _Ask) -> t.Iterator[Image]:
    """Of Docker and of Podman."""
    names = ask.words("image", "ls", "--quiet", "--no-trunc")
    answers = _inspect(ask, ("image", "inspect"), names)
    yield from ask.read_each(answers, functools.partial(parse_image, ask.engine, ask.user))


def _images_of(ask: _Ask, containers: t.Iterable[Container]) -> t.Iterator[Image]:
    """The images of some containers, as far as the engine still has them."""
    names = list(dict.fromkeys(container.image_id for container in containers if container.image_id))
    answers = _inspect(ask, ("image", "inspect"), names)
    yield from ask.read_each(answers, functools.partial(parse_image, ask.engine, ask.user))


def _all(wanted: Wanted) -> t.List[str]:
    return ["--all"] if wanted.containers == "all" else []


def _containerd_containers(ask: _Ask, wanted: Wanted) -> t.Iterator[Container]:
    address = ask.environment.get("CONTAINERD_ADDRESS") or _CONTAINERD
    state = os.path.dirname(address)
    if not ask.is_there(address):
        return  # ctr alone is installed, or Docker runs a containerd of its own and tells what it has
    for namespace in ask.words("namespaces", "list", "--quiet"):
        if namespace == _DOCKERS_NAMESPACE:
            continue
        for name in ask.words("--namespace", namespace, "containers", "list", "--quiet"):
            answers = documents(ask.said("--namespace", namespace, "containers", "info", name))
            pid = _pid_of(state, namespace, name)
            if not pid and wanted.containers != "all":
                continue
            layers = () if pid and not wanted.drift else _containerd_layers(ask, namespace, answers)
            yield from ask.read_each(answers, functools.partial(parse_containerd, pid=pid, layers=layers))


def _containerd_layers(ask: _Ask, namespace: str, answers: t.Sequence[t.Any]) -> t.Tuple[str, ...]:
    known = answers[0] if answers and isinstance(answers[0], dict) else {}
    key, snapshotter = known.get("SnapshotKey"), known.get("Snapshotter")
    if not isinstance(key, str) or not key or snapshotter != "overlayfs":
        return ()
    # Despite its name it mounts nothing: it prints the command with which one would.
    said = ask.said("--namespace", namespace, "snapshots", "--snapshotter", snapshotter, "mounts", "/nowhere", key)
    return parse_snapshot_mounts(said)


def _cri_containers(ask: _Ask, wanted: Wanted) -> t.Iterator[Container]:
    names = ask.words("ps", "--quiet", "--no-trunc", *_all(wanted))
    for name in names:
        yield from ask.read_each(documents(ask.said("inspect", "--output", "json", name)), parse_cri)


def _pid_of(state: str, namespace: str, name: str) -> int:
    """The first process of a container, as the runtime of containerd notes it; 0 where there is none."""
    for below in ("", "/daemon"):  # the latter where Docker started containerd
        path = "%s%s/io.containerd.runtime.v2.task/%s/%s/init.pid" % (state, below, namespace, name)
        try:
            text = Root("/").read(path, limit=20).decode("ascii", "replace").strip()
        except (Absent, Unreadable):
            continue
        return int(text) if text.isdigit() else 0
    return 0


def _environment(asker: Asker) -> t.Dict[str, str]:
    environment = {name: asker.variables[name] for name in _VARIABLES if asker.variables.get(name)}
    environment.update(PATH=":".join(_DIRECTORIES), HOME=asker.home, LC_ALL="C.UTF-8")
    return environment


_CONTAINERS: t.Dict[str, t.Callable[[_Ask, Wanted], t.Iterator[Container]]] = {
    "docker": _containers,
    "podman": _containers,
    "containerd": _containerd_containers,
    "cri": _cri_containers,
}
_IMAGES: t.Dict[str, t.Callable[[_Ask], t.Iterator[Image]]] = {"docker": _images, "podman": _images}

__all__ = ("ENGINES", "MAX_CONTAINERS", "Answers", "Asker", "NoAnswer", "ask_engines", "find_program")
