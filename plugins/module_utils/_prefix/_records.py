# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The records of an environment: one JSON file per installed package (CEP 32, CEP 34)."""

from __future__ import annotations

import functools
import json
import os
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._allowance import Allowance


class RecordName(t.NamedTuple):
    """What the name of a record file already tells."""

    name: str
    version: str
    build: str

    @property
    def file_name(self) -> str:
        return "%s-%s-%s.json" % self


class Record(t.NamedTuple):
    """One installed package, as its record tells it; what an old or foreign record lacks is None.

    :param metadata_directories: the names of the directories (or egg-info files) of Python metadata that it owns.
    :param file_name: the name of the package's archive.
    :param has_link_script: whether it brought a script that ran as the user who installed it.
    :param activation_scripts: those of its files that shells run at activation: below C(etc/conda/activate.d),
        C(etc/conda/deactivate.d) and C(etc/profile.d).
    :param requested_specs: what somebody asked for that brought it.
    :param files: its list of files, for parse_files; None where it was not to be kept.
    :param cached: the paths in a package cache that it came from: unpacked, and as an archive.
    """

    name: str
    version: str
    build: str
    build_number: t.Optional[int]
    channel: t.Optional[str]
    subdir: t.Optional[str]
    url: t.Optional[str]
    metadata_directories: t.FrozenSet[str]
    depends: t.Tuple[str, ...] = ()
    constrains: t.Tuple[str, ...] = ()
    license: t.Optional[str] = None
    md5: t.Optional[str] = None
    sha256: t.Optional[str] = None
    file_name: t.Optional[str] = None
    has_link_script: bool = False
    activation_scripts: t.FrozenSet[str] = frozenset()
    requested_specs: t.Tuple[str, ...] = ()
    files: t.Optional[bytes] = None
    cached: t.Tuple[str, ...] = ()


class BadRecord(ValueError):
    """A record file that does not hold a record; its text says why."""


class TooMuch(Exception):
    """What the owner of an environment has fills the memory that is set aside for one user."""


TOO_MUCH = "its owner has more records than the memory for one user holds; what is left of them was not looked at"
# About what a name and the tuple that it is taken apart to take in memory, and what a further use of them takes.
_SIZE_OF_NAME, _SIZE_OF_ENTRY = 500, 60
# More of a record than this is its list of files, of which little is kept.
_MAX_REST = 1024 * 1024
# More values than the largest package has; parsed they take many times the bytes of the file.
MAX_VALUES = 1000000
_LONG_NUMBER = re.compile(rb"[0-9]{4000}")


