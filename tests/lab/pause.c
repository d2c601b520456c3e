/* Copyright (c) 2026, The labfleet.conda contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The only program of a container that has nothing else: no shell, no Python, no library. */
#include <unistd.h>

int main(void)
{
    for (;;)
        pause();
}
