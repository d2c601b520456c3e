# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads C(conda-lock.yml) of version 1, and C(pixi.lock) of versions 4 to 7, for one environment and one platform."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._nodes import list_of, map_of, text_of
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import (
    CONDA_LOCK,
    PIXI_LOCK,
    ExplicitPackage,
    FileError,
    Request,
    explicit_package,
    refuse_twice,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._requirement import normal_name
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node

DEFAULT_ENVIRONMENT, MAIN = "default", "main"
_PIXI_VERSIONS = (4, 5, 6, 7)
_Map = t.Dict[t.Any, Node]


def lock_kind(root: Node) -> t.Optional[str]:
    """Which lock file a document is; None where it is none."""
    keys = root.value if root.kind == "map" else {}
    if "environments" in keys and "packages" in keys:
        return PIXI_LOCK
    return CONDA_LOCK if "package" in keys and "metadata" in keys else None


def read_conda_lock(root: Node, *, platform: str, categories: t.Sequence[str] = (MAIN,)) -> Request:
    """Read a lock of conda-lock.

    :param platform: such as C(linux-64).
    :param categories: the groups of packages that are wanted.
    :raises FileError: it has another shape, or holds nothing for the platform.
    """
    content = map_of(root, "the file")
    _version(content, (1,), root.line, "conda-lock.yml")
    metadata = map_of(content["metadata"], "metadata")
    channels = [_channel(item) for item in list_of(metadata.get("channels"), "channels")]
    found: t.List[t.Tuple[ExplicitPackage, int]] = []
    pip: t.Dict[str, str] = {}
    platforms = set()
    for node in list_of(content["package"], "package"):
        item = map_of(node, "a package")
        here = text_of(item.get("platform"), "the platform of a package", node.line)
        platforms.add(here)
        if here != platform or _category(item) not in categories:
            continue
        sums = map_of(item["hash"], "hash") if "hash" in item else {}
        url = text_of(item.get("url"), "the url of a package", node.line)
        if text_of(item.get("manager"), "the manager of a package", node.line) == "pip":
            name = text_of(item.get("name"), "the name of a package", node.line)
            pip[normal_name(name)] = _wheel(name, url, _value(sums, "sha256"))
        else:
            package = explicit_package(url, node.line, md5=_value(sums, "md5"), sha256=_value(sums, "sha256"))
            found.append((package, node.line))
    if platform not in platforms:
        raise _no_platform(content["package"], platform, platforms)
    return _request(CONDA_LOCK, channels, found, pip)


def read_pixi_lock(root: Node, *, platform: str, environment: str = DEFAULT_ENVIRONMENT) -> Request:
    """Read a lock of pixi.

    :param environment: which of its environments.
    :raises FileError: it has another shape, or has not that environment for the platform.
    """
    content = map_of(root, "the file")
    _version(content, _PIXI_VERSIONS, root.line, "pixi.lock")
    environments = map_of(content["environments"], "environments")
    if environment not in environments:
        problem = "there is no environment %r: there are %s" % (environment, ", ".join(sorted(map(str, environments))))
        raise FileError(content["environments"].line, problem)
    chosen = map_of(environments[environment], "the environment %s" % environment)
    packages = map_of(chosen["packages"], "packages") if "packages" in chosen else {}
    if platform not in packages:
        raise _no_platform(environments[environment], platform, packages)
    known = _by_address(content["packages"])
    found: t.List[t.Tuple[ExplicitPackage, int]] = []
    pip: t.Dict[str, str] = {}
    for node in list_of(packages[platform], "the packages of %s" % platform):
        item = map_of(node, "a package")
        kind = next((key for key in ("conda", "pypi") if key in item), None)
        if kind is None:
            raise FileError(node.line, "a package must be 'conda:' or 'pypi:' with its address")
        url = text_of(item[kind], "the address of a package")
        about = known.get((kind, url), {})
        if "://" not in url:
            raise FileError(node.line, "%s lies beside the lock file, and is not on the host: publish it first" % url)
        if kind == "conda":
            sums = {key: _value(about, key) for key in ("md5", "sha256")}
            found.append((explicit_package(url, node.line, **sums), node.line))
        else:
            name = text_of(about.get("name"), "the name of %s" % url, node.line)
            pip[normal_name(name)] = _wheel(name, url, _value(about, "sha256"))
    channels = [_channel(item) for item in list_of(chosen.get("channels"), "channels")]
    return _request(PIXI_LOCK, channels, found, pip)


def _request(
    kind: str, channels: t.List[str], found: t.List[t.Tuple[ExplicitPackage, int]], pip: t.Dict[str, str]
) -> Request:
    refuse_twice(found)
    explicit = tuple(package for package, _line in found)
    return Request(
        kind,
        channels=tuple(channels),
        explicit=explicit,
        pip=tuple(pip[name] for name in sorted(pip)),
        pip_is_whole=True,
    )


def _by_address(node: Node) -> t.Dict[t.Tuple[str, str], _Map]:
    """What is told of each package, by its kind and address; up to version 5 both stand in keys of their own."""
    known: t.Dict[t.Tuple[str, str], _Map] = {}
    for child in list_of(node, "packages"):
        item = map_of(child, "a package")
        kind = _value(item, "kind") or next((key for key in ("conda", "pypi") if key in item), "")
        address = _value(item, "url") or _value(item, "path") or _value(item, kind)
        known[str(kind), str(address)] = item
    return known


def _wheel(name: str, url: str, sha256: t.Any) -> str:
    if url.startswith(("direct+http", "direct+file")):
        url = url[len("direct+") :]
    is_plain = isinstance(sha256, str) and "#" not in url and not url.partition("://")[0].count("+")
    return "%s @ %s%s" % (name, url, "#sha256=%s" % sha256 if is_plain else "")


def _category(item: _Map) -> str:
    return str(_value(item, "category") or MAIN)


def _channel(node: Node) -> str:
    if node.kind == "map":
        return text_of(map_of(node, "a channel").get("url"), "the url of a channel", node.line)
    return text_of(node, "a channel")


def _value(item: _Map, key: str) -> t.Any:
    return item[key].value if key in item else None


def _version(content: _Map, known: t.Tuple[int, ...], line: int, what: str) -> None:
    node = content.get("version")
    if node is None or node.value not in known:
        told = "none" if node is None else "version %s" % (node.value,)
        versions = ", ".join(map(str, known))
        raise FileError(
            node.line if node else line, "a %s of version %s can be read, this is %s" % (what, versions, told)
        )


def _no_platform(node: Node, platform: str, there: t.Iterable[t.Any]) -> FileError:
    names = ", ".join(sorted(map(str, there))) or "none"
    return FileError(
        node.line, "it holds nothing for the platform %s, but for %s: lock it for %s too" % (platform, names, platform)
    )


__all__ = ("DEFAULT_ENVIRONMENT", "MAIN", "lock_kind", "read_conda_lock", "read_pixi_lock")
