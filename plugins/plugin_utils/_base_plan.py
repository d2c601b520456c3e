# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the role base has to do to one base prefix, by what conda_info has found, the policy, and its variables."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.plugin_utils._base_settings import (
    SYSTEM,
    Given,
    Locks,
    Settings,
    plan_settings,
)

_Map = t.Mapping[str, t.Any]
_KINDS = ("conda", "mamba")
_SOLVERS = {"libmamba": ("conda-libmamba-solver", "22.11"), "rattler": ("conda-rattler-solver", "26.7")}
_PREFIX, _UMASK = re.compile(r"/[^\s'\"\\$`]+\Z"), re.compile(r"0?[0-7]{3}\Z")
_GROUP, _OTHERS = 0o020, 0o002


class Wishes(t.NamedTuple):
    """The variables of the role, without the prefix C(base_).

    :param floor: C(policy), C(none) or a version.
    :param licensed: C(policy), C(keep) or C(replace).
    """

    prefix: str = "/opt/conda"
    installer: str = ""
    installer_sha256: str = ""
    mode: str = "0755"
    floor: str = "policy"
    mamba: bool = False
    channels: t.Sequence[str] = ()
    channel_alias: str = ""
    default_channels: t.Sequence[str] = ()
    licensed: str = "policy"
    frozen_message: str = ""
    umask: str = ""


def base_plan(found: _Map, merged: _Map, locks: t.Iterable[str], wishes: Wishes, dropin: str) -> dict[str, t.Any]:
    """What is to be done, and why it cannot be.

    :param found: the result of conda_info.
    :param merged: the policy, as merge_layers() gives it.
    :param locks: what the layers lock.
    :param dropin: the file that the role's settings are in.
    :returns: plain types; C(problems) holds a sentence for everything that contradicts itself.
    """
    return _Planner(found, merged["values"], Locks(locks), wishes).plan(dropin)


