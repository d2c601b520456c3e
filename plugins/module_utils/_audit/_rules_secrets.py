# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on secrets that lie in files: tokens and passwords. No finding holds a character of what was found."""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import listed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._inside import unowned_scripts
from ansible_collections.labfleet.conda.plugins.module_utils._audit._places import (
    names_in,
    opened,
    place_at,
    statuses_in,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._audit._secret_texts import (
    json_of,
    kind_in,
    line_problems,
    raised,
    secret_problem,
    text_of,
    variables_in,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._homes import Home
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Cache
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import search_path
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._readers import file_readers

MAX_SETTINGS_FILES = 1000
# In a condarc, auth names the plugin that logs in to a channel (conda/base/context.py, channel_settings).
_NO_SECRETS = frozenset(("auth",))
_SETTINGS_FILE = re.compile(r"\.?(?:condarc|mambarc)(?![A-Za-z0-9_])")
_TOKEN_DIRECTORIES = (".config/binstar", ".continuum/anaconda-client/tokens", "Library/Application Support/binstar")
_TOKEN_FILES = (".mamba/auth/authentication.json", ".rattler/credentials.json", ".anaconda/keyring")
_PREFIX_FILES = ("environment.yml", "environment.yaml", "pip.conf", "requirements.txt")


def _settings_files(audit: Audit) -> t.List[str]:
    """All files of settings of conda and mamba, in force or not, copies with other endings among them."""
    files: t.Set[str] = set()
    for holder in sorted(_settings_holders(audit)):
        for name in _names_there(audit, holder):
            if not _SETTINGS_FILE.match(name):
                continue
            path = holder + "/" + name
            within = names_in(audit, path, MAX_SETTINGS_FILES) if name.endswith(".d") else None
            files.update([path] if within is None else [path + "/" + item for item in within])
    for configuration in audit.configurations:
        files.update(configuration.files, configuration.unread)
    return sorted(files)


def _settings_holders(audit: Audit) -> t.Set[str]:
    """The directories that may hold such files, but for those that the names in a home exclude."""
    found: t.Set[str] = set()
    prefixes = {item.prefix for item in audit.environments} | {item.prefix for item in audit.installations}
    for mamba in (False, True):
        for prefix in sorted(filter(None, prefixes)) or ["/nonexistent"]:
            places = search_path(root_prefix=prefix, home=None, prefix=prefix, mamba=mamba)
            found |= {place.path.rpartition("/")[0] for place in places}
        for home in audit.homes:
            names = audit.survey.home_names.get(home.path)
            for place in search_path(root_prefix=None, home=home.path, mamba=mamba):
                below = place.path[len(home.path) + 1 :].split("/")
                if place.path.startswith(home.path + "/") and (len(below) == 1 or names is None or below[0] in names):
                    found.add(place.path.rpartition("/")[0])
    return found


def _names_there(audit: Audit, holder: str) -> t.Iterable[str]:
    if holder not in audit.survey.home_names:
        return names_in(audit, holder)
    names = audit.survey.home_names[holder]
    return sorted(names) if names is not None else (".condarc", ".mambarc")


def _in_settings(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    for path in _settings_files(audit):
        holder = place_at(audit, path.rpartition("/")[0] or "/")
        look = functools.partial(_in_file, path, audit)
        yield from audit.within_share(holder.status.st_uid if holder else 0, path, look) or ()


def _in_file(path: str, audit: Audit) -> t.List[Problem]:
    return list(line_problems(audit, path, "high", keyed=True, harmless=_NO_SECRETS, subject=path))


def _kind_of_record(record: Record) -> t.Optional[str]:
    for text in (record.url, record.channel) + record.requested_specs:
        kind = kind_in(text) if text else None
        if kind is not None:
            return kind
    return None


def _in_records(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    found: t.Dict[str, t.List[str]] = {}
    # By the number of the record: environments share those that are the same, and these live as long as the audit does.
    kinds: t.Dict[int, t.Optional[str]] = audit.memo("secrets of records", dict)
    for record in audit.records(environment):
        if id(record) not in kinds:
            kinds[id(record)] = _kind_of_record(record)
        kind = kinds[id(record)]
        if kind is not None:
            found.setdefault(kind, []).append("%s-%s-%s.json" % (record.name, record.version, record.build))
    directory = environment.prefix + "/conda-meta"
    for kind, names in sorted(found.items()):
        seen = "%d records hold %s: %s." % (len(names), kind, listed(names))
        yield secret_problem(audit, directory + "/" + names[0], seen, "records: " + kind, "high")
    lists = [name for name in environment.directory_names if name == "pinned" or name.endswith(".explicit.txt")]
    for name in sorted(lists):
        for problem in line_problems(audit, directory + "/" + name, "high"):
            yield problem._replace(item="%s: %s" % (name, problem.item))


def _in_history(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if environment.has_history:
        yield from line_problems(audit, environment.prefix + "/conda-meta/history", "medium")


def _in_url_lists(cache: Cache, audit: Audit) -> t.Iterator[Problem]:
    for name in ("urls.txt", "urls"):
        for problem in line_problems(audit, cache.path + "/" + name, "medium"):
            yield problem._replace(item="%s: %s" % (name, problem.item))


def _in_variables(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    prefix = environment.prefix
    if "state" in environment.directory_names:
        content = json_of(audit, prefix + "/conda-meta/state")
        variables = content.get("env_vars") if isinstance(content, dict) else None
        yield from _variables(audit, prefix, "conda-meta/state", variables)
    directory = prefix + "/etc/conda/env_vars.d"
    for name in names_in(audit, directory, MAX_SETTINGS_FILES):
        if name.endswith(".json"):
            content = json_of(audit, directory + "/" + name)
            yield from _variables(audit, prefix, "etc/conda/env_vars.d/" + name, content)
    for script in unowned_scripts(environment, audit):
        for problem in line_problems(audit, prefix + "/" + script, "medium"):
            yield problem._replace(item="%s: %s" % (script, problem.item))


def _variables(audit: Audit, prefix: str, name: str, content: t.Any) -> t.Iterator[Problem]:
    names, count = variables_in(content)
    if not names:
        return
    path = prefix + "/" + name
    text = (text_of(audit, path, unknown=False) or "").split("\n")
    lines = [str(number) for number, line in enumerate(text, 1) if any('"%s"' % item in line for item in names[:20])]
    seen = "%d variables in %s hold secrets, by their names or values: %s (line %s)."
    yield secret_problem(audit, path, seen % (count, path, listed(names), listed(lines) or "unknown"), name, "medium")


def _in_prefix_files(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    directory = opened(audit, environment.prefix)
    if directory is None:
        return
    with directory:
        names = [name for name in _PREFIX_FILES if directory.has(name)]
    for name in names:
        for problem in line_problems(audit, environment.prefix + "/" + name, "medium", keyed=True):
            yield problem._replace(item="%s: %s" % (name, problem.item))


def _token_directories(home: Home, audit: Audit) -> t.List[str]:
    found = [home.path + "/" + path for path in _TOKEN_DIRECTORIES]
    variables = [audit.look.configurations.variables(), own_environment(audit.root)]
    named = {item.get("BINSTAR_CONFIG_DIR", "").rstrip("/") for item in variables}
    found += [path + "/data" for path in sorted(named) if path.startswith("/")]
    return found


def _token_files(home: Home, audit: Audit) -> t.Iterator[str]:
    names = audit.survey.home_names.get(home.path)
    for path in _token_directories(home, audit):
        own = path.startswith(home.path + "/")
        if own and names is not None and path[len(home.path) + 1 :].partition("/")[0] not in names:
            continue
        directory = opened(audit, path)
        if directory is not None:
            with directory:
                found = statuses_in(audit, directory)
            for name, status in sorted(found):
                if name.endswith(".token") and (own or status.st_uid == home.uid):
                    yield path + "/" + name
    for path in _TOKEN_FILES:
        if names is None or path.partition("/")[0] in names:
            yield home.path + "/" + path


def _token_file_modes(home: Home, audit: Audit) -> t.Iterator[Problem]:
    for path in _token_files(home, audit):
        try:
            uid, mode, readers = file_readers(audit.root, path)
        except Absent:
            continue
        except Unreadable as error:
            audit.unknown(error.path, error.reason)
            continue
        if mode & 0o177 or readers.are_others:
            who = ["everybody"] * readers.everybody + list(readers.users) + list(readers.groups)
            yield Problem(
                "%s has mode %04o, not 0600; beside %s it can be read by %s."
                % (path, mode, audit.user(uid), listed(who) or "nobody at present, as the directories above forbid it"),
                item=path,
                path=path,
                severity=raised("medium") if readers.are_others else "medium",
                details={"mode": "%04o" % mode},
                owner=audit.user(uid),
            )


_MOVE = (
    " Revoke it where it was issued, since others may have seen it; log in anew with `anaconda login` or"
    " `conda token`, which keep secrets out of this file"
)

RULES = (
    Rule(
        id="secret.condarc",
        family="secrets",
        severity="high",
        scope="host",
        title="A file of settings holds a token or password",
        explanation="A token or password in the URL of a channel or proxy is in reach of everybody who can read the"
        " file, and of each backup of it. It counts as much where the file is not in force.",
        remedy="Take the secret out of {subject} and set its mode to 0600." + _MOVE + ".",
        check=_in_settings,
        source="conda/common/url.py; conda issue 3560",
    ),
    Rule(
        id="secret.conda_meta",
        family="secrets",
        severity="high",
        scope="environment",
        title="Records of packages hold a token or password",
        explanation="conda before 24.7 and mamba write the URL of a package with its token into the record, where it"
        " stays as long as the package is installed.",
        remedy="Update conda, then reinstall the packages as its owner: sudo -u {user} conda install -p"
        " {subject} --force-reinstall NAME ." + _MOVE + ".",
        check=_in_records,
        source="CEP 34; conda issue 5955",
    ),
    Rule(
        id="secret.urls_txt",
        family="secrets",
        severity="medium",
        scope="cache",
        title="The list of URLs of a package cache holds a token or password",
        explanation="conda writes the URL of each download into urls.txt as it is, secrets included. In a cache that"
        " several users share, all of them can read it.",
        remedy="Remove these lines from {path}; nothing needs them." + _MOVE + ".",
        check=_in_url_lists,
        source="conda/core/package_cache_data.py; conda issue 5955",
    ),
    Rule(
        id="secret.history",
        family="secrets",
        severity="medium",
        scope="environment",
        title="The history of an environment holds a token or password",
        explanation="conda writes each command line into the history, with what was typed in it.",
        remedy="Replace the secret in {path} by a few stars." + _MOVE + ".",
        check=_in_history,
        source="conda/history.py; conda issue 5955",
    ),
    Rule(
        id="secret.state",
        family="secrets",
        severity="medium",
        scope="environment",
        title="The variables of an environment hold secrets",
        explanation="What `conda env config vars set` and scripts of activate.d set is in the environment of everybody"
        " who activates it, and in files that all its users can read.",
        remedy="Take them out with sudo -u {user} conda env config vars unset NAME -p {subject} , or edit {path};"
        " keep secrets in a file of mode 0600 in the home of who needs them.",
        check=_in_variables,
        source="CEP 32; conda/core/prefix_data.py",
    ),
    Rule(
        id="secret.prefix_file",
        family="secrets",
        severity="medium",
        scope="environment",
        title="A file that lies in an environment holds a token or password",
        explanation="An environment.yml, requirements.txt or pip.conf in a prefix is read by all its users, and is"
        " copied along with it.",
        remedy="Take the secret out of {path}; pip can read it from the keyring or from a file .netrc of mode 0600.",
        check=_in_prefix_files,
        source="pip documentation, Authentication",
    ),
    Rule(
        id="secret.tokenfile",
        family="secrets",
        severity="medium",
        scope="home",
        title="The file of a login token has another mode than 0600",
        explanation="Who can read the file is the user, for the server that has issued the token.",
        remedy="If others could read it, revoke the token and log in anew. Close it: sudo -u {user} chmod 600"
        " -- {path}",
        check=_token_file_modes,
        source="conda/gateways/anaconda_client.py",
    ),
)


__all__ = ("RULES",)
