/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "screen.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "base/characters.h"

char *screen_text_n(const char *s, size_t size) {
        char *text = NULL;
        size_t length;
        FILE *f = open_memstream(&text, &length);
        if (!f)
                return NULL;
        const unsigned char *p = (const unsigned char *) s;
        while (size > 0) {
                uint32_t c = 0;
                size_t n = character_decode(p, size, &c);
                if (n == 0)
                        fprintf(f, "\\x%02X", p[0]);
                else if (character_is_unfit(c))
                        fprintf(f, "\\u{%04X}", (unsigned) c);
                else
                        fwrite(p, 1, n, f);
                n = n ? n : 1;
                p += n;
                size -= n;
        }
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

char *screen_text(const char *s) {
        return screen_text_n(s ? s : "", s ? strlen(s) : 0);
}

size_t screen_width(const char *s) {
        const unsigned char *p = (const unsigned char *) s;
        size_t left = strlen(s), columns = 0;
        while (left > 0) {
                uint32_t c = 0;
                size_t n = character_decode(p, left, &c);
                int width = n ? wcwidth((wchar_t) c) : 1;
                columns += width > 0 ? (size_t) width : 0;
                n = n ? n : 1;
                p += n;
                left -= n;
        }
        return columns;
}

static bool has_colour(void) {
        static int known = -1;
        if (known < 0) {
                const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
                known = isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
        }
        return known > 0;
}

const char *screen_tone(enum tone t) {
        static const char *const sequences[] = {
                [TONE_PLAIN] = "",        [TONE_GOOD] = "\033[32m", [TONE_BAD] = "\033[31m",
                [TONE_NOTE] = "\033[33m", [TONE_FAINT] = "\033[2m", [TONE_BOLD] = "\033[1m",
        };
        return has_colour() ? sequences[t] : "";
}

const char *screen_reset(void) {
        return has_colour() ? "\033[0m" : "";
}

void screen_put(enum tone t, const char *text) {
        CLEANUP(free_p) char *printable = screen_text(text);
        printf("%s%s%s", screen_tone(t), printable ? printable : "", t == TONE_PLAIN ? "" : screen_reset());
}

void complain(const char *format, ...) {
        char *message = NULL;
        va_list arguments;
        va_start(arguments, format);
        int n = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (n < 0)
                return;
        CLEANUP(free_p) char *printable = screen_text(message);
        free(message);
        fprintf(stderr, "sekishoctl: %s\n", printable ? printable : "");
}

static enum outcome print_json(json_t *value, size_t flags) {
        /* A value that could not be built, or that holds no valid text, is a failure of ours. */
        int r = value ? json_dumpf(value, stdout, flags | JSON_ENSURE_ASCII) : -1;
        json_decref(value);
        if (r < 0) {
                complain(_("The answer could not be put together."));
                return OUTCOME_BAD;
        }
        putchar('\n');
        return OUTCOME_YES;
}

enum outcome screen_json(json_t *value) {
        return print_json(value, JSON_INDENT(2));
}

enum outcome screen_json_line(json_t *value) {
        enum outcome r = print_json(value, JSON_COMPACT);
        (void) fflush(stdout);
        return r;
}

void screen_progress(const char *what, unsigned long long done, unsigned long long total) {
        if (!isatty(STDERR_FILENO))
                return;
        if (total > 0)
                fprintf(stderr, "\r%s %3llu%% ", what, done >= total ? 100 : done * 100 / total);
        else
                fprintf(stderr, "\r%s %llu MiB ", what, done >> 20);
}

void screen_progress_end(void) {
        if (isatty(STDERR_FILENO))
                fputs("\r\033[K", stderr);
}
