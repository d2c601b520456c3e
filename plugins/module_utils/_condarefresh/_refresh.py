# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One run of condarefresh, from what is found to what became of it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import UNFORESEEN, stopped
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._arguments import PROGRAM, Arguments
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._changes import (
    change_lines,
    restored_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._end import (
    BAD_USAGE,
    DONE,
    NEEDS_HELP,
    NOT_DONE,
    REFUSED,
    End,
    Ended,
    end_of_error,
    ended,
)
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._options import (
    package_options,
    update_options,
)
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._target import (
    NoTarget,
    Target,
    find_target,
)
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._terminal import Terminal
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._work import Work
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Interrupts

_Map = t.Dict[str, t.Any]
_TOOLS = ("conda", "mamba")
_NO_USAGE = ("no_conda", "no_environment")


class Refresh:
    """One run.

    :ivar target: what it is about, once that is known.
    """

    def __init__(self, arguments: Arguments, terminal: Terminal, work: Work) -> None:
        self._arguments, self._terminal, self._work = arguments, terminal, work
        self.target: t.Optional[Target] = None
        self._named: t.List[str] = []

    def run(self) -> End:
        """Do it, and tell how it ended."""
        try:
            return self._run()
        except Ended as error:
            return error.end
        except KeyboardInterrupt:
            return End(NOT_DONE, "declined", "declined")

    def _run(self) -> End:
        if not (self._arguments.yes or self._arguments.check or self._terminal.can_ask):
            raise ended(BAD_USAGE, "usage", "no_terminal")
        self.target = target = self._find()
        place = self._looked_at(target)
        self.target = target = target._replace(**{"environment" if target.environment else "base": place.prefix})
        self._refuse(place)
        self._tell(place)
        if self._work.is_unfinished(place.prefix):
            self._put_right(place)
        if self._arguments.undo:
            return self._undo(place)
        return self._change(place)

    def _find(self) -> Target:
        try:
            return find_target(self._arguments, self._work.variables(), self._work.home())
        except NoTarget as error:
            code = REFUSED if error.key in _NO_USAGE else BAD_USAGE
            raise ended(code, "refused" if code == REFUSED else "usage", error.key, **error.values) from error

    def _looked_at(self, target: Target) -> Place:
        try:
            return self._work.look(target.base, target.environment)
        except (ChangeError, ScanError) as error:
            values = {"path": target.prefix}
            raise Ended(End(REFUSED, "refused", "cannot_look", values, [str(error)])) from error

    def _refuse(self, place: Place) -> None:
        """Refuse what is not the user's, or must stay as it is."""
        if place.uid != self._work.uid():
            words = self._terminal.words
            who = words("admin") if place.uid == 0 else place.owner
            raise ended(REFUSED, "refused", "not_yours", prefix=place.prefix, owner=place.owner, who=who)
        if self._work.runs_in(place.prefix):
            raise ended(REFUSED, "refused", "own_python", prefix=place.prefix)
        try:
            self._work.refuse_strangers(place)
        except Refused as error:
            values = {"prefix": place.prefix}
            raise Ended(End(REFUSED, "refused", "others_can_write", values, [str(error)])) from error
        frozen = place.environment.frozen
        if frozen is not None and not self._arguments.undo:
            message = " (%s)" % frozen.message if frozen.message else ""
            raise ended(REFUSED, "refused", "frozen", prefix=place.prefix, message=message)

    def _tell(self, place: Place) -> None:
        if not place.is_base:
            self._terminal.say("found_environment", prefix=place.prefix, colour="strong")
            return
        versions = ["%s %s" % item for item in sorted(place.installation.versions.items())]
        told = ", ".join(versions) or place.installation.kind
        self._terminal.say("found", versions=told, prefix=place.prefix, colour="strong")
        self._terminal.say("others_untouched")

    def _put_right(self, place: Place) -> None:
        """Let an interrupted change be undone or finished, before anything else."""
        self._terminal.say("interrupted", prefix=place.prefix)
        self._agree()
        options = update_options(self._arguments, self._base, version="any")
        if not place.is_base:
            options["environment"] = place.prefix
        self._work_on(place, lambda: self._work.update(options, check=False, note=self._terminal.progress))
        self._terminal.say("put_right")

    @property
    def _base(self) -> str:
        return t.cast(Target, self.target).base

    def _agree(self) -> None:
        """Go on only where the user wants that.

        :raises Ended: this was to be a forecast, or the user does not want it.
        """
        if self._arguments.check:
            raise ended(DONE, "planned", "planned")
        if not self._arguments.yes and not self._terminal.confirm():
            raise ended(NOT_DONE, "declined", "declined")

    def _work_on(self, place: Place, work: t.Callable[[], _Map]) -> _Map:
        """Do a piece of work, in which a signal undoes what was begun instead of leaving it half done.

        :raises Ended: it was not done.
        """
        try:
            with Interrupts():
                return work()
        except ChangeError as error:
            unfinished = self._work.is_unfinished(place.prefix)
            raise Ended(end_of_error(error, place.prefix, unfinished=unfinished)) from error
        except (ScanError, SnapshotError, *UNFORESEEN) as error:
            text = stopped(place.prefix, error) if isinstance(error, UNFORESEEN) else str(error)
            raise Ended(self._end_of_trouble(place, text)) from error

    def _end_of_trouble(self, place: Place, text: str) -> End:
        if self._work.is_unfinished(place.prefix):
            return End(NEEDS_HELP, "needs_help", "needs_help", {"prefix": place.prefix}, [text])
        return End(NOT_DONE, "failed", "failed_before", {}, [text])

    def _change(self, place: Place) -> End:
        step = self._base_step if place.is_base else self._environment_step
        call = step(place)
        self._terminal.say("looking")
        forecast = self._work_on(place, lambda: call(True, {}))
        if forecast["outcome"] == "unchanged":
            return _nothing(forecast)
        self._terminal.say("would_change")
        self._list(forecast)
        if self._arguments.check:
            return End(DONE, "planned", "planned", result=forecast)
        self._agree()
        result = self._work_on(place, lambda: call(False, forecast))
        for text in result.get("warnings") or ():
            self._terminal.say("warning", text=text)
        if result["outcome"] == "unchanged":  # somebody else was faster
            return _nothing(result)
        if _outline(result) != _outline(forecast):
            self._terminal.say("differs")
            self._list(result)
        return End(DONE, "done", "done", result=result)

    def _base_step(self, place: Place) -> t.Callable[[bool, _Map], _Map]:
        kind = place.installation.kind
        tools = [kind, *(name for name in _TOOLS if name != kind and name in place.installation.versions)]
        if len(tools) > 1:
            return self._packages_step(place.prefix, None, tools)

        def call(check: bool, forecast: _Map) -> _Map:
            # What was agreed to is what is done, also when the channels have something newer by now.
            version = (forecast.get("after") or {}).get(kind)
            options = update_options(self._arguments, place.prefix, version=version)
            return self._work.update(options, check=check, note=self._terminal.progress)

        return call

    def _environment_step(self, place: Place) -> t.Callable[[bool, _Map], _Map]:
        names = list(self._arguments.packages) or _asked_for(place)
        if not names:
            raise ended(DONE, "nothing", "nothing_asked")
        return self._packages_step(self._base, place.prefix, names)

    def _packages_step(
        self, base: str, environment: t.Optional[str], names: t.List[str]
    ) -> t.Callable[[bool, _Map], _Map]:
        self._named = names
        options = package_options(self._arguments, base, environment, names)

        def call(check: bool, _forecast: _Map) -> _Map:
            return self._work.package(options, check=check, note=self._terminal.progress)

        return call

    def _undo(self, place: Place) -> End:
        force = self._arguments.even_if_in_use
        try:
            forecast = self._work.restore(place.prefix, check=True, force=force)
        except SnapshotError as error:
            raise Ended(End(REFUSED, "refused", "refused", {"prefix": place.prefix}, [str(error)])) from error
        if not forecast["changed"]:
            return End(DONE, "nothing", "nothing_undone")
        snapshot = forecast.get("snapshot") or {}
        self._terminal.say("undo_from", time=str(snapshot.get("created") or snapshot.get("id")))
        forecast["packages"] = restored_packages(forecast)
        self._list(forecast)
        self._agree()
        self._terminal.progress("restores")
        done = self._work_on(place, lambda: self._work.restore(place.prefix, check=False, force=force))
        done["packages"] = restored_packages(done)
        if done.get("problems"):
            texts = ["%s: %s." % (item["path"], item["reason"]) for item in done["problems"]]
            return End(NEEDS_HELP, "needs_help", "needs_help", {"prefix": place.prefix}, texts, done)
        return End(DONE, "undone", "undone", result=done)

    def _list(self, result: _Map) -> None:
        lines = change_lines(
            self._terminal.words, result, names=self._named, all_of_them=self._arguments.details
        )  # fmt: skip
        for line in lines:
            self._terminal.line(line)


def _asked_for(place: Place) -> t.List[str]:
    """The packages that the user once asked for by their names alone; Python stays."""
    requested = place.environment.history.requested
    present = {record.name for record in place.environment.records or ()}
    return sorted(name for name, spec in requested.items() if spec == name and name in present - {"python"})


def _outline(result: _Map) -> t.List[t.Tuple[t.Any, ...]]:
    """What changes, as far as the user has been told."""
    return sorted((item["name"], item["kind"], (item["to"] or {}).get("version")) for item in result["packages"])


def _nothing(result: _Map) -> End:
    diagnoses = result.get("diagnoses") or ()
    texts = ["%s %s" % (item["cause"], item["remedy"]) for item in diagnoses[:1]]
    return End(DONE, "nothing", "nothing_newer_held" if texts else "nothing", details=texts, result=result)


def undo_command(arguments: Arguments, target: Target) -> str:
    """What the user types to go back."""
    words = [PROGRAM, "--undo"]
    if arguments.prefix is not None:
        words += ["--prefix", target.base]
    if target.environment is not None:
        words += ["--environment", target.environment]
    return " ".join(words)


__all__ = ("Refresh", "undo_command")
