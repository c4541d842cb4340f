/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_SHOWN 256

bool report_is_full(const struct report *r) {
        return r->problems->n >= PROBLEMS_MAX;
}

static void write_path(const struct report *r, char path[static PATH_MAX_SHOWN]) {
        size_t used = 0;
        path[0] = 0;
        for (unsigned i = 0; i < r->depth; i++) {
                const struct report_step *s = &r->steps[i];
                size_t space = PATH_MAX_SHOWN - used;
                int n = s->key ? snprintf(path + used, space, "%s%s", used ? "." : "", s->key)
                               : snprintf(path + used, space, "[%u]", s->index);
                if (n < 0 || (size_t) n >= space)
                        return; /* cut: table keys and indices never come near the limit */
                used += (size_t) n;
        }
}

int report_va(struct report *r, enum severity severity, struct place at, const char *path, const char *format,
              va_list arguments) {
        char buffer[PATH_MAX_SHOWN] = "", *message = NULL;
        if (!path && !report_is_full(r))
                write_path(r, buffer);
        if (!report_is_full(r) && vasprintf(&message, format, arguments) < 0) {
                message = NULL;
                r->no_memory = true;
        }
        if (problems_add(r->problems, severity, at.line, at.column, path ? path : buffer, "%s",
                         message ? message : "") < 0)
                r->no_memory = true;
        free(message);
        return 1;
}

int report_error(struct report *r, struct place at, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        int result = report_va(r, SEVERITY_ERROR, at, NULL, format, arguments);
        va_end(arguments);
        return result;
}

int report_warning(struct report *r, struct place at, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        int result = report_va(r, SEVERITY_WARNING, at, NULL, format, arguments);
        va_end(arguments);
        return result;
}

int report_error_path(struct report *r, struct place at, const char *path, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        int result = report_va(r, SEVERITY_ERROR, at, path, format, arguments);
        va_end(arguments);
        return result;
}

const char *report_quote(char buffer[static QUOTE_MAX], const char *s, size_t length) {
        static const char more[] = "…";
        if (length < QUOTE_MAX) {
                memcpy(buffer, s, length);
                buffer[length] = 0;
                return buffer;
        }
        length = QUOTE_MAX - sizeof more;
        while (length > 0 && ((unsigned char) s[length] & 0xc0) == 0x80)
                length--;
        memcpy(buffer, s, length);
        memcpy(buffer + length, more, sizeof more);
        return buffer;
}
