/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flows.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS  1024u
#define PLACES   (FLOWS_OUT_MAX + 2 * FLOWS_IN_MAX)
#define NOWHERE  UINT32_MAX
#define CATCHALL (2u * BLOCKED_DIRECTION_MAX) /* one for each direction, held or observed */

/* What packets of one flow have in common. Compared as bytes: gaps are zero. */
struct key {
        int64_t uid;
        int32_t interface;
        uint16_t ether_type, port;
        uint8_t direction, observed, family, has_protocol, protocol, has_port, has_mac;
        uint8_t mac[6], peer[16];
        char layer[32];
        uint8_t nothing[3]; /* compared and hashed as bytes: none of them is padding */
};

struct counts {
        int64_t packets, bytes, first, last;
};

struct flow {
        struct key key;
        struct counts counts;
        struct sighting example; /* of this period's first packet */
        uint64_t due;            /* when it is told, or forgotten */
        uint32_t next;           /* in its bucket, or in the list of free places */
};

struct storm {
        bool used;
        uint8_t direction, observed;
        int64_t uid; /* -1: several */
        struct counts counts;
        uint64_t due;
};

struct flows {
        struct flows_teller teller;
        uint64_t seed;
        uint32_t buckets[BUCKETS], free;
        struct flow list[PLACES];
        struct {
                uint32_t used, most;
                uint64_t tokens_since; /* a bucket of tokens, as the time when it was empty */
        } directions[BLOCKED_DIRECTION_MAX];
        struct storm storms[CATCHALL + FLOWS_STORMS], lost;
};

static struct key key_of(const struct sighting *s) {
        struct key k;
        memset(&k, 0, sizeof k);
        const struct packet *p = &s->packet;
        k.uid = s->uid, k.interface = s->interface, k.ether_type = p->ether_type;
        k.direction = (uint8_t) s->direction, k.observed = s->observed, k.family = p->family;
        k.has_protocol = p->has_protocol, k.protocol = p->protocol;
        k.has_port = p->has_ports, k.port = p->destination_port;
        /* A sender chooses the MAC of inbound packets as it likes; it tells packets apart only where we choose it. */
        k.has_mac = s->has_mac && s->direction == BLOCKED_OUT;
        if (k.has_mac)
                memcpy(k.mac, s->mac, sizeof k.mac);
        memcpy(k.peer, s->direction == BLOCKED_OUT ? p->destination : p->source, sizeof k.peer);
        memcpy(k.layer, s->layer, strlen(s->layer));
        return k;
}

/* Seeded, so that nobody outside can choose addresses that fall together. */
static uint32_t bucket_of(const struct flows *f, const struct key *k) {
        const unsigned char *p = (const unsigned char *) k;
        uint64_t h = f->seed;
        for (size_t i = 0; i < sizeof *k; i++)
                h = (h ^ p[i]) * UINT64_C(0x100000001b3);
        h ^= h >> 32;
        return (uint32_t) ((h * f->seed) >> 54) % BUCKETS;
}

static void add(struct counts *c, uint64_t packets, uint64_t bytes, int64_t wall) {
        if (c->packets == 0)
                c->first = c->last = wall;
        c->last = wall > c->last ? wall : c->last; /* the clock may have been set back */
        c->packets = c->packets > INT64_MAX - (int64_t) packets ? INT64_MAX : c->packets + (int64_t) packets;
        c->bytes = c->bytes > INT64_MAX - (int64_t) bytes ? INT64_MAX : c->bytes + (int64_t) bytes;
}

static void put_counts(struct blocked *b, const struct counts *c) {
        b->count = c->packets, b->bytes = c->bytes, b->first = c->first, b->last = c->last;
}

