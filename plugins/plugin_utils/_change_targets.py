# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is to be changed on one host, and what is left out, from what conda_info has found there and the policy."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._fix_lines import mending_spec
from ansible_collections.labfleet.conda.plugins.plugin_utils._packages import (
    QuestionError,
    matches,
    python_name,
    python_package,
    read_spec,
)

_Map = t.Mapping[str, t.Any]
MINIMUM = "minimum"
_KINDS = ("conda", "mamba", "micromamba")


class Plan(t.NamedTuple):
    """What is to be done on one host.

    :param targets: what to give conda_update: C(prefix), C(environment), C(version), C(packages) and the options of the
        policy, with C(kind), C(owner) and C(wanted) for those who read.
    :param left_out: C(prefix) and C(reason).
    """

    targets: list[dict[str, t.Any]]
    left_out: list[dict[str, str]]

    def leave_out(self, prefix: str, reason: str) -> None:
        self.left_out.append({"prefix": prefix, "reason": reason})


def update_targets(
    found: _Map,
    policy: _Map,
    *,
    prefixes: t.Collection[str] = (),
    homes: bool = False,
    version: str | None = None,
    python: str | None = None,
) -> Plan:
    """The base prefixes to update.

    :param found: the result of conda_info.
    :param policy: the values of the merged policy.
    :param prefixes: only these; without any, those that belong to root or to the owner that the policy names.
    :param homes: without C(prefixes), those of other users too.
    :param version: in place of what the policy says: C(minimum), or what conda_update takes.
    :param python: in place of what the policy says.
    """
    plan = Plan([], [])
    wanted = {prefix.rstrip("/") for prefix in prefixes}
    owners = {"root", policy["permissions"]["base_owner"]}
    for item in found["installations"]:
        prefix = item.get("prefix")
        if wanted and prefix not in wanted:
            continue
        if reason := _why_not(item, named=bool(wanted), owners=None if homes or wanted else owners):
            plan.leave_out(prefix or item.get("program") or "?", reason)
            continue
        text = _version(version or policy["update"]["version"], item["kind"], policy)
        if text is None:
            plan.leave_out(prefix, "the policy has no versions.minimum for %s" % item["kind"])
            continue
        plan.targets.append(
            {
                **_target(item, policy, python=python),
                "version": text,
                "wanted": "the newest" if text == "newest" else "%s %s" % (item["kind"], text),
            }
        )
    for prefix in sorted(wanted - {item.get("prefix") for item in found["installations"]}):
        plan.leave_out(prefix, "no conda, mamba or micromamba was found there")
    return plan


def _why_not(item: _Map, *, named: bool, owners: t.Collection[str] | None) -> str | None:
    if item["kind"] not in _KINDS:
        return "%s has no base prefix that could be changed; it updates itself" % item["kind"]
    if not item.get("prefix"):
        return "it is a program that stands alone"
    if item.get("version") is None or not item.get("program"):
        return "its version or its program is unknown"
    if item.get("secondary") and not named:
        return "it lies in an environment of another installation; name it to update it"
    if owners is not None and item.get("owner") not in owners:
        return "it is the user %s's own" % item.get("owner")
    return None


def _version(wanted: str, kind: str, policy: _Map) -> str | None:
    if wanted != MINIMUM:
        return wanted
    floor = (policy["versions"]["minimum"] or {}).get(kind)
    return ">=%s" % floor if floor else None


def _target(item: _Map, policy: _Map, *, python: str | None = None) -> dict[str, t.Any]:
    rules = policy["update"]
    return {
        "prefix": item["prefix"],
        "environment": None,
        "kind": item["kind"],
        "owner": item.get("owner"),
        "packages": [],
        "python": python or rules["python"],
        "override_frozen": rules["override_frozen"],
        "keep_snapshots": rules["keep_snapshots"],
    }


def lift_targets(
    found: _Map,
    policy: _Map,
    *,
    spec: str,
    to: str | None = None,
    prefixes: t.Collection[str] = (),
    users: t.Collection[str] = (),
) -> Plan:
    """The environments that hold a package which is to go, base prefixes among them.

    :param spec: what is to go, such as C(openssl<3.0.14).
    :param to: what is to be there instead; None for what lies above the range of C(spec).
    :param prefixes: only these environments.
    :param users: only those of these users.
    :raises QuestionError: C(spec) is none, or nothing tells what to lift to.
    """
    old = read_spec(spec)
    if not old.names_one_package:
        raise QuestionError("%r names no single package. Write it as for conda, for example 'openssl <3.0.13'." % spec)
    _above(str(old.name), old.version, to, [])
    installations = {item["prefix"]: item for item in found["installations"] if item.get("prefix")}
    plan = Plan([], [])
    for environment in found["environments"]:
        if prefixes and environment["prefix"] not in prefixes or users and environment["owner"] not in users:
            continue
        by_pip = [item for item in map(python_package, environment["pip_packages"]) if _is(item, old, python_name)]
        if by_pip:
            text = "pip installed %s %s there, which conda cannot lift"
            plan.leave_out(environment["prefix"], text % (by_pip[0]["name"], by_pip[0]["version"]))
        mine = [record for record in environment.get("records") or () if matches(record, old)]
        if not mine:
            continue
        item = installations.get(environment["installation"])
        if item is None or item["kind"] not in _KINDS or not item.get("program"):
            plan.leave_out(environment["prefix"], "no conda, mamba or micromamba is known that it belongs to")
            continue
        specs = sorted({_above(record["name"], old.version, to, [record["version"]]) for record in mine})
        target = {**_target(item, policy), "environment": environment["prefix"], "owner": environment["owner"]}
        plan.targets.append({**target, "version": "any", "packages": specs, "wanted": ", ".join(specs)})
    return plan


def _is(package: _Map, spec: t.Any, spelled: t.Callable[[str], str]) -> bool:
    """Whether a package of pip is the one that is to go."""
    return spelled(str(spec.name)) == package["name"] and bool(matches({**package, "name": spec.name}, spec))


def _above(name: str, condition: str | None, to: str | None, versions: t.Sequence[str]) -> str:
    target = to or mending_spec(name, condition, versions)
    if target is None:
        text = "%s%s has no upper bound, so what to lift to is not known: give it, for example as '%s>=1.2'."
        raise QuestionError(text % (name, condition or "", name))
    return target


__all__ = ("MINIMUM", "Plan", "lift_targets", "update_targets")
