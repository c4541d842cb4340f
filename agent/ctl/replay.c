/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "replay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <search.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/timesource.h"
#include "facts.h"

#define KNOWN_MAX 4096u /* devices that are kept; a power of two */
#define TEXT_MAX  2048u
#define USERS_MAX 4u

enum member {
        MEMBER_TIME,
        MEMBER_METADATA,
        MEMBER_CODE,
        MEMBER_UNMAPPED,
        MEMBER_OWN,
        MEMBER_REASON,
        MEMBER_ACTION,
        MEMBER_ENFORCE,
        MEMBER_FACTS,
        MEMBER_NETWORK,
        MEMBER_DIRECTION,
        MEMBER_PROTOCOL,
        MEMBER_PEER,
        MEMBER_PORT,
        MEMBER_TYPE,
        MEMBER_MAC,
        MEMBER_INTERFACE,
        MEMBER_UID,
        MEMBER_PROGRAM,
        MEMBER_LOGIN,
        MEMBER_USER,
        MEMBER_SERVICE,
        MEMBER_PASTE,
        MEMBER_PASTE_FROM,
        MEMBER_PASTE_TO,
        MEMBER_PASTE_TYPES,
        MEMBER_PASTE_BYTES,
        MEMBER_PASTE_NUMBER,
        MEMBER_PASTE_UID,
        MEMBER_MAX,
};

static const struct field_path paths[MEMBER_MAX] = {
        [MEMBER_TIME] = { "time", -1 },
        [MEMBER_METADATA] = { "metadata", -1 },
        [MEMBER_CODE] = { "event_code", MEMBER_METADATA },
        [MEMBER_UNMAPPED] = { "unmapped", -1 },
        [MEMBER_OWN] = { "sekisho", MEMBER_UNMAPPED },
        [MEMBER_REASON] = { "reason", MEMBER_OWN },
        [MEMBER_ACTION] = { "action", MEMBER_OWN },
        [MEMBER_ENFORCE] = { "enforce", MEMBER_OWN },
        [MEMBER_FACTS] = { "facts", MEMBER_OWN },
        [MEMBER_NETWORK] = { "network", MEMBER_OWN },
        [MEMBER_DIRECTION] = { "direction", MEMBER_NETWORK },
        [MEMBER_PROTOCOL] = { "protocol", MEMBER_NETWORK },
        [MEMBER_PEER] = { "peer", MEMBER_NETWORK },
        [MEMBER_PORT] = { "port", MEMBER_NETWORK },
        [MEMBER_TYPE] = { "type", MEMBER_NETWORK },
        [MEMBER_MAC] = { "mac", MEMBER_NETWORK },
        [MEMBER_INTERFACE] = { "interface", MEMBER_NETWORK },
        [MEMBER_UID] = { "uid", MEMBER_NETWORK },
        [MEMBER_PROGRAM] = { "program", MEMBER_NETWORK },
        [MEMBER_LOGIN] = { "login", MEMBER_OWN },
        [MEMBER_USER] = { "user", MEMBER_LOGIN },
        [MEMBER_SERVICE] = { "service", MEMBER_LOGIN },
        [MEMBER_PASTE] = { "paste", MEMBER_OWN },
        [MEMBER_PASTE_FROM] = { "from", MEMBER_PASTE },
        [MEMBER_PASTE_TO] = { "to", MEMBER_PASTE },
        [MEMBER_PASTE_TYPES] = { "types", MEMBER_PASTE },
        [MEMBER_PASTE_BYTES] = { "bytes", MEMBER_PASTE },
        [MEMBER_PASTE_NUMBER] = { "my_number", MEMBER_PASTE },
        [MEMBER_PASTE_UID] = { "uid", MEMBER_PASTE },
};

/* One decision of the record, as it is judged again. */
struct decision {
        enum replay_kind kind;
        struct replay_result before;
        const struct device_facts *device;
        struct facts facts;
        struct context context;
        char what[TEXT_MAX];
        char user[128];
        char storage[4][256]; /* what the facts point into */
};

