/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accounts of the machine: this one's by its name services, another root's from its etc/passwd. Private to agent/ctl.
 */
#pragma once

#include <jansson.h>

#include "ctl.h"

bool people_exist(const struct invocation *i, const char *name);

/* Those who could log in: root and the accounts of people, with a shell. Array of {"user", "uid"}, in the order of the
 * database; NULL: no memory. Name services that do not list their users (of a directory) are not seen. */
json_t *people_list(const struct invocation *i);
