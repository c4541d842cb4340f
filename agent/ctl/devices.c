/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "screen.h"
#include "subject.h"
#include "talk.h"

static void add_device(struct screen_table *t, const json_t *d) {
        CLEANUP(free_p) char *classes = subject_classes(d);
        CLEANUP(free_p) char *why = subject_why(d);
        screen_table_add(t, TONE_PLAIN, talk_string(d, "port"));
        screen_table_addf(t, TONE_PLAIN, "%s:%s", talk_string(d, "vendor"), talk_string(d, "product"));
        screen_table_add(t, TONE_PLAIN, talk_string(d, "name"));
        screen_table_add(t, TONE_PLAIN, classes);
        screen_table_add(t, subject_tone(d), subject_verdict(d));
        screen_table_add(t, TONE_PLAIN, why);
        screen_table_add(t, subject_effect_is_good(d) ? TONE_PLAIN : TONE_BAD, subject_effect(d));
}

enum outcome run_devices(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_LIST_DEVICES), NULL, &reply);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json)
                return screen_json(json_incref(reply));

        const char *heads[] = { _("PORT"), _("ID"), _("NAME"), _("CLASS"), _("VERDICT"), _("BECAUSE OF"), _("EFFECT") };
        CLEANUP(screen_table_freep) struct screen_table *t = screen_table_new(sizeof heads / sizeof heads[0], heads);
        size_t n;
        json_t *device;
        json_array_foreach(json_object_get(reply, "devices"), n, device) add_device(t, device);
        return screen_table_print(t, 0);
}
