/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "media.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"

#define MARK_MAX     (256u * 1024u)
#define DATABASE_MAX (1024u * 1024u)

static const char *const access_names[MEDIA_ACCESS_MAX] = {
        [MEDIA_SHUT] = "shut",
        [MEDIA_READ_ONLY] = "read-only",
        [MEDIA_OPEN] = "open",
};

const char *media_access_name(enum media_access a) {
        return (unsigned) a < MEDIA_ACCESS_MAX ? access_names[a] : NULL;
}

static enum media_access access_from_name(const char *s) {
        for (int a = 0; a < MEDIA_ACCESS_MAX; a++)
                if (strcmp(access_names[a], s) == 0)
                        return (enum media_access) a;
        return MEDIA_ACCESS_INVALID;
}

bool media_name_is_valid(const char *name) {
        size_t n = strlen(name);
        if (n == 0 || n >= MEDIA_NAME_MAX || !isalpha((unsigned char) name[0]))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) name[i]) && name[i] != '-' && name[i] != '_')
                        return false;
        return true;
}

void media_hold_clear(struct media_hold *h) {
        free(h->users);
        *h = (struct media_hold){ .access = MEDIA_SHUT };
}

bool media_hold_same(const struct media_hold *a, const struct media_hold *b) {
        return a->inode == b->inode && a->access == b->access && a->encrypted == b->encrypted &&
               (a->users == NULL) == (b->users == NULL) && (!a->users || strcmp(a->users, b->users) == 0);
}

static bool parse_digits(const char **text, unsigned long max, unsigned *ret) {
        char *end = NULL;
        if (!isdigit((unsigned char) **text))
                return false;
        errno = 0;
        unsigned long value = strtoul(*text, &end, 10);
        if (errno || value > max)
                return false;
        *text = end;
        *ret = (unsigned) value;
        return true;
}

bool media_parse_number(const char *text, dev_t *ret) {
        unsigned upper, lower;
        if (!parse_digits(&text, UINT32_MAX, &upper) || *text++ != ':' || !parse_digits(&text, UINT32_MAX, &lower) ||
            *text)
                return false;
        *ret = makedev(upper, lower);
        return true;
}

int media_mark_write(const struct root *root, const char *disk, const struct media_hold *hold) {
        if (!media_name_is_valid(disk) || !media_access_name(hold->access) ||
            (hold->users && strchr(hold->users, '\n')))
                return -EINVAL;

        CLEANUP(free_p) char *text = NULL;
        int n = asprintf(&text, "inode %" PRIu64 "\naccess %s\n%s%s%s%s", hold->inode, access_names[hold->access],
                         hold->encrypted ? "encrypted luks\n" : "", hold->users ? "users " : "",
                         hold->users ? hold->users : "", hold->users ? "\n" : "");
        if (n < 0)
                return -ENOMEM;
        if ((size_t) n > MARK_MAX)
                return -EFBIG;
        int r = root_mkdirs(root, MEDIA_MARKS, 0755);
        if (r < 0)
                return r;
        CLEANUP(close_p) int marks = root_openat(root, MEDIA_MARKS, O_RDONLY | O_DIRECTORY, 0);
        if (marks < 0)
                return marks;
        /* polkit's helper reads it without being root; our umask would not have it. */
        if (fchmod(marks, 0755) < 0)
                return -errno;
        return file_replace_at(marks, disk, text, (size_t) n, 0644);
}

/* One line of the mark: a word, a blank, the rest. */
static int take_line(char *line, struct media_hold *h, bool *has_inode, bool *has_access) {
        char *value = strchr(line, ' ');
        if (!value)
                return -EBADMSG;
        *value++ = '\0';

        if (strcmp(line, "inode") == 0) {
                char *end = NULL;
                errno = 0;
                unsigned long long inode = isdigit((unsigned char) *value) ? strtoull(value, &end, 10) : 0;
                if (!end || *end || errno || *has_inode)
                        return -EBADMSG;
                h->inode = inode;
                *has_inode = true;
        } else if (strcmp(line, "access") == 0) {
                enum media_access a = access_from_name(value);
                if (a == MEDIA_ACCESS_INVALID || *has_access)
                        return -EBADMSG;
                h->access = a;
                *has_access = true;
        } else if (strcmp(line, "encrypted") == 0) {
                if (strcmp(value, "luks") != 0)
                        return -EBADMSG;
                h->encrypted = true;
        } else if (strcmp(line, "users") == 0) {
                if (h->users)
                        return -EBADMSG;
                h->users = strdup(value);
                return h->users ? 0 : -ENOMEM;
        } else
                return -EBADMSG; /* a condition that we do not know is one that we would not hold */
        return 0;
}

int media_mark_read(const struct root *root, const char *disk, struct media_hold *ret) {
        if (!media_name_is_valid(disk))
                return -EINVAL;
        CLEANUP(free_p) char *text = malloc(MARK_MAX + 1);
        if (!text)
                return -ENOMEM;
        CLEANUP(close_p) int marks = root_openat(root, MEDIA_MARKS, O_PATH | O_DIRECTORY, 0);
        if (marks < 0)
                return marks;
        ssize_t n = file_read_at(marks, disk, text, MARK_MAX);
        if (n < 0)
                return (int) n;
        if (n == 0 || text[n - 1] != '\n' || strlen(text) != (size_t) n)
                return -EBADMSG;

        CLEANUP(media_hold_clear) struct media_hold h = { .access = MEDIA_SHUT };
        bool has_inode = false, has_access = false;
        char *rest = NULL;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                int r = take_line(line, &h, &has_inode, &has_access);
                if (r < 0)
                        return r;
        }
        if (!has_inode || !has_access)
                return -EBADMSG;
        *ret = h;
        h.users = NULL;
        return 0;
}

int media_mark_remove(const struct root *root, const char *disk) {
        if (!media_name_is_valid(disk))
                return -EINVAL;
        CLEANUP(close_p) int marks = root_openat(root, MEDIA_MARKS, O_PATH | O_DIRECTORY, 0);
        if (marks < 0)
                return marks == -ENOENT ? 0 : marks;
        return unlinkat(marks, disk, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* "E:NAME=value" is a property, in sd-device's files. */
int media_property(const struct root *root, const char *number, const char *name, char *ret, size_t size) {
        CLEANUP(free_p) char *text = malloc(DATABASE_MAX + 1);
        if (!text)
                return -ENOMEM;
        CLEANUP(close_p) int database = root_openat(root, "run/udev/data", O_PATH | O_DIRECTORY, 0);
        if (database < 0)
                return database;
        char file[64];
        (void) snprintf(file, sizeof file, "b%s", number);
        ssize_t n = file_read_at(database, file, text, DATABASE_MAX);
        if (n < 0)
                return (int) n;

        size_t length = strlen(name);
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (strncmp(line, "E:", 2) == 0 && strncmp(line + 2, name, length) == 0 && line[2 + length] == '=') {
                        (void) snprintf(ret, size, "%s", line + 2 + length + 1);
                        return 0;
                }
        return -ENOENT;
}
