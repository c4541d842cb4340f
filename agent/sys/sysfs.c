/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NAMES_MAX 65536u /* entries of one directory; more is not a machine */

struct names {
        char **list;
        size_t n, n_allocated;
};

static void names_clear(struct names *n) {
        for (size_t i = 0; i < n->n; i++)
                free(n->list[i]);
        free(n->list);
}

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

int sysfs_open_directory(const struct root *root, const char *path) {
        return root_openat(root, path, O_PATH | O_DIRECTORY, 0);
}

ssize_t sysfs_read_at(int dirfd, const char *name, void *buffer, size_t cap) {
        CLEANUP(close_p) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;

        char *bytes = buffer;
        size_t n = 0;
        for (;;) {
                ssize_t r = read(fd, bytes + n, cap + 1 - n);
                if (r < 0)
                        return -errno;
                if (r == 0)
                        break;
                n += (size_t) r;
                if (n > cap)
                        return -EFBIG;
        }
        bytes[n] = '\0';
        return (ssize_t) n;
}

ssize_t sysfs_read_line_at(int dirfd, const char *name, char *buffer, size_t cap) {
        ssize_t n = sysfs_read_at(dirfd, name, buffer, cap);
        while (n > 0 && strchr(" \t\r\n", buffer[n - 1]))
                buffer[--n] = '\0';
        return n;
}

static int digit(char c, int base) {
        int d = -1;
        if (c >= '0' && c <= '9')
                d = c - '0';
        else if (c >= 'a' && c <= 'f')
                d = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
                d = c - 'A' + 10;
        return d < base ? d : -1;
}

int sysfs_read_number_at(int dirfd, const char *name, int base, uint32_t max, uint32_t *ret) {
        char line[24] = "";
        ssize_t n = sysfs_read_line_at(dirfd, name, line, sizeof line - 1);
        if (n < 0)
                return n == -EFBIG ? -EBADMSG : (int) n;
        if (n == 0)
                return -EBADMSG;

        uint64_t value = 0;
        for (const char *c = line; *c; c++) {
                int d = digit(*c, base);
                if (d < 0)
                        return -EBADMSG;
                value = value * (uint64_t) base + (uint64_t) d;
                if (value > max)
                        return -EBADMSG;
        }
        *ret = (uint32_t) value;
        return 0;
}

static int names_add(struct names *n, const char *name) {
        if (n->n == NAMES_MAX)
                return -E2BIG;
        if (n->n == n->n_allocated) {
                size_t wanted = n->n_allocated ? n->n_allocated * 2 : 64;
                char **list = reallocarray(n->list, wanted, sizeof *list);
                if (!list)
                        return -ENOMEM;
                n->list = list;
                n->n_allocated = wanted;
        }
        char *copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        n->list[n->n++] = copy;
        return 0;
}

static int names_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int names_read(int dirfd, struct names *names) {
        CLEANUP(close_p) int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        CLEANUP(closedir_p) DIR *d = fdopendir(fd);
        if (!d)
                return -errno;
        (void) TAKE_FD(fd); /* it is d's now */

        for (;;) {
                errno = 0;
                const struct dirent *entry = readdir(d);
                if (!entry)
                        return -errno;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                int r = names_add(names, entry->d_name);
                if (r < 0)
                        return r;
        }
}

int sysfs_each_name(int dirfd, int (*each)(const char *name, void *userdata), void *userdata) {
        CLEANUP(names_clear) struct names names = { 0 };
        int r = names_read(dirfd, &names);
        if (r < 0)
                return r;
        if (names.n > 1)
                qsort(names.list, names.n, sizeof *names.list, names_compare);

        for (size_t i = 0; i < names.n; i++) {
                r = each(names.list[i], userdata);
                if (r != 0)
                        return r;
        }
        return 0;
}

static void patience_over(int signal_number) {
        (void) signal_number; /* its arrival alone ends the read */
}

void sysfs_patience_begin(uint64_t usec) {
        struct sigaction action = { .sa_handler = patience_over };
        (void) sigemptyset(&action.sa_mask);
        (void) sigaction(SIGALRM, &action, NULL); /* without SA_RESTART */

        /* Repeats, because the first signal may come between two reads. */
        struct timeval t = { .tv_sec = (time_t) (usec / 1000000), .tv_usec = (suseconds_t) (usec % 1000000) };
        struct itimerval timer = { .it_interval = t, .it_value = t };
        (void) setitimer(ITIMER_REAL, &timer, NULL);
}

void sysfs_patience_end(void) {
        struct itimerval none = { 0 };
        (void) setitimer(ITIMER_REAL, &none, NULL);
}
