# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on single settings of conda and mamba, and on packages that report what a host does."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import (
    in_words,
    is_unset,
    listed,
    origin_of,
    place_of_setting,
    setting_of,
    shown,
    to_remove,
    to_set,
    where,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._remedies import quoted
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_keys import ALIASES, MAMBA_SHAPES
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import Setting, boolify
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import MASK, is_secret_name

_FINAL_FILE = "/etc/conda/condarc"
MAX_PINS = 1000
# The tiers whose files are for everybody who uses an installation.
_FOR_EVERYBODY = ("system", "state", "root_prefix")
_END_OF_NAME = " =<>!~[*,|@\t"
_TELEMETRY = ("anaconda-anon-usage", "conda-anaconda-telemetry", "conda-anaconda-tos")
_Problems = t.Iterator[Problem]
_Check = t.Callable[[Configuration, Audit], _Problems]


def _setting_is(key: str, bad: t.Any, better: t.Optional[str] = None) -> _Check:
    """A check of whether a setting has one value; better is what to set in its place, if not to take it away."""

    def check(configuration: Configuration, audit: Audit) -> _Problems:
        setting = setting_of(configuration, key, audit)
        if setting is not None and setting.value == bad:
            yield _problem(setting, key, better)

    return check


def _problem(setting: Setting, key: str, better: t.Optional[str], severity: t.Optional[str] = None) -> Problem:
    written = (setting.locked_by or setting.sources[0]).name
    remedy = to_remove(setting.source, written) if better is None else to_set(setting.source, written, better)
    text = "%s is %s (%s)." % (written, shown(setting.value), place_of_setting(setting))
    return Problem(text, item=key, subject=setting.source, remedy=remedy, severity=severity)


def _always_yes(configuration: Configuration, audit: Audit) -> _Problems:
    setting = setting_of(configuration, "always_yes", audit)
    if setting is not None and setting.value is True:
        is_for_all = setting.sources[0].tier in _FOR_EVERYBODY
        yield _problem(setting, "always_yes", None, "medium" if is_for_all else "low")


def _pinned_conda(configuration: Configuration, audit: Audit) -> _Problems:
    setting = setting_of(configuration, "pinned_packages", audit)
    for text in setting.value[:MAX_PINS] if setting is not None and isinstance(setting.value, list) else ():
        name = _name_of(text)
        if name in ("conda", "python") and setting is not None:
            origin = origin_of(setting, "pinned_packages", text, audit)
            yield Problem(
                "%s pins %s for every environment: %s." % (in_words(origin), name, shown(text)),
                item="pinned_packages: " + name,
                subject=origin,
            )


def _name_of(spec: str) -> str:
    """The name of the package that a match spec is about, in small letters."""
    text = spec.rpartition("::")[2].strip().lower()
    ends = [place for place in map(text.find, _END_OF_NAME) if place >= 0]
    return text[: min(ends)] if ends else text


def _unparsable(configuration: Configuration, audit: Audit) -> _Problems:
    for path in configuration.unread:
        file = audit.look.configurations.file(path)
        if file is not None and file.problems:  # else it could not be opened, which is in the report
            yield Problem("%s, line %d: %s; conda leaves the file out." % ((path,) + file.problems[0]), subject=path)
    for path in configuration.files:
        file = audit.look.configurations.file(path)
        for line, problem in file.problems[:20] if file is not None else ():
            yield Problem("%s, line %d: %s." % (path, line, problem), item=problem, subject=path)
    for key, setting in configuration.settings.items():
        if setting.problem is not None:
            values = (shown(key), place_of_setting(setting), shown(setting.problem))
            yield Problem(
                "conda stops at %s (%s): it is %s." % values,
                item=shown(key),
                subject=setting.source,
                severity="medium",
                remedy="Give %s a value of the right kind in %s." % (quoted(shown(key)), quoted(setting.source)),
            )
        elif not setting.known and key not in MAMBA_SHAPES:
            yield Problem(
                "%s (%s) is no setting that conda or mamba has." % (shown(key), place_of_setting(setting)),
                item=shown(key),
                subject=setting.source,
            )


