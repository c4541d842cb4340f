/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes to the verifier's own methods, on a real server in front of a real state directory of somebody who is
 * enrolled. What must hold: whatever is asked by root, each whole frame gets a reply or the connection ends, no code is
 * accepted that nobody computed, and the verifier goes on. */
#include <fcntl.h>
#include <ftw.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "pam_module/methods.h"

/* Of agent/ipc/connection.h, which is private there. */
int ipc_server_take(struct ipc_server *s, int fd);
static struct otpd otpd = { .root = { .fd = -1 }, .floor_fd = -1 };
static char directory[] = "/tmp/sekisho-fuzz-XXXXXX";

static void check(bool ok) {
        if (!ok)
                abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st, (void) type, (void) ftw;
        return remove(path);
}

static void clean_up(void) {
        (void) nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int64_t noon(void *userdata) {
        (void) userdata;
        return INT64_C(1795402800);
}

static void enrol(void) {
        struct vault_user u;
        const struct seal_owner owner = { 3001, "yamada" };
        struct enrolment e = { .totp = { .n_secret = TOTP_SECRET_NEW, .digits = 8, .period = 30 } };
        const struct otp_state first = { 0 };
        randombytes_buf(e.totp.secret, TOTP_SECRET_NEW);
        check(vault_user_create(&otpd.vault, &owner, &u) >= 0);
        check(vault_write_enrolment(&u, &e, &first) == 0);
        vault_user_close(&u);
}

static void set_up(void) {
        static const char accounts[] = "yamada:x:3001:3001:yamada:/:/bin/sh\n";
        check(sodium_init() >= 0 && oath_init() == OATH_OK);
        check(mkdtemp(directory) != NULL && atexit(clean_up) == 0);
        check(root_open(directory, &otpd.root) == 0);
        check(root_mkdirs(&otpd.root, "etc", 0700) == 0);
        int etc = root_openat(&otpd.root, "etc", O_RDONLY | O_DIRECTORY, 0);
        check(file_replace_at(etc, "passwd", accounts, sizeof accounts - 1, 0600) == 0);
        close_p(&etc);
        otpd.time.wall = noon;
        otpd.identity = (struct audit_terminal){ "", "", "" };
        check(sd_event_new(&otpd.event) >= 0);
        active_refresh(&otpd);
        otpd_open_record(&otpd);
        check(vault_open(&otpd.root, otpd.machine_id, &otpd.vault) == 0);
        clock_open(&otpd);
        enrol();
        check(otpd_serve(&otpd, -1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (!otpd.server)
                set_up();
        if (size > 32768)
                return 0;

        int pair[2];
        check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        check(ipc_server_take(otpd.server, pair[0]) == 0);
        check(send(pair[1], data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) size || size == 0);
        check(shutdown(pair[1], SHUT_WR) == 0);
        char replies[65536];
        size_t n = 0;
        for (int idle = 0; idle < 3 && n < sizeof replies - 1;) {
                int ran = sd_event_run(otpd.event, 0);
                check(ran >= 0);
                ssize_t got = recv(pair[1], replies + n, sizeof replies - 1 - n, MSG_DONTWAIT);
                if (got == 0)
                        break;
                n += got > 0 ? (size_t) got : 0;
                idle = ran > 0 || got > 0 ? 0 : idle + 1;
        }
        for (size_t i = 0; i < n; i++)
                if (replies[i] == '\0')
                        replies[i] = '\n';
        replies[n] = '\0';
        check(strstr(replies, "\"accepted\":true,\"reason\":\"ok\",\"reenrol\"") == NULL);
        close_p(&pair[1]);
        while (sd_event_run(otpd.event, 0) > 0)
                continue;
        return 0;
}
