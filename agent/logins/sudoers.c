/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of sudo that ask for nothing: NOPASSWD, !authenticate, exempt_group. What PAM asks of all the others is told
 * with PAM's service. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define DEPTH_MAX   16u
#define FILES_MAX   128u
#define ALIASES_MAX 128u

struct alias {
        const char *name, *members;
};

struct reader {
        struct report_builder *b;
        struct alias aliases[ALIASES_MAX];
        size_t n_aliases;
        unsigned files;
        const char *file; /* that is being read */
};

/* Joined over backslashes, comments cut. False: the end. "#1000" and "#include" are no comments. */
static bool next_line(char **text, unsigned *number, unsigned *ret_first, char **ret) {
        char *start = NULL, *end = NULL;
        for (char *line; (line = text_line(text));) {
                ++*number;
                if (!start) {
                        start = end = line;
                        *ret_first = *number;
                }
                size_t n = strlen(line);
                memmove(end, line, n + 1);
                end += n;
                if (end > start && end[-1] == '\\') {
                        *--end = '\0';
                        continue;
                }
                char *comment = start;
                while ((comment = strchr(comment, '#')) &&
                       (isdigit((unsigned char) comment[1]) || strncmp(comment, "#include", 8) == 0))
                        comment++;
                if (comment)
                        *comment = '\0';
                *ret = text_trim(start);
                return true;
        }
        return false;
}

/* Whether the policy exempts all of them: "yamada, %joho, ADMINS". */
static const char *exempts_all(const struct reader *r, const char *who, unsigned depth) {
        const char *rule = NULL;
        for (const char *s = who; *s;) {
                s += strspn(s, " \t,");
                size_t n = strcspn(s, " \t,");
                if (n == 0)
                        break;
                char name[128];
                if (n >= sizeof name || depth > DEPTH_MAX)
                        return NULL;
                memcpy(name, s, n);
                name[n] = '\0';
                s += n;
                const char *members = NULL;
                for (size_t i = 0; i < r->n_aliases; i++)
                        if (strcmp(r->aliases[i].name, name) == 0)
                                members = r->aliases[i].members;
                rule = members        ? exempts_all(r, members, depth + 1)
                       : *name == '%' ? policy_exempts(r->b->policy, "sudo", NULL, name + 1, r->b->now)
                                      : policy_exempts(r->b->policy, "sudo", name, NULL, r->b->now);
                if (!rule)
                        return NULL;
        }
        return rule;
}

static int find(struct reader *r, const char *who, unsigned line, const char *what) {
        struct pool *pool = &r->b->pool->pool;
        const char *name = pool_format(pool, "sudo: %s", who);
        struct login_entry *e = name ? report_entry(r->b, LOGIN_BY_SUDO, name, r->file) : NULL;
        const char *copy = pool_copy(pool, what, strlen(what));
        if (!e || !copy)
                return -ENOMEM;
        struct login_way w = { .exempt = exempts_all(r, who, 0) };
        w.verdict = w.exempt ? LOGIN_EXEMPT : LOGIN_NONE;
        report_place(&w, e->file, line, copy);
        return report_way(e, &w);
}

/* "Defaults:USERS !authenticate, x=y". */
static int read_defaults(struct reader *r, char *rest, unsigned line) {
        const char *who = "ALL";
        if (*rest == ':') {
                who = ++rest;
                rest += strcspn(rest, " \t");
                if (*rest)
                        *rest++ = '\0';
        } else if (*rest && !isspace((unsigned char) *rest)) {
                who = "ALL"; /* of hosts, commands, target users: whoever it is */
                rest += strcspn(rest, " \t");
        }
        for (char *setting; (setting = strsep(&rest, ","));) {
                setting = text_trim(setting);
                if (setting[0] == '!' && strcmp(text_trim(setting + 1), "authenticate") == 0) {
                        int got = find(r, who, line, "!authenticate");
                        if (got < 0)
                                return got;
                }
                if (strncmp(setting, "exempt_group", 12) == 0 && strchr(setting, '=')) {
                        char group[128];
                        const char *value = strchr(setting, '=') + 1;
                        (void) snprintf(group, sizeof group, "%%%s", text_trim((char *) (uintptr_t) value));
                        int got = find(r, group, line, "exempt_group");
                        if (got < 0)
                                return got;
                }
        }
        return 0;
}

