# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where a ledger lies, and what its files are called."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._actor import is_root, own_home

SYSTEM_LEDGER = "/var/log/labfleet-conda/ledger.jsonl"
_USER_LEDGER = ".local/state/labfleet-conda/ledger.jsonl"
_ENDING = ".jsonl"


class LedgerError(Exception):
    """Nothing could be written to a ledger, or read from it: one sentence says where, why, and what to do."""


class Place(t.NamedTuple):
    """A ledger: the directory of its files, and the name of the one that grows."""

    directory: str
    name: str

    @property
    def path(self) -> str:
        return os.path.join(self.directory, self.name)

    @property
    def lock(self) -> str:
        return self.name + ".lock"

    @property
    def new(self) -> str:
        return self.name + ".new"

    def rotated(self, number: int) -> str:
        """The name of a full file."""
        return "%s-%04d%s" % (self.name[: -len(_ENDING)], number, _ENDING)

    def damaged(self, digest: str) -> str:
        """The name of a file with what a crash or a power loss left of the last line, by the SHA-256 sum of that."""
        return "%s-damaged-%s.bin" % (self.name[: -len(_ENDING)], digest[:16])

    def numbers(self, names: t.Iterable[str]) -> t.List[int]:
        """The numbers of the full files among the names in the directory, ascending."""
        pattern = re.compile(re.escape(self.name[: -len(_ENDING)]) + r"-([0-9]{4,9})" + re.escape(_ENDING) + r"\Z")
        found = [match.group(1) for match in map(pattern.match, names) if match]
        return sorted(
            int(number) for number in found if self.rotated(int(number)).endswith("-%s%s" % (number, _ENDING))
        )


def place_at(path: t.Optional[str] = None) -> Place:
    """The ledger at a path; without one, that of the host for root, and one in the home of any other user.

    :raises LedgerError: the path cannot be that of a ledger.
    """
    if path is None:
        path = SYSTEM_LEDGER if is_root() else os.path.join(own_home(), _USER_LEDGER)
    directory, name = os.path.split(os.path.normpath(path))
    if "\0" in path or not os.path.isabs(path) or not name.endswith(_ENDING) or name == _ENDING:
        message = "%s cannot be a ledger: give an absolute path that ends in %s, such as %s."
        raise LedgerError(message % (path.replace("\0", "\\0"), _ENDING, SYSTEM_LEDGER))
    return Place(directory, name)


__all__ = ("SYSTEM_LEDGER", "LedgerError", "Place", "place_at")
