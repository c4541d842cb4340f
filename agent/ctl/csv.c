/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csv.h"

#include <inttypes.h>
#include <string.h>

#include "base/timesource.h"

struct csv csv_begin(FILE *f) {
        fputs("\xef\xbb\xbf", f);
        return (struct csv){ .file = f };
}

void csv_cell(struct csv *c, const char *text) {
        fputs(c->column++ > 0 ? ",\"" : "\"", c->file);
        if (*text && strchr("=+-@\t\r\n", *text))
                fputc('\'', c->file);
        for (; *text; text++) {
                if (*text == '"')
                        fputc('"', c->file);
                fputc(*text, c->file);
        }
        fputc('"', c->file);
}

void csv_number(struct csv *c, uint64_t n) {
        char text[32];
        (void) snprintf(text, sizeof text, "%" PRIu64, n);
        csv_cell(c, text);
}

void csv_moment(struct csv *c, int64_t seconds) {
        char text[40] = "";
        if (seconds > 0)
                (void) time_format(seconds, text, sizeof text);
        csv_cell(c, text);
}

void csv_end_row(struct csv *c) {
        fputs("\r\n", c->file);
        c->column = 0;
}
