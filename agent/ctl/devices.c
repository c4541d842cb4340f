/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "device_rule.h"
#include "options.h"
#include "screen.h"
#include "subject.h"
#include "talk.h"

/* The disk of a device: what holds for it stands beside it. */
static char *effect_text(const json_t *d) {
        char *text = NULL;
        size_t length, n;
        FILE *f = open_memstream(&text, &length);
        if (!f)
                return NULL;
        fprintf(f, "%s", subject_effect(d));
        json_t *held;
        json_array_foreach(json_object_get(d, "held"), n, held)
                fprintf(f, "%s%s", n > 0 ? ", " : ": ", json_is_string(held) ? json_string_value(held) : "?");
        return fclose(f) == 0 ? text : (free(text), NULL);
}

static void add_device(struct screen_table *t, size_t number, const json_t *d) {
        CLEANUP(free_p) char *name = subject_name(d);
        CLEANUP(free_p) char *classes = subject_classes(d);
        CLEANUP(free_p) char *why = subject_why(d);
        CLEANUP(free_p) char *effect = effect_text(d);
        screen_table_addf(t, TONE_PLAIN, "%zu", number);
        const char *node = talk_string(d, "node");
        screen_table_addf(t, TONE_PLAIN, "%s%s%s", talk_string(d, "port"), *node ? " " : "", node);
        screen_table_addf(t, TONE_PLAIN, "%s:%s", talk_string(d, "vendor"), talk_string(d, "product"));
        screen_table_add(t, TONE_PLAIN, name);
        screen_table_add(t, TONE_PLAIN, classes);
        screen_table_add(t, subject_tone(d), subject_verdict(d));
        screen_table_add(t, TONE_PLAIN, why);
        screen_table_add(t, subject_effect_is_good(d) ? TONE_PLAIN : TONE_BAD, effect);
}

static enum outcome print_rule(const json_t *devices, const char *which) {
        const json_t *device = subject_find(devices, which);
        if (device)
                return device_rule_print(device);
        complain(_("There is no device %s; 'sekishoctl devices' lists what there is."), which);
        return OUTCOME_NO;
}

enum outcome run_devices(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_LIST_DEVICES), NULL, &reply);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->values[DEVICES_RULE])
                return print_rule(json_object_get(reply, "devices"), i->values[DEVICES_RULE]);
        if (i->json)
                return screen_json(json_incref(reply));

        const char *heads[] = { _("NO"),    _("PORT"),    _("ID"),         _("NAME"),
                                _("CLASS"), _("VERDICT"), _("BECAUSE OF"), _("EFFECT") };
        CLEANUP(screen_table_freep) struct screen_table *t = screen_table_new(sizeof heads / sizeof heads[0], heads);
        size_t n;
        json_t *device;
        json_array_foreach(json_object_get(reply, "devices"), n, device) add_device(t, n + 1, device);
        return screen_table_print(t, 0);
}
