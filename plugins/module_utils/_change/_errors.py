# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What can come in the way of a change; each error is one sentence, and carries what is known so far."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text


class ChangeError(Exception):
    """A change that did not come about.

    :param message: what was tried, where, why it failed and what to do, in one or two sentences.
    :param result: what is known so far, for the module's answer.
    """

    def __init__(self, message: str, result: t.Optional[t.Dict[str, t.Any]] = None) -> None:
        super().__init__(mask_text(message))
        self.result: t.Dict[str, t.Any] = dict(result or {})


class Refused(ChangeError):
    """Nothing was begun: a condition for it does not hold."""


class Failed(ChangeError):
    """It was begun, and what it did was undone; or it could not be undone, which the message says."""


__all__ = ("ChangeError", "Failed", "Refused")
