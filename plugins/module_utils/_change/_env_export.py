# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Writes down what an environment holds, from its files: as environment.yml, as an explicit list, or as a lock."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._env_marks import Marks
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, channel_name
from ansible_collections.labfleet.conda.plugins.module_utils._spec._environment_file import write_environment_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._explicit_file import write_explicit_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import FileError, Request, explicit_package
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text

ENVIRONMENT, NO_BUILDS, FROM_HISTORY, EXPLICIT, CONDA_LOCK = (
    "environment",
    "no-builds",
    "from-history",
    "explicit",
    "conda-lock",
)
_DEFAULTS = ("pkgs/main", "pkgs/r", "pkgs/free", "pkgs/pro", "pkgs/msys2")
FORMATS = (ENVIRONMENT, NO_BUILDS, FROM_HISTORY, EXPLICIT, CONDA_LOCK)


class Around(t.NamedTuple):
    """What the host tells beside the environment.

    :param name: the name of the environment.
    :param channels: those of the configuration, as conda puts them behind those of the packages.
    :param defaults: the addresses that C(defaults) stands for.
    :param platform: such as C(linux-64).
    """

    name: str
    channels: t.Sequence[str]
    defaults: t.Sequence[str]
    platform: str


def export(environment: Environment, marks: Marks, form: str, around: Around) -> str:
    """The text of a file.

    :param environment: with the content of its records.
    :param form: one of FORMATS.
    :raises Refused: a package has no address.
    """
    records = sorted(environment.details or ())
    if len(records) != len(environment.records or ()):
        raise Refused("Not all records of %s can be read, so that it cannot be exported." % environment.prefix)
    if form == EXPLICIT:
        return write_explicit_file(
            [_address(record, environment.prefix) for record in records], platform=around.platform
        )
    if form == CONDA_LOCK:
        return _conda_lock(environment, records, around)
    return _environment_file(environment, marks, records, form, around)


def _environment_file(
    environment: Environment, marks: Marks, records: t.Sequence[Record], form: str, around: Around
) -> str:
    found = list(around.channels)
    for record in records:
        channel = _channel(record, around.defaults)
        if channel is not None and channel not in found:
            found.insert(0, channel)
    specs = tuple(_spec(record, form) for record in records)
    if form == FROM_HISTORY:
        there = {record.name for record in records}
        wished = environment.history.requested
        specs = tuple(text for key, text in sorted(wished.items()) if key in there)
    pip = tuple("%s==%s" % (normalize(item.name), item.version) for item in environment.pip_packages)
    request = Request(
        name=around.name,
        channels=tuple(mask_text(channel) for channel in found),
        specs=specs,
        pip=() if form == FROM_HISTORY else tuple(sorted(pip)),
        variables=marks.variables,
    )
    return write_environment_file(request, prefix=environment.prefix)


def _channel(record: Record, defaults: t.Sequence[str]) -> t.Optional[str]:
    """The name by which conda writes the channel of a package."""
    channel = channel_name(record)
    if channel in _DEFAULTS or any((record.url or "").startswith(url.rstrip("/") + "/") for url in defaults):
        return "defaults"
    return channel


def _spec(record: Record, form: str) -> str:
    parts = [record.name, record.version, record.build]
    return "=".join(parts[:2] if form == NO_BUILDS else parts)


def _address(record: Record, prefix: str) -> t.Any:
    if record.url is None:
        text = "The record of %s in %s names no address, so that no list can be made of it: reinstall that package."
        raise Refused(text % (record.name, prefix))
    try:
        return explicit_package(mask_text(record.url), 1, md5=record.md5, sha256=record.sha256)
    except FileError as error:
        raise Refused(
            "The record of %s in %s has no address that can be used: %s." % (record.name, prefix, error.problem)
        ) from error


def _conda_lock(environment: Environment, records: t.Sequence[Record], around: Around) -> str:
    """A lock of conda-lock, version 1; what pip has installed has no address in its metadata, and is refused."""
    if environment.pip_packages:
        text = "%s holds packages of pip, whose addresses are not written down anywhere: export it as environment."
        raise Refused(text % environment.prefix)
    platform, channels = around.platform, around.channels
    lines = ["version: 1", "metadata:", "  content_hash:", "    %s: ''" % platform, "  channels:"]
    lines += ["  - url: %s\n    used_env_vars: []" % mask_text(channel) for channel in channels] or ["  []"]
    lines += ["  platforms:", "  - %s" % platform, "  sources: []", "package:"]
    for record in records:
        package = _address(record, environment.prefix)
        lines += ["- name: %s" % record.name, "  version: '%s'" % record.version, "  manager: conda"]
        lines += ["  platform: %s" % platform, "  dependencies:%s" % ("" if record.depends else " {}")]
        for text in record.depends:
            needed, _space, condition = text.partition(" ")
            lines.append("    %s: '%s'" % (needed, condition.replace("'", "''")))
        lines += ["  url: %s" % package.url, "  hash:"]
        lines += [
            "    %s: %s" % (key, value) for key, value in (("md5", record.md5), ("sha256", record.sha256)) if value
        ]
        lines += ["  category: main", "  optional: false"]
    return "\n".join(lines) + "\n"


__all__ = ("Around", "FORMATS", "export")
