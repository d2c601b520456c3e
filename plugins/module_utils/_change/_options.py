# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The options that modules share, what no option may be, and the errors that are nobody's fault, in one sentence."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._told import one_line
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

# The argument specs of the doc fragment _change.
CHANGE_OPTIONS: t.Dict[str, t.Dict[str, t.Any]] = {
    "override_frozen": {"type": "bool", "default": False},
    "trusted_writers": {"type": "list", "elements": "str", "default": []},
    "busy": {"type": "str", "choices": ["wait", "skip", "fail", "ignore"], "default": "wait"},
    "busy_seconds": {"type": "float", "default": 600},
    "lock_seconds": {"type": "float", "default": 600},
    "verify_commands": {"type": "list", "elements": "str", "default": []},
    "keep_snapshots": {"type": "int", "default": 5},
    "keep_days": {"type": "int"},
    "keep_bytes": {"type": "int"},
    "container": {"type": "dict"},
    "masked": {"type": "list", "elements": "str", "default": [], "no_log": True},
}
RECORD_OPTIONS: t.Dict[str, t.Dict[str, t.Any]] = {
    "ledger": {"type": "path"},
    "run_id": {"type": "str"},
}
_PATHS = ("prefix", "environment", "path", "to", "ledger")
# What can befall any code that reads files: it is told, not shown as a traceback.
UNFORESEEN = (OSError, MemoryError, UnicodeError, RecursionError)


def refuse_options(options: t.Mapping[str, t.Any]) -> None:
    """Refuse a path that is none, and a number that counts nothing.

    :raises Refused: one of them is such.
    """
    for name in _PATHS:
        path = options.get(name)
        if path is None:
            continue
        if not path.startswith("/") or "\0" in path or ".." in path.split("/") or not path.strip("/"):
            text = "%s: %r is no absolute path of a directory or file: write it from the root on, without .., as in %s."
            raise Refused(text % (name, path, "/opt/conda"))
    for name, value in sorted(options.items()):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            continue
        if not math.isfinite(value) or value < 0:
            raise Refused("%s: %s is no number that can be used: give 0 or more." % (name, value))


def answered(result: t.Mapping[str, t.Any], warn: t.Callable[[str], None]) -> t.Dict[str, t.Any]:
    """A result without secrets, for a module to return; its warnings are handed on, as ansible-core wants them.

    :param warn: C(AnsibleModule.warn).
    """
    safe = dict(clean(result))
    for text in safe.pop("warnings", ()):
        warn(text)
    return safe


def stopped(what: str, error: BaseException) -> str:
    """One sentence about one of UNFORESEEN.

    :param what: what was being done, with the path, as the beginning of a sentence.
    """
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    name = getattr(error, "filename", None)
    where = " (%s)" % one_line(name) if isinstance(name, str) else ""
    kind = "" if isinstance(error, OSError) else type(error).__name__ + ": "
    text = "%s stopped: %s%s%s. The journal in the prefix, if there is one, tells the next run what is to be undone."
    return text % (one_line(what), kind, one_line(reason), where)


__all__ = ("CHANGE_OPTIONS", "RECORD_OPTIONS", "UNFORESEEN", "answered", "refuse_options", "stopped")
