# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Judge version and build number specifications (CEP 29) as conda 26.7.1 does.

Where this differs from conda, on purpose:

* ``~=1`` is refused when it is read; conda reads it and fails when it first meets a version that is not smaller.
* A specification over 2048 characters, with over 32 parentheses or over 4 ``^`` is refused: such texts only come from
  somebody who wants to keep the reader busy. What is refused in a regular expression, see regex_test.
* A regular expression for a build number is matched against the number's digits; conda fails with a TypeError.
"""

from __future__ import annotations

import operator
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import (
    SpecError,
    Test,
    UnsupportedSpec,
    glob_test,
    regex_test,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import Version, parse_version

MAX_SPEC = 2048
_MAX_PARENTHESES = 32
_MAX_REGEXES = 4

_TOKENS = re.compile(r"\^[^$]*\$|[()|,]|[^()|,\s][^()|,]*")
_OPERATOR = re.compile(r"([=<>!~]+)([^=<>!~\s]\S*)\Z")


class InvalidVersionSpec(SpecError):
    """A text that is no version specification."""

    what = "invalid version specification"


_OPERATORS: t.Dict[str, t.Callable[[t.Any, t.Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": Version.startswith,
}


class VersionSpec:
    """A condition on versions such as ``>=1.8,<2|1.7.*``: ``,`` is "and" and binds tighter than ``|``, which is "or".

    :ivar text: the specification as conda writes it: ``1.7*`` as ``1.7.*``; parentheses around "or" are lost.
    :ivar exact: whether it names a single version.

    :raises InvalidVersionSpec: when conda refuses the text.
    :raises UnsupportedSpec: when it is too long or nested, or a regular expression could take too long.
    """

    __slots__ = ("text", "exact", "_test")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_SPEC or text.count("(") > _MAX_PARENTHESES or text.count("^") > _MAX_REGEXES:
            raise UnsupportedSpec(text[:40] + "...", "too long, too deeply nested or too many regular expressions")
        try:
            self.text, self._test, self.exact = _compile_tree(_parse_tree(text))
        except SpecError as error:
            if isinstance(error, UnsupportedSpec):
                raise
            raise InvalidVersionSpec(text, error.reason) from error

    def matches(self, version: t.Union[str, Version]) -> bool:
        """Tell whether the version meets the condition.

        :raises InvalidVersion: when the condition needs the order and the text is no version.
        :raises UnsupportedSpec: when a regular expression meets a text over 128 characters.
        """
        return self._test(version.text if isinstance(version, Version) else version)

    def __repr__(self) -> str:
        return f"VersionSpec({self.text!r})"


_Tree = t.Union[str, t.Tuple[t.Any, ...]]  # a single condition, or ("|" or ",", tree, tree, ...)
_Compiled = t.Tuple[str, Test, bool]  # the text, the test, whether it names a single version


def _parse_tree(text: str) -> _Tree:
    """Read the two operators and parentheses; what conda leaves unread after a complete expression is left unread."""
    done: t.List[_Tree] = []
    waiting: t.List[str] = []

    def join_until(stops: str) -> None:
        while waiting and waiting[-1] not in stops:
            if len(done) < 2:
                raise InvalidVersionSpec(text, "an operator lacks one of its sides")
            sign = waiting.pop()
            right, left = done.pop(), done.pop()
            done.append((sign, *_branches(sign, left), *_branches(sign, right)))

    for token in ["(", *_TOKENS.findall(text), ")"]:
        if token == "(":
            waiting.append(token)
        elif token == ")":
            join_until("(")
            if not waiting:
                raise InvalidVersionSpec(text, "a parenthesis is closed but not opened")
            waiting.pop()
        elif token in ("|", ","):
            join_until("(" if token == "|" else "|(")
            waiting.append(token)
        else:
            done.append(token.strip())
    if waiting:
        raise InvalidVersionSpec(text, "a parenthesis is opened but not closed")
    if not done:
        raise InvalidVersionSpec(text, "it is empty")
    return done[0]


def _branches(sign: str, tree: _Tree) -> t.Tuple[_Tree, ...]:
    return tree[1:] if isinstance(tree, tuple) and tree[0] == sign else (tree,)


def _compile_tree(tree: _Tree) -> _Compiled:
    if isinstance(tree, str):
        return _compile_condition(tree)
    branches = [_compile_tree(branch) for branch in tree[1:]]
    tests = [test for _text, test, _exact in branches]
    combine = any if tree[0] == "|" else all
    return tree[0].join(branch[0] for branch in branches), lambda version: combine(f(version) for f in tests), False


def _compile_condition(text: str) -> _Compiled:
    if text[0] == "^" or text[-1] == "$":
        return text, _delimited_regex(text), False
    if text[0] in "=<>!~":
        test, exact = _compile_relation(text)
        return text, test, exact
    if text == "*":
        return text, lambda version: True, False
    if "*" in text.rstrip("*"):
        if any(sign in text for sign in "[]{}?\\$^"):
            inner = text.replace(".", r"\.").replace("+", r"\+").replace("*", ".*")
            return text, regex_test(f"^(?:{inner})$"), False
        return text, glob_test(text), False
    if text[-1] == "*":
        text = text if text.endswith(".*") else text[:-1] + ".*"
        return text, _relation_test("=", text.rstrip("*").rstrip(".")), False
    if "@" in text:
        return text, lambda version: version == text, True
    return text, _relation_test("==", text), True


def _compile_relation(text: str) -> t.Tuple[Test, bool]:
    found = _OPERATOR.match(text)
    sign, bound = found.groups() if found else ("", "")
    if sign not in _OPERATORS and sign != "~=":
        raise InvalidVersionSpec(text, "an operator (= == != < > <= >= ~=) must stand directly before a version")
    if bound.endswith(".*"):
        bound = bound[:-2]
        if sign == "~=":
            raise InvalidVersionSpec(text, "~= does not go together with .*")
        if sign == "!=":
            starts = _relation_test("=", bound)
            return lambda version: not starts(version), False
    if sign == "~=":
        series, dot, _last = parse_version(bound).normal.rpartition(".")
        if not dot:
            raise InvalidVersionSpec(text, "~= needs a version of at least two components")
        newer, starts = _relation_test(">=", bound), _relation_test("=", series)
        return lambda version: newer(version) and starts(version), False
    return _relation_test(sign, bound), sign == "=="


def _relation_test(sign: str, bound: str) -> Test:
    compare, right = _OPERATORS[sign], parse_version(bound)
    return lambda version: compare(parse_version(version), right)


def _delimited_regex(text: str) -> Test:
    if text[0] != "^" or text[-1] != "$":
        raise InvalidVersionSpec(text, "a regular expression must start with ^ and end with $")
    return regex_test(text)


class BuildNumberSpec:
    """A condition on build numbers such as ``7`` or ``>=7``.

    :ivar text: the specification as conda writes it.

    :raises InvalidVersionSpec: when conda refuses the text.
    :raises UnsupportedSpec: when a regular expression could take too long.
    """

    __slots__ = ("text", "_test")

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        try:
            number = int(text)
        except ValueError:
            self._test = self._compile(self.text)
        else:
            self.text = str(number)
            self._test = lambda digits: digits == self.text

    def matches(self, number: int) -> bool:
        """Tell whether the build number meets the condition."""
        return self._test(str(number))

    @staticmethod
    def _compile(text: str) -> Test:
        try:
            if not text:
                raise InvalidVersionSpec(text, "it is empty")
            if text == "*":
                return lambda digits: True
            if text[0] in "=<>!":
                found = _OPERATOR.match(text)
                if not found or found.group(1) not in _OPERATORS:
                    raise InvalidVersionSpec(text, "an operator must stand directly before a number")
                return _relation_test(*found.groups())
            if text[0] == "^" or text[-1] == "$":
                return _delimited_regex(text)
        except UnsupportedSpec:
            raise
        except SpecError as error:
            raise InvalidVersionSpec(text, error.reason) from error
        return lambda digits: False  # any other text is taken literally, and no number equals it


__all__ = ("BuildNumberSpec", "InvalidVersionSpec", "MAX_SPEC", "VersionSpec")
