/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sekisho/sshsig.h>

#include "audit/lines.h"
#include "audit/segments.h"
#include "record.h"
#include "screen.h"

#define ASIDE      AUDIT_FILE "." /* audit.jsonl.damaged-1 */
#define TRIES      100            /* of a look that the writer disturbed */
#define FILES_LEFT 64u            /* descriptors for everything else */

static void drop_after(struct audit_files *f, size_t n) {
        for (; f->n > n; f->n--) {
                struct audit_file *last = &f->list[f->n - 1];
                free(last->label);
                free(last->name);
                close_p(&last->fd);
        }
}

void audit_files_clear(struct audit_files *f) {
        drop_after(f, 0);
        free(f->list);
        for (size_t i = 0; i < f->n_directories; i++)
                close_p(&f->directories[i]);
        *f = (struct audit_files){ 0 };
}

int audit_file_open(const struct audit_file *f) {
        if (f->fd < 0)
                return segment_open(f->directory, f->name);
        int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);
        return fd < 0 || lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd;
}

const char *audit_file_part(const struct audit_file *f) {
        return strncmp(f->label, AUDIT_OTP_DIRECTORY "/", strlen(AUDIT_OTP_DIRECTORY "/")) == 0 ? "otp" : "agent";
}

/* A file a day for years: as many as the system lets this process have. What is held is what is oldest, which is what
 * is deleted. */
static bool may_hold(const struct audit_files *f) {
        struct rlimit most;
        if (getrlimit(RLIMIT_NOFILE, &most) < 0)
                return false;
        if (most.rlim_cur < most.rlim_max) {
                most.rlim_cur = most.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &most);
        }
        return f->n + FILES_LEFT < most.rlim_cur;
}

/* The first line says whose it is, and where it belongs. What cannot be read is left to the verifier. */
static void look(struct audit_file *f, int fd) {
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        struct line line;
        if (lseek(fd, 0, SEEK_SET) < 0 || lines_init(&lines, fd) < 0 || lines_next(&lines, &line) != LINE_COMPLETE)
                return;
        CLEANUP(json_decrefp) json_t *event = json_loadb(line.text, line.size, JSON_REJECT_DUPLICATES, NULL);
        (void) snprintf(f->log, sizeof f->log, "%s", record_log(event));
        f->first_seq = record_seq(event);
}

/* fd: taken over. 0; -errno. label: NULL: the name alone. */
static int add_open(struct audit_files *files, int directory, const char *label, const char *name, int fd_given) {
        CLEANUP(close_p) int fd = fd_given;
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return fd < 0 ? fd : -errno;
        struct audit_file *p = realloc(files->list, (files->n + 1) * sizeof *p);
        if (!p)
                return -ENOMEM;
        files->list = p;
        struct audit_file *f = &p[files->n];
        *f = (struct audit_file){ .directory = directory, .size = (uint64_t) st.st_size, .fd = -1 };
        f->name = strdup(name);
        int written = label ? asprintf(&f->label, "%s/%s", label, name) : asprintf(&f->label, "%s", name);
        if (!f->name || written < 0) {
                free(f->name);
                return -ENOMEM;
        }
        f->is_list = strcmp(name, AUDIT_CLOSED_FILE) == 0;
        f->is_current = strcmp(name, AUDIT_FILE) == 0;
        f->is_aside = strncmp(name, ASIDE, strlen(ASIDE)) == 0;
        look(f, fd);
        if (may_hold(files))
                f->fd = TAKE_FD(fd);
        files->n++;
        return 0;
}

static int add(struct audit_files *files, int directory, const char *label, const char *name) {
        return add_open(files, directory, label, name, segment_open(directory, name));
}

/* As it is now: the agent adds to it before it deletes, and what is looked at later must not be in it. */
static int add_list(struct audit_files *files, int directory, const char *label) {
        char bytes[16384];
        CLEANUP(close_p) int from = segment_open(directory, AUDIT_CLOSED_FILE);
        CLEANUP(close_p) int to = memfd_create("closed", MFD_CLOEXEC);
        if (from < 0 || to < 0)
                return from == -ENOENT ? 0 : from < 0 ? from : -errno;
        ssize_t n;
        int r = 0;
        while (r == 0 && (n = read(from, bytes, sizeof bytes)) != 0)
                r = n < 0 ? -errno : file_write_all(to, bytes, (size_t) n);
        return r < 0 ? r : add_open(files, directory, label, AUDIT_CLOSED_FILE, TAKE_FD(to));
}