struct replay_known {
        char *text; /* of the facts; NULL: an empty place */
        size_t size;
        struct device_facts device;
};

static const struct field *value(const struct replay *r, enum member p) {
        return &r->fields.values[p];
}

/* A text that the record has escaped. */
static bool read_text(const struct replay *r, enum member p, char *ret, size_t size) {
        char escaped[TEXT_MAX];
        return field_text(value(r, p), escaped, sizeof escaped) && facts_unescape(escaped, ret, size);
}

/* ---- devices ---- */

/* The same few devices come again and again: each is read once. NULL: not to be read, or no memory (*ret_memory). */
static const struct device_facts *known_device(struct replay *r, bool *ret_no_memory) {
        const struct field *f = value(r, MEMBER_FACTS);
        unsigned char hash[crypto_shorthash_BYTES];
        if (f->type != FIELD_OBJECT)
                return NULL;
        crypto_shorthash(hash, (const unsigned char *) f->text, f->size, r->key);
        struct replay_known *k = &r->known[(hash[0] | (unsigned) hash[1] << 8) % KNOWN_MAX];
        if (k->text && k->size == f->size && memcmp(k->text, f->text, f->size) == 0)
                return &k->device;

        struct device_facts d;
        if (!facts_from_record(f->text, f->size, &d))
                return NULL;
        char *text = malloc(f->size);
        if (!text) {
                *ret_no_memory = true;
                return NULL;
        }
        free(k->text);
        memcpy(text, f->text, f->size);
        *k = (struct replay_known){ text, f->size, d };
        return &k->device;
}

/* What else the agent knew then shows in its reason alone. */
static void device_context(const struct replay *r, struct context *c) {
        c->working_keyboards = field_is(value(r, MEMBER_REASON), reason_code(REASON_FLOOR_LAST_KEYBOARD)) ? 0 : 1;
        c->late_keyboards =
                field_is(value(r, MEMBER_REASON), reason_code(REASON_TOO_MANY_KEYBOARDS)) ? KEYBOARDS_LATE_MAX : 0;
}

static enum replay_gap read_device(struct replay *r, struct decision *d, bool *ret_no_memory) {
        d->device = known_device(r, ret_no_memory);
        if (!d->device)
                return REPLAY_FACTS;
        if (field_is(value(r, MEMBER_REASON), reason_code(REASON_PERMIT)))
                return REPLAY_PERMIT;
        d->facts.kind = FACTS_DEVICE;
        d->facts.device = *d->device;
        device_context(r, &d->context);
        return REPLAY_GAP_MAX;
}

static void describe_device(struct decision *d) {
        const struct device_facts *f = d->device;
        const char *bus = bus_name(f->bus);
        (void) snprintf(d->what, sizeof d->what, "%s %04x:%04x%s%s%s%s", bus ? bus : "?", f->vendor, f->product,
                        *f->name ? " " : "", f->name, *f->serial ? ", serial " : "", f->serial);
}

/* ---- connections ---- */

static bool read_peer(const char *text, struct prefix *ret) {
        bool six = strchr(text, ':') != NULL;
        *ret = (struct prefix){ .family = six ? 6 : 4, .length = six ? 128 : 32 };
        return inet_pton(six ? AF_INET6 : AF_INET, text, ret->address) == 1;
}

/* Whether the policy's list of interfaces can be held against a name. */
static bool interface_is_known(const struct network_policy *n, const char *name) {
        bool by_address = false;
        for (uint32_t i = 0; i < n->interfaces_allow.n; i++) {
                if (strcmp(n->interfaces_allow.list[i], name) == 0)
                        return true;
                by_address = by_address || strncmp(n->interfaces_allow.list[i], "mac:", 4) == 0;
        }
        return !by_address;
}

