# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The environment variables that a started conda, mamba or micromamba gets: what is needed, and nothing by chance."""

from __future__ import annotations

import typing as t

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED = frozenset(
    "LANG LANGUAGE TZ NETRC HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy ftp_proxy"
    " all_proxy no_proxy REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR CONDARC MAMBARC"
    # Where pip takes packages from; what would put them elsewhere than into the environment is not passed on.
    " PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_NO_INDEX PIP_FIND_LINKS PIP_TRUSTED_HOST PIP_CERT PIP_CLIENT_CERT PIP_PROXY"
    " PIP_TIMEOUT PIP_RETRIES PIP_CONFIG_FILE PIP_ONLY_BINARY PIP_NO_BINARY PIP_PREFER_BINARY PIP_CACHE_DIR".split()
)
_PASSED_STARTS = ("CONDA_", "MAMBA_", "LC_")
# What an activated environment leaves behind, or what turns a command into another one.
_DROPPED = frozenset(
    "CONDA_SHLVL CONDA_DEFAULT_ENV CONDA_EXE CONDA_PYTHON_EXE CONDA_PROMPT_MODIFIER CONDA_ENV_PATH CONDA_PATH_BACKUP"
    " CONDA_PS1_BACKUP CONDA_OLD_PS1 CONDA_ROOT CONDA_ROOT_DIR CONDA_ROOT_PREFIX CONDA_ACTIVE CONDA_DRY_RUN CONDA_JSON"
    " CONDA_DOWNLOAD_ONLY MAMBA_EXE MAMBA_ROOT_PREFIX MAMBA_TARGET_PREFIX MAMBA_DRY_RUN MAMBA_JSON"
    " MAMBA_DOWNLOAD_ONLY".split()
)
_DROPPED_STARTS = ("CONDA_PREFIX", "CONDA_SHLVL", "CONDA_BACKUP_")
_FIXED = {
    "PATH": _PATH,
    "CONDA_REGISTER_ENVS": "false",
    "CONDA_NOTIFY_OUTDATED_CONDA": "false",
    "CONDA_ROLLBACK_ENABLED": "true",
    # With --json and --yes, an unexpected error would be sent to the makers of conda, with its configuration.
    "CONDA_REPORT_ERRORS": "false",
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def child_environment(base_env: t.Mapping[str, str], *, home: str, cache: str, as_root: bool) -> t.Dict[str, str]:
    """The whole environment of a child.

    Only known names are passed on. So C(CI) never is, which would accept Terms of Service, nor C(SUDO_UID), by which
    conda before 4.6 gives files to another user.

    :param base_env: the environment to choose from.
    :param home: the child's home. For root it must be an empty directory of its own: conda creates files below it.
    :param cache: a directory for caches.
    :param as_root: whether the child runs as root. Then the configuration below C(XDG_CONFIG_HOME), which is a user's,
        is not used.
    """
    environment = {"LANG": "C.UTF-8"}
    environment.update((name, value) for name, value in base_env.items() if _is_passed(name))
    # It is meant to say "no file"; conda 4 stops at it, and all others read their other files all the same.
    if environment.get("CONDARC") == "/dev/null":
        del environment["CONDARC"]
    user = "root" if as_root else base_env.get("LOGNAME") or base_env.get("USER")
    if user:
        environment.update(USER=user, LOGNAME=user)
    if not as_root and base_env.get("XDG_CONFIG_HOME"):
        environment["XDG_CONFIG_HOME"] = base_env["XDG_CONFIG_HOME"]
    environment.update(_FIXED, HOME=home, XDG_CACHE_HOME=cache)
    return environment


def _is_passed(name: str) -> bool:
    if name in _PASSED:
        return True
    return name.startswith(_PASSED_STARTS) and name not in _DROPPED and not name.startswith(_DROPPED_STARTS)


__all__ = ("child_environment",)
