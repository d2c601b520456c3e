# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The gates: which hosts fail a run, by how severe their findings are."""

from __future__ import annotations

import typing as t

SEVERITIES = ("info", "low", "medium", "high", "critical")


def gate(document: t.Mapping[str, t.Any], *, fail_on: str | None = None, new_only: bool | None = None) -> dict:
    """Apply the gates to a fleet's audit document; hosts that were not part of the run fail nothing.

    :param fail_on: a severity or C(never), for all hosts; None for what each host's policy says.
    :param new_only: whether only new findings count; None for what each host's policy says.
    :returns: C(passed), and C(hosts), a map from each failing host to the number of findings that fail it.
    """
    failing = {}
    for name, host in document["hosts"].items():
        if host.get("last_seen"):
            continue
        gates = host.get("gates") or {}
        limit = fail_on or gates.get("fail_on") or "never"
        only = gates.get("new_only", False) if new_only is None else new_only
        if limit == "never":
            continue
        severe = SEVERITIES[SEVERITIES.index(limit) :]
        count = sum(
            finding["severity"] in severe and not finding.get("waiver") and (not only or finding.get("state") == "new")
            for finding in host.get("findings", ())
        )
        if count:
            failing[name] = count
    return {"passed": not failing, "hosts": failing}


def gate_sentence(result: t.Mapping[str, t.Any], names: str) -> str:
    """Why a run fails.

    :param result: as gate() returns it.
    :param names: the failing hosts, merged.
    """
    return "The gate is not passed: %d findings on %s are as severe as the gate forbids, or worse. See the digest." % (
        sum(result["hosts"].values()),
        names,
    )


__all__ = ("SEVERITIES", "gate", "gate_sentence")
