/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a record costs: chained, and on the disk before the call returns, or on the disk with its batch; beside the
 * least that durability can cost, the same bytes by write(2) and fdatasync(2). Run by the script bench_record.
 *
 *   bench_record DIRECTORY    of the file system in question; left as it was found
 *
 * Prints "name per-second" lines of one round.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/cleanup.h"

enum { DURABLE = 200, BATCHES = 20, BATCH = 250, LINE = 1000 };

static double seconds(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static int append(struct audit_log *l, const struct audit_terminal *t, enum audit_when when) {
        const struct device_facts facts = { .bus = BUS_USB,
                                            .vendor = 0x0781,
                                            .product = 0x5591,
                                            .serial = "4C530001230524112084",
                                            .name = "SanDisk Ultra",
                                            .port = "1-2",
                                            .interfaces = { { 8, 6, 0x50 } },
                                            .n_interfaces = 1,
                                            .descriptors_valid = true,
                                            .has_digest = true };
        const struct verdict verdict = { .action = ACTION_BLOCK, .enforce = true, .policy_serial = 1 };
        json_t *event = audit_event_device(t, time(NULL), AUDIT_DEVICE_CONNECT, &facts, &verdict, NULL);
        int r = event ? audit_log_append(l, event, when, NULL) : -1;
        json_decref(event);
        return r;
}

static double durable(struct audit_log *l, const struct audit_terminal *t) {
        double start = seconds();
        for (int i = 0; i < DURABLE; i++)
                if (append(l, t, AUDIT_DURABLE) < 0)
                        exit(1);
        return DURABLE / (seconds() - start);
}

static double batched(struct audit_log *l, const struct audit_terminal *t) {
        double start = seconds();
        for (int b = 0; b < BATCHES; b++) {
                for (int i = 0; i < BATCH; i++)
                        if (append(l, t, AUDIT_BATCH) < 0)
                                exit(1);
                if (audit_log_flush(l) < 0)
                        exit(1);
        }
        return BATCHES * BATCH / (seconds() - start);
}

static double bare(int fd) {
        char line[LINE];
        memset(line, 'x', sizeof line);
        double start = seconds();
        for (int i = 0; i < DURABLE; i++)
                if (write(fd, line, sizeof line) != (ssize_t) sizeof line || fdatasync(fd) < 0)
                        exit(1);
        return DURABLE / (seconds() - start);
}

int main(int argc, char **argv) {
        if (argc != 2)
                return 2;
        const struct audit_terminal terminal = { "0123456789abcdef0123456789abcdef", "terminal", "bench" };
        struct time_source clock = { .floor = 0 };
        struct audit_recovery recovery;
        struct audit_log *l = NULL;
        struct root root;
        if (root_open(argv[1], &root) < 0 || root_mkdirs(&root, AUDIT_DIRECTORY, 0750) < 0 ||
            audit_log_open(&root, &clock, "agent", &l, &recovery) < 0)
                return 1;
        int fd = root_openat(&root, "bare", O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (fd < 0)
                return 1;
        printf("durable %.0f\n", durable(l, &terminal));
        printf("bare %.0f\n", bare(fd));
        printf("batched %.0f\n", batched(l, &terminal));
        if (audit_log_set_ahead(l) < 0)
                return 1;
        printf("ahead %.0f\n", durable(l, &terminal));
        (void) close(fd);
        (void) audit_log_free(l);
        root_close(&root);
        return 0;
}
