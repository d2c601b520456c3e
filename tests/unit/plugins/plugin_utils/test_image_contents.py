# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bill of materials of an image, and its labels."""

from __future__ import annotations

import hashlib
import json

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._image_contents import image_contents

GIVEN = {"image": "ai/base:1", "prefix": "/opt/conda", "bom_path": "/bom.json", "generated": "2026-11-26T00:00:00Z"}


def package(name, version, **more):
    return {"name": name, "version": version, "build": "0", "sha256": "a" * 64, "depends": [], **more}


def audit(*packages, complete=True, prefix="/opt/conda", pip=()):
    return {"complete": complete, "environments": [
        {"prefix": prefix, "name": "base", "owner": "root", "packages": list(packages), "pip_packages": list(pip)},
    ]}  # fmt: skip


def test_the_bill_has_the_packages_with_their_hashes_and_the_labels_tell_the_versions():
    found = image_contents(
        audit(
            package("conda", "26.7.0"), package("python", "3.12.7"), package("six", "1.16"),
            pip=[{"name": "torch", "version": "2.7.0"}],
        ),
        **GIVEN,
    )  # fmt: skip
    assert found["versions"] == {"conda": "26.7.0", "python": "3.12.7"}
    bill = json.loads(found["bom"])
    assert bill["metadata"]["component"]["type"] == "container" and bill["metadata"]["component"]["name"] == "ai/base:1"
    (base,) = bill["components"]
    parts = {part["name"]: part for part in base["components"]}
    assert sorted(parts) == ["conda", "python", "six", "torch"]
    assert parts["six"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert found["labels"] == {
        "labfleet.conda.conda": "26.7.0", "labfleet.conda.python": "3.12.7", "labfleet.conda.bom": "/bom.json",
        "labfleet.conda.bom.sha256": hashlib.sha256(found["bom"].encode()).hexdigest(),
    }  # fmt: skip


def test_the_bill_is_valid():
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    text = image_contents(audit(package("conda", "26.7.0", license="BSD-3-Clause")), **GIVEN)["bom"]
    assert validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(text) is None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (audit(package("conda", "1"), prefix="/opt/other"), "no environment with packages at /opt/conda"),
        (audit(), "no environment with packages"),
        (audit(package("conda", "1"), complete=False), "would not be whole"),
    ],
)
def test_unknown_is_not_told_as_nothing(found, said):
    with pytest.raises(ValueError, match=said):
        image_contents(found, **GIVEN)
