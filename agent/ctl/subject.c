/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "subject.h"

#include <sekisho/decision.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"

static const struct {
        const char *effect, *text;
        bool good;
} effects[] = {
        { "as-decided", N_("as decided"), true },
        { "not-enforced", N_("not enforced"), true },
        { "pending", N_("being done"), true },
        { "gone", N_("unplugged"), true },
        { "differs", N_("NOT as decided"), false },
        { "failed", N_("FAILED"), false },
        { "timed-out", N_("FAILED: no answer in time"), false },
};

static size_t effect_of(const json_t *device) {
        const char *effect = talk_string(device, "effect");
        size_t i = 0;
        while (i < sizeof effects / sizeof effects[0] && strcmp(effects[i].effect, effect) != 0)
                i++;
        return i;
}

const char *subject_effect(const json_t *device) {
        size_t i = effect_of(device);
        return i < sizeof effects / sizeof effects[0] ? _(effects[i].text) : talk_string(device, "effect");
}

bool subject_effect_is_good(const json_t *device) {
        size_t i = effect_of(device);
        return i < sizeof effects / sizeof effects[0] && effects[i].good;
}

static const struct {
        enum action action;
        const char *enforced, *observed;
        enum tone tone;
} verdicts[] = {
        { ACTION_BLOCK, N_("blocked"), N_("open (would be blocked)"), TONE_BAD },
        { ACTION_ALLOW, N_("allowed"), N_("allowed"), TONE_GOOD },
        { ACTION_READ_ONLY, N_("read-only"), N_("open (would be read-only)"), TONE_GOOD },
};

static size_t verdict_of(const json_t *device) {
        enum action action = action_from_name(talk_string(device, "action"));
        size_t i = 0;
        while (i < sizeof verdicts / sizeof verdicts[0] && verdicts[i].action != action)
                i++;
        return i;
}

const char *subject_verdict(const json_t *device) {
        size_t i = verdict_of(device);
        if (i == sizeof verdicts / sizeof verdicts[0])
                return talk_string(device, "action");
        return talk_bool(device, "enforce") ? _(verdicts[i].enforced) : _(verdicts[i].observed);
}

enum tone subject_tone(const json_t *device) {
        size_t i = verdict_of(device);
        if (i == sizeof verdicts / sizeof verdicts[0] || !talk_bool(device, "enforce"))
                return TONE_NOTE;
        return verdicts[i].tone;
}

const json_t *subject_find(const json_t *devices, const char *which) {
        char *end = NULL;
        unsigned long number = strtoul(which, &end, 10);
        if (*end == '\0' && number > 0)
                return json_array_get(devices, number - 1);
        size_t n;
        json_t *device;
        json_array_foreach(devices, n, device) if (strcmp(talk_string(device, "port"), which) == 0) return device;
        return NULL;
}

bool subject_is_media(const json_t *device) {
        size_t n;
        json_t *class;
        json_array_foreach(json_object_get(device, "classes"), n, class) {
                const char *name = json_string_value(class);
                if (!name || (strcmp(name, "storage") != 0 && strcmp(name, "optical") != 0))
                        return false;
        }
        return json_array_size(json_object_get(device, "classes")) > 0;
}

char *subject_name(const json_t *device) {
        const char *name = talk_string(device, "name"), *known_as = talk_string(device, "known_as");
        char *text = NULL;
        int n;
        if (*name && *known_as && strcmp(name, known_as) != 0)
                n = asprintf(&text, "%s (%s)", name, known_as);
        else
                n = asprintf(&text, "%s", *name ? name : known_as);
        return n < 0 ? NULL : text;
}

char *subject_classes(const json_t *device) {
        char *text = NULL;
        size_t length, n;
        FILE *f = open_memstream(&text, &length);
        if (!f)
                return NULL;
        json_t *class;
        json_array_foreach(json_object_get(device, "classes"), n, class)
                fprintf(f, "%s%s", n > 0 ? ", " : "", json_is_string(class) ? json_string_value(class) : "?");
        return fclose(f) == 0 ? text : (free(text), NULL);
}

static const char *reason_words(const char *code) {
        for (int r = 0; r < REASON_MAX; r++)
                if (strcmp(reason_code((enum reason) r), code) == 0)
                        return reason_text((enum reason) r);
        return code;
}

char *subject_why(const json_t *device) {
        const char *rule = json_string_value(json_object_get(device, "rule"));
        const char *reason = talk_string(device, "reason"), *permit = talk_string(device, "permit");
        char *text = NULL;
        int n;
        if (*permit)
                n = asprintf(&text, _("permit %s (%s)"), permit, talk_string(device, "ticket"));
        else if (!rule)
                n = asprintf(&text, "%s", reason_words(reason));
        else if (strcmp(reason, reason_code(REASON_RULE)) == 0)
                n = asprintf(&text, _("rule %s (line %lld)"), rule, talk_integer(device, "line"));
        else
                n = asprintf(&text, _("rule %s (line %lld): %s"), rule, talk_integer(device, "line"),
                             reason_words(reason));
        return n < 0 ? NULL : text;
}
