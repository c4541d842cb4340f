/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "screen.h"

struct cell {
        char *text;
        size_t width;
        enum tone tone;
};

struct screen_table {
        size_t n_columns, n, n_allocated;
        struct cell *cells;
        bool out_of_memory;
};

struct screen_table *screen_table_new(size_t n_columns, const char *const *heads) {
        struct screen_table *t = calloc(1, sizeof *t);
        if (!t)
                return NULL;
        t->n_columns = n_columns;
        for (size_t i = 0; heads && i < n_columns; i++)
                screen_table_add(t, TONE_BOLD, heads[i]);
        return t;
}

struct screen_table *screen_table_free(struct screen_table *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n; i++)
                free(t->cells[i].text);
        free(t->cells);
        free(t);
        return NULL;
}

void screen_table_add(struct screen_table *t, enum tone tone, const char *text) {
        if (!t)
                return;
        if (t->n == t->n_allocated) {
                size_t n = t->n_allocated ? 2 * t->n_allocated : 32;
                struct cell *cells = reallocarray(t->cells, n, sizeof *cells);
                if (!cells) {
                        t->out_of_memory = true;
                        return;
                }
                t->cells = cells;
                t->n_allocated = n;
        }
        char *printable = screen_text(text);
        if (!printable) {
                t->out_of_memory = true;
                return;
        }
        t->cells[t->n++] = (struct cell){ printable, screen_width(printable), tone };
}

void screen_table_addf(struct screen_table *t, enum tone tone, const char *format, ...) {
        char *text = NULL;
        va_list arguments;
        va_start(arguments, format);
        int n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n >= 0)
                screen_table_add(t, tone, text);
        else if (t)
                t->out_of_memory = true;
        if (n >= 0)
                free(text);
}

static void print_cell(const struct cell *c, size_t pad) {
        printf("%s%s%s%*s", screen_tone(c->tone), c->text, c->tone == TONE_PLAIN ? "" : screen_reset(), (int) pad, "");
}

enum outcome screen_table_print(const struct screen_table *t, unsigned indent) {
        CLEANUP(free_p) size_t *widths = t ? calloc(t->n_columns, sizeof *widths) : NULL;
        if (!widths || t->out_of_memory) {
                complain(_("The answer could not be put together."));
                return OUTCOME_BAD;
        }
        for (size_t i = 0; i < t->n; i++)
                if (t->cells[i].width > widths[i % t->n_columns])
                        widths[i % t->n_columns] = t->cells[i].width;

        for (size_t i = 0; i < t->n; i++) {
                size_t column = i % t->n_columns;
                bool last = column + 1 == t->n_columns;
                if (column == 0)
                        printf("%*s", (int) indent, "");
                print_cell(&t->cells[i], last ? 0 : widths[column] - t->cells[i].width + 2);
                if (last)
                        putchar('\n');
        }
        return OUTCOME_YES;
}
