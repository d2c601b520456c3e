# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""A first look at one environment, in milliseconds: enough to see that nothing is to be done in it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_wanted import Installed
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import (
    Environment,
    read_environment,
    site_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import (
    Distribution,
    distributions,
    normalize,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import (
    BadRecord,
    Record,
    RecordName,
    parse_record,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_JOURNAL = ".labfleet-conda/journal.json"
_MAX_ORIGIN = 65536


class Glance(t.NamedTuple):
    """What was seen of an environment.

    :ivar is_pending: whether a change of it was interrupted, or is not in the ledger yet.
    """

    environment: Environment
    is_pending: bool
    root: Root

    @property
    def prefix(self) -> str:
        return self.environment.prefix

    def content(self, name: RecordName) -> t.Optional[Record]:
        """The content of a record; None where it cannot be read."""
        try:
            with self.root.directory(self.prefix + "/conda-meta") as meta:
                return parse_record(meta.read(name.file_name), expected=name)
        except (Absent, Unreadable, BadRecord):
            return None

    def python_packages(self, *, with_origin: bool = False) -> t.Dict[str, Installed]:
        """The Python packages by their normal names; of one that is there twice, the one that conda did not bring.

        :param with_origin: read where those come from that pip installed.
        """
        python = self.environment.record("python")
        if python is None:
            return {}
        by_pip = {(item.name, item.version) for item in self.environment.pip_packages}
        found: t.Dict[str, Installed] = {}
        try:
            with self.root.directory("%s/%s" % (self.prefix, site_packages(python))) as packages:
                for item in distributions(packages.names()):
                    by_conda = (item.name, item.version) not in by_pip
                    origin = _origin(packages, item) if with_origin and not by_conda else None
                    name = normalize(item.name)
                    if not by_conda or name not in found:
                        found[name] = Installed(name, item.version, by_conda, origin)
        except (Absent, Unreadable):
            return {}
        return found


def _origin(packages: Directory, item: Distribution) -> t.Optional[bytes]:
    try:
        with packages.directory(item.directory) as metadata:
            return metadata.read("direct_url.json", limit=_MAX_ORIGIN)
    except (Absent, Unreadable):
        return None


def glance_at(prefix: str) -> Glance:
    """Look at the environment at a path.

    :raises Refused: there is none, or it cannot be read.
    """
    root = Root("/")
    try:
        with root.directory(prefix) as directory:
            environment = read_environment(directory, report=Report())
            is_pending = directory.has(_JOURNAL)
    except Absent as error:
        text = "There is no environment at %s: it has no conda-meta directory. Make it first, with conda_env."
        raise Refused(text % prefix) from error
    except Unreadable as error:
        raise Refused("%s cannot be looked at: %s." % (error.path, error.reason)) from error
    return Glance(environment, is_pending, root)


__all__ = ("Glance", "glance_at")
