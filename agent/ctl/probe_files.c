/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe_files.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define LINE_MAX_BYTES 65536u

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* A FIFO in the way must not hold the inspection up. */
static int open_file(const struct root *root, const char *path) {
        int fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        struct stat st;
        if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
                close_p(&fd);
                return -EINVAL;
        }
        return fd;
}

int look_line(const struct root *root, const char *path, char ret[static PROBE_LINE]) {
        CLEANUP(close_p) int fd = open_file(root, path);
        *ret = 0;
        if (fd < 0)
                return fd;
        ssize_t n = read(fd, ret, PROBE_LINE - 1);
        if (n < 0)
                return -errno;
        ret[n] = 0;
        ret[strcspn(ret, "\n")] = 0;
        return 0;
}

long look_bytes(const struct root *root, const char *path, void *ret, size_t size) {
        CLEANUP(close_p) int fd = open_file(root, path);
        ssize_t n = fd < 0 ? fd : read(fd, ret, size);
        return fd >= 0 && n < 0 ? -errno : n;
}

bool look_there(const struct root *root, const char *path) {
        CLEANUP(close_p) int fd = root_openat(root, path, O_PATH, 0);
        return fd >= 0;
}

int look_names(const struct root *root, const char *directory, int (*each)(const char *name, void *userdata),
               void *userdata) {
        int fd = root_openat(root, directory, O_RDONLY | O_DIRECTORY, 0);
        CLEANUP(closedir_p) DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                close_p(&fd);
                return fd < 0 ? fd : -errno;
        }
        int n = 0;
        for (const struct dirent *e; (e = readdir(d));) {
                if (e->d_name[0] == '.')
                        continue;
                n++;
                if (each(e->d_name, userdata) != 0)
                        break;
        }
        return n;
}

int64_t look_changed(const struct root *root, const char *path) {
        CLEANUP(close_p) int fd = root_openat(root, path, O_PATH, 0);
        struct stat st;
        return fd >= 0 && fstat(fd, &st) == 0 ? (int64_t) st.st_mtime : 0;
}

int look_lines(const struct root *root, const char *path, int (*each)(char *line, void *userdata), void *userdata) {
        int fd = open_file(root, path);
        CLEANUP(fclose_p) FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
        CLEANUP(free_p) char *line = malloc(LINE_MAX_BYTES);
        if (!f || !line) {
                int r = fd < 0 ? fd : -ENOMEM;
                if (!f)
                        close_p(&fd);
                return r;
        }
        bool whole = true;
        while (fgets(line, LINE_MAX_BYTES, f)) {
                size_t n = strcspn(line, "\n");
                bool ends = line[n] == '\n';
                line[n] = 0;
                /* The rest of an overlong line is passed over. */
                if (whole && each(line, userdata) != 0)
                        break;
                whole = ends;
        }
        return ferror(f) ? -EIO : 0;
}

#define SERVICES "/system.slice/"

struct search {
        const struct root *root;
        const char *name, *unit; /* comm, or NULL: any; the service, or NULL: any */
        const uid_t *uid;        /* whose, wherever it runs; or NULL: of the system */
        bool of_system, found;
};

/* "0::/system.slice/clamav-daemon.service" */
static int is_service(char *line, void *userdata) {
        struct search *s = userdata;
        const char *path = strchr(line, ':');
        path = path ? strchr(path + 1, ':') : NULL;
        if (!path || strncmp(path + 1, SERVICES, strlen(SERVICES)) != 0)
                return 0;
        const char *unit = path + 1 + strlen(SERVICES);
        s->of_system = !s->unit || (strncmp(unit, s->unit, strlen(s->unit)) == 0 &&
                                    (unit[strlen(s->unit)] == '\0' || unit[strlen(s->unit)] == '/'));
        return s->of_system;
}

/* "Uid:\t1000\t1000\t1000\t1000": the real one. */
static int is_owned(char *line, void *userdata) {
        struct search *s = userdata;
        if (strncmp(line, "Uid:", 4) != 0)
                return 0;
        s->found = strtoul(line + 4, NULL, 10) == *s->uid;
        return 1;
}

static int is_it(const char *entry, void *userdata) {
        struct search *s = userdata;
        char path[64], comm[PROBE_LINE];
        if (!isdigit((unsigned char) *entry) || strlen(entry) > 20)
                return 0;
        (void) snprintf(path, sizeof path, "proc/%s/comm", entry);
        if (s->name && (look_line(s->root, path, comm) < 0 || strcmp(comm, s->name) != 0))
                return 0;
        if (s->uid) {
                (void) snprintf(path, sizeof path, "proc/%s/status", entry);
                (void) look_lines(s->root, path, is_owned, s);
                return s->found;
        }
        (void) snprintf(path, sizeof path, "proc/%s/cgroup", entry);
        s->of_system = false;
        s->found = look_lines(s->root, path, is_service, s) == 0 && s->of_system;
        return s->found;
}

static int search(struct search *s) {
        int r = look_names(s->root, "proc", is_it, s);
        return r < 0 ? r : s->found;
}

int look_process(const struct root *root, const char *name) {
        struct search s = { .root = root, .name = name };
        return search(&s);
}

int look_service(const struct root *root, const char *unit) {
        struct search s = { .root = root, .unit = unit };
        return search(&s);
}

int look_own_process(const struct root *root, const char *name, uid_t uid) {
        struct search s = { .root = root, .name = name, .uid = &uid };
        return search(&s);
}
