/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "media_users.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define GROUP_PREFIX "group:"

/* ---- the users of this machine, or of a fake one by its files ---- */

static FILE *open_table(const struct root *root, const char *path) {
        int fd = root_openat(root, path, O_RDONLY, 0);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
        if (!f)
                close_p(&fd);
        return f;
}

static const struct passwd *find_user(const struct root *root, const char *name) {
        if (root->is_machine)
                return getpwnam(name);
        CLEANUP(fclose_p) FILE *f = open_table(root, "etc/passwd");
        const struct passwd *p = NULL;
        while (f && (p = fgetpwent(f)) && strcmp(p->pw_name, name) != 0)
                ;
        return p;
}

static const struct group *find_group(const struct root *root, const char *name) {
        if (root->is_machine)
                return getgrnam(name);
        CLEANUP(fclose_p) FILE *f = open_table(root, "etc/group");
        const struct group *g = NULL;
        while (f && (g = fgetgrent(f)) && strcmp(g->gr_name, name) != 0)
                ;
        return g;
}

/* getgrouplist(3) asks every source of groups, not only the list of members; a fake machine has its file alone. */
static bool is_member(const struct root *root, const char *user, gid_t first, const struct group *g) {
        if (first == g->gr_gid)
                return true;
        if (!root->is_machine) {
                for (char **member = g->gr_mem; *member; member++)
                        if (strcmp(*member, user) == 0)
                                return true;
                return false;
        }
        gid_t wanted = g->gr_gid;
        int n = 0;
        (void) getgrouplist(user, first, NULL, &n);
        CLEANUP(free_p) gid_t *list = n > 0 ? calloc((size_t) n, sizeof *list) : NULL;
        if (!list || getgrouplist(user, first, list, &n) < 0)
                return false;
        for (int i = 0; i < n; i++)
                if (list[i] == wanted)
                        return true;
        return false;
}

/* ---- the words of a mark ---- */

bool media_users_contain(const struct root *root, const char *users, const char *user) {
        const struct passwd *p = find_user(root, user);
        CLEANUP(free_p) char *copy = strdup(users);
        if (!p || !copy)
                return false;
        gid_t first = p->pw_gid;

        char *rest = NULL;
        for (const char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
                if (strncmp(word, GROUP_PREFIX, strlen(GROUP_PREFIX)) != 0) {
                        if (strcmp(word, user) == 0)
                                return true;
                        continue;
                }
                const struct group *g = find_group(root, word + strlen(GROUP_PREFIX));
                if (g && is_member(root, user, first, g))
                        return true;
        }
        return false;
}

static void write_entries(const struct root *root, char *words, bool groups, const char *rights, FILE *out) {
        char *rest = NULL;
        for (const char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
                bool is_group = strncmp(word, GROUP_PREFIX, strlen(GROUP_PREFIX)) == 0;
                const struct passwd *p = is_group ? NULL : find_user(root, word);
                const struct group *g = is_group ? find_group(root, word + strlen(GROUP_PREFIX)) : NULL;
                if (groups && g)
                        (void) fprintf(out, ",g:%u:%s", g->gr_gid, rights);
                else if (!groups && p)
                        (void) fprintf(out, ",u:%u:%s", p->pw_uid, rights);
        }
}

int media_users_acl(const struct root *root, const char *users, bool writing, char **ret) {
        char *text = NULL;
        size_t size = 0;
        const char *rights = writing ? "rw-" : "r--";
        CLEANUP(free_p) char *first = strdup(users);
        CLEANUP(free_p) char *second = strdup(users);
        FILE *out = first && second ? open_memstream(&text, &size) : NULL;
        if (!out)
                return -ENOMEM;
        (void) fputs("u::rw-", out);
        write_entries(root, first, false, rights, out);
        (void) fputs(",g::---", out);
        write_entries(root, second, true, rights, out);
        (void) fprintf(out, ",m::%s,o::---", rights);
        bool failed = ferror(out) != 0;
        if (fclose(out) != 0 || failed) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}
