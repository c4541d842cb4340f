/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "otpd.h"

#define ENTRY_MAX    65536u
#define GROUP_PREFIX "group:"

static FILE *open_database(const struct otpd *o, const char *path) {
        int fd = root_openat(&o->root, path, 0, 0);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
        if (!f)
                close_p(&fd);
        return f;
}

static int add_group(struct account *a, const char *name) {
        if (a->n_groups == OTPD_GROUPS_MAX)
                return 0;
        a->groups[a->n_groups] = strdup(name);
        return a->groups[a->n_groups] ? (a->n_groups++, 0) : -ENOMEM;
}

/* ---- another root: its own files ---- */

static int groups_of_root(const struct otpd *o, struct account *a, gid_t primary) {
        CLEANUP(fclose_p) FILE *f = open_database(o, "etc/group");
        CLEANUP(free_p) char *buffer = malloc(ENTRY_MAX);
        if (!buffer)
                return -ENOMEM;
        struct group g, *found;
        int r = 0;
        while (f && r == 0 && fgetgrent_r(f, &g, buffer, ENTRY_MAX, &found) == 0) {
                bool member = g.gr_gid == primary;
                for (char **m = g.gr_mem; *m && !member; m++)
                        member = strcmp(*m, a->name) == 0;
                if (member)
                        r = add_group(a, g.gr_name);
        }
        return r;
}

static int find_in_root(const struct otpd *o, const char *name, struct account *a) {
        CLEANUP(fclose_p) FILE *f = open_database(o, "etc/passwd");
        CLEANUP(free_p) char *buffer = malloc(ENTRY_MAX);
        if (!buffer)
                return -ENOMEM;
        struct passwd p, *found;
        while (f && fgetpwent_r(f, &p, buffer, ENTRY_MAX, &found) == 0)
                if (strcmp(p.pw_name, name) == 0) {
                        a->known = true;
                        a->uid = p.pw_uid;
                        return groups_of_root(o, a, p.pw_gid);
                }
        /* Looked up and let go, so that a name that is unknown takes as long as one that is not. */
        int r = groups_of_root(o, a, 0);
        account_clear(a);
        return r;
}

/* ---- this machine: NSS ---- */

static int groups_of_machine(struct account *a, gid_t primary) {
        gid_t ids[OTPD_GROUPS_MAX];
        int n = (int) OTPD_GROUPS_MAX;
        if (getgrouplist(a->name, primary, ids, &n) < 0)
                n = (int) OTPD_GROUPS_MAX;
        CLEANUP(free_p) char *buffer = malloc(ENTRY_MAX);
        if (!buffer)
                return -ENOMEM;
        int r = 0;
        for (int i = 0; i < n && r == 0; i++) {
                struct group g, *found = NULL;
                if (getgrgid_r(ids[i], &g, buffer, ENTRY_MAX, &found) == 0 && found)
                        r = add_group(a, g.gr_name);
        }
        return r;
}

static int find_in_machine(const char *name, struct account *a) {
        CLEANUP(free_p) char *buffer = malloc(ENTRY_MAX);
        if (!buffer)
                return -ENOMEM;
        struct passwd p, *found = NULL;
        if (getpwnam_r(name, &p, buffer, ENTRY_MAX, &found) != 0 || !found) {
                /* Looked up and let go, so that a name that is unknown takes as long as one that is not. */
                int r = groups_of_machine(a, 0);
                account_clear(a);
                return r;
        }
        a->known = true;
        a->uid = p.pw_uid;
        /* The name that the database has: one account is one account, however a login spells it. */
        (void) snprintf(a->name, sizeof a->name, "%s", p.pw_name);
        return groups_of_machine(a, p.pw_gid);
}

int account_find(const struct otpd *o, const char *name, struct account *ret) {
        struct account a = { .uid = (uid_t) -1 };
        (void) snprintf(a.name, sizeof a.name, "%s", name);
        int r = 0;
        if (*name && strlen(name) < sizeof a.name)
                r = o->root.is_machine ? find_in_machine(name, &a) : find_in_root(o, name, &a);
        if (r < 0) {
                account_clear(&a);
                return r;
        }
        *ret = a;
        return 0;
}

void account_clear(struct account *a) {
        for (uint32_t i = 0; i < a->n_groups; i++)
                free(a->groups[i]);
        a->n_groups = 0;
}

void account_name(const struct otpd *o, uid_t uid, char *ret, size_t size) {
        CLEANUP(free_p) char *buffer = malloc(ENTRY_MAX);
        struct passwd p, *found = NULL;
        *ret = '\0';
        if (!buffer)
                return;
        if (o->root.is_machine) {
                if (getpwuid_r(uid, &p, buffer, ENTRY_MAX, &found) == 0 && found)
                        (void) snprintf(ret, size, "%s", p.pw_name);
                return;
        }
        CLEANUP(fclose_p) FILE *f = open_database(o, "etc/passwd");
        while (f && fgetpwent_r(f, &p, buffer, ENTRY_MAX, &found) == 0)
                if (p.pw_uid == uid) {
                        (void) snprintf(ret, size, "%s", p.pw_name);
                        return;
                }
}

bool account_is_one_of(const struct account *a, const struct strings *principals) {
        const size_t n = sizeof GROUP_PREFIX - 1;
        for (uint32_t i = 0; i < principals->n; i++) {
                const char *p = principals->list[i];
                if (strncmp(p, GROUP_PREFIX, n) != 0) {
                        if (strcmp(p, a->name) == 0)
                                return true;
                        continue;
                }
                for (uint32_t g = 0; g < a->n_groups; g++)
                        if (strcmp(a->groups[g], p + n) == 0)
                                return true;
        }
        return false;
}
