/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a thief, or somebody with a medium to start from, would find. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "probe_files.h"

#define DEPTH_MAX 8
#define GLOBAL    "8be4df61-93ca-11d2-aa0d-00e098032b8c" /* EFI_GLOBAL_VARIABLE of the UEFI specification */
#define EFIVARS   "sys/firmware/efi/efivars"

/* ---- disks ---- */

static bool is_encrypted(const struct root *root, const char *device, int depth);

struct slaves {
        const struct root *root;
        int depth;
        bool all;
};

static int look_slave(const char *name, void *userdata) {
        struct slaves *s = userdata;
        char path[PROBE_LINE];
        (void) snprintf(path, sizeof path, "sys/class/block/%.100s", name);
        s->all = s->all && is_encrypted(s->root, path, s->depth + 1);
        return 0;
}

/* device: its directory in sysfs. All that it stands on is, or it is a crypt mapping itself. */
static bool is_encrypted(const struct root *root, const char *device, int depth) {
        char path[PROBE_LINE], uuid[PROBE_LINE];
        if (depth > DEPTH_MAX)
                return false;
        (void) snprintf(path, sizeof path, "%.400s/dm/uuid", device);
        if (look_line(root, path, uuid) == 0 && strncmp(uuid, "CRYPT-", 6) == 0)
                return true;
        struct slaves s = { .root = root, .depth = depth, .all = true };
        (void) snprintf(path, sizeof path, "%.400s/slaves", device);
        return look_names(root, path, look_slave, &s) > 0 && s.all;
}

struct mounts {
        const struct inspection *n;
        struct finding *f;
        unsigned encrypted;
};

static bool is_local_place(const char *place) {
        static const char *const places[] = { "/", "/home", "/var", "/var/log", "/srv", "/opt", "/tmp", "/usr" };
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
                if (strcmp(places[i], place) == 0)
                        return true;
        return false;
}

static void look_at_device(struct mounts *m, const char *device, const char *place) {
        if (is_encrypted(m->n->root, device, 0))
                m->encrypted++;
        else
                say(m->f, FIT_NO, _("%s is not encrypted"), place);
}

/* proc_pid_mountinfo(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw" */
static int look_mount(char *line, void *userdata) {
        struct mounts *m = userdata;
        char *rest = line, *fields[5] = { NULL }, path[PROBE_LINE];
        for (size_t i = 0; i < 5; i++)
                fields[i] = strsep(&rest, " ");
        if (!fields[4] || !rest || !is_local_place(fields[4]))
                return 0;
        const char *type = strstr(rest, " - ");
        if (type && (strncmp(type + 3, "tmpfs ", 6) == 0 || strncmp(type + 3, "overlay ", 8) == 0))
                return 0; /* memory; what lies over another */
        if (strncmp(fields[2], "0:", 2) == 0) {
                say(m->f, FIT_UNKNOWN, _("%s: nothing tells which disk it lies on"), fields[4]);
                return 0;
        }
        (void) snprintf(path, sizeof path, "sys/dev/block/%.32s", fields[2]);
        look_at_device(m, path, fields[4]);
        return 0;
}

/* "/dev/dm-1 partition 8388604 0 -2"; a file lies on a file system that was looked at. */
static int look_swap(char *line, void *userdata) {
        struct mounts *m = userdata;
        char path[PROBE_LINE];
        if (strncmp(line, "/dev/", 5) != 0)
                return 0;
        char *name = line + 5;
        name[strcspn(name, " \t")] = 0;
        if (strncmp(name, "zram", 4) == 0 || strchr(name, '/'))
                return 0;
        (void) snprintf(path, sizeof path, "sys/class/block/%.100s", name);
        look_at_device(m, path, _("swap space"));
        return 0;
}

void probe_disk(const struct inspection *n, struct finding *f) {
        struct mounts m = { .n = n, .f = f };
        int r = look_lines(n->root, "proc/self/mountinfo", look_mount, &m);
        if (r < 0) {
                say(f, FIT_UNKNOWN, _("What is mounted cannot be read: %s"), strerror(-r));
                return;
        }
        (void) look_lines(n->root, "proc/swaps", look_swap, &m);
        if (f->fit == FIT_NO && f->said)
                note(f, _("A disk that encrypts by itself cannot be told from here."));
        if (!f->said && m.encrypted == 0)
                say(f, FIT_UNKNOWN, _("No disk was found under the system."));
        else if (!f->said)
                say(f, FIT_YES, _("All file systems and swap of the system are: %u"), m.encrypted);
}

/* ---- starting ---- */

/* The value behind four bytes of attributes; -1: not told. */
static int efi_flag(const struct inspection *n, const char *name) {
        char path[PROBE_LINE];
        unsigned char value[5];
        (void) snprintf(path, sizeof path, EFIVARS "/%s-" GLOBAL, name);
        return look_bytes(n->root, path, value, sizeof value) == (long) sizeof value ? value[4] : -1;
}

void probe_boot(const struct inspection *n, struct finding *f) {
        int secure = efi_flag(n, "SecureBoot"), setup = efi_flag(n, "SetupMode");
        if (!look_there(n->root, "sys/firmware/efi"))
                say(f, FIT_UNKNOWN, _("The terminal was not started by UEFI; an old firmware does not tell."));
        else if (secure < 0)
                say(f, FIT_UNKNOWN, _("The firmware does not tell whether Secure Boot is on."));
        else if (secure == 0)
                say(f, FIT_NO, _("Secure Boot is off."));
        else if (setup == 1)
                say(f, FIT_NO, _("The firmware is in setup mode: anybody may change its keys."));
        else
                say(f, FIT_YES, _("Secure Boot is on."));
}
