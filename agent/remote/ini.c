/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ini.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* Each stands on a line of its own before the line that it is about: this was its text; it was not there. */
#define WAS   "#sekisho-was "
#define ADDED "#sekisho-added"

bool ini_is(const char *a, const char *b) {
        return strcasecmp(a, b) == 0;
}

static size_t line_length(const char *text) {
        return strcspn(text, "\n");
}

/* Without blanks on both sides, and cut. */
static void copy(char *to, size_t size, const char *from, size_t n) {
        while (n > 0 && strchr(" \t\r", *from))
                from++, n--;
        while (n > 0 && strchr(" \t\r", from[n - 1]))
                n--;
        n = n < size ? n : size - 1;
        memcpy(to, from, n);
        to[n] = '\0';
}

/* True: it is "key=value". Sections are taken along. */
static bool read_line(const char *text, size_t n, struct ini_line *line) {
        while (n > 0 && (*text == ' ' || *text == '\t'))
                text++, n--;
        if (n == 0 || *text == '#' || *text == ';')
                return false;
        if (*text == '[') {
                const char *end = memchr(text, ']', n);
                copy(line->section, sizeof line->section, text + 1, end ? (size_t) (end - text) - 1 : n - 1);
                return false;
        }
        const char *equals = memchr(text, '=', n);
        if (!equals)
                return false;
        copy(line->key, sizeof line->key, text, (size_t) (equals - text));
        copy(line->value, sizeof line->value, equals + 1, n - (size_t) (equals - text) - 1);
        return true;
}

static void step(const char **text, size_t n) {
        *text += n + ((*text)[n] == '\n');
}

bool ini_next_line(const char **text, struct ini_line *line) {
        while (**text) {
                size_t n = line_length(*text);
                const char *start = *text;
                step(text, n);
                line->number++;
                if (read_line(start, n, line))
                        return true;
        }
        return false;
}

/* ---- changing ---- */

/* How often section sets key, and whether always to value. */
static unsigned count_settings(const char *text, const char *section, const char *key, const char *value,
                               bool *ret_same) {
        struct ini_line line = { .number = 0 };
        unsigned n = 0;
        *ret_same = true;
        while (ini_next_line(&text, &line))
                if (ini_is(line.section, section) && ini_is(line.key, key)) {
                        n++;
                        *ret_same = *ret_same && ini_is(line.value, value);
                }
        return n;
}

static void put_added(FILE *f, const char *key, const char *value) {
        (void) fprintf(f, ADDED "\n%s=%s\n", key, value);
}

/* Writes each line, changed where it sets the key. n: so many lines do; 0: a line is added under the section's head. */
static void write_changed(FILE *f, const char *text, const char *section, const char *key, const char *value,
                          unsigned n) {
        struct ini_line line = { .number = 0 };
        bool added = n > 0;
        while (*text) {
                size_t length = line_length(text);
                const char *start = text;
                step(&text, length);
                bool sets = read_line(start, length, &line);
                if (sets && ini_is(line.section, section) && ini_is(line.key, key)) {
                        (void) fprintf(f, WAS "%.*s\n%s=%s\n", (int) length, start, key, value);
                        continue;
                }
                (void) fprintf(f, "%.*s\n", (int) length, start);
                if (!added && ini_is(line.section, section)) {
                        put_added(f, key, value);
                        added = true;
                }
        }
        if (!added) {
                (void) fprintf(f, ADDED "\n[%s]\n", section);
                put_added(f, key, value);
        }
}

int ini_set(const char *text, const char *section, const char *key, const char *value, char **ret) {
        bool same = false;
        unsigned n = count_settings(text, section, key, value, &same);
        if (n > 0 && same) {
                *ret = NULL;
                return 0;
        }
        CLEANUP(free_p) char *changed = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&changed, &size);
        if (!f)
                return -ENOMEM;
        write_changed(f, text, section, key, value, n);
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(changed);
        return 0;
}

static bool starts_with(const char *text, size_t n, const char *word) {
        return n >= strlen(word) && memcmp(text, word, strlen(word)) == 0;
}

static bool is_mark(const char *text) {
        return starts_with(text, line_length(text), WAS) || starts_with(text, line_length(text), ADDED);
}

/* What was changed by hand between two closings has two marks: the later says what was there last. */
int ini_restore(const char *text, char **ret) {
        CLEANUP(free_p) char *changed = NULL;
        size_t size = 0;
        bool any = false;
        FILE *f = open_memstream(&changed, &size);
        if (!f)
                return -ENOMEM;
        while (*text) {
                size_t n = line_length(text);
                bool was = starts_with(text, n, WAS), added = starts_with(text, n, ADDED);
                const char *next = text;
                step(&next, n);
                if ((was || added) && is_mark(next)) {
                        text = next;
                        continue;
                }
                if (was)
                        (void) fprintf(f, "%.*s\n", (int) (n - strlen(WAS)), text + strlen(WAS));
                else if (!added)
                        (void) fprintf(f, "%.*s\n", (int) n, text);
                step(&text, n);
                if (was || added) /* and the line that it is about goes */
                        step(&text, line_length(text));
                any = any || was || added;
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = any ? TAKE_PTR(changed) : NULL;
        return 0;
}
