/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key files: "[section]" and "key=value" lines. Private to logins. */
#pragma once

#include <stdbool.h>

/* The next key off *text (changed); number counts lines. False: the end. Strings borrowed from the text. */
bool ini_next(char **text, unsigned *number, char **ret_key, char **ret_value);
