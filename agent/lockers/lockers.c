/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: the programs of Debian 12, searched for org.freedesktop.login1, Lock and SetLockedHint; key files of
 * dconf(7); kscreenlockerrc of KDE. */
#include "lockers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "remote/ini.h"

#define FILE_MAX   65536u
#define DCONF      "etc/dconf/db"
#define KDE        "etc/xdg/kscreenlockerrc"
#define FILES_MAX_ 64u /* of one database */

/* Where its own time stands: section and key of the time, its unit in seconds, section and key of whether it locks. */
static const struct known {
        const char *program, *path;
        bool hears, tells, dconf;
        const char *time_section, *time_key;
        unsigned unit;
        const char *lock_section, *lock_key;
} known[LOCKERS_MAX] = {
        { "gnome-shell", "usr/bin/gnome-shell", true, true, true, "org/gnome/desktop/session", "idle-delay", 1,
          "org/gnome/desktop/screensaver", "lock-enabled" },
        { "kscreenlocker", "usr/lib/x86_64-linux-gnu/libexec/kscreenlocker_greet", true, true, false, "Daemon",
          "Timeout", 60, "Daemon", "Autolock" },
        { "mate-screensaver", "usr/bin/mate-screensaver", true, true, true, "org/mate/session", "idle-delay", 60,
          "org/mate/screensaver", "lock-enabled" },
        { "cinnamon-screensaver", "usr/bin/cinnamon-screensaver", true, true, true, "org/cinnamon/desktop/session",
          "idle-delay", 1, "org/cinnamon/desktop/screensaver", "lock-enabled" },
        { .program = "xscreensaver", .path = "usr/bin/xscreensaver", .hears = true, .tells = true },
        { .program = "xss-lock", .path = "usr/bin/xss-lock", .hears = true, .tells = true },
        { .program = "light-locker", .path = "usr/bin/light-locker", .hears = true },
        { .program = "swayidle", .path = "usr/bin/swayidle", .hears = true },
        { .program = "i3lock", .path = "usr/bin/i3lock" },
        { .program = "xsecurelock", .path = "usr/bin/xsecurelock" },
        { .program = "swaylock", .path = "usr/bin/swaylock" },
};

const char *locker_time_name(enum locker_time t) {
        static const char *const names[LOCKER_TIME_MAX] = { "users", "in-time", "later", "off" };
        return names[t];
}

bool lockers_suffice(const struct locker_report *r) {
        for (size_t i = 0; i < r->n; i++)
                if (r->list[i].hears && r->list[i].tells)
                        return true;
        return false;
}

/* "300", "uint32 300". */
static bool read_number(const char *value, unsigned *ret) {
        const char *digits = strncmp(value, "uint32 ", 7) == 0 ? value + 7 : value;
        char *end = NULL;
        unsigned long n = strtoul(digits, &end, 10);
        if (end == digits || *end || n > 86400ul * 365)
                return false;
        *ret = (unsigned) n;
        return true;
}

static void take_line(const struct known *k, const struct ini_line *line, unsigned limit, const char *path,
                      struct locker_finding *f) {
        unsigned number = 0;
        enum locker_time t;
        /* A section may be marked as not to be changed: "Daemon" of "[Daemon][$i]" is cut off by then. */
        if (ini_is(line->section, k->lock_section) && ini_is(line->key, k->lock_key) && ini_is(line->value, "false"))
                t = LOCKER_OFF;
        else if (ini_is(line->section, k->time_section) && ini_is(line->key, k->time_key) &&
                 read_number(line->value, &number))
                t = number == 0 ? LOCKER_OFF : number * k->unit <= limit ? LOCKER_IN_TIME : LOCKER_LATER;
        else
                return;
        if (t < f->time)
                return; /* the worst that is set counts */
        f->time = t;
        f->seconds = t == LOCKER_OFF ? 0 : number * k->unit;
        f->line = line->number;
        (void) snprintf(f->file, sizeof f->file, "/%s", path);
}

static void read_settings(const struct root *root, const char *path, const struct known *k, unsigned limit,
                          struct locker_finding *f) {
        CLEANUP(close_p) int fd = root_openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
        CLEANUP(free_p) char *text = fd < 0 ? NULL : calloc(1, FILE_MAX + 1);
        struct ini_line line = { .number = 0 };
        ssize_t n = text ? read(fd, text, FILE_MAX) : -1;
        for (const char *p = text; n > 0 && ini_next_line(&p, &line);)
                take_line(k, &line, limit, path, f);
}

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static DIR *open_directory(const struct root *root, const char *path) {
        int fd = root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d && fd >= 0)
                (void) close(fd);
        return d;
}

static bool ends_in_d(const char *name) {
        size_t n = strlen(name);
        return n > 2 && n < 32 && strcmp(name + n - 2, ".d") == 0;
}

/* etc/dconf/db/local.d/00-screen, of every database. */
static void read_dconf(const struct root *root, const struct known *k, unsigned limit, struct locker_finding *f) {
        CLEANUP(closedir_p) DIR *databases = open_directory(root, DCONF);
        for (struct dirent *e; databases && (e = readdir(databases));) {
                char directory[64];
                unsigned left = FILES_MAX_;
                if (!ends_in_d(e->d_name))
                        continue;
                (void) snprintf(directory, sizeof directory, DCONF "/%.32s", e->d_name);
                CLEANUP(closedir_p) DIR *files = open_directory(root, directory);
                for (struct dirent *file; files && left > 0 && (file = readdir(files)); left--) {
                        char path[sizeof directory + 32];
                        if (file->d_name[0] == '.' || strlen(file->d_name) >= 30)
                                continue;
                        (void) snprintf(path, sizeof path, "%s/%.30s", directory, file->d_name);
                        read_settings(root, path, k, limit, f);
                }
        }
}

void lockers_check(const struct root *root, unsigned limit, struct locker_report *ret) {
        *ret = (struct locker_report){ .n = 0 };
        for (size_t i = 0; i < LOCKERS_MAX && known[i].program; i++) {
                const struct known *k = &known[i];
                CLEANUP(close_p) int fd = root_openat(root, k->path, O_PATH, 0);
                if (fd < 0)
                        continue;
                struct locker_finding *f = &ret->list[ret->n++];
                *f = (struct locker_finding){ .program = k->program, .hears = k->hears, .tells = k->tells };
                if (k->dconf)
                        read_dconf(root, k, limit, f);
                else if (k->time_section)
                        read_settings(root, KDE, k, limit, f);
        }
}
