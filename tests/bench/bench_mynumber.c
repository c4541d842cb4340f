/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast bytes in memory are looked through for My Numbers. Run by the script bench_scan.
 *
 *   bench_mynumber FILE
 *
 * Prints "where name GB/s" lines, medians over rounds of processor time (1 GB = 10^9 bytes): the finder, its portable
 * way, Vectorscan with the pattern of the same meaning less the check digit (half width only), and plain reading of the
 * same bytes in words of 16. Where: "memory", the whole file at a time, which no cache holds when it is large; "cache",
 * its first 256 KiB as often as make as many bytes.
 */
#include <hs/hs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mynumber_private.h"

enum { ROUNDS = 9 };
#define CAP   ((size_t) 256 << 20)
#define SLICE ((size_t) 256 << 10)

/* Once for plain rows, once for groups. */
#define PEER "(^|[^0-9])([0-9]{12}|[0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4})([^0-9]|$)"

static volatile uint64_t found;

static bool count(const struct mynumber_match *m, void *userdata) {
        (void) m, (void) userdata;
        found++;
        return true;
}

static int count_peer(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *userdata) {
        (void) id, (void) from, (void) to, (void) flags, (void) userdata;
        found++;
        return 0;
}

static hs_database_t *database;
static hs_scratch_t *scratch;

static void by_finder(const char *bytes, size_t size) {
        (void) mynumber_scan(bytes, size, 0, size, count, NULL);
}

static void by_portable(const char *bytes, size_t size) {
        (void) mynumber_scan_portable(bytes, size, 0, size, count, NULL);
}

static void by_vectorscan(const char *bytes, size_t size) {
        (void) hs_scan(database, bytes, (unsigned) size, 0, scratch, count_peer, NULL);
}

/* Two sums, so that neither waits for the other. */
static void by_reading(const char *bytes, size_t size) {
        typedef uint64_t words __attribute__((vector_size(16), aligned(1)));
        words a = { 0 }, b = { 0 };
        for (size_t i = 0; i + 2 * sizeof a <= size; i += 2 * sizeof a) {
                a ^= *(const words *) (const void *) (bytes + i);
                b ^= *(const words *) (const void *) (bytes + i + sizeof a);
        }
        a ^= b;
        found += a[0] ^ a[1];
}

static const struct {
        const char *name;
        void (*run)(const char *bytes, size_t size);
} ways[] = { { "sekisho", by_finder },
             { "portable", by_portable },
             { "vectorscan", by_vectorscan },
             { "reading", by_reading } };

static double seconds(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;
        return (x > y) - (x < y);
}

static void measure(const char *where, const char *bytes, size_t size, size_t times) {
        double taken[sizeof ways / sizeof *ways][ROUNDS];
        for (unsigned round = 0; round < ROUNDS; round++)
                for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
                        double before = seconds();
                        for (size_t i = 0; i < times; i++)
                                ways[w].run(bytes, size);
                        taken[w][round] = seconds() - before;
                }
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
                qsort(taken[w], ROUNDS, sizeof **taken, compare);
                printf("%s %s %.3f\n", where, ways[w].name,
                       (double) size * (double) times / taken[w][ROUNDS / 2] / 1e9);
        }
}

int main(int argc, char **argv) {
        FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;
        char *bytes = malloc(CAP);
        size_t size = f && bytes ? fread(bytes, 1, CAP, f) : 0, slice = size < SLICE ? size : SLICE;
        hs_compile_error_t *error = NULL;
        if (size == 0 || hs_compile(PEER, HS_FLAG_MULTILINE, HS_MODE_BLOCK, NULL, &database, &error) != HS_SUCCESS ||
            hs_alloc_scratch(database, &scratch) != HS_SUCCESS) {
                (void) fprintf(stderr, "%s: nothing to read, or no memory\n", argc > 1 ? argv[1] : "no file");
                return 1;
        }
        measure("memory", bytes, size, 1);
        measure("cache", bytes, slice, size / slice);
        free(bytes);
        (void) fclose(f);
        return 0;
}
