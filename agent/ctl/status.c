/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "findings.h"
#include "login_state.h"
#include "policy_file.h"
#include "screen.h"
#include "talk.h"

/* What the policy speaks of, and who holds it. */
static const struct section {
        const char *name;      /* as in the policy */
        const char *guards[2]; /* together */
        size_t offset;         /* of its enum mode in struct policy */
} sections[] = {
        { "devices", { "usb", "bus" }, offsetof(struct policy, devices.mode) },
        { "network", { "network" }, offsetof(struct policy, network.mode) },
        { "clipboard", { "session" }, offsetof(struct policy, clipboard.mode) },
        { "login", { "login" }, offsetof(struct policy, login.mode) },
};

static const struct {
        const char *source, *text;
        enum tone tone;
} sources[] = {
        { "file", N_("accepted policy file"), TONE_PLAIN },
        { "last-good", N_("last good copy; the file is damaged or was changed"), TONE_BAD },
        { "default", N_("default policy, as shipped"), TONE_NOTE },
        { "built-in", N_("none valid: everything is shut but keyboards"), TONE_BAD },
};

static void add_row(struct screen_table *t, const char *what, enum tone tone, const char *value) {
        screen_table_add(t, TONE_FAINT, what);
        screen_table_add(t, tone, value);
}

/* The policy's own mode, and whether devices are held to it: a section may have a mode of its own. */
static const struct {
        bool policy_enforces, devices_held;
        enum tone tone;
        const char *text;
} modes[] = {
        { true, true, TONE_GOOD, N_("enforce") },
        { true, false, TONE_BAD, N_("enforce, but devices are not held back") },
        { false, true, TONE_NOTE, N_("observe, but devices are held back") },
        { false, false, TONE_NOTE, N_("observe: everything is recorded, nothing is blocked") },
};

static void add_mode(struct screen_table *t, const json_t *status, const json_t *policy) {
        bool enforces = strcmp(talk_string(policy, "mode"), mode_name(MODE_ENFORCE)) == 0;
        bool held = talk_bool(status, "enforcing");
        for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
                if (modes[i].policy_enforces == enforces && modes[i].devices_held == held)
                        add_row(t, _("Mode"), modes[i].tone, _(modes[i].text));
}

static void add_source(struct screen_table *t, const json_t *policy) {
        const char *source = talk_string(policy, "source");
        for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
                if (strcmp(sources[i].source, source) == 0) {
                        add_row(t, _("Source"), sources[i].tone, _(sources[i].text));
                        return;
                }
        add_row(t, _("Source"), TONE_PLAIN, source);
}

static void add_policy(struct screen_table *t, const json_t *policy) {
        screen_table_add(t, TONE_FAINT, _("Policy"));
        screen_table_addf(t, TONE_PLAIN,
                          talk_bool(policy, "signed") ? _("%s, serial %lld, signed; rules: %lld")
                                                      : _("%s, serial %lld, not signed; rules: %lld"),
                          talk_string(policy, "fleet"), talk_integer(policy, "serial"), talk_integer(policy, "rules"));
        add_source(t, policy);
        bool expired = talk_bool(policy, "expired");
        screen_table_add(t, TONE_FAINT, _("Expires"));
        screen_table_addf(t, expired ? TONE_BAD : TONE_PLAIN, expired ? _("%s: it has EXPIRED") : "%s",
                          talk_string(policy, "expires"));
        if (*talk_string(policy, "contact"))
                add_row(t, _("Contact"), TONE_PLAIN, talk_string(policy, "contact"));
}

static void add_record(struct screen_table *t, const json_t *record) {
        long long failures = talk_integer(record, "sink_failures");
        screen_table_add(t, TONE_FAINT, _("Record"));
        if (failures > 0)
                screen_table_addf(t, TONE_NOTE, _("%s, last number %lld; not taken by collectors: %lld"),
                                  talk_string(record, "file"), talk_integer(record, "seq"), failures);
        else
                screen_table_addf(t, TONE_PLAIN, _("%s, last number %lld"), talk_string(record, "file"),
                                  talk_integer(record, "seq"));
}

/* Nothing is said of what never happened. */
static void add_network(struct screen_table *t, const json_t *tally) {
        long long blocked = talk_integer(tally, "blocked"), observed = talk_integer(tally, "observed"),
                  lost = talk_integer(tally, "lost");
        if (blocked + observed + lost == 0)
                return;
        screen_table_add(t, TONE_FAINT, _("Network"));
        screen_table_addf(t, TONE_NOTE,
                          _("packets held back: %lld, observed only: %lld, without particulars: %lld; last at %s"),
                          blocked, observed, lost, talk_string(tally, "last"));
}

/* What the guards of a section hold together. */
struct held {
        bool any, holding;
        const char *mode;
        long long seen, open, blocked;
};

static struct held held_by(const json_t *guards, const struct section *s) {
        struct held h = { .holding = true, .mode = "" };
        size_t n;
        json_t *guard;
        json_array_foreach(guards, n, guard) for (size_t i = 0; i < 2 && s->guards[i]; i++) {
                if (strcmp(talk_string(guard, "name"), s->guards[i]) != 0)
                        continue;
                h.any = true;
                h.holding = h.holding && talk_bool(guard, "holding");
                h.mode = talk_string(guard, "mode");
                h.seen += talk_integer(guard, "subjects");
                h.open += talk_integer(guard, "open");
                h.blocked += talk_integer(guard, "blocked");
        }
        return h;
}

