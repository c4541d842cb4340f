/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accounts: who has no second factor, who shares, who sleeps. */
#include <errno.h>
#include <fcntl.h>
#include <lastlog.h>
#include <string.h>

#include "era.h"
#include "inspect.h"
#include "people.h"
#include "probe_files.h"
#include "talk.h"
#include "when.h"

#define SLEEPS_DAYS 90
#define DAY         86400

/* ---- what etc/shadow says of an account ---- */

struct shadow {
        const char *name;
        bool found, locked; /* locked: no password fits */
        int64_t changed;    /* 0: never, or not told */
};

static int find_shadow(char *line, void *userdata) {
        struct shadow *s = userdata;
        char *rest = line;
        const char *name = strsep(&rest, ":"), *password = strsep(&rest, ":"), *changed = strsep(&rest, ":");
        if (!password || strcmp(name, s->name) != 0)
                return 0;
        s->found = true;
        s->locked = *password == '!' || *password == '*';
        s->changed = changed ? strtoll(changed, NULL, 10) * DAY : 0;
        return 1;
}

/* 0 or -errno. */
static int shadow_of(const struct inspection *n, const char *name, struct shadow *ret) {
        *ret = (struct shadow){ .name = name };
        return look_lines(n->root, "etc/shadow", find_shadow, ret);
}

/* ---- second factors ---- */

void probe_enrolled(const struct inspection *n, struct finding *f) {
        if (!n->users) {
                say(f, FIT_UNKNOWN, _("The verifier does not answer, or not to you: run it as root."));
                return;
        }
        CLEANUP(json_decrefp) json_t *missing = otp_missing(n->invocation, n->users);
        CLEANUP(json_decrefp) json_t *people = people_list(n->invocation);
        size_t k;
        json_t *person;
        json_array_foreach(missing, k, person) {
                const char *name = talk_string(person, "user");
                struct shadow s;
                if (shadow_of(n, name, &s) == 0 && s.found && s.locked)
                        note(f, _("%s: has no second factor, and no password either"), name);
                else
                        say(f, FIT_NO, _("%s: can log in, and has no second factor"), name);
        }
        if (json_array_size(people) == 0)
                say(f, FIT_UNKNOWN, _("The accounts cannot be read."));
        if (!f->said)
                say(f, FIT_YES, _("Accounts that can log in: %zu"), json_array_size(people));
}

/* ---- sharing ---- */

static void look_at_secrets(const json_t *users, struct finding *f) {
        CLEANUP(json_decrefp) json_t *owners = json_object();
        size_t k;
        json_t *user;
        json_array_foreach((json_t *) users, k, user) {
                const char *print = talk_string(user, "fingerprint"), *name = talk_string(user, "user");
                const json_t *other = *print ? json_object_get(owners, print) : NULL;
                if (other)
                        say(f, FIT_NO, _("%s and %s have the same secret"), json_string_value(other), name);
                else if (*print)
                        (void) json_object_set_new(owners, print, json_string(name));
        }
}

static void look_at_uids(const json_t *people, struct finding *f) {
        CLEANUP(json_decrefp) json_t *owners = json_object();
        size_t k;
        json_t *person;
        json_array_foreach((json_t *) people, k, person) {
                char uid[24];
                const char *name = talk_string(person, "user");
                (void) snprintf(uid, sizeof uid, "%lld", talk_integer(person, "uid"));
                const json_t *other = json_object_get(owners, uid);
                if (other)
                        say(f, FIT_NO, _("%s and %s are one account (uid %s) under two names"),
                            json_string_value(other), name, uid);
                else
                        (void) json_object_set_new(owners, uid, json_string(name));
        }
}

void probe_shared(const struct inspection *n, struct finding *f) {
        CLEANUP(json_decrefp) json_t *people = people_list(n->invocation);
        if (json_array_size(people) == 0)
                say(f, FIT_UNKNOWN, _("The accounts cannot be read."));
        else
                look_at_uids(people, f);
        if (n->users)
                look_at_secrets(n->users, f);
        else
                say(f, FIT_UNKNOWN, _("The verifier does not answer, or not to you: run it as root."));
        if (!f->said)
                say(f, FIT_YES,
                    _("Each has a number and a secret of his own. That people do not lend theirs, people must check."));
}

/* ---- sleeping ---- */

/* When an account was last used, as lastlog(8) has it. 0: never, or not told; -errno: there is no such log. */
static int64_t last_login(const struct inspection *n, long long uid) {
        CLEANUP(close_p) int fd = root_openat(n->root, "var/log/lastlog", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        struct lastlog l = { .ll_time = 0 };
        if (fd < 0)
                return fd;
        if (uid < 0 || pread(fd, &l, sizeof l, (off_t) uid * (off_t) sizeof l) != (ssize_t) sizeof l)
                return 0;
        return (int64_t) (uint32_t) l.ll_time;
}

static int64_t last_code(const struct inspection *n, const char *name) {
        const json_t *user = n->users ? otp_find(n->users, name) : NULL;
        int64_t when = 0;
        return user && when_moment(talk_string(user, "last"), &when) ? when : 0;
}

static void look_at_account(const struct inspection *n, const json_t *person, struct finding *f, size_t *awake) {
        const char *name = talk_string(person, "user");
        struct shadow s;
        char text[ERA_MAX];
        int r = shadow_of(n, name, &s);
        if (r == 0 && s.found && s.locked)
                return;
        int64_t by_log = last_login(n, talk_integer(person, "uid")), by_code = last_code(n, name);
        int64_t last = by_log > by_code ? by_log : by_code;
        if (last > n->now - (int64_t) SLEEPS_DAYS * DAY)
                (*awake)++;
        else if (last > 0)
                say(f, FIT_NO, _("%s: last used on %s"), name, iso_date(last, text));
        else if (by_log < 0 && !n->users)
                say(f, FIT_UNKNOWN, _("%s: nothing tells when it was used"), name);
        else if (r < 0 || !s.found)
                say(f, FIT_UNKNOWN, _("%s: never used, and nothing tells how old it is (run it as root)"), name);
        else if (s.changed < n->now - (int64_t) SLEEPS_DAYS * DAY)
                say(f, FIT_NO, _("%s: never used, password of %s"), name, iso_date(s.changed, text));
        else
                (*awake)++; /* new */
}

void probe_sleeping(const struct inspection *n, struct finding *f) {
        CLEANUP(json_decrefp) json_t *people = people_list(n->invocation);
        size_t k, awake = 0;
        json_t *person;
        json_array_foreach(people, k, person) look_at_account(n, person, f, &awake);
        if (json_array_size(people) == 0)
                say(f, FIT_UNKNOWN, _("The accounts cannot be read."));
        if (!f->said)
                say(f, FIT_YES, _("Used in the last %d days, or new: %zu; the others have no password"), SLEEPS_DAYS,
                    awake);
}
