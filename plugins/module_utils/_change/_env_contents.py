# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads single records and the metadata of packages of pip, for decisions that need more than names."""

from __future__ import annotations

import functools
import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._env_plan import Contents
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, site_packages
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import distributions, normalize
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import (
    BadRecord,
    Record,
    RecordName,
    parse_record,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import names_below, read_text

_LIMIT = 64 * 1024 * 1024
_NEEDS = re.compile(r"^Requires-Dist:\s*([A-Za-z0-9][A-Za-z0-9._-]*)(.*)$", re.MULTILINE)
_OF_EXTRA = re.compile(r";.*\bextra\s*==")


def contents_of(environment: Environment) -> Contents:
    """What can be read of an environment; each file at most once."""
    details = {RecordName(*record[:3]): record for record in environment.details or ()}

    @functools.lru_cache(maxsize=None)
    def record(name: RecordName) -> t.Optional[Record]:
        if environment.details is not None:
            return details.get(name)
        text = read_text("%s/conda-meta/%s" % (environment.prefix, name.file_name), limit=_LIMIT)
        try:
            return parse_record((text or "").encode("utf-8", "surrogateescape"), expected=name)
        except BadRecord:
            return None

    @functools.lru_cache(maxsize=None)
    def folders() -> t.Dict[str, str]:
        python = environment.record("python")
        folder = "%s/%s" % (environment.prefix, site_packages(python)) if python else ""
        found = distributions(names_below(folder)) if folder else []
        return {normalize(item.name): "%s/%s" % (folder, item.directory) for item in found}

    def file_of(name: str, file_name: str) -> str:
        folder = folders().get(normalize(name))
        return read_text("%s/%s" % (folder, file_name), limit=_LIMIT) or "" if folder else ""

    def needs(name: str) -> t.List[str]:
        found = _NEEDS.findall(file_of(name, "METADATA").partition("\n\n")[0])
        return [other for other, condition in found if not _OF_EXTRA.search(condition)]

    def url(name: str) -> t.Optional[str]:
        try:
            content = json.loads(file_of(name, "direct_url.json") or "null")
        except (ValueError, RecursionError):
            return None
        found = content.get("url") if isinstance(content, dict) else None
        revision = content.get("vcs_info", {}).get("requested_revision") if isinstance(found, str) else None
        return "%s@%s" % (found, revision) if revision else found

    return Contents(record, needs, url)


__all__ = ("contents_of",)