static enum replay_gap read_connect(struct replay *r, struct decision *d) {
        if (field_is(value(r, MEMBER_DIRECTION), "forward"))
                return REPLAY_FORWARD;
        char *protocol = d->storage[0], *peer = d->storage[1], *mac = d->storage[2], *interface = d->storage[3];
        struct connect_facts *f = &d->facts.connect;
        d->facts.kind = FACTS_CONNECT;
        if (!field_text(value(r, MEMBER_PROTOCOL), protocol, sizeof d->storage[0]))
                return REPLAY_FACTS;
        f->protocol = protocol_from_name(protocol); /* invalid: no rule has a word for it */
        if (field_text(value(r, MEMBER_PEER), peer, sizeof d->storage[1]) && !read_peer(peer, &f->address))
                return REPLAY_FACTS;
        int64_t port = 0;
        if (field_integer(value(r, MEMBER_PORT), &port) || field_integer(value(r, MEMBER_TYPE), &port)) {
                if (port < 0 || port > UINT16_MAX)
                        return REPLAY_FACTS;
                f->port = (uint16_t) port;
        }
        f->inbound = field_is(value(r, MEMBER_DIRECTION), "in");
        f->has_next_hop =
                field_text(value(r, MEMBER_MAC), mac, sizeof d->storage[2]) && facts_from_mac(mac, &f->next_hop);
        if (read_text(r, MEMBER_INTERFACE, interface, sizeof d->storage[3]) && *interface) {
                if (!interface_is_known(&r->policy->network, interface))
                        return REPLAY_INTERFACE;
                f->interface = interface;
        }
        /* It was held back, or would have been, whatever the rules alone said of it. */
        d->before.action = ACTION_BLOCK;
        return REPLAY_GAP_MAX;
}

static void describe_connect(const struct replay *r, struct decision *d) {
        const struct connect_facts *f = &d->facts.connect;
        char port[32] = "", program[512] = "";
        int64_t n;
        if (field_integer(value(r, MEMBER_PORT), &n) || field_integer(value(r, MEMBER_TYPE), &n))
                (void) snprintf(port, sizeof port, " %s %lld",
                                value(r, MEMBER_PORT)->type == FIELD_INTEGER ? "port" : "type", (long long) n);
        (void) field_text(value(r, MEMBER_PROGRAM), program, sizeof program);
        (void) snprintf(d->what, sizeof d->what, "%s %s %s%s%s%s", d->storage[0], f->inbound ? "from" : "to",
                        f->address.family ? d->storage[1] : "several", port, *program ? ", " : "", program);
        if (field_integer(value(r, MEMBER_UID), &n))
                (void) snprintf(d->user, sizeof d->user, "uid %lld", (long long) n);
}

/* ---- logins ---- */

/* The record does not say of which groups the user was. Whoever is in several gets the first rule that names any of
 * them, so that all answers there can be are those for one group each, and for none. */
static bool groups_matter(const struct policy *p, struct facts *f, const struct context *c, enum action action) {
        for (uint32_t i = 0; i < p->login.n_rules; i++)
                for (uint32_t g = 0; g < p->login.rules[i].groups.n; g++) {
                        struct verdict v;
                        f->login.groups = (struct strings){ &p->login.rules[i].groups.list[g], 1 };
                        decide(p, f, c, &v);
                        f->login.groups = (struct strings){ 0 };
                        if (v.action != action)
                                return true;
                }
        return false;
}

static enum replay_gap read_login(struct replay *r, struct decision *d) {
        if (!read_text(r, MEMBER_USER, d->storage[0], sizeof d->storage[0]) ||
            !read_text(r, MEMBER_SERVICE, d->storage[1], sizeof d->storage[1]))
                return REPLAY_FACTS;
        d->facts.kind = FACTS_LOGIN;
        d->facts.login = (struct login_facts){ .user = d->storage[0], .service = d->storage[1] };
        struct verdict v;
        decide(r->policy, &d->facts, &d->context, &v);
        return groups_matter(r->policy, &d->facts, &d->context, v.action) ? REPLAY_GROUPS : REPLAY_GAP_MAX;
}