class _Planner:
    def __init__(self, found: _Map, policy: _Map, locks: Locks, wishes: Wishes) -> None:
        self._policy, self._locks, self._wishes = policy, locks, wishes
        self._prefix = "/" + wishes.prefix.strip("/")
        here = [item for item in found["installations"] if item.get("prefix") == self._prefix]
        self._there: _Map | None = here[0] if here else None
        mine = [item for item in found["configurations"] if item["installation"] == self._prefix and not item["user"]]
        self._configuration: _Map = mine[0] if mine else {"files": [], "settings": {}}
        self._problems: list[str] = []

    def plan(self, dropin: str) -> dict[str, t.Any]:
        there = self._there or {}
        self._see_words()
        self._see_installer()
        self._see_mode()
        self._see_what_is_there()
        update, solver, mamba = self._update(), self._solver(), self._mamba()
        self._see_frozen(update, solver, mamba)
        settings = self._settings(dropin)
        self._problems += settings.problems
        is_open = self._is_open()
        return {
            "problems": self._problems,
            "prefix": self._prefix,
            "installed": self._there is not None,
            "version": there.get("version"),
            "told": self._told(),
            "install": self._there is None and bool(self._wishes.installer),
            "owner": self._policy["permissions"]["base_owner"],
            "is_open": is_open,
            # conda before 4.4 asks the channels of its settings whatever it is told
            "can_forecast": not is_open and not (settings.channels and _below(there.get("version"), "4.4")),
            "open_mode": "o-w" if self._trusted() else "go-w",
            "tool": update,
            "solver": solver,
            "mamba": mamba,
            "frozen": self._policy["base"]["frozen"],
            "is_frozen": there.get("frozen") is not None,
            "mark_due": self._is_mark_due(),
            "override_frozen": self._may_lift(),
            "trusted_writers": list(self._trusted()),
            "keep_snapshots": self._policy["update"]["keep_snapshots"],
            "settings": settings.values,
            "final": settings.final,
            "take_out": settings.take_out,
            "remove_channels": settings.remove_channels,
            "moves_channels": settings.moves_channels,
            "channels": settings.channels,
        }

    def _told(self) -> str:
        """What is there, for the ledger."""
        if self._there is None:
            return "nothing"
        versions = self._there.get("versions") or {}
        return "%s, of %s" % (", ".join("%s %s" % item for item in sorted(versions.items())), self._there.get("owner"))

    def _trusted(self) -> t.Sequence[str]:
        return self._policy["permissions"]["writer_groups"]

    def _is_open(self) -> bool:
        """Whether others than the owner and the groups of the policy can write to what is there."""
        if self._there is None:
            return False
        writers = self._there.get("writers") or {}
        strangers = set(writers.get("groups", ())) - set(self._trusted())
        return bool(writers.get("everybody") or strangers or int(self._there["mode"], 8) & self._forbidden())

    def _forbidden(self) -> int:
        return _OTHERS if self._trusted() else _OTHERS | _GROUP

    def _see_words(self) -> None:
        """See that what goes into a script of the shell can stand there."""
        if not _PREFIX.match(self._wishes.prefix) or ".." in self._wishes.prefix.split("/"):
            self._problem(
                "base_prefix: %r is no path that can be used: write it from the root on, without .., blanks and quotes."
                % self._wishes.prefix
            )
        if self._wishes.umask and not _UMASK.match(self._wishes.umask):
            self._problem("base_umask: %r is no mask: write it in quotes, as in '0022'." % self._wishes.umask)

    def _see_installer(self) -> None:
        if self._wishes.installer and not self._wishes.installer_sha256:
            self._problem("base_installer comes without base_installer_sha256: give the sum that the file must have.")
        if self._there is None and not self._wishes.installer:
            text = "There is no conda at %s: give base_installer and base_installer_sha256, or another base_prefix."
            self._problem(text % self._prefix)

    def _see_mode(self) -> None:
        try:
            mode = int(self._wishes.mode, 8)
        except ValueError:
            self._problem("base_mode: %r is no octal mode: write it in quotes, as in '0755'." % self._wishes.mode)
            return
        if mode & _OTHERS:
            self._problem("base_mode %s lets everybody write to the prefix: take 0755." % self._wishes.mode)
        elif mode & self._forbidden():
            text = (
                "base_mode %s lets a group write to the prefix: name the group in permissions.writer_groups of the"
                " policy, or take 0755."
            )
            self._problem(text % self._wishes.mode)

    def _see_what_is_there(self) -> None:
        if self._there is None:
            return
        kind, owner, wanted = self._there["kind"], self._there.get("owner"), self._policy["permissions"]["base_owner"]
        if kind not in _KINDS:
            self._problem("%s holds a %s, and no conda or mamba: name another base_prefix." % (self._prefix, kind))
        elif self._there.get("version") is None:
            text = "The version of %s at %s is unknown: replace the base by labfleet.conda.conda_replace."
            self._problem(text % (kind, self._prefix))
        if owner != wanted:
            text = (
                "%s belongs to %s, and the policy wants it to be %s's: a prefix that %s could write is not given away,"
                " so make it anew, or set permissions.base_owner of the policy to %s."
            )
            self._problem(text % (self._prefix, owner, wanted, owner, owner))

    def _update(self) -> dict[str, t.Any]:
        """What conda_update is asked for; C(due) tells whether the base is below it."""
        there, floor = self._there or {}, self._wishes.floor
        kind = there.get("kind", "conda")
        if floor == "policy" and self._policy["update"]["version"] == "newest":
            version: str | None = "newest"
        else:
            minimum = self._policy["versions"]["minimum"].get(kind) if floor == "policy" else floor
            version = ">=%s" % minimum if minimum and minimum != "none" else None
        due = bool(version) and version != "newest" and _below(there.get("version"), version[2:] if version else None)
        return {"version": version, "due": due, "python": self._policy["update"]["python"], "kind": kind}

    def _version_then(self) -> str | None:
        """The version that conda has at least after the update."""
        update = self._update()
        if update["due"]:
            return update["version"][2:]
        return (self._there or {}).get("version")

    def _solver(self) -> dict[str, t.Any]:
        """The solver that the policy wants: its package, and whether that is missing."""
        wanted, there = self._policy["solver"]["wanted"], self._there or {}
        if wanted is None or there.get("kind", "conda") != "conda":
            return {"name": None, "package": None, "missing": False, "final": False, "is_set": True}
        package, since = _SOLVERS.get(wanted, (None, None))
        then = self._version_then()
        if since and then is not None and _below(then, since):
            text = (
                "The policy wants the solver %s for %s, where conda is %s, and that needs conda %s: raise"
                " versions.minimum.conda, or ask for another solver.wanted."
            )
            self._problem(text % (wanted, self._prefix, then, since))
        final = self._locks.cover("solver.wanted") or "solver" in self._policy["settings"]["final"]
        missing = bool(package) and package not in (there.get("versions") or {})
        setting = self._configuration["settings"].get("solver") or {}
        is_set = setting.get("value") == wanted and (not final or _is_locked(setting))
        return {"name": wanted, "package": package, "missing": missing, "final": final, "is_set": is_set}

    def _mamba(self) -> dict[str, t.Any]:
        minimum = self._policy["versions"]["minimum"].get("mamba")
        spec = "mamba>=%s" % minimum if minimum else "mamba"
        version = (self._there or {}).get("versions", {}).get("mamba")
        missing = self._wishes.mamba and (version is None or bool(minimum) and _below(version, minimum))
        return {"spec": spec if self._wishes.mamba else None, "missing": missing}

    def _may_lift(self) -> bool:
        return bool(self._policy["update"]["override_frozen"]) or self._policy["base"]["frozen"] is False

    def _see_frozen(self, update: _Map, solver: _Map, mamba: _Map) -> None:
        if self._there is None or self._there.get("frozen") is None or self._may_lift():
            return
        what = ["conda %s" % update["version"]] if update["due"] else []
        what += [str(solver["package"])] if solver["missing"] else []
        what += [str(mamba["spec"])] if mamba["missing"] else []
        if what:
            text = (
                "%s is frozen, and has not yet what the policy asks for (%s): set update.override_frozen in the policy,"
                " or ask for less."
            )
            self._problem(text % (self._prefix, ", ".join(what)))

    def _is_mark_due(self) -> bool:
        """Whether the frozen mark is to be another."""
        wanted, mark = self._policy["base"]["frozen"], (self._there or {}).get("frozen")
        text = self._wishes.frozen_message
        is_other = wanted and mark is not None and bool(text) and mark.get("message") != text
        return wanted is not None and (wanted is not (mark is not None) or bool(is_other))

    def _settings(self, dropin: str) -> Settings:
        wishes = self._wishes
        licensed = wishes.licensed
        if licensed == "policy":
            licensed = "replace" if self._policy["organisation"]["commercial_use"] is True else "keep"
        old = _below((self._there or {}).get("version"), "4.6") and (self._there or {}).get("kind") == "conda"
        implicit = (self._there or {}).get("kind", "conda") == "conda" and _below(self._version_then() or "0", "25.9")
        given = Given(
            channels=list(wishes.channels),
            channel_alias=wishes.channel_alias or None,
            default_channels=list(wishes.default_channels),
            replaces_licensed=licensed == "replace",
            has_old_priority=old,
            has_implicit_defaults=implicit,
        )
        return plan_settings(self._configuration, self._policy, self._locks, given, dropin)

    def _problem(self, text: str) -> None:
        self._problems.append(text)


def _is_locked(setting: _Map) -> bool:
    return bool(setting["final"]) and str(setting["source"]).startswith(SYSTEM)


def _below(version: str | None, bound: str | None) -> bool:
    """Whether a version is below a bound; not where one of both is unknown."""
    if version is None or bound is None:
        return False
    try:
        return parse_version(version) < parse_version(bound)
    except InvalidVersion:
        return False


__all__ = ("Wishes", "base_plan")
