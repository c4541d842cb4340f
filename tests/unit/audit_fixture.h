/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fake machine with a record, for the tests of agent/audit. Included by one test program each. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/chain.h"
#include "base/cleanup.h"

#define LOG_PATH AUDIT_DIRECTORY "/" AUDIT_FILE

struct machine {
        char path[64];
        struct root root;
        struct time_source time;
        uint64_t boot_usec; /* what the boot clock says */
};

struct bytes {
        char *p;
        size_t n;
};

static inline void bytes_clear(struct bytes *b) {
        free(b->p);
}

static inline int64_t machine_wall(void *userdata) {
        (void) userdata;
        return INT64_C(1795392000); /* 2026-11-23T00:00:00Z */
}

static inline uint64_t machine_boot(void *userdata) {
        return ((struct machine *) userdata)->boot_usec;
}

static inline void machine_init(struct machine *m, const char *below) {
        *m = (struct machine){ .time = { .wall = machine_wall, .boot = machine_boot, .userdata = m } };
        assert_true(snprintf(m->path, sizeof m->path, "%s/sekisho-audit-XXXXXX", below ? below : "/tmp") < 64);
        assert_non_null(mkdtemp(m->path));
        assert_int_equal(root_open(m->path, &m->root), 0);
}

static inline int machine_remove(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

static inline void machine_clear(struct machine *m) {
        root_close(&m->root);
        assert_int_equal(nftw(m->path, machine_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* For cmocka_unit_test_setup_teardown(): *state is the machine. */
static inline int machine_setup(void **state) {
        struct machine *m = malloc(sizeof *m);
        machine_init(m, NULL);
        *state = m;
        return 0;
}

static inline int machine_teardown(void **state) {
        machine_clear(*state);
        free(*state);
        return 0;
}

static inline const struct audit_terminal *machine_terminal(void) {
        static const struct audit_terminal t = { .machine_id = "0123456789abcdef0123456789abcdef",
                                                 .hostname = "madoguchi-03",
                                                 .version = "0.1.0" };
        return &t;
}

static inline json_t *machine_event(unsigned n) {
        char detail[32];
        (void) snprintf(detail, sizeof detail, "event %u", n);
        return audit_event_agent(machine_terminal(), machine_wall(NULL) + n, "trouble", "events-lost", detail);
}

static inline struct audit_log *machine_open(struct machine *m, struct audit_recovery *recovery) {
        struct audit_recovery r;
        struct audit_log *l = NULL;
        assert_int_equal(audit_log_open(&m->root, &m->time, "agent", &l, recovery ? recovery : &r), 0);
        return l;
}

static inline int machine_append(struct audit_log *l, unsigned n, enum audit_when when) {
        json_t *event = machine_event(n);
        assert_non_null(event);
        int r = audit_log_append(l, event, when, NULL);
        json_decref(event);
        return r;
}

/* A record of n lines, closed. */
static inline void machine_fill(struct machine *m, unsigned n) {
        struct audit_log *l = machine_open(m, NULL);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(machine_append(l, i, AUDIT_BATCH), 0);
        assert_int_equal(audit_log_flush(l), 0);
        audit_log_free(l);
}

static inline struct bytes machine_read(struct machine *m, const char *path) {
        CLEANUP(close_p) int fd = root_openat(&m->root, path, O_RDONLY, 0);
        struct stat st;
        struct bytes b = { 0 };
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        b.n = (size_t) st.st_size;
        b.p = malloc(b.n + 1);
        assert_non_null(b.p);
        assert_int_equal(pread(fd, b.p, b.n, 0), (ssize_t) b.n);
        b.p[b.n] = '\0';
        return b;
}

static inline void machine_write(struct machine *m, const char *path, const void *p, size_t n) {
        assert_int_equal(root_mkdirs(&m->root, AUDIT_DIRECTORY, 0750), 0);
        CLEANUP(close_p) int fd = root_openat(&m->root, path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, p, n), 0);
}

static inline struct audit_verdict machine_verify(struct machine *m, const char *first_prev) {
        CLEANUP(close_p) int fd = root_openat(&m->root, LOG_PATH, O_RDONLY, 0);
        struct audit_verdict v;
        assert_true(fd >= 0);
        assert_int_equal(audit_verify(fd, first_prev, NULL, NULL, &v), 0);
        return v;
}

static inline struct audit_verdict verify_bytes(const void *p, size_t n, const char *first_prev) {
        CLEANUP(close_p) int fd = memfd_create("record", MFD_CLOEXEC);
        struct audit_verdict v;
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, p, n), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(audit_verify(fd, first_prev, NULL, NULL, &v), 0);
        return v;
}
