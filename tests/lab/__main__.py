# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's command line; see ``python -m lab --help``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from . import LabUnavailable, cache, docker, podman


def command_up(arguments: argparse.Namespace) -> None:
    from . import hosts

    hosts.up()


def command_down(arguments: argparse.Namespace) -> None:
    from . import hosts

    docker.down()
    hosts.down()


def command_status(arguments: argparse.Namespace) -> None:
    from . import hosts

    for name, state in hosts.status().items():
        print(f"{name:12} {state}")


def command_inventory(arguments: argparse.Namespace) -> None:
    from . import hosts

    text = json.dumps(hosts.inventory(), indent=2) + "\n"
    if arguments.file:
        arguments.file.write_text(text)
    else:
        sys.stdout.write(text)


def command_packages(arguments: argparse.Namespace) -> None:
    print(" ".join([*podman.missing_packages(), *docker.missing_packages()]))


def command_demo(arguments: argparse.Namespace) -> None:
    from . import demo

    demo.make(arguments.folder)


def command_demo_base(arguments: argparse.Namespace) -> None:
    from . import demo

    demo.make_base(arguments.path.absolute())


def command_shape(arguments: argparse.Namespace) -> None:
    from . import shapes

    shape = shapes.build(arguments.name)
    print(json.dumps({"root": str(shape.root), "bases": shape.bases, "environments": len(shape.environments)}))


def command_clean(arguments: argparse.Namespace) -> None:
    if (cache.root() / "podman").is_dir():
        from . import hosts

        docker.down()
        hosts.down()
        # Its layers are mounts and files of other owners: podman removes them best.
        podman.run("system", "reset", "-f", check=False)
    shutil.rmtree(cache.root(), ignore_errors=True)


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    result = argparse.ArgumentParser(
        prog="python -m lab", description="Real conda on real hosts, for tests and the demo."
    )
    commands = result.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(function=function)
        return added

    command("up", command_up, "Build what is missing and start all hosts.")
    command("down", command_down, "Remove the hosts; what was built stays in the cache.")
    command("status", command_status, "List the hosts and whether they are up.")
    listing = command("inventory", command_inventory, "Write the Ansible inventory of all hosts as JSON.")
    listing.add_argument(
        "file", nargs="?", type=Path, help="file to write, with a name that ends in .json (default: print)"
    )
    command("packages", command_packages, "Print the Debian packages that are missing on this machine.")
    demo = command("demo", command_demo, "Make the demo fleet below a folder.")
    demo.add_argument("folder", type=Path)
    base = command("demo-base", command_demo_base, "Make a base prefix at a path, for the update that the demo shows.")
    base.add_argument("path", type=Path)
    shape = command("shape", command_shape, "Build a file system tree of a known size for benchmarks.")
    shape.add_argument("name", choices=("S", "M", "L"))
    command("clean", command_clean, "Remove the hosts and the whole cache.")
    return result


def main() -> int:
    """Run one command; exit code 3 says that this machine cannot do it, with the reason in one line."""
    arguments = parser().parse_args()
    try:
        arguments.function(arguments)
    except LabUnavailable as reason:
        print(f"lab: {reason}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
