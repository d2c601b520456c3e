# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on channels: which are configured, and which installed packages are from."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._channel_use import (
    ChannelList,
    Origin,
    Place,
    Use,
    configured,
    names_of,
    origins,
    policy_list,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import (
    in_words,
    is_unset,
    place_of_setting,
    setting_of,
    shown,
    texts_in,
    to_set,
    where,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment

# What counts where the policy of the controller is not there; plugin_utils/_policy_schema.py says the same.
_LICENSED = ("defaults", "pkgs/main", "pkgs/r", "pkgs/msys2", "pkgs/pro", "anaconda")
_RETIRED = ("pytorch", "free", "pkgs/free")
# Channels whose packages are built against others of their own: not made to be mixed (miniforge issues 538 and 841).
_STACKS = ("defaults", "conda-forge", "pytorch", "nvidia")
_OF_DEFAULTS = ("pkgs/main", "pkgs/r", "pkgs/free", "pkgs/msys2", "pkgs/pro")
_Problems = t.Iterator[Problem]
_TERMS = {
    True: "the policy says that the organisation needs a licence for it (organisation.commercial_use)",
    False: "the policy says that the organisation needs no licence for it (organisation.commercial_use)",
    None: "whether this organisation needs one is not known (organisation.commercial_use is not set)",
}
_SEVERITIES: t.Dict[t.Optional[bool], str] = {True: "high", False: "info", None: "low"}


def _used(
    configuration: Configuration, audit: Audit, matches: t.Callable[[Place], bool]
) -> t.Iterator[t.Tuple[Use, t.List[str]]]:
    """The configured channels of which a place matches, with the names of these places."""
    for use in configured(configuration, audit):
        names = [place.name for place in use.places if matches(place)]
        if names:
            yield use, names


def _problem_of_use(
    configuration: Configuration, use: Use, names: t.Sequence[str], text: str, **more: t.Any
) -> Problem:
    """A problem with a configured channel; the text goes on after the sentence that tells where it stands."""
    item = "channels: %s" % shown(use.text)
    meaning = "" if list(names) == [shown(use.text)] else ", which stands for %s" % ", ".join(names[:5])
    if use.origin is None:
        evidence = "%s uses %s, since no channel is configured%s; %s." % (
            where(configuration.installation),
            use.text,
            meaning,
            text,
        )
        remedy = "Set channels in /etc/conda/condarc, for instance to conda-forge."
        return Problem(evidence, item=item, subject=where(configuration.installation), remedy=remedy, **more)
    evidence = "%s names the channel %s%s; %s." % (in_words(use.origin), shown(use.text), meaning, text)
    return Problem(evidence, item=item, subject=use.origin, **more)


def _problem_of_origin(environment: Environment, origin: Origin, text: str, **more: t.Any) -> Problem:
    evidence = "In %s: %s from the channel %s; %s."
    values = (environment.prefix, origin.in_words(), origin.place.name, text)
    details = {"channel": origin.place.name, "packages": origin.count}
    return Problem(evidence % values, item=origin.place.name, details=details, **more)


def _terms(audit: Audit) -> t.Dict[str, t.Any]:
    commercial = audit.policy.get("organisation.commercial_use")
    commercial = commercial if isinstance(commercial, bool) else None
    text = "its terms ask organisations of more than 200 people for a paid licence; %s"
    more = {"severity": _SEVERITIES[commercial], "policy": "organisation.commercial_use"}
    return dict(more, text=text % _TERMS[commercial])


def _licensed_configured(configuration: Configuration, audit: Audit) -> _Problems:
    licensed = policy_list("channels.licensed", audit, _LICENSED)
    for use, names in _used(configuration, audit, licensed.has):
        yield _problem_of_use(configuration, use, names, **_terms(audit))


def _licensed_installed(environment: Environment, audit: Audit) -> _Problems:
    licensed = policy_list("channels.licensed", audit, _LICENSED)
    for origin in origins(environment, audit):
        if licensed.has(origin.place):
            yield _problem_of_origin(environment, origin, **_terms(audit))


def _lists_of_settings(configuration: Configuration, key: str, audit: Audit) -> t.Optional[ChannelList]:
    """allowlist_channels or denylist_channels of a configuration (conda 24.9 and newer); None where it is not set."""

    def make() -> t.Optional[ChannelList]:
        setting = setting_of(configuration, key, audit)
        texts = [] if setting is None else list(texts_in(setting.value))
        return ChannelList(texts[:1000], names_of(configuration, audit)) if texts else None

    return audit.memo((key, configuration.installation.prefix, configuration.user), make)


def _unlisted_configured(configuration: Configuration, audit: Audit) -> _Problems:
    allowed = policy_list("channels.allowed", audit)
    if allowed:
        for use, names in _used(configuration, audit, lambda place: not allowed.has(place)):
            text = "the policy does not allow it"
            yield _problem_of_use(configuration, use, names, text, policy="channels.allowed")
    listed = _lists_of_settings(configuration, "allowlist_channels", audit)
    if listed is not None:
        known = listed
        for use, names in _used(configuration, audit, lambda place: not known.has(place)):
            text = "allowlist_channels does not name it, so conda stops at it"
            yield _problem_of_use(configuration, use, names, text)


def _unlisted_installed(environment: Environment, audit: Audit) -> _Problems:
    allowed = policy_list("channels.allowed", audit)
    for origin in origins(environment, audit) if allowed else ():
        if not allowed.has(origin.place):
            text = "the policy does not allow it"
            yield _problem_of_origin(environment, origin, text, policy="channels.allowed")


def _denied_configured(configuration: Configuration, audit: Audit) -> _Problems:
    for use, names in _used(configuration, audit, policy_list("channels.denied", audit).has):
        yield _problem_of_use(configuration, use, names, "the policy denies it", policy="channels.denied")
    denied = _lists_of_settings(configuration, "denylist_channels", audit)
    for use, names in _used(configuration, audit, denied.has) if denied is not None else ():
        yield _problem_of_use(configuration, use, names, "denylist_channels names it, so conda stops at it")


def _denied_installed(environment: Environment, audit: Audit) -> _Problems:
    denied = policy_list("channels.denied", audit)
    for origin in origins(environment, audit) if denied else ():
        if denied.has(origin.place):
            yield _problem_of_origin(environment, origin, "the policy denies it", policy="channels.denied")


def _retired_configured(configuration: Configuration, audit: Audit) -> _Problems:
    retired = policy_list("channels.retired", audit, _RETIRED)
    for use, names in _used(configuration, audit, retired.has):
        yield _problem_of_use(configuration, use, names, "it gets no more packages", policy="channels.retired")


def _retired_installed(environment: Environment, audit: Audit) -> _Problems:
    retired = policy_list("channels.retired", audit, _RETIRED)
    for origin in origins(environment, audit):
        if retired.has(origin.place):
            yield _problem_of_origin(environment, origin, "it gets no more packages", policy="channels.retired")


def _priority(configuration: Configuration, audit: Audit) -> _Problems:
    wanted = audit.policy.get("channels.priority")
    setting = setting_of(configuration, "channel_priority", audit) if wanted else None
    if not wanted:
        return
    if setting is not None and setting.value != wanted:
        yield Problem(
            "channel_priority is %s (%s); the policy asks for %s."
            % (shown(setting.value), place_of_setting(setting), wanted),
            item="channel_priority",
            subject=setting.source,
            severity="medium" if setting.value == "disabled" else None,
            policy="channels.priority",
            remedy=to_set(setting.source, "channel_priority", wanted),
        )
    elif setting is None and wanted != "flexible" and is_unset(configuration, "channel_priority", audit):
        path = where(configuration.installation)
        yield Problem(
            "No file sets channel_priority for %s, so it is flexible; the policy asks for %s." % (path, wanted),
            item="channel_priority",
            subject=path,
            policy="channels.priority",
        )


def _family(place: Place) -> str:
    """The stack that a channel belongs to; a mirror keeps the name of what it mirrors at the end of its path."""
    channel = place.channel
    if place.name.partition("/label/")[0] in ("main", "anaconda") or channel.endswith(_OF_DEFAULTS):
        return "defaults"
    last = channel.rpartition("/")[2]
    return last if last in _STACKS else place.name.partition("/label/")[0]


def _families(environment: Environment, audit: Audit) -> t.Dict[str, int]:
    found: t.Dict[str, int] = {}
    for origin in origins(environment, audit):
        family = _family(origin.place)
        found[family] = found.get(family, 0) + origin.count
    return found


def _mixed(environment: Environment, families: t.Mapping[str, int]) -> _Problems:
    if len(families) > 1:
        counts = ", ".join("%s (%d)" % (name, families[name]) for name in sorted(families)[:10])
        yield Problem(
            "The packages in %s are from %d channels that are not built for each other: %s."
            % (environment.prefix, len(families), counts),
            details={"channels": {name: families[name] for name in sorted(families)[:50]}},
        )


def _mixed_base(environment: Environment, audit: Audit) -> _Problems:
    if audit.is_base(environment):
        yield from _mixed(environment, _families(environment, audit))


def _mixed_environment(environment: Environment, audit: Audit) -> _Problems:
    if not audit.is_base(environment):
        families = _families(environment, audit)
        yield from _mixed(environment, {name: families[name] for name in _STACKS if name in families})


def _rule(name: str, severity: str, scope: str, check: t.Callable[..., _Problems], source: str, **texts: str) -> Rule:
    return Rule(id=name, family="channels", severity=severity, scope=scope, check=check, source=source, **texts)


_TERMS_SOURCE = "anaconda.com/pricing/terms-of-service-faqs, terms of 2025-07-15"
_TERMS_EXPLANATION = (
    "By the terms of service of Anaconda of 2025-07-15, organisations of more than 200 people need a paid licence for"
    " these channels; conda-forge asks for none."
)
_LISTS_SOURCE = "conda, CHANGELOG.md 24.9.0, and the policy"

RULES = (
    _rule(
        "chan.defaults.configured",
        "low",
        "configuration",
        _licensed_configured,
        _TERMS_SOURCE,
        title="A channel is configured whose terms ask large organisations for a licence",
        explanation=_TERMS_EXPLANATION,
        remedy="Name conda-forge in its place in {subject}, or see to it that the organisation has a licence.",
    ),
    _rule(
        "chan.defaults.installed",
        "low",
        "environment",
        _licensed_installed,
        _TERMS_SOURCE,
        title="Packages are from a channel whose terms ask large organisations for a licence",
        explanation=_TERMS_EXPLANATION,
        remedy="Make the environment anew from conda-forge, or see to it that the organisation has a licence.",
    ),
    _rule(
        "chan.unlisted",
        "medium",
        "configuration",
        _unlisted_configured,
        _LISTS_SOURCE,
        title="A channel is configured that is not allowed",
        explanation="Who controls a channel controls what runs on the hosts that use it, so only listed channels may"
        " be used.",
        remedy="Take the channel out of {subject}, or have it added to the list.",
    ),
    _rule(
        "chan.unlisted.installed",
        "medium",
        "environment",
        _unlisted_installed,
        _LISTS_SOURCE,
        title="Packages are from a channel that is not allowed",
        explanation="Who controls a channel controls what runs on the hosts that use it, so only listed channels may"
        " be used.",
        remedy="Install these packages of {subject} from an allowed channel, or have {item} added to the list.",
    ),
    _rule(
        "chan.denied",
        "high",
        "configuration",
        _denied_configured,
        _LISTS_SOURCE,
        title="A denied channel is configured",
        explanation="The policy, or the denylist of conda, forbids this channel.",
        remedy="Take the channel out of {subject}.",
    ),
    _rule(
        "chan.denied.installed",
        "high",
        "environment",
        _denied_installed,
        _LISTS_SOURCE,
        title="Packages are from a denied channel",
        explanation="The policy forbids this channel, and packages from it are installed.",
        remedy="Remove the packages from {item} in {subject}, or install them from another channel.",
    ),
    _rule(
        "chan.retired",
        "low",
        "configuration",
        _retired_configured,
        "the policy, channels.retired",
        title="A channel is configured that gets no more packages",
        explanation="Packages of a retired channel get no fixes: pytorch has no releases after 2.5, free ends with"
        " Python 3.6.",
        remedy="Take the channel out of {subject} and use conda-forge in its place.",
    ),
    _rule(
        "chan.retired.installed",
        "low",
        "environment",
        _retired_installed,
        "the policy, channels.retired",
        title="Packages are from a channel that gets no more packages",
        explanation="Packages of a retired channel get no fixes: pytorch has no releases after 2.5, free ends with"
        " Python 3.6.",
        remedy="Make the environment anew with packages from conda-forge.",
    ),
    _rule(
        "chan.priority",
        "low",
        "configuration",
        _priority,
        "conda, user-guide/tasks/manage-channels",
        title="The channel priority is not the one that the policy asks for",
        explanation="Unless it is strict, a package of a lower channel can take the place of one of a higher channel,"
        " by mistake or on purpose.",
        remedy="Type as the owner: conda config --system --set channel_priority strict.",
    ),
    _rule(
        "chan.mixed.base",
        "medium",
        "environment",
        _mixed_base,
        "miniforge issues 538 and 841",
        title="The base environment mixes channels",
        explanation="Packages of channels that are not built for each other can break conda itself, often through"
        " openssl.",
        remedy="Install a new base from one channel, or move what conda does not need to an environment.",
    ),
    _rule(
        "chan.mixed.env",
        "low",
        "environment",
        _mixed_environment,
        "miniforge issues 538 and 841",
        title="An environment mixes channels that are not built for each other",
        explanation="Libraries of conda-forge, defaults, pytorch and nvidia are built with different compilers and"
        " options, and can clash when loaded together.",
        remedy="Make the environment anew with packages from one of them.",
    ),
)


__all__ = ("RULES",)
