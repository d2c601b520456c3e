# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is in an image, from the audit of it: the bill of materials, and the labels that tell the versions."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._base_images import LABEL
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_cyclonedx import chunks

_TOLD = ("conda", "python", "mamba")
_Map = t.Mapping[str, t.Any]


def image_contents(audit: _Map, *, image: str, prefix: str, bom_path: str, generated: str) -> dict[str, t.Any]:
    """The bill of materials as text, and the labels.

    :param audit: the result of conda_audit with C(packages), for the files of the image.
    :param prefix: the base prefix, whose versions are told.
    :param bom_path: where the image has the bill.
    :raises ValueError: the base prefix is not in the audit, or not all could be read.
    """
    base = next((item for item in audit["environments"] if item["prefix"] == prefix), None)
    if base is None or not base.get("packages"):
        raise ValueError("there is no environment with packages at %s in %s" % (prefix, image))
    if not audit["complete"]:
        raise ValueError("not all of %s could be read, so its bill of materials would not be whole" % image)
    host = {"status": "ok", "environments": audit["environments"]}
    document = json.loads("".join(chunks({"generated": generated, "hosts": {image: host}}, image)))
    document["metadata"]["component"]["type"] = "container"
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    versions = {item["name"]: item["version"] for item in base["packages"] if item["name"] in _TOLD}
    labels = {LABEL + name: version for name, version in sorted(versions.items())}
    labels[LABEL + "bom"] = bom_path
    labels[LABEL + "bom.sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return {"bom": text, "labels": labels, "versions": versions}


__all__ = ("image_contents",)
