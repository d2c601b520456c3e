# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shape of the house: which room may import which, and what code in a room may do.

The code is parsed, never imported. Each rule is also tried on a planted violation, so that a rule that has gone blind
is noticed.
"""

from __future__ import annotations

import ast
import sys
import typing as t
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
PACKAGE = "ansible_collections.labfleet.conda.plugins"
UTIL_HEAD = """\
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
PRIVATE = """\
# Note that this {kind} is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""

# Rooms from the top of the house to the ground. A room may import the rooms after it in this list, never one before it.
ROOMS = ("_condarefresh", "_change", "_audit", "_ledger", "_discover", "_prefix", "_spec", "_system")
# What else each kind of plugin may import of ours. The faces on the controller use the rooms through plugin_utils.
ALLOWED = {
    "modules": {f"module_utils.{room}" for room in ROOMS},
    "plugin_utils": {"plugin_utils", "module_utils._spec"},
    "doc_fragments": set(),
    **{
        face: {"plugin_utils"}
        for face in ("action", "filter", "test", "lookup", "inventory", "connection", "callback", "vars")
    },
}
# Single files in rooms that are closed otherwise: the controller checks the chains that hosts send, knows a secret when
# it sees one, and packs and unpacks what goes between the two.
ALLOWED_FILES = {
    "plugin_utils": {
        "module_utils._audit._packed",
        "module_utils._ledger._chain",
        "module_utils._ledger._check",
        "module_utils._system._redact",
    }
}

# Code for hosts never ends the module, prints or starts a process; main() of a module does the first.
FORBIDDEN_NAMES = {"AnsibleModule", "exit_json", "fail_json", "print", "input", "eval", "exec", "__import__"}
FORBIDDEN_MODULES = {"subprocess", "multiprocessing", "pty", "runpy", "importlib", "imp", "code"}
# The runner is the one place that starts programs; the worker forks, to become another user, and starts none.
STARTERS = {"module_utils/_system/_run.py": {"subprocess"}, "module_utils/_system/_worker.py": {"os.fork"}}
STARTS_PROCESS = ("system", "popen", "fork", "forkpty", "startfile", "posix_spawn", "exec", "spawn")
# Looking at the host's files is the work of _system; elsewhere only this of os is known to touch nothing.
PURE_OS = {
    "DirEntry",
    "PathLike",
    "fsdecode",
    "fsencode",
    "fspath",
    "path",
    "pathsep",
    "sep",
    "stat_result",
    "strerror",
}
PURE_OS_PATH = {"basename", "commonpath", "dirname", "isabs", "join", "normpath", "sep", "split", "splitext"}
FILE_MODULES = {"glob", "shutil", "tempfile", "pathlib", "fileinput", "mmap", "pwd", "grp", "socket", "io", "ctypes"}
# A library that a host may lack; code that imports it must also work without.
OPTIONAL_LIBRARIES = {"yaml"}

MAX_MODULE_CODE = 150
MAX_UTIL_LINES = 400
MAX_FUNCTION_LINES = 40


class Import(t.NamedTuple):
    line: int
    name: str


def imports(tree: ast.AST) -> t.Iterator[Import]:
    """Yield the full dotted name of each thing that is imported, also inside functions and conditions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(node.lineno, f"{'.' * node.level}{node.module or ''}.{alias.name}")


def place_of(path: str) -> str:
    """Return where a file stands: "module_utils.ROOM", or the name of its folder of plugins/."""
    parts = path.split("/")
    return ".".join(parts[:2]) if parts[0] == "module_utils" and len(parts) > 2 else parts[0]


def allowed_places(place: str) -> set[str]:
    """Return the places that code at this place may import."""
    if place.startswith("module_utils."):
        room = place.split(".")[1]
        below = ROOMS[ROOMS.index(room) :] if room in ROOMS else ()
        return {f"module_utils.{name}" for name in below}
    return ALLOWED.get(place, set())


def check_arrows(path: str, tree: ast.AST) -> t.Iterator[str]:
    """Imports of our own code go downward only, and are absolute."""
    place = place_of(path)
    if place == "module_utils" or (place.startswith("module_utils.") and place.split(".")[1] not in ROOMS):
        yield f"{path}: every util stands in one of the rooms {', '.join(ROOMS)}"
    for found in imports(tree):
        if found.name.startswith("."):
            yield f"{path}:{found.line}: the relative import {found.name}"
        elif found.name.startswith("ansible_collections."):
            inside = found.name[len(PACKAGE) + 1 :] if found.name.startswith(PACKAGE + ".") else ""
            target = place_of(inside.replace(".", "/"))
            if target not in allowed_places(place) and inside.rpartition(".")[0] not in ALLOWED_FILES.get(place, ()):
                yield f"{path}:{found.line}: {place} may not import {found.name}"


