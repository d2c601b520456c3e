# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A channel of generated packages whose number and length of files are spread as in real environments."""

from __future__ import annotations

import hashlib
import random
import typing as t
from pathlib import Path

from . import cache, channel, packages, prefixes

# The URLs that records of generated prefixes name. The top-level domain is reserved and never resolves.
MAIN_URL = "https://conda.lab.example/pkgs/main"
FORGE_URL = "https://conda.lab.example/conda-forge"

POOL_SIZE = 400
# These are in every environment, and the others depend on them only: any choice is complete.
CORE_SIZE = 20
# (share of the packages, fewest files, most files)
FILE_COUNTS = ((0.70, 2, 12), (0.22, 20, 80), (0.07, 100, 300), (0.01, 500, 700))
SEED = 20260101
SYLLABLES = (
    "al",
    "bor",
    "cen",
    "dra",
    "el",
    "fin",
    "gal",
    "hex",
    "ion",
    "jet",
    "kor",
    "lum",
    "mer",
    "nov",
    "or",
    "pix",
)


def names() -> list[str]:
    """The names of all generated packages; the core comes first."""
    chooser = random.Random(SEED)
    found: dict[str, None] = {}
    while len(found) < POOL_SIZE:
        word = "".join(chooser.choices(SYLLABLES, k=chooser.choice((2, 3, 4))))
        found[chooser.choice(("", "", "lib", "py", "python-")) + word] = None
    return list(found)


def generated_channel(python: str) -> Path:
    """The cached channel; ``python`` is the minor version the packages are built for."""
    key = cache.recipe_key(Path(__file__).read_text(encoding="utf-8"), packages, python)
    return cache.built("generated", key, lambda folder: build(folder, python), what=f"{POOL_SIZE} generated packages")


def build(folder: Path, python: str) -> None:
    """Write the pool into the folder."""
    chooser = random.Random(SEED)
    pool = names()
    for position, name in enumerate(pool):
        depends = [f"{core} >=1" for core in chooser.sample(pool[:CORE_SIZE], chooser.randint(1, 6))]
        if position < CORE_SIZE:
            depends = []
        version = f"{chooser.randint(1, 9)}.{chooser.randint(0, 30)}.{chooser.randint(0, 12)}"
        kind = Kind(count=file_count(chooser), library=name.startswith("lib"), number=chooser.randint(0, 3))
        write(folder, name, version, python, depends, kind)
    channel.index(folder)


def file_count(chooser: random.Random) -> int:
    """A number of files, as FILE_COUNTS spreads them."""
    (choice,) = chooser.choices(FILE_COUNTS, weights=[share for share, _fewest, _most in FILE_COUNTS])
    return chooser.randint(choice[1], choice[2])


class Kind(t.NamedTuple):
    """What a generated package is made of."""

    # Number of files.
    count: int
    # A compiled library, not a Python package.
    library: bool = False
    # Build number.
    number: int = 0
    # What the build string starts with, where it tells more than the Python.
    build: str = ""
    # Texts by path, besides the files that are only there to be counted.
    texts: dict[str, str] = {}


def write(folder: Path, name: str, version: str, python: str, depends: t.Iterable[str], kind: Kind) -> None:
    """Write one package; ``python`` is the minor version that a Python package is built for."""
    label = hashlib.sha256(f"{name}-{version}".encode()).hexdigest()[:7]
    if kind.library:
        build_string, needed = f"h{label}_{kind.number}", tuple(depends)
        paths = library_paths(name, kind.count)
    else:
        start = kind.build or f"py{python.replace('.', '')}"
        build_string, needed = f"{start}h{label}_{kind.number}", (f"python {python}*", *depends)
        paths = python_paths(name, version, python, kind.count)
    files = {path: packages.File(f"{name} {version} {path}\n".encode()) for path in paths}
    files.update({path: packages.File(text.encode()) for path, text in kind.texts.items()})
    package = packages.Package(name, version, build_string, kind.number, needed)
    packages.write_package(folder, package, files, level=1)


def library_paths(name: str, count: int) -> list[str]:
    """Paths of a compiled library: headers, man pages and the library."""
    paths = [f"lib/{name}.so.1", f"lib/pkgconfig/{name}.pc"]
    return paths + [f"include/{name}/part_{position:03d}.h" for position in range(count - len(paths))]


def python_paths(name: str, version: str, python: str, count: int) -> list[str]:
    """Paths of a Python package: its metadata, its modules and their byte code."""
    module = name.replace("-", "_")
    place = f"lib/python{python}/site-packages"
    paths = [f"{place}/{module}-{version}.dist-info/{file}" for file in ("METADATA", "INSTALLER")]
    for position in range((count - len(paths)) // 2):
        paths.append(f"{place}/{module}/part_{position:03d}.py")
        paths.append(f"{place}/{module}/__pycache__/part_{position:03d}.cpython-{python.replace('.', '')}.pyc")
    return paths


class Pool:
    """Chooses environments of an exact number of records from the generated and the local channel."""

    def __init__(self, local: Path, python: str) -> None:
        """``local`` is the channel with CPython, ``python`` its minor version."""
        self.folder = generated_channel(python)
        self.channels = ((local, MAIN_URL), (self.folder, FORGE_URL))
        self.python_specs = (f"python={python}", "pip", "setuptools", "six", "wheel")
        self.python_records = prefixes.solve([local], self.python_specs)
        records = {record.name.normalized: record for record in prefixes.solve([self.folder, local], names())}
        self.generated = [records[name] for name in names()]

    def choose(self, count: int, seed: int) -> list[t.Any]:
        """``count`` records: a Python, the core, and a choice that the seed determines."""
        rest = count - len(self.python_records) - CORE_SIZE
        chosen = random.Random(SEED + seed).sample(self.generated[CORE_SIZE:], rest)
        return [*self.python_records, *self.generated[:CORE_SIZE], *chosen]

    def request(self, seen: str, command: str) -> prefixes.Request:
        """What to install an environment of this pool with."""
        return prefixes.Request(self.channels, self.python_specs, seen, command=command, when=packages.EPOCH)


__all__ = ("FORGE_URL", "MAIN_URL", "Kind", "Pool", "write")
