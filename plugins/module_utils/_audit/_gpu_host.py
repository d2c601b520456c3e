# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The GPUs of an audited host, as they are and as the options assume them, and what becomes of each environment."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._cuda_table import CudaTable
from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_parts import (
    Device,
    Stack,
    Target,
    Verdict,
    is_of_interest,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent
from ansible_collections.labfleet.conda.plugins.module_utils._system._gpu import (
    Hardware,
    capability_of,
    read_hardware,
)

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit

_Map = t.Dict[str, t.Any]


class _Expert:
    """Reads and judges CUDA stacks. Its code is long, and a host without a stack in any environment is spared it."""

    def __init__(self) -> None:
        from ansible_collections.labfleet.conda.plugins.module_utils._audit import _gpu_stack, _gpu_truth

        self.read_stack = _gpu_stack.read_stack
        self.judge = _gpu_truth.judge
        self.words = _gpu_truth.words


class GpuHost:
    """What the rules on GPUs ask; everything is looked at once, and only when it is asked for.

    :param audit: the context of the audit.
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self.table = CudaTable(audit.data.get("gpu") or {})
        self._hardware: t.Optional[Hardware] = None
        self._stacks: t.Dict[str, Stack] = {}
        self._verdicts: t.Dict[str, Verdict] = {}
        self._driver, self._devices = self._assumptions()

    @property
    def hardware(self) -> Hardware:
        """The hardware; what of it could not be read is told once as unreadable."""
        if self._hardware is None:
            self._hardware = read_hardware(self._audit.root, self._capability)
            for path, reason in self._hardware.notes:
                self._audit.unknown(path, reason)
        return self._hardware

    @property
    def present(self) -> Target:
        """The driver and the kinds of GPUs that programs of this root can use.

        A container without a libcuda was started without GPUs, whatever its host has.
        """
        found = self.hardware
        if self._audit.root.process is not None and found.user_driver is None:
            return Target(None)
        kinds = {Device(one.model or "a GPU without a name", one.capability): None for one in found.devices}
        return Target(found.driver or found.user_driver, tuple(kinds), compat=found.compat_driver)

    @property
    def assumed(self) -> t.Optional[Target]:
        """The same with the driver and the GPUs that the options or the policy assume; None if they assume none."""
        if self._driver is None and not self._devices:
            return None
        own = self.present
        return Target(
            driver=self._driver or own.driver,
            devices=self._devices or own.devices,
            assumed=self._driver is not None,
            compat=None if self._driver else own.compat,
        )

    @property
    def target(self) -> Target:
        """What environments are judged against: what is assumed, else what is there."""
        return self.assumed or self.present

    def stack(self, environment: Environment) -> Stack:
        """What of an environment has to do with CUDA."""
        if environment.prefix not in self._stacks:
            stack = Stack()
            if is_of_interest(environment):
                expert = _Expert()
                try:
                    with self._audit.root.directory(environment.prefix) as prefix:
                        stack = expert.read_stack(environment, prefix, self.table)
                except Absent:
                    self._audit.unknown(environment.prefix, "it vanished while it was looked at")
                for path, reason in stack.notes:
                    self._audit.unknown(path, reason)
            self._stacks[environment.prefix] = stack
        return self._stacks[environment.prefix]

    def verdict(self, environment: Environment) -> Verdict:
        """What becomes of an environment on the target."""
        if environment.prefix not in self._verdicts:
            stack, verdict = self.stack(environment), Verdict()
            if stack != Stack():
                verdict = _Expert().judge(stack, self.target, self.table)
            for text in verdict.unknown:
                self._audit.unknown(environment.prefix, "it is not known %s" % text)
            self._verdicts[environment.prefix] = verdict
        return self._verdicts[environment.prefix]

    def summary(self) -> t.Optional[_Map]:
        """The hardware and the verdicts as plain values; None if nobody asked, or there is nothing to tell."""
        found = self._hardware
        assumed = self.assumed if found else None
        if found is None or not (found.driver or found.user_driver or found.devices or found.pci_only or assumed):
            return None
        driver = found.driver or found.user_driver
        return {
            "driver": found.driver,
            "user_driver": found.user_driver,
            "compat_driver": found.compat_driver,
            "cuda": self.table.cuda_of_driver(driver) if driver else None,
            "toolkit": found.toolkit,
            "devices": [dict(device._asdict()) for device in found.devices],
            "pci_only": [dict(device._asdict()) for device in found.pci_only],
            "source": found.source,
            "tables": self.table.date,
            "assumed": self._as_assumed(assumed),
            "environments": [entry for entry in map(self._safe_entry, self._audit.environments) if entry is not None],
        }

    def _safe_entry(self, environment: Environment) -> t.Optional[_Map]:
        """The entry of an environment that has to do with GPUs; the rules have told of what cannot be judged."""
        if self._stacks.get(environment.prefix, Stack())[:3] == ((), (), ()):
            return None
        try:
            return self._entry(environment)
        except Exception:  # noqa: BLE001 - one environment must not end the audit of all others
            return None

    def _entry(self, environment: Environment) -> _Map:
        stack, expert = self._stacks[environment.prefix], _Expert()
        here = expert.judge(stack, self.present, self.table)
        there = expert.judge(stack, self.assumed, self.table) if self.assumed else None
        return {
            "prefix": environment.prefix,
            "name": self._audit.name_of(environment),
            "owner": self._audit.user(environment.uid),
            "cuda": stack.cuda,
            "holds": [expert.words(item) for item in stack.frameworks]
            or ["%s %s" % (item.package, item.version) for item in stack.toolkits + stack.cudnns],
            "present": _answer(here, stack, self.present),
            "assumed": _answer(there, stack, t.cast(Target, self.assumed)) if there else None,
            "reasons": _reasons(there or here),
        }

    def _as_assumed(self, target: t.Optional[Target]) -> t.Optional[_Map]:
        """The driver to judge by, and the GPUs if these are assumed too."""
        if target is None:
            return None
        return {"driver": target.driver, "devices": [dict(device._asdict()) for device in self._devices]}

    def _capability(self, model: str) -> t.Optional[str]:
        return capability_of(model, self.table.models, self.table.ambiguous)

    def _assumptions(self) -> t.Tuple[t.Optional[str], t.Tuple[Device, ...]]:
        driver = self._audit.options.gpu_driver or self._audit.policy.get("gpu.driver")
        if driver is not None and not re.match(r"^[1-9]\d{1,3}(?:\.\d{1,5}){0,3}$", str(driver)):
            self._audit.unknown(
                "/", "gpu_driver: %r is no driver: write for example 580 or 580.95.05" % str(driver)[:50]
            )
            driver = None
        devices = []
        for name in self._audit.options.gpu_devices:
            is_capability = re.match(r"^\d{1,2}\.\d$", name)
            devices.append(
                Device("a GPU of capability %s" % name, name) if is_capability else Device(name, self._capability(name))
            )
        return str(driver) if driver is not None else None, tuple(devices)


def _answer(verdict: Verdict, stack: Stack, target: Target) -> t.Optional[str]:
    """The verdict in a word; None where there is no driver to judge by."""
    if target.driver is None:
        return None
    if stack.cuda is None and verdict.of("env.gpu_cpu_only"):
        return "cpu only"
    return "no cuda" if stack.cuda is None and not verdict.unknown else verdict.answer


def _reasons(verdict: Verdict) -> t.List[str]:
    found = [problem.evidence for rule, problem in verdict.problems if rule in ("env.gpu_driver", "env.gpu_arch")]
    found += [problem.evidence for problem in verdict.of("env.gpu_cpu_only")]
    return found + ["It is not known %s." % text for text in verdict.unknown]


__all__ = ("GpuHost",)
