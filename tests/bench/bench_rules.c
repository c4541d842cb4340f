/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules cost: loading a policy file of them, keeping them, deciding by them. Run by the script bench_rules, beside
 * usbguard_rules.cc, which does the same with the same rules.
 *
 *   bench_rules POLICY N [no-decisions]     POLICY holds rule 0 .. N-1 of the script
 *
 * Prints "name value" lines: load_ms and pss_kib (of this process with the rules loaded), and medians over batches in
 * nanoseconds of a decision on listed and on unlisted devices, by the index and by walking over the rules.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sekisho/decision.h>
#include <sekisho/document.h>

enum { BATCHES = 21, DEVICES = 256, LOADS = 5 };
#define BATCH_SECONDS 0.005

static struct facts devices[DEVICES];

/* Of this process on its processor: other work on the machine does not count. */
static double seconds(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;
        return (x > y) - (x < y);
}

static double median(double *values, size_t n) {
        qsort(values, n, sizeof *values, compare);
        return values[n / 2];
}

static struct policy *load(const char *path) {
        struct policy *p = NULL;
        struct problems problems = { 0 };
        struct document d = { 0 };
        if (document_read(AT_FDCWD, path, POLICY_MAX, &d) != 0 || policy_parse(d.bytes, d.size, &problems, &p) != 0)
                fprintf(stderr, "%s: %s\n", path, problems.n > 0 ? problems.list[0].message : "cannot be read");
        problems_clear(&problems);
        document_clear(&d);
        return p;
}

static long pss_kib(void) {
        char line[128];
        long kib = -1;
        FILE *f = fopen("/proc/self/smaps_rollup", "re");
        while (f && kib < 0 && fgets(line, sizeof line, f))
                (void) sscanf(line, "Pss: %ld", &kib);
        if (f)
                (void) fclose(f);
        return kib;
}

/* Spread over the rules; the same that the peer is asked about. */
static void make_devices(uint32_t n, bool listed) {
        for (uint32_t i = 0; i < DEVICES; i++) {
                uint32_t rule = (uint32_t) ((uint64_t) i * 7919 % n);
                struct device_facts *d = &devices[i].device;
                devices[i] = (struct facts){ .kind = FACTS_DEVICE };
                d->bus = BUS_USB;
                d->vendor = (uint16_t) (1 + rule % 1000);
                d->product = (uint16_t) (1 + rule / 1000);
                (void) snprintf(d->serial, sizeof d->serial, listed ? "4C5300%010u" : "unknown%010u", rule);
                d->descriptors_valid = true;
                d->interfaces[0] = (struct interface_triple){ 8, 6, 0x50 };
                d->n_interfaces = 1;
        }
}

static unsigned decide_some(const struct policy *p, unsigned n, bool walk) {
        const struct context c = { .now = 1, .working_keyboards = 1 };
        unsigned opened = 0;
        for (unsigned i = 0; i < n; i++) {
                struct verdict v;
                if (walk)
                        decide_linear(p, &devices[i % DEVICES], &c, &v, NULL, NULL);
                else
                        decide(p, &devices[i % DEVICES], &c, &v);
                opened += verdict_opens(&v);
        }
        return opened;
}

static double timed(const struct policy *p, unsigned n, bool walk) {
        double start = seconds();
        (void) decide_some(p, n, walk);
        return seconds() - start;
}

static double measure(const struct policy *p, bool walk) {
        double times[BATCHES];
        unsigned n = 16;
        while (timed(p, n, walk) < BATCH_SECONDS)
                n *= 2;
        for (size_t b = 0; b < BATCHES; b++)
                times[b] = timed(p, n, walk) / n * 1e9;
        return median(times, BATCHES);
}

int main(int argc, char **argv) {
        if (argc < 3)
                return 2;
        uint32_t n = (uint32_t) strtoul(argv[2], NULL, 10);
        double times[LOADS];
        struct policy *p = load(argv[1]);
        if (!p || p->devices.n_rules != n)
                return 1;
        printf("pss_kib %ld\n", pss_kib());
        for (size_t i = 0; i < LOADS; i++) {
                (void) policy_free(p);
                double start = seconds();
                p = load(argv[1]);
                times[i] = (seconds() - start) * 1e3;
        }
        printf("load_ms %.3f\n", median(times, LOADS));
        if (argc > 3) {
                (void) policy_free(p);
                return 0;
        }

        make_devices(n, true);
        if (decide_some(p, DEVICES, false) != DEVICES)
                return 1;
        printf("listed_ns %.0f\n", measure(p, false));
        make_devices(n, false);
        if (decide_some(p, DEVICES, false) != 0)
                return 1;
        printf("unlisted_ns %.0f\nwalk_ns %.0f\n", measure(p, false), measure(p, true));
        (void) policy_free(p);
        return 0;
}
