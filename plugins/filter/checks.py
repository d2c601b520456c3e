# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of the steps of a check, as data and as JUnit XML."""

from __future__ import annotations

import time

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils._check_cases import check_cases as cases_of
from ansible_collections.labfleet.conda.plugins.plugin_utils._check_cases import junit_chunks


def check_cases(steps):
    """See check_cases.yml."""
    try:
        return cases_of(steps)
    except (KeyError, TypeError, AttributeError) as error:
        raise AnsibleFilterError("check_cases: a step needs name, result and failure: %s" % error) from None


def check_junit(hosts):
    """See check_junit.yml."""
    return "".join(junit_chunks(hosts, timestamp=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())))


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"check_cases": check_cases, "check_junit": check_junit}