static void describe_login(struct decision *d) {
        (void) snprintf(d->what, sizeof d->what, "%s", d->storage[1]);
        (void) snprintf(d->user, sizeof d->user, "%.100s", d->storage[0]);
}

/* ---- pastes ---- */

/* The list of types is short; it is read by its words. */
static uint32_t read_types(const struct field *f) {
        uint32_t types = 0;
        for (int t = 0; t < FLOW_TYPE_MAX; t++) {
                char word[32];
                int n = snprintf(word, sizeof word, "\"%s\"", flow_type_name((enum flow_type) t));
                if (f->type == FIELD_OTHER && memmem(f->text, f->size, word, (size_t) n))
                        types |= UINT32_C(1) << t;
        }
        return types;
}

/* Zones are those of the policy then; one of that name in this policy is taken for the same. */
static enum replay_gap read_paste(struct replay *r, struct decision *d) {
        struct paste_facts *f = &d->facts.paste;
        int64_t bytes;
        d->facts.kind = FACTS_PASTE;
        if (!field_integer(value(r, MEMBER_PASTE_BYTES), &bytes) || bytes < 0)
                return REPLAY_FACTS;
        f->from = read_text(r, MEMBER_PASTE_FROM, d->storage[0], sizeof d->storage[0]) ? d->storage[0] : NULL;
        f->to = read_text(r, MEMBER_PASTE_TO, d->storage[1], sizeof d->storage[1]) ? d->storage[1] : NULL;
        f->types = read_types(value(r, MEMBER_PASTE_TYPES));
        f->bytes = (uint64_t) bytes;
        f->has_my_number = value(r, MEMBER_PASTE_NUMBER)->type == FIELD_TRUE;
        return REPLAY_GAP_MAX;
}

static void describe_paste(const struct replay *r, struct decision *d) {
        const struct paste_facts *f = &d->facts.paste;
        int64_t uid;
        (void) snprintf(d->what, sizeof d->what, "%s -> %s", f->from ? f->from : "-", f->to ? f->to : "-");
        if (field_integer(value(r, MEMBER_PASTE_UID), &uid))
                (void) snprintf(d->user, sizeof d->user, "uid %lld", (long long) uid);
}

/* ---- groups ---- */

static int compare_groups(const void *a, const void *b) {
        const struct replay_group *x = a, *y = b;
        int n[] = { (int) x->kind - (int) y->kind,
                    (int) x->before.action - (int) y->before.action,
                    (int) x->before.enforce - (int) y->before.enforce,
                    (int) x->after.action - (int) y->after.action,
                    (int) x->after.enforce - (int) y->after.enforce,
                    (int) x->reason - (int) y->reason,
                    strcmp(x->rule ? x->rule : "", y->rule ? y->rule : "") };
        for (size_t i = 0; i < sizeof n / sizeof *n; i++)
                if (n[i] != 0)
                        return n[i];
        return strcmp(x->what, y->what);
}

static void group_free(void *node) {
        struct replay_group *g = node;
        free(g->what);
        free(g->users);
        free(g);
}

/* Adds who was concerned, once each; of many the first few. */
static int add_user(struct replay_group *g, const char *user) {
        size_t n = strlen(user);
        for (const char *at = g->users; n > 0 && (at = strstr(at, user)); at += n)
                if ((at == g->users || at[-1] == ' ') && (at[n] == ',' || !at[n]))
                        return 0;
        if (n == 0 || g->n_users > USERS_MAX)
                return 0;
        char *users = NULL;
        if (asprintf(&users, "%s%s%s", g->users, *g->users ? ", " : "", g->n_users == USERS_MAX ? "..." : user) < 0)
                return -ENOMEM;
        free(g->users);
        g->users = users;
        g->n_users++;
        return 0;
}

