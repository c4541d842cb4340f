/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "private.h"

#define SHIPPED_PROFILE "usr/share/sekisho/apparmor/sekisho-remote-clients"

const char *const remote_spice_units[] = { "spice-vdagentd.socket", "spice-vdagentd.service", NULL };

const struct remote_client remote_clients[REMOTE_CLIENTS] = {
        { "freerdp", "/usr/bin/xfreerdp" },
        { "freerdp", "/usr/bin/wlfreerdp" },
        { "remmina", "/usr/bin/remmina" },
};

/* allow_channels stays: sound goes that way, too. */
static const struct {
        const char *file, *section, *key, *value;
} keys[] = {
        { REMOTE_XRDP_INI, "Channels", "cliprdr", "false" },
        { REMOTE_XRDP_INI, "Channels", "rdpdr", "false" },
        { REMOTE_SESMAN_INI, "Security", "RestrictOutboundClipboard", "all" },
        { REMOTE_SESMAN_INI, "Security", "RestrictInboundClipboard", "all" },
        { REMOTE_SESMAN_INI, "Chansrv", "EnableFuseMount", "false" },
};

static void note(struct remote_changes *c, const char *path) {
        for (size_t i = 0; i < c->n; i++)
                if (strcmp(c->list[i] + 1, path) == 0)
                        return;
        if (c->n < REMOTE_CHANGES_MAX)
                (void) snprintf(c->list[c->n++], sizeof c->list[0], "/%s", path);
}

/* The directory of path, and the name in it. */
static int open_parent(const struct root *root, const char *path, const char **ret_name) {
        char directory[64];
        const char *slash = strrchr(path, '/');
        (void) snprintf(directory, sizeof directory, "%.*s", (int) (slash - path), path);
        *ret_name = slash + 1;
        return root_openat(root, directory, O_RDONLY | O_DIRECTORY, 0);
}

static int replace(const struct root *root, const char *path, const char *text) {
        const char *name = NULL;
        CLEANUP(close_p) int directory = open_parent(root, path, &name);
        if (directory < 0)
                return directory;
        struct stat st;
        mode_t mode = fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & 0777u : 0644;
        return file_replace_at(directory, name, text, strlen(text), mode);
}

/* change: of the file's text; NULL: nothing to change. */
static int edit(const struct root *root, const char *path, struct remote_changes *c,
                int (*change)(const char *text, const void *how, char **ret), const void *how) {
        CLEANUP(free_p) char *text = NULL;
        CLEANUP(free_p) char *changed = NULL;
        int r = remote_read(root, path, &text);
        if (r == 0)
                r = change(text, how, &changed);
        if (r == 0 && changed)
                r = replace(root, path, changed);
        if (r == 0 && changed)
                note(c, path);
        if (r < 0)
                c->failed = path;
        return r;
}

static int set_key(const char *text, const void *how, char **ret) {
        size_t i = *(const size_t *) how;
        return ini_set(text, keys[i].section, keys[i].key, keys[i].value, ret);
}

static int restore(const char *text, const void *how, char **ret) {
        (void) how;
        return ini_restore(text, ret);
}

/* ---- which units were masked here: what an admin had masked himself is not ours to take away ---- */

static bool is_remembered(const char *list, const char *unit) {
        size_t n = strlen(unit);
        for (const char *p = strstr(list, unit); p; p = strstr(p + 1, unit))
                if ((p == list || p[-1] == '\n') && p[n] == '\n')
                        return true;
        return false;
}

