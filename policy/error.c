/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sekisho/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "i18n.h"

static int reserve(struct problems *p) {
        if (p->n < p->n_allocated)
                return 0;
        size_t n = p->n_allocated ? 2 * p->n_allocated : 16;
        struct problem *list = reallocarray(p->list, n, sizeof *list);
        if (!list)
                return -ENOMEM;
        p->list = list;
        p->n_allocated = n;
        return 0;
}

int problems_add(struct problems *p, enum severity severity, unsigned line, unsigned column, const char *path,
                 const char *format, ...) {
        /* Counted first: an error that could not be stored must still refuse the document. */
        if (severity == SEVERITY_ERROR)
                p->n_errors++;
        else
                p->n_warnings++;
        if (p->n >= PROBLEMS_MAX) {
                p->n_dropped++;
                return 0;
        }
        if (reserve(p) < 0)
                return -ENOMEM;

        struct problem problem = { .severity = severity, .line = line, .column = column, .path = strdup(path) };
        va_list arguments;
        va_start(arguments, format);
        int r = vasprintf(&problem.message, format, arguments);
        va_end(arguments);
        if (r < 0 || !problem.path) {
                if (r >= 0)
                        free(problem.message);
                free(problem.path);
                return -ENOMEM;
        }
        p->list[p->n++] = problem;
        return 0;
}

/* Text breaks ties, so that the order does not depend on qsort(). */
static int compare(const void *a, const void *b) {
        const struct problem *x = a, *y = b;
        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        if (x->column != y->column)
                return x->column < y->column ? -1 : 1;
        int r = strcmp(x->path, y->path);
        return r ? r : strcmp(x->message, y->message);
}

void problems_sort(struct problems *p) {
        if (p->n > 1)
                qsort(p->list, p->n, sizeof *p->list, compare);
}

int problem_format(const struct problem *p, const char *file, char **ret) {
        const char *severity = p->severity == SEVERITY_ERROR ? _("error") : _("warning");
        char position[32] = "";
        if (p->line && p->column)
                (void) snprintf(position, sizeof position, ":%u:%u", p->line, p->column);
        else if (p->line)
                (void) snprintf(position, sizeof position, ":%u", p->line);

        char *text = NULL;
        int r = p->path[0] ? asprintf(&text, "%s%s: %s: %s: %s", file, position, severity, p->path, p->message)
                           : asprintf(&text, "%s%s: %s: %s", file, position, severity, p->message);
        if (r < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}

void problems_clear(struct problems *p) {
        for (size_t i = 0; i < p->n; i++) {
                free(p->list[i].path);
                free(p->list[i].message);
        }
        free(p->list);
        *p = (struct problems){ 0 };
}
