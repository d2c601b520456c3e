# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The settings that conda and mamba have: the type of each, and which version knows it by which name.

The facts are those of conda/base/context.py in each release of conda from 4.2.0 to 26.7.1 and of its main branch for
26.9, and of libmamba/src/api/configuration.cpp in each release of libmamba from 0.18.0 to 2.8.1 and of its main branch.
"""

from __future__ import annotations

import difflib
import functools
import re
import typing as t

# L: list of, M: map of; b: boolean, n: boolean or null, t: text, o: text or null, i: integer, f: float,
# e: one of a few words, s: boolean or path (ssl_verify), u: boolean or integer, ?: as the file has it.
_TODAY = {
    "b": "add_anaconda_token add_pip_as_python_dependency allow_conda_downgrades allow_cycles allow_non_channel_urls "
    "allow_softlinks always_copy always_softlink auto_activate auto_update_conda changeps1 clobber debug dev "
    "download_only dry_run enable_private_envs envvars_force_uppercase extra_safety_checks force force_32bit "
    "force_reinstall force_remove ignore_pinned json no_lock no_plugins non_admin_enabled notify_outdated_conda "
    "offline override_channels_enabled prefix_data_interoperability protect_frozen_envs quiet register_envs "
    "repodata_use_shards repodata_use_zst rollback_enabled separate_format_cache shortcuts solver_ignore_timestamps "
    "trace unsatisfiable_hints use_index_cache use_local",
    "n": "always_yes anaconda_upload report_errors show_channel_urls use_only_tar_bz2",
    "t": "bld_path channel_alias console croot default_activation_env env_prompt error_upload_url exclude_newer "
    "root_prefix solver subdir target_prefix_override",
    "o": "client_ssl_cert client_ssl_cert_key default_python environment_specifier signing_metadata_url_base",
    "i": "auto_stack default_threads execute_threads fetch_threads number_channel_notices remote_backoff_factor "
    "remote_max_retries repodata_threads unsatisfiable_hints_check_depth verbosity verify_threads",
    "f": "remote_connect_timeout_secs remote_read_timeout_secs",
    "e": "channel_priority deps_modifier path_conflict safety_checks sat_solver update_modifier",
    "s": "ssl_verify",
    "u": "local_repodata_ttl",
    "Lt": "aggressive_update_packages allowlist_channels channels create_default_packages default_channels "
    "denylist_channels disallowed_packages envs_dirs experimental export_platforms list_fields "
    "migrated_channel_aliases pinned_packages pkgs_dirs preview repodata_fns shortcuts_only subdirs track_features",
    "LMt": "channel_settings",
    "Mt": "conda_build custom_channels migrated_custom_channels",
    "Mo": "exclude_newer_package override_virtual_packages proxy_servers",
    "MLt": "custom_multichannels",
    "?": "plugins",
}
# What conda had once, and has no more.
_RETIRED = {
    "b": "concurrent featureless_minimization_disabled_feature_flag no_dependencies only_dependencies prune "
    "restore_free_channel skip_safety_checks update_dependencies use_pip",
    "i": "max_shlvl repodata_timeout_secs",
    "t": "repodata_fn",
    "LMt": "reporters",
}
# What mamba and micromamba alone have.
_MAMBA = {
    "b": "allow_downgrade allow_uninstall compile_pyc experimental_repodata_parsing experimental_sat_error_message "
    "log_backtrace mamba_repodata_parsing no_py_pin order_solver_request repodata_has_zst shell_completion "
    "show_anaconda_channel_warnings show_banner skip_run_link_scripts ssl_no_revoke use_lockfiles use_sharded_repodata "
    "use_uv verify_artifacts",
    "t": "cacert_path log_pattern platform",
    "i": "download_threads extract_threads lock_timeout repodata_shards_threads repodata_shards_ttl",
    "e": "log_level",
    "Lt": "trusted_channels",
    "MLt": "mirrored_channels",
}


def _by_key(groups: t.Mapping[str, str]) -> t.Dict[str, str]:
    return {key: shape for shape, keys in groups.items() for key in keys.split()}


SHAPES = _by_key(_TODAY)
MAMBA_SHAPES = _by_key(_MAMBA)
_RETIRED_SHAPES = _by_key(_RETIRED)
ALIASES = {
    "add_binstar_token": "add_anaconda_token", "auto_activate_base": "auto_activate",
    "binstar_upload": "anaconda_upload", "channel": "channels", "client_cert": "client_ssl_cert",
    "client_cert_key": "client_ssl_cert_key", "conda-build": "conda_build", "cooldown": "exclude_newer",
    "cooldown_exclude": "exclude_newer_package", "copy": "always_copy",
    "disallow": "disallowed_packages", "env_spec": "environment_specifier", "envs_path": "envs_dirs",
    "experimental_solver": "solver", "extra_platforms": "export_platforms",
    "pip_interop_enabled": "prefix_data_interoperability", "root_dir": "root_prefix",
    "self_update": "auto_update_conda", "softlink": "always_softlink", "verbose": "verbosity",
    "verify_ssl": "ssl_verify", "virtual_packages": "override_virtual_packages",
    "whitelist_channels": "allowlist_channels", "yes": "always_yes",
}  # fmt: skip
CHOICES = {
    "channel_priority": "strict flexible disabled",
    "deps_modifier": "not_set no_deps only_deps",
    "log_level": "critical error warning info debug trace off",
    "path_conflict": "clobber warn prevent",
    "safety_checks": "disabled warn enabled",
    "sat_solver": "pycosat pycryptosat pysat",
    "update_modifier": "specs_satisfied_skip_solve freeze_installed update_deps update_specs update_all",
}

# The names, aliases among them, that a release of conda was the first to know.
_CAME = {
    "4.2.0": "add_anaconda_token add_binstar_token add_pip_as_python_dependency allow_softlinks always_copy always_yes "
    "anaconda_upload auto_update_conda binstar_upload changeps1 channel_alias channel_priority channels copy "
    "create_default_packages debug default_channels disallow envs_dirs json offline proxy_servers quiet root_dir "
    "self_update shortcuts show_channel_urls ssl_verify track_features update_dependencies use_pip yes",
    "4.2.2": "verbose verbosity",
    "4.2.4": "bld_path",
    "4.2.5": "force_32bit",
    "4.2.6": "client_cert client_cert_key custom_channels migrated_channel_aliases migrated_custom_channels",
    "4.2.10": "custom_multichannels",
    "4.2.11": "envs_path",
    "4.2.13": "conda-build conda_build croot",
    "4.2.14": "subdir",
    "4.3.0": "always_softlink client_ssl_cert client_ssl_cert_key concurrent force pkgs_dirs "
    "remote_connect_timeout_secs remote_max_retries remote_read_timeout_secs rollback_enabled softlink",
    "4.3.1": "repodata_timeout_secs",
    "4.3.2": "clobber path_conflict",
    "4.3.3": "channel local_repodata_ttl",
    "4.3.9": "allow_non_channel_urls",
    "4.3.10": "default_python",
    "4.3.14": "skip_safety_checks",
    "4.3.16": "pinned_packages",
    "4.3.17": "subdirs",
    "4.3.18": "dry_run",
    "4.3.19": "verify_ssl",
    "4.3.25": "non_admin_enabled",
    "4.4.0": "aggressive_update_packages download_only enable_private_envs error_upload_url ignore_pinned max_shlvl "
    "no_dependencies notify_outdated_conda only_dependencies override_channels_enabled prune report_errors root_prefix "
    "safety_checks target_prefix_override use_index_cache whitelist_channels",
    "4.4.4": "use_local",
    "4.5.0": "allow_cycles disallowed_packages",
    "4.5.9": "featureless_minimization_disabled_feature_flag",
    "4.5.12": "allow_conda_downgrades extra_safety_checks",
    "4.6.0": "auto_activate_base deps_modifier env_prompt force_reinstall force_remove pip_interop_enabled sat_solver "
    "solver_ignore_timestamps update_modifier",
    "4.6.9": "dev",
    "4.7.0": "repodata_fn restore_free_channel separate_format_cache",
    "4.7.1": "use_only_tar_bz2",
    "4.7.2": "repodata_fns",
    "4.7.11": "default_threads execute_threads repodata_threads verify_threads",
    "4.7.12": "unsatisfiable_hints",
    "4.8.0": "auto_stack remote_backoff_factor",
    "4.8.2": "unsatisfiable_hints_check_depth",
    "4.10.0": "signing_metadata_url_base",
    "4.12.0": "experimental_solver",
    "4.14.0": "allowlist_channels number_channel_notices",
    "22.11.0": "fetch_threads solver",
    "23.3.0": "channel_settings experimental",
    "23.7.0": "no_plugins",
    "23.9.0": "no_lock register_envs trace",
    "23.11.0": "shortcuts_only",
    "24.1.0": "repodata_use_zst",
    "24.3.0": "plugins",
    "24.5.0": "reporters",
    "24.7.0": "envvars_force_uppercase",
    "24.9.0": "denylist_channels",
    "24.11.0": "console",
    "25.5.0": "auto_activate default_activation_env list_fields prefix_data_interoperability protect_frozen_envs",
    "25.7.0": "env_spec environment_specifier",
    "25.9.0": "export_platforms extra_platforms",
    "25.11.0": "override_virtual_packages virtual_packages",
    # 25.5 to 25.11 do not know it: its alias was written down as a string of characters.
    "26.1.0": "pip_interop_enabled",
    "26.5.0": "preview repodata_use_shards",
    "26.9.0": "cooldown cooldown_exclude exclude_newer exclude_newer_package",
}
# Those that it was the first not to know any more.
_WENT = {
    "4.3.3": "repodata_timeout_secs",
    "4.4.0": "concurrent skip_safety_checks",
    "4.6.0": "max_shlvl no_dependencies only_dependencies update_dependencies use_pip",
    "4.6.4": "featureless_minimization_disabled_feature_flag",
    "4.7.1": "prune",
    "4.7.2": "repodata_fn",
    "24.11.0": "reporters",
    "25.5.0": "pip_interop_enabled",
    "25.9.0": "restore_free_channel",
}
_MAMBA_CAME = {
    "0": "add_pip_as_python_dependency allow_softlinks always_copy always_softlink always_yes auto_activate_base "
    "cacert_path channel_alias channel_priority channels compile_pyc custom_channels custom_multichannels "
    "default_channels envs_dirs experimental extra_safety_checks extract_threads json local_repodata_ttl lock_timeout "
    "log_backtrace log_level log_pattern no_py_pin offline override_channels_enabled pinned_packages pkgs_dirs "
    "platform quiet safety_checks shortcuts show_banner ssl_no_revoke ssl_verify verify_artifacts",
    "0.19.0": "changeps1 env_prompt shell_completion",
    "0.20.0": "download_threads",
    "0.21.0": "allow_downgrade allow_uninstall",
    "0.26.0": "proxy_servers use_lockfiles",
    "1.1.0": "experimental_sat_error_message",
    "1.2.0": "repodata_has_zst repodata_use_zst",
    "1.4.0": "remote_backoff_factor remote_connect_timeout_secs remote_max_retries",
    "2.0.0": "experimental_repodata_parsing mirrored_channels order_solver_request show_anaconda_channel_warnings "
    "trusted_channels",
    "2.2.0": "use_uv",
    "2.6.0": "prefix_data_interoperability repodata_shards_threads repodata_shards_ttl use_sharded_repodata",
    "2.9.0": "mamba_repodata_parsing skip_run_link_scripts",
}
_MAMBA_WENT = {
    "1.4.0": "experimental_sat_error_message",
    "1.4.5": "show_banner",
    "2.9.0": "experimental experimental_repodata_parsing",
}
UNKNOWN = "?"
_Release = t.Tuple[int, ...]


class Readers(t.NamedTuple):
    """The versions of those who are to read a file: of conda, and of mamba or micromamba; None where there is none.

    One that nobody knows is UNKNOWN. Without any reader, each name of each version is a name.
    """

    conda: t.Optional[str] = None
    mamba: t.Optional[str] = None

    def __str__(self) -> str:
        found = [(name, version) for name, version in (("conda", self.conda), ("mamba", self.mamba)) if version]
        names = ["%s %s" % pair if pair[1] != UNKNOWN else pair[0] for pair in found]
        return " and ".join(names) or "conda of any version"


@functools.lru_cache(maxsize=8)
def known_names(readers: Readers) -> t.FrozenSet[str]:
    """The names of settings, aliases among them, that one of the readers knows."""
    if readers == Readers():
        return frozenset([*SHAPES, *ALIASES, *_RETIRED_SHAPES, *MAMBA_SHAPES])
    names = _known(readers.conda, _CAME, _WENT) if readers.conda else set()
    return frozenset(names | (_known(readers.mamba, _MAMBA_CAME, _MAMBA_WENT) if readers.mamba else set()))


def _known(version: str, came: t.Mapping[str, str], went: t.Mapping[str, str]) -> t.Set[str]:
    release, oldest = _release(version), min(map(_release, came))
    names: t.Set[str] = set()
    for number, first in sorted((_release(first), first) for first in {*came, *went}):
        if number <= release or number == oldest:
            names -= set(went.get(first, "").split())
            names |= set(came.get(first, "").split())
    return names


def _release(version: str) -> _Release:
    if version == UNKNOWN:  # then it may be the newest
        return (9999,)
    return tuple(map(int, re.findall("[0-9]+", version)[:3]))


def shape_of(key: str, readers: Readers) -> t.Optional[str]:
    """The shape of the value of a setting, by today's name of it; None for one that nobody has."""
    if key == "channel_priority" and readers.conda and _release(readers.conda) < (4, 6):
        return "b"
    if key == "experimental" and readers.mamba and not readers.conda:
        return "b"
    return SHAPES.get(key) or _RETIRED_SHAPES.get(key) or MAMBA_SHAPES.get(key)


