# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on how packages come to a host: encryption, certificates, waiting before new packages, and signatures."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import (
    in_words,
    is_conda,
    is_unset,
    listed,
    origin_of,
    own_files,
    place_of_setting,
    read_small,
    setting_of,
    shown,
    to_set,
    version,
    where,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._remedies import quoted
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._discover._homes import Home
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import expand_path
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import Setting
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import Version
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

OLD_BUNDLE_DAYS = 730
_VERIFY_KEYS = ("verify", "verify_ssl", "ssl_verify")
# What ssl_verify can be besides a path (conda, settings reference; mamba, configuration.cpp).
_NO_PATHS = ("", "truststore", "<system>", "<false>")
_LOGIN = "/etc/environment"
_Problems = t.Iterator[Problem]


def _not_verified(configuration: Configuration, audit: Audit) -> _Problems:
    setting = setting_of(configuration, "ssl_verify", audit)
    if setting is not None and (setting.value is False or setting.value == "<false>"):
        yield Problem(
            "ssl_verify is %s (%s)." % (shown(setting.value), place_of_setting(setting)),
            item="ssl_verify",
            subject=setting.source,
            remedy="For a certificate of your own, give its path. " + to_set(setting.source, "ssl_verify", "true"),
        )
    for key in ("channel_settings", "mirrored_channels"):
        setting = setting_of(configuration, key, audit)
        if setting is not None:
            for name in _unverified(setting.value, ""):
                origin = origin_of(setting, key, name, audit)
                text = "%s switches the check of certificates off for %s in %s."
                values = (in_words(origin), shown(name), key)
                yield Problem(text % values, item="%s: %s" % (key, shown(name)), subject=origin)


def _unverified(value: t.Any, name: str) -> t.Iterator[str]:
    """The names of what a setting of channels or mirrors says not to check."""
    if isinstance(value, list):
        for item in value:
            yield from _unverified(item, name)
    elif isinstance(value, dict):
        own = value.get("channel") or value.get("url")
        name = own if isinstance(own, str) else name
        for key, item in value.items():
            if key in _VERIFY_KEYS and str(item).lower() in ("false", "<false>", "no", "off"):
                yield name
            else:
                yield from _unverified(item, name or key)


def _pip_trusted(path: str, audit: Audit) -> _Problems:
    """The hosts that a configuration of pip trusts without a certificate (pip documentation, topics/configuration)."""
    hosts: t.List[str] = []
    is_there = False
    for line in read_small(path, audit).decode("utf-8", "replace").splitlines():
        if line[:1].isspace():
            hosts += line.split() if is_there else []
            continue
        key, _sign, value = line.replace(":", "=", 1).partition("=") if "=" not in line else line.partition("=")
        is_there = key.strip().lower().replace("_", "-") == "trusted-host"
        hosts += value.split() if is_there else []
    hosts = [shown(host) for host in hosts if not host.startswith(("#", ";"))]
    if hosts:
        yield Problem(
            "%s has pip trust %s without a valid certificate." % (path, listed(sorted(set(hosts)))),
            item="pip trusted-host: " + path.rpartition("/")[2],
            path=path,
        )


def _pip_host(_subject: Audit, audit: Audit) -> _Problems:
    for path in ("/etc/pip.conf", "/etc/xdg/pip/pip.conf"):
        for problem in _pip_trusted(path, audit):
            yield problem._replace(subject=path)
    hosts = audit.look.configurations.variables().get("PIP_TRUSTED_HOST")
    if hosts:
        yield Problem(
            "%s sets PIP_TRUSTED_HOST to %s for everybody." % (_LOGIN, shown(hosts)),
            item="PIP_TRUSTED_HOST",
            subject=_LOGIN,
        )


def _pip_home(home: Home, audit: Audit) -> _Problems:
    names = audit.survey.home_names.get(home.path)
    for directory, rest in ((".config", "/pip/pip.conf"), (".pip", "/pip.conf")):
        if names is None or directory in names:
            for problem in _pip_trusted("%s/%s%s" % (home.path, directory, rest), audit):
                yield problem._replace(item="pip trusted-host: %s%s" % (directory, rest))


def _pip_environment(environment: Environment, audit: Audit) -> _Problems:
    for path in own_files(environment, audit):
        if path.endswith("/pip.conf"):
            yield from _pip_trusted(path, audit)


def _bundle(configuration: Configuration, audit: Audit) -> _Problems:
    setting = setting_of(configuration, "ssl_verify", audit)
    if setting is not None and isinstance(setting.value, str):
        if setting.value == "truststore":
            yield from _no_truststore(configuration, setting)
        elif setting.value not in _NO_PATHS:
            homes = [home.path for home in audit.homes if configuration.user in (home.user, home.path)]
            home = homes[0] if homes and configuration.user else None
            known = expand_path(setting.value, home=home, environment=audit.look.configurations.variables())
            if known is None:
                reason = "ssl_verify is %s, a path that depends on who runs conda, and where" % shown(setting.value)
                audit.unknown(setting.source, reason)
            else:
                yield from _bundle_at(known, "ssl_verify", setting.source, place_of_setting(setting), audit)
    if configuration.user is None:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            path = audit.look.configurations.variables().get(name)
            if path and path.startswith("/"):
                yield from _bundle_at(path, name, _LOGIN, _LOGIN, audit)


