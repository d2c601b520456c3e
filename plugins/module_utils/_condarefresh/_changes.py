# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The changes of packages, in lines that a user understands."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._texts import Words

_Map = t.Mapping[str, t.Any]
_KINDS = ("updated", "installed", "removed", "downgraded", "rebuilt")
# What a user knows by name; of the rest they are told how many there are.
_TOOLS = ("conda", "mamba", "micromamba", "python", "conda-libmamba-solver", "conda-rattler-solver")


def change_lines(words: Words, result: _Map, *, names: t.Container[str], all_of_them: bool) -> t.List[str]:
    """The forecast of a change.

    :param result: of the module, in check mode or not.
    :param names: the packages that are told one by one, beside the tools.
    """
    packages = list(result.get("packages") or ())
    shown = [item for item in packages if all_of_them or item["name"] in _TOOLS or item["name"] in names]
    lines = ["  %s" % package_line(words, item) for item in sorted(shown, key=_place)]
    if len(packages) > len(shown):
        counts = {kind: sum(item["kind"] == kind for item in packages) for kind in _KINDS}
        lines.append(words("counts", **counts))
    download = (result.get("space") or {}).get("download")
    if download:
        lines.append(words("download", size="%.1f" % (download / 1e6)))
    return lines


def package_line(words: Words, item: _Map) -> str:
    """One package: its version before and after."""
    before, after = item.get("from"), item.get("to")
    if before is None:
        return "%s %s (%s)" % (item["name"], (after or {}).get("version"), words("new"))
    if after is None:
        return "%s %s (%s)" % (item["name"], before.get("version"), words("gone"))
    texts = before.get("version"), after.get("version")
    if texts[0] == texts[1]:
        texts = tuple("%s %s" % (side.get("version"), side.get("build")) for side in (before, after))
    return "%s %s -> %s" % (item["name"], *texts)


def restored_packages(answer: _Map) -> t.List[t.Dict[str, t.Any]]:
    """What a restore would change, as the packages of a change."""
    told = answer.get("packages") or {}
    going, coming = (_by_name(told.get(key) or ()) for key in ("removed", "added"))
    found: t.List[t.Dict[str, t.Any]] = []
    for name in sorted({*going, *coming}):
        before, after = going.get(name), coming.get(name)
        kind = "installed" if before is None else "removed" if after is None else "updated"
        found.append({"name": name, "kind": kind, "from": before, "to": after})
    return found


def _by_name(distributions: t.Iterable[str]) -> t.Dict[str, t.Dict[str, str]]:
    parts = [text.rsplit("-", 2) for text in distributions]
    return {part[0]: {"version": part[1], "build": part[2]} for part in parts if len(part) == 3}


def _place(item: _Map) -> t.Tuple[int, str]:
    name = item["name"]
    return _TOOLS.index(name) if name in _TOOLS else len(_TOOLS), name


__all__ = ("change_lines", "package_line", "restored_packages")
