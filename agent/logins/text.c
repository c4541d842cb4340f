/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n\v\f"

struct pool_block {
        struct pool_block *next;
        char text[];
};

void pool_clear(struct pool *p) {
        while (p->blocks) {
                struct pool_block *next = p->blocks->next;
                free(p->blocks);
                p->blocks = next;
        }
}

char *pool_copy(struct pool *p, const char *s, size_t n) {
        struct pool_block *b = malloc(sizeof *b + n + 1);
        if (!b)
                return NULL;
        if (n > 0)
                memcpy(b->text, s, n);
        b->text[n] = '\0';
        b->next = p->blocks;
        p->blocks = b;
        return b->text;
}

char *pool_format(struct pool *p, const char *format, ...) {
        char *s = NULL;
        va_list list;
        va_start(list, format);
        int n = vasprintf(&s, format, list);
        va_end(list);
        if (n < 0)
                return NULL;
        char *copy = pool_copy(p, s, (size_t) n);
        free(s);
        return copy;
}

char *text_line(char **text) {
        char *line = *text;
        if (!line || *line == '\0')
                return NULL;
        char *end = strchr(line, '\n');
        if (end)
                *end = '\0';
        *text = end ? end + 1 : line + strlen(line);
        return line;
}

char *text_word(char **text) {
        char *word = *text + strspn(*text, BLANKS);
        if (*word == '\0')
                return NULL;
        char *end = word + strcspn(word, BLANKS);
        *text = *end ? end + 1 : end;
        *end = '\0';
        return word;
}

char *text_trim(char *s) {
        s += strspn(s, BLANKS);
        size_t n = strlen(s);
        while (n > 0 && strchr(BLANKS, s[n - 1]))
                n--;
        s[n] = '\0';
        return s;
}

/* Doubles at powers of two. */
int text_grow(void **list, size_t n, size_t size) {
        if (n != 0 && (n & (n - 1)) != 0)
                return 0;
        size_t wanted = n == 0 ? 1 : n * 2;
        if (wanted > SIZE_MAX / size)
                return -ENOMEM;
        void *bigger = realloc(*list, wanted * size);
        if (!bigger)
                return -ENOMEM;
        *list = bigger;
        return 0;
}
