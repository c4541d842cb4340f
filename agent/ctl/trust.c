/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "policy_file.h"
#include "screen.h"
#include "signed_file.h"
#include "talk.h"

static json_t *holders_json(const struct trust *t) {
        json_t *list = json_array();
        for (uint32_t i = 0; i < t->n_holders; i++) {
                const struct trust_holder *h = &t->holders[i];
                char fingerprint[SSHSIG_FINGERPRINT_MAX];
                ssh_key_fingerprint(h->key, fingerprint);
                json_t *roles = json_array();
                for (int r = 0; r < TRUST_ROLE_MAX; r++)
                        if (h->roles & (1u << r))
                                (void) json_array_append_new(roles, json_string(trust_role_name((enum trust_role) r)));
                (void) json_array_append_new(list,
                                             json_pack("{s:s, s:s, s:o, s:b, s:b}", "name", h->name, "key", fingerprint,
                                                       "roles", roles, "touch", h->touch == PRESENCE_REQUIRED, "pin",
                                                       h->pin == PRESENCE_REQUIRED));
        }
        return list;
}

static json_t *thresholds_json(const struct trust *t) {
        json_t *roles = json_object();
        for (int r = 0; r < TRUST_ROLE_MAX; r++)
                (void) json_object_set_new(roles, trust_role_name((enum trust_role) r), json_integer(t->threshold[r]));
        return roles;
}

static enum outcome print_json(const struct trust *t, const json_t *reply) {
        json_t *answer =
                json_pack("{s:b, s:s, s:I, s:s, s:s, s:s, s:I}", "installed", t != NULL, "fleet",
                          talk_string(reply, "fleet"), "version", (json_int_t) talk_integer(reply, "version"), "issued",
                          talk_string(reply, "issued"), "expires", talk_string(reply, "expires"), "sha256",
                          talk_string(reply, "sha256"), "damaged", (json_int_t) talk_integer(reply, "damaged"));
        if (answer && t) {
                (void) json_object_set_new(answer, "unsigned_policy", json_boolean(t->unsigned_policy));
                (void) json_object_set_new(answer, "thresholds", thresholds_json(t));
                (void) json_object_set_new(answer, "holders", holders_json(t));
        }
        return screen_json(answer);
}

static void roles_text(const struct trust_holder *h, char *buffer, size_t size) {
        size_t used = 0;
        buffer[0] = 0;
        for (int r = 0; r < TRUST_ROLE_MAX; r++)
                if (h->roles & (1u << r) && used < size)
                        used += (size_t) snprintf(buffer + used, size - used, "%s%s", used ? " " : "",
                                                  trust_role_name((enum trust_role) r));
}

static enum outcome print(const struct trust *t, const json_t *reply) {
        CLEANUP(free_p) char *fleet = screen_text(t->fleet);
        printf(_("Trust document %s, version %lld"), fleet ? fleet : "", talk_integer(reply, "version"));
        putchar('\n');
        for (int r = 0; r < TRUST_ROLE_MAX; r++)
                printf(_("  %s: %u must sign"), trust_role_name((enum trust_role) r), t->threshold[r]), putchar('\n');
        const char *heads[] = { _("HOLDER"), _("KEY"), _("ROLES") };
        CLEANUP(screen_table_freep) struct screen_table *table = screen_table_new(3, heads);
        for (uint32_t i = 0; i < t->n_holders; i++) {
                char fingerprint[SSHSIG_FINGERPRINT_MAX], roles[64];
                ssh_key_fingerprint(t->holders[i].key, fingerprint);
                roles_text(&t->holders[i], roles, sizeof roles);
                screen_table_add(table, TONE_PLAIN, t->holders[i].name);
                screen_table_add(table, TONE_FAINT, fingerprint);
                screen_table_add(table, TONE_PLAIN, roles);
        }
        return screen_table_print(table, 0);
}

enum outcome run_trust_show(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_GET_TRUST), NULL, &reply);
        if (outcome != OUTCOME_YES)
                return outcome;

        CLEANUP(trust_freep) struct trust *t = NULL;
        CLEANUP(problems_clear) struct problems problems = { 0 };
        const char *text = talk_string(reply, "text");
        if (talk_bool(reply, "installed") && trust_parse(text, strlen(text), &problems, &t) != 0) {
                policy_file_print_problems(stderr, "trust", &problems);
                return OUTCOME_BAD;
        }
        if (i->json)
                outcome = print_json(t, reply);
        else if (t)
                outcome = print(t, reply);
        else
                complain(_("No trust document is installed: root of this terminal installs policies without a "
                           "signature."));
        return outcome == OUTCOME_YES && !t ? OUTCOME_NO : outcome;
}