def name_for(name: str, readers: Readers) -> t.Optional[str]:
    """A name of the same setting that the readers know: the one that was given, if they know it."""
    known, key = known_names(readers), ALIASES.get(name, name)
    return next((one for one in (name, key, *aliases_of(key)) if one in known), None)


def aliases_of(key: str) -> t.List[str]:
    """The other names of a setting."""
    return [alias for alias, meant in ALIASES.items() if meant == key]


def history_of(name: str) -> str:
    """When a name came and went, in words that stand behind a comma; empty for a name that nobody ever knew."""
    for program, came, went in (("conda", _CAME, _WENT), ("mamba", _MAMBA_CAME, _MAMBA_WENT)):
        first = [release for release, names in came.items() if name in names.split()]
        last = [release for release, names in went.items() if name in names.split()]
        if first:
            gone = " and is not in %s" % last[0] if last and len(first) == len(last) else ""
            return ", which came with %s %s%s" % (program, first[0], gone)
    return ""


def nearest(name: str, readers: Readers) -> t.Optional[str]:
    """The known name that is most like another text."""
    found = difflib.get_close_matches(name.lower(), sorted(known_names(readers)), n=1, cutoff=0.6)
    return found[0] if found else None


__all__ = (
    "ALIASES",
    "CHOICES",
    "MAMBA_SHAPES",
    "Readers",
    "SHAPES",
    "UNKNOWN",
    "aliases_of",
    "history_of",
    "known_names",
    "name_for",
    "nearest",
    "shape_of",
)
