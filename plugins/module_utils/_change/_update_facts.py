# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is known of a base prefix and its channels when a newer tool is wanted, and what follows from it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Answer
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import (
    NamedPackage,
    Package,
    by_version,
    channel_of,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Tool
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record
from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel import parse_channel
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import (
    MatchSpec,
    MissingField,
    parse_match_spec,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version

_MINORS_OF_PYTHON = range(6, 40)


class Facts(t.NamedTuple):
    """What is known. What nobody has looked at keeps its default, and gives no diagnosis.

    :ivar tool: the tool that is to be updated.
    :ivar records: the records of the base prefix, with their depends.
    :ivar found: the answer to a search for the tool's package, see found_packages(); None when there was none.
    :ivar wanted: the lowest version that will do; None for the newest.
    :ivar pinned: the match specs of C(conda-meta/pinned).
    :ivar pinned_packages: those of the setting of this name.
    :ivar channels: names or URLs, the first with the highest priority.
    :ivar channel_priority: C(strict), C(flexible) or C(disabled).
    :ivar is_frozen: whether the base prefix is marked as frozen.
    :ivar override_frozen: whether the mark may be passed over.
    :ivar solver: the solver in force.
    :ivar exclude_newer: the setting of this name, a waiting time for new packages (conda 26.9).
    :ivar plan: the answer to the plan.
    """

    tool: Tool
    records: t.Sequence[Record]
    found: t.Optional[t.Sequence[Package]] = None
    wanted: t.Optional[str] = None
    pinned: t.Sequence[str] = ()
    pinned_packages: t.Sequence[str] = ()
    channels: t.Sequence[str] = ()
    channel_priority: str = "flexible"
    is_frozen: bool = False
    override_frozen: bool = False
    solver: t.Optional[str] = None
    exclude_newer: t.Optional[str] = None
    plan: t.Optional[Answer] = None

    @property
    def package(self) -> str:
        """The name of the package that is to be updated."""
        return self.tool.package

    def record(self, name: str) -> t.Optional[Record]:
        """The record of a package in the base prefix."""
        return next((record for record in self.records if record.name == name), None)

    @property
    def installed_version(self) -> str:
        """The version that is there, as the record tells it; that of the tool where there is no record."""
        record = self.record(self.package)
        return record.version if record else self.tool.version

    @property
    def newer(self) -> t.List[Package]:
        """The packages in the channels that are newer than what is there, and new enough; the oldest first."""
        packages = [package for package in self.found or () if is_before(self.installed_version, package.version)]
        return by_version(p for p in packages if self.wanted is None or not is_before(p.version, self.wanted))

    @property
    def newest(self) -> t.List[Package]:
        """All builds of the newest version of newer."""
        newer = self.newer
        return [package for package in newer if package.version == newer[-1].version]


def is_before(one: str, other: str) -> bool:
    """Whether one version is older than another; never for a text that is no version."""
    try:
        return parse_version(one) < parse_version(other)
    except InvalidVersion:
        return False


def spec_of(text: str) -> t.Optional[MatchSpec]:
    """The match spec in a text; None where it cannot be read."""
    try:
        return parse_match_spec(text)
    except SpecError:
        return None


def fits(spec: t.Optional[MatchSpec], package: NamedPackage) -> t.Optional[bool]:
    """Whether a package meets a spec; None where that cannot be judged."""
    keys = ("name", "version", "build", "build_number", "channel", "subdir", "url", "md5", "sha256")
    record = {key: getattr(package, key) for key in keys if getattr(package, key, None) is not None}
    try:
        return spec.match(record) if spec is not None else None
    except (MissingField, SpecError):
        return None


def specs_on(name: str, depends: t.Iterable[str]) -> t.List[t.Optional[MatchSpec]]:
    """The specs on one package among depends, which are written as NAME VERSION BUILD; None for what cannot be read."""
    return [spec_of(text) for text in depends if text.split(" ", 1)[0].lower() == name]


def fits_python(package: Package, python: NamedPackage) -> t.Optional[bool]:
    """Whether a package can stand beside a Python, as its depends say; None where that cannot be judged."""
    answers = [fits(spec, python) for spec in specs_on("python", package.depends)]
    return None if None in answers else all(answers)


def next_python(packages: t.Iterable[Package], python: NamedPackage) -> t.Optional[str]:
    """The lowest minor version of Python after this one that one of the packages can stand beside, such as C(3.11)."""
    packages = list(packages)
    for minor in _MINORS_OF_PYTHON:
        later = Package("python", "3.%d.50" % minor, "0")
        if is_before(python.version, "3.%d" % minor) and any(fits_python(package, later) for package in packages):
            return "3.%d" % minor
    return None


def first_channel(facts: Facts) -> t.Optional[str]:
    """The channel of highest priority that holds the package; None where the order is not known."""
    held = {channel_of(package) for package in facts.found or ()}
    for channel in facts.channels:
        try:
            name = parse_channel(channel).canonical_name
        except SpecError:
            return None
        if name in held:
            return name
    return None


__all__ = (
    "Facts",
    "first_channel",
    "fits",
    "fits_python",
    "is_before",
    "next_python",
    "spec_of",
    "specs_on",
)
