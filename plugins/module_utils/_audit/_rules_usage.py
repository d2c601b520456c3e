# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on environments that nobody knows, owns or uses any more."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import listed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._places import (
    FIRST_PERSON,
    gigabytes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._homes import Home
from ansible_collections.labfleet.conda.plugins.module_utils._discover._parents import made_by
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._usage import LastUse, last_use
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._measure import Size, measure

_DAY = 86400


def _unregistered(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if audit.is_base(environment) or audit.name_of(environment) is not None or made_by(environment) == "pixi":
        return
    if audit.survey.users is not None:
        audit.unknown(environment.prefix, "whether it is registered is not known: not all homes were looked at")
        return
    survey = audit.survey
    registered = audit.memo("registered", lambda: {survey.identity(path) for path in survey.registered})
    if environment.identity not in registered:
        yield Problem(
            "No environments.txt of a home that could be read names %s, and it lies in no directory of environments."
            % environment.prefix
        )


def _registered_gone(home: Home, audit: Audit) -> t.Iterator[Problem]:
    who = home.user or home.path
    gone = []
    for path, users in sorted(audit.survey.registered.items()):
        if who not in users or audit.survey.identity(path) is not None:
            continue
        try:
            with audit.root.directory(path + "/conda-meta"):
                continue  # there, and not read as an environment for a reason that was told
        except Absent:
            gone.append(path)
        except Unreadable:
            continue  # the survey has told
    if gone:
        path = home.path + "/.conda/environments.txt"
        yield Problem(
            "%s names %d directories that are no environments: %s. A file system that is not mounted now may hold them."
            % (path, len(gone), listed(gone)),
            path=path,
            details={"count": len(gone), "paths": gone[:20]},
        )


def _orphan(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    reason = _why_departed(environment.uid, audit)
    if reason is None:
        return
    use, size = _last_use(environment, audit), _size(environment, audit)
    yield Problem(
        "%s Last sign of use: %s.%s" % (reason, _sign(use), _takes(size)),
        details=_details(use, size, uid=environment.uid),
    )


def _why_departed(uid: int, audit: Audit) -> t.Optional[str]:
    identities = audit.root.identities
    if not identities.users:
        audit.unknown("/etc/passwd", "no user is known, so departed owners of environments cannot be told")
        return None
    name = identities.user_name(uid)
    if name is None:
        asked = "the name service" if audit.root.is_running_system else "/etc/passwd"
        return "Its owner, number %d, is not known to %s." % (uid, asked)
    user = identities.find_user(name)
    if uid < FIRST_PERSON or user is None:
        return None
    try:
        with audit.root.directory(user.home):
            return None
    except Absent:
        return "The home of its owner %s, %s, does not exist." % (name, user.home)
    except Unreadable:
        return None  # there, or not mounted now; the survey has told


def _unused(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    days = audit.policy.get("environments.unused_days", 365)
    oldest = audit.now - days * _DAY
    if audit.is_base(environment) or not audit.now or environment.modified > oldest:
        return
    if audit.look.result.processes_in(environment):
        return
    use = _last_use(environment, audit)
    if use is None or use.time > oldest:
        return
    mount = audit.root.mount_of(environment.prefix)
    if mount is not None and mount.options & {"noatime", "ro"}:
        audit.unknown(environment.prefix, "whether it is used is not known: its file system keeps no access times")
        return
    size = _size(environment, audit)
    yield Problem(
        "No sign of use for %d days: %s. Access times of files are no proof: a mount that did not keep them would look"
        " the same.%s" % ((audit.now - use.time) // _DAY, _sign(use), _takes(size)),
        policy="environments.unused_days",
        details=_details(use, size),
    )


def _last_use(environment: Environment, audit: Audit) -> t.Optional[LastUse]:
    def look() -> t.Optional[LastUse]:
        try:
            with audit.root.directory(environment.prefix) as prefix:
                return last_use(prefix, python_version=environment.python_version, modified=environment.modified)
        except (Absent, Unreadable) as error:
            audit.unknown(environment.prefix, getattr(error, "reason", "it vanished while it was looked at"))
            return None

    return audit.memo(("last use", environment.identity), look)


def _size(environment: Environment, audit: Audit) -> t.Optional[Size]:
    def look() -> t.Optional[Size]:
        try:
            with audit.root.directory(environment.prefix) as prefix:
                return measure(prefix, audit.report)
        except (Absent, Unreadable) as error:
            audit.unknown(environment.prefix, getattr(error, "reason", "it vanished while it was looked at"))
            return None

    return audit.memo(("size", environment.identity), look) if audit.options.storage else None


def _sign(use: t.Optional[LastUse]) -> str:
    return "unknown" if use is None else "%s, %s" % (_date(use.time), use.evidence)


def _date(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return "a day that no calendar has"


def _takes(size: t.Optional[Size]) -> str:
    if size is None:
        return ""
    return " It takes %s, of which %s would be free without it." % (gigabytes(size.bytes), gigabytes(size.own_bytes))


def _details(use: t.Optional[LastUse], size: t.Optional[Size], **more: t.Any) -> t.Dict[str, t.Any]:
    found = dict(more)
    if use is not None:
        found["last_use"] = {"date": _date(use.time), "evidence": use.evidence}
    if size is not None:
        found["size"] = dict(size._asdict())
    return found


RULES = (
    Rule(
        id="env.unregistered",
        family="environment",
        severity="info",
        scope="environment",
        title="No user's list of environments names an environment",
        explanation="conda env list does not show it, so nobody updates or removes it.",
        remedy="Add its path to ~/.conda/environments.txt of who uses it, or remove it: sudo -u {user} conda env"
        " remove -p {subject}",
        check=_unregistered,
        source="conda/core/envs_manager.py",
    ),
    Rule(
        id="env.registered_gone",
        family="environment",
        severity="info",
        scope="home",
        title="A user's list of environments names some that are gone",
        explanation="They were removed by other means than conda, or lie on a file system that is not mounted now.",
        remedy="Take the lines out of {path}; do not run conda as root for it, which edits the lists of all users.",
        check=_registered_gone,
        source="conda/core/envs_manager.py",
    ),
    Rule(
        id="env.orphan",
        family="environment",
        severity="info",
        scope="environment",
        title="The owner of an environment has departed",
        explanation="Nobody updates it, and the next user to be given the number of its owner owns it.",
        remedy="Ask who still uses {subject} and let them make their own; then archive and remove it.",
        check=_orphan,
        source="conda documentation, admin-multi-user-install",
    ),
    Rule(
        id="env.unused",
        family="environment",
        severity="info",
        scope="environment",
        title="An environment shows no sign of use",
        explanation="It takes space, and its packages get older without anybody to notice.",
        remedy="Ask {user}; then keep its list (sudo -u {user} conda list -p {subject} --explicit )"
        " and remove it: sudo -u {user} conda env remove -p {subject}",
        check=_unused,
        source="conda/core/envs_manager.py; mount(8), relatime",
    ),
)


__all__ = ("RULES",)
