# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""How a run of condarefresh ends: its exit code, what is said about it, and the JSON object."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import NOT_RESTORED, ROLLED_BACK

_Map = t.Dict[str, t.Any]
DONE, NOT_DONE, BAD_USAGE, REFUSED, NEEDS_HELP = range(5)
_TOLD = ("before", "after", "packages", "snapshot", "recovered", "ledger", "diagnoses", "warnings")
_MAX_NAMED = 5


class End(t.NamedTuple):
    """How it ended.

    :param code: the exit code.
    :param outcome: a word for programs.
    :param key: the text for the user; values: what is put into it.
    :param details: more about it, in English.
    :param result: of the work itself.
    """

    code: int
    outcome: str
    key: str
    values: t.Mapping[str, str] = {}
    details: t.Sequence[str] = ()
    result: t.Mapping[str, t.Any] = {}

    def document(self, message: str, prefix: t.Optional[str], environment: t.Optional[str]) -> _Map:
        """The JSON object."""
        found = {key: self.result[key] for key in _TOLD if key in self.result}
        found.update(exit_code=self.code, outcome=self.outcome, message=message, details=" ".join(self.details))
        return dict(found, prefix=prefix, environment=environment)


class Ended(Exception):
    """The run has come to its end."""

    def __init__(self, end: End) -> None:
        super().__init__(end.key)
        self.end = end


def ended(code: int, outcome: str, key: str, **values: str) -> Ended:
    """The end without more to say, to be raised."""
    return Ended(End(code, outcome, key, values))


def end_of_error(error: ChangeError, prefix: str, *, unfinished: bool) -> End:
    """The end that an error is.

    :param unfinished: whether a change of the prefix is still under way.
    """
    result, details = error.result, [str(error)]
    if result.get("processes"):
        programs = ["%s (%s)" % (use.get("program"), use.get("pid")) for use in result["processes"][:_MAX_NAMED]]
        values = {"prefix": prefix, "programs": ", ".join(programs)}
        return End(REFUSED, "refused", "in_use", values, (), result)
    # What is refused was not begun: a change that is under way then is that of somebody else.
    if isinstance(error, Refused) and result.get("outcome") != NOT_RESTORED:
        return End(REFUSED, "refused", "refused", {"prefix": prefix}, details, result)
    if result.get("outcome") == NOT_RESTORED or unfinished:
        return End(NEEDS_HELP, "needs_help", "needs_help", {"prefix": prefix}, details, result)
    if result.get("outcome") == ROLLED_BACK:
        return End(NOT_DONE, "rolled_back", "rolled_back", {}, details, result)
    return End(NOT_DONE, "failed", "failed_before", {}, details, result)


__all__ = ("BAD_USAGE", "DONE", "End", "Ended", "NEEDS_HELP", "NOT_DONE", "REFUSED", "end_of_error", "ended")
