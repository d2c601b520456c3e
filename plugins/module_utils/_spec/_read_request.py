# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads what an environment is to hold, from a text in any of the formats."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._environment_file import read_environment_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._explicit_file import (
    is_explicit_file,
    read_explicit_file,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._lock_file import (
    DEFAULT_ENVIRONMENT,
    MAIN,
    lock_kind,
    read_conda_lock,
    read_pixi_lock,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import (
    CONDA_LOCK,
    PIXI_LOCK,
    FileError,
    Request,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import YamlError, read_yaml


def read_request(
    text: str, *, platform: str, environment: str = DEFAULT_ENVIRONMENT, categories: t.Sequence[str] = (MAIN,)
) -> Request:
    """Read a text; its content tells its format.

    :param platform: for a lock file, such as C(linux-64).
    :param environment: for a pixi.lock, which of its environments.
    :param categories: for a conda-lock.yml, the groups of packages.
    :raises FileError: it cannot be read so.
    """
    if is_explicit_file(text):
        return read_explicit_file(text)
    try:
        root = read_yaml(text).root
    except YamlError as error:
        raise FileError(error.line, "it cannot be read as YAML (%s)" % error.problem) from error
    kind = lock_kind(root)
    if kind == CONDA_LOCK:
        return read_conda_lock(root, platform=platform, categories=categories)
    if kind == PIXI_LOCK:
        return read_pixi_lock(root, platform=platform, environment=environment)
    return read_environment_file(root)


__all__ = ("read_request",)
