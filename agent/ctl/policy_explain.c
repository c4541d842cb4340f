/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <sekisho/decision.h>
#include <string.h>
#include <time.h>

#include "base/timesource.h"
#include "facts.h"
#include "options.h"
#include "policy_file.h"
#include "screen.h"
#include "when.h"

#define FACTS_MAX 65536u

struct question {
        struct facts facts;
        struct context context;
        char *storage; /* what the facts point into */
        const char **groups;
};

static void question_clear(struct question *q) {
        free(q->storage);
        free(q->groups);
}

static enum outcome bad(const char *what, char *problem) {
        complain("%s: %s", what, problem ? problem : strerror(ENOMEM));
        free(problem);
        return OUTCOME_BAD;
}

static enum outcome ask_device(const char *path, struct question *q) {
        CLEANUP(document_clear) struct document document = { 0 };
        enum outcome outcome = policy_file_read(path, &document);
        if (outcome != OUTCOME_YES)
                return outcome;

        json_error_t error;
        CLEANUP(json_decrefp) json_t *object = NULL;
        if (document.size <= FACTS_MAX)
                object = json_loadb(document.bytes, document.size, JSON_REJECT_DUPLICATES, &error);
        else
                (void) snprintf(error.text, sizeof error.text, "%s", document_outcome_text(DOCUMENT_TOO_LARGE));
        if (!object) {
                complain(_("%s: This is not JSON: %s"), path, error.text);
                return OUTCOME_BAD;
        }
        char *problem = NULL;
        q->facts.kind = FACTS_DEVICE;
        return facts_from_json(object, &q->facts.device, &problem) ? OUTCOME_YES : bad(path, problem);
}

static enum outcome ask_connect(const char *text, struct question *q) {
        char *problem = NULL;
        q->facts.kind = FACTS_CONNECT;
        return facts_from_connect(text, &q->facts.connect, &problem) ? OUTCOME_YES : bad("--connect", problem);
}

static enum outcome ask_paste(const char *text, struct question *q) {
        char *problem = NULL;
        q->facts.kind = FACTS_PASTE;
        return facts_from_paste(text, &q->facts.paste, &q->storage, &problem) ? OUTCOME_YES : bad("--paste", problem);
}

static enum outcome ask_login(const char *text, struct question *q) {
        char *problem = NULL;
        q->facts.kind = FACTS_LOGIN;
        return facts_from_login(text, &q->facts.login, &q->storage, &q->groups, &problem) ? OUTCOME_YES
                                                                                          : bad("--login", problem);
}

static enum outcome set_time(const struct invocation *i, struct question *q) {
        q->context.now = (int64_t) time(NULL);
        const char *at = i->values[EXPLAIN_AT];
        if (at && !when_moment(at, &q->context.now)) {
                complain(_("'%s' is not a moment; expected: 2026-11-23T09:00:00+09:00."), at);
                return OUTCOME_BAD;
        }
        int r = time_local(q->context.now, &q->context.weekday, &q->context.minute);
        if (r < 0)
                complain("--at: %s", strerror(-r));
        return r < 0 ? OUTCOME_BAD : OUTCOME_YES;
}

static enum outcome set_next_hop(const struct invocation *i, struct question *q) {
        const char *text = i->values[EXPLAIN_NEXT_HOP];
        if (!text)
                return OUTCOME_YES;
        struct connect_facts *f = &q->facts.connect;
        f->has_next_hop = q->facts.kind == FACTS_CONNECT && facts_from_mac(text, &f->next_hop);
        if (!f->has_next_hop)
                complain(_("'--next-hop' goes with '--connect' and takes a hardware address, 52:54:00:12:34:56."));
        return f->has_next_hop ? OUTCOME_YES : OUTCOME_BAD;
}

