# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the gates share: running a tool, finding Pythons, cached virtual environments, a copy of the collection."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "labfleet.conda"
REPORT: list[str] = []  # one line each for what could not be checked here; printed at the end of the test run


class Core(t.NamedTuple):
    """One ansible-core that the collection is tested with, and the Pythons that can run it, best first."""

    series: str
    version: str
    pythons: tuple[str, ...]


# Pins are the newest of each series; see the support matrix of ansible-core for the Pythons.
CORES = (
    Core("2.17", "2.17.14", ("3.11", "3.12", "3.10")),
    Core("2.19", "2.19.14", ("3.11", "3.12", "3.13")),
    Core("2.21", "2.21.5", ("3.12", "3.13", "3.14")),
)
TARGET_PYTHONS = ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


class ToolFailedError(AssertionError):
    """A tool ended with another exit code than 0, or not in time; the message is what it printed."""


def cache() -> Path:
    """Return the folder that survives between runs."""
    chosen = os.environ.get("LABFLEET_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labfleet-conda"


def environment(*bins: Path, **more: str) -> dict[str, str]:
    """Return the environment for a tool: ours, without settings that would change what Ansible, Python or git do."""
    foreign = ("ANSIBLE_", "PYTHON", "GIT_", "PYTEST_", "CONDA_", "MAMBA_", "VIRTUAL_ENV")
    env = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    env["PATH"] = os.pathsep.join([*map(str, bins), env.get("PATH", os.defpath)])
    env.update(LC_ALL="C.UTF-8", NO_COLOR="1", ANSIBLE_NOCOLOR="1", **more)
    return env


def run(argv: t.Sequence[str | Path], *, cwd: Path, env: dict[str, str] | None = None, timeout: int = 300) -> str:
    """Run a tool and return what it printed, standard error included.

    Raises ToolFailedError, with all that was printed, when the tool fails or needs more than `timeout` seconds.
    """
    __tracebackhide__ = True  # what the tool printed says more than our frames
    command = [str(part) for part in argv]
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env or environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode(errors="replace")
        raise ToolFailedError(f"{shlex.join(command)}: not done after {timeout} s\n{said}") from None
    if done.returncode != 0:
        raise ToolFailedError(f"{shlex.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


@functools.cache
def find_python(version: str) -> Path | None:
    """Return an interpreter of this minor version that really runs and can make virtual environments, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [path / "bin" / f"python{version}" for path in sorted(pyenv.glob(f"{version}.*"), reverse=True)]
    on_path = shutil.which(f"python{version}")
    if on_path:
        candidates.append(Path(on_path))
    # A shim on PATH may refuse to start; what it starts tells its own true path.
    probe = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for candidate in candidates:
        try:
            found, path = run([candidate, "-c", probe], cwd=Path("/"), timeout=30).split(maxsplit=1)
        except (ToolFailedError, OSError, ValueError):
            continue
        if found == version:
            return Path(path.strip())
    return None


def core_python(core: Core) -> Path | None:
    """Return the interpreter that this ansible-core is to run on, or None."""
    return next(filter(None, map(find_python, core.pythons)), None)


def venv(name: str, python: Path, *requirements: str) -> Path:
    """Return the bin folder of a cached virtual environment with these pip requirements, made when it is missing.

    A requirement may be any argument of "pip install", such as "-r" and a file; the contents of files count.
    """
    digest = hashlib.sha256(str(python).encode())
    for requirement in requirements:
        digest.update(requirement.encode() + b"\n")
        if os.path.isfile(requirement):
            digest.update(Path(requirement).read_bytes())
    home = cache() / "venvs"
    home.mkdir(parents=True, exist_ok=True)
    place = home / f"{name}-{digest.hexdigest()[:12]}"
    with open(home / f"{place.name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            run([python, "-m", "venv", place], cwd=home)
            pip = [place / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            run([*pip, *requirements], cwd=home, timeout=600)
            (place / "complete").touch()
    return place / "bin"


def core_venv(core: Core) -> Path:
    """Return the bin folder of a virtual environment with this ansible-core; its Python must be at hand."""
    python = core_python(core)
    assert python is not None, f"no Python for ansible-core {core.series}"
    return venv(f"ansible-core-{core.series}", python, f"ansible-core=={core.version}")


def tools() -> Path:
    """Return the folder of the programs that tests/requirements*.txt installed beside this interpreter."""
    return Path(sys.executable).parent


def files() -> list[str]:
    """Return the files of the collection, as paths relative to the checkout: what git has or would take."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=CHECKOUT)
    return sorted(name for name in set(listed.split("\0")) if name and os.path.lexists(CHECKOUT / name))


def copy_collection(collections: Path) -> Path:
    """Copy the collection to its place below `collections`, as a git work tree of its own, and return that place.

    ansible-test, ansible-lint and antsibull work only in a folder .../ansible_collections/NAMESPACE/NAME.
    """
    place = collections.joinpath("ansible_collections", *NAME.split("."))
    for name in files():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, place / name, follow_symlinks=False)
    run(["git", "init", "--quiet"], cwd=place)
    run(["git", "add", "--all"], cwd=place)
    return place


def ansible_environment(collection: Path, scratch: Path, *bins: Path, **more: str) -> dict[str, str]:
    """Return the environment in which Ansible sees the collection at this place, and no setting of the user."""
    settings = scratch / "ansible.cfg"
    settings.touch()
    return environment(
        *bins,
        ANSIBLE_COLLECTIONS_PATH=str(collection.parents[2]),
        ANSIBLE_CONFIG=str(settings),
        ANSIBLE_HOME=str(scratch / "ansible"),
        **more,
    )


def plugin_names(kind: str) -> list[str]:
    """Return the full names of the plugins of one kind ("module", "filter", ...) that are in the checkout."""
    folder = CHECKOUT / "plugins" / {"module": "modules"}.get(kind, kind)
    pattern = "*.yml" if kind in ("filter", "test") else "*.py"
    return [f"{NAME}.{path.stem}" for path in sorted(folder.glob(pattern)) if re.match(r"[a-z]", path.stem)]
