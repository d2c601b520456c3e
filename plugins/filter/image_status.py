# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells what an image may still be used for."""

from __future__ import annotations

import time

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils import _image_status
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError, merge_layers


def image_status(image, layers=None, *, now=None):
    """See image_status.yml."""
    try:
        thresholds = merge_layers(layers or {})["values"]["images"]
        # What conda_info returns was not judged: it has no findings at all.
        judged = isinstance(image.get("findings"), list)
        when = time.time() if now is None else float(now)
        return _image_status.image_status(image, thresholds, now=when, judged=judged)
    except PolicyError as error:
        raise AnsibleFilterError("image_status: %s" % error) from None
    except (AttributeError, KeyError, TypeError, ValueError):
        text = "image_status: an entry of images of conda_audit was expected, and now as seconds since the epoch."
        raise AnsibleFilterError(text) from None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"image_status": image_status}
