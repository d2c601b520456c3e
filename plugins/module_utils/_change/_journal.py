# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The journal of a prefix: which change is under way there, and how far it has come.

It is written before each step, so that whoever comes after a crash knows what to undo.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    read_file,
    remove_file,
    write_durably,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_there

FILE_NAME = "journal.json"
FORMAT = 1
# The steps of a change. Up to SNAPSHOT nothing of the prefix is changed; from DONE on nothing is left to do but to
# write down what became of it.
SNAPSHOT, APPLY, VERIFY, RESTORE, DONE = "snapshot", "apply", "verify", "restore", "done"
PHASES = (SNAPSHOT, APPLY, VERIFY, RESTORE, DONE)
_LIMIT = 4 * 1024 * 1024


class Journal(t.NamedTuple):
    """What is written down of a change under way.

    :param change: the identifier of the change, which is that of its snapshot too.
    :param phase: one of PHASES.
    :param packages: the packages that may come, as NAME-VERSION-BUILD, by which what they brought is found.
    :param caches: the package caches in which they are unpacked.
    :param record: what the ledger is to say of the change; with its outcome, once that is known.
    :param earlier: the records of changes before it that may not be in the ledger yet.
    """

    change: str
    phase: str
    packages: t.Tuple[str, ...]
    caches: t.Tuple[str, ...]
    record: t.Dict[str, t.Any]
    earlier: t.Tuple[t.Dict[str, t.Any], ...] = ()


def is_pending(prefix: str) -> bool:
    """Whether a change of a prefix, or of a cache, is under way, or was cut off."""
    return is_there("%s/%s/%s" % (prefix, STATE, FILE_NAME))


def read_journal(folder: int, prefix: str) -> t.Optional[Journal]:
    """The journal of a prefix; None where no change is under way.

    :param folder: the open directory of our own in the prefix.
    :raises Failed: it is there and says nothing that can be understood.
    """
    try:
        data = read_file(folder, FILE_NAME, limit=_LIMIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_understood(prefix, error.strerror or str(error)) from error
    try:
        content = json.loads(data.decode("utf-8"))
        if content["format"] != FORMAT:
            raise _not_understood(prefix, "it was written by a newer version of this collection")
        journal = Journal(
            change=str(content["change"]),
            phase=str(content["phase"]),
            packages=tuple(str(name) for name in content["packages"]),
            caches=tuple(str(path) for path in content["caches"]),
            record=dict(content["record"]),
            earlier=tuple(dict(record) for record in content.get("earlier", ())),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _not_understood(prefix, "it is no journal") from error
    if journal.phase not in PHASES:
        raise _not_understood(prefix, "its phase is unknown")
    return journal


def write_journal(folder: int, journal: Journal) -> None:
    """Write the journal durably, before the step that it names begins."""
    content = dict(journal._asdict(), format=FORMAT)
    write_durably(folder, FILE_NAME, json.dumps(content, sort_keys=True).encode("utf-8"))


def clear_journal(folder: int) -> None:
    """Remove the journal: the change has been written down elsewhere, and nothing of it is left to do."""
    remove_file(folder, FILE_NAME)


def _not_understood(prefix: str, reason: str) -> Failed:
    return Failed(
        "The journal of an earlier change, %s/.labfleet-conda/%s, cannot be used: %s. Nothing was changed now."
        " Remove that file, then restore the newest snapshot with conda_snapshot." % (prefix, FILE_NAME, reason)
    )


__all__ = (
    "APPLY",
    "DONE",
    "FILE_NAME",
    "Journal",
    "PHASES",
    "RESTORE",
    "SNAPSHOT",
    "VERIFY",
    "clear_journal",
    "is_pending",
    "read_journal",
    "write_journal",
)
