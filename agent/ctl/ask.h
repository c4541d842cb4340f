/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the person at the terminal. Private to agent/ctl. */
#pragma once

#include "ctl.h"

/* Whether there is somebody to ask: questions go to stderr, answers come by stdin. */
bool ask_can(void);

/* "QUESTION [FALLBACK]: ", one line. fallback: for an empty line; NULL: an empty line is no answer. Without a terminal
 * the line is read all the same, and nothing is shown. OUTCOME_YES, or OUTCOME_BAD after a complaint. *ret: free(). */
enum outcome ask_line(const char *question, const char *fallback, char **ret);
