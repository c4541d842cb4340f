/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit open: what was sealed becomes the tar file that it was, on the auditor's machine. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "options.h"
#include "screen.h"
#include "sealed.h"

static enum outcome cannot(const char *path, int r) {
        complain("%s: %s", path, strerror(-r));
        return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}

static int open_regular(const char *path) {
        CLEANUP(close_p) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

static ssize_t read_key_file(const char *path, char *text, size_t size) {
        CLEANUP(close_p) int fd = open_regular(path);
        size_t n = 0;
        if (fd < 0)
                return fd;
        for (;;) {
                ssize_t got = read(fd, text + n, size - n);
                if (got < 0)
                        return -errno;
                n += (size_t) got;
                if (got == 0)
                        return (ssize_t) n;
                if (n == size)
                        return -EFBIG;
        }
}

static enum outcome read_key(const char *path, struct sealed_key *ret) {
        char text[SEALED_KEY_FILE];
        ssize_t n = read_key_file(path, text, sizeof text);
        int r = n < 0 ? (int) n : sealed_key_parse(text, (size_t) n, ret);
        sodium_memzero(text, sizeof text);
        if (r < 0)
                return cannot(path, r);
        if (r == SEALED_OK)
                return OUTCOME_YES;
        complain("%s: %s", path, sealed_fault_text((enum sealed_fault) r));
        return OUTCOME_BAD;
}

/* What did not open to its end is not left behind for somebody to believe. */
static enum outcome open_to(const char *path, const struct sealed_key *k, const char *target) {
        CLEANUP(close_p) int in = open_regular(path);
        if (in < 0)
                return cannot(path, in);
        CLEANUP(close_p) int out = open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (out < 0)
                return cannot(target, -errno);
        int r = sealed_open(in, k, out);
        if (r == SEALED_OK && fsync(out) < 0)
                r = -errno;
        if (r == SEALED_OK)
                return OUTCOME_YES;
        (void) unlink(target);
        if (r < 0)
                return cannot(target, r);
        complain("%s: %s", path, sealed_fault_text((enum sealed_fault) r));
        return OUTCOME_NO;
}

enum outcome run_audit_open(const struct invocation *i) {
        const char *key = i->values[AUDIT_OPEN_KEY], *path = i->arguments[0], *target = i->arguments[1];
        CLEANUP(sealed_key_clear) struct sealed_key k = { 0 };
        if (!key) {
                complain(_("Say with which key: --key FILE, the private key that it was sealed to."));
                return OUTCOME_BAD;
        }
        if (sodium_init() < 0) {
                complain(_("The cryptographic library does not start."));
                return OUTCOME_BAD;
        }
        enum outcome outcome = read_key(key, &k);
        if (outcome == OUTCOME_YES)
                outcome = open_to(path, &k, target);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json)
                return screen_json(json_pack("{s:s, s:s}", "sealed", path, "file", target));
        CLEANUP(free_p) char *shown = screen_text(target);
        printf(_("Opened, whole and unaltered since it was sealed: %s. Unpack it with tar, and check what is in it: "
                 "sekishoctl audit verify --key KEYS DIR"),
               shown ? shown : "");
        putchar('\n');
        return OUTCOME_YES;
}
