# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a host has registered: whether it was looked at, and why not."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import KINDS
from ansible_collections.labfleet.conda.plugins.plugin_utils._packed import opened
from ansible_collections.labfleet.conda.plugins.plugin_utils._sent import check_sent

# What differs between two looks at the same, unchanged host.
_VOLATILE = ("seconds", "files_opened", "invocation", "changed", "failed", "warnings", "_ansible_no_log")
# The states of a host that told something.
SEEN = ("ok", "incomplete")


def host_entry(result: t.Mapping[str, t.Any] | None, *, mark: str) -> dict[str, t.Any]:
    """The entry of a host in a document of the fleet.

    :param result: what the module returned, or what the task's failure left; None for a host that gave nothing.
    :param mark: the key that only a host that was looked at returns.
    :returns: a C(status): ok, incomplete, failed or unreachable; for the last two with a C(message), else with all that
        the module returned and that is the same when nothing has changed.
    """
    if result is None:
        return {"status": "failed", "message": "the host gave no result"}
    if mark not in result:
        status = "unreachable" if result.get("unreachable") else "failed"
        return {"status": status, "message": message_of(result)}
    kept = {key: value for key, value in result.items() if key not in _VOLATILE and not key.startswith("_")}
    return {"status": "ok" if result.get("complete") else "incomplete", **kept}


def message_of(result: t.Mapping[str, t.Any]) -> str:
    """Why a host gave nothing, in one line: ansible-core's message, and what the interpreter said if it never ran."""
    message = " ".join(str(result.get("msg") or "no reason was given").split())
    while message.startswith(("Task failed: ", "Action failed: ")):
        message = message.partition(": ")[2]
    said = str(result.get("module_stderr") or "").strip().splitlines()
    return "%s (%s)" % (message, said[-1].strip()) if said else message


def hosts_summary(hosts: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The numbers that every document of the fleet tells of its hosts."""
    looked = [host for host in hosts.values() if host["status"] in SEEN]
    return {
        "hosts": sum("inside" not in host for host in hosts.values()),
        **{kind: sum(_kind(host) == kind[:-1] for host in hosts.values()) for kind in KINDS},
        "hosts_not_seen": sorted(name for name, host in hosts.items() if host["status"] not in SEEN),
        "hosts_incomplete": sorted(name for name, host in hosts.items() if host["status"] == "incomplete"),
        "installations": sum(len(host["installations"]) for host in looked),
        "environments": sum(len(host["environments"]) for host in looked),
        "unreadable": sum(host["unreadable_count"] for host in looked),
    }


def _kind(host: t.Mapping[str, t.Any]) -> str | None:
    return (host.get("inside") or {}).get("kind")


def registered(task_vars: t.Mapping[str, t.Any], hosts: t.Iterable[str], variable: str) -> dict[str, t.Any]:
    """What each host has registered, packed or not, without templating it: results of a large fleet are large.

    :returns: per host the result, None where there is none.
    :raises ValueError: a host is not in the inventory, or no host at all has registered the variable.
    """
    hostvars = task_vars["hostvars"]
    found: dict[str, t.Any] = {}
    texts: dict[str, str] = {}
    for host in hosts:
        if host not in hostvars:
            raise ValueError("hosts: there is no host %r in the inventory." % host)
        value = hostvars.raw_get(host).get(variable)
        found[host] = _of_host(value, texts) if isinstance(value, dict) else None
    if found and not any(found.values()):
        message = "No host has registered a variable %r: name the one given to register in the task before."
        raise ValueError(message % variable)
    return found


def _of_host(value: t.Mapping[str, t.Any], texts: dict[str, str]) -> dict[str, t.Any]:
    """What a host told; where it could not have been said by the module, a failure, so that no host can spoil the rest.

    :param texts: all texts of findings so far. Most hosts of a fleet have the same, of which one each is kept.
    """
    try:
        found = opened(value)
        check_sent(found, texts)
    except ValueError as error:
        return {"failed": True, "msg": str(error)}
    return found


__all__ = ("SEEN", "host_entry", "hosts_summary", "message_of", "registered")