static struct replay_group *find_group(struct replay *r, const struct replay_group *like) {
        struct replay_group **found = tfind(like, &r->index, compare_groups);
        if (found)
                return *found;
        if (r->n_groups == REPLAY_GROUPS_MAX)
                return NULL;
        struct replay_group *g = malloc(sizeof *g);
        if (!g)
                return NULL;
        *g = *like;
        g->what = strdup(like->what);
        g->users = strdup("");
        if (!g->what || !g->users || !tsearch(g, &r->index, compare_groups)) {
                group_free(g);
                return NULL;
        }
        r->n_groups++;
        return g;
}

static int add_different(struct replay *r, struct decision *d, const struct verdict *v, int64_t msec) {
        if (d->kind == REPLAY_DEVICE)
                describe_device(d);
        else if (d->kind == REPLAY_CONNECT)
                describe_connect(r, d);
        else if (d->kind == REPLAY_PASTE)
                describe_paste(r, d);
        else
                describe_login(d);
        const struct replay_group like = { .kind = d->kind,
                                           .what = d->what,
                                           .before = d->before,
                                           .after = { v->action, v->enforce },
                                           .rule = v->rule,
                                           .reason = v->reason,
                                           .first = msec,
                                           .last = msec };
        struct replay_group *g = find_group(r, &like);
        if (!g && r->n_groups < REPLAY_GROUPS_MAX)
                return -ENOMEM;
        if (!g) {
                r->ungrouped++;
                return 0;
        }
        g->count++;
        g->first = msec < g->first ? msec : g->first;
        g->last = msec > g->last ? msec : g->last;
        return add_user(g, d->user);
}

/* ---- judging ---- */

static enum action action_of(const struct field *f) {
        char word[16];
        return field_text(f, word, sizeof word) ? action_from_name(word) : ACTION_INVALID;
}

/* In observe mode only what would have been held back differs from what is enforced. */
static bool is_same(const struct replay_result *a, const struct replay_result *b) {
        return a->action == b->action &&
               (a->enforce == b->enforce || a->action == ACTION_ALLOW || a->action == ACTION_EXEMPT);
}

/* No zone was ever changed within a quarter of an hour, so that one look at the zone's rules serves for all of it. */
static void set_time(struct replay *r, struct context *c, int64_t msec) {
        c->now = msec / 1000 - (msec % 1000 < 0);
        int64_t quarter = c->now / 900 - (c->now % 900 < 0);
        if (quarter != r->quarter) {
                r->quarter = quarter;
                (void) time_local(quarter * 900, &r->quarter_weekday, &r->quarter_minute);
        }
        c->weekday = r->quarter_weekday;
        c->minute = (uint16_t) (r->quarter_minute + (c->now - quarter * 900) / 60);
}

static int judge(struct replay *r, struct decision *d, int64_t msec) {
        bool no_memory = false;
        enum replay_gap gap = d->kind == REPLAY_DEVICE    ? read_device(r, d, &no_memory)
                              : d->kind == REPLAY_CONNECT ? read_connect(r, d)
                              : d->kind == REPLAY_PASTE   ? read_paste(r, d)
                                                          : read_login(r, d);
        if (no_memory)
                return -ENOMEM;
        if (gap != REPLAY_GAP_MAX) {
                r->gaps[gap]++;
                return 0;
        }
        struct verdict v;
        decide(r->policy, &d->facts, &d->context, &v);
        const struct replay_result after = { v.action, v.enforce };
        if (is_same(&d->before, &after)) {
                r->same++;
                return 0;
        }
        r->different++;
        return add_different(r, d, &v, msec);
}

