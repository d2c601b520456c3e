# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells what the role base has to do to the images of one line."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils import _base_images, _image_contents

_INSPECTED = "%s: this is not what image inspect of an engine prints (%r)."


def image_plan(inspected, *, name, tag, inputs, today, version=""):
    """See image_plan.yml."""
    try:
        return _base_images.image_plan(inspected, name=name, tag=tag, inputs=inputs, today=today, version=version)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(_INSPECTED % ("image_plan", error)) from None


def image_promotion(inspected, *, name, tag, version):
    """See image_promotion.yml."""
    try:
        return _base_images.image_promotion(inspected, name=name, tag=tag, version=version)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(_INSPECTED % ("image_promotion", error)) from None


def image_retirement(inspected, containers, *, name, tag, keep):
    """See image_retirement.yml."""
    try:
        return _base_images.image_retirement(inspected, containers, name=name, tag=tag, keep=int(keep))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(_INSPECTED % ("image_retirement", error)) from None


def image_contents(audit, *, image, prefix, bom_path, generated):
    """See image_contents.yml."""
    try:
        return _image_contents.image_contents(audit, image=image, prefix=prefix, bom_path=bom_path, generated=generated)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError("image_contents: this is no result of conda_audit (%r)." % error) from None
    except ValueError as error:
        raise AnsibleFilterError("image_contents: %s." % error) from None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {
            "image_contents": image_contents,
            "image_plan": image_plan,
            "image_promotion": image_promotion,
            "image_retirement": image_retirement,
        }
