/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
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

static bool parse_device(const char *s, dev_t *ret) {
        char *colon, *end;
        unsigned long major_number = strtoul(s, &colon, 10);
        if (colon == s || *colon != ':')
                return false;
        unsigned long minor_number = strtoul(colon + 1, &end, 10);
        if (end == colon + 1 || *end || major_number > UINT_MAX || minor_number > UINT_MAX)
                return false;
        *ret = makedev((unsigned) major_number, (unsigned) minor_number);
        return true;
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
        dev_t device;
        if (!word || !filesystem || !source || *end || !parse_device(words[2], &device))
                return false;
        unescape(words[3]);
        unescape(words[4]);
        unescape(filesystem);
        unescape(source);
        *ret = (struct mount_entry){ .id = id,
                                     .device = device,
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