/* *ret: a line for each; free(). */
static int remembered(const struct root *root, char **ret) {
        int r = remote_read(root, REMOTE_MASKED, ret);
        if (r != -ENOENT)
                return r;
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

static int remember(const struct root *root, const char *unit) {
        char longer[256];
        CLEANUP(free_p) char *list = NULL;
        int r = remembered(root, &list);
        if (r < 0 || is_remembered(list, unit))
                return r;
        r = root_mkdirs(root, REMOTE_STATE, 0711);
        if (r < 0)
                return r;
        int n = snprintf(longer, sizeof longer, "%s%s\n", list, unit);
        return n < (int) sizeof longer ? replace(root, REMOTE_MASKED, longer) : -EFBIG;
}

static int forget_all(const struct root *root) {
        const char *name = NULL;
        CLEANUP(close_p) int directory = open_parent(root, REMOTE_MASKED, &name);
        if (directory < 0)
                return directory == -ENOENT ? 0 : directory;
        return (unlinkat(directory, name, 0) < 0 && errno != ENOENT) || fsync(directory) < 0 ? -errno : 0;
}

/* ---- spice-vdagent: masked, as `systemctl mask` does ---- */

static void note_unit(struct remote_changes *c, const char *unit) {
        char path[64];
        (void) snprintf(path, sizeof path, REMOTE_UNITS "/%s", unit);
        note(c, path);
}

/* Remembered first: a mask that nobody knows of would stay for good. */
static int mask(const struct root *root, const char *unit, struct remote_changes *c) {
        if (remote_is_masked(root, unit))
                return 0;
        int r = root_mkdirs(root, REMOTE_UNITS, 0755);
        if (r < 0)
                return r;
        CLEANUP(close_p) int units = root_openat(root, REMOTE_UNITS, O_RDONLY | O_DIRECTORY, 0);
        if (units < 0)
                return units;
        struct stat st;
        if (fstatat(units, unit, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST; /* a unit of the site's own there is not ours to take away */
        r = remember(root, unit);
        if (r < 0)
                return r;
        if (symlinkat("/dev/null", units, unit) < 0 || fsync(units) < 0)
                return -errno;
        note_unit(c, unit);
        return 0;
}

static int unmask(const struct root *root, const char *unit, struct remote_changes *c) {
        if (!remote_is_masked(root, unit))
                return 0;
        CLEANUP(close_p) int units = root_openat(root, REMOTE_UNITS, O_RDONLY | O_DIRECTORY, 0);
        if (units < 0)
                return units;
        if (unlinkat(units, unit, 0) < 0 || fsync(units) < 0)
                return -errno;
        note_unit(c, unit);
        return 0;
}

static int mask_all(const struct root *root, struct remote_changes *c) {
        int r = 0;
        for (size_t i = 0; remote_spice_units[i] && r == 0; i++)
                r = mask(root, remote_spice_units[i], c);
        if (r < 0)
                c->failed = REMOTE_UNITS;
        return r;
}

static int unmask_all(const struct root *root, struct remote_changes *c) {
        CLEANUP(free_p) char *list = NULL;
        int r = remembered(root, &list);
        for (size_t i = 0; remote_spice_units[i] && r == 0; i++)
                if (is_remembered(list, remote_spice_units[i]))
                        r = unmask(root, remote_spice_units[i], c);
        if (r == 0)
                r = forget_all(root);
        if (r < 0)
                c->failed = REMOTE_UNITS;
        return r;
}

/* ---- clients ---- */

static int install_profile(const struct root *root, struct remote_changes *c) {
        CLEANUP(free_p) char *shipped = NULL;
        CLEANUP(free_p) char *there = NULL;
        c->failed = SHIPPED_PROFILE;
        int r = remote_read(root, SHIPPED_PROFILE, &shipped);
        if (r < 0)
                return r;
        c->failed = REMOTE_PROFILE;
        if (remote_read(root, REMOTE_PROFILE, &there) < 0 || strcmp(there, shipped) != 0) {
                r = root_mkdirs(root, "etc/apparmor.d", 0755);
                if (r == 0)
                        r = replace(root, REMOTE_PROFILE, shipped);
                if (r < 0)
                        return r;
                note(c, REMOTE_PROFILE);
        }
        c->failed = NULL;
        return 0;
}

static int remove_profile(const struct root *root, struct remote_changes *c) {
        const char *name = NULL;
        CLEANUP(close_p) int directory = open_parent(root, REMOTE_PROFILE, &name);
        if (directory >= 0 && unlinkat(directory, name, 0) == 0) {
                note(c, REMOTE_PROFILE);
                return 0;
        }
        if (directory == -ENOENT || (directory >= 0 && errno == ENOENT))
                return 0;
        c->failed = REMOTE_PROFILE;
        return directory < 0 ? directory : -errno;
}

static bool any_client(const struct root *root) {
        for (size_t i = 0; i < REMOTE_CLIENTS; i++)
                if (remote_is_there(root, remote_clients[i].path))
                        return true;
        return false;
}

int remote_close(const struct root *root, struct remote_changes *ret) {
        *ret = (struct remote_changes){ .n = 0 };
        int r = 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys && remote_is_there(root, "usr/sbin/xrdp") && r == 0; i++)
                r = edit(root, keys[i].file, ret, set_key, &i);
        if (r == 0 && remote_is_there(root, "usr/sbin/spice-vdagentd"))
                r = mask_all(root, ret);
        if (r == 0 && any_client(root))
                r = install_profile(root, ret);
        return r;
}

int remote_reopen(const struct root *root, struct remote_changes *ret) {
        static const char *const files[] = { REMOTE_XRDP_INI, REMOTE_SESMAN_INI };
        *ret = (struct remote_changes){ .n = 0 };
        int r = 0;
        for (size_t i = 0; i < sizeof files / sizeof *files && r == 0; i++)
                if (remote_is_there(root, files[i]))
                        r = edit(root, files[i], ret, restore, NULL);
        if (r == 0)
                r = unmask_all(root, ret);
        if (r == 0)
                r = remove_profile(root, ret);
        return r;
}
