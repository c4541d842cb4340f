/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many input devices can type. Owned by agent/sys; used by agent.c for the keyboard floor. */
#pragma once

#include "base/file.h"

/* Counts the input devices below the root's sys/class/input that have the letter and digit keys, whatever their bus.
 * Those that no hand can reach (made by software) do not count. without: USB port name ("1-2") whose own input devices
 * are left out, or NULL. A machine without sys/class/input has none. Number or -errno. */
int input_count_keyboards(const struct root *root, const char *without);
