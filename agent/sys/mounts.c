/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mounts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"

/* Space, tab, newline and backslash stand as three octal digits. In place. */
static void unescape(char *s) {
        char *out = s;
        while (*s) {
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
                    s[3] <= '7') {
                        *out++ = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 4;
                } else
                        *out++ = *s++;
        }
        *out = '\0';
}

static bool parse_line(char *line, struct mount_entry *ret) {
        char *rest = NULL, *words[6];
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                words[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
                if (!words[i])
                        return false;
        }
        /* Optional fields end with a hyphen. */
        const char *word;
        while ((word = strtok_r(NULL, " ", &rest)) && strcmp(word, "-") != 0)
                ;
        char *filesystem = strtok_r(NULL, " ", &rest), *source = strtok_r(NULL, " ", &rest);
        char *end = NULL;
        unsigned long long id = strtoull(words[0], &end, 10);
        unsigned major_number, minor_number;
        char more;
        if (!word || !filesystem || !source || *end ||
            sscanf(words[2], "%u:%u%c", &major_number, &minor_number, &more) != 2)
                return false;
        unescape(words[3]);
        unescape(words[4]);
        unescape(filesystem);
        unescape(source);
        *ret = (struct mount_entry){ .id = id,
                                     .device = makedev(major_number, minor_number),
                                     .root = words[3],
                                     .point = words[4],
                                     .filesystem = filesystem,
                                     .source = source };
        return true;
}

int mounts_parse(char *text, struct mount_table *ret) {
        size_t lines = 1;
        for (const char *p = text; *p; p++)
                lines += *p == '\n';
        struct mount_table t = { .list = calloc(lines, sizeof *t.list) };
        if (!t.list)
                return -ENOMEM;

        char *rest = NULL;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                if (parse_line(line, &t.list[t.n]))
                        t.n++;
        *ret = t;
        return 0;
}

void mounts_clear(struct mount_table *t) {
        free(t->list);
        *t = (struct mount_table){ .n = 0 };
}
