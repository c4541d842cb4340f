/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: xrdp.ini(5), sesman.ini(5), spice-vdagentd(1), systemd.unit(5) on masked units, and the list of profiles
 * that the kernel has, apparmor(7). Where a program takes the last of several settings, any of them that opens counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "private.h"

const char *remote_channel_name(enum remote_channel c) {
        return c == REMOTE_CLIPBOARD ? "clipboard" : "drives";
}

const char *remote_verdict_name(enum remote_verdict v) {
        static const char *const names[REMOTE_VERDICT_MAX] = { "shut", "permitted", "unknown", "open" };
        return names[v];
}

bool remote_falls_short(enum remote_verdict v) {
        return v >= REMOTE_UNKNOWN;
}

static struct remote_finding *add(struct remote_report *r, const char *program, enum remote_channel channel,
                                  enum remote_verdict verdict, const char *file) {
        struct remote_finding *f = &r->list[r->n++]; /* there is room for all that remote_check() looks at */
        *f = (struct remote_finding){ .program = program, .channel = channel, .verdict = verdict };
        (void) snprintf(f->file, sizeof f->file, "%s%s", *file ? "/" : "", file);
        return f;
}

bool remote_is_there(const struct root *root, const char *path) {
        CLEANUP(close_p) int fd = root_openat(root, path, O_PATH, 0);
        return fd >= 0;
}

int remote_read(const struct root *root, const char *path, char **ret) {
        CLEANUP(close_p) int fd = root_openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
        if (fd < 0)
                return fd;
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size > REMOTE_FILE_MAX)
                return -EFBIG;
        CLEANUP(free_p) char *text = calloc(1, REMOTE_FILE_MAX + 1);
        if (!text)
                return -ENOMEM;
        size_t size = 0;
        for (ssize_t n; size < REMOTE_FILE_MAX; size += (size_t) n) {
                n = read(fd, text + size, REMOTE_FILE_MAX - size);
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
        }
        if (strlen(text) != size)
                return -EBADMSG; /* text with a NUL in it: each reads another */
        *ret = TAKE_PTR(text);
        return 0;
}

/* ---- xrdp: another machine sees this one's desktop ---- */

static bool is_true(const char *value) {
        static const char *const words[] = { "1", "true", "on", "yes" };
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (ini_is(value, words[i]))
                        return true;
        return false;
}

/* Both directions, or only a part of what could be carried: not shut. */
static bool restricts_all(const char *value) {
        return ini_is(value, "all") || is_true(value);
}

struct setting {
        bool given;
        bool open; /* by any of its lines */
        unsigned line;
        char text[64];
};

static void note(struct setting *s, const struct ini_line *line, bool open) {
        if (s->given && (s->open || !open))
                return; /* the first that opens is the one to name */
        s->given = true;
        s->open = open;
        s->line = line->number;
        (void) snprintf(s->text, sizeof s->text, "%.24s=%.32s", line->key, line->value);
}

void remote_read_xrdp(const char *xrdp, const char *sesman, struct xrdp_settings *ret) {
        static const char *const names[REMOTE_CHANNEL_MAX] = { "cliprdr", "rdpdr" };
        struct setting channels = { .open = true },
                       channel[REMOTE_CHANNEL_MAX] = { { .open = true }, { .open = true } };
        struct setting out = { .open = true }, in = { .open = true }, fuse = { .open = true };
        struct ini_line line = { .number = 0 };
        while (ini_next_line(&xrdp, &line)) {
                if (ini_is(line.section, "Globals") && ini_is(line.key, "allow_channels"))
                        note(&channels, &line, is_true(line.value));
                for (int c = 0; c < REMOTE_CHANNEL_MAX; c++) {
                        char own[32]; /* a kind of session may open for itself what [Channels] shuts */
                        (void) snprintf(own, sizeof own, "channel.%s", names[c]);
                        if (ini_is(line.section, "Channels") ? ini_is(line.key, names[c])
                                                             : ini_is(line.key, own) && is_true(line.value))
                                note(&channel[c], &line, is_true(line.value));
                }
        }
        line = (struct ini_line){ .number = 0 };
        while (ini_next_line(&sesman, &line)) {
                if (ini_is(line.section, "Security") && ini_is(line.key, "RestrictOutboundClipboard"))
                        note(&out, &line, !restricts_all(line.value));
                if (ini_is(line.section, "Security") && ini_is(line.key, "RestrictInboundClipboard"))
                        note(&in, &line, !restricts_all(line.value));
                if (ini_is(line.section, "Chansrv") && ini_is(line.key, "EnableFuseMount"))
                        note(&fuse, &line, is_true(line.value));
        }
        for (int c = 0; c < REMOTE_CHANNEL_MAX; c++) {
                const struct setting *s = channels.open ? &channel[c] : &channels;
                bool also = c == REMOTE_CLIPBOARD ? out.open || in.open : fuse.open;
                ret->open[c] = channels.open && channel[c].open && also;
                ret->line[c] = s->line;
                memcpy(ret->text[c], s->text, sizeof s->text);
        }
}