def _required(configuration: Configuration, audit: Audit) -> _Problems:
    for name, wanted in sorted(audit.policy.get("settings.required", {}).items()):
        if wanted is None:
            continue
        key, _dot, rest = name.partition(".")
        key = ALIASES.get(key, key)
        is_secret = is_secret_name(name)
        words = MASK if is_secret else shown(wanted)
        policy = "settings.required." + name
        setting = setting_of(configuration, key, audit)
        actual = _below(setting.value, rest) if setting is not None else None
        if setting is not None and actual is not None:
            if not _is_same(actual, wanted):
                found = MASK if is_secret else shown(actual)
                text = "%s is %s (%s); the policy asks for %s."
                values = (name, found, place_of_setting(setting), words)
                remedy = "Set %s to %s in %s." % (quoted(name), quoted(words), quoted(setting.source))
                yield Problem(text % values, item=name, subject=setting.source, policy=policy, remedy=remedy)
        elif setting is not None or is_unset(configuration, key, audit):
            path = where(configuration.installation)
            text = "No file sets %s for %s; the policy asks for %s." % (name, path, words)
            yield Problem(text, item=name, subject=path, policy=policy)


def _below(value: t.Any, path: str) -> t.Any:
    """The value in nested maps that a dotted path names."""
    for part in path.split(".") if path else ():
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _is_same(actual: t.Any, wanted: t.Any) -> bool:
    if isinstance(actual, list):
        return isinstance(wanted, (list, tuple)) and list(map(str, actual)) == list(map(str, wanted))
    if isinstance(actual, dict):
        return actual == wanted
    if isinstance(actual, bool):
        try:
            return isinstance(wanted, (bool, int, str)) and boolify(wanted) is actual
        except ValueError:
            return False
    return not isinstance(wanted, bool) and str(actual) == str(wanted)


def _not_final(configuration: Configuration, audit: Audit) -> _Problems:
    if configuration.user is not None:
        return
    for name in audit.policy.get("settings.final", ()):
        key = ALIASES.get(name, name)
        setting = setting_of(configuration, key, audit)
        if setting is not None and setting.locked_by is not None and setting.locked_by.tier == "system":
            continue
        if setting is None and (key in configuration.settings or not is_unset(configuration, key, audit)):
            continue
        there = setting is not None and any(source.tier == "system" for source in setting.sources + setting.ignored)
        text = "%s sets %s without the mark #!final" if there else "%s does not set %s"
        yield Problem(
            text % (_FINAL_FILE, name) + ", so a file of a user overrides it.",
            item=name,
            subject=_FINAL_FILE,
            policy="settings.final",
        )


def _link_scripts(environment: Environment, audit: Audit) -> _Problems:
    names = sorted(record.name for record in audit.records(environment) if record.has_link_script)
    if names:
        text = "In %s, %d packages brought scripts that ran when they were installed: %s."
        values = (environment.prefix, len(names), listed(list(map(shown, names[:5]))))
        yield Problem(text % values, details={"packages": names[:100], "count": len(names)})


def _telemetry(environment: Environment, _audit: Audit) -> _Problems:
    for record in environment.records or ():
        if record.name in _TELEMETRY:
            text = "%s %s is installed in %s."
            yield Problem(text % (record.name, shown(record.version), environment.prefix), item=record.name)


def _rule(
    name: str, severity: str, check: t.Callable[..., _Problems], scope: str = "configuration", **texts: str
) -> Rule:
    texts.setdefault("remedy", "Take {item} out of {subject}.")
    texts.setdefault("source", "conda, user-guide/configuration/settings")
    return Rule(id=name, family="configuration", severity=severity, scope=scope, check=check, **texts)


