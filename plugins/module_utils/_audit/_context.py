# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a check gets to look at: everything that was found below a root, the policy, and the data of the controller."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_host import GpuHost
from ansible_collections.labfleet.conda.plugins.module_utils._audit._policy import Policy
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._discover._homes import Home
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Cache
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import ShareIsUp
from ansible_collections.labfleet.conda.plugins.module_utils._system._shares import Shares

_T = t.TypeVar("_T")


class AuditOptions(t.NamedTuple):
    """What to judge, beyond what to look at (_discover._scan.Options); module conda_audit documents it."""

    families: t.Sequence[str] = ()
    minimum_severity: str = "info"
    integrity: str = "files"
    storage: bool = False
    packages: bool = False
    gpu_driver: t.Optional[str] = None
    gpu_devices: t.Sequence[str] = ()


class Audit:
    """The context of all checks.

    :param look: a look that has come to its end, or was cut short.
    :param prepared: what the controller hands over: C(policy), C(advisories), C(gpu), C(releases), C(now).
    :param options: what to judge.
    """

    def __init__(self, look: Look, prepared: t.Mapping[str, t.Any], options: AuditOptions) -> None:
        self.look = look
        self.options = options
        self.data = prepared
        self.policy = Policy(prepared.get("policy") or {})
        self.now: float = float(prepared.get("now") or 0)
        self.root = look.survey.root
        self.shares = Shares(self.root)
        self.report = look.report
        self.survey = look.survey
        self.coverage: t.Dict[str, int] = {}
        self._memo: t.Dict[t.Any, t.Any] = {}

    @property
    def homes(self) -> t.List[Home]:
        return self.survey.homes

    @property
    def installations(self) -> t.List[Installation]:
        return self.look.result.installations

    @property
    def environments(self) -> t.List[Environment]:
        """All environments, base prefixes included, by prefix."""
        return self.memo(
            "environments", lambda: sorted(self.survey.environments.values(), key=lambda item: item.prefix)
        )

    @property
    def configurations(self) -> t.List[Configuration]:
        """The settings in force, per installation for everybody (user None), and for each user with own files."""
        return self.memo("configurations", lambda: list(self.look.configurations.all()))

    @property
    def caches(self) -> t.List[Cache]:
        """All package caches, by path."""
        return [cache for _path, cache in sorted(self.look.result.caches.items())]

    @property
    def gpu(self) -> GpuHost:
        """The GPUs of the host and what becomes of each environment on them; looked at when first asked."""
        return self.memo("gpu", lambda: GpuHost(self))

    @property
    def gpu_summary(self) -> t.Optional[t.Dict[str, t.Any]]:
        """What the rules on GPUs have seen, as plain values; looks at nothing."""
        return self.gpu.summary()

    def records(self, environment: Environment) -> t.Sequence[Record]:
        """The content of the records of an environment; what could not be read is in the report, not here."""
        return environment.details or ()

    def name_of(self, environment: Environment) -> t.Optional[str]:
        """The name under which its owner's conda knows an environment."""
        parents = self.look.result.parents
        return parents.name_of(environment) if parents else None

    def installation_of(self, environment: Environment) -> t.Optional[Installation]:
        """The installation that an environment belongs to, if anything tells."""
        parents = self.look.result.parents
        parent = parents.of(environment) if parents else None
        by_prefix = self.memo("by prefix", lambda: {item.prefix: item for item in self.installations})
        return by_prefix.get(parent.prefix) if parent else None

    def is_base(self, environment: Environment) -> bool:
        """Whether it is the base prefix of an installation."""
        bases = self.memo("bases", lambda: {item.prefix for item in self.installations if item.environment})
        return environment.prefix in bases

    def user(self, uid: int) -> str:
        """The name of a user; the number where nobody has it any more."""
        return self.root.identities.user_name(uid) or str(uid)

    def group(self, gid: int) -> str:
        """The name of a group; the number where it has none."""
        return self.root.identities.group_name(gid) or str(gid)

    def unknown(self, path: str, reason: str) -> None:
        """Note what a check could not see: it is told as unreadable, never as clean."""
        self.report.add(path, reason)

    def within_share(self, user: t.Optional[int], path: str, look: t.Callable[[], _T]) -> t.Optional[_T]:
        """What look() returns, if it ends within a user's share of the time; else None, which is noted."""
        try:
            with self.shares.of(user):
                self.root.check_time(path)
                return look()
        except ShareIsUp:
            self.unknown(path, "what user %s has is too much to judge all of it in time" % self.user(user or 0))
            return None

    def memo(self, key: t.Any, make: t.Callable[[], _T]) -> _T:
        """What make() returns, made once per audit."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]


__all__ = ("Audit", "AuditOptions")