/* "User_Alias A = x, y : B = z". */
static int read_aliases(struct reader *r, char *rest) {
        for (char *one; (one = strsep(&rest, ":"));) {
                char *equals = strchr(one, '=');
                if (!equals || r->n_aliases == ALIASES_MAX)
                        continue;
                *equals = '\0';
                struct pool *pool = &r->b->pool->pool;
                const char *name = text_trim(one), *members = text_trim(equals + 1);
                struct alias a = { pool_copy(pool, name, strlen(name)), pool_copy(pool, members, strlen(members)) };
                if (!a.name || !a.members)
                        return -ENOMEM;
                r->aliases[r->n_aliases++] = a;
        }
        return 0;
}

static bool is_tag(const char *spec, const char *tag) {
        size_t n = strlen(tag);
        for (const char *s = spec; (s = strstr(s, tag)); s += n)
                if ((s == spec || !(isalnum((unsigned char) s[-1]) || s[-1] == '_')) &&
                    s[n + strspn(s + n, " \t")] == ':')
                        return true;
        return false;
}

/* "USERS HOSTS = (RUNAS) NOPASSWD: COMMANDS". */
static int read_rule(struct reader *r, char *line, unsigned number) {
        char *equals = strchr(line, '=');
        if (!equals || !is_tag(equals, "NOPASSWD"))
                return 0;
        *equals = '\0';
        /* The users end where a word is followed by another without a comma: that is the host. */
        char *end = line;
        for (;;) {
                end += strcspn(end, " \t,");
                char *next = end + strspn(end, " \t");
                if (*next != ',')
                        break;
                end = next + 1 + strspn(next + 1, " \t");
        }
        *end = '\0';
        if (strcmp(line, "root") == 0)
                return 0; /* is it already */
        return find(r, line, number, "NOPASSWD");
}

static int read_file(struct reader *r, const char *path, unsigned depth);

static int include(struct reader *r, const char *keyword, char *rest, unsigned depth) {
        struct pool *pool = &r->b->pool->pool;
        bool directory = strstr(keyword, "includedir") != NULL;
        char *path = text_word(&rest);
        if (!path)
                return 0;
        const char *whole = *path == '/' ? path : pool_format(pool, "/etc/%s", path);
        const char *pattern = whole && directory ? pool_format(pool, "%s/*", whole) : whole;
        char **paths = NULL;
        size_t n = 0;
        int got = pattern ? r->b->files->list(r->b->files->userdata, pattern, pool, &paths, &n) : -ENOMEM;
        for (size_t i = 0; i < n && got == 0; i++) {
                const char *name = strrchr(paths[i], '/');
                size_t length = strlen(paths[i]);
                if (directory && ((name && strchr(name, '.')) || paths[i][length - 1] == '~'))
                        continue; /* sudo passes over them too */
                got = read_file(r, paths[i], depth + 1);
                got = got > 0 ? 0 : got;
        }
        free(paths);
        return got;
}

static int read_line(struct reader *r, char *line, unsigned number, unsigned depth) {
        if (strncmp(line, "Defaults", 8) == 0 && !isalnum((unsigned char) line[8]) && line[8] != '_')
                return read_defaults(r, line + 8, number);
        if (strncmp(line, "User_Alias", 10) == 0)
                return read_aliases(r, line + 10);
        if (strncmp(line, "Host_Alias", 10) == 0 || strncmp(line, "Cmnd_Alias", 10) == 0 ||
            strncmp(line, "Cmd_Alias", 9) == 0 || strncmp(line, "Runas_Alias", 11) == 0)
                return 0;
        if (strncmp(line, "#include", 8) == 0 || strncmp(line, "@include", 8) == 0) {
                char *rest = line;
                const char *keyword = text_word(&rest);
                return include(r, keyword, rest, depth);
        }
        return read_rule(r, line, number);
}

static int read_file(struct reader *r, const char *path, unsigned depth) {
        char *text = NULL, *line;
        struct report_builder *b = r->b;
        if (depth > DEPTH_MAX || r->files++ > FILES_MAX)
                return 0;
        int got = b->files->read(b->files->userdata, path, &b->pool->pool, &text);
        if (got == 2) {
                struct login_entry *e = report_entry(b, LOGIN_BY_SUDO, "sudo", path);
                if (e)
                        report_trouble(e, "unreadable");
                return e ? 0 : -ENOMEM;
        }
        const char *outer = r->file;
        r->file = pool_copy(&b->pool->pool, path, strlen(path));
        if (!r->file)
                return -ENOMEM;
        unsigned number = 0, first = 0;
        while (got == 0 && next_line(&text, &number, &first, &line))
                if (*line)
                        got = read_line(r, line, first, depth);
        r->file = outer;
        return got;
}

int sudoers_check(struct report_builder *b, const char *path) {
        struct reader *r = calloc(1, sizeof *r);
        if (!r)
                return -ENOMEM;
        r->b = b;
        int got = read_file(r, path, 0);
        free(r);
        return got > 0 ? 0 : got;
}
