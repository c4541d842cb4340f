/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sekisho/sshsig.h>

#include "audit/lines.h"
#include "audit/segments.h"
#include "record.h"
#include "screen.h"

void audit_files_clear(struct audit_files *f) {
        for (size_t i = 0; i < f->n; i++) {
                free(f->list[i].label);
                free(f->list[i].name);
        }
        free(f->list);
        for (size_t i = 0; i < f->n_directories; i++)
                close_p(&f->directories[i]);
        *f = (struct audit_files){ 0 };
}

int audit_file_open(const struct audit_file *f) {
        return segment_open(f->directory, f->name);
}

/* The first line says whose it is, and where it belongs. What cannot be read is left to the verifier. */
static void look(struct audit_file *f, int fd) {
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        struct line line;
        if (lines_init(&lines, fd) < 0 || lines_next(&lines, &line) != LINE_COMPLETE)
                return;
        CLEANUP(json_decrefp) json_t *event = json_loadb(line.text, line.size, JSON_REJECT_DUPLICATES, NULL);
        (void) snprintf(f->log, sizeof f->log, "%s", record_log(event));
        f->first_seq = record_seq(event);
}

/* 0; -errno. label: NULL: the name alone. */
static int add(struct audit_files *files, int directory, const char *label, const char *name) {
        CLEANUP(close_p) int fd = segment_open(directory, name);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return fd < 0 ? fd : -errno;
        struct audit_file *p = realloc(files->list, (files->n + 1) * sizeof *p);
        if (!p)
                return -ENOMEM;
        files->list = p;
        struct audit_file *f = &p[files->n];
        *f = (struct audit_file){ .directory = directory, .size = (uint64_t) st.st_size, .name = strdup(name) };
        f->is_list = strcmp(name, AUDIT_CLOSED_FILE) == 0;
        int written = label ? asprintf(&f->label, "%s/%s", label, name) : asprintf(&f->label, "%s", name);
        if (!f->name || written < 0) {
                free(f->name);
                return -ENOMEM;
        }
        files->n++;
        look(f, fd);
        return 0;
}

/* What a log's directory holds. *ret: whether there was anything. */
static int add_directory(struct audit_files *files, int fd_given, const char *label, bool *ret) {
        CLEANUP(close_p) int fd = fd_given;
        CLEANUP(segment_list_clear) struct segment_list list = { 0 };
        if (files->n_directories == sizeof files->directories / sizeof *files->directories)
                return -E2BIG;
        files->directories[files->n_directories++] = fd;
        int directory = TAKE_FD(fd);
        /* The file that is written to is looked at first: what is rotated meanwhile is in the list then. */
        size_t before = files->n;
        int r = add(files, directory, label, AUDIT_FILE);
        if (r == -ENOENT)
                r = 0;
        if (r == 0)
                r = segments_list(directory, 0, &list);
        for (size_t i = 0; r == 0 && i < list.n; i++) {
                char name[SEGMENT_NAME_SIZE];
                segment_name(list.numbers[i], name);
                r = add(files, directory, label, name);
                if (r == -ENOENT)
                        r = 0;
        }
        if (r == 0)
                r = add(files, directory, label, AUDIT_CLOSED_FILE);
        if (r == -ENOENT)
                r = 0;
        *ret = *ret || files->n > before;
        return r;
}

static int compare(const void *x, const void *y) {
        const struct audit_file *a = x, *b = y;
        int by_log = strcmp(a->log, b->log);
        if (by_log != 0)
                return by_log;
        if (a->is_list != b->is_list)
                return a->is_list ? -1 : 1;
        if (a->first_seq != b->first_seq)
                return a->first_seq < b->first_seq ? -1 : 1;
        return strcmp(a->label, b->label);
}

static void sort(struct audit_files *f) {
        if (f->n > 0)
                qsort(f->list, f->n, sizeof *f->list, compare);
}

enum outcome audit_files_of_machine(const struct invocation *i, struct audit_files *ret) {
        static const char *const paths[] = { AUDIT_DIRECTORY, AUDIT_OTP_DIRECTORY };
        bool found = false;
        for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
                int fd = root_openat(&i->root, paths[k], O_RDONLY | O_DIRECTORY, 0);
                int r = fd == -ENOENT ? 0 : fd < 0 ? fd : add_directory(ret, fd, paths[k], &found);
                if (r < 0)
                        return record_complain(r);
        }
        sort(ret);
        return found ? OUTCOME_YES : OUTCOME_NO;
}

static enum outcome cannot_open(const char *path, int error) {
        complain(_("%s cannot be opened: %s."), path, strerror(error));
        return error == EACCES || error == EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}

static int add_export(struct audit_files *files, int fd_given, const char *path, bool *found) {
        static const char *const parts[] = { "agent", "otp" };
        CLEANUP(close_p) int fd = fd_given;
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
                int part = openat(fd, parts[k], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                CLEANUP(free_p) char *label = NULL;
                if (part < 0 && errno != ENOENT)
                        return -errno;
                if (part < 0)
                        continue;
                if (asprintf(&label, "%s/%s", path, parts[k]) < 0) {
                        close_p(&part);
                        return -ENOMEM;
                }
                int r = add_directory(files, part, label, found);
                if (r < 0)
                        return r;
        }
        return add_directory(files, TAKE_FD(fd), path, found);
}

enum outcome audit_files_given(const struct invocation *i, struct audit_files *ret) {
        for (int k = 0; k < i->n_arguments; k++) {
                const char *path = i->arguments[k];
                int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
                bool found = false;
                if (fd >= 0)
                        r = add_export(ret, fd, path, &found);
                else if (errno == ENOTDIR)
                        r = add(ret, AT_FDCWD, NULL, path);
                else
                        r = -errno;
                if (r == 0 && fd >= 0 && !found)
                        r = -ENOENT;
                if (r < 0)
                        return cannot_open(path, -r);
        }
        sort(ret);
        return OUTCOME_YES;
}

/* ---- keys ---- */

static bool add_key(struct audit_keys *k, const char *line, size_t size) {
        struct ssh_key key;
        if (k->n == sizeof k->list / sizeof *k->list || ssh_key_parse(line, size, &key) != 0 ||
            key.type != SSH_KEY_ED25519)
                return false;
        (void) sodium_bin2hex(k->list[k->n].key, sizeof k->list[k->n].key, key.bytes, sizeof key.bytes);
        CLEANUP(free_p) char *copy = strndup(line, size);
        const char *comment = copy ? strstr(copy, " sekisho:") : NULL;
        if (comment) {
                comment += strlen(" sekisho:");
                (void) snprintf(k->list[k->n].log, sizeof k->list[k->n].log, "%.*s", (int) strcspn(comment, ": \t\r"),
                                comment);
        }
        k->n++;
        return true;
}

bool audit_keys_add(struct audit_keys *k, const char *text) {
        while (*text) {
                size_t n = strcspn(text, "\n");
                if (n > 0 && *text != '#' && !add_key(k, text, n))
                        return false;
                text += n + (text[n] == '\n');
        }
        return true;
}

const char *audit_keys_find(const struct audit_keys *k, const char *log) {
        for (size_t i = 0; i < k->n; i++)
                if (strcmp(k->list[i].log, log) == 0)
                        return k->list[i].key;
        return k->n == 1 && !*k->list[0].log ? k->list[0].key : "";
}