/* metadata.event_code of what was decided. */
static const struct {
        const char *code;
        enum replay_kind kind;
        enum replay_gap gap; /* REPLAY_GAP_MAX: it is judged */
} codes[] = {
        { "device-allowed", REPLAY_DEVICE, REPLAY_GAP_MAX },    { "device-refused", REPLAY_DEVICE, REPLAY_GAP_MAX },
        { "device-observed", REPLAY_DEVICE, REPLAY_GAP_MAX },   { "network-blocked", REPLAY_CONNECT, REPLAY_GAP_MAX },
        { "network-observed", REPLAY_CONNECT, REPLAY_GAP_MAX }, { "network-storm", REPLAY_CONNECT, REPLAY_STORM },
        { "login-accepted", REPLAY_LOGIN, REPLAY_GAP_MAX },     { "login-refused", REPLAY_LOGIN, REPLAY_GAP_MAX },
        { "login-exempt", REPLAY_LOGIN, REPLAY_GAP_MAX },       { "login-break-glass", REPLAY_LOGIN, REPLAY_GAP_MAX },
        { "login-observed", REPLAY_LOGIN, REPLAY_GAP_MAX },     { "paste-refused", REPLAY_PASTE, REPLAY_GAP_MAX },
        { "paste-observed", REPLAY_PASTE, REPLAY_GAP_MAX },     { "paste-storm", REPLAY_PASTE, REPLAY_STORM },
};

static int find_code(const struct field *f) {
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
                if (field_is(f, codes[i].code))
                        return (int) i;
        return -1;
}

int replay_line(struct replay *r, const char *line, size_t size) {
        int64_t msec;
        if (!fields_read(&r->fields, line, size) || !field_integer(value(r, MEMBER_TIME), &msec)) {
                r->damaged++;
                return 0;
        }
        if (msec / 1000 < r->since)
                return 0;
        r->records++;
        int code = find_code(value(r, MEMBER_CODE));
        struct decision d;
        d.before.action = action_of(value(r, MEMBER_ACTION));
        /* A login that nothing was decided about, since the verifier could not, has no action. */
        if (code < 0 || d.before.action == ACTION_INVALID)
                return 0;
        r->decisions++;
        if (codes[code].gap != REPLAY_GAP_MAX) {
                r->gaps[codes[code].gap]++;
                return 0;
        }
        d.kind = codes[code].kind;
        d.before.enforce = value(r, MEMBER_ENFORCE)->type != FIELD_FALSE;
        d.what[0] = d.user[0] = '\0';
        memset(&d.facts, 0, sizeof d.facts);
        memset(&d.context, 0, sizeof d.context);
        set_time(r, &d.context, msec);
        return judge(r, &d, msec);
}

/* ---- life ---- */

int replay_init(struct replay *r, const struct policy *policy, int64_t since) {
        *r = (struct replay){ .policy = policy, .since = since, .quarter = INT64_MIN };
        fields_init(&r->fields, paths, MEMBER_MAX);
        r->known = calloc(KNOWN_MAX, sizeof *r->known);
        if (!r->known || sodium_init() < 0)
                return -ENOMEM;
        randombytes_buf(r->key, sizeof r->key);
        return 0;
}

void replay_clear(struct replay *r) {
        fields_clear(&r->fields);
        for (size_t i = 0; r->known && i < KNOWN_MAX; i++)
                free(r->known[i].text);
        free(r->known);
        tdestroy(r->index, group_free);
        for (size_t i = 0; r->groups && i < r->n_groups; i++)
                group_free(r->groups[i]);
        free(r->groups);
        memset(r, 0, sizeof *r);
}

static int compare_counts(const void *a, const void *b) {
        const struct replay_group *x = *(struct replay_group *const *) a, *y = *(struct replay_group *const *) b;
        return x->count != y->count ? (x->count < y->count ? 1 : -1) : compare_groups(x, y);
}

static void take_group(const void *node, VISIT visit, void *userdata) {
        struct replay_group ***next = userdata;
        if (visit == postorder || visit == leaf)
                *(*next)++ = *(struct replay_group *const *) node;
}

static void keep(void *node) {
        (void) node;
}

int replay_finish(struct replay *r) {
        r->groups = calloc(r->n_groups + 1, sizeof(struct replay_group *));
        if (!r->groups)
                return -ENOMEM;
        struct replay_group **next = r->groups;
        twalk_r(r->index, take_group, &next);
        tdestroy(r->index, keep);
        r->index = NULL;
        qsort(r->groups, r->n_groups, sizeof(struct replay_group *), compare_counts);
        return 0;
}
