# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The drift of a container as files from which its image can be built anew: a Containerfile, and files per environment.

All that a container tells is the word of whoever works in it. What does not have the form of what it should be is
refused, and what is left is quoted: RUN lines are JSON lists, which no shell reads.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._environment_file import write_environment_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import Request

_Map = t.Mapping[str, t.Any]
# CEP 26, which also says what a version and a build are; the project names of PEP 508, and the signs of PEP 440.
_NAME = re.compile(r"(?!__)[a-z0-9_][a-z0-9._-]{0,127}\Z")
_VERSION = re.compile(r"[0-9A-Za-z_][0-9A-Za-z.+!_]{0,127}\Z")
_BUILD = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._+]{0,127}\Z")
_PIP_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
_PIP_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]{0,127}\Z")
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.+@~][A-Za-z0-9_.+@~ -]{0,254})+\Z")
_ADDRESS = r"(?:https?|file)://(?!\.)[A-Za-z0-9._~:/%+!,=-]{1,1000}"
_URL = re.compile(_ADDRESS + r"\Z")
_CHANNEL = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._/-]{0,200}|" + _ADDRESS + r")\Z")
_PIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ ,|<>=!~*+:/\[\]'-]{0,250}\Z")
_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_REPOSITORY = r"[a-z0-9](?:[a-z0-9._:/-]{0,250}[a-z0-9])?"
_DIGEST = re.compile(r"(?P<repository>" + _REPOSITORY + r")@sha256:[0-9a-f]{64}\Z")
_TAGGED = re.compile(r"(?P<repository>" + _REPOSITORY + r"):[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_ENDINGS = (".conda", ".tar.bz2")
# $0 is the file, and the lines of it are the arguments, so that the shell reads nothing of them.
_WRITE = 'printf \'%s\\n\' "$@" > "$0"'
# As a list in a file, since no conda takes a checksum on its command line. $0 is the program, then verb and prefix.
_EXPLICIT = (
    "verb=$1 prefix=$2 && shift 2 && printf '%s\\n' @EXPLICIT \"$@\" > /tmp/explicit.txt"
    ' && "$0" "$verb" --yes --prefix "$prefix" --file /tmp/explicit.txt && rm /tmp/explicit.txt'
)


class Export(t.NamedTuple):
    """The drift of one container as files.

    :param files: their texts, by name; none where nothing is different, or where it is refused.
    :param refused: why nothing is exported, in one sentence; None where it is.
    :param left_out: what is different and not in the files, one sentence each.
    """

    files: dict[str, str]
    refused: str | None
    left_out: list[str]


class Refusal(Exception):
    """What a container tells has not the form of what it should be; the text is one sentence."""


def container_export(container: _Map) -> Export:
    """Make the files.

    :param container: an entry of C(containers) of conda_info, with C(drift).
    """
    drift = container.get("drift")
    try:
        if not isinstance(drift, dict):
            raise Refusal("conda_info was not asked for its drift: call it with drift: true.")
        if drift.get("status") != "compared":
            raise Refusal("It was not compared with its image: %s." % shown(drift.get("reason")))
        if not drift.get("changed"):
            return Export({}, None, [])
        return _exported(drift)
    except Refusal as refusal:
        return Export({}, str(refusal), [])
    except (KeyError, TypeError, AttributeError):
        return Export({}, "What is told of its drift has not the form that conda_info gives it.", [])


def shown(text: t.Any) -> str:
    """A text of a container for a sentence or a comment: on one line, in ASCII, and not longer than can be read."""
    written = json.dumps(str(text)[:200])
    return written[1:-1] if isinstance(text, str) and not _ODD.search(text) else written


_ODD = re.compile(r"[^ -~]|[\\\"]")


def _exported(drift: _Map) -> Export:
    files: dict[str, str] = {}
    left_out = list(_not_exported(drift))
    lines = _from(drift["image"])
    names: set[str] = set()
    for item in drift["environments"]:
        if item["change"] == "unknown":
            continue
        environment = _Environment(item)
        if environment.change != "removed":
            files.update(environment.files(_file_name(environment, names)))
        if environment.program is None:
            text = "%s is looked after by no conda, mamba or micromamba of the image: it is not in the Containerfile."
            left_out.append(text % environment.prefix)
            continue
        lines += ["", "# %s" % environment.prefix, *environment.run_lines()]
    lines += ["", *("# Left out: %s" % text for text in left_out)] if left_out else []
    return Export({"Containerfile": "\n".join(lines) + "\n", **files}, None, left_out)


def _from(image: _Map) -> list[str]:
    """The first lines: which image the changes are made to."""
    head = ["# What was changed in a container, as changes to its image. Read it before you build from it."]
    named = str(image.get("name") or "")
    digests = sorted(filter(_DIGEST.match, image.get("digests") or ()))
    tags = [name for name in image.get("names") or () if _TAGGED.match(name)]
    # Where the image is gone, its name may be that of another one by now, or be its number.
    if not image.get("there") and _TAGGED.match(named):
        tags.append(named)
    repository = named.partition("@")[0].rpartition(":")[0] or named
    digests.sort(key=lambda name: name.partition("@")[0] != repository)
    tags.sort(key=lambda name: name != named)
    if digests:
        return [*head, "FROM %s" % digests[0]]
    if not tags:
        text = "Its image %s has no name with which a Containerfile could begin: give it one, and look again."
        raise Refusal(text % shown(image.get("id") or named))
    text = "# No registry knows this image: see to it that the name still means %s."
    return [*head, text % shown(image.get("id")), "FROM %s" % tags[0]]


def _not_exported(drift: _Map) -> t.Iterator[str]:
    if not drift["complete"]:
        yield "Not all of the container and its image could be read, so that more can be different."
    for file in drift["settings"]:
        keys = ", ".join(shown(item["name"]) for item in file["settings"])
        yield "The settings of %s are different%s." % (shown(file["path"]), " (%s)" % keys if keys else "")
    if drift["mounted"]:
        yield "What is mounted was not compared: %s." % ", ".join(map(shown, drift["mounted"]))


class _Environment:
    """One environment that is different, all of whose parts have the form that they should have."""

    def __init__(self, item: _Map) -> None:
        self.prefix = _checked(item["prefix"], _PATH, "path of an environment", "the container")
        where = self.prefix
        self.change = item["change"]
        self.is_base = item["installation"] == self.prefix
        usable = item["kind"] in ("conda", "mamba", "micromamba") and item["program"]
        self.program = _checked(item["program"], _PATH, "path of a program", where) if usable else None
        self.installed = [_Package(each, where) for each in item["packages"] if each["after"]]
        self.removed = [
            _checked(e["name"], _NAME, "name of a package", where) for e in item["packages"] if not e["after"]
        ]
        self.pip = [_pip_spec(each, where) for each in item["pip_packages"] if each["after"]]
        self.pip_removed = [
            _checked(each["name"], _PIP_NAME, "name of a Python package", where)
            for each in item["pip_packages"]
            if not each["after"]
        ]
        pinned = item["pinned"]
        self.pins = None if pinned is None else [_checked(pin, _PIN, "pin", where) for pin in pinned["after"]]

    @property
    def addresses(self) -> list[str] | None:
        """The address of each package that was added or changed; None where one has none that can be used."""
        found = [package.address for package in self.installed]
        return None if None in found else t.cast("list[str]", found)

    def files(self, name: str) -> dict[str, str]:
        """The environment file, and the explicit list where each package has an address."""
        said = "# %s of a container: what it has that its image has not, or has otherwise.\n" % self.prefix
        if self.removed or self.pip_removed:
            said += "# Removed there: %s\n" % ", ".join([*self.removed, *self.pip_removed])
        request = Request(
            name="base" if self.is_base else self.prefix.rpartition("/")[2],
            channels=tuple(dict.fromkeys(package.channel for package in self.installed if package.channel)),
            specs=tuple(package.spec for package in self.installed),
            pip=tuple(self.pip),
        )
        found = {name + ".yml": said + write_environment_file(request, prefix=self.prefix)}
        if self.addresses:
            found[name + ".explicit.txt"] = "\n".join([said + "@EXPLICIT", *self.addresses]) + "\n"
        return found

    def run_lines(self) -> t.Iterator[str]:
        """The lines of a Containerfile that make the same changes."""
        program, where = str(self.program), ["--yes", "--prefix", self.prefix]
        if self.change == "removed":
            yield _run(program, "env", "remove", *where)
            return
        if self.installed or self.change == "added":
            verb = "create" if self.change == "added" else "install"
            if self.addresses:
                yield _run("/bin/sh", "-c", _EXPLICIT, program, verb, self.prefix, *self.addresses)
            else:
                yield _run(program, verb, *where, *self._specs())
        if self.removed:
            yield _run(program, "remove", "--force", *where, *self.removed)
        python = self.prefix + "/bin/python"
        if self.pip:
            yield "# From the index that pip asks when this is built; what was made in the container must be there too."
            yield _run(python, "-m", "pip", "install", "--no-deps", *self.pip)
        if self.pip_removed:
            yield _run(python, "-m", "pip", "uninstall", "--yes", *self.pip_removed)
        if self.pins is not None:
            yield _run("/bin/sh", "-c", _WRITE, self.prefix + "/conda-meta/pinned", *self.pins)

    def _specs(self) -> list[str]:
        channels = dict.fromkeys(package.channel for package in self.installed if package.channel)
        asked = [word for channel in channels for word in ("--channel", channel)]
        return [
            *asked,
            *(["--no-deps"] if self.change != "added" else []),
            *(package.spec for package in self.installed),
        ]


class _Package:
    """A package that was added or changed."""

    def __init__(self, item: _Map, where: str) -> None:
        after = item["after"]
        name = _checked(item["name"], _NAME, "name of a package", where)
        version = _checked(after["version"], _VERSION, "version of the package %s" % name, where)
        build = _checked(after["build"], _BUILD, "build of the package %s" % name, where)
        self.spec = "%s=%s=%s" % (name, version, build)
        channel, url, md5 = after["channel"], after["url"], after["md5"]
        # A token in it is masked, and a channel with a mask is none.
        is_known = channel is not None and "*" not in str(channel)
        self.channel = _checked(channel, _CHANNEL, "channel of the package %s" % name, where) if is_known else None
        self.address = None
        file_names = ["%s-%s-%s%s" % (name, version, build, ending) for ending in _ENDINGS]
        if isinstance(url, str) and _URL.match(url) and url.rpartition("/")[2] in file_names:
            self.address = url + ("#" + md5 if isinstance(md5, str) and _MD5.match(md5) else "")


def _pip_spec(item: _Map, where: str) -> str:
    name = _checked(item["name"], _PIP_NAME, "name of a Python package", where)
    return "%s==%s" % (name, _checked(item["after"], _PIP_VERSION, "version of the Python package %s" % name, where))


def _checked(text: t.Any, pattern: re.Pattern[str], what: str, where: str) -> str:
    if isinstance(text, str) and pattern.match(text):
        return text
    raise Refusal("%s in %s is no %s: nothing of the container is exported." % (_quoted(text), where, what))


def _quoted(text: t.Any) -> str:
    return json.dumps(str(text)[:200])


def _run(*words: str) -> str:
    """A RUN line that no shell reads; on several lines, since a builder takes none of more than 64 KiB."""
    return "RUN [%s]" % ", \\\n  ".join(json.dumps(word) for word in words)


def _file_name(environment: _Environment, taken: set[str]) -> str:
    name = "base" if environment.is_base else environment.prefix.rpartition("/")[2]
    name = slug(name)
    while name in taken:
        name += "-2"
    taken.add(name)
    return name


def slug(text: str) -> str:
    """A text as the name of a file: letters, digits, dots, dashes and underscores, and no dot first."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip(".-")[:100] or "unnamed"


__all__ = ("Export", "container_export", "shown", "slug")
