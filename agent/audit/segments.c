/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define PREFIX "audit-"
#define SUFFIX ".jsonl"
#define DIGITS 8u

void segment_name(uint32_t number, char ret[static SEGMENT_NAME_SIZE]) {
        (void) snprintf(ret, SEGMENT_NAME_SIZE, PREFIX "%08u" SUFFIX, number % (SEGMENT_LAST + 1));
}

bool segment_number(const char *name, uint32_t *ret) {
        const char *digits = name + strlen(PREFIX);
        if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || strspn(digits, "0123456789") != DIGITS ||
            strcmp(digits + DIGITS, SUFFIX) != 0)
                return false;
        uint32_t number = (uint32_t) strtoul(digits, NULL, 10);
        if (number == 0)
                return false;
        *ret = number;
        return true;
}

static int compare(const void *a, const void *b) {
        const uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
        return x < y ? -1 : x > y;
}

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

int segments_list(int directory, uint32_t above, struct segment_list *ret) {
        CLEANUP(close_p) int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(closedir_p) DIR *d = copy < 0 ? NULL : fdopendir(copy);
        if (!d)
                return -errno;
        (void) TAKE_FD(copy); /* closed with d */

        CLEANUP(segment_list_clear) struct segment_list l = { 0 };
        size_t allocated = 0;
        const struct dirent *f;
        while (errno = 0, (f = readdir(d))) {
                uint32_t number;
                if (!segment_number(f->d_name, &number) || number <= above)
                        continue;
                if (l.n == allocated) {
                        allocated = allocated * 2 + 64;
                        uint32_t *p = realloc(l.numbers, allocated * sizeof *p);
                        if (!p)
                                return -ENOMEM;
                        l.numbers = p;
                }
                l.numbers[l.n++] = number;
        }
        if (errno != 0)
                return -errno;
        if (l.n > 0)
                qsort(l.numbers, l.n, sizeof *l.numbers, compare);
        *ret = l;
        l.numbers = NULL;
        return 0;
}

void segment_list_clear(struct segment_list *l) {
        free(l->numbers);
        *l = (struct segment_list){ 0 };
}

int segment_open(int directory, const char *name) {
        struct stat st;
        CLEANUP(close_p)
        int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}
