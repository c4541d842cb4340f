/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "put_down.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define DIRECTORY "run/sekisho"
#define FILE_NAME "interfaces-down" /* "INDEX NAME" in a line */
#define TEXT_MAX  16384u

int put_down_save(const struct root *root, const struct links *l) {
        char text[TEXT_MAX];
        size_t used = 0;
        CLEANUP(close_p) int directory = root_openat(root, DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        for (size_t i = 0; i < l->n && used + 64 < sizeof text; i++)
                if (l->list[i].put_down)
                        used += (size_t) snprintf(text + used, sizeof text - used, "%u %s\n", l->list[i].index,
                                                  l->list[i].name);
        return file_replace_at(directory, FILE_NAME, text, used, 0644);
}

void put_down_load(const struct root *root, struct links *l) {
        char text[TEXT_MAX + 1], *save = NULL;
        CLEANUP(close_p) int directory = root_openat(root, DIRECTORY, O_PATH | O_DIRECTORY, 0);
        ssize_t n = directory < 0 ? directory : file_read_at(directory, FILE_NAME, text, TEXT_MAX);
        if (n <= 0)
                return;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                for (size_t i = 0; i < l->n; i++) {
                        char own[64];
                        (void) snprintf(own, sizeof own, "%u %s", l->list[i].index, l->list[i].name);
                        l->list[i].put_down = l->list[i].put_down || strcmp(own, line) == 0;
                }
}
