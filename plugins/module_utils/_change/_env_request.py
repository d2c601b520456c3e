# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a task asks of an environment: by a file, by its own options, or by another environment."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._env_contents import contents_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_marks import MarksWanted, read_marks
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_target import find_target
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import NoEnvironment, read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import parse_match_spec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._read_request import read_request
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import (
    EXPLICIT_FILE,
    FileError,
    Request,
    explicit_package,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._requirement import (
    RequirementError,
    parse_requirement,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import read_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._platform import conda_platform

_MAX_FILE = 64 * 1024 * 1024
_Options = t.Mapping[str, t.Any]


def request_of(options: _Options) -> t.Optional[Request]:
    """What the options ask for; None where they ask for nothing about packages.

    :raises Refused: it cannot be understood.
    """
    text = _text(options)
    if text is None:
        request = None
    else:
        try:
            request = read_request(
                text,
                platform=options["platform"] or conda_platform(),
                environment=options["lock_environment"],
                categories=options["lock_categories"],
            )
        except FileError as error:
            raise Refused("%s, line %d: %s." % (options["src"] or "content", error.line, error.problem)) from error
    return _with_options(request, options)


def _text(options: _Options) -> t.Optional[str]:
    if options["content"] is not None:
        return str(options["content"])
    if options["src"] is None:
        return None
    text = read_text(options["src"], limit=_MAX_FILE) if options["remote_src"] else None
    if text is None:
        where = "this host" if options["remote_src"] else "the control node, and without remote_src"
        raise Refused("src: %s cannot be read on %s: name a regular file that is no link." % (options["src"], where))
    return text


def _with_options(request: t.Optional[Request], options: _Options) -> t.Optional[Request]:
    """What is asked for in the task itself, added to the file; of a package that both name, the task counts."""
    if not options["packages"] and not options["pip"]:
        return request
    request = request or Request()
    if request.explicit:
        raise Refused("packages and pip cannot be added to a list or lock, which names all packages: add them there.")
    try:
        mine = {parse_match_spec(text).name: text.strip() for text in options["packages"]}
        for text in options["pip"]:
            parse_requirement(text)
    except SpecError as error:
        text = "packages: %r is no match spec: %s. Write it as in numpy>=1.26."
        raise Refused(text % (error.text, error.reason)) from error
    except RequirementError as error:
        raise Refused("pip: %s." % error) from error
    if len(mine) < len(options["packages"]) or "*" in "".join(mine):
        raise Refused("packages: each entry must name one package, and each package once.")
    theirs = [text for text in request.specs if parse_match_spec(text).name not in mine]
    pip = dict.fromkeys([*request.pip, *options["pip"]])
    return request._replace(specs=(*theirs, *mine.values()), pip=tuple(pip))


def clone_of(options: _Options) -> Request:
    """The packages of another environment, each by its address, and those of pip.

    :raises Refused: there is none, or it has a package without an address.
    """
    source = options["clone_from"]
    is_path = "/" in source
    target = find_target(options["prefix"], None if is_path else source, source if is_path else None)
    try:
        environment = read_packages(target.prefix)
    except NoEnvironment as error:
        raise Refused("clone_from: %s" % error) from error
    if len(environment.details or ()) != len(environment.records or ()):
        raise Refused("clone_from: not all records of %s can be read." % target.prefix)
    packages = []
    for record in sorted(environment.details or ()):
        if record.url is None:
            text = "clone_from: the record of %s in %s names no address: reinstall that package there first."
            raise Refused(text % (record.name, target.prefix))
        try:
            packages.append(explicit_package(record.url, 1, md5=record.md5, sha256=record.sha256))
        except FileError as error:
            text = "clone_from: the record of %s in %s has an address that cannot be used: %s."
            raise Refused(text % (record.name, target.prefix, error.problem)) from error
    url = contents_of(environment).url
    pip = []
    for item in environment.pip_packages:
        came_from = url(item.name)
        pip.append("%s @ %s" % (item.name, came_from) if came_from else "%s==%s" % (normalize(item.name), item.version))
    variables = read_marks(environment).variables
    return Request(
        EXPLICIT_FILE, explicit=tuple(packages), pip=tuple(sorted(pip)), pip_is_whole=True, variables=variables
    )


def marks_wanted(request: t.Optional[Request], options: _Options, *, only_these: bool) -> MarksWanted:
    """What the options and the file ask of the marks."""
    variables: t.Optional[t.Dict[str, str]] = None
    if options["variables"] is not None or (request and request.variables):
        variables = dict(request.variables) if request else {}
        for name, value in (options["variables"] or {}).items():
            if isinstance(value, (dict, list)) or value is None:
                raise Refused("variables: %s must be a text." % name)
            variables[str(name)] = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return MarksWanted(
        variables, only_these, options["description"], options["frozen"], options["frozen_message"] or None
    )


__all__ = ("clone_of", "marks_wanted", "request_of")
