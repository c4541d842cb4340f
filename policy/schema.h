/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON Schema from a key table. Private to the policy library. */
#pragma once

#include <jansson.h>
#include <string.h>

#include "keys.h"

/* title: translated. Allocated into *ret (free()). 0 or -ENOMEM. */
int schema_write(const struct mapping *m, const char *id, const char *title, char **ret);
