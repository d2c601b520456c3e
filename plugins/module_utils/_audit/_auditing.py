# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One audit of a root: a look, the judgement on what it found, and the plain result."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit, AuditOptions
from ansible_collections.labfleet.conda.plugins.module_utils._audit._judge import Judgement, judge
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look, Options
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordMemory
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root


class Auditing:
    """An audit whose state can be told after it was run, or cut short.

    :param options: what to look at.
    :param audit_options: what to judge.
    :param prepared: what the controller hands over; see Audit.
    :param rules: the rules to ask.
    :param open_root: makes the root of the path in the options; see _discover._scan.Look.
    :param memory: the records that audits of other roots have read.
    """

    def __init__(
        self,
        options: Options,
        audit_options: AuditOptions,
        prepared: t.Mapping[str, t.Any],
        rules: t.Sequence[Rule],
        *,
        open_root: t.Callable[..., Root] = Root,
        memory: t.Optional[RecordMemory] = None,
    ) -> None:
        self._audit_options = audit_options
        self._prepared = prepared
        self._rules = rules
        if audit_options.integrity != "none":
            # So that no record is read twice; the module conda_info does not offer it.
            options = options._replace(gather=(*options.gather, "files"))
        self.look = Look(options, then=self._judge, open_root=open_root, memory=memory)
        self.audit: t.Optional[Audit] = None
        self.judgement = Judgement()

    def run(self) -> None:
        """Look and judge; raises as Look.run() does."""
        self.look.run()

    def _judge(self, look: Look) -> None:
        self.audit = Audit(look, self._prepared, self._audit_options)
        judge(self.audit, self._rules, self.judgement)


__all__ = ("Auditing",)
