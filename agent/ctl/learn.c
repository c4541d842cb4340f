/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "learn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "talk.h"

/* ---- collecting ---- */

static int compare_flows(const void *a, const void *b) {
        const struct learn_flow *x = a, *y = b;
        if (x->direction != y->direction)
                return (int) x->direction - (int) y->direction;
        if (x->protocol != y->protocol)
                return (int) x->protocol - (int) y->protocol;
        if (x->port != y->port)
                return (int) x->port - (int) y->port;
        return memcmp(&x->peer, &y->peer, sizeof x->peer);
}

/* The one copy of a text; NULL: no memory. */
static const char *keep(struct learned *l, const char *text) {
        for (size_t i = 0; i < l->n_texts; i++)
                if (strcmp(l->texts[i], text) == 0)
                        return l->texts[i];
        char **grown = realloc(l->texts, (l->n_texts + 1) * sizeof *grown);
        if (!grown)
                return NULL;
        l->texts = grown;
        char *copy = strdup(text);
        if (copy)
                l->texts[l->n_texts++] = copy;
        return copy;
}

static bool has_text(const char *const *list, unsigned n, const char *text) {
        for (unsigned i = 0; i < n && i < LEARN_WHO_MAX; i++)
                if (list[i] == text)
                        return true;
        return false;
}

static void add_program(struct learn_who *w, const char *program) {
        if (!program || has_text(w->programs, w->n_programs, program))
                return;
        if (w->n_programs < LEARN_WHO_MAX)
                w->programs[w->n_programs] = program;
        w->n_programs++;
}

static void add_uid(struct learn_who *w, int64_t uid) {
        for (unsigned i = 0; i < w->n_uids && i < LEARN_WHO_MAX; i++)
                if (w->uids[i] == uid)
                        return;
        if (w->n_uids < LEARN_WHO_MAX)
                w->uids[w->n_uids] = uid;
        w->n_uids++;
}

static void add_time(struct learn_who *w, int64_t first, int64_t last) {
        if (w->first == 0 || first < w->first)
                w->first = first;
        if (last > w->last)
                w->last = last;
}

static void add_mac(struct learn_flow *f, const struct mac *m) {
        for (unsigned i = 0; i < f->n_macs && i < LEARN_MACS_MAX; i++)
                if (memcmp(&f->macs[i], m, sizeof *m) == 0)
                        return;
        if (f->n_macs < LEARN_MACS_MAX)
                f->macs[f->n_macs] = *m;
        f->n_macs++;
}

static bool read_peer(const char *text, struct prefix *ret) {
        memset(ret, 0, sizeof *ret);
        for (int v6 = 0; v6 < 2; v6++)
                if (inet_pton(v6 ? AF_INET6 : AF_INET, text, ret->address) == 1) {
                        ret->family = v6 ? 6 : 4;
                        ret->length = v6 ? 128 : 32;
                        return true;
                }
        return false;
}

static bool is_icmp(enum protocol p) {
        return p == PROTOCOL_ICMP || p == PROTOCOL_ICMPV6;
}

/* icmp: its type stands in for the port, so that questions and answers are told apart. */
static void read_key(const json_t *n, struct learn_flow *ret) {
        memset(ret, 0, sizeof *ret);
        const char *direction = talk_string(n, "direction");
        ret->direction = strcmp(direction, "out") == 0  ? LEARN_OUT
                         : strcmp(direction, "in") == 0 ? LEARN_IN
                                                        : LEARN_THROUGH;
        ret->protocol = protocol_from_name(talk_string(n, "protocol"));
        (void) read_peer(talk_string(n, "peer"), &ret->peer);
        ret->port = (uint16_t) talk_integer(n, is_icmp(ret->protocol) ? "type" : "port");
}

static struct learn_flow *find_or_add(struct learned *l, const struct learn_flow *key) {
        struct learn_flow *const *found = tfind(key, &l->index, compare_flows);
        if (found)
                return *found;
        struct learn_flow *f = calloc(1, sizeof *f);
        if (!f)
                return NULL;
        *f = *key;
        f->order = l->n_seen++;
        if (!tsearch(f, &l->index, compare_flows)) {
                free(f);
                return NULL;
        }
        l->n_flows++;
        return f;
}

static int add_interface(struct learned *l, const char *name) {
        const char *kept = *name ? keep(l, name) : NULL;
        if (*name && !kept)
                return -ENOMEM;
        for (size_t i = 0; i < l->n_interfaces; i++)
                if (l->interfaces[i] == kept)
                        return 0;
        if (kept && l->n_interfaces < sizeof l->interfaces / sizeof *l->interfaces)
                l->interfaces[l->n_interfaces++] = kept;
        return 0;
}

int learn_add(struct learned *l, const json_t *event, bool blocked) {
        const json_t *own = json_object_get(json_object_get(event, "unmapped"), "sekisho");
        const json_t *n = json_object_get(own, "network");
        bool observed = json_is_false(json_object_get(own, "enforce"));
        /* Who called us counts in any case: it tells answers from questions. */
        bool inbound = strcmp(talk_string(n, "direction"), "in") == 0;
        if (!json_is_object(n) || (!observed && !blocked && !inbound))
                return 0;
        long long count = talk_integer(n, "count");
        if (strcmp(talk_string(n, "kind"), "flow") != 0) {
                l->storms += inbound ? 0 : count;
                return 0;
        }
        struct learn_flow key;
        read_key(n, &key);
        struct learn_flow *f = find_or_add(l, &key);
        if (!f)
                return -ENOMEM;
        bool leaving = strcmp(talk_string(n, "layer"), "egress") == 0;
        f->layers[leaving] += count;
        add_time(&f->who, talk_integer(n, "first"), talk_integer(n, "last"));
        struct mac m;
        if (facts_from_mac(talk_string(n, "mac"), &m))
                add_mac(f, &m);
        if (json_is_integer(json_object_get(n, "uid")))
                add_uid(&f->who, talk_integer(n, "uid"));
        const char *program = talk_string(n, "program");
        if (*program) {
                program = keep(l, program);
                if (!program)
                        return -ENOMEM;
                add_program(&f->who, program);
        }
        return key.direction == LEARN_OUT ? add_interface(l, talk_string(n, "interface")) : 0;
}

