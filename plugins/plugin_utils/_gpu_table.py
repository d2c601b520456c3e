# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The table of GPUs: for each environment with CUDA what becomes of it on the present and on an assumed driver."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._carried import of_this_run
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names

HEADS = ("HOST", "DRIVER", "GPUS", "ENVIRONMENT", "CUDA", "NOW", "ASSUMED", "WHY")
_ORDER = ("fails", "unknown", "limited", "cpu only", "ok", "no cuda", None)


def gpu_rows(document: t.Mapping[str, t.Any]) -> tuple[tuple[str, ...], list[list[str]]]:
    """The heads and the rows of the table, hosts with equal rows merged into one block.

    Hosts without GPU, driver and assumption are left out; hosts that were not seen are in, with the reason.
    Those that were not part of this run are not.

    :param document: the fleet's audit document.
    """
    blocks: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, host in of_this_run(document["hosts"]).items():
        rows = tuple(_host_rows(host))
        if rows:
            blocks.setdefault(rows, []).append(name)
    table = []
    for block, names in sorted(blocks.items(), key=lambda item: min(item[1])):
        for index, row in enumerate(block):
            table.append([merge_host_names(names) if index == 0 else "", *row])
    if table and all(not row[6] for row in table):  # nothing was assumed
        return HEADS[:6] + HEADS[7:], [row[:6] + row[7:] for row in table]
    return HEADS, table


def _host_rows(host: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, ...]]:
    if host["status"] in ("failed", "unreachable"):
        yield ("", "", "", "", "", "", "%s: %s" % (host["status"], host.get("message") or "no reason was given"))
        return
    gpu = host.get("gpu")
    if not gpu:
        return
    first = (_driver(gpu), _devices(gpu))
    environments = sorted(gpu["environments"], key=lambda item: (_rank(item), item["prefix"]))
    for item in environments:
        answer = _word(item["assumed"]) if gpu["assumed"] else ""
        why = " ".join(item["reasons"][:2])
        yield (*first, item["prefix"], item["cuda"] or "", _word(item["present"]), answer, why)
        first = ("", "")
    if not environments:
        yield (*first, "(none with CUDA)", "", "", "", "")


def _rank(item: t.Mapping[str, t.Any]) -> int:
    """The place of an environment in the table: what fails comes first."""
    return min(_ORDER.index(answer) if answer in _ORDER else 0 for answer in (item["assumed"], item["present"]))


def _word(answer: str | None) -> str:
    return answer or "no driver"


def _driver(gpu: t.Mapping[str, t.Any]) -> str:
    driver = gpu["driver"] or gpu["user_driver"] or "none"
    assumed = (gpu["assumed"] or {}).get("driver")
    return "%s -> %s" % (driver, assumed) if assumed and assumed != driver else driver


def _devices(gpu: t.Mapping[str, t.Any]) -> str:
    """The kinds of GPUs with their numbers; what is assumed, where GPUs are assumed."""
    devices = (gpu["assumed"] or {}).get("devices") or gpu["devices"]
    counts: dict[str, int] = {}
    for device in devices:
        name = device.get("model") or device.get("name") or "unnamed"
        counts[name] = counts.get(name, 0) + 1
    words = ["%d x %s" % (number, name) if number > 1 else name for name, number in counts.items()]
    without = len(gpu["pci_only"])
    if without:
        words.append("%d without driver" % without)
    return ", ".join(words) or "none"


__all__ = ("HEADS", "gpu_rows")
