# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the control node does for the audit of one host: before the host judges, and after."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._packed import counts_of, pack
from ansible_collections.labfleet.conda.plugins.plugin_utils import _advisories, _gpu_data, _policy, _vex
from ansible_collections.labfleet.conda.plugins.plugin_utils._pip_advisories import PipAdvisories, settle

_Map = dict[str, t.Any]


class Preparation(t.NamedTuple):
    """What was prepared.

    :param for_host: what the host is given.
    :param policy: the merged policy.
    :param pip: the advisories on packages of PyPI, which are judged here.
    :param about: date, source and number of the advisories.
    """

    for_host: _Map
    policy: _Map
    pip: PipAdvisories
    about: _Map


def prepare(options: t.Mapping[str, t.Any], *, host: str, groups: t.Iterable[str]) -> Preparation:
    """Merge the policy and load the data.

    :param options: C(policy), C(advisories) and C(vex), as the module conda_audit documents them, or None.
    :param host: the name of the host in the inventory.
    :param groups: the groups that it is in.
    :raises PolicyError: the policy cannot be used.
    :raises AdvisoryError: the advisories, or the VEX documents, cannot be used.
    """
    merged = _policy.merge_layers(options.get("policy") or {}, _policy.known_rules())
    files = options.get("advisories"), options.get("vex") or ()
    given = _Data(*files) if any(files) else _shipped()
    about = {key: given.advisories[key] for key in ("date", "source")}
    return Preparation(
        for_host={"policy": _policy.for_host(merged, host, groups), "advisories": given.packed, "gpu": given.gpu},
        policy=merged,
        pip=given.pip,
        about={**about, "count": len(given.advisories["advisories"])},
    )


class _Data:
    """Data that is the same for all hosts, in the form in which they are given it; to be read only.

    :raises AdvisoryError: the advisories, or the VEX documents, cannot be used.
    """

    def __init__(self, advisories: str | None = None, vex: t.Iterable[str] = ()) -> None:
        self.advisories = _advisories.load(advisories)
        statements = _vex.load_vex(vex)
        self.pip = PipAdvisories(self.advisories, statements)
        self.packed = pack(_advisories.for_host(self.advisories, statements))
        self.gpu = _gpu_data.for_host(_gpu_data.load())


@functools.lru_cache(maxsize=1)
def _shipped() -> _Data:
    """What the collection ships, made once for each process and all those that are copies of it.

    Ansible runs the task of each host in a copy of its own process, so it pays to call this in the latter.
    """
    return _Data()


def finish(result: _Map, preparation: Preparation, *, minimum_severity: str, now: float, whole: bool = True) -> None:
    """Judge what the host has left open, and add what the report needs to know of the policy.

    :param result: what the module returned; changed in place.
    :param minimum_severity: what is less severe was left out.
    :param whole: whether all families of rules were asked.
    :param now: the time, in seconds since the epoch.
    """
    rules = preparation.policy["values"].get("rules") or {}
    for part in (result, *(result.get("containers") or ()), *(result.get("images") or ())):
        part["findings"], part["coverage"] = settle(
            part["findings"],
            part["coverage"],
            preparation.pip,
            severity=rules.get("env.vuln"),
            minimum=minimum_severity,
        )
        part["counts"] = counts_of(part["findings"])
    if result.get("images"):
        _add_statuses(result["images"], preparation, minimum_severity if whole else None, now)
    result.update(told(preparation, minimum_severity=minimum_severity))


def told(preparation: Preparation, *, minimum_severity: str) -> _Map:
    """What the report needs to know of the policy and the data."""
    values = preparation.policy["values"]
    return {
        "minimum_severity": minimum_severity,
        "advisories": preparation.about,
        "gates": values.get("gates") or {},
        "rules_off": sorted(rule for rule, severity in (values.get("rules") or {}).items() if severity == "off"),
    }


def _add_statuses(images: t.Iterable[_Map], preparation: Preparation, least: str | None, now: float) -> None:
    from ansible_collections.labfleet.conda.plugins.plugin_utils._image_status import image_status, is_judged

    thresholds = preparation.policy["values"]["images"]
    judged = least is not None and is_judged(thresholds["blocked_on"], least)
    for image in images:
        image["health"] = image_status(image, thresholds, now=now, judged=judged)


__all__ = ("Preparation", "finish", "prepare", "told")