static void tell_flow(struct flows *f, struct flow *w, uint64_t now) {
        const struct key *k = &w->key;
        char name[IF_NAMESIZE] = "";
        if (k->interface > 0 && !if_indextoname((unsigned) k->interface, name))
                name[0] = '\0';
        struct blocked b = { .kind = BLOCKED_FLOW,
                             .direction = (enum blocked_direction) k->direction,
                             .observed = k->observed,
                             .family = k->family,
                             .has_protocol = k->has_protocol,
                             .protocol = k->protocol,
                             .ether_type = k->ether_type,
                             .has_port = k->has_port,
                             .port = k->port,
                             .has_mac = w->example.has_mac,
                             .uid = k->uid,
                             .pid = -1,
                             .login_uid = -1,
                             .session = -1,
                             .interface = name,
                             .layer = k->layer,
                             .program = "",
                             .command = "" };
        memcpy(b.mac.octets, w->example.mac, sizeof b.mac.octets);
        memcpy(b.peer, k->peer, sizeof b.peer);
        const struct packet *p = &w->example.packet;
        memcpy(b.own, k->direction == BLOCKED_OUT ? p->source : p->destination, sizeof b.own);
        put_counts(&b, &w->counts);
        if (f->teller.identify)
                f->teller.identify(&w->example, &b, f->teller.userdata);
        if (f->teller.tell(&b, f->teller.userdata) < 0)
                return;
        w->counts = (struct counts){ 0 };
        w->due = now + FLOWS_PERIOD_USEC;
}

static void tell_storm(struct flows *f, struct storm *s, enum blocked_kind kind, uint64_t now) {
        struct blocked b = { .kind = kind,
                             .direction = (enum blocked_direction) s->direction,
                             .observed = s->observed,
                             .uid = s->uid,
                             .pid = -1,
                             .login_uid = -1,
                             .session = -1 };
        put_counts(&b, &s->counts);
        if (f->teller.tell(&b, f->teller.userdata) < 0)
                return;
        s->counts = (struct counts){ 0 };
        s->due = now + FLOWS_PERIOD_USEC;
}

/* ---- places ---- */

static struct flow *find(struct flows *f, const struct key *k, uint32_t bucket) {
        for (uint32_t i = f->buckets[bucket]; i != NOWHERE; i = f->list[i].next)
                if (memcmp(&f->list[i].key, k, sizeof *k) == 0)
                        return &f->list[i];
        return NULL;
}

static bool take_token(struct flows *f, unsigned direction, uint64_t now) {
        uint64_t *since = &f->directions[direction].tokens_since, full = FLOWS_BURST * FLOWS_REFILL_USEC;
        if (now > full && *since < now - full)
                *since = now - full;
        if (*since > now || now - *since < FLOWS_REFILL_USEC)
                return false;
        *since += FLOWS_REFILL_USEC;
        return true;
}

static struct flow *place(struct flows *f, const struct key *k, uint32_t bucket, uint64_t now) {
        if (f->free == NOWHERE || f->directions[k->direction].used >= f->directions[k->direction].most ||
            !take_token(f, k->direction, now))
                return NULL;
        uint32_t i = f->free;
        struct flow *w = &f->list[i];
        f->free = w->next;
        memset(w, 0, sizeof *w);
        w->key = *k;
        w->next = f->buckets[bucket];
        f->buckets[bucket] = i;
        f->directions[k->direction].used++;
        return w;
}

static void forget(struct flows *f, uint32_t index) {
        struct flow *w = &f->list[index];
        uint32_t *link = &f->buckets[bucket_of(f, &w->key)];
        while (*link != index)
                link = &f->list[*link].next;
        *link = w->next;
        f->directions[w->key.direction].used--;
        w->next = f->free;
        w->due = 0;
        f->free = index;
}

/* The storm of this user, or else of the direction. */
static struct storm *storm_for(struct flows *f, const struct key *k) {
        struct storm *spare = NULL;
        for (uint32_t i = CATCHALL; i < CATCHALL + FLOWS_STORMS; i++) {
                struct storm *s = &f->storms[i];
                if (s->used && s->direction == k->direction && s->observed == k->observed && s->uid == k->uid)
                        return s;
                if (!s->used && !spare)
                        spare = s;
        }
        if (!spare || k->uid < 0) {
                spare = &f->storms[k->direction * 2u + k->observed];
                spare->uid = -1;
        } else {
                spare->uid = k->uid;
        }
        spare->direction = k->direction;
        spare->observed = k->observed;
        return spare;
}

