/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/audit.h"

#define PREFIX    "audit-" /* audit-00000007.jsonl */
#define SUFFIX    ".jsonl"
#define ASIDE     AUDIT_FILE "." /* audit.jsonl.damaged-1 */
#define FILES_MAX 100000u

struct names {
        char **list;
        size_t n;
};

static void names_clear(struct names *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->list[i]);
        free((void *) s->list);
        *s = (struct names){ 0 };
}

static int by_name(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool is_aside(const char *name) {
        return strncmp(name, ASIDE, strlen(ASIDE)) == 0;
}

static bool is_segment(const char *name) {
        size_t n = strlen(name);
        return n > strlen(PREFIX SUFFIX) && strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
               strcmp(name + n - strlen(SUFFIX), SUFFIX) == 0;
}

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* Older segments sort by name. 0 or -errno. */
static int read_names(int directory, struct names *ret) {
        int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(closedir_p) DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                int r = -errno;
                close_p(&fd);
                return r;
        }
        for (const struct dirent *e; (e = readdir(d)) && ret->n < FILES_MAX;) {
                if (!is_segment(e->d_name) && !is_aside(e->d_name))
                        continue;
                char **list = (char **) reallocarray((void *) ret->list, ret->n + 1, sizeof *list);
                if (!list)
                        return -ENOMEM;
                ret->list = list;
                list[ret->n] = strdup(e->d_name);
                if (!list[ret->n])
                        return -ENOMEM;
                ret->n++;
        }
        if (ret->n > 1)
                qsort((void *) ret->list, ret->n, sizeof *ret->list, by_name);
        return 0;
}

struct walk {
        int (*each)(const struct record_file *file, int fd, void *userdata);
        void *userdata;
        size_t files;
};

static int tell(struct walk *w, int directory, const struct record_file *file) {
        CLEANUP(close_p)
        int fd = openat(directory, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return -EINVAL;
        w->files++;
        return w->each(file, fd, w->userdata);
}

static int walk_log(struct walk *w, const struct root *root, const char *path) {
        CLEANUP(names_clear) struct names names = { 0 };
        CLEANUP(close_p) int directory = root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
        int r = directory < 0 ? directory : read_names(directory, &names);
        size_t segments = 0;
        for (size_t i = 0; r == 0 && i < names.n; i++) {
                bool aside = is_aside(names.list[i]);
                const struct record_file file = { path, names.list[i], false, !aside && segments == 0, aside };
                segments += !aside;
                r = tell(w, directory, &file);
        }
        if (r == 0) {
                const struct record_file file = { path, AUDIT_FILE, true, segments == 0, false };
                r = tell(w, directory, &file);
        }
        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

int record_each_file(const struct root *root, int (*each)(const struct record_file *file, int fd, void *userdata),
                     void *userdata) {
        struct walk w = { .each = each, .userdata = userdata };
        int r = walk_log(&w, root, AUDIT_DIRECTORY);
        if (r == 0)
                r = walk_log(&w, root, AUDIT_OTP_DIRECTORY);
        return r != 0 ? r : w.files > 0 ? 0 : -ENOENT;
}
