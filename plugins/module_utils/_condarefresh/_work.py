# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The work that condarefresh lets the rooms below it do; a test gives it stand-ins."""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import DONE, read_journal
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_task import package
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_work import change_one
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at, refuse_unless_ours
from ansible_collections.labfleet.conda.plugins.module_utils._change._snapshot_task import Task, run_task
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError, open_state
from ansible_collections.labfleet.conda.plugins.module_utils._change._update import update
from ansible_collections.labfleet.conda.plugins.module_utils._system._actor import own_home
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import random_token, seconds_now
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid, own_variables
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_Map = t.Dict[str, t.Any]


class Work:
    """The real work."""

    def variables(self) -> t.Dict[str, str]:
        """The environment variables of this process."""
        return own_variables()

    def home(self) -> str:
        """The home of the user."""
        return own_home()

    def uid(self) -> int:
        """The number of the user."""
        return own_uid()

    def look(self, base: str, environment: t.Optional[str]) -> Place:
        """See look_at()."""
        return look_at(base, environment, broken=environment is None)

    def refuse_strangers(self, place: Place) -> None:
        """See refuse_unless_ours()."""
        refuse_unless_ours(place)

    def runs_in(self, prefix: str) -> bool:
        """Whether the Python that runs this belongs to a prefix."""
        try:
            with Root("/").directory(sys.base_prefix) as directory:
                return directory.path == prefix
        except (Absent, Unreadable):
            return False

    def is_unfinished(self, prefix: str) -> bool:
        """Whether a change of a prefix was begun and neither kept nor undone."""
        try:
            folder = open_state(prefix, make=False)
        except (FileNotFoundError, SnapshotError):
            return False
        try:
            journal = read_journal(folder, prefix)
            return journal is not None and journal.phase != DONE
        except Failed:
            return True
        finally:
            close(folder)

    def update(self, options: _Map, *, check: bool, note: t.Callable[[str], None]) -> _Map:
        """See update()."""
        return update(options, check=check, note=note)

    def package(self, options: _Map, *, check: bool, note: t.Callable[[str], None]) -> _Map:
        """See package()."""
        return package(options, check=check, note=note)

    def restore(self, prefix: str, *, check: bool, force: bool) -> _Map:
        """Restore the latest snapshot of a prefix.

        :raises SnapshotError: it could not be done.
        """
        task = Task(
            prefix=prefix, state="restored", snapshot="latest", reason="", keep=5, max_age_days=None, max_size=None,
            force=force, lock_seconds=60.0, check=check, now=seconds_now(), token=random_token(),
            run_id="condarefresh",
        )  # fmt: skip
        return run_task(task)


# Imported here already: package() would read it from the file of the program only when it needs it, and by then the
# file can be another one.
LOADED_EARLY = (change_one,)


__all__ = ("ChangeError", "LOADED_EARLY", "Place", "SnapshotError", "Work")
