/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/timesource.h"

struct csv csv_begin(FILE *f) {
        fputs("\xef\xbb\xbf", f);
        return (struct csv){ .file = f };
}

/* Spreadsheets of Japan take the full-width ones for formulas too. */
static bool begins_formula(const char *text) {
        static const char *const wide[] = { "＝", "＋", "－", "＠", "−" };
        for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
                if (strncmp(text, wide[i], strlen(wide[i])) == 0)
                        return true;
        return *text && strchr("=+-@\t\r\n", *text);
}

/* A table may be read on a terminal, which obeys control characters (C1 too, U+0080 to U+009F); names come from
 * devices.
 */
static size_t control_size(const char *text) {
        unsigned char c = (unsigned char) *text, next = (unsigned char) text[c != '\0'];
        if (c < 0x20 || c == 0x7f)
                return 1;
        return c == 0xc2 && next >= 0x80 && next <= 0x9f ? 2 : 0;
}

void csv_cell(struct csv *c, const char *text) {
        fputs(c->column++ > 0 ? ",\"" : "\"", c->file);
        if (begins_formula(text))
                fputc('\'', c->file);
        while (*text) {
                size_t control = control_size(text);
                if (control > 0)
                        fprintf(c->file, "\\x%02x", (unsigned char) text[control - 1]);
                else if (*text == '"')
                        fputs("\"\"", c->file);
                else
                        fputc(*text, c->file);
                text += control > 0 ? control : 1;
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