/* Exactly one of the four questions. */
static enum outcome read_question(const struct invocation *i, struct question *q) {
        static enum outcome (*const ask[])(const char *text, struct question *q) = {
                [EXPLAIN_DEVICE] = ask_device,
                [EXPLAIN_CONNECT] = ask_connect,
                [EXPLAIN_PASTE] = ask_paste,
                [EXPLAIN_LOGIN] = ask_login,
        };
        int chosen = -1, n = 0;
        for (int k = 0; k <= EXPLAIN_LOGIN; k++)
                if (i->values[k]) {
                        chosen = k;
                        n++;
                }
        if (n != 1) {
                complain(_("Give one of '--device', '--connect', '--paste', '--login'."));
                return OUTCOME_BAD;
        }
        /* Questions are asked as if one other keyboard worked: the floor for the last one is not about the rules. */
        q->context.working_keyboards = 1;
        enum outcome outcome = ask[chosen](i->values[chosen], q);
        if (outcome == OUTCOME_YES)
                outcome = set_time(i, q);
        return outcome == OUTCOME_YES ? set_next_hop(i, q) : outcome;
}

static bool has_zone(const struct clipboard_policy *c, const char *id) {
        for (uint32_t i = 0; i < c->n_zones; i++)
                if (strcmp(c->zones[i].id, id) == 0)
                        return true;
        complain(_("The policy has no zone '%s'."), id);
        return false;
}

static void hear(const char *rule, uint32_t line, const char *mismatch, void *userdata) {
        (void) json_array_append_new(userdata, json_pack("{s:s?, s:I, s:s?}", "rule", rule, "line", (json_int_t) line,
                                                         "mismatch", mismatch));
}

static void print(const char *path, const struct verdict *v, const json_t *trace) {
        size_t n;
        json_t *step;
        json_array_foreach(trace, n, step) {
                const char *mismatch = json_string_value(json_object_get(step, "mismatch"));
                const char *rule = json_string_value(json_object_get(step, "rule"));
                screen_put(TONE_FAINT, path);
                printf(":%" JSON_INTEGER_FORMAT ": ", json_integer_value(json_object_get(step, "line")));
                screen_put(TONE_PLAIN, rule ? rule : "-");
                if (mismatch)
                        printf(_(": does not match (%s)"), mismatch);
                else
                        fputs(_(": matches"), stdout);
                putchar('\n');
        }
        screen_put(v->action == ACTION_BLOCK ? TONE_BAD : TONE_GOOD, action_name(v->action));
        printf(": %s (%s)\n", reason_text(v->reason), reason_code(v->reason));
        if (v->note) {
                screen_put(TONE_PLAIN, v->note);
                putchar('\n');
        }
        if (!v->enforce)
                puts(_("This section only observes: it would be recorded, and nothing is held back."));
}

enum outcome run_policy_explain(const struct invocation *i) {
        CLEANUP(question_clear) struct question q = { 0 };
        enum outcome outcome = read_question(i, &q);
        if (outcome != OUTCOME_YES)
                return outcome;
        CLEANUP(policy_freep) struct policy *policy = NULL;
        outcome = policy_file_load(i->arguments[0], &policy);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (q.facts.kind == FACTS_PASTE &&
            (!has_zone(&policy->clipboard, q.facts.paste.from) || !has_zone(&policy->clipboard, q.facts.paste.to)))
                return OUTCOME_BAD;

        CLEANUP(json_decrefp) json_t *trace = json_array();
        struct verdict v;
        decide_linear(policy, &q.facts, &q.context, &v, hear, trace);
        if (!i->json)
                print(i->arguments[0], &v, trace);
        else
                outcome = screen_json(json_pack("{s:s, s:s?, s:b, s:s, s:I, s:O}", "action", action_name(v.action),
                                                "rule", v.rule, "explicit", (int) v.explicit_rule, "reason",
                                                reason_code(v.reason), "line", (json_int_t) v.line, "trace", trace));
        if (outcome != OUTCOME_YES)
                return outcome;
        return v.action == ACTION_BLOCK ? OUTCOME_NO : OUTCOME_YES;
}
