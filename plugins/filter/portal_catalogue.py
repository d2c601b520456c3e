# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the catalogue of a portal."""

from __future__ import annotations

import time

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils import _portal
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError, merge_layers


def portal_catalogue(listed, judged, layers=None, *, startable=None, start_by="id", engine="", now=None):
    """See portal_catalogue.yml."""
    words = _portal.Wish().startable if startable is None else startable
    try:
        limits = merge_layers(layers or {})["values"]["servers"]
        wish = _portal.Wish(words, start_by, engine)
        when = time.time() if now is None else float(now)
        return _portal.portal_catalogue(listed, judged, limits, wish, now=when)
    except (PolicyError, _portal.CatalogueError) as error:
        raise AnsibleFilterError("portal_catalogue: %s" % error) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        text = "portal_catalogue: names, versions and images, and images of conda_audit were expected (%s: %s)."
        raise AnsibleFilterError(text % (type(error).__name__, error)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"portal_catalogue": portal_catalogue}
