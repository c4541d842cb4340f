/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast bytes in memory are looked through for My Numbers. Run by the script bench_scan.
 *
 *   bench_mynumber FILE
 *
 * Prints "name GB/s" lines, medians over rounds of processor time (1 GB = 10^9 bytes): the finder, its portable way,
 * Vectorscan with the pattern of the same meaning less the check digit (half width only), and plain reading of the same
 * memory in words of 32 bytes.
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
#define CAP ((size_t) 256 << 20)

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

static void by_reading(const char *bytes, size_t size) {
        typedef uint64_t words __attribute__((vector_size(32), aligned(1)));
        words sum = { 0 };
        for (size_t i = 0; i + sizeof sum <= size; i += sizeof sum)
                sum ^= *(const words *) (const void *) (bytes + i);
        found += sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
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

int main(int argc, char **argv) {
        FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;
        char *bytes = malloc(CAP);
        size_t size = f && bytes ? fread(bytes, 1, CAP, f) : 0;
        hs_compile_error_t *error = NULL;
        if (size == 0 || hs_compile(PEER, HS_FLAG_MULTILINE, HS_MODE_BLOCK, NULL, &database, &error) != HS_SUCCESS ||
            hs_alloc_scratch(database, &scratch) != HS_SUCCESS) {
                fprintf(stderr, "%s: nothing to read, or no memory\n", argc > 1 ? argv[1] : "no file");
                return 1;
        }
        double taken[sizeof ways / sizeof *ways][ROUNDS];
        for (unsigned round = 0; round < ROUNDS; round++)
                for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
                        double before = seconds();
                        ways[w].run(bytes, size);
                        taken[w][round] = seconds() - before;
                }
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
                qsort(taken[w], ROUNDS, sizeof **taken, compare);
                printf("%s %.3f\n", ways[w].name, (double) size / taken[w][ROUNDS / 2] / 1e9);
        }
        free(bytes);
        (void) fclose(f);
        return 0;
}
