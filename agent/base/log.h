/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operational log: one line to stderr with the sd-daemon(3) level prefix when stderr is not a terminal.
 *
 * Owned by base. Only main.c, agent.c, ctl/ and the PAM entry may call it; library code returns errors instead.
 * Never pass a secret, a code, clipboard text or a file's content.
 */
#pragma once

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6 };

/* Control characters in the formatted text are replaced by '?': a device's name must not forge a line. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
