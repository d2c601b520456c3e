# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmarks measure against: the real conda over the environments of a shape of the lab."""

from __future__ import annotations

import os

from lab import LabUnavailable
from lab.shapes import Shape, build


def real_conda_commands(shape: Shape) -> list[list[str]]:
    """The command lines with which the real conda tells what one look of the module tells.

    ``conda info --json`` for every installation and ``conda list --json`` for every environment, each with the conda of
    the installation that the environment lies in. Raises LabUnavailable when the shape's conda cannot answer.
    """
    if shape.note:
        raise LabUnavailable(f"The real conda cannot be measured: {shape.note}.")
    commands = [shape.conda(base, "info", "--json") for base in shape.bases]
    for environment in shape.environments:
        base = environment.split("/envs/")[0]
        conda_base = base if base in shape.bases else shape.bases[0]
        commands.append(shape.conda(conda_base, "list", "-p", shape.real(environment), "--json"))
    return commands


def real_conda_environment(shape: Shape) -> dict[str, str]:
    """The process environment to run them in: nothing of the user's own conda."""
    return {"HOME": f"{shape.root}/root", "PATH": os.defpath, "LANG": "C.UTF-8"}


__all__ = ("Shape", "build", "real_conda_commands", "real_conda_environment")
