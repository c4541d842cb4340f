/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has a second factor, and what is wrong with it; or who has none. */
#include <string.h>

#include "options.h"
#include "otp.h"
#include "people.h"
#include "screen.h"
#include "talk.h"

static const struct {
        const char *state, *text;
        enum tone tone;
} states[] = {
        { "enrolled", N_("in force"), TONE_GOOD },
        { "pending", N_("no code yet"), TONE_NOTE },
        { "locked", N_("LOCKED"), TONE_BAD },
        { "damaged", N_("DAMAGED"), TONE_BAD },
};

static void add_state(struct screen_table *t, const char *state) {
        for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
                if (strcmp(states[i].state, state) == 0) {
                        screen_table_add(t, states[i].tone, _(states[i].text));
                        return;
                }
        screen_table_add(t, TONE_PLAIN, state);
}

/* Adds "shared_with" to each user who has a secret in common with others. */
static void find_shared(json_t *users) {
        CLEANUP(json_decrefp) json_t *owners = json_object();
        size_t n;
        json_t *user;
        json_array_foreach(users, n, user) {
                const char *print = talk_string(user, "fingerprint");
                json_t *list = json_object_get(owners, print);
                if (*print && !list && json_object_set_new(owners, print, json_array()) == 0)
                        list = json_object_get(owners, print);
                if (list)
                        (void) json_array_append(list, json_object_get(user, "user"));
        }
        json_array_foreach(users, n, user) {
                const json_t *list = json_object_get(owners, talk_string(user, "fingerprint"));
                json_t *others = json_array();
                size_t k;
                json_t *name;
                json_array_foreach((json_t *) list, k, name) if (!json_equal(name, json_object_get(user, "user")))(void)
                        json_array_append(others, name);
                (void) json_object_set_new(user, "shared_with", others);
        }
}

static char *notes_of(const json_t *user) {
        char *text = NULL;
        size_t size, n;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        json_t *name;
        const char *between = "";
        json_array_foreach(json_object_get(user, "shared_with"), n, name) {
                fprintf(f, n == 0 ? _("%sTHE SAME SECRET as %s") : "%s, %s", n == 0 ? between : "",
                        json_string_value(name));
                between = "; ";
        }
        if (talk_bool(user, "reenrol")) {
                fprintf(f, _("%sa spare way in was used: enrol again"), between);
                between = "; ";
        }
        if (talk_integer(user, "wait") > 0)
                fprintf(f, _("%swaits %lld s"), between, talk_integer(user, "wait"));
        return fclose(f) == 0 ? text : NULL;
}

static enum outcome print_users(const json_t *users) {
        const char *const heads[] = { _("USER"),  _("STATE"),       _("TOKEN"), _("LAST LOGIN"),
                                      _("WRONG"), _("SPARE CODES"), _("NOTES") };
        CLEANUP(screen_table_freep) struct screen_table *table = screen_table_new(7, heads);
        size_t n;
        json_t *user;
        json_array_foreach(users, n, user) {
                CLEANUP(free_p) char *notes = notes_of(user);
                bool known = talk_integer(user, "digits") > 0;
                if (*talk_string(user, "user"))
                        screen_table_add(table, TONE_PLAIN, talk_string(user, "user"));
                else
                        screen_table_addf(table, TONE_BAD, _("uid %lld, no account"), talk_integer(user, "uid"));
                add_state(table, talk_string(user, "state"));
                screen_table_addf(table, TONE_PLAIN, known ? "%lld/%llds/%s" : "-", talk_integer(user, "digits"),
                                  talk_integer(user, "period"), talk_string(user, "algorithm"));
                screen_table_add(table, TONE_PLAIN, *talk_string(user, "last") ? talk_string(user, "last") : "-");
                screen_table_addf(table, talk_integer(user, "failures") > 0 ? TONE_NOTE : TONE_PLAIN, "%lld",
                                  talk_integer(user, "failures"));
                screen_table_addf(table, TONE_PLAIN, "%lld", talk_integer(user, "recovery"));
                screen_table_add(table, TONE_NOTE, notes ? notes : "");
        }
        return screen_table_print(table, 0);
}

json_t *otp_missing(const struct invocation *i, const json_t *users) {
        CLEANUP(json_decrefp) json_t *people = people_list(i);
        CLEANUP(json_decrefp) json_t *in_force = json_object();
        json_t *missing = json_array();
        size_t n;
        json_t *user, *person;
        json_array_foreach((json_t *) users, n, user) if (strcmp(talk_string(user, "state"), "pending") != 0)(void)
                json_object_set(in_force, talk_string(user, "user"), user);
        json_array_foreach(people, n, person) if (!json_object_get(in_force, talk_string(person, "user")))(void)
                json_array_append(missing, person);
        return missing;
}

static enum outcome print_missing(const struct invocation *i, const json_t *users) {
        CLEANUP(json_decrefp) json_t *missing = otp_missing(i, users);
        size_t n;
        json_t *person;
        if (i->json)
                return screen_json(json_pack("{s:O}", "missing", missing));
        json_array_foreach(missing, n, person) {
                screen_put(TONE_PLAIN, talk_string(person, "user"));
                putchar('\n');
        }
        return OUTCOME_YES;
}

enum outcome run_otp_list(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *users = NULL;
        enum outcome outcome = otp_list(i, &users);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->values[LIST_MISSING])
                return print_missing(i, users);
        find_shared(users);
        return i->json ? screen_json(json_pack("{s:O}", "users", users)) : print_users(users);
}
