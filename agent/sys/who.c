/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "who.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define REMEMBERED 256u
#define UNSET      UINT32_MAX /* loginuid and sessionid of what no login started */

struct who_cache {
        const struct root *root;
        struct who *list[REMEMBERED]; /* one per place, by pid */
};

struct who *who_ref(struct who *w) {
        w->references++;
        return w;
}

struct who *who_unref(struct who *w) {
        if (w && --w->references == 0) {
                free(w->program);
                free(w);
        }
        return NULL;
}

/* The decimal number that p (NULL allowed) begins with, after blanks; what follows does not matter. */
static bool read_number(const char *p, uint64_t max, uint64_t *ret) {
        char *end;
        errno = 0;
        unsigned long long n = p ? strtoull(p, &end, 10) : 0;
        if (!p || end == p || errno != 0 || n > max)
                return false;
        *ret = n;
        return true;
}

#define FIELD_STATE 3 /* of /proc/PID/stat, counted from 1 (proc(5)) */
#define FIELD_START 22

/* "PID (COMMAND) S ..."; the command may hold anything, so that its end is the last parenthesis. */
static int read_stat(int process, char command[32], uint64_t *ret_start) {
        char text[1024];
        ssize_t n = file_read_at(process, "stat", text, sizeof text - 1);
        if (n < 0)
                return (int) n;
        char *open = strchr(text, '('), *close = strrchr(text, ')');
        if (!open || !close || close < open)
                return -EBADMSG;
        *close = '\0';
        const char *p = close + 1;
        for (int field = FIELD_STATE; field < FIELD_START && p; field++)
                p = strchr(p + 1, ' ');
        if (!read_number(p, UINT64_MAX, ret_start))
                return -EBADMSG;
        (void) snprintf(command, 32, "%.31s", open + 1);
        return 0;
}

static int64_t read_id(int process, const char *name) {
        char line[24];
        uint64_t id;
        if (file_read_line_at(process, name, line, sizeof line - 1) <= 0 || !read_number(line, UINT32_MAX, &id))
                return -1;
        return id == UNSET ? -1 : (int64_t) id;
}

static int64_t read_uid(int process) {
        char text[4096];
        CLEANUP(close_p) int fd = openat(process, "status", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (n <= 0)
                return -1;
        text[n] = '\0';
        static const char key[] = "\nUid:";
        const char *line = strstr(text, key);
        uint64_t real;
        return line && read_number(line + sizeof key - 1, UINT32_MAX, &real) ? (int64_t) real : -1;
}

static char *read_program(int process) {
        char path[PATH_MAX];
        ssize_t n = readlinkat(process, "exe", path, sizeof path - 1);
        path[n < 0 ? 0 : n] = '\0';
        return strdup(path);
}

static struct who *new_who(pid_t pid) {
        struct who *w = calloc(1, sizeof *w);
        if (w)
                *w = (struct who){ .references = 1, .pid = pid, .uid = -1, .login_uid = -1, .session = -1 };
        return w;
}

static struct who *look(int process, pid_t pid, const char *command, uint64_t start) {
        CLEANUP(who_unrefp) struct who *w = new_who(pid);
        if (!w)
                return NULL;
        w->start = start;
        memcpy(w->command, command, sizeof w->command);
        w->uid = read_uid(process);
        w->login_uid = read_id(process, "loginuid");
        w->session = read_id(process, "sessionid");
        w->program = read_program(process);
        return w->program ? TAKE_PTR(w) : NULL;
}

static struct who *unknown(pid_t pid) {
        CLEANUP(who_unrefp) struct who *w = new_who(pid);
        if (w)
                w->program = strdup("");
        return w && w->program ? TAKE_PTR(w) : NULL;
}

struct who *who_of(struct who_cache *c, pid_t pid) {
        struct who **place = &c->list[(unsigned) pid % REMEMBERED];
        struct who *known = *place && (*place)->pid == pid ? *place : NULL;

        char path[32], command[32];
        uint64_t start = 0;
        (void) snprintf(path, sizeof path, "proc/%ld", (long) pid);
        CLEANUP(close_p) int process = root_openat(c->root, path, O_PATH | O_DIRECTORY, 0);
        if (process < 0 || read_stat(process, command, &start) < 0)
                return known ? who_ref(known) : unknown(pid);
        if (known && known->start == start && strcmp(known->command, command) == 0)
                return who_ref(known);

        struct who *found = look(process, pid, command, start);
        if (!found)
                return NULL;
        /* A process at its end has no executable any more: what it had been before is the better answer. */
        if (!*found->program && known && known->start == start) {
                free(found->program);
                found->program = strdup(known->program);
                if (!found->program)
                        return who_unref(found);
        }
        (void) who_unref(*place);
        *place = found;
        return who_ref(found);
}

int who_cache_new(const struct root *root, struct who_cache **ret) {
        struct who_cache *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        c->root = root;
        *ret = c;
        return 0;
}

struct who_cache *who_cache_free(struct who_cache *c) {
        for (size_t i = 0; c && i < REMEMBERED; i++)
                (void) who_unref(c->list[i]);
        free(c);
        return NULL;
}