def check_libraries(path: str, tree: ast.AST) -> t.Iterator[str]:
    """Code for hosts uses the standard library; only a module imports ansible.module_utils."""
    place = place_of(path)
    if place != "modules" and not place.startswith("module_utils"):
        return
    for found in imports(tree):
        top = found.name.split(".")[0]
        if place == "modules" and found.name.startswith("ansible.module_utils."):
            continue
        if top not in {*sys.stdlib_module_names, *OPTIONAL_LIBRARIES, "ansible_collections", ""}:
            yield f"{path}:{found.line}: {found.name} is not in the standard library"


def names_used(tree: ast.AST) -> t.Iterator[Import]:
    """Yield each name and each attribute in use, dotted as far as it is written down."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield Import(node.lineno, node.id)
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            yield Import(node.lineno, f"{owner if owner.replace('.', '').isidentifier() else ''}.{node.attr}")
    yield from imports(tree)


def check_conduct(path: str, tree: ast.AST) -> t.Iterator[str]:
    """Code in module_utils raises exceptions: it does not end the module, print, or start a process."""
    if not path.startswith("module_utils/"):
        return
    allowed = STARTERS.get(path, set())
    for found in names_used(tree):
        last = found.name.split(".")[-1]
        if found.name in allowed:
            continue
        if last in FORBIDDEN_NAMES:
            yield f"{path}:{found.line}: {found.name}"
        if found.name.startswith(("os.", "posix.")) and last.startswith(STARTS_PROCESS):
            yield f"{path}:{found.line}: {found.name} starts a process"
    for found in imports(tree):
        if found.name.split(".")[0] in FORBIDDEN_MODULES - allowed:
            yield f"{path}:{found.line}: import of {found.name}"


def check_looking(path: str, tree: ast.AST) -> t.Iterator[str]:
    """Only _system opens files or touches /proc; the other rooms are handed what it read."""
    if not path.startswith("module_utils/") or place_of(path) == "module_utils._system":
        return
    for found in names_used(tree):
        if found.name == "open":
            yield f"{path}:{found.line}: open()"
        parts = found.name.split(".")
        impure = parts[0] == "os" and len(parts) > 1 and parts[1] not in PURE_OS
        if impure or (parts[:2] == ["os", "path"] and len(parts) > 2 and parts[2] not in PURE_OS_PATH):
            yield f"{path}:{found.line}: {found.name} may look at the host's files"
    for found in imports(tree):
        if found.name.split(".")[0] in {*FILE_MODULES, "posix"}:
            yield f"{path}:{found.line}: import of {found.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if text.startswith("/proc/"):
                yield f"{path}:{node.lineno}: {text!r}"


def check_private(path: str, source: str, tree: ast.Module) -> t.Iterator[str]:
    """Utils and doc fragments are private: the name, the notice and, for utils, the list of what they offer."""
    kinds = {"module_utils": "module util", "plugin_utils": "plugin util", "doc_fragments": "doc fragment"}
    kind = kinds.get(path.split("/")[0])
    if kind is None:
        return
    if not Path(path).name.startswith("_"):
        yield f"{path}: the name must start with an underscore"
    if path.endswith("/__init__.py"):
        if source:
            yield f"{path}: must be empty"
        return
    if not source.startswith(UTIL_HEAD + PRIVATE.format(kind=kind)):
        yield f"{path}: must start with the licence head and the notice that this {kind} is private"
    if ast.get_docstring(tree) is None:
        yield f"{path}: one sentence that says what this file is for is missing"
    offered = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    if kind != "doc fragment" and not (len(offered) == 1 and isinstance(offered[0].value, ast.Tuple)):
        yield f"{path}: an __all__ tuple is missing"


def check_size(path: str, source: str, tree: ast.Module) -> t.Iterator[str]:
    """Modules are thin, utils and their functions fit in a head."""
    lines = source.splitlines()
    if path.startswith("modules/"):
        docs: set[int] = set()
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
                docs.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        code = [no for no, text in enumerate(lines, 1) if no not in docs and text.strip() and text.lstrip()[0] != "#"]
        if len(code) > MAX_MODULE_CODE:
            yield f"{path}: {len(code)} lines of code, at most {MAX_MODULE_CODE}"
    if not path.startswith(("module_utils/", "plugin_utils/")):
        return
    if len(lines) > MAX_UTIL_LINES:
        yield f"{path}: {len(lines)} lines, at most {MAX_UTIL_LINES}"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = node.body[0] if ast.get_docstring(node) is not None else None
            length = _height(node) - (_height(docstring) if docstring else 0)
            if length > MAX_FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"


def _height(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def violations(path: str, source: str) -> list[str]:
    """Return what is wrong with a file of plugins/, given its path below plugins/ and its text."""
    tree = ast.parse(source, path, feature_version=(3, 7) if path.startswith("module") else None)
    found = [*check_arrows(path, tree)] if source else []
    found += [*check_libraries(path, tree), *check_conduct(path, tree), *check_looking(path, tree)]
    return [*found, *check_private(path, source, tree), *check_size(path, source, tree)]


def our_files() -> list[str]:
    return sorted(str(path.relative_to(PLUGINS)) for path in PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", our_files())
def test_file_keeps_the_rules(path: str) -> None:
    assert violations(path, (PLUGINS / path).read_text(encoding="utf-8")) == []


def test_the_rooms_are_seen() -> None:
    places = {place_of(path) for path in our_files()}
    assert {"module_utils._system", "module_utils._spec", "module_utils._prefix", "module_utils._discover"} <= places


def util(body: str, kind: str = "module util") -> str:
    head = UTIL_HEAD + PRIVATE.format(kind=kind) + '\n"""A planted file."""\n\nfrom __future__ import annotations\n\n'
    return f"{head}{body}\n\n__all__ = ()\n"


def ours(name: str) -> str:
    return f"from {PACKAGE}.{name} import thing"


PLANTED = {
    "system-imports-spec": ("module_utils/_system/_x.py", ours("module_utils._spec._version"), "may not import"),
    "spec-imports-prefix": ("module_utils/_spec/_x.py", ours("module_utils._prefix._records"), "may not import"),
    "prefix-imports-discover": ("module_utils/_prefix/_x.py", ours("module_utils._discover._homes"), "may not import"),
    "discover-imports-audit": ("module_utils/_discover/_x.py", ours("module_utils._audit._rule"), "may not import"),
    "inside-a-function": (
        "module_utils/_system/_x.py",
        f"def late():\n    {ours('module_utils._spec._version')}\n    return thing",
        "may not import",
    ),
    "plain-import": ("module_utils/_system/_x.py", f"import {PACKAGE}.module_utils._spec._version", "may not import"),
    "from-the-package": ("module_utils/_system/_x.py", f"from {PACKAGE}.module_utils import _spec", "may not import"),
    "target-imports-controller": ("module_utils/_audit/_x.py", ours("plugin_utils._fleet"), "may not import"),
    "module-imports-controller": ("modules/x_info.py", ours("plugin_utils._fleet"), "may not import"),
    "plugin-util-imports-system": ("plugin_utils/_x.py", ours("module_utils._system._root"), "may not import"),
    "plugin-util-imports-audit": ("plugin_utils/_x.py", ours("module_utils._audit._judge"), "may not import"),
    "plugin-util-appends": ("plugin_utils/_x.py", ours("module_utils._ledger._append"), "may not import"),
    "filter-imports-catalogue": ("filter/x.py", ours("module_utils._audit._catalogue"), "may not import"),
    "filter-imports-room": ("filter/x.py", ours("module_utils._prefix._records"), "may not import"),
    "other-collection": (
        "modules/x_info.py",
        "from ansible_collections.community.general.plugins.module_utils.x import y",
        "may not import",
    ),
    "relative": ("module_utils/_spec/_x.py", "from ._version import thing", "relative import"),
    "no-room": ("module_utils/_x.py", "", "every util stands in one of the rooms"),
    "unknown-room": ("module_utils/_misc/_x.py", "", "every util stands in one of the rooms"),
    "ansible-below-the-modules": (
        "module_utils/_spec/_x.py",
        "from ansible.module_utils.common.text.converters import to_text",
        "not in the standard library",
    ),
    "library-on-target": ("modules/x_info.py", "import requests", "not in the standard library"),
    "fail-json": ("module_utils/_audit/_x.py", "def f(module):\n    module.fail_json(msg='no')", "fail_json"),
    "fail-json-of-a-result": (
        "module_utils/_audit/_x.py",
        "def f(x):\n    x.get('m').fail_json(msg='no')",
        "fail_json",
    ),
    "prints": ("module_utils/_audit/_x.py", "def f():\n    print('no')", "print"),
    "subprocess": ("module_utils/_system/_x.py", "import subprocess", "subprocess"),
    "os-system": ("module_utils/_system/_x.py", "import os\nos.system('conda')", "starts a process"),
    "os-execv": ("module_utils/_system/_x.py", "from os import execv", "starts a process"),
    "open-outside-system": ("module_utils/_prefix/_x.py", "def f(name):\n    return open(name)", "open()"),
    "listdir-outside-system": ("module_utils/_prefix/_x.py", "import os\nos.listdir('/')", "host's files"),
    "exists-outside-system": ("module_utils/_prefix/_x.py", "import os\nos.path.exists('/')", "host's files"),
    "imported-stat": ("module_utils/_discover/_x.py", "from os import stat", "host's files"),
    "imported-realpath": ("module_utils/_discover/_x.py", "from os.path import realpath", "host's files"),
    "environment": ("module_utils/_prefix/_x.py", "import os\nHOME = os.environ['HOME']", "host's files"),
    "pathlib": ("module_utils/_discover/_x.py", "from pathlib import Path", "pathlib"),
    "proc": ("module_utils/_discover/_x.py", "MOUNTS = '/proc/self/mountinfo'", "/proc/self/mountinfo"),
    "too-long": ("module_utils/_spec/_x.py", "X = 1\n" * 400, "at most 400"),
    "long-function": ("module_utils/_spec/_x.py", "def f():\n" + "    x = 1\n" * 40, "at most 40"),
    "long-module": ("modules/x_info.py", "X = 1\n" * 151, "at most 150"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_violation_is_found(name: str) -> None:
    path, body, said = PLANTED[name]
    kind = "plugin util" if path.startswith("plugin_utils") else "module util"
    source = util(body, kind) if "_utils/" in path else body
    found = violations(path, source)
    assert len(found) >= 1
    assert all(said in line for line in found), found


@pytest.mark.parametrize(
    ("path", "source", "said"),
    [
        ("module_utils/_spec/version.py", util("X = 1"), "underscore"),
        ("module_utils/_spec/_version.py", util("X = 1").replace("PRIVATE", "private"), "notice"),
        ("module_utils/_spec/_version.py", util("X = 1").replace("__all__", "NAMES"), "__all__"),
        ("module_utils/_spec/_version.py", util("X = 1").replace("()", "[]"), "__all__"),
        ("module_utils/_spec/_version.py", util("X = 1").replace('"""', "'"), None),
        ("module_utils/_spec/_version.py", util("X = 1").replace('"""A planted file."""', ""), "one sentence"),
        ("module_utils/_spec/__init__.py", "X = 1\n", "must be empty"),
    ],
)
def test_missing_mark_of_privacy_is_found(path: str, source: str, said: str | None) -> None:
    found = violations(path, source)
    assert [line for line in found if said is None or said not in line] == []
    assert bool(found) == (said is not None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("module_utils/_change/_x.py", ours("module_utils._audit._rule")),
        ("module_utils/_discover/_x.py", ours("module_utils._prefix._records")),
        ("module_utils/_prefix/_x.py", ours("module_utils._spec._version")),
        ("module_utils/_spec/_x.py", ours("module_utils._spec._version")),
        ("module_utils/_spec/_x.py", f"from {PACKAGE}.module_utils._system import _redact"),
        (
            "module_utils/_system/_x.py",
            "import os\n\nwith open(os.path.realpath('/proc/self/maps')) as maps:\n    pass",
        ),
        (
            "module_utils/_discover/_x.py",
            "import os.path\n\nX = os.path.join('a', os.sep)\nY = 'a dopen b'.count('open')",
        ),
        ("module_utils/_discover/_x.py", "import os\n\nX = os.fsdecode(b'a').split()"),
        ("module_utils/_prefix/_x.py", "try:\n    import yaml\nexcept ImportError:\n    yaml = None"),
    ],
)
def test_what_is_allowed_is_not_found(path: str, body: str) -> None:
    assert violations(path, util(body)) == []


def test_newer_syntax_than_the_hosts_have_is_found() -> None:
    with pytest.raises(SyntaxError):
        violations("module_utils/_spec/_x.py", util("def f(x, /):\n    return x"))
