# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prefixes with true records: solved and installed by py-rattler, as seen from the place they will be used at."""

from __future__ import annotations

import asyncio
import json
import time
import typing as t
from pathlib import Path

from . import LabUnavailable, cache, packages


class Request(t.NamedTuple):
    """A prefix to make."""

    # Channel folders on this machine, the preferred one first, each with the URL that the records shall name.
    channels: tuple[tuple[Path, str], ...]
    specs: tuple[str, ...]
    # The path at which the prefix is seen by its users.
    seen: str
    # The command that the history names.
    command: str = ""
    condarc: str = ""
    # Seconds since 1970 of the one history entry; None is now.
    when: float | None = None


def load_rattler() -> t.Any:
    """The py-rattler module, or LabUnavailable."""
    try:
        import rattler
    except ImportError:
        raise LabUnavailable("The lab needs py-rattler: install it with pip into this Python's environment.") from None
    return rattler


def solve(channels: t.Sequence[Path], specs: t.Sequence[str]) -> list[t.Any]:
    """The records that py-rattler chooses for the specs."""
    rattler = load_rattler()

    async def run() -> list[t.Any]:
        gateway = rattler.Gateway(cache_dir=cache.root() / "rattler" / "repodata")
        return await rattler.solve(
            [folder.as_uri() for folder in channels],
            list(specs),
            gateway=gateway,
            platforms=[packages.SUBDIR, "noarch"],
            virtual_packages=[],
        )

    return asyncio.run(run())


def install(folder: Path, request: Request, records: t.Sequence[t.Any] | None = None) -> list[str]:
    """Install the request into ``folder`` and return its records as ``channel::name-version-build``.

    py-rattler leaves the history empty and names this machine's folders in the records: both are put right.
    """
    rattler = load_rattler()
    folder.mkdir(parents=True, exist_ok=True)
    if records is None:
        records = solve([channel for channel, _url in request.channels], request.specs)

    async def run() -> None:
        await rattler.install(
            list(records),
            folder,
            cache_dir=cache.root() / "rattler" / "packages",
            show_progress=False,
            alternative_target_prefix=request.seen,
            requested_specs=[rattler.MatchSpec(spec)._match_spec for spec in request.specs],
        )

    asyncio.run(run())
    dists = [correct_record(path, request) for path in sorted((folder / "conda-meta").glob("*.json"))]
    (folder / "conda-meta" / "history").write_text(history(request, dists))
    if request.condarc:
        (folder / ".condarc").write_text(request.condarc)
    return dists


def correct_record(path: Path, request: Request) -> str:
    """Let a record name the channel and the package cache as the prefix's users see them; return channel::name."""
    record = json.loads(path.read_text(encoding="utf-8"))
    for folder, url in request.channels:
        for field in ("url", "channel"):
            record[field] = record[field].replace(folder.as_uri(), url)
    cached = f"{root_prefix(request.seen)}/pkgs/{path.stem}"
    record["extracted_package_dir"] = cached
    record["package_tarball_full_path"] = f"{cached}.tar.bz2"
    record["link"]["source"] = cached
    path.write_text(json.dumps(record, indent=2), encoding="utf-8")
    channel = record["channel"].rstrip("/").split("/")
    return f"{'defaults' if 'pkgs' in channel else channel[-1]}::{path.stem}"


def root_prefix(prefix: str) -> str:
    """The installation a prefix belongs to by its path."""
    return prefix.split("/envs/")[0]


def history(request: Request, dists: t.Iterable[str]) -> str:
    """One history entry in conda's format, which makes revision 0."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(request.when))
    command = request.command or f"conda create -p {request.seen} {' '.join(request.specs)}"
    lines = [f"==> {stamp} <==", f"# cmd: {command}"]
    lines += [f"+{dist}" for dist in dists]
    lines.append(f"# install specs: {', '.join(request.specs)}")
    return "\n".join(lines) + "\n"


def base_condarc(conda: str, channel_url: str) -> str:
    """The configuration of an installation that knows the lab's channels only.

    conda 4.2 takes the name ``defaults`` for a channel below the alias when an alias is set, so it gets none.
    """
    lines = [
        "channels:",
        "  - defaults",
        "default_channels:",
        f"  - {channel_url}/pkgs/main",
        "auto_update_conda: false",
    ]
    if not conda.startswith("4.2"):
        lines.append(f"channel_alias: {channel_url}")
    return "\n".join(lines) + "\n"


def base_prefix(channels: Path, conda: str, seen: str, channel_url: str) -> Path:
    """A cached base prefix with conda of this version, to be placed at ``seen``."""
    request = Request(
        channels=((channels / "pkgs" / "main", f"{channel_url}/pkgs/main"),),
        specs=(f"conda={conda}", "python=3.6", "pip", "setuptools", "wheel", "six=1.10", "requests=2.12.4"),
        seen=seen,
        command=f"{seen}/bin/conda install -p {seen} conda={conda} python=3.6 pip",
        condarc=base_condarc(conda, channel_url),
    )

    def build(folder: Path) -> None:
        install(folder, request)
        for name in ("envs", "pkgs"):
            (folder / name).mkdir()

    text = Path(__file__).read_text(encoding="utf-8")
    key = cache.recipe_key(channels.name, text, request._replace(channels=()), channel_url)
    return cache.built("base", key, build, what=f"base prefix with conda {conda} for {seen}")


__all__ = ("Request", "base_prefix", "install", "solve")
