/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sysfs.h"

/* Keys 1 to 31 (KEY_ESC to KEY_S) are all there: the same test as udev's input_id builtin for ID_INPUT_KEYBOARD. */
#define TYPING_KEYS UINT64_C(0xFFFFFFFE)

struct count {
        int directory; /* sys/class/input */
        const char *without;
        int keyboards;
};

/* Whether path has name as one whole component. */
static bool has_component(const char *path, const char *name) {
        size_t length = strlen(name);
        for (const char *p = strstr(path, name); p; p = strstr(p + 1, name))
                if ((p == path || p[-1] == '/') && (p[length] == '/' || p[length] == '\0'))
                        return true;
        return false;
}

/* capabilities/key: words in hexadecimal, the lowest last. */
static bool can_type(int directory, const char *name) {
        char path[PATH_MAX], line[512];
        if (snprintf(path, sizeof path, "%s/capabilities/key", name) >= (int) sizeof path)
                return false;
        if (sysfs_read_line_at(directory, path, line, sizeof line - 1) <= 0)
                return false;

        const char *last = strrchr(line, ' ');
        last = last ? last + 1 : line;
        char *end = NULL;
        errno = 0;
        uint64_t keys = strtoull(last, &end, 16);
        return errno == 0 && end != last && *end == '\0' && (keys & TYPING_KEYS) == TYPING_KEYS;
}

static int count_one(const char *name, void *userdata) {
        struct count *c = userdata;
        if (strncmp(name, "input", strlen("input")) != 0) /* eventN, mouseN and mice are other views of the same */
                return 0;

        char target[PATH_MAX];
        ssize_t n = readlinkat(c->directory, name, target, sizeof target - 1);
        if (n < 0)
                return 0; /* gone meanwhile */
        target[n] = '\0';
        /* uinput. Bluetooth keyboards come through uhid, which is under virtual/misc: they count. */
        if (strstr(target, "/virtual/input/") || (c->without && has_component(target, c->without)))
                return 0;

        if (can_type(c->directory, name))
                c->keyboards++;
        return 0;
}

int input_count_keyboards(const struct root *root, const char *without) {
        CLEANUP(close_p) int directory = sysfs_open_directory(root, "sys/class/input");
        if (directory < 0)
                return directory == -ENOENT ? 0 : directory;

        struct count c = { .directory = directory, .without = without };
        int r = sysfs_each_name(directory, count_one, &c);
        return r < 0 ? r : c.keyboards;
}
