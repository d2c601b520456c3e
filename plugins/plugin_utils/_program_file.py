# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Makes one file of condarefresh: a script that finds a Python, and behind it the code, as a zip archive.

The same sources give the same bytes on every control node: nothing is compressed, since zlib differs from one to
another, and all times are the same.
"""

from __future__ import annotations

import ast
import io
import typing as t
import zipfile
from pathlib import Path

_PLUGINS = Path(__file__).resolve().parents[1]
_PACKAGE = "ansible_collections.labfleet.conda.plugins"
_ENTRY = "module_utils._condarefresh._main"
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_LINUX = 3
# Started by a shell, since a line "#! /usr/bin/env python3" would take the Python of the activated conda, which is what
# is to be changed. Isolated, so that no variable and no file of the user's changes what runs.
_HEAD = r"""#!/bin/sh
# condarefresh, of the Ansible collection labfleet.conda. Behind this script follows a zip archive with the program.
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
fits() {
    "$1" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 7))' >/dev/null 2>&1
}
for python in /usr/bin/python3 /usr/local/bin/python3 /usr/bin/python3.[0-9] /usr/bin/python3.[0-9][0-9] \
    /usr/local/bin/python3.[0-9] /usr/local/bin/python3.[0-9][0-9]; do
    if [ -x "$python" ] && fits "$python"; then
        exec "$python" -I -B "$0" "$@"
    fi
done
# Then those of the search path, the ones of conda last.
for last in no yes; do
    rest=$PATH:
    while [ -n "$rest" ]; do
        folder=${rest%%:*}
        rest=${rest#*:}
        if [ -d "$folder/../conda-meta" ]; then conda=yes; else conda=no; fi
        case $folder in
            /*) ;;
            *) continue ;;
        esac
        if [ $conda = $last ] && [ -x "$folder/python3" ] && fits "$folder/python3"; then
            exec "$folder/python3" -I -B "$0" "$@"
        fi
    done
done
case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
    zh*) echo "condarefresh 需要 Python 3.7 或更新版本，这里没有找到。请管理员安装，例如软件包 python3。" ;;
    *) echo "condarefresh needs Python 3.7 or newer, and there is none here. Ask the administrator of this machine to" \
        "install one, such as the package python3." ;;
esac >&2
exit 3
"""
_MAIN = """import sys

if sys.version_info < (3, 7):
    sys.exit("condarefresh needs Python 3.7 or newer.")

from %s.module_utils._system._zip_import import compile_once

compile_once()

from %s.%s import main

sys.exit(main())
"""


def program(plugins: Path = _PLUGINS) -> bytes:
    """The whole file.

    :param plugins: the directory of the collection's plugins.
    """
    names = closure([_ENTRY, "module_utils._system._zip_import"], plugins)
    files = {"__main__.py": (_MAIN % (_PACKAGE, _PACKAGE, _ENTRY)).encode("utf-8")}
    for name in names:
        path = name.replace(".", "/") + ".py"
        files["%s/%s" % (_PACKAGE.replace(".", "/"), path)] = (plugins / path).read_bytes()
    for path in list(files):
        for parent in Path(path).parents:
            if str(parent) != ".":
                files.setdefault("%s/__init__.py" % parent, b"")
    return _HEAD.encode("utf-8") + _archive(files)


def closure(names: t.Iterable[str], plugins: Path = _PLUGINS) -> list[str]:
    """The modules that are needed to import some, as ROOM.NAME below plugins, by what their code says.

    :raises ValueError: one of them needs ansible-core, which the program has not.
    """
    found: set[str] = set()
    open_ = list(names)
    while open_:
        name = open_.pop()
        if name in found:
            continue
        found.add(name)
        source = (plugins / (name.replace(".", "/") + ".py")).read_text("utf-8")
        for wanted in _imports(ast.parse(source)):
            if wanted.split(".")[0] == "ansible":
                raise ValueError("%s imports %s" % (name, wanted))
            if wanted.startswith(_PACKAGE + "."):
                open_.append(_module(wanted[len(_PACKAGE) + 1 :], plugins))
    return sorted(found)


def _imports(tree: ast.AST) -> t.Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ("%s.%s" % (node.module, alias.name) for alias in node.names)


def _module(name: str, plugins: Path) -> str:
    """The module that a name belongs to, which is one itself, or something in one."""
    is_module = (plugins / (name.replace(".", "/") + ".py")).is_file()
    return name if is_module else name.rpartition(".")[0]


def _archive(files: t.Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _TIME)
            entry.create_system, entry.external_attr = _LINUX, _MODE
            archive.writestr(entry, files[path])
    return buffer.getvalue()


__all__ = ("closure", "program")
