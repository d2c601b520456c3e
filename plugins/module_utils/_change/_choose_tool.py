# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Which tool of an installation changes an environment: the fastest that is safe there, or the one asked for."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import tool_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Tool, told_version
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import MatchSpec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_there
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import NotStarted

AUTO = "auto"
TOOLS = ("conda", "mamba", "micromamba")
# The oldest of these programs whose answers were recorded and are read by our tests.
_PROVEN = "2.3"
# What an administrator tells conda, and only conda obeys.
_FOR_CONDA_ALONE = ("allowlist_channels", "denylist_channels", "disallowed_packages", "exclude_newer")
_CONDA_PLUGINS = ("conda-anaconda-tos", "conda-content-trust")
_PLAIN = frozenset(("name", "version", "build", "channel", "subdir", "build_number"))


def choose_tool(place: Place, wanted: str, specs: t.Sequence[MatchSpec], *, removes: bool) -> Tool:
    """The tool that is to change a prefix.

    :param wanted: AUTO, or one of TOOLS.
    :param removes: whether packages are to be removed.
    :raises Refused: it is not there.
    """
    own = _own_tool(place)
    if wanted == AUTO:
        return _fastest(place, own, specs)
    tool = own if own.kind == wanted else _beside(place, wanted)
    if tool is None:
        raise Refused("There is no %s in %s: install it there, or leave tool to auto." % (wanted, place.base))
    if removes and tool.kind == "mamba" and not tool.is_binary:
        return own  # its remove is not to be told what goes along
    return tool


def _own_tool(place: Place) -> Tool:
    installation = place.installation
    if installation.version is None and installation.kind == "micromamba" and installation.program is not None:
        return Tool("micromamba", "0", installation.program, place.base)
    return tool_of(place)


def _fastest(place: Place, own: Tool, specs: t.Sequence[MatchSpec]) -> Tool:
    """A mamba 2 or micromamba of a base prefix plans in a tenth of conda's time.

    It is taken where it does the same as conda: in environments other than the base prefix, for specs that all of them
    read alike, and where no setting or plugin is in force that only conda heeds.
    """
    if own.kind != "conda" or place.is_base:
        return own
    if any(place.setting(key) for key in _FOR_CONDA_ALONE):
        return own
    if any(name in place.installation.versions for name in _CONDA_PLUGINS):
        return own
    if not all(_reads_alike(spec) for spec in specs):
        return own
    for kind in ("mamba", "micromamba"):
        found = _beside(place, kind)
        if found is not None and _is_proven(found.version):
            return found
    return own


def _beside(place: Place, kind: str) -> t.Optional[Tool]:
    """Another tool of the same base prefix."""
    version = place.installation.versions.get(kind)
    program = "%s/bin/%s" % (place.base, kind)
    if version is None or not is_there(program):
        return None
    return Tool(kind, version, program, place.base, place.base + "/bin/python", place.installation.versions)


def _is_proven(version: str) -> bool:
    try:
        return parse_version(version) >= parse_version(_PROVEN)
    except InvalidVersion:
        return False


def _reads_alike(spec: MatchSpec) -> bool:
    texts = (spec.version or "", spec.build or "")
    has_pattern = any("^" in text or "*" in text.rstrip("*") for text in texts)
    return frozenset(spec.fields) <= _PLAIN and not has_pattern


def with_version(driver: Driver) -> Driver:
    """The driver of a program that stands alone, which is asked for its version, since no file tells it.

    :raises Failed: it does not start, or does not tell.
    """
    tool = driver.tool
    if tool.version != "0":
        return driver
    try:
        done = driver.runner.run(driver.command(tool.version_command(), seconds=60))
    except NotStarted as error:
        raise Failed("%s. Put a working one there first." % error) from error
    version = told_version(tool, done.stdout, done.stderr)
    if done.code != 0 or version is None:
        raise Failed("%s does not tell its version. Put a working one there first." % tool.program)
    return driver.with_tool(tool._replace(version=version))


__all__ = ("AUTO", "TOOLS", "choose_tool", "with_version")
