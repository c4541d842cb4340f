/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether there is an X display at all. Owned by agent/session. */
#pragma once

#include <stdbool.h>

/* display: as in $DISPLAY; NULL allowed. False: it is none, or one of this machine whose socket nobody listens at, so
 * that no program can reach it either. */
bool display_is_there(const char *display);
