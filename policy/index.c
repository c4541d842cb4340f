/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tuple-space search (Srinivasan, Suri, Varghese 1999): rules are grouped by which of {vendor, product, serial,
 * descriptors} they name. There are 16 such groups at most, whatever the number of rules, and in each of them a
 * device has one key to look up. Bus and class, which are sets, are compared afterwards. */
#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HAS_VENDOR = 1, HAS_PRODUCT = 2, HAS_SERIAL = 4, HAS_DIGEST = 8, N_TUPLES = 16 };

/* A rule that cannot be reached is dropped if a rule with the same match stands this close before it in its bucket. It
 * keeps a list of one key short without making the build quadratic. */
#define LOOK_BACK 64u

struct entry {
        uint32_t hash;
        uint32_t rule;
};

struct tuple {
        uint32_t fields;
        uint32_t mask;         /* number of buckets - 1 */
        const uint32_t *start; /* bucket b holds entries[start[b] .. start[b + 1]), in the order of the rules */
        const struct entry *entries;
};

struct device_index {
        const struct device_rule *rules;
        uint32_t n_tuples;
        struct tuple tuples[N_TUPLES];
};

struct key {
        uint16_t vendor, product;
        const char *serial;
        size_t serial_length;
        const uint8_t *digest;
};

static uint64_t mix(uint64_t h) { /* finaliser of MurmurHash3 */
        h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
        h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
        return h ^ (h >> 33);
}

/* No secret in it: the rules, which make the buckets as long as they are, come from whoever signs the policy. A device
 * chooses only where to look, and finds nothing longer than the longest bucket there is. */
static uint32_t hash_key(uint32_t fields, const struct key *k) {
        uint64_t h = fields;
        if (fields & HAS_VENDOR)
                h = mix(h ^ (UINT64_C(0x10000) | k->vendor));
        if (fields & HAS_PRODUCT)
                h = mix(h ^ (UINT64_C(0x20000) | k->product));
        if (fields & HAS_SERIAL) {
                h ^= UINT64_C(0x40000) + k->serial_length;
                for (size_t i = 0; i < k->serial_length; i++)
                        h = (h ^ (uint8_t) k->serial[i]) * UINT64_C(0x100000001b3);
                h = mix(h);
        }
        if (fields & HAS_DIGEST) {
                uint64_t word;
                memcpy(&word, k->digest, sizeof word); /* of a SHA-256: as good as any other part */
                h = mix(h ^ word);
        }
        return (uint32_t) (h ^ (h >> 32));
}

static uint32_t rule_fields(const struct device_rule *r) {
        return (r->has_vendor ? HAS_VENDOR : 0u) | (r->has_product ? HAS_PRODUCT : 0u) | (r->serial ? HAS_SERIAL : 0u) |
               (r->descriptors ? HAS_DIGEST : 0u);
}

static uint32_t rule_hash(const struct device_rule *r) {
        struct key k = {
                .vendor = r->vendor,
                .product = r->product,
                .serial = r->serial,
                .serial_length = r->serial ? strlen(r->serial) : 0,
                .digest = r->descriptors,
        };
        return hash_key(rule_fields(r), &k);
}

/* Same key and same rest: whatever the later one would match, the earlier one has matched. */
static bool same_match(const struct device_rule *a, const struct device_rule *b) {
        return a->buses == b->buses && device_rule_reaches_virtual(a) == device_rule_reaches_virtual(b) &&
               a->classes == b->classes && a->interfaces == b->interfaces &&
               (!a->has_vendor || a->vendor == b->vendor) && (!a->has_product || a->product == b->product) &&
               (!a->serial || strcmp(a->serial, b->serial) == 0) &&
               (!a->descriptors || memcmp(a->descriptors, b->descriptors, DIGEST_SIZE) == 0);
}

static bool is_shadowed(const struct device_rule *rules, const struct entry *bucket, uint32_t n,
                        const struct entry *e) {
        uint32_t first = n > LOOK_BACK ? n - LOOK_BACK : 0;
        for (uint32_t i = first; i < n; i++)
                if (bucket[i].hash == e->hash && same_match(&rules[bucket[i].rule], &rules[e->rule]))
                        return true;
        return false;
}

static uint32_t buckets_for(uint32_t n) {
        uint32_t buckets = 1;
        while (buckets < n && buckets < UINT32_C(1) << 31)
                buckets *= 2;
        return buckets;
}

