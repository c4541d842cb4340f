/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a decision costs with few and with many rules: medians over batches, in nanoseconds, one line a case. For a
 * release build: bench_decide */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sekisho/decision.h>

#include "index.h"

enum { BATCHES = 51, BATCH = 2000, DEVICES = 256 };

static double seconds(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;
        return (x > y) - (x < y);
}

/* Sticks by vendor, product and serial; every eighth also by descriptors, every tenth a whole product line. */
static void make_rules(struct device_rule *rules, char (*serials)[24], uint8_t (*digests)[DIGEST_SIZE], uint32_t n) {
        for (uint32_t i = 0; i < n; i++) {
                (void) snprintf(serials[i], sizeof serials[i], "4C5300%010u", i);
                memcpy(digests[i], &i, sizeof i);
                digests[i][8] = 1;
                rules[i] = (struct device_rule){ .id = serials[i],
                                                 .line = i + 1,
                                                 .classes = CLASS_BIT(CLASS_STORAGE),
                                                 .vendor = (uint16_t) (i % 1000),
                                                 .has_vendor = true,
                                                 .product = (uint16_t) (i / 1000),
                                                 .has_product = true,
                                                 .serial = i % 10 ? serials[i] : NULL,
                                                 .descriptors = i % 8 ? NULL : digests[i],
                                                 .action = ACTION_READ_ONLY };
        }
}

static void make_devices(struct facts *facts, const struct device_rule *rules, uint32_t n, int listed) {
        for (uint32_t i = 0; i < DEVICES; i++) {
                const struct device_rule *r = &rules[(uint64_t) i * 7919 % n];
                struct device_facts *d = &facts[i].device;
                facts[i] = (struct facts){ .kind = FACTS_DEVICE };
                d->vendor = r->vendor;
                d->product = listed ? r->product : 0xffff;
                (void) snprintf(d->serial, sizeof d->serial, "%s", r->serial ? r->serial : "none");
                if (r->descriptors)
                        memcpy(d->digest, r->descriptors, DIGEST_SIZE);
                d->has_digest = d->descriptors_valid = true;
                d->interfaces[0] = (struct interface_triple){ 8, 6, 0x50 };
                d->n_interfaces = 1;
        }
}

static double median(const struct policy *p, const struct facts *facts, int linear, uint64_t *opened) {
        const struct context c = { .now = 1, .working_keyboards = 1 };
        unsigned batch = linear ? 20 : BATCH;
        double times[BATCHES];
        for (int b = 0; b < BATCHES; b++) {
                double start = seconds();
                for (unsigned i = 0; i < batch; i++) {
                        struct verdict v;
                        if (linear)
                                decide_linear(p, &facts[i % DEVICES], &c, &v, NULL, NULL);
                        else
                                decide(p, &facts[i % DEVICES], &c, &v);
                        *opened += verdict_opens(&v);
                }
                times[b] = (seconds() - start) / batch * 1e9;
        }
        qsort(times, BATCHES, sizeof *times, compare);
        return times[BATCHES / 2];
}

static int measure(uint32_t n) {
        struct device_rule *rules = calloc(n, sizeof *rules);
        char(*serials)[24] = calloc(n, sizeof *serials);
        uint8_t(*digests)[DIGEST_SIZE] = calloc(n, sizeof *digests);
        struct facts *facts = calloc(DEVICES, sizeof *facts);
        struct arena *a = arena_new();
        int r = 1;
        if (rules && serials && digests && facts && a) {
                make_rules(rules, serials, digests, n);
                struct policy p = { .header = { .serial = 1, .expires = POLICY_NEVER },
                                    .devices = { .rules = rules, .n_rules = n } };
                double start = seconds();
                if (device_index_build(a, rules, n, &p.devices.index) == 0) {
                        double build = (seconds() - start) * 1e3;
                        uint64_t opened = 0;
                        make_devices(facts, rules, n, 1);
                        double hit = median(&p, facts, 0, &opened);
                        make_devices(facts, rules, n, 0);
                        double miss = median(&p, facts, 0, &opened), walk = median(&p, facts, 1, &opened);
                        printf("%7u rules: listed %6.0f ns, not listed %6.0f ns, plain walk %9.0f ns, index built in "
                               "%6.2f ms (%llu opened)\n",
                               n, hit, miss, walk, build, (unsigned long long) opened);
                        r = 0;
                }
        }
        arena_free(a);
        free(facts);
        free(digests);
        free(serials);
        free(rules);
        return r;
}

int main(void) {
        static const uint32_t sizes[] = { 10, 1000, 10000, 100000 };
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                if (measure(sizes[i]) != 0)
                        return 1;
        return 0;
}
