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

        /* C0 and DEL, and C1 in its UTF-8 form (C2 80 .. C2 9F): a terminal obeys those too. */
        for (char *p = line; *p; p++) {
                unsigned char here = (unsigned char) p[0], next = (unsigned char) p[1];
                if (here < 0x20 || here == 0x7f)
                        *p = '?';
                else if (here == 0xc2 && next >= 0x80 && next < 0xa0)
                        p[0] = p[1] = '?';
        }

        if (isatty(STDERR_FILENO))
                (void) fprintf(stderr, "%s\n", line);
        else
                (void) fprintf(stderr, "<%d>%s\n", (int) level, line);
}
