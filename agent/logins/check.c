/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file of the room that opens others. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "report.h"

#define NAMES_MAX 1024u /* of files in one directory */

struct machine {
        const struct root *root;
        bool use_conf;  /* no pam.d at all: /etc/pam.conf */
        char **modules; /* directories of modules; none: nothing is known of them */
        size_t n_modules;
        char *groups, *accounts, *conf; /* texts, of the pool, not changed; NULL: not there */
};

/* ---- files ---- */

static int read_text(void *userdata, const char *path, struct pool *pool, char **ret) {
        const struct machine *m = userdata;
        CLEANUP(close_p) int fd = root_openat(m->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        if (fd < 0)
                return fd == -ENOENT || fd == -ENOTDIR ? 1 : fd == -ENOMEM ? fd : 2;
        struct stat st;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t) TEXT_MAX)
                return 2;
        char *text = malloc(TEXT_MAX + 1);
        if (!text)
                return -ENOMEM;
        size_t n = 0;
        for (ssize_t got; n <= TEXT_MAX && (got = read(fd, text + n, TEXT_MAX + 1 - n)) != 0;) {
                if (got < 0) {
                        free(text);
                        return 2;
                }
                n += (size_t) got;
        }
        bool whole = n <= TEXT_MAX && memchr(text, '\0', n) == NULL;
        *ret = whole ? pool_copy(pool, text, n) : NULL;
        free(text);
        return *ret ? 0 : whole ? -ENOMEM : 2;
}

static int by_name(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int list_paths(void *userdata, const char *pattern, struct pool *pool, char ***list, size_t *n) {
        const struct machine *m = userdata;
        const char *last = strrchr(pattern, '/');
        size_t before = *n;
        if (!last || !strpbrk(last, "*?[")) {
                char *path = pool_copy(pool, pattern, strlen(pattern));
                if (!path || text_grow((void **) list, *n, sizeof **list) < 0)
                        return -ENOMEM;
                (*list)[(*n)++] = path;
                return 0;
        }
        CLEANUP(free_p) char *directory = strndup(pattern, (size_t) (last - pattern));
        if (!directory)
                return -ENOMEM;
        int fd = root_openat(m->root, *directory ? directory : "/", O_RDONLY | O_DIRECTORY, 0);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d && fd >= 0)
                (void) close(fd);
        int r = 0;
        for (struct dirent *e; d && r == 0 && *n - before < NAMES_MAX && (e = readdir(d));) {
                if (fnmatch(last + 1, e->d_name, FNM_PERIOD) != 0)
                        continue;
                char *path = pool_format(pool, "%s/%s", directory, e->d_name);
                r = path ? text_grow((void **) list, *n, sizeof **list) : -ENOMEM;
                if (r == 0)
                        (*list)[(*n)++] = path;
        }
        if (d)
                (void) closedir(d);
        if (*n > before)
                qsort(*list + before, *n - before, sizeof **list, by_name);
        return r;
}

static bool is_there(const struct machine *m, const char *path) {
        CLEANUP(close_p) int fd = root_openat(m->root, path, O_PATH, 0);
        return fd >= 0;
}

/* ---- what PAM reads ---- */

/* The lines of one service of /etc/pam.conf, in their places, without the service's name. */
static char *cut_conf(const struct machine *m, const char *service, struct pool *pool) {
        size_t n = strlen(m->conf), length = strlen(service);
        char *text = pool_copy(pool, m->conf, n);
        for (char *s = text; s && *s;) {
                size_t line = strcspn(s, "\n"), word = strcspn(s, " \t\n");
                bool ours = word == length && strncasecmp(s, service, length) == 0;
                memset(s, ' ', ours ? word : line);
                s += line + (s[line] == '\n');
        }
        return text;
}

