/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "people.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>

#define FIRST_PERSON 1000u /* UID_MIN of login.defs(5) */
#define LAST_PERSON  59999u
#define ENTRY_MAX    65536u

static FILE *open_passwd(const struct invocation *i) {
        int fd = root_openat(&i->root, "etc/passwd", O_RDONLY, 0);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
        if (!f)
                close_p(&fd);
        return f;
}

bool people_exist(const struct invocation *i, const char *name) {
        CLEANUP(free_p) char *buffer = malloc(ENTRY_MAX);
        struct passwd p, *found = NULL;
        if (!buffer)
                return false;
        if (i->root.is_machine)
                return getpwnam_r(name, &p, buffer, ENTRY_MAX, &found) == 0 && found;
        CLEANUP(fclose_p) FILE *f = open_passwd(i);
        while (f && fgetpwent_r(f, &p, buffer, ENTRY_MAX, &found) == 0)
                if (strcmp(p.pw_name, name) == 0)
                        return true;
        return false;
}

static bool may_log_in(const struct passwd *p) {
        static const char *const no_shells[] = { "/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false" };
        for (size_t i = 0; i < sizeof no_shells / sizeof no_shells[0]; i++)
                if (strcmp(p->pw_shell, no_shells[i]) == 0)
                        return false;
        return p->pw_uid == 0 || (p->pw_uid >= FIRST_PERSON && p->pw_uid <= LAST_PERSON);
}

static void add(json_t *list, const struct passwd *p) {
        if (may_log_in(p))
                (void) json_array_append_new(
                        list, json_pack("{s:s, s:I}", "user", p->pw_name, "uid", (json_int_t) p->pw_uid));
}

json_t *people_list(const struct invocation *i) {
        CLEANUP(free_p) char *buffer = malloc(ENTRY_MAX);
        json_t *list = json_array();
        struct passwd p, *found = NULL;
        if (!buffer || !list)
                return list;
        if (i->root.is_machine) {
                setpwent();
                while (getpwent_r(&p, buffer, ENTRY_MAX, &found) == 0)
                        add(list, &p);
                endpwent();
                return list;
        }
        CLEANUP(fclose_p) FILE *f = open_passwd(i);
        while (f && fgetpwent_r(f, &p, buffer, ENTRY_MAX, &found) == 0)
                add(list, &p);
        return list;
}
