# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on who may change what others run: modes, access control lists and owners."""

from __future__ import annotations

import re
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import listed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._inside import (
    Several,
    inside,
    unowned_scripts,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._places import (
    Place,
    can_pass,
    home_of,
    path_writers,
    place_at,
    places_above,
    shared_groups,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._remedies import as_user, quoted
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._homes import Home
from ansible_collections.labfleet.conda.plugins.module_utils._discover._places import (
    SYSTEM_TEXTS,
    expand_home,
    mentions,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._texts import read_text, texts_below
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

_USER_DIRECTORIES = (
    ".conda .conda/envs .conda/pkgs .conda/environments.txt .cache/conda .mamba .mamba/pkgs .cache/rattler"
).split()
_ROOT_TEXTS = ".bashrc .bash_profile .bash_login .profile .zshrc .zprofile .zshenv .config/fish/config.fish".split()
_TEXT_DIRECTORIES = ("/etc/profile.d", "/etc/fish/conf.d", "/etc/sudoers.d")
_SYSTEM_PROGRAMS = frozenset(("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin", "$PATH", "${PATH}"))
_PATH_LINE = re.compile(
    r"^[^#\r\n]{0,200}?(?:\b(?:PATH|secure_path)[ \t]*\+?=|\b(?:pathmunge|fish_add_path)[ \t]"
    r"|\bset[ \t][^#\r\n]{0,40}\bPATH[ \t])([^\r\n]{1,4096})",
    re.MULTILINE,
)
_ANY_PATH = re.compile(rb"PATH\b[ \t]*\+?=|\bsecure_path\b|\bpathmunge\b|\bfish_add_path\b|\bPATH[ \t]")
_PATH_PART = re.compile(r"[^\s'\":;()]+")


def _world_writable(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    for name, place in inside(environment, audit).places:
        if place.writers.everybody:
            yield _everybody(audit, place, environment.prefix, name)
    prefixes = audit.memo("prefixes", lambda: frozenset(item.prefix for item in audit.environments))
    for place in places_above(audit, environment.prefix):
        if place.path not in prefixes and place.writers.everybody and not place.is_sticky:
            yield _everybody(audit, place, place.path, None)


def _everybody(audit: Audit, place: Place, subject: str, item: t.Optional[str]) -> Problem:
    mode = "%04o" % stat.S_IMODE(place.status.st_mode)
    seen = "%s has mode %s: everybody can put files there" % (place.path, mode)
    severity = None
    if place.is_sticky:
        severity, seen = "medium", seen + ", though its sticky bit keeps them from replacing those of others"
    elif item is None:
        seen += ", and exchange the directory of each environment below it"
    else:
        seen += " and replace those of others"
    if not can_pass(audit, place.path):
        severity, seen = "low", seen + "; at present a directory above it keeps everybody out"
    remedy = as_user(audit.user(place.status.st_uid), "chmod", "o-w", "--", place.path)
    return Problem(seen + ".", item=item, subject=subject, path=place.path, severity=severity, remedy=remedy)


def _world_writable_files(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    found = inside(environment, audit).writable
    if found.count:
        owner = audit.user(environment.uid)
        passable = can_pass(audit, environment.prefix) and environment.mode & 0o001
        yield Problem(
            "Everybody can write to %d files that users of the environment run: %s.%s"
            % (
                found.count,
                listed(found.names[:5]),
                "" if passable else " At present a directory above them keeps everybody out.",
            ),
            severity=None if passable else "low",
            remedy=as_user(owner, "chmod", "o-w", "--", *[environment.prefix + "/" + name for name in found.names[:5]])
            + ("  # and %d more" % (found.count - 5) if found.count > 5 else ""),
            details={"count": found.count, "files": found.names},
        )


def _of_others(environment: Environment, user: str, owner: str, found: Several) -> str:
    """What to do about files of another user: root gives away, or takes, single ones only, and follows no link."""
    if environment.uid != 0:
        text = "Look at what they are; then let %s make the environment anew, and remove %s"
        return text % (quoted(owner), quoted(environment.prefix))
    paths = [environment.prefix + "/" + name for name in found.names[:5]]
    return "Look at what was changed. Then: " + as_user("root", "chown", "-h", "--from=" + user, owner, "--", *paths)


def _group_writable(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    allowed = audit.policy.get("permissions.writer_groups", [])
    by_who: t.Dict[str, t.List[str]] = {}
    setgid: t.List[str] = []
    places = inside(environment, audit).places
    for name, place in places:
        groups = [group for group in shared_groups(audit, place) if group not in allowed]
        owner = audit.user(place.status.st_uid)
        who = ["group " + group for group in groups]
        who += ["user " + user for user in sorted(place.writers.users) if user != owner]
        for writer in who:
            by_who.setdefault(writer, []).append(name)
        if groups and place.status.st_mode & stat.S_ISGID:
            setgid.append(name)
    for writer, names in sorted(by_who.items()):
        seen = "The %s can write to %d directories of the environment: %s." % (writer, len(names), listed(names))
        if setgid and writer.startswith("group "):
            seen += " The setgid bit hands the group on to what is made there (conda makes directories with mode 2775)."
        paths = [place.path for name, place in places if name in names]
        remedy = as_user(audit.user(environment.uid), "chmod", "g-w", "--", *paths)
        remedy = "Name the group in permissions.writer_groups of the policy, or take the right away: " + remedy
        yield Problem(
            seen, item=writer, policy="permissions.writer_groups", remedy=remedy, details={"directories": names}
        )


def _owner(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    expected = audit.policy.get("permissions.base_owner", "root")
    owner = "root" if environment.uid == 0 else audit.user(environment.uid)  # also where there is no /etc/passwd
    roots = audit.policy.get("permissions.shared_roots", [])
    shared = any((environment.prefix + "/").startswith(root.rstrip("/") + "/") for root in roots)
    outside = audit.is_base(environment) and home_of(audit, environment.prefix) is None
    if (shared or outside) and owner != expected:
        yield Problem(
            "%s belongs to user %s; the policy wants it to be user %s's." % (environment.prefix, owner, expected),
            item="owner",
            policy="permissions.base_owner",
            remedy="Make it anew as %s: what %s could write is not to be trusted, nor given away as it is."
            % (expected, owner),
        )
    if audit.options.integrity == "none":
        return
    for uid, found in sorted(inside(environment, audit).foreign.items()):
        user = audit.user(uid)
        danger = " That user can change what others run here." if uid != 0 else ""
        yield Problem(
            "%d entries belong to user %s, not to %s, the owner of the environment: %s.%s"
            % (found.count, user, owner, listed(found.names[:5]), danger),
            item="entries of " + user,
            severity="high" if uid != 0 else None,
            remedy=_of_others(environment, user, owner, found),
            details={"count": found.count, "entries": found.names},
        )


def _root_owned(home: Home, audit: Audit) -> t.Iterator[Problem]:
    names = audit.survey.home_names.get(home.path)
    if home.uid == 0:
        return
    for name in _USER_DIRECTORIES:
        if names is not None and name.partition("/")[0] not in names:
            continue
        try:
            parent, _slash, last = (home.path + "/" + name).rpartition("/")
            with audit.root.directory(parent) as directory:
                if directory.path != parent:
                    continue  # a link leads elsewhere, where it may well belong to somebody else
                uid = directory.child_status(last).st_uid
        except Absent:
            continue
        except Unreadable as error:
            audit.unknown(error.path, error.reason)
            continue
        if uid != home.uid:
            path = home.path + "/" + name
            yield Problem(
                "%s belongs to user %s, not to %s." % (path, audit.user(uid), audit.user(home.uid)),
                item=name,
                path=path,
                remedy="Move it aside and take over what is needed: "
                + as_user(audit.user(home.uid), "mv", "--", path, path + ".not-mine"),
            )


def _activation_scripts(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if environment.records is None:
        audit.unknown(environment.prefix, "its records could not be listed, so whose its scripts are is not known")
        return
    names = unowned_scripts(environment, audit)
    if not names:
        return
    seen = "No record owns %d scripts that run at each activation: %s." % (len(names), listed(names))
    if len(environment.details or ()) < len(environment.records or ()):
        seen += " Some records could not be read; one of these may own them."
    shared = environment.uid == 0
    yield Problem(seen, severity="high" if shared else None, details={"count": len(names), "scripts": names[:20]})


def _root_path_texts(audit: Audit) -> t.Iterator[str]:
    # The jobs of a crontab run as the users that it names.
    for path in SYSTEM_TEXTS + ["/etc/sudoers"]:
        if path != "/etc/crontab":
            yield path
    for directory in _TEXT_DIRECTORIES:
        yield from sorted(texts_below(audit.root, audit.report, directory, 1))
    for home in audit.homes:
        if home.uid == 0:
            names = audit.survey.home_names.get(home.path)
            for name in _ROOT_TEXTS:
                if names is None or name.partition("/")[0] in names:
                    yield home.path + "/" + name


def _root_path(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    found: t.Dict[str, t.Tuple[str, bool]] = {}
    for path in _root_path_texts(audit):
        data = read_text(audit.root, audit.report, path)
        for directory, before in _named_in(data):
            if directory not in found or before and not found[directory][1]:
                found[directory] = path, before
    for directory, (path, before) in sorted(found.items()):
        problem = _writable_by_others(audit, directory, path, before)
        if problem is not None:
            yield problem


def _named_in(data: bytes) -> t.Iterator[t.Tuple[str, bool]]:
    """The directories that a text puts into PATH, or runs a file of, and whether they come before the system's."""
    text = data.decode("utf-8", "surrogateescape")
    for match in _PATH_LINE.finditer(text):
        before = True
        for part in _PATH_PART.findall(match.group(1))[:200]:
            before = before and part not in _SYSTEM_PROGRAMS
            path = expand_home(part, "/root")
            if path is not None and "$" not in path:
                yield path.rstrip("/") or "/", before
    rest = [line for line in data.split(b"\n") if not _ANY_PATH.search(line)]
    for mention in mentions(b"\n".join(rest), home="/root"):
        if mention.kind == "prefix":
            yield mention.path + "/bin", True
            yield mention.path + "/etc/profile.d", True


def _writable_by_others(audit: Audit, directory: str, path: str, before: bool) -> t.Optional[Problem]:
    place = place_at(audit, directory)
    if place is None:
        return None
    writers = path_writers(audit, place)
    allowed = audit.policy.get("permissions.writer_groups", [])
    groups = sorted(group for group in writers.groups if group not in allowed)
    who = ["everybody"] if writers.everybody else ["user " + name for name in sorted(writers.users)]
    who += [] if writers.everybody else ["group " + name for name in groups]
    if not who:
        return None
    expected = audit.policy.get("permissions.base_owner", "root")
    where = "before the system's directories" if before else "after the system's directories"
    seen = "%s makes root look for programs in %s, %s; %s can change what is there."
    trusted = who == ["user " + expected]
    return Problem(
        seen % (path, directory, where, listed(who)),
        item=directory,
        path=path,
        severity=None if before and not trusted else "medium",
        details={"writers": who, "before": before},
    )


RULES = (
    Rule(
        id="perm.world_writable",
        family="permissions",
        severity="high",
        scope="environment",
        title="Everybody can write to a directory of an environment",
        explanation="Whoever can write to a prefix, or to a directory above it, decides what its users run. Base"
        " environments become so by an installer that ran with a careless umask.",
        remedy="Take the right away, as the owner of each directory: sudo -u {user} chmod o-w -- {subject}",
        check=_world_writable,
        source="CVE-2023-35845",
    ),
    Rule(
        id="perm.world_writable_files",
        family="permissions",
        severity="high",
        scope="environment",
        title="Everybody can write to programs of an environment",
        explanation="Whoever can write to a program or an activation script decides what its users run. A file that is"
        " hard-linked to a package cache is changed in all environments at once.",
        remedy="Take the right away, as the owner of each directory: sudo -u {user} chmod o-w -- {subject}",
        check=_world_writable_files,
        source="CVE-2023-35845",
        needs=("files",),
    ),
    Rule(
        id="perm.group_writable",
        family="permissions",
        severity="medium",
        scope="environment",
        title="A group, or a user of an access control list, can write to an environment",
        explanation="Each member of the group decides what all users of the environment run. A group that holds only"
        " the owner is none, and the policy names those that may.",
        remedy="Name the group in permissions.writer_groups of the policy, or take the right away (setfacl -x for"
        " an access"
        " control list): sudo -u {user} chmod g-w -- {subject}",
        check=_group_writable,
        source="conda/gateways/disk/create.py",
    ),
    Rule(
        id="perm.owner",
        family="permissions",
        severity="medium",
        scope="environment",
        title="An environment, or a part of it, belongs to another user than it should",
        explanation="Files of another user can be changed by that user. Files of root in a user's environment come from"
        " conda or pip run by sudo, and make each later change fail.",
        remedy="Find out how this came about; then make the environment anew as who should own it.",
        check=_owner,
        source="conda documentation, admin-multi-user-install",
    ),
    Rule(
        id="perm.root_owned_user_dir",
        family="permissions",
        severity="medium",
        scope="home",
        title="A directory of conda in a home belongs to another user",
        explanation="sudo with the user's home, or an installer run as root, leaves such directories; conda cannot"
        " write there when the user runs it.",
        remedy="Let the user move it aside, and run conda in a home as its user only.",
        check=_root_owned,
        source="conda/core/package_cache_data.py",
    ),
    Rule(
        id="perm.activate_d",
        family="permissions",
        severity="medium",
        scope="environment",
        title="Scripts run at activation that no package has brought",
        explanation="Each shell that activates the environment runs the scripts of activate.d. What no package owns"
        " somebody has put there by hand.",
        remedy="Read the scripts in {subject}/etc/conda; remove what nobody knows, and package the rest.",
        check=_activation_scripts,
        source="conda/activate.py",
    ),
    Rule(
        id="perm.path",
        family="permissions",
        severity="high",
        scope="host",
        title="Root looks for programs where another user can write",
        explanation="The user who can write to a directory of root's PATH, or to a prefix whose scripts root's shells"
        " run, can become root.",
        remedy="Take {item} out of {path}, or give the directory, and those above it, to root alone.",
        check=_root_path,
        source="CVE-2022-26526",
    ),
)


__all__ = ("RULES",)
