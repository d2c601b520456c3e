# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One look at a root, from the options to the plain result."""

from __future__ import annotations

import os
import sys
import threading
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configurations
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import judge_installations
from ansible_collections.labfleet.conda.plugins.module_utils._discover._parents import Parents
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Result
from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import TimeIsUp, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

# A look that hangs in the kernel (a disk or server that died while it was being read) is left this much later.
HANG_SECONDS = 5.0


class Options(t.NamedTuple):
    """What to look at: the options of the module conda_info, which documents them."""

    root: str = "/"
    search_paths: t.Sequence[str] = ()
    exclude: t.Sequence[str] = ()
    users: t.Optional[t.Sequence[str]] = None
    depth: int = 3
    one_file_system: bool = False
    gather: t.Sequence[str] = ()
    time_limit: float = 60.0


class ScanError(Exception):
    """The look could not begin; the text says what, where and why."""


def scan(options: Options) -> t.Dict[str, t.Any]:
    """Look at a root, and return what module conda_info documents as its result.

    :raises ScanError: the options cannot be met, or this is no Linux or macOS.
    """
    _check(options)
    started = time.monotonic()
    report = Report()
    try:
        root = Root(
            options.root,
            exclude=options.exclude,
            one_file_system=options.one_file_system,
            deadline=started + options.time_limit,
        )
    except Unreadable as error:
        message = "The root %s cannot be looked at: %s. Name an existing directory."
        raise ScanError(message % (error.path, error.reason)) from error
    try:
        look = _Look(root, report, options)
        complete = look.run_within(options.time_limit + HANG_SECONDS)
        if not complete:
            reason = "the time limit of %g s passed while this was being looked at" % options.time_limit
            report.add(root.current, reason)
        return clean(
            dict(
                look.result.as_dict(),
                root=root.path,
                homes=len(look.survey.homes),
                unreadable=sorted(report.entries, key=lambda entry: (entry["path"], entry["reason"])),
                unreadable_count=report.count,
                complete=complete,
                seconds=round(time.monotonic() - started, 3),
                files_opened=root.files_opened,
            )
        )
    finally:
        root.close()


def _check(options: Options) -> None:
    if not sys.platform.startswith(("linux", "darwin")):
        raise ScanError("labfleet.conda reads Linux and macOS hosts only; this host is %s." % sys.platform)
    for name in ("search_paths", "exclude"):
        for path in getattr(options, name):
            if not os.path.isabs(path):
                raise ScanError(
                    "%s: %r is no absolute path. Write it from / on, as seen inside the root." % (name, path)
                )
    if options.depth < 0 or options.depth > 50:
        raise ScanError("depth is %d; it must lie between 0 and 50." % options.depth)
    if not options.time_limit > 0:
        raise ScanError("time_limit is %g s; it must be more than 0." % options.time_limit)


class _Look:
    """The steps of a look, whose state can be told after any of them."""

    def __init__(self, root: Root, report: Report, options: Options) -> None:
        self.survey = Survey(
            root,
            report,
            users=options.users,
            search_paths=options.search_paths,
            depth=options.depth,
            with_details="records" in options.gather,
        )
        self.configurations = Configurations(self.survey)
        self.result = Result(self.survey, self.configurations, options.gather)
        self._error: t.Optional[BaseException] = None

    def run_within(self, seconds: float) -> bool:
        """Run all steps; tell whether they came to their end within the time.

        They run in a thread of their own, so that one which hangs in the kernel can be left behind.
        """
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive() or isinstance(self._error, TimeIsUp):
            self._finish_without_looking()
            return False
        if self._error is not None:
            raise self._error
        return True

    def _run(self) -> None:
        try:
            self.survey.run()
            self._settle()
            self.result.gather()
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            self._error = error

    def _settle(self) -> None:
        """Judge installations and read their configuration, until that leads to nothing new."""
        while True:
            known = len(self.survey.environments), len(self.survey.programs)
            self.result.installations = judge_installations(self.survey)
            self.configurations.read(self.result.installations)
            self.survey.drain()
            if known == (len(self.survey.environments), len(self.survey.programs)):
                break
        self.result.parents = Parents(
            self.survey, self.result.installations, self.configurations.environment_directories()
        )

    def _finish_without_looking(self) -> None:
        """Make what was found presentable, without touching a file again."""
        self.survey.root.deadline = 0.0
        self.result.parents = Parents(
            self.survey, self.result.installations, self.configurations.environment_directories()
        )


__all__ = ("Options", "ScanError", "scan")