static int read_service(void *userdata, const char *name, struct pool *pool, char **ret_text, const char **ret_path) {
        static const char *const places[] = { "/etc/pam.d", "/usr/lib/pam.d" };
        struct machine *m = userdata;
        if (*name == '/') {
                *ret_path = pool_copy(pool, name, strlen(name));
                return *ret_path ? read_text(m, name, pool, ret_text) != 0 : -ENOMEM;
        }
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
                const char *path = pool_format(pool, "%s/%s", places[i], name);
                int r = path ? read_text(m, path, pool, ret_text) : -ENOMEM;
                *ret_path = path;
                if (r != 1)
                        return r == 2 ? 1 : r;
        }
        if (!m->use_conf || !m->conf)
                return 1;
        *ret_path = "/etc/pam.conf";
        *ret_text = cut_conf(m, name, pool);
        return *ret_text ? 0 : -ENOMEM;
}

static bool has_module(void *userdata, const char *module) {
        const struct machine *m = userdata;
        if (*module == '/')
                return is_there(m, module);
        bool found = m->n_modules == 0;
        for (size_t i = 0; i < m->n_modules && !found; i++) {
                char path[512];
                int n = snprintf(path, sizeof path, "%s/%s", m->modules[i], module);
                found = n > 0 && (size_t) n < sizeof path && is_there(m, path);
        }
        return found;
}

/* The n-th field of a line of /etc/passwd or /etc/group: its length at *ret. */
static size_t field(const char *line, unsigned n, const char **ret) {
        for (; n > 0; n--) {
                size_t skip = strcspn(line, ":\n");
                line += skip;
                if (*line != ':') {
                        *ret = line;
                        return 0;
                }
                line++;
        }
        *ret = line;
        return strcspn(line, ":\n");
}

static const char *next_entry(const char *line) {
        line += strcspn(line, "\n");
        return *line ? line + 1 : NULL;
}

static bool is_primary(const struct machine *m, const char *gid, size_t n) {
        for (const char *line = m->accounts; line && *line; line = next_entry(line)) {
                const char *own;
                if (field(line, 3, &own) == n && memcmp(own, gid, n) == 0)
                        return true;
        }
        return false;
}

static bool has_members(void *userdata, const char *group) {
        const struct machine *m = userdata;
        if (!m->groups)
                return true; /* nobody knows */
        for (const char *line = m->groups; line && *line; line = next_entry(line)) {
                const char *name, *gid, *members;
                size_t n = field(line, 0, &name);
                if (n != strlen(group) || memcmp(name, group, n) != 0)
                        continue;
                size_t digits = field(line, 2, &gid);
                if (field(line, 3, &members) > 0 || is_primary(m, gid, digits))
                        return true;
        }
        return false;
}

/* Accounts whose password is empty, in words. */
static int find_empty(struct report_builder *b, const struct machine *m) {
        struct pool *pool = &b->pool->pool;
        char *shadow = NULL;
        int r = read_text((void *) (uintptr_t) m, "/etc/shadow", pool, &shadow);
        if (r < 0)
                return r;
        b->passwords_unknown = r == 2;
        const char *const texts[] = { shadow, m->accounts };
        for (size_t i = 0; i < 2; i++)
                for (const char *line = texts[i]; line && *line; line = next_entry(line)) {
                        const char *name, *hash;
                        size_t n = field(line, 0, &name);
                        if (n == 0 || name[n] != ':' || field(line, 1, &hash) != 0)
                                continue;
                        b->empty = pool_format(pool, "%s%.*s",
                                               b->empty ? pool_format(pool, "%s, ", b->empty) : "empty-password: ",
                                               (int) (n > 64 ? 64 : n), name);
                        if (!b->empty)
                                return -ENOMEM;
                }
        return 0;
}

/* ---- services ---- */

