# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of settings: which version knows which name, and what a value of it is."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._prefix import _condarc_keys as keys
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_keys import (
    UNKNOWN,
    Readers,
    history_of,
    known_names,
    name_for,
    nearest,
    shape_of,
)


@pytest.mark.parametrize(
    ("version", "has", "has_not"),
    [
        ("4.2.7", "channels binstar_upload custom_channels client_cert", "pkgs_dirs custom_multichannels solver"),
        ("4.3.16", "always_yes pinned_packages pkgs_dirs use_pip", "subdirs verify_ssl safety_checks"),
        ("4.6.0", "channel_priority env_prompt pip_interop_enabled", "use_pip update_dependencies concurrent"),
        ("4.12.0", "experimental_solver whitelist_channels", "solver allowlist_channels"),
        ("25.9.1", "auto_activate auto_activate_base", "pip_interop_enabled restore_free_channel exclude_newer"),
        ("26.7.1", "pip_interop_enabled plugins preview", "exclude_newer reporters"),
        ("27.1.0", "exclude_newer cooldown", "reporters"),
        ("3.19", "channels", "pkgs_dirs"),
    ],
)
def test_the_names_of_a_version_of_conda(version, has, has_not):
    names = known_names(Readers(version))
    assert set(has.split()) <= names
    assert names.isdisjoint(has_not.split())


def test_the_names_of_mamba_and_of_both():
    assert "use_uv" not in known_names(Readers(None, "1.5.8"))
    assert {"use_uv", "channels"} <= known_names(Readers(None, "2.3.3"))
    assert "always_yes" in known_names(Readers(None, UNKNOWN))
    assert "rollback_enabled" not in known_names(Readers(None, "2.3.3"))
    assert {"use_uv", "rollback_enabled"} <= known_names(Readers("24.1.0", "2.3.3"))
    assert {"use_uv", "use_pip", "cooldown"} <= known_names(Readers())


def test_the_table_is_one():
    """Each name that a version knows has a shape, and each shape has a version."""
    named = {name for table in (keys._CAME, keys._MAMBA_CAME) for names in table.values() for name in names.split()}
    assert [name for name in named if shape_of(keys.ALIASES.get(name, name), Readers()) is None] == []
    assert sorted(known_names(Readers()) - named) == []
    gone = {name for table in (keys._WENT, keys._MAMBA_WENT) for names in table.values() for name in names.split()}
    assert gone <= named
    assert set(keys.ALIASES.values()) <= set(keys.SHAPES)
    words = [key for shapes in (keys.SHAPES, keys.MAMBA_SHAPES) for key, shape in shapes.items() if shape == "e"]
    assert sorted(words) == sorted(keys.CHOICES)


def test_a_setting_goes_by_the_name_that_is_known():
    assert name_for("solver", Readers("4.12.0")) == "experimental_solver"
    assert name_for("pip_interop_enabled", Readers("25.7.0")) == "prefix_data_interoperability"
    assert name_for("verify_ssl", Readers("4.3.16")) == "ssl_verify"
    assert name_for("verify_ssl", Readers("4.4.0")) == "verify_ssl"
    assert name_for("solver", Readers("4.3.16")) is None


def test_what_a_name_is_like_and_when_it_came():
    assert nearest("chanel_priority", Readers("4.3.16")) == "channel_priority"
    assert nearest("xyzzy", Readers("4.3.16")) is None
    assert history_of("solver") == ", which came with conda 22.11.0"
    assert history_of("use_pip") == ", which came with conda 4.2.0 and is not in 4.6.0"
    assert history_of("pip_interop_enabled") == ", which came with conda 4.6.0"
    assert history_of("use_uv") == ", which came with mamba 2.2.0"
    assert history_of("no_such") == ""


def test_a_shape_can_depend_on_the_version():
    assert (shape_of("channel_priority", Readers("4.5.12")), shape_of("channel_priority", Readers("4.6.0"))) == (
        "b",
        "e",
    )
    assert (shape_of("experimental", Readers(None, "1.5.8")), shape_of("experimental", Readers("23.3.0"))) == (
        "b",
        "Lt",
    )
