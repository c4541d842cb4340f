/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes as a record: the verifier, the reader, and a writer that is opened on them.
 *
 * - What audit_verify() calls whole, a plain loop over the lines with the JSON parser calls whole too, with the same
 * head; and what the loop calls whole, audit_verify() does.
 * - The fast scanner never says yes where the parser says no, nor reads anything else.
 * - The reader hands out every byte.
 * - Opening loses no byte: the file, what was cut off it and what was put aside are the input again; and a record can
 * be appended, after which the file ends in a valid line.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/chain.h"
#include "base/cleanup.h"
#include "fuzz.h"

/* ---- the reference ---- */

static bool plain_loop(const char *p, size_t size, char head[CHAIN_HEX + 1], uint64_t *ret_records) {
        struct chain last = { 0 };
        uint64_t records = 0;
        memcpy(head, chain_zeros, CHAIN_HEX + 1);
        while (size > 0) {
                const char *newline = memchr(p, '\n', size);
                struct chain c;
                if (!newline)
                        return false;
                size_t n = (size_t) (newline - p);
                if (chain_parse_json(p, n, &c) != AUDIT_OK)
                        return false;
                if (records > 0 && (strcmp(c.log, last.log) != 0 || c.seq != last.seq + 1))
                        return false;
                if (records > 0 && strcmp(c.prev, head) != 0)
                        return false;
                chain_hash(p, n, head);
                last = c;
                records++;
                p += n + 1;
                size -= n + 1;
        }
        *ret_records = records;
        return true;
}

static void check_scanner(const char *p, size_t size) {
        while (size > 0) {
                const char *newline = memchr(p, '\n', size);
                size_t n = newline ? (size_t) (newline - p) : size;
                struct chain fast = { 0 }, slow = { 0 };
                if (n <= AUDIT_LINE_MAX && chain_scan(p, n, &fast)) {
                        REQUIRE(chain_parse_json(p, n, &slow) == AUDIT_OK);
                        REQUIRE(fast.seq == slow.seq && strcmp(fast.prev, slow.prev) == 0 &&
                                strcmp(fast.log, slow.log) == 0);
                }
                n += newline != NULL;
                p += n;
                size -= n;
        }
}

static void check_verify(int fd, const char *p, size_t size) {
        struct audit_verdict v;
        char head[CHAIN_HEX + 1];
        uint64_t records = 0;
        REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
        REQUIRE(audit_verify(fd, NULL, NULL, NULL, &v) == 0);
        REQUIRE((v.fault == AUDIT_OK) == plain_loop(p, size, head, &records));
        REQUIRE(audit_fault_text(v.fault)[0]);
        if (v.fault == AUDIT_OK) {
                REQUIRE(strcmp(head, v.head) == 0 && v.records == records && v.bytes == size);
        } else {
                REQUIRE(v.offset == v.bytes && v.offset < size && v.line == v.records + 1);
                REQUIRE(plain_loop(p, (size_t) v.offset, head, &records) && records == v.records);
        }
}

struct walk {
        const char *p;
        size_t left;
};

static int each(json_t *event, const char *line, size_t size, void *userdata) {
        struct walk *w = userdata;
        REQUIRE(size <= w->left && memcmp(w->p, line, size) == 0);
        REQUIRE(!event || (json_is_object(event) && line[size] == '\n'));
        size_t n = size + (size < w->left && size < AUDIT_LINE_MAX);
        if (size == AUDIT_LINE_MAX && !event) { /* the rest of a line that is too long is not handed out */
                const char *newline = memchr(w->p + size, '\n', w->left - size);
                n = newline ? (size_t) (newline - w->p) + 1 : w->left;
        } else if (size == AUDIT_LINE_MAX) {
                n++;
        }
        w->p += n;
        w->left -= n;
        return 0;
}

static void check_read(int fd, const char *p, size_t size) {
        struct walk w = { p, size };
        REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
        REQUIRE(audit_read(fd, INT64_MIN, each, &w) == 0);
        REQUIRE(w.left == 0);
}

/* ---- recovery ---- */

static struct root machine;
static struct time_source now;

