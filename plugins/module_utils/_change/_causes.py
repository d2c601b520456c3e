# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What keeps a base prefix from a newer conda or mamba: one function for each cause that can be told beforehand."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._package import NamedPackage, Package, channel_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_facts import (
    Facts,
    first_channel,
    fits,
    fits_python,
    is_before,
    next_python,
    spec_of,
    specs_on,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import MatchSpec
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text

_METAPACKAGES = ("anaconda", "anaconda-navigator")
_TLS_USERS = ("cryptography", "pyopenssl")
# Repairs that conda-forge made to the metadata of old packages (conda-forge-repodata-patches-feedstock): mamba before
# the first version works with conda before the second only.
_MAMBA_LIMITS = (("0.24", "4.13"), ("1.4", "23.4"), ("1.5.2", "23.9"))


class Diagnosis(t.NamedTuple):
    """Why something did not go as it should.

    :ivar id: the name of the cause.
    :ivar cause: what is the matter, in one sentence.
    :ivar remedy: what to do, in one sentence.
    :ivar evidence: what it was seen by.
    """

    id: str
    cause: str
    remedy: str
    evidence: t.Tuple[str, ...] = ()


def diagnosis(name: str, cause: str, remedy: str, evidence: t.Iterable[str] = ()) -> Diagnosis:
    """A diagnosis in which secrets are masked."""
    return Diagnosis(name, mask_text(cause), mask_text(remedy), tuple(mask_text(text) for text in evidence))


def channel_empty(facts: Facts) -> t.Iterator[Diagnosis]:
    """The channels do not even hold what is installed: a portal's HTML counts as an empty channel for many condas."""
    if facts.found is None:
        return
    if not facts.found:
        yield diagnosis(
            "channel_empty",
            "The channels hold no %s at all, so an index that was read is probably not the real one: an empty mirror,"
            " or a portal's HTML page in its place." % facts.package,
            "Fetch repodata.json of each channel from this host by hand, and correct the channel, the mirror or the"
            " proxy.",
            _channels(facts),
        )
    elif facts.record(facts.package) and all(is_before(p.version, facts.installed_version) for p in facts.found):
        newest = facts.found[-1].version
        yield diagnosis(
            "channel_behind",
            "The channels hold only older versions than the one that is installed, so they are not where it came from,"
            " or a mirror has fallen behind.",
            "Bring the mirror up to date, or add the channel from which %s was installed." % facts.package,
            ("installed: %s, newest in the channels: %s" % (facts.installed_version, newest), *_origin(facts)),
        )


def nothing_newer(facts: Facts) -> t.Iterator[Diagnosis]:
    """The channels have nothing newer, or not what is wanted."""
    if not facts.found or facts.newer:
        return
    newest = facts.found[-1].version
    if facts.wanted is not None and is_before(newest, facts.wanted):
        yield diagnosis(
            "version_not_in_channels",
            "The channels hold no %s %s or newer." % (facts.package, facts.wanted),
            "Ask for a version that is there, or use channels that hold it.",
            ("newest in the channels: %s" % newest, *_channels(facts)),
        )
    elif not is_before(newest, facts.installed_version):
        yield diagnosis(
            "nothing_newer",
            "The installed %s is the newest that these channels hold." % facts.package,
            "Nothing is to be done.",
            ("newest in the channels: %s" % newest,),
        )


def frozen(facts: Facts) -> t.Iterator[Diagnosis]:
    """The base prefix is frozen (CEP 22)."""
    if facts.is_frozen and not facts.override_frozen:
        yield diagnosis(
            "frozen",
            "The base prefix is marked as frozen, so its owner does not want it changed.",
            "Allow the change of a frozen environment for this update, or run 'conda self update' where conda-self is"
            " installed.",
            ("%s/conda-meta/frozen" % facts.tool.prefix,),
        )


def no_channels(facts: Facts) -> t.Iterator[Diagnosis]:
    """No channel is configured, and conda has had no default since 25.9."""
    if facts.found is None and not facts.channels and facts.tool.kind == "conda" and facts.tool.since("25.9"):
        yield diagnosis(
            "no_channels",
            "No channel is configured, and conda has had none by default since 25.9.",
            "Set channels in the condarc of the base prefix, or give channels to this update.",
        )