/* Files that packages leave beside, and those that are only there to be included. */
static bool is_service(const char *name) {
        static const char *const endings[] = { "~",          ".pam-old",  ".pam-new",  ".dpkg-old", ".dpkg-new",
                                               ".dpkg-dist", ".dpkg-bak", ".dpkg-tmp", ".ucf-old",  ".ucf-dist",
                                               ".rpmnew",    ".rpmsave",  ".bak" };
        static const char *const parts[] = { "common-account", "common-auth", "common-password", "common-session",
                                             "common-session-noninteractive" };
        size_t n = strlen(name);
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
                if (n >= strlen(endings[i]) && strcmp(name + n - strlen(endings[i]), endings[i]) == 0)
                        return false;
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                if (strcmp(name, parts[i]) == 0)
                        return false;
        return strcmp(name, "README") != 0;
}

static void judge_special(struct login_entry *e) {
        if (!login_falls_short(e->verdict) || (!program_service(e->name) && !autologin_service(e->name)))
                return;
        /* Whether an automatic login is switched on is told where that is done. */
        e->verdict = program_service(e->name) ? LOGIN_PROGRAM : LOGIN_UNUSED;
        for (size_t i = 0; i < e->n_ways; i++)
                if (login_falls_short(e->ways[i].verdict))
                        e->ways[i].verdict = e->verdict;
}

static int add_ways(struct report_builder *b, const struct pam_stack *s, const struct service_policy *policy,
                    struct login_entry *e) {
        struct pam_answer a;
        uint32_t unless = (b->empty || b->passwords_unknown ? 0u : CONDITION_EMPTY) |
                          (policy->some || policy->exempt ? 0u : CONDITION_EXEMPT);
        int r = pam_walk(s, 0, unless, &a);
        if (r < 0)
                return r;
        for (size_t i = 0; i < a.n && r == 0; i++) {
                struct login_way w;
                r = way_of_pam(b, policy, s, &a.ways[i], &w);
                if (r == 0)
                        r = report_way(e, &w);
        }
        if (a.unclear)
                report_trouble(e, "too-complex");
        pam_answer_clear(&a);
        report_sort(e);
        return r;
}

static int check_service(struct report_builder *b, const struct pam_source *from, const char *name, const char *path) {
        struct pam_stack s;
        struct login_entry *e = report_entry(b, LOGIN_BY_PAM, name, path);
        int r = pam_stack_read(from, name, PAM_TYPE_AUTH, &s);
        if (r == 0 && !e)
                r = -ENOMEM;
        if (r == 0 && s.broken)
                e->trouble = "broken";
        const struct service_policy policy = policy_of(b->policy, name, b->now, &b->pool->pool);
        if (r == 0)
                r = add_ways(b, &s, &policy, e);
        if (r == 0)
                judge_special(e);
        pam_stack_clear(&s);
        return r;
}

/* The name is the last component; of those in both directories, the one in /etc counts. */
static int check_directory(struct report_builder *b, const struct pam_source *from, const char *pattern) {
        char **paths = NULL;
        size_t n = 0, before = b->report.n;
        int r = b->files->list(b->files->userdata, pattern, &b->pool->pool, &paths, &n);
        for (size_t i = 0; i < n && r == 0; i++) {
                const char *name = strrchr(paths[i], '/') + 1;
                bool seen = false;
                for (size_t k = 0; k < before && !seen; k++)
                        seen = strcmp(b->report.entries[k].name, name) == 0;
                if (!seen && is_service(name))
                        r = check_service(b, from, name, paths[i]);
        }
        free(paths);
        return r;
}

static int check_conf(struct report_builder *b, const struct pam_source *from, const struct machine *m) {
        int r = 0;
        for (const char *line = m->conf; line && *line && r == 0; line = next_entry(line)) {
                char name[128];
                size_t n = strcspn(line, " \t\n");
                if (n == 0 || n >= sizeof name || *line == '#')
                        continue;
                memcpy(name, line, n);
                name[n] = '\0';
                bool seen = false;
                for (size_t k = 0; k < b->report.n && !seen; k++)
                        seen = strcasecmp(b->report.entries[k].name, name) == 0;
                if (!seen && b->report.n < NAMES_MAX)
                        r = check_service(b, from, name, "/etc/pam.conf");
        }
        return r;
}

