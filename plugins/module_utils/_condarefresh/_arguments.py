# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The command line of condarefresh."""

from __future__ import annotations

import argparse
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._texts import LANGUAGES, Words

PROGRAM = "condarefresh"
# What --environment stands for without a name.
ACTIVE = ""


class Usage(Exception):
    """The command line cannot be understood; the text says why."""


class HelpWanted(Exception):
    """The user asks for the help, which the text is."""


class Arguments(t.NamedTuple):
    """What is asked for.

    :param environment: a name, a path or ACTIVE; None for the base prefix.
    """

    packages: t.Tuple[str, ...] = ()
    environment: t.Optional[str] = None
    prefix: t.Optional[str] = None
    yes: bool = False
    check: bool = False
    undo: bool = False
    python: str = "keep"
    even_if_in_use: bool = False
    details: bool = False
    json: bool = False
    language: t.Optional[str] = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> t.NoReturn:
        raise Usage(message)


def parse(words: t.Sequence[str], texts: Words) -> Arguments:
    """Understand a command line.

    :raises Usage: it cannot be understood.
    :raises HelpWanted: it asks for the help.
    """
    parser = _parser(texts)
    found = vars(parser.parse_args(list(words)))
    if found.pop("help"):
        raise HelpWanted(parser.format_help().replace("usage:", texts("usage") + ":", 1))
    if found["packages"] and found["environment"] is None:
        raise Usage(texts("packages_need_environment"))
    if found["undo"] and found["packages"]:
        raise Usage("--undo takes no packages")
    return Arguments(**dict(found, packages=tuple(found["packages"])))


def glance(words: t.Sequence[str]) -> Arguments:
    """The language and the form of the output that a command line asks for, as far as it can be understood."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--language", choices=LANGUAGES)
    parser.add_argument("--json", action="store_true")
    try:
        found = parser.parse_known_args(list(words))[0]
    except Usage:
        return Arguments(json="--json" in words)
    return Arguments(language=found.language, json=found.json)


def _parser(texts: Words) -> _Parser:
    parser = _Parser(
        prog=PROGRAM, add_help=False, allow_abbrev=False, description=texts("about"), epilog=texts("help_codes")
    )
    add = parser.add_argument_group("condarefresh").add_argument
    add("packages", nargs="*", metavar="PACKAGE", help=texts("help_packages"))
    add("--environment", "-n", nargs="?", const=ACTIVE, metavar="NAME", help=texts("help_environment"))
    add("--prefix", "-p", metavar="PATH", help=texts("help_prefix"))
    add("--yes", "-y", action="store_true", help=texts("help_yes"))
    add("--check", action="store_true", help=texts("help_check"))
    add("--undo", action="store_true", help=texts("help_undo"))
    add("--python", choices=("keep", "move"), default="keep", help=texts("help_python"))
    add("--even-if-in-use", action="store_true", help=texts("help_in_use"))
    add("--details", action="store_true", help=texts("help_details"))
    add("--json", action="store_true", help=texts("help_json"))
    add("--language", choices=LANGUAGES, help=texts("help_language"))
    add("--help", "-h", action="store_true", help=texts("help_help"))
    return parser


__all__ = ("ACTIVE", "Arguments", "HelpWanted", "PROGRAM", "Usage", "glance", "parse")
