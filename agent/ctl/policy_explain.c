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

static enum outcome set_interface(const struct invocation *i, struct question *q) {
        const char *name = i->values[EXPLAIN_INTERFACE];
        if (name && q->facts.kind != FACTS_CONNECT) {
                complain(_("'--interface' goes with '--connect'."));
                return OUTCOME_BAD;
        }
        if (name)
                q->facts.connect.interface = name;
        return OUTCOME_YES;
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
        if (outcome == OUTCOME_YES)
                outcome = set_interface(i, q);
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

/* ---- connections: which layer holds it, and by which next hop it would pass ---- */

static const struct layer {
        const char *word, *text;
} layers[] = {
        { "interface", N_("the interface is kept down, and its frames are dropped where they leave") },
        { "egress", N_("where frames leave the interface: none of these rules lists this next hop") },
        { "inet", N_("in the host's own network stack: no rule lists this address, protocol and port") },
};

/* The rule that would match but for its next hop; NULL: none. */
static const struct network_rule *nearly(const struct policy *p, const struct connect_facts *f, const json_t *trace) {
        const struct network_rule *rules = f->inbound ? p->network.inbound : p->network.rules;
        size_t n;
        json_t *step;
        json_array_foreach(trace, n, step) {
                const char *mismatch = json_string_value(json_object_get(step, "mismatch"));
                if (mismatch && strcmp(mismatch, "next-hop") == 0)
                        return &rules[n];
        }
        return NULL;
}

/* NULL: nothing holds it. What comes in is judged whole in one place. */
static const struct layer *holding_layer(const struct question *q, const struct verdict *v,
                                         const struct network_rule *near) {
        if (q->facts.kind != FACTS_CONNECT || v->action != ACTION_BLOCK)
                return NULL;
        if (v->reason == REASON_INTERFACE)
                return &layers[0];
        return near && !q->facts.connect.inbound ? &layers[1] : &layers[2];
}

static void print_next_hops(const struct network_rule *r) {
        printf(_("Rule %s lets it pass by these next hops:"), r->id);
        for (uint32_t i = 0; i < r->n_next_hops; i++) {
                const uint8_t *m = r->next_hops[i].octets;
                printf(" %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        }
        putchar('\n');
}

static void print_connect(const struct layer *layer, const struct network_rule *near) {
        if (layer)
                printf(_("Held back: %s\n"), _(layer->text));
        if (layer && near)
                print_next_hops(near);
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
        bool connect = q.facts.kind == FACTS_CONNECT;
        const struct network_rule *near = connect ? nearly(policy, &q.facts.connect, trace) : NULL;
        const struct layer *layer = holding_layer(&q, &v, near);
        if (!i->json) {
                print(i->arguments[0], &v, trace);
                print_connect(layer, near);
        } else {
                json_t *answer = json_pack("{s:s, s:s?, s:b, s:s, s:I, s:O}", "action", action_name(v.action), "rule",
                                           v.rule, "explicit", (int) v.explicit_rule, "reason", reason_code(v.reason),
                                           "line", (json_int_t) v.line, "trace", trace);
                if (answer && connect)
                        (void) json_object_set_new(answer, "layer", layer ? json_string(layer->word) : json_null());
                outcome = screen_json(answer);
        }
        if (outcome != OUTCOME_YES)
                return outcome;
        return v.action == ACTION_BLOCK ? OUTCOME_NO : OUTCOME_YES;
}