static void remove_machine(void) {
        char path[64];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", machine.fd);
        char real[256] = "";
        if (readlink(path, real, sizeof real - 1) < 0)
                return;
        (void) unlinkat(machine.fd, AUDIT_DIRECTORY "/" AUDIT_FILE, 0);
        (void) unlinkat(machine.fd, AUDIT_DIRECTORY, AT_REMOVEDIR);
        (void) unlinkat(machine.fd, "var/log", AT_REMOVEDIR);
        (void) unlinkat(machine.fd, "var", AT_REMOVEDIR);
        (void) rmdir(real);
}

static void make_machine(void) {
        if (machine.fd > 0)
                return;
        char path[64] = "/dev/shm/sekisho-fuzz-XXXXXX";
        if (!mkdtemp(path)) {
                (void) snprintf(path, sizeof path, "/tmp/sekisho-fuzz-XXXXXX");
                REQUIRE(mkdtemp(path));
        }
        REQUIRE(root_open(path, &machine) == 0);
        REQUIRE(root_mkdirs(&machine, AUDIT_DIRECTORY, 0750) == 0);
        REQUIRE(atexit(remove_machine) == 0);
}

static size_t slurp(const char *name, char *out, size_t room) {
        char path[160];
        (void) snprintf(path, sizeof path, AUDIT_DIRECTORY "/%s", name);
        CLEANUP(close_p) int fd = root_openat(&machine, path, O_RDONLY, 0);
        REQUIRE(fd >= 0);
        ssize_t n = pread(fd, out, room, 0);
        REQUIRE(n >= 0);
        return (size_t) n;
}

static void drop(const char *name) {
        char path[160];
        (void) snprintf(path, sizeof path, AUDIT_DIRECTORY "/%s", name);
        REQUIRE(unlinkat(machine.fd, path, 0) == 0);
}

static void check_recovery(const char *p, size_t size) {
        make_machine();
        CLEANUP(close_p)
        int fd = root_openat(&machine, AUDIT_DIRECTORY "/" AUDIT_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0640);
        REQUIRE(fd >= 0 && file_write_all(fd, p, size) == 0);

        struct audit_log *l = NULL;
        struct audit_recovery r;
        REQUIRE(audit_log_open(&machine, &now, "agent", &l, &r) == 0);

        char *all = malloc(size + 1);
        REQUIRE(all);
        size_t n = slurp(r.damaged ? r.damaged_name : AUDIT_FILE, all, size + 1);
        size_t torn = r.torn ? slurp(r.torn_name, all + n, size + 1 - n) : 0;
        REQUIRE(n + torn == size && torn == r.torn_bytes && (size == 0 || memcmp(all, p, size) == 0));
        REQUIRE(!r.torn || (torn > 0 && !memchr(all + n, '\n', torn)));
        free(all);

        static const struct audit_terminal terminal = { "m", "h", "v" };
        json_t *event = audit_event_agent(&terminal, 1, "start", NULL, NULL);
        uint64_t seq = 0;
        REQUIRE(event && audit_log_append(l, event, AUDIT_BATCH, &seq) == 0);
        REQUIRE(seq == r.last_seq + 1);
        json_decref(event);
        (void) audit_log_free(l);

        CLEANUP(close_p) int again = root_openat(&machine, AUDIT_DIRECTORY "/" AUDIT_FILE, O_RDONLY, 0);
        struct audit_verdict before, after;
        REQUIRE(audit_verify(again, NULL, NULL, NULL, &after) == 0);
        REQUIRE(after.fault != AUDIT_TORN);
        if (r.damaged)
                REQUIRE(after.fault == AUDIT_OK && after.records == 1);

        /* A chain that was whole up to its torn end is whole again. */
        CLEANUP(close_p) int memory = memfd_create("whole", MFD_CLOEXEC);
        REQUIRE(file_write_all(memory, p, n) == 0 && lseek(memory, 0, SEEK_SET) == 0);
        REQUIRE(audit_verify(memory, NULL, NULL, NULL, &before) == 0);
        if (before.fault == AUDIT_OK && !r.damaged)
                REQUIRE(after.fault == AUDIT_OK && after.records == before.records + 1);

        drop(AUDIT_FILE);
        if (r.torn)
                drop(r.torn_name);
        if (r.damaged)
                drop(r.damaged_name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *p = (const char *) data;
        CLEANUP(close_p) int fd = memfd_create("record", MFD_CLOEXEC);
        REQUIRE(fd >= 0 && file_write_all(fd, p, size) == 0);
        check_scanner(p, size);
        check_verify(fd, p, size);
        check_read(fd, p, size);
        check_recovery(p, size);
        return 0;
}
