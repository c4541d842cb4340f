/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void log_line(enum log_level level, const char *format, ...) {
        char line[1024];
        va_list ap;
        va_start(ap, format);
        int n = vsnprintf(line, sizeof line, format, ap);
        va_end(ap);
        if (n < 0)
                return;

        for (char *p = line; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        *p = '?';

        if (isatty(STDERR_FILENO))
                (void) fprintf(stderr, "%s\n", line);
        else
                (void) fprintf(stderr, "<%d>%s\n", (int) level, line);
}