static bool is_same(int fd, const struct stat *st) {
        struct stat other;
        return fd >= 0 && fstat(fd, &other) == 0 && other.st_ino == st->st_ino && other.st_dev == st->st_dev;
}

static int add_segments(struct audit_files *files, int directory, const char *label, int current) {
        CLEANUP(segment_list_clear) struct segment_list list = { 0 };
        int r = segments_list(directory, 0, &list);
        for (size_t i = 0; r == 0 && i < list.n; i++) {
                char name[SEGMENT_NAME_SIZE];
                struct stat st;
                segment_name(list.numbers[i], name);
                /* It was rotated since it was opened: what follows on it is left to the next look. */
                if (current >= 0 && fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_same(current, &st))
                        break;
                r = add(files, directory, label, name);
        }
        return r;
}

/* The file that is written to is opened first: all that was written before this call is in it, or in what is listed
 * then. 1: a segment was deleted between its listing and its opening; look again. */
static int look_at_directory(struct audit_files *files, int directory, const char *label) {
        CLEANUP(close_p) int current = segment_open(directory, AUDIT_FILE);
        if (current < 0 && current != -ENOENT)
                return current;
        int r = add_list(files, directory, label);
        if (r == 0)
                r = add_segments(files, directory, label, current);
        if (r == -ENOENT)
                return 1;
        return r < 0 || current < 0 ? r : add_open(files, directory, label, AUDIT_FILE, TAKE_FD(current));
}

/* What a log's directory holds. *ret: whether there was anything. */
static int add_directory(struct audit_files *files, int fd_given, const char *label, bool *ret) {
        CLEANUP(close_p) int fd = fd_given;
        if (files->n_directories == sizeof files->directories / sizeof *files->directories)
                return -E2BIG;
        files->directories[files->n_directories++] = fd;
        int directory = TAKE_FD(fd);
        size_t before = files->n;
        int r = 1;
        for (int i = 0; r > 0 && i < TRIES; i++) {
                drop_after(files, before);
                r = look_at_directory(files, directory, label);
        }
        *ret = *ret || files->n > before;
        return r > 0 ? -EBUSY : r;
}

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* Nobody knows how these hang together with the others. */
static int add_aside(struct audit_files *files, int directory, const char *label) {
        CLEANUP(close_p) int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(closedir_p) DIR *d = copy < 0 ? NULL : fdopendir(copy);
        if (!d)
                return -errno;
        (void) TAKE_FD(copy); /* closed with d */
        const struct dirent *e;
        int r = 0;
        while (r == 0 && (e = readdir(d)))
                if (strncmp(e->d_name, ASIDE, strlen(ASIDE)) == 0)
                        r = add(files, directory, label, e->d_name);
        return r == -ENOENT ? 0 : r;
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
        const struct audit_file *before = NULL;
        for (size_t i = 0; i < f->n; i++) {
                struct audit_file *file = &f->list[i];
                if (file->is_list)
                        continue;
                file->is_first = !before || strcmp(before->log, file->log) != 0;
                before = file;
        }
}

int audit_files_list(const struct root *root, bool with_aside, struct audit_files *ret) {
        static const char *const paths[] = { AUDIT_DIRECTORY, AUDIT_OTP_DIRECTORY };
        enum { LOGS = sizeof paths / sizeof *paths };
        int directories[LOGS], r = 0;
        bool found = false;
        for (size_t k = 0; r == 0 && k < LOGS; k++) {
                directories[k] = root_openat(root, paths[k], O_RDONLY | O_DIRECTORY, 0);
                if (directories[k] != -ENOENT && directories[k] != -ENOTDIR)
                        r = directories[k] < 0 ? directories[k] : add_directory(ret, directories[k], paths[k], &found);
        }
        sort(ret);
        size_t chained = ret->n;
        for (size_t k = 0; r == 0 && with_aside && k < LOGS; k++)
                if (directories[k] >= 0)
                        r = add_aside(ret, directories[k], paths[k]);
        if (ret->n > chained)
                qsort(ret->list + chained, ret->n - chained, sizeof *ret->list, compare);
        return r < 0 ? r : found || ret->n > 0 ? 0 : -ENOENT;
}

enum outcome audit_files_of_machine(const struct invocation *i, struct audit_files *ret) {
        int r = audit_files_list(&i->root, false, ret);
        return r == -ENOENT ? OUTCOME_NO : r < 0 ? record_complain(r) : OUTCOME_YES;
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
