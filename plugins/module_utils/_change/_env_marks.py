# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What conda-meta tells of an environment beside its packages: variables, a description, and whether it is frozen."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, Frozen
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    remove_file,
    write_durably,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import read_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

# conda sets them at activation, from 4.8 on.
STATE_FILE, VARIABLES = "state", "env_vars"
# No tool reads it: it is for people, and for the next run.
DESCRIPTION_FILE = "description"
FROZEN_FILE = "frozen"
_MODE = 0o644
_LIMIT = 1024 * 1024


class Marks(t.NamedTuple):
    """The marks of an environment.

    :param state: all that conda keeps in its file, the variables among it.
    """

    state: t.Mapping[str, t.Any]
    description: t.Optional[str]
    frozen: t.Optional[Frozen]

    @property
    def variables(self) -> t.Dict[str, str]:
        found = self.state.get(VARIABLES)
        return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


NO_MARKS = Marks({}, None, None)


class MarksWanted(t.NamedTuple):
    """What is wanted of the marks; what is None stays as it is.

    :param only_these: whether variables that are not named go.
    :param description: an empty text removes it.
    :param message: what a frozen environment tells who tries to change it.
    """

    variables: t.Optional[t.Mapping[str, str]] = None
    only_these: bool = False
    description: t.Optional[str] = None
    frozen: t.Optional[bool] = None
    message: t.Optional[str] = None


class MarkChanges(t.NamedTuple):
    """What is to be changed; the values of variables can be secrets, so that only their names are told.

    :param frozen: the new mark, None to remove it, and C(...) where it stays.
    """

    set_variables: t.Mapping[str, str]
    unset_variables: t.Tuple[str, ...]
    description: t.Any = ...
    frozen: t.Any = ...

    @property
    def is_empty(self) -> bool:
        return not (self.set_variables or self.unset_variables) and self.description is ... and self.frozen is ...

    def lines(self) -> t.Tuple[t.List[str], t.List[str]]:
        """What goes and what comes, a line each, for C(--diff)."""
        before = ["variable %s" % name for name in self.unset_variables]
        after = ["variable %s (set)" % name for name in sorted(self.set_variables)]
        if self.description is not ...:
            (after if self.description else before).append(
                "description%s" % (": " + self.description if self.description else "")
            )
        if self.frozen is not ...:
            (before if self.frozen is None else after).append("frozen")
        return before, after


def read_marks(environment: Environment) -> Marks:
    """The marks of an environment that was read."""
    folder = environment.prefix + "/conda-meta/"
    there = environment.directory_names
    text = read_text(folder + STATE_FILE, limit=_LIMIT) if STATE_FILE in there else None
    try:
        state = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        state = {}
    description = read_text(folder + DESCRIPTION_FILE, limit=_LIMIT) if DESCRIPTION_FILE in there else None
    return Marks(state if isinstance(state, dict) else {}, (description or "").strip() or None, environment.frozen)


def mark_changes(now: Marks, wanted: MarksWanted) -> MarkChanges:
    """What is to be done so that the marks are as they are wanted."""
    variables: t.Mapping[str, str] = wanted.variables or {}
    here = now.variables
    set_ = {name: value for name, value in variables.items() if here.get(name) != value}
    is_whole = wanted.only_these and wanted.variables is not None
    unset = tuple(sorted(set(here) - set(variables))) if is_whole else ()
    description: t.Any = ...
    if wanted.description is not None and wanted.description.strip() != (now.description or ""):
        description = wanted.description.strip()
    return MarkChanges(set_, unset, description, _frozen(now.frozen, wanted))


def _frozen(now: t.Optional[Frozen], wanted: MarksWanted) -> t.Any:
    if wanted.frozen is None:
        return ...
    if not wanted.frozen:
        return ... if now is None else None
    if now is not None and (wanted.message is None or now.message == wanted.message):
        return ...
    return Frozen(wanted.message)


def apply_marks(prefix: str, changes: MarkChanges) -> None:
    """Write the marks, each in one step; the caller holds the lock, and is the owner.

    :raises Failed: one could not be written.
    """
    if changes.is_empty:
        return
    try:
        folder = open_folder(prefix + "/conda-meta")
        try:
            _write(prefix, folder, changes)
        finally:
            close(folder)
    except OSError as error:
        raise Failed("conda-meta of %s could not be written: %s." % (prefix, error.strerror or error)) from error


def _write(prefix: str, folder: int, changes: MarkChanges) -> None:
    if changes.set_variables or changes.unset_variables:
        text = read_text("%s/conda-meta/%s" % (prefix, STATE_FILE), limit=_LIMIT)
        state = _state(text)
        there = state.get(VARIABLES)
        variables = dict(there) if isinstance(there, dict) else {}
        variables.update(changes.set_variables)
        for name in changes.unset_variables:
            variables.pop(name, None)
        state[VARIABLES] = variables
        # As conda writes it, so that it reads it again; a value can be a secret, but conda itself lets all read it.
        write_durably(folder, STATE_FILE, json.dumps(state).encode("utf-8"), mode=_MODE)
    if changes.description is not ...:
        if changes.description:
            write_durably(folder, DESCRIPTION_FILE, (changes.description + "\n").encode("utf-8"), mode=_MODE)
        else:
            remove_file(folder, DESCRIPTION_FILE)
    if changes.frozen is None:
        remove_file(folder, FROZEN_FILE)
    elif changes.frozen is not ...:
        message = changes.frozen.message
        data = json.dumps({"message": message}) if message else "{}"
        write_durably(folder, FROZEN_FILE, data.encode("utf-8"), mode=_MODE)


def _state(text: t.Optional[str]) -> t.Dict[str, t.Any]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


__all__ = (
    "DESCRIPTION_FILE",
    "FROZEN_FILE",
    "MarkChanges",
    "Marks",
    "MarksWanted",
    "NO_MARKS",
    "STATE_FILE",
    "apply_marks",
    "mark_changes",
    "read_marks",
)
