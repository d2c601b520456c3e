# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Looks at a container and at the layers of its image, environment by environment, for what is different.

The image is read from the layers below that of the container, which its engine keeps as long as there is the container.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._drift import (
    cut_short,
    environment_drift,
    settings_drift,
    tools_drift,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._engine_answers import Container, Image
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import See, Way
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import (
    MAX_CONDARC,
    CondarcFile,
    parse_condarc,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, read_environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordMemory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, TimeIsUp, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_Map = t.Dict[str, t.Any]
# More than fifty large environments that were made anew.
MAX_CHANGES = 20000
_TIME = "the time for it passed while it was compared with its image"


class _Before:
    """What is known of an image: what a look at it told, and what was read of it since."""

    def __init__(self, result: _Map) -> None:
        self.result = result
        self.environments: t.Dict[str, t.Optional[Environment]] = {}
        self.settings: t.Dict[str, t.Optional[CondarcFile]] = {}


class Drifts:
    """Compares containers with their images; each image is looked at once.

    :param images: the images that the engines still have.
    :param untold: each engine, and its user, that did not tell which it still has.
    :param see: looks at a root, see _wanted.
    """

    def __init__(self, images: t.Iterable[Image], untold: t.Collection[t.Tuple[str, str]], see: See) -> None:
        self._untold = untold
        self._images = {(image.engine, image.engine_user, image.id): image for image in images}
        self._see = see
        self._befores: t.Dict[t.Any, _Before] = {}
        self._memory = RecordMemory(keep_files=False)

    def of(self, container: Container, seen: _Map, after: Way, before: Way, seconds: float) -> _Map:
        """The drift of one container, as module conda_info documents it.

        :param seen: what the look at the container told.
        :param after: how the container is opened.
        :param before: how the layers of its image are opened.
        :param seconds: the time for it.
        """
        until = time.monotonic() + seconds
        try:
            # Its first layer below is Docker's own, with what Docker mounts: it tells nothing of the image.
            key = container.engine, container.engine_user, container.image_id or container.layers[1:]
            if key not in self._befores:
                # A part of the time only: what is left is for the comparison.
                looked = self._see(before.path, before.enter, seconds / 2)
                self._befores[key] = _Before(looked)
            known = self._befores[key]
            with contextlib.ExitStack() as stack:
                sides = [stack.enter_context(contextlib.closing(way.enter(way.path))) for way in (after, before)]
                for root in sides:
                    root.deadline = until
                return self._compare(container, seen, known, *sides)
        except TimeIsUp:
            return self.unknown(container, _TIME)
        except (Unreadable, ScanError) as error:
            return self.unknown(container, error.reason if isinstance(error, Unreadable) else str(error))

    def unknown(self, container: Container, reason: str) -> _Map:
        """What is told where a container could not be compared."""
        return {
            "status": "unknown",
            "reason": reason,
            "image": self._image(container),
            "changed": None,
            "complete": False,
            "tools": [],
            "environments": [],
            "settings": [],
            "mounted": [],
            "unreadable": [],
        }

    def _compare(self, container: Container, seen: _Map, known: _Before, after: Root, before: Root) -> _Map:
        report = Report()
        mounted = _Mounts(container, after)
        prefixes = {item["prefix"] for item in (*seen["environments"], *known.result["environments"])}
        environments = []
        for prefix in sorted(prefixes):
            if mounted.has(prefix):
                continue
            if prefix not in known.environments:
                known.environments[prefix] = self._environment(before, prefix, report)
            found = environment_drift(known.environments[prefix], self._environment(after, prefix, report))
            if found is not None:
                environments.append({"prefix": prefix, **_keeper(prefix, seen, known.result), **found})
        for prefix in cut_short(environments, MAX_CHANGES):
            report.add(prefix, "more is different than %d packages of a container, and not told" % MAX_CHANGES)
        settings = []
        for path in sorted(_files(seen) | _files(known.result)):
            if mounted.has(path):
                continue
            if path not in known.settings:
                known.settings[path] = _settings(before, path, report)
            changed = settings_drift(path, known.settings[path], _settings(after, path, report))
            if changed is not None:
                settings.append(changed)
        complete = [item["complete"] for item in (seen, known.result, *environments, *settings)]
        return {
            "status": "compared",
            "reason": None,
            "image": self._image(container),
            "changed": any(item["change"] != "unknown" for item in (*environments, *settings)),
            "complete": all(complete) and not report.count,
            "tools": tools_drift(environments),
            "environments": environments,
            "settings": settings,
            "mounted": sorted(mounted.found),
            "unreadable": report.entries,
        }

    def _environment(self, root: Root, prefix: str, report: Report) -> t.Optional[Environment]:
        try:
            with root.directory(prefix) as directory:
                return read_environment(directory, report=report, with_details=True, memory=self._memory)
        except Absent:
            return None
        except TimeIsUp:
            raise
        except Unreadable as error:
            report.add_error(error)
            return None

    def _image(self, container: Container) -> _Map:
        image = self._images.get((container.engine, container.engine_user, container.image_id))
        is_told = container.image_id and (container.engine, container.engine_user) not in self._untold
        return {
            "id": container.image_id or None,
            "name": container.image,
            "there": True if image else False if is_told else None,
            "names": list(image.names) if image else [],
            "digests": list(image.digests) if image else [],
            "created": image.created if image else None,
        }


class _Mounts:
    """Tells what lies on something that is mounted in a container, and so is not a part of it.

    :ivar found: what was asked for and does.
    """

    def __init__(self, container: Container, root: Root) -> None:
        self._paths = set(container.mounts)
        self._root = root
        self.found: t.Set[str] = set()

    def has(self, path: str) -> bool:
        mount = self._root.mount_of(path)
        above = (path[:end] for end in range(1, len(path) + 1) if end == len(path) or path[end] == "/")
        if (mount is not None and mount.path != "/") or not self._paths.isdisjoint(above):
            self.found.add(path)
            return True
        return False


def _keeper(prefix: str, seen: _Map, image: _Map) -> _Map:
    """The installation that looks after an environment, and its program, if the image has it too."""
    named = [
        item["installation"] for item in (*seen["environments"], *image["environments"]) if item["prefix"] == prefix
    ]
    own = [item for item in image["installations"] if item["prefix"] and not item["secondary"]]
    found = [item for item in own if item["prefix"] in named] or (own if len(own) == 1 and not any(named) else [])
    return {
        "installation": found[0]["prefix"] if found else None,
        "program": found[0]["program"] if found else None,
        "kind": found[0]["kind"] if found else None,
    }


def _files(result: _Map) -> t.Set[str]:
    return {path for item in result["configurations"] for path in (*item["files"], *item["unread_files"])}


def _settings(root: Root, path: str, report: Report) -> t.Optional[CondarcFile]:
    try:
        return parse_condarc(root.read(path, limit=MAX_CONDARC), path=path, tier="system")
    except Absent:
        return None
    except TimeIsUp:
        raise
    except Unreadable as error:
        report.add_error(error)
        return CondarcFile(path, "system", False, {}, ())


__all__ = ("Drifts",)
