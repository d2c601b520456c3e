# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Runs the rules over everything that was found, one subject at a time, and gives the findings as plain values."""

from __future__ import annotations

import fnmatch
import re
import shlex
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._remedies import sudoer
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule, is_at_least
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import (
    Absent,
    ShareIsUp,
    TimeIsUp,
    Unreadable,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import on_one_line, shorten

# What somebody can put into their own files must not crowd out the findings about others.
MAX_PROBLEMS_OF_A_PLACE = 100
MAX_TEXT = 2000
MAX_LEFT = 20
_TIME = "the time limit passed"

_Map = t.Dict[str, t.Any]


class Judgement:
    """What the rules said; it holds what is known so far, also when the time is up.

    :ivar findings: as module conda_audit documents them.
    :ivar unjudged: rule, subject and reason of each check that could not come to its end.
    :ivar not_checked: the rules left out, and why.
    :ivar rules_checked: how many rules were asked.
    """

    def __init__(self) -> None:
        self.findings: t.List[_Map] = []
        self.unjudged: t.List[t.Dict[str, str]] = []
        self.not_checked: t.List[t.Dict[str, str]] = []
        self.rules_checked = 0

    def sort(self) -> None:
        """Put the findings into the order in which they are returned."""
        self.findings = sorted(self.findings, key=lambda item: (item["rule"], item["subject"], item["item"] or ""))


def judge(audit: Audit, rules: t.Iterable[Rule], result: Judgement) -> None:
    """Ask all rules that the options and the policy leave on.

    :param audit: the context.
    :param rules: such as _catalogue.RULES.
    :param result: takes what they say as they say it, so that it holds all of it when the time is up.
    :raises TimeIsUp: the time limit passed.
    """
    _Judge(audit, result).run(rules)


class _Judge:
    """Asks the rules twice where it must.

    What belongs to one user is judged within a share of the time. What did not come to its end for that is judged at
    last, when everybody else was, with all the time that is left.
    """

    def __init__(self, audit: Audit, result: Judgement) -> None:
        self._audit = audit
        self._result = result
        self._waivers = _Waivers(audit)
        self._known: t.Set[t.Tuple[str, str, t.Optional[str]]] = set()
        self._late: t.Dict[t.Optional[int], t.List[t.Tuple[Rule, t.Any]]] = {}

    def run(self, rules: t.Iterable[Rule]) -> None:
        audit, result = self._audit, self._result
        pending: t.List[Rule] = []
        for rule in rules:
            reason = _reason_to_leave_out(rule, audit)
            if reason is None:
                pending.append(rule)
            else:
                result.not_checked.append({"rule": rule.id, "reason": reason})
        try:
            while pending:
                self._first_round(pending[0])
                pending.pop(0)
            self._second_round()
        except TimeIsUp:
            self._leave_rest(pending[1:])
            raise
        finally:
            result.sort()

    def _first_round(self, rule: Rule) -> None:
        audit = self._audit
        self._result.rules_checked += 1
        subjects = list(_subjects(rule.scope, audit))
        for number, subject in enumerate(subjects):
            user = _number(rule.scope, subject, audit)
            try:
                with audit.shares.of(user):
                    self._try(rule, subject)
            except ShareIsUp:
                self._late.setdefault(user, []).append((rule, subject))
            except TimeIsUp:
                for left in subjects[number : number + MAX_LEFT]:
                    self._leave(rule, left, _TIME)
                if len(subjects) > number + MAX_LEFT:
                    self._note(rule, "/", _TIME + " before it looked at %d more" % (len(subjects) - number - MAX_LEFT))
                raise

    def _second_round(self) -> None:
        audit, shares = self._audit, self._audit.shares
        while self._late:
            user = next(iter(self._late))
            try:
                with shares.lasting(shares.seconds_for(len(self._late))):
                    while self._late[user]:
                        self._try(*self._late[user][0])
                        self._late[user].pop(0)
            except ShareIsUp:
                for rule, subject in self._late[user]:
                    self._leave(rule, subject, "what user %s has is too much to judge in time" % audit.user(user or 0))
            del self._late[user]

    def _leave_rest(self, rules: t.Iterable[Rule]) -> None:
        for items in self._late.values():
            for rule, subject in items:
                self._leave(rule, subject, _TIME)
        for rule in rules:
            self._note(rule, "/", _TIME + " before it was asked")

    def _try(self, rule: Rule, subject: t.Any) -> None:
        try:
            self._ask(rule, subject)
        except (Absent, Unreadable) as error:
            self._leave(rule, subject, getattr(error, "reason", "it vanished while it was read"))
        except (TimeIsUp, ShareIsUp):
            raise
        except Exception as error:  # noqa: BLE001 - one subject, or one rule, must not end the judgement on others
            self._leave(rule, subject, "the check failed (%s); please report this" % type(error).__name__)

    def _ask(self, rule: Rule, subject: t.Any) -> None:
        audit, place = self._audit, _place(rule.scope, subject)
        audit.root.check_time(place)
        counts: t.Dict[str, int] = {}
        for problem in rule.check(subject, audit):
            audit.root.check_time(place)
            path = problem.subject or place
            # What a rule on the whole host finds in one home must not crowd out what it finds in others.
            part = "/".join(path.split("/")[:3]) if rule.scope == "host" else place
            counts[part] = counts.get(part, 0) + 1
            if counts[part] > MAX_PROBLEMS_OF_A_PLACE:
                if counts[part] == MAX_PROBLEMS_OF_A_PLACE + 1:
                    audit.unknown(part, "rule %s found more than %d problems here" % (rule.id, MAX_PROBLEMS_OF_A_PLACE))
                if rule.scope != "host":
                    return
                continue
            self._add(_finding(rule, subject, path, problem, audit))

    def _add(self, finding: _Map) -> None:
        key = finding["rule"], finding["subject"], finding["item"]
        if key not in self._known:
            self._known.add(key)
            finding["waiver"] = self._waivers.find(finding)
            if is_at_least(finding["severity"], self._audit.options.minimum_severity):
                self._result.findings.append(finding)

    def _leave(self, rule: Rule, subject: t.Any, reason: str) -> None:
        _leave_undone(rule, _place(rule.scope, subject), self._audit, self._result, reason)

    def _note(self, rule: Rule, place: str, reason: str) -> None:
        _leave_undone(rule, place, self._audit, self._result, reason)


def _reason_to_leave_out(rule: Rule, audit: Audit) -> t.Optional[str]:
    options = audit.options
    if options.families and rule.family not in options.families:
        return "its family was not asked for"
    if audit.policy.severity(rule.id) == "off":
        return "the policy has switched it off (layer %s)" % audit.policy.layer("rules." + rule.id)
    offered = {"files": options.integrity != "none", "hashes": options.integrity == "hashes"}
    offered["storage"] = options.storage
    missing = [need for need in rule.needs if not offered[need]]
    return "it needs %s, which was not asked for" % " and ".join(missing) if missing else None


def _subjects(scope: str, audit: Audit) -> t.Iterable[t.Any]:
    if scope == "host":
        return [audit]
    lists = {
        "home": audit.homes,
        "installation": audit.installations,
        "environment": audit.environments,
        "configuration": audit.configurations,
        "cache": audit.caches,
    }
    return lists[scope]


def _finding(rule: Rule, subject: t.Any, path: str, problem: Problem, audit: Audit) -> _Map:
    severity = audit.policy.severity(rule.id) or problem.severity or rule.severity
    owner, environment = _who(rule.scope, subject, path, audit)
    finding: _Map = {
        "rule": rule.id,
        "severity": severity,
        "kind": rule.scope,
        "subject": path,
        "item": shorten(problem.item, MAX_TEXT) if problem.item is not None else None,
        "path": problem.path,
        "owner": problem.owner or owner,
        "environment": environment,
        "evidence": shorten(on_one_line(problem.evidence), MAX_TEXT),
        "layer": audit.policy.layer(problem.policy or "rules." + rule.id),
        "waiver": None,
        "details": problem.details or {},
    }
    finding["remedy"] = shorten(problem.remedy or _filled(rule.remedy, finding), MAX_TEXT)
    return finding


def _filled(remedy: str, finding: _Map) -> str:
    """A remedy with its placeholders filled in: quoted where a shell needs it, since operators paste remedies."""
    values = {
        "{subject}": finding["subject"],
        "{item}": finding["item"] or "",
        "{user}": finding["owner"] or "OWNER",
        "{path}": finding["path"] or finding["subject"],
    }
    found = re.split(r"(\{(?:subject|item|user|path)\})", remedy)
    quote = {"{user}": sudoer}
    return "".join(quote.get(part, shlex.quote)(values[part]) if part in values else part for part in found)


def _place(scope: str, subject: t.Any) -> str:
    """The path that a subject goes by."""
    if scope == "host":
        return "/"
    if scope == "configuration":
        return subject.installation.prefix or "/"
    if scope == "environment":
        return subject.prefix
    if scope == "installation":
        return subject.prefix or subject.program or "/"
    return subject.path


def _number(scope: str, subject: t.Any, audit: Audit) -> t.Optional[int]:
    """The number of the user whose a subject is; None for the whole host."""
    if scope == "host":
        return None
    if scope == "configuration":
        homes = [home.uid for home in audit.homes if subject.user in (home.user, home.path)] if subject.user else []
        return homes[0] if homes else subject.installation.uid
    return subject.uid


def _user_of_file(configuration: t.Any, path: str) -> t.Optional[str]:
    """The user whose a finding on settings is; nobody's where a file says it that is for everybody."""
    sources = [source for setting in configuration.settings.values() for source in (*setting.sources, *setting.ignored)]
    tiers = {source.tier for source in sources if source.origin == path}
    return None if tiers & {"system", "state", "root_prefix"} else configuration.user


def _who(scope: str, subject: t.Any, path: str, audit: Audit) -> t.Tuple[t.Optional[str], t.Optional[str]]:
    """Whose a subject is, and the name of the environment that it is or belongs to."""
    if scope == "host":
        return None, None
    if scope == "configuration":
        return _user_of_file(subject, path), None
    if scope == "home":
        return subject.user, None
    if scope == "environment":
        return audit.user(subject.uid), audit.name_of(subject)
    return audit.user(subject.uid), None


def _leave_undone(rule: Rule, place: str, audit: Audit, result: Judgement, reason: str) -> None:
    result.unjudged.append({"rule": rule.id, "subject": place, "reason": reason})
    audit.unknown(place, "rule %s could not judge it: %s" % (rule.id, reason))


class _Waivers:
    """The waivers in force; patterns are those of fnmatch, and the last day counts."""

    def __init__(self, audit: Audit) -> None:
        today = time.strftime("%Y-%m-%d", time.gmtime(audit.now))
        self._waivers = [waiver for waiver in audit.policy.waivers if str(waiver.get("expires")) >= today]

    def find(self, finding: _Map) -> t.Optional[_Map]:
        for waiver in self._waivers:
            if (
                fnmatch.fnmatchcase(finding["rule"], str(waiver.get("rule")))
                and fnmatch.fnmatchcase(finding["subject"], str(waiver.get("subject")))
                and fnmatch.fnmatchcase(finding["item"] or "", str(waiver.get("item") or "*"))
            ):
                return {key: waiver.get(key) for key in ("reason", "owner", "expires", "layer")}
        return None


__all__ = ("Judgement", "judge")