def python_pin(facts: Facts) -> t.Iterator[Diagnosis]:
    """The solver keeps the minor version of Python, and the newest conda has no build for it."""
    python, newest = facts.record("python"), facts.newest
    if python is None or not newest or any(fits_python(package, python) is not False for package in newest):
        return
    fitting = [package for package in facts.newer if fits_python(package, python)]
    minor = ".".join(python.version.split(".")[:2])
    later = next_python(newest, python)
    depends = sorted({spec for p in newest for spec in p.depends if spec.split(" ", 1)[0] == "python"})
    best = "the newest for Python %s: %s" % (minor, fitting[-1].version) if fitting else "none newer for this Python"
    is_ancient = not fitting and is_before(facts.installed_version, "4.6") and is_before(python.version, "3.7")
    if is_ancient:
        yield _ancient(facts, python)
    yield diagnosis(
        "python_pin",
        "%s %s does not run on Python %s, and the solver keeps the minor version of Python of the base prefix."
        % (facts.package, newest[-1].version, minor),
        "Ask for both in one step: '%s>=%s' and '%s'."
        % (facts.package, newest[-1].version, "python=" + later if later else "python")
        + (" Or take %s %s, the newest for this Python." % (facts.package, fitting[-1].version) if fitting else ""),
        (
            "base: python %s" % python.version,
            "%s %s: %s" % (facts.package, newest[-1].version, ", ".join(depends)),
            best,
        ),
    )


def _ancient(facts: Facts, python: Record) -> Diagnosis:
    return diagnosis(
        "ancient",
        "conda %s on Python %s is so old that no step leads from it to a newer one."
        % (facts.tool.version, python.version),
        "Install a new base prefix beside it, and move the environments there.",
        ("conda %s" % facts.tool.version, "python %s" % python.version),
    )


def pinned(facts: Facts) -> t.Iterator[Diagnosis]:
    """A pin holds the package, or something that the newest version of it needs in another version."""
    newest = facts.newest
    places = ((facts.pinned, "%s/conda-meta/pinned" % facts.tool.prefix), (facts.pinned_packages, "pinned_packages"))
    for texts, place in places if newest else ():
        for text in texts:
            if _holds(text, facts, newest):
                yield diagnosis(
                    "pinned",
                    "The pin %r in %s does not allow %s %s." % (text, place, facts.package, newest[-1].version),
                    "Remove or change the pin; nothing on the command line overrides it.",
                    ("%s: %s" % (place, text),),
                )


def _holds(text: str, facts: Facts, newest: t.Sequence[Package]) -> bool:
    """Whether a pin keeps back the newest version. A pin without conditions locks what is installed (libmamba)."""
    spec = spec_of(text)
    if spec is None:
        return False
    if spec.name == facts.package:
        return spec.fields == ("name",) or all(fits(spec, package) is False for package in newest)
    record = facts.record(spec.name)
    if record is None or fits(spec, record) is False:
        return False
    candidates = _within(spec, record)
    return bool(candidates) and all(
        any(_meets_none(need, candidates) for need in specs_on(spec.name, package.depends)) for package in newest
    )


def _within(spec: MatchSpec, record: Record) -> t.List[NamedPackage]:
    """The ends of what a pin allows: one version, or those with one start; of other pins nothing can be told."""
    version = spec.version or ""
    if not any(sign in version for sign in "<>!|,*~^$"):
        return [record]
    if version.endswith(".*") and not any(sign in version[:-2] for sign in "<>!|,*~^$="):
        return [record, *(Package(spec.name, version[:-1] + end, record.build) for end in ("0", "99999"))]
    return []


def _meets_none(need: t.Optional[MatchSpec], candidates: t.Iterable[NamedPackage]) -> bool:
    return all(fits(need, candidate) is False for candidate in candidates)


def held_by(facts: Facts) -> t.Iterator[Diagnosis]:
    """An installed package does not allow the newest version: a metapackage, a navigator, an old mamba."""
    newest = facts.newest
    for record in facts.records if newest else ():
        for spec in specs_on(facts.package, (*record.depends, *record.constrains)):
            if all(fits(spec, package) is False for package in newest):
                yield _held(facts, record, str(spec), newest[-1].version)
                break


def _held(facts: Facts, record: Record, spec: str, version: str) -> Diagnosis:
    evidence = ("%s %s depends on %s" % (record.name, record.version, spec),)
    cause = "%s %s does not allow %s %s." % (record.name, record.version, facts.package, version)
    if record.name in _METAPACKAGES:
        remedy = "Remove %s from the base prefix; install it in an environment of its own." % record.name
        return diagnosis("metapackage", cause, remedy, evidence)
    if record.name == "mamba":
        return diagnosis("mamba_holds_conda", cause, "Update mamba in the same step.", evidence)
    return diagnosis("held_by_package", cause, "Update %s in the same step, or remove it." % record.name, evidence)


def old_mamba(facts: Facts) -> t.Iterator[Diagnosis]:
    """A mamba whose own metadata does not say that it breaks with a newer conda."""
    mamba, newest = facts.record("mamba"), facts.newest
    if facts.package != "conda" or mamba is None or not newest:
        return
    for before, conda in _MAMBA_LIMITS:
        if is_before(mamba.version, before) and not is_before(newest[-1].version, conda):
            yield diagnosis(
                "mamba_holds_conda",
                "mamba %s does not work with conda %s or newer." % (mamba.version, conda),
                "Update mamba in the same step: 'mamba>=%s'." % before,
                ("mamba %s" % mamba.version,),
            )
            return