/* Closes the gaps that dropped rules leave, bucket by bucket, and drops while at it. */
static void drop_shadowed(const struct device_rule *rules, uint32_t *start, uint32_t n_buckets, struct entry *entries) {
        uint32_t kept = 0, from = 0;
        for (uint32_t b = 0; b < n_buckets; b++) {
                uint32_t first = kept, to = start[b + 1];
                for (uint32_t i = from; i < to; i++)
                        if (!is_shadowed(rules, entries + first, kept - first, &entries[i]))
                                entries[kept++] = entries[i];
                from = to;
                start[b + 1] = kept;
        }
}

static int tuple_build(struct arena *a, const struct device_rule *rules, uint32_t n_rules, uint32_t fields, uint32_t n,
                       struct tuple *ret) {
        uint32_t n_buckets = buckets_for(n), mask = n_buckets - 1;
        uint32_t *start = arena_alloc(a, (size_t) n_buckets + 2, sizeof *start);
        struct entry *entries = arena_alloc(a, n, sizeof *entries), *unsorted = calloc(n, sizeof *unsorted);
        if (!start || !entries || !unsorted) {
                free(unsorted);
                return -ENOMEM;
        }

        /* Counting sort by bucket. Counts are kept two places up, so that filling moves each start to where it
         * belongs. */
        uint32_t found = 0;
        for (uint32_t i = 0; i < n_rules; i++) {
                if (rule_fields(&rules[i]) != fields)
                        continue;
                uint32_t hash = rule_hash(&rules[i]);
                unsorted[found++] = (struct entry){ .hash = hash, .rule = i };
                start[(hash & mask) + 2]++;
        }
        for (uint32_t b = 0; b < n_buckets; b++)
                start[b + 2] += start[b + 1];
        for (uint32_t i = 0; i < found; i++)
                entries[start[(unsorted[i].hash & mask) + 1]++] = unsorted[i];
        free(unsorted);
        drop_shadowed(rules, start, n_buckets, entries);

        *ret = (struct tuple){ .fields = fields, .mask = mask, .start = start, .entries = entries };
        return 0;
}

int device_index_build(struct arena *a, const struct device_rule *rules, uint32_t n, const struct device_index **ret) {
        struct device_index *index = arena_alloc(a, 1, sizeof *index);
        if (!index)
                return -ENOMEM;
        index->rules = rules;

        uint32_t count[N_TUPLES] = { 0 };
        for (uint32_t i = 0; i < n; i++)
                count[rule_fields(&rules[i])]++;

        for (uint32_t fields = 0; fields < N_TUPLES; fields++) {
                if (count[fields] == 0)
                        continue;
                int r = tuple_build(a, rules, n, fields, count[fields], &index->tuples[index->n_tuples]);
                if (r < 0)
                        return r;
                index->n_tuples++;
        }
        *ret = index;
        return 0;
}

static bool key_matches(const struct device_rule *r, uint32_t fields, const struct key *k) {
        return (!(fields & HAS_VENDOR) || r->vendor == k->vendor) &&
               (!(fields & HAS_PRODUCT) || r->product == k->product) &&
               (!(fields & HAS_SERIAL) ||
                (strlen(r->serial) == k->serial_length && memcmp(r->serial, k->serial, k->serial_length) == 0)) &&
               (!(fields & HAS_DIGEST) || memcmp(r->descriptors, k->digest, DIGEST_SIZE) == 0);
}

const struct device_rule *device_index_find(const struct device_index *index, const struct device_view *v) {
        const struct key key = {
                .vendor = v->facts->vendor,
                .product = v->facts->product,
                .serial = v->facts->serial,
                .serial_length = v->serial_length,
                .digest = v->facts->digest,
        };
        uint32_t best = UINT32_MAX;
        for (uint32_t t = 0; t < index->n_tuples; t++) {
                const struct tuple *tuple = &index->tuples[t];
                if ((tuple->fields & HAS_DIGEST) && !v->facts->has_digest)
                        continue;

                uint32_t hash = hash_key(tuple->fields, &key);
                uint32_t bucket = hash & tuple->mask, end = tuple->start[bucket + 1];
                for (uint32_t i = tuple->start[bucket]; i < end && tuple->entries[i].rule < best; i++) {
                        const struct entry *e = &tuple->entries[i];
                        const struct device_rule *r = &index->rules[e->rule];
                        if (e->hash == hash && key_matches(r, tuple->fields, &key) && device_rule_matches_rest(r, v))
                                best = e->rule; /* ends this bucket: what follows stands later in the file */
                }
        }
        return best == UINT32_MAX ? NULL : &index->rules[best];
}