static void count_storm(struct flows *f, struct storm *s, enum blocked_kind kind, const struct counts *more,
                        uint64_t now) {
        add(&s->counts, (uint64_t) more->packets, (uint64_t) more->bytes, more->first);
        bool first = !s->used;
        s->used = true;
        if (first)
                tell_storm(f, s, kind, now);
}

void flows_count(struct flows *f, const struct sighting *s, uint64_t now, int64_t wall) {
        const struct key k = key_of(s);
        uint32_t bucket = bucket_of(f, &k);
        struct flow *w = find(f, &k, bucket);
        bool is_new = !w;
        if (is_new)
                w = place(f, &k, bucket, now);
        if (!w) {
                const struct counts one = { .packets = 1, .bytes = s->packet.length, .first = wall };
                count_storm(f, storm_for(f, &k), BLOCKED_STORM, &one, now);
                return;
        }
        if (w->counts.packets == 0)
                w->example = *s;
        add(&w->counts, 1, s->packet.length, wall);
        if (is_new)
                tell_flow(f, w, now);
}

void flows_count_lost(struct flows *f, uint64_t n, uint64_t now, int64_t wall) {
        const struct counts some = { .packets = n > INT64_MAX ? INT64_MAX : (int64_t) n, .first = wall };
        f->lost.uid = -1;
        count_storm(f, &f->lost, BLOCKED_LOST, &some, now);
}

static void tick_storm(struct flows *f, struct storm *s, enum blocked_kind kind, uint64_t now, bool all) {
        if (!s->used || (now < s->due && !all))
                return;
        if (s->counts.packets > 0)
                tell_storm(f, s, kind, now);
        else
                s->used = false;
}

static void tick(struct flows *f, uint64_t now, bool all) {
        for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
                uint32_t next;
                for (uint32_t i = f->buckets[bucket]; i != NOWHERE; i = next) {
                        struct flow *w = &f->list[i];
                        next = w->next;
                        if (now < w->due && !all)
                                continue;
                        if (w->counts.packets > 0)
                                tell_flow(f, w, now);
                        else
                                forget(f, i);
                }
        }
        for (uint32_t i = 0; i < CATCHALL + FLOWS_STORMS; i++)
                tick_storm(f, &f->storms[i], BLOCKED_STORM, now, all);
        tick_storm(f, &f->lost, BLOCKED_LOST, now, all);
}

bool flows_tick(struct flows *f, uint64_t now) {
        tick(f, now, false);
        bool used = f->lost.used;
        for (size_t i = 0; i < sizeof f->storms / sizeof *f->storms; i++)
                used = used || f->storms[i].used;
        for (size_t i = 0; i < sizeof f->directions / sizeof *f->directions; i++)
                used = used || f->directions[i].used > 0;
        return used;
}

void flows_tell_all(struct flows *f, uint64_t now) {
        tick(f, now, true);
}

int flows_new(const struct flows_teller *teller, struct flows **ret) {
        struct flows *f = calloc(1, sizeof *f);
        if (!f)
                return -ENOMEM;
        f->teller = *teller;
        if (getrandom(&f->seed, sizeof f->seed, 0) != (ssize_t) sizeof f->seed) {
                free(f);
                return -EIO;
        }
        f->seed |= 1;
        for (uint32_t i = 0; i < BUCKETS; i++)
                f->buckets[i] = NOWHERE;
        for (uint32_t i = 0; i < PLACES; i++)
                f->list[i].next = i + 1 < PLACES ? i + 1 : NOWHERE;
        f->directions[BLOCKED_OUT].most = FLOWS_OUT_MAX;
        f->directions[BLOCKED_IN].most = f->directions[BLOCKED_FORWARD].most = FLOWS_IN_MAX;
        *ret = f;
        return 0;
}

struct flows *flows_free(struct flows *f) {
        free(f);
        return NULL;
}