def old_solver_plugin(facts: Facts) -> t.Iterator[Diagnosis]:
    """The experimental libmamba plugin does not let conda past 22.9."""
    plugin = facts.record("conda-libmamba-solver")
    if facts.package == "conda" and plugin is not None and is_before(facts.installed_version, "22.11"):
        yield diagnosis(
            "old_solver_plugin",
            "conda-libmamba-solver %s was made for conda before 22.11, and blocks newer ones." % plugin.version,
            "Update to conda 22.11 first, with the solver classic; then go on.",
            ("conda %s" % facts.installed_version, "conda-libmamba-solver %s" % plugin.version),
        )


def channel_priority(facts: Facts) -> t.Iterator[Diagnosis]:
    """A channel of higher priority holds only older versions."""
    newest, first = facts.newest, first_channel(facts)
    if facts.channel_priority == "disabled" or not newest or first is None:
        return
    if first in {channel_of(package) for package in newest}:
        return
    best = [package for package in facts.found or () if channel_of(package) == first][-1]
    source = channel_of(newest[-1])
    yield diagnosis(
        "channel_priority",
        "%s %s is in %s, but the channel %s comes first and holds no newer one than %s."
        % (facts.package, newest[-1].version, source, first, best.version),
        "Use %s alone for this update (override_channels), or put it first." % source,
        ("channel_priority: %s" % facts.channel_priority, *_channels(facts), *_origin(facts)),
    )


def solver_pairing(facts: Facts) -> t.Iterator[Diagnosis]:
    """A solver plugin of before July 2024 does not work with libmambapy 2."""
    plugin, binding = facts.record("conda-libmamba-solver"), facts.record("libmambapy")
    if plugin and binding and is_before(plugin.version, "24.7") and not is_before(binding.version, "2.0.0a0"):
        yield diagnosis(
            "solver_pairing",
            "conda-libmamba-solver %s does not work with libmambapy %s." % (plugin.version, binding.version),
            "Update both in one step, with the solver classic.",
            ("conda-libmamba-solver %s" % plugin.version, "libmambapy %s" % binding.version),
        )


def tls_mix(facts: Facts) -> t.Iterator[Diagnosis]:
    """OpenSSL and what is built on it come from different channels."""
    openssl = facts.record("openssl")
    channel = channel_of(openssl) if openssl else None
    for record in facts.records if channel else ():
        other = channel_of(record)
        if record.name in _TLS_USERS and other not in (None, channel):
            yield diagnosis(
                "tls_mix",
                "openssl comes from %s and %s from %s, which may not fit each other." % (channel, record.name, other),
                "Install both from one channel; if conda no longer starts, restore a snapshot or reinstall base.",
                ("openssl: %s" % channel, "%s: %s" % (record.name, other)),
            )


def exclude_newer(facts: Facts) -> t.Iterator[Diagnosis]:
    """New packages have to wait."""
    if facts.exclude_newer and facts.newer:
        yield diagnosis(
            "exclude_newer",
            "The setting exclude_newer (%s) keeps packages back that are younger." % facts.exclude_newer,
            "Wait, or change the setting.",
            ("exclude_newer: %s" % facts.exclude_newer,),
        )


def no_better_solution(facts: Facts) -> t.Iterator[Diagnosis]:
    """The solver was content with what is there."""
    if facts.newer and facts.plan is not None and facts.plan.nothing_to_do:
        yield diagnosis(
            "no_better_solution",
            "A newer %s is there, and the solver sees no reason to change anything." % facts.package,
            "Install it with a lower bound, which makes the solver say what is in the way: '%s>=%s'."
            % (facts.package, facts.newest[-1].version),
            ("newest in the channels: %s" % facts.newest[-1].version,),
        )


def _channels(facts: Facts) -> t.List[str]:
    return ["channel: %s" % channel for channel in facts.channels]


def _origin(facts: Facts) -> t.List[str]:
    record = facts.record(facts.package)
    channel = channel_of(record) if record else None
    return ["installed from: %s" % channel] if channel else []


CAUSES = (
    channel_empty,
    no_channels,
    frozen,
    nothing_newer,
    python_pin,
    pinned,
    held_by,
    old_solver_plugin,
    old_mamba,
    channel_priority,
    solver_pairing,
    exclude_newer,
    no_better_solution,
)


__all__ = ("CAUSES", "Diagnosis", "diagnosis", "solver_pairing", "tls_mix")
