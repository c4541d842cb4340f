/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "audit/mask.h"
#include "audit/view.h"
#include "ipc/agent_interface.h"
#include "login_report.h"
#include "options.h"
#include "screen.h"
#include "talk.h"

/* ---- findings ---- */

__attribute__((format(printf, 2, 0))) static void add_line(struct finding *f, const char *format, va_list arguments) {
        CLEANUP(free_p) char *line = NULL;
        char *all = NULL;
        if (vasprintf(&line, format, arguments) < 0) {
                line = NULL;
                return;
        }
        mask_numbers(line);
        if (asprintf(&all, "%s%s%s", f->evidence ? f->evidence : "", f->evidence ? "\n" : "", line) < 0)
                return;
        free(f->evidence);
        f->evidence = all;
}

void say(struct finding *f, enum fit fit, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        add_line(f, format, arguments);
        va_end(arguments);
        f->fit = !f->said || fit < f->fit ? fit : f->fit;
        f->said = true;
}

void note(struct finding *f, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        add_line(f, format, arguments);
        va_end(arguments);
}

/* ---- what probes look at ---- */

/* What people wrote into a permit may be a My Number, and goes into reports. */
static void mask_texts(json_t *value) {
        size_t n;
        const char *key;
        json_t *member;
        if (json_is_string(value)) {
                CLEANUP(free_p) char *text = strdup(json_string_value(value));
                if (text)
                        mask_numbers(text);
                (void) json_string_set(value, text ? text : "");
        }
        json_object_foreach(value, key, member) mask_texts(member);
        json_array_foreach(value, n, member) mask_texts(member);
}

/* The answer, or NULL: an item says itself what it lacks. */
static json_t *ask(const struct invocation *i, const char *method) {
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        if (ipc_client_connect_at(&i->root, AGENT_SOCKET, TALK_USEC, &client) < 0 ||
            ipc_client_call(client, method, NULL, &reply, &error) != 0)
                return NULL;
        return TAKE_PTR(reply);
}

static json_t *ask_verifier(const struct invocation *i, const char *method, json_t *parameters) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        return otp_try(i, method, parameters, &reply, &error) == 0 ? TAKE_PTR(reply) : NULL;
}

/* Page by page; NULL where one of them is not to be had. */
static json_t *ask_users(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *all = json_array();
        json_t *after = NULL;
        for (;;) {
                CLEANUP(json_decrefp) json_t *page = ask_verifier(i, OTP_LIST, json_pack("{s:O*}", "after", after));
                if (!page)
                        return NULL;
                const json_t *users = json_object_get(page, "users");
                if (json_array_size(users) == 0)
                        return TAKE_PTR(all);
                if (json_array_extend(all, (json_t *) users) < 0)
                        return NULL;
                after = json_object_get(json_array_get(all, json_array_size(all) - 1), "uid");
        }
}

static int hear(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        tally_hear(userdata, event);
        return 0;
}

static void read_record(struct inspection *n) {
        int r = tally_begin(&n->tally, n->now - (int64_t) INSPECT_DAYS * 86400, n->now + 1);
        if (r == 0)
                r = audit_read_all(n->root, n->tally.from, hear, &n->tally);
        tally_end(&n->tally);
        n->has_record = r == 0 && !n->tally.failed;
        n->record_error = r;
}

void inspection_ask(const struct invocation *i, struct inspection *ret) {
        *ret = (struct inspection){ .invocation = i, .root = &i->root, .now = (int64_t) time(NULL) };
        ret->status = ask(i, AGENT_METHOD(AGENT_GET_STATUS));
}

/* What the agent says is in force is so, also where that is nothing; only if it says nothing its files are looked at.
 */