class RecordMemory:
    """The records that were read before: the environments of one host hold much the same packages.

    :param keep_files: whether records keep their lists of files.
    :param limit: the number of bytes of records that are remembered. What does not fit is parsed each time, and keeps
        no list of files. Half as many are spent on whole files, of each package the one read last.
    :param most: about how many bytes of memory the environments of all users but root may take; see Allowance.
    """

    def __init__(
        self, *, keep_files: bool = False, limit: int = 64 * 1024 * 1024, most: int = 256 * 1024 * 1024
    ) -> None:
        self._keep_files = keep_files
        self._remembered = Allowance(limit)
        self._kept = Allowance(most, least=most // 64)
        self._known: t.Dict[t.Tuple[bytes, bytes], Record] = {}
        self._names: t.Dict[str, str] = {}
        self._left_for_whole = limit // 2
        self._last: t.Dict[RecordName, t.Tuple[bytes, Record]] = {}

    def may_keep(self, owner: int, size: int) -> bool:
        """Whether so much more may be kept in memory of what a user has."""
        return owner == 0 or self._kept.take(owner, size)

    def name(self, owner: int, file_name: str) -> t.Optional[str]:
        """The name of a file, kept once for all environments; None where its owner may not have more kept."""
        known = self._names.get(file_name)
        if not self.may_keep(owner, _SIZE_OF_ENTRY if known else _SIZE_OF_NAME + len(file_name)):
            return None
        return known or self._names.setdefault(file_name, file_name)

    def record(self, data: bytes, expected: RecordName, owner: int = 0) -> Record:
        """The record in these bytes; raises as parse_record() does.

        :raises TooMuch: its owner may not have more kept.
        """
        last = self._last.get(expected)
        if last is not None and last[0] == data:  # the same to the last byte, which is soon seen
            return last[1]
        known = self._record(*_without_files(data), owner)
        left = self._left_for_whole + (len(last[0]) if last else 0) - len(data)
        if known[:3] == expected and left >= 0:
            self._left_for_whole = left
            self._last[expected] = data, known
        return known

    def _record(self, rest: bytes, files: bytes, owner: int) -> Record:
        key = rest, files
        known = self._known.get(key)
        if known is not None:
            return known
        known = _parsed(rest, files)
        names = sum(map(len, known.metadata_directories)) + sum(map(len, known.activation_scripts))
        if not self.may_keep(owner, _SIZE_OF_NAME + 2 * (min(len(rest), _MAX_REST) + names)):
            raise TooMuch(TOO_MUCH)
        if self._remembered.take(owner, len(rest) + len(files)):
            self._known[key] = known = known if self._keep_files else known._replace(files=None)
        else:
            known = known._replace(files=None)
        return known


def is_record_file(file_name: str) -> bool:
    """Whether conda takes a file of conda-meta for a record (conda/core/prefix_data.py: not AppleDouble's C(._*))."""
    return file_name.endswith(".json") and not file_name.startswith("._")


@functools.lru_cache(maxsize=8192)  # environments hold much the same
def parse_record_name(file_name: str) -> t.Optional[RecordName]:
    """Split C(NAME-VERSION-BUILD.json); None where it has not that form, which conda passes over."""
    parts = file_name[:-5].rsplit("-", 2)
    return RecordName(*parts) if len(parts) == 3 and all(parts) else None


def parse_record(
    data: bytes, *, expected: RecordName, memory: t.Optional[RecordMemory] = None, owner: int = 0
) -> Record:
    """Read one record.

    :param data: the content of the file.
    :param expected: what its file name tells, which must agree with the content, else conda does not read it.
    :param memory: takes the record, and gives it when the same comes again.
    :param owner: the number of who owns the environment.
    :raises BadRecord: it is no JSON, or no record, or another package's.
    :raises TooMuch: its owner may not have more kept in memory.
    """
    record = _parsed(*_without_files(data)) if memory is None else memory.record(data, expected, owner)
    if record[:3] != expected:
        raise BadRecord("its name is that of another package, so conda ignores it")
    return record


def _parsed(rest: bytes, files: bytes) -> Record:
    """The record that its bytes tell, less the lists of files, which are told apart."""
    try:
        content = load_json(rest)
    except BadRecord:
        raise
    except (ValueError, RecursionError) as error:
        raise BadRecord("it is not valid JSON") from error
    if not isinstance(content, dict):
        raise BadRecord("it is JSON, but no record")
    name, version = content.get("name"), content.get("version")
    build = content.get("build", content.get("build_string"))
    if not isinstance(name, str) or not isinstance(version, str) or not isinstance(build, str):
        raise BadRecord("it has no name, version or build")
    number = content.get("build_number")
    return Record(
        name=name,
        version=version,
        build=build,
        build_number=number if isinstance(number, int) else None,
        channel=_text(content.get("channel")),
        subdir=_text(content.get("subdir")),
        url=_text(content.get("url")),
        metadata_directories=_metadata_directories(files),
        depends=_texts(content.get("depends")),
        constrains=_texts(content.get("constrains")),
        license=_text(content.get("license")),
        md5=_text(content.get("md5")),
        sha256=_text(content.get("sha256")),
        file_name=_text(content.get("fn")),
        has_link_script=any(name in files for name in _LINK_SCRIPTS),
        activation_scripts=_activation_scripts(files),
        requested_specs=_texts(content.get("requested_specs") or [content.get("requested_spec")]),
        files=files,
        cached=_cached(content),
    )


def _cached(content: t.Dict[str, t.Any]) -> t.Tuple[str, ...]:
    """The cached package that a record was linked from, by each of the names that records have for it (CEP 32)."""
    link = content.get("link")
    source = link.get("source") if isinstance(link, dict) else None
    named = (source, content.get("extracted_package_dir"), content.get("package_tarball_full_path"))
    return tuple(dict.fromkeys(text for text in map(_text, named) if text is not None and text.startswith("/")))


# The lists of files are nine tenths of a record. In the two forms that conda and rattler write, indented by two, they
# are cut out before the rest is parsed; damage within them is for a check of integrity to find.
_FILES, _END_OF_FILES = b'\n  "files": [\n', b'"\n  ]'
_PATHS = b'\n  "paths_data": {\n'
_ENDS_OF_PATHS = (b'\n    ],\n    "paths_version": 1\n  }', b"\n    ]\n  }")
MAX_NAME = 255
MAX_TEXT = 4096
MAX_TEXTS = 1000
_METADATA_FILES = (b'-info/METADATA"', b'-info/PKG-INFO"', b'.egg-info"')
_LINK_SCRIPTS = (b'-post-link.sh"', b'-pre-link.sh"')
_ACTIVATION_PLACES = (b'"etc/conda/activate.d/', b'"etc/conda/deactivate.d/', b'"etc/profile.d/')


def _without_files(data: bytes) -> t.Tuple[bytes, bytes]:
    """The record without its lists of files, and its list of files; both the whole where its form is another."""
    files = data.find(_FILES)
    end_of_files = data.find(_END_OF_FILES, files)
    if not data.startswith(b'{\n  "') or files < 0 or end_of_files < 0:
        return data, data
    between = data[end_of_files + len(_END_OF_FILES) :]
    paths = between.find(_PATHS)
    if paths >= 0:
        for closing in _ENDS_OF_PATHS:
            end = between.rfind(closing, paths)  # near the end, so quickly found from there
            if end >= 0:
                between = between[: paths + len(_PATHS) - 2] + b"null" + between[end + len(closing) :]
                break
    return data[: files + len(_FILES) - 2] + b"null" + between, data[files : end_of_files + 1]


def _check_size(data: bytes) -> None:
    if len(data) > _MAX_REST and data.count(b",") > MAX_VALUES:
        raise BadRecord("it holds more than %d values" % MAX_VALUES)


def load_json(data: bytes) -> t.Any:
    """The value of a JSON text; raises ValueError, or BadRecord where reading it would take too much of this host."""
    _check_size(data)
    if len(data) > 4000 and _LONG_NUMBER.search(data):
        raise BadRecord("it holds a number of thousands of digits")
    return json.loads(data.decode("utf-8"))


def parse_files(data: bytes) -> t.List[str]:
    """The names in the list of files of a record, as the file system has them.

    :param data: Record.files, or the content of a record.
    :raises BadRecord: it is no list of texts.
    """
    _check_size(data)
    if data.startswith(_FILES) and data.endswith(b'"') and b"\\" not in data:
        # A fourth of the time that a JSON parser takes.
        return os.fsdecode(data[len(_FILES) : -1].strip()[1:]).split('",\n    "')
    try:
        if data.startswith(_FILES):
            names: t.Any = load_json(b"[%s]" % data[len(_FILES) :])
        else:
            content = load_json(data)
            names = (content.get("files") or []) if isinstance(content, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BadRecord("its list of files is none")
        return [os.fsdecode(name.encode("utf-8", "surrogateescape")) for name in names]
    except BadRecord:
        raise
    except (ValueError, RecursionError) as error:
        raise BadRecord("its list of files is not valid JSON") from error


def _metadata_directories(data: bytes) -> t.FrozenSet[str]:
    found: t.Set[str] = set()
    for file_name in _METADATA_FILES if b"-info" in data else ():
        end = data.find(file_name)
        while end >= 0:
            nearest = max(0, end - MAX_NAME)
            start = max(data.rfind(b"/", nearest, end), data.rfind(b'"', nearest, end))
            found.add(os.fsdecode(data[start + 1 : data.index(b"-info", end) + len(b"-info")]))
            end = data.find(file_name, end + 1)
    return frozenset(found)


def _activation_scripts(data: bytes) -> t.FrozenSet[str]:
    found: t.Set[str] = set()
    for place in _ACTIVATION_PLACES if b"activate.d/" in data or b"/profile.d/" in data else ():
        start = data.find(place)
        while start >= 0:
            end = data.find(b'"', start + 1)
            found.add(_unescaped(data[start : end + 1]))
            start = data.find(place, start + 1)
    return frozenset(found)


def _unescaped(token: bytes) -> str:
    try:
        return str(json.loads(token.decode("utf-8")))
    except ValueError:  # in a damaged record
        return os.fsdecode(token[1:-1])


def _text(value: t.Any) -> t.Optional[str]:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT else None


def _texts(value: t.Any) -> t.Tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple([text for text in value[:MAX_TEXTS] if isinstance(text, str) and 0 < len(text) <= MAX_TEXT])


def channel_name(record: Record) -> t.Optional[str]:
    """The channel of a record as an operator names it: C(conda-forge), C(pkgs/main), or the URL without a known host.

    The URL is preferred to the channel field, which tools write in different forms (CEP 34).
    """
    source = record.url or record.channel
    if source is None:
        return None
    if record.url is not None:
        source = source.rpartition("/")[0]
    source = source.rstrip("/")
    head, _slash, last = source.rpartition("/")
    if head and (last == record.subdir or last == "noarch" or last.partition("-")[0] in _PLATFORMS):
        source = head
    for host in _KNOWN_HOSTS:
        before, found, name = source.partition(host)
        if found and "://" in before:
            return name.strip("/") or source
    return source


_PLATFORMS = frozenset(("linux", "osx", "win", "freebsd", "zos", "emscripten", "wasi"))
_KNOWN_HOSTS = ("conda.anaconda.org/", "repo.anaconda.com/", "repo.continuum.io/")


__all__ = (
    "BadRecord",
    "Record",
    "RecordMemory",
    "RecordName",
    "TOO_MUCH",
    "TooMuch",
    "channel_name",
    "is_record_file",
    "load_json",
    "parse_files",
    "parse_record",
    "parse_record_name",
)