/* ---- sshd: its configuration and PAM's service together ---- */

static bool session_checks(const struct pam_source *from) {
        struct pam_stack s;
        struct pam_answer a = { .n = 0 };
        bool checks = pam_stack_read(from, "sshd", PAM_TYPE_SESSION, &s) == 0 && s.n > 0 && !s.unclear && !s.borrowed &&
                      pam_walk(&s, 0, CONDITION_EXEMPT, &a) == 0 && !a.unclear;
        for (size_t i = 0; i < a.n && checks; i++)
                checks = (a.ways[i].proofs & PROOF_CODE) != 0;
        pam_answer_clear(&a);
        pam_stack_clear(&s);
        return checks;
}

static int check_sshd(struct report_builder *b, const struct pam_source *from) {
        struct sshd_pam pam = { .session_checks = session_checks(from) };
        for (size_t i = 0; i < b->report.n; i++)
                if (b->report.entries[i].kind == LOGIN_BY_PAM && strcmp(b->report.entries[i].name, "sshd") == 0) {
                        pam.auth = b->report.entries[i].ways;
                        pam.n_auth = b->report.entries[i].n_ways;
                        pam.unclear = b->report.entries[i].trouble != NULL;
                }
        return sshd_check(b, "/etc/ssh/sshd_config", &pam);
}

/* ---- the whole ---- */

static int prepare(struct report_builder *b, struct machine *m) {
        static const char *const directories[] = { "/lib/*", "/usr/lib/*", "/lib64/*", "/usr/lib64/*" };
        struct pool *pool = &b->pool->pool;
        bool has_directory = is_there(m, "/etc/pam.d") || is_there(m, "/usr/lib/pam.d");
        int r = read_text(m, "/etc/group", pool, &m->groups);
        if (r >= 0)
                r = read_text(m, "/etc/passwd", pool, &m->accounts);
        if (r >= 0 && !has_directory)
                r = read_text(m, "/etc/pam.conf", pool, &m->conf);
        if (r >= 0 && !has_directory && !m->conf)
                return -ENOENT;
        m->use_conf = !has_directory;
        for (size_t i = 0; i < sizeof directories / sizeof *directories && r >= 0; i++) {
                char **found = NULL;
                size_t n = 0;
                r = list_paths(m, directories[i], pool, &found, &n);
                for (size_t k = 0; k < n && r >= 0; k++) {
                        const char *name = strrchr(found[k], '/') + 1;
                        char *path =
                                strcmp(name, "security") == 0 ? found[k] : pool_format(pool, "%s/security", found[k]);
                        if (!path || !is_there(m, path))
                                continue;
                        r = text_grow((void **) &m->modules, m->n_modules, sizeof *m->modules);
                        if (r == 0)
                                m->modules[m->n_modules++] = path;
                }
                free(found);
        }
        return r < 0 ? r : find_empty(b, m);
}

int logins_check(const struct root *root, const struct policy *policy, int64_t now, struct login_report *ret) {
        struct machine m = { .root = root };
        const struct login_files files = { read_text, list_paths, &m };
        const struct pam_source from = { read_service, has_module, has_members, &m };
        struct report_builder b = { .policy = policy, .files = &files, .now = now };
        b.pool = b.report.pool = calloc(1, sizeof *b.pool);
        int r = b.pool ? prepare(&b, &m) : -ENOMEM;
        if (r == 0)
                r = m.use_conf ? check_conf(&b, &from, &m) : check_directory(&b, &from, "/etc/pam.d/*");
        if (r == 0 && !m.use_conf)
                r = check_directory(&b, &from, "/usr/lib/pam.d/*");
        if (r == 0)
                r = check_sshd(&b, &from);
        if (r == 0)
                r = sudoers_check(&b, "/etc/sudoers");
        if (r == 0)
                r = autologin_check(&b);
        free(m.modules);
        if (r < 0) {
                logins_clear(&b.report);
                return r;
        }
        *ret = b.report;
        return 0;
}