static void ask_policy(const struct invocation *i, struct inspection *ret) {
        CLEANUP(json_decrefp) json_t *reply = ask(i, AGENT_METHOD(AGENT_GET_POLICY));
        const char *text = talk_string(reply, "text");
        CLEANUP(problems_clear) struct problems problems = { 0 };
        ret->gave_policy = reply != NULL;
        if (!reply)
                login_policy_in_force(i, &ret->policy);
        else if (*text)
                ret->gave_nonsense = policy_parse(text, strlen(text), &problems, &ret->policy) != 0;
}

enum outcome inspection_begin(const struct invocation *i, struct inspection *ret) {
        inspection_ask(i, ret);
        ask_policy(i, ret);
        ret->devices = ask(i, AGENT_METHOD(AGENT_LIST_DEVICES));
        ret->permits = ask(i, AGENT_METHOD(AGENT_LIST_PERMITS));
        mask_texts(ret->permits);
        ret->verifier = ask_verifier(i, OTP_STATUS, NULL);
        ret->users = ret->verifier ? ask_users(i) : NULL;
        read_record(ret);
        return OUTCOME_YES;
}

void inspection_clear(struct inspection *n) {
        n->policy = policy_free(n->policy);
        json_decref(n->status);
        json_decref(n->devices);
        json_decref(n->permits);
        json_decref(n->verifier);
        json_decref(n->users);
        tally_clear(&n->tally);
        *n = (struct inspection){ 0 };
}

bool inspection_attention(const struct inspection *n, const char *code) {
        size_t k;
        json_t *finding;
        json_array_foreach(json_object_get(n->status, "attention"), k,
                           finding) if (strcmp(talk_string(finding, "code"), code) == 0) return true;
        return false;
}

void inspection_run(const struct inspection *n, struct inspection_report *ret) {
        *ret = (struct inspection_report){ 0 };
        for (const struct item *item = items; item->id && ret->n < ITEMS_MAX; item++) {
                struct result *r = &ret->results[ret->n++];
                *r = (struct result){ .item = item, .finding = { .fit = FIT_UNKNOWN } };
                if (!item->probe)
                        continue;
                screen_progress(_("Inspecting"), (unsigned long long) (item - items), ITEMS_MAX);
                item->probe(n, &r->finding);
                ret->counts[r->finding.fit]++;
        }
        screen_progress_end();
}

void inspection_report_clear(struct inspection_report *r) {
        for (size_t i = 0; i < r->n; i++)
                free(r->results[i].finding.evidence);
        *r = (struct inspection_report){ 0 };
}

bool inspection_all_fit(const struct inspection_report *r) {
        return r->counts[FIT_NO] == 0 && r->counts[FIT_UNKNOWN] == 0;
}

/* ---- the verb ---- */

static enum outcome print(const struct invocation *i, const struct inspection *n, const struct inspection_report *r) {
        const char *format = i->values[INSPECT_FORMAT];
        if (i->json || (format && strcmp(format, "json") == 0))
                return screen_json(inspection_json(n, r));
        if (!format)
                return inspection_print(r);
        if (strcmp(format, "html") == 0)
                inspection_html(stdout, n, r);
        else
                inspection_csv(stdout, n, r);
        return ferror(stdout) ? OUTCOME_BAD : OUTCOME_YES;
}

enum outcome run_inspect(const struct invocation *i) {
        const char *format = i->values[INSPECT_FORMAT];
        if (format && strcmp(format, "html") != 0 && strcmp(format, "json") != 0 && strcmp(format, "csv") != 0) {
                complain(_("'%s' is no format; there are: %s."), format, "html, json, csv");
                return OUTCOME_BAD;
        }
        CLEANUP(inspection_clear) struct inspection n;
        CLEANUP(inspection_report_clear) struct inspection_report r = { 0 };
        enum outcome outcome = inspection_begin(i, &n);
        if (outcome != OUTCOME_YES)
                return outcome;
        inspection_run(&n, &r);
        outcome = print(i, &n, &r);
        return outcome == OUTCOME_YES && !inspection_all_fit(&r) ? OUTCOME_NO : outcome;
}