/* policy: NULL when its text cannot be had. */
static void add_section(struct screen_table *t, const struct section *s, const json_t *guards,
                        const struct policy *policy) {
        struct held h = held_by(guards, s);
        screen_table_add(t, TONE_FAINT, s->name);
        if (h.any) {
                bool network = strcmp(s->name, "network") == 0; /* holds interfaces, not devices */
                screen_table_addf(
                        t, h.holding ? TONE_GOOD : TONE_BAD,
                        network     ? h.holding ? _("%s: holding; interfaces: %lld, open: %lld, kept down: %lld")
                                                : _("%s: NOT HOLDING; interfaces: %lld, open: %lld, kept down: %lld")
                            : h.holding ? _("%s: holding; seen: %lld, open: %lld, blocked: %lld")
                                    : _("%s: NOT HOLDING; seen: %lld, open: %lld, blocked: %lld"),
                        h.mode, h.seen, h.open, h.blocked);
        } else if (policy) {
                const enum mode *mode = (const enum mode *) (const void *) ((const char *) policy + s->offset);
                screen_table_addf(t, TONE_NOTE, _("policy says %s; no guard in this version"), mode_name(*mode));
        } else {
                screen_table_add(t, TONE_NOTE, _("no guard in this version"));
        }
}

/* The verifier is its guard, and PAM asks it only when it was told to. */
static void add_login(struct screen_table *t, const json_t *login, const struct policy *policy) {
        bool on = talk_bool(login, "switched_on");
        const char *mode = policy ? mode_name(policy->login.mode) : talk_string(login, "mode");
        bool demanded = strcmp(mode, mode_name(MODE_ENFORCE)) == 0;
        screen_table_add(t, TONE_FAINT, "login");
        if (on && !talk_bool(login, "verifier"))
                screen_table_addf(t, TONE_BAD, _("%s: NOT HOLDING; the verifier does not answer"), mode);
        else if (on)
                screen_table_addf(t, TONE_GOOD, _("%s: holding; enrolled: %lld"), mode,
                                  talk_integer(login, "enrolled"));
        else
                screen_table_addf(t, demanded ? TONE_BAD : TONE_NOTE, _("%s: not switched on; enrolled: %lld"), mode,
                                  talk_integer(login, "enrolled"));
}

/* The sections' own modes stand in the policy's text. */
static struct policy *ask_policy(const struct invocation *i) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        if (ipc_client_connect_at(&i->root, AGENT_SOCKET, TALK_USEC, &client) < 0 ||
            ipc_client_call(client, AGENT_METHOD(AGENT_GET_POLICY), NULL, &reply, &error) != 0)
                return NULL;
        const char *text = talk_string(reply, "text");
        CLEANUP(problems_clear) struct problems problems = { 0 };
        struct policy *policy = NULL;
        return *text && policy_parse(text, strlen(text), &problems, &policy) == 0 ? policy : NULL;
}

static enum outcome print(const struct invocation *i, const json_t *status) {
        const json_t *info = json_object_get(status, "policy");
        CLEANUP(screen_table_freep) struct screen_table *top = screen_table_new(2, NULL);
        add_mode(top, status, info);
        add_policy(top, info);
        add_record(top, json_object_get(status, "record"));
        add_network(top, json_object_get(status, "network"));

        CLEANUP(policy_freep) struct policy *policy = ask_policy(i);
        CLEANUP(screen_table_freep) struct screen_table *middle = screen_table_new(2, NULL);
        const json_t *login = json_object_get(status, "login");
        for (size_t k = 0; k < sizeof sections / sizeof sections[0]; k++)
                if (login && strcmp(sections[k].name, "login") == 0)
                        add_login(middle, login, policy);
                else
                        add_section(middle, &sections[k], json_object_get(status, "guards"), policy);

        CLEANUP(free_p) char *version = screen_text(talk_string(status, "version"));
        printf("%sSekisho %s%s\n", screen_tone(TONE_BOLD), version ? version : "", screen_reset());
        enum outcome outcome = screen_table_print(top, 2);
        printf("\n%s%s%s\n", screen_tone(TONE_BOLD), _("Guards"), screen_reset());
        if (outcome == OUTCOME_YES)
                outcome = screen_table_print(middle, 2);
        printf("\n%s%s%s\n", screen_tone(TONE_BOLD), _("Needs attention"), screen_reset());
        findings_print(json_object_get(status, "attention"));
        return outcome;
}

enum outcome run_status(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *status = NULL;
        enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_GET_STATUS), NULL, &status);
        if (outcome != OUTCOME_YES)
                return outcome;
        login_status_add(i, status);
        outcome = i->json ? screen_json(json_incref(status)) : print(i, status);
        if (outcome != OUTCOME_YES)
                return outcome;
        return findings_fall_short(json_object_get(status, "attention")) ? OUTCOME_NO : OUTCOME_YES;
}