static void check_xrdp(const struct root *root, struct remote_report *r) {
        if (!remote_is_there(root, "usr/sbin/xrdp"))
                return;
        CLEANUP(free_p) char *xrdp = NULL;
        CLEANUP(free_p) char *sesman = NULL;
        int a = remote_read(root, REMOTE_XRDP_INI, &xrdp), b = remote_read(root, REMOTE_SESMAN_INI, &sesman);
        struct xrdp_settings s;
        if (a == 0 && b == 0)
                remote_read_xrdp(xrdp, sesman, &s);
        for (int c = 0; c < REMOTE_CHANNEL_MAX; c++) {
                bool told = a == 0 && b == 0;
                struct remote_finding *f = add(r, "xrdp", (enum remote_channel) c,
                                               !told       ? REMOTE_UNKNOWN
                                               : s.open[c] ? REMOTE_OPEN
                                                           : REMOTE_SHUT,
                                               a == 0 && b < 0 ? REMOTE_SESMAN_INI : REMOTE_XRDP_INI);
                if (!told)
                        continue;
                f->line = s.line[c];
                memcpy(f->setting, s.text[c], sizeof f->setting);
        }
}

/* ---- spice-vdagent: the machine that this one runs on as a guest ---- */

bool remote_is_masked(const struct root *root, const char *unit) {
        CLEANUP(close_p) int units = root_openat(root, REMOTE_UNITS, O_PATH | O_DIRECTORY, 0);
        char target[16];
        ssize_t n = units < 0 ? -1 : readlinkat(units, unit, target, sizeof target);
        return n == (ssize_t) strlen("/dev/null") && memcmp(target, "/dev/null", (size_t) n) == 0;
}

/* One daemon carries both, and has no switch for either: it runs or it does not. */
static void check_spice(const struct root *root, struct remote_report *r) {
        if (!remote_is_there(root, "usr/sbin/spice-vdagentd"))
                return;
        const char *open = NULL;
        for (size_t i = 0; remote_spice_units[i] && !open; i++)
                if (!remote_is_masked(root, remote_spice_units[i]))
                        open = remote_spice_units[i];
        for (int c = 0; c < REMOTE_CHANNEL_MAX; c++) {
                struct remote_finding *f =
                        add(r, "spice-vdagent", (enum remote_channel) c, open ? REMOTE_OPEN : REMOTE_SHUT, "");
                (void) snprintf(f->setting, sizeof f->setting, "%s", open ? open : remote_spice_units[0]);
        }
}

/* ---- clients: this machine sees another one's desktop ---- */

static bool is_in_a_zone(const struct clipboard_policy *c, const char *program) {
        for (uint32_t z = 0; z < c->n_zones; z++)
                for (uint32_t i = 0; i < c->zones[z].programs.n; i++)
                        if (strcmp(c->zones[z].programs.list[i], program) == 0)
                                return true;
        return false;
}

/* By the policy: the helper guards a client's clipboard as that of any program. */
static enum remote_verdict clipboard_of(const struct policy *p, const char *program) {
        if (!p || p->clipboard.mode != MODE_ENFORCE || p->clipboard.default_action == ACTION_ALLOW)
                return REMOTE_OPEN;
        return is_in_a_zone(&p->clipboard, program) ? REMOTE_PERMITTED : REMOTE_SHUT;
}

/* A profile that is only in a file, or that only complains, holds nothing. 1, 0, or -errno. */
static int is_confined(const struct root *root) {
        CLEANUP(free_p) char *profiles = NULL;
        int r = remote_read(root, "sys/kernel/security/apparmor/profiles", &profiles);
        if (r == -ENOENT)
                return 0;
        if (r < 0 || !profiles)
                return r;
        static const char wanted[] = REMOTE_PROFILE_NAME " (enforce)";
        const size_t n = sizeof wanted - 1;
        for (const char *p = strstr(profiles, wanted); p; p = strstr(p + 1, wanted))
                if ((p == profiles || p[-1] == '\n') && (p[n] == '\n' || p[n] == '\0'))
                        return 1;
        return 0;
}

static void check_clients(const struct root *root, const struct policy *policy, struct remote_report *r) {
        for (size_t i = 0; i < REMOTE_CLIENTS; i++) {
                const struct remote_client *c = &remote_clients[i];
                if (!remote_is_there(root, c->path))
                        continue;
                struct remote_finding *f = add(r, c->program, REMOTE_CLIPBOARD, clipboard_of(policy, c->path), "");
                (void) snprintf(f->setting, sizeof f->setting, "%s", c->path);
                int confined = is_confined(root);
                f = add(r, c->program, REMOTE_DRIVES,
                        confined < 0   ? REMOTE_UNKNOWN
                        : confined > 0 ? REMOTE_SHUT
                                       : REMOTE_OPEN,
                        REMOTE_PROFILE);
                (void) snprintf(f->setting, sizeof f->setting, "%s", c->path);
        }
}

void remote_check(const struct root *root, const struct policy *policy, struct remote_report *ret) {
        *ret = (struct remote_report){ .n = 0 };
        check_xrdp(root, ret);
        check_spice(root, ret);
        check_clients(root, policy, ret);
}