RULES = (
    _rule(
        "cfg.safety_checks",
        "high",
        _setting_is("safety_checks", "disabled", "enabled"),
        title="The safety checks are switched off",
        explanation="conda then installs packages whose content is not what it should be, and lets a change remove"
        " conda itself.",
    ),
    _rule(
        "cfg.rollback",
        "high",
        _setting_is("rollback_enabled", False, "true"),
        title="conda does not undo changes that fail",
        explanation="A change that fails half way then leaves a broken environment behind.",
    ),
    _rule(
        "cfg.no_lock",
        "medium",
        _setting_is("no_lock", True),
        title="conda does not lock its caches",
        explanation="Two runs at a time can then damage the same cache.",
        source="conda, CHANGELOG.md 25.9.0, conda doctor",
    ),
    _rule(
        "cfg.always_yes",
        "low",
        _always_yes,
        title="conda asks nobody before it changes something",
        explanation="The plan of a change, which can remove or downgrade packages, is then never seen before it is"
        " carried out.",
    ),
    _rule(
        "cfg.auto_activate",
        "low",
        _setting_is("auto_activate", True, "false"),
        title="The base environment is activated in each shell",
        explanation="Its programs then come before those of the operating system, also for services and jobs that"
        " start a login shell.",
        source="conda/base/context.py, auto_activate",
    ),
    _rule(
        "cfg.pinned_conda",
        "medium",
        _pinned_conda,
        title="conda or Python is pinned for every environment",
        explanation="The pin holds in the base environment too, where it keeps conda from being updated.",
        remedy="Take the line out of {subject}; pin in conda-meta/pinned of the environments that need it.",
        source="conda issue 6591",
    ),
    _rule(
        "cfg.notify",
        "info",
        _setting_is("notify_outdated_conda", False),
        title="conda does not tell that it is out of date",
        explanation="Nobody then sees that a newer conda is there, unless something else watches it.",
    ),
    _rule(
        "cfg.update",
        "info",
        _setting_is("auto_update_conda", False),
        title="conda is not updated along with other changes",
        explanation="conda then stays as it is until somebody updates it on purpose.",
    ),
    _rule(
        "cfg.offline",
        "info",
        _setting_is("offline", True),
        title="conda works without the network",
        explanation="It then installs only what is in its caches, and gets no fixes.",
    ),
    _rule(
        "cfg.protect_frozen",
        "medium",
        _setting_is("protect_frozen_envs", False),
        title="conda does not heed the mark of frozen environments",
        explanation="An environment that is marked as frozen can then be changed by mistake.",
        source="CEP 22; conda, CHANGELOG.md 25.5.0",
    ),
    _rule(
        "cfg.unparsable",
        "low",
        _unparsable,
        title="A file of settings has parts that have no effect",
        explanation="conda passes over files that it cannot read and keys that it does not know, most of the time"
        " without an error, so what they say does not hold.",
        remedy="Correct {subject}; conda config --show-sources tells what conda reads.",
        source="conda/common/configuration.py",
    ),
    _rule(
        "cfg.required",
        "medium",
        _required,
        title="A setting is not what the policy asks for",
        explanation="The policy names settings that every configuration must have.",
        remedy="Set {item} in /etc/conda/condarc; with #!final behind it, no file of a user overrides it.",
        source="the policy, settings.required",
    ),
    _rule(
        "perm.condarc_final",
        "low",
        _not_final,
        title="A setting for everybody can be overridden by users",
        explanation="Only a key that /etc/conda/condarc marks with #!final is the same for everybody.",
        remedy="Write {item} into {subject}, with #!final behind its value or behind the colon of a list or map.",
        source="conda/common/configuration.py",
    ),
    _rule(
        "cfg.post_link",
        "info",
        _link_scripts,
        scope="environment",
        title="Packages ran scripts when they were installed",
        explanation="Such scripts run with all the rights of who installs; as root, with all there are.",
        remedy="Install as a user without special rights, and look at the scripts in {subject}/bin.",
        source="conda-build, resources/link-scripts",
    ),
    _rule(
        "telemetry",
        "info",
        _telemetry,
        scope="environment",
        title="A package reports the use of conda to its maker, or handles its terms",
        explanation="These packages come with installers of Anaconda and send data on the use of conda, or ask for"
        " consent to terms of service.",
        remedy="Ask whether that is wanted; else type: sudo -u {user} conda remove -p {subject} {item}",
        source="Miniconda, list of packages",
    ),
)


__all__ = ("RULES",)
