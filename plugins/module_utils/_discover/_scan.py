# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One look at a root, from the options to the plain result."""

from __future__ import annotations

import functools
import sys
import threading
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configurations
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import (
    Installation,
    judge_installations,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._parents import Parents
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Result
from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import read_environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordMemory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import TimeIsUp, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

# A look that hangs in the kernel (a disk or server that died while it was being read) is left this much later.
HANG_SECONDS = 5.0
MAX_SECONDS = 86400


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


def _check(options: Options) -> None:
    if not sys.platform.startswith(("linux", "darwin")):
        raise ScanError("labfleet.conda reads Linux and macOS hosts only; this host is %s." % sys.platform)
    for name, paths in (("root", [options.root]), ("search_paths", options.search_paths), ("exclude", options.exclude)):
        for path in paths:
            if not path.startswith("/"):
                message = "%s: %r is no absolute path. Write it from / on, as seen inside the root."
                raise ScanError(message % (name, path))
    for text in [options.root, *options.search_paths, *options.exclude, *(options.users or ())]:
        if "\0" in text:
            raise ScanError("%r holds a zero byte, which no path and no user name can. Leave it out." % text)
    if not 0 <= options.depth <= 50:
        raise ScanError("depth is %d; it must lie between 0 and 50." % options.depth)
    if not 0 < options.time_limit <= MAX_SECONDS:
        raise ScanError(
            "time_limit is %g s; it must be more than 0 and at most %d." % (options.time_limit, MAX_SECONDS)
        )


class Look:
    """The steps of a look, whose state can be told after any of them.

    :param options: what to look at.
    :param then: what else to do with all that was found, within the same time.
    :param open_root: makes the root of the path in the options; see Root.
    :param memory: the records that looks at other roots have read.
    :raises ScanError: the options cannot be met, or this is no Linux or macOS.
    """

    def __init__(
        self,
        options: Options,
        *,
        then: t.Optional[t.Callable[[Look], None]] = None,
        open_root: t.Callable[..., Root] = Root,
        memory: t.Optional[RecordMemory] = None,
    ) -> None:
        _check(options)
        self._open_root = open_root
        self._memory = memory or RecordMemory(keep_files="files" in options.gather)
        self.report = Report()
        self.complete = True
        self._options = options
        self._then = then
        self._started = time.monotonic()
        self._survey: t.Optional[Survey] = None
        self._result: t.Optional[Result] = None
        self._error: t.Optional[BaseException] = None

    @property
    def survey(self) -> Survey:
        return t.cast(Survey, self._survey)

    @property
    def result(self) -> Result:
        return t.cast(Result, self._result)

    @property
    def configurations(self) -> Configurations:
        return self.result.configurations

    def run(self) -> None:
        """Run all steps, within the time limit.

        They run in a thread of their own, so that one which hangs in the kernel can be left behind.

        :raises ScanError: the root cannot be looked at.
        """
        seconds = self._options.time_limit + HANG_SECONDS
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        thread.join(seconds)
        hangs = thread.is_alive()
        if self._error is not None and not isinstance(self._error, TimeIsUp):
            raise self._error
        if hangs or self._error is not None:
            self._report_time()

    def seconds_left(self) -> float:
        """What is left of the time limit."""
        return max(0.0, self._options.time_limit - (time.monotonic() - self._started))

    def about(self) -> t.Dict[str, t.Any]:
        """What a result tells of the look itself."""
        return {
            "unreadable": self.report.entries,
            "unreadable_count": self.report.count,
            "complete": self.complete,
            "seconds": round(time.monotonic() - self._started, 3),
        }

    def as_dict(self) -> t.Dict[str, t.Any]:
        """What was found so far."""
        if self._survey is None or self._result is None:
            empty: t.List[t.Any] = []
            nothing = dict.fromkeys(("installations", "environments", "configurations", "package_caches"), empty)
            return dict(nothing, root=self._options.root, homes=0, files_opened=0)
        found = self._result.as_dict()
        root = self._survey.root
        return dict(found, root=root.path, homes=len(self._survey.homes), files_opened=root.files_opened)

    def _run(self) -> None:
        try:
            self._steps()
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            self._error = error

    def _steps(self) -> None:
        options, started = self._options, time.monotonic()
        try:
            root = self._open_root(options.root, exclude=options.exclude, one_file_system=options.one_file_system)
        except Unreadable as error:
            message = "The root %s cannot be looked at: %s. Name an existing directory."
            raise ScanError(message % (error.path, error.reason)) from error
        survey = Survey(
            root,
            self.report,
            users=options.users,
            search_paths=options.search_paths,
            depth=options.depth,
            read=functools.partial(
                read_environment,
                with_details="records" in options.gather,
                memory=self._memory,
            ),
        )
        configurations = Configurations(survey)
        self._survey, self._result = survey, Result(survey, configurations, options.gather)
        # A fifth of the time is for judging what was found until then, and another for what else is to be done.
        finding, judging = (0.6, 0.8) if self._then else (0.8, 1.0)
        root.deadline = started + options.time_limit * finding
        try:
            survey.run()
        except TimeIsUp:
            self._report_time()
        root.deadline = started + options.time_limit * judging
        try:
            self._gather(survey, configurations, self._result)
        except TimeIsUp:
            self._report_time()
        if self._then is not None:
            root.deadline = started + options.time_limit
            self._then(self)

    def _gather(self, survey: Survey, configurations: Configurations, result: Result) -> None:
        try:
            self._settle(survey, configurations, result)
        finally:
            directories = configurations.environment_directories()
            result.parents = Parents(survey, result.installations, directories)
        result.gather()

    def _settle(self, survey: Survey, configurations: Configurations, result: Result) -> None:
        """Judge installations and read their configuration, until that leads to nothing new."""
        known: t.Dict[t.Tuple[int, int], t.Optional[Installation]] = {}
        before = (-1, -1)
        while before != (len(survey.environments), len(survey.programs)):
            before = len(survey.environments), len(survey.programs)
            result.installations = judge_installations(survey, known)
            configurations.read(result.installations)
            survey.drain()

    def _report_time(self) -> None:
        self.complete = False
        path = self._survey.root.current if self._survey else self._options.root
        reason = "the time limit of %g s passed while this was being looked at" % self._options.time_limit
        self.report.add(path, reason)


__all__ = ("Look", "Options", "ScanError")
