/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "door.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

#define MARK_MAX 256u
#define KEPT     "kept" /* no device's mark: it has no colon */

static const char *const state_names[DOOR_STATE_MAX] = {
        [DOOR_SHUT] = "shut",
        [DOOR_OPEN] = "open",
        [DOOR_MACHINE] = "machine",
};

static bool is_plain(const char *name) {
        for (const char *p = name; *p; p++)
                if (!isalnum((unsigned char) *p) && !strchr(":.-_", *p))
                        return false;
        return name[0] != '\0' && name[0] != '.';
}

bool door_name(const char *subsystem, const char *name, char ret[DOOR_NAME_MAX]) {
        if (!is_plain(subsystem) || !is_plain(name))
                return false;
        int n = snprintf(ret, DOOR_NAME_MAX, "%s:%s", subsystem, name);
        return n > 0 && n < DOOR_NAME_MAX;
}

static int open_marks(const struct root *root) {
        return root_openat(root, DOOR_MARKS, O_RDONLY | O_DIRECTORY, 0);
}

int door_mark_write(const struct root *root, const char *door, const struct door_mark *mark) {
        int r = root_mkdirs(root, DOOR_MARKS, 0755);
        if (r < 0)
                return r;
        CLEANUP(close_p) int marks = open_marks(root);
        if (marks < 0)
                return marks;
        char text[MARK_MAX];
        int n = snprintf(text, sizeof text, "inode %" PRIu64 "\ndoor %s\n%s", mark->inode, state_names[mark->state],
                         mark->at_boot ? "boot\n" : "");
        return file_replace_at(marks, door, text, (size_t) n, 0644);
}

static bool take_line(const char *line, struct door_mark *m, bool *has_inode, bool *has_state) {
        if (strcmp(line, "boot") == 0) {
                m->at_boot = true;
                return true;
        }
        if (strncmp(line, "inode ", 6) == 0 && isdigit((unsigned char) line[6]) && !*has_inode) {
                char *end = NULL;
                errno = 0;
                m->inode = strtoull(line + 6, &end, 10);
                *has_inode = true;
                return *end == '\0' && errno == 0;
        }
        for (int s = 0; s < DOOR_STATE_MAX && !*has_state; s++)
                if (strncmp(line, "door ", 5) == 0 && strcmp(line + 5, state_names[s]) == 0) {
                        m->state = (enum door_state) s;
                        *has_state = true;
                        return true;
                }
        return false;
}

int door_mark_read(const struct root *root, const char *door, uint64_t inode, struct door_mark *ret) {
        CLEANUP(close_p) int marks = open_marks(root);
        char text[MARK_MAX + 1];
        if (marks < 0)
                return marks;
        ssize_t n = file_read_at(marks, door, text, MARK_MAX);
        if (n < 0)
                return (int) n;
        if (n == 0 || text[n - 1] != '\n' || strlen(text) != (size_t) n)
                return -EBADMSG;

        struct door_mark m = { .state = DOOR_SHUT };
        bool has_inode = false, has_state = false;
        char *rest = NULL;
        for (const char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                if (!take_line(line, &m, &has_inode, &has_state))
                        return -EBADMSG;
        if (!has_inode || !has_state)
                return -EBADMSG;
        if (m.inode != inode)
                return -ENOENT;
        *ret = m;
        return 0;
}

int door_mark_remove(const struct root *root, const char *door) {
        CLEANUP(close_p) int marks = open_marks(root);
        if (marks < 0)
                return marks == -ENOENT ? 0 : marks;
        return unlinkat(marks, door, 0) < 0 && errno != ENOENT ? -errno : 0;
}

bool doors_are_kept(const struct root *root) {
        CLEANUP(close_p) int marks = open_marks(root);
        return marks >= 0 && faccessat(marks, KEPT, F_OK, 0) == 0;
}

int doors_keep(const struct root *root) {
        int r = root_mkdirs(root, DOOR_MARKS, 0755);
        CLEANUP(close_p) int marks = r < 0 ? r : open_marks(root);
        if (marks < 0)
                return marks;
        return file_replace_at(marks, KEPT, "", 0, 0644);
}

enum door_state door_state(const struct root *root, const char *door, uint64_t inode) {
        struct door_mark m;
        int r = door_mark_read(root, door, inode, &m);
        if (r == 0)
                return m.state;
        return r == -ENOENT && !doors_are_kept(root) ? DOOR_MACHINE : DOOR_SHUT;
}