def _bundle_at(path: str, key: str, origin: str, place: str, audit: Audit) -> _Problems:
    """What is wrong with a bundle of certificates that something names; a directory of them may be one too."""
    try:
        directory, name = audit.root.walk_to_parent(path)
        with directory:
            age = audit.now - directory.child_status(name).st_mtime
    except Absent:
        text = "%s is %s (%s), where nothing is."
        yield Problem(text % (key, shown(path), place), item=key, subject=origin, path=path)
        return
    except Unreadable as error:
        audit.unknown(path, "%s names it as a bundle of certificates: %s" % (key, error.reason))
        return
    if age > OLD_BUNDLE_DAYS * 86400:
        text = "%s is %s (%s), which was not changed for more than %d days."
        values = (key, shown(path), place, OLD_BUNDLE_DAYS)
        remedy = "See to it that the certificates in %s are renewed, or let ssl_verify be truststore." % quoted(path)
        yield Problem(text % values, item=key, subject=origin, path=path, severity="low", remedy=remedy)


def _no_truststore(configuration: Configuration, setting: Setting) -> _Problems:
    found = version(configuration.installation.versions.get("conda"))
    python = version(configuration.installation.versions.get("python"))
    if found is not None and found < t.cast(Version, version("23.9")):
        why = "conda %s takes that for a path; conda 23.9 is the first that knows it" % shown(found.text)
    elif found is not None and python is not None and python < t.cast(Version, version("3.10")):
        why = "that needs Python 3.10, and %s has %s" % (where(configuration.installation), shown(python.text))
    else:
        return
    text = "ssl_verify is truststore (%s), but %s."
    yield Problem(text % (place_of_setting(setting), why), item="ssl_verify", subject=setting.source)


def _no_cooldown(configuration: Configuration, audit: Audit) -> _Problems:
    found = version(configuration.installation.versions.get("conda"))
    if not is_conda(configuration) or found is None or found < t.cast(Version, version("26.9")):
        return
    is_set = any(key in configuration.settings for key in ("exclude_newer", "cooldown"))
    if not is_set and is_unset(configuration, "exclude_newer", audit):
        path = where(configuration.installation)
        yield Problem("No file sets exclude_newer for %s." % path, item="exclude_newer", subject=path)


def _content_trust(configuration: Configuration, audit: Audit) -> _Problems:
    setting = setting_of(configuration, "signing_metadata_url_base", audit)
    if setting is not None and setting.value:
        text = "signing_metadata_url_base is %s (%s)."
        values = (shown(setting.value), place_of_setting(setting))
        yield Problem(text % values, item="signing_metadata_url_base", subject=setting.source)
    installed = configuration.installation.versions.get("conda-content-trust")
    if installed is not None:
        path = where(configuration.installation)
        text = "conda-content-trust %s is installed in %s."
        yield Problem(text % (shown(installed), path), item="conda-content-trust", subject=path)


_PIP = {
    "title": "pip trusts a host without a certificate",
    "explanation": "pip takes packages from such a host whoever answers in its name.",
    "remedy": "Take trusted-host out of {path}; for a certificate of your own, set cert to its path.",
    "source": "pip documentation, topics/configuration and topics/https-certificates",
}


def _rule(name: str, severity: str, scope: str, check: t.Callable[..., _Problems], **texts: str) -> Rule:
    return Rule(id=name, family="transport", severity=severity, scope=scope, check=check, **texts)


RULES = (
    _rule(
        "tls.verify",
        "high",
        "configuration",
        _not_verified,
        title="Certificates of servers are not checked",
        explanation="Without the check, whoever is on the way can answer in the name of the server and hand out"
        " packages of their own.",
        remedy="Take the key out of {subject}; for a certificate of your own, let ssl_verify be its path, or"
        " truststore from conda 23.9 on.",
        source="conda, user-guide/configuration/settings, ssl_verify",
    ),
    _rule("tls.verify.pip", "high", "home", _pip_home, **_PIP),
    _rule("tls.verify.pip_environment", "high", "environment", _pip_environment, **_PIP),
    _rule("tls.verify.pip_host", "high", "host", _pip_host, **_PIP),
    _rule(
        "tls.bundle",
        "medium",
        "configuration",
        _bundle,
        title="The certificates that conda is told to use are missing or old",
        explanation="Without them every download fails; with an old bundle, authorities that are no longer trusted"
        " still count.",
        remedy="Put the bundle in its place, or take {item} out of {subject}.",
        source="conda issue 12905; conda doctor, REQUESTS_CA_BUNDLE (CHANGELOG.md 24.9.0)",
    ),
    _rule(
        "cooldown.missing",
        "info",
        "configuration",
        _no_cooldown,
        title="New packages are installed the moment they are published",
        explanation="Malicious packages are mostly found within days. From 26.9 on conda can pass over packages that"
        " are newer than a time that exclude_newer sets; records without a usable time stay eligible.",
        remedy="Set exclude_newer in /etc/conda/condarc, for instance to 7d.",
        source="conda, release notes 26.9.0",
    ),
    _rule(
        "content_trust.on",
        "info",
        "configuration",
        _content_trust,
        title="The check of signatures gives no protection",
        explanation="conda-content-trust gets no support since August 2026, and the libmamba solver, which is the"
        " default since conda 23.10, passes it by.",
        remedy="Do not count on it: remove {item}, and use https and lists of allowed channels.",
        source="conda-content-trust issues 123 and 292",
    ),
)


__all__ = ("RULES",)
