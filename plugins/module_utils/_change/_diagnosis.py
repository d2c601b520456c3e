# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Say why a tool was not updated: from what is known beforehand, and from the error that it reports."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change import _tool_error as kinds
from ansible_collections.labfleet.conda.plugins.module_utils._change._causes import (
    CAUSES,
    Diagnosis,
    diagnosis,
    solver_pairing,
    tls_mix,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool_error import ToolError
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_facts import Facts

_CLASHES = ("ClobberError", "KnownPackageClobberError", "UnknownPackageClobberError", "SharedLinkPathClobberError")
# kind of error: cause, remedy
_TEXTS = {
    kinds.NOT_FOUND: (
        "A package that was asked for, or its version, is not in the channels, or not installed.",
        "Check the name, the version and the channels.",
    ),
    kinds.UNSATISFIABLE: (
        "No set of packages meets all conditions.",
        "Read which conditions stand against each other in the message, and ask for less or for more in one step.",
    ),
    kinds.FROZEN: (
        "The environment is marked as frozen, so its owner does not want it changed.",
        "Allow the change of a frozen environment for this run, or for base run 'conda self update'.",
    ),
    kinds.PROTECTED: (
        "The tool refuses to remove a package that it needs itself, or to install one that is disallowed.",
        "Ask for a plan that keeps the package, or change the setting disallowed_packages.",
    ),
    kinds.NOT_WRITABLE: (
        "The user who ran the tool may not write to the environment or to the package cache.",
        "Run as the owner of the prefix, and look for files in it that belong to somebody else.",
    ),
    kinds.CHANNEL_UNREACHABLE: (
        "A channel, or a package in it, could not be fetched.",
        "Check the URL, the proxy, the certificates and the credentials from this host.",
    ),
    kinds.CHANNEL_NOT_ALLOWED: (
        "The configuration does not allow the channel.",
        "Use another channel, or change allowlist_channels or denylist_channels.",
    ),
    kinds.BAD_INDEX: (
        "What the channel answered is no index; a portal's HTML page looks so.",
        "Fetch repodata.json of the channel from this host by hand, and correct the channel, the mirror or the proxy.",
    ),
    kinds.CHECKSUM: (
        "A downloaded package is not what the index of the channel says.",
        "Remove the package from the cache (pkgs) and try again; if it stays so, the mirror is damaged.",
    ),
    kinds.LINK_FAILED: (
        "A script of a package failed while it was installed, and the tool has undone the change.",
        "Read the script's own message; without that package the change can be tried again.",
    ),
    kinds.NO_SPACE: (
        "The disk or the quota is full.",
        "Make room in the package cache (labfleet.conda.conda_cache cleans it) and in the prefix, then try again.",
    ),
    kinds.TERMS_OF_SERVICE: (
        "A channel has Terms of Service that nobody has accepted here.",
        "Let somebody who may do so accept them ('conda tos accept'), or use channels without such terms.",
    ),
    kinds.NOT_AN_ENVIRONMENT: (
        "There is no environment at the prefix, or its conda-meta/history is gone.",
        "Check the path; where only the history is missing, put back a copy of it, or create the file empty.",
    ),
    kinds.INTERRUPTED: (
        "The tool was interrupted by a signal.",
        "Check the environment for files of a broken change (*.c~), then try again.",
    ),
    kinds.NO_CHANNELS: (
        "No channel is configured, and conda has had none by default since 25.9.",
        "Set channels in the condarc of the base prefix, or give channels to this run.",
    ),
    kinds.BAD_SPEC: ("A match spec or a value is not valid.", "Correct what was asked for."),
    kinds.USAGE: (
        "The tool does not know an option or a command that was used.",
        "Report it with the version of the tool: its commands are chosen by that version.",
    ),
    kinds.CRASH: (
        "The tool crashed instead of reporting an error.",
        "Read the end of its output; if it cannot start at all, restore a snapshot, or repair it from outside with"
        " micromamba.",
    ),
    kinds.OTHER: ("The tool failed for a reason that it tells in words only.", "Read its message."),
}
_BESIDE = (kinds.UNSATISFIABLE, kinds.NOT_FOUND)
_BROKEN = (kinds.CRASH, kinds.OTHER)


def why_not_newer(facts: Facts) -> t.List[Diagnosis]:
    """Why the tool is not, or would not be, updated to the newest version; the most likely cause first.

    An error of the plan comes first where it is more than "it cannot be solved".
    """
    found = [item for cause in CAUSES for item in cause(facts)]
    error = facts.plan.error if facts.plan is not None else None
    if error is None:
        return found
    told = _told(error, facts)
    return _once([*found, *told] if error.kind in _BESIDE else [*told, *found])


def explain(error: ToolError, facts: Facts) -> t.List[Diagnosis]:
    """What an error means; the most likely cause first."""
    told = _told(error, facts)
    if error.kind not in _BESIDE:
        return told
    return _once([*(item for cause in CAUSES for item in cause(facts)), *told])


def _told(error: ToolError, facts: Facts) -> t.List[Diagnosis]:
    special = list(_special(error, facts))
    if error.kind in _BROKEN:
        special += [*solver_pairing(facts), *tls_mix(facts)]
    cause, remedy = _TEXTS[error.kind]
    evidence = [text for text in (error.name, error.message) if text]
    return [*special, diagnosis(error.kind, cause, remedy, evidence)]


def _special(error: ToolError, facts: Facts) -> t.Iterator[Diagnosis]:
    """What an error means under these facts, and not always."""
    tool = facts.tool
    if error.name == "NoBaseEnvironmentError":
        yield diagnosis(
            "no_base_environment",
            "conda does not find its own base prefix, as conda-self of conda 26.5.3 was seen to do.",
            "Update with 'conda install -p PREFIX' in place of 'conda self', and take a newer conda than 26.5.3.",
            (error.name,),
        )
    if error.kind in _BROKEN and facts.solver == "rattler" and tool.kind == "conda" and tool.since("26.7"):
        yield diagnosis(
            "rattler_pip",
            "The rattler solver of conda 26.7 and newer stops where pip packages are to be seen by conda.",
            "Use the solver libmamba.",
            ("solver: rattler", error.name),
        )
    if error.name in _CLASHES:
        mamba = facts.record("mamba")
        yield diagnosis(
            "file_clash",
            "Two packages bring the same file.",
            "Remove one of them first; a mamba 2.0.5 that clashes with its own older files has to be reinstalled.",
            (error.name, *(["mamba %s" % mamba.version] if mamba else [])),
        )
    if error.name in ("ImportError", "ModuleNotFoundError", "AttributeError"):
        yield diagnosis(
            "broken_import",
            "conda cannot load its own code: an update was interrupted, or has left files of another version behind.",
            "Restore a snapshot, or repair base from outside with micromamba (install --force-reinstall).",
            (error.name, error.message),
        )


def _once(items: t.Iterable[Diagnosis]) -> t.List[Diagnosis]:
    """The diagnoses without those that say again what one of the same name has said."""
    kept: t.Dict[t.Any, Diagnosis] = {}
    names: t.Set[str] = set()
    for item in items:
        is_general = item.id in kinds.KINDS
        if not (is_general and item.id in names):
            kept.setdefault((item.id, item.evidence), item)
        names.add(item.id)
    return list(kept.values())


__all__ = ("explain", "why_not_newer")