/* ---- judging ---- */

static bool is_group(const struct prefix *p) {
        static const uint8_t everybody[4] = { 255, 255, 255, 255 };
        if (p->family == 4)
                return p->address[0] >> 4 == 0xe || memcmp(p->address, everybody, 4) == 0;
        return p->family == 6 && p->address[0] == 0xff;
}

static int compare_peers(const void *a, const void *b) {
        return memcmp(a, b, sizeof(struct prefix));
}

static bool is_question(const struct learn_flow *f) {
        return !is_icmp(f->protocol) || f->port == (f->protocol == PROTOCOL_ICMP ? 8 : 128);
}

/* Who began: the direction of the first question between us and each peer. */
struct acquaintance {
        struct prefix peer; /* first: trees compare it */
        enum learn_direction began;
        size_t order;
};

static int get_acquainted(const struct learned *l, void **tree) {
        for (size_t i = 0; i < l->n_flows; i++) {
                const struct learn_flow *f = &l->flows[i];
                if (f->direction == LEARN_THROUGH || !is_question(f))
                        continue;
                struct acquaintance *a = calloc(1, sizeof *a);
                struct acquaintance *const *found = NULL;
                if (a) {
                        *a = (struct acquaintance){ .peer = f->peer, .began = f->direction, .order = f->order };
                        found = tsearch(a, tree, compare_peers);
                }
                if (!found) {
                        free(a);
                        return -ENOMEM;
                }
                if (*found != a) {
                        if (f->order < (*found)->order)
                                **found = *a;
                        free(a);
                }
        }
        return 0;
}

/* Flows of one host and protocol stand side by side. */
static int compare_hosts(const void *a, const void *b) {
        const struct learn_flow *x = a, *y = b;
        int r = (int) x->direction - (int) y->direction;
        if (r == 0)
                r = memcmp(&x->peer, &y->peer, sizeof x->peer);
        if (r == 0)
                r = (int) x->protocol - (int) y->protocol;
        return r != 0 ? r : (int) x->port - (int) y->port;
}

static bool same_host(const struct learn_flow *x, const struct learn_flow *y) {
        return x->direction == y->direction && x->protocol == y->protocol && compare_peers(&x->peer, &y->peer) == 0;
}

static enum learn_verdict judge(const struct learn_flow *f, size_t ports, void *const *acquaintances) {
        struct acquaintance *const *a = tfind(&f->peer, acquaintances, compare_peers);
        bool is_answer = !is_question(f) || (a && (*a)->began != f->direction);
        if (f->direction == LEARN_THROUGH)
                return LEARN_FORWARD;
        if (f->direction == LEARN_IN)
                return is_answer ? LEARN_ANSWER : LEARN_INBOUND;
        if (f->peer.family == 0 || f->protocol == PROTOCOL_INVALID)
                return LEARN_PROTOCOL;
        if (is_group(&f->peer))
                return LEARN_GROUP;
        if (is_answer)
                return LEARN_ANSWER;
        if (!is_icmp(f->protocol) && f->port == 0)
                return LEARN_PROTOCOL; /* a fragment without its beginning */
        return ports > LEARN_PORTS_MAX ? LEARN_SEARCH : LEARN_PROPOSED;
}

static void judge_all(struct learned *l, void *const *acquaintances) {
        qsort(l->flows, l->n_flows, sizeof *l->flows, compare_hosts);
        for (size_t first = 0, behind; first < l->n_flows; first = behind) {
                for (behind = first + 1; behind < l->n_flows && same_host(&l->flows[first], &l->flows[behind]);)
                        behind++;
                for (size_t i = first; i < behind; i++) {
                        struct learn_flow *f = &l->flows[i];
                        f->who.count = f->layers[0] > f->layers[1] ? f->layers[0] : f->layers[1];
                        f->verdict = judge(f, behind - first, acquaintances);
                }
        }
}

static struct learned *taking;
static void take_flow(void *node) {
        taking->flows[taking->n_flows++] = *(struct learn_flow *) node;
        free(node);
}

/* From the tree to a list. */
static int flatten(struct learned *l) {
        l->flows = calloc(l->n_flows ? l->n_flows : 1, sizeof *l->flows);
        if (!l->flows)
                return -ENOMEM;
        l->n_flows = 0;
        taking = l;
        tdestroy(l->index, take_flow);
        l->index = NULL;
        return 0;
}

int learn_finish(struct learned *l) {
        void *acquaintances = NULL;
        int r = flatten(l);
        if (r == 0)
                r = get_acquainted(l, &acquaintances);
        if (r == 0)
                judge_all(l, &acquaintances);
        tdestroy(acquaintances, free);
        return r < 0 ? r : learn_rules(l);
}

void learned_clear(struct learned *l) {
        tdestroy(l->index, free);
        for (size_t i = 0; i < l->n_rules; i++) {
                free(l->rules[i].ports);
                free(l->rules[i].prefixes);
        }
        for (size_t i = 0; i < l->n_texts; i++)
                free(l->texts[i]);
        free(l->texts);
        free(l->rules);
        free(l->flows);
        memset(l, 0, sizeof *l);
}
