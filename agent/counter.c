/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "counter.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/tpm.h"
#include "sys/packet.h"

#define ANSWER_MSEC 15000 /* it is started by its socket, and TPMs are slow; less than our watchdog */

static uint32_t index_of(const struct agent *a) {
        return a->terminal ? a->terminal->tpm_counter : 0;
}

/* 0 or -errno, as in base/tpm.h. */
static int ask(const struct agent *a, enum tpm_operation operation, uint64_t value, uint64_t *ret) {
        struct tpm_message m = { .operation = operation, .index = index_of(a), .value = value }, answer;
        CLEANUP(close_p) int fd = packet_connect(&a->root, TPM_SOCKET);
        if (fd < 0)
                return fd == -ENOENT ? -ENODEV : fd;
        if (send(fd, &m, sizeof m, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t) sizeof m)
                return -errno;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, ANSWER_MSEC) <= 0)
                return -ETIMEDOUT;
        ssize_t n = recv(fd, &answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC);
        if (n != (ssize_t) sizeof answer || answer.operation != (uint32_t) operation || answer.index != m.index ||
            answer.error > 0)
                return -EPROTO;
        if (answer.error == 0)
                *ret = answer.value;
        return answer.error;
}

static void unreadable(struct agent *a, int error) {
        agent_raise(a, FAILURE_COUNTER_UNREADABLE, strerrordesc_np(-error));
}

void counter_check(struct agent *a) {
        uint64_t kept = a->active.counter, now = 0;
        char detail[96];
        if (!index_of(a))
                return;
        int r = ask(a, TPM_READ, 0, &now);
        if (r == 0 && kept == now + 1) /* the power went between the two */
                r = ask(a, TPM_REACH, kept, &now);
        (void) snprintf(detail, sizeof detail, "%" PRIu64 " on the disk, %" PRIu64 " in the TPM", kept, now);
        if (r == -ENOENT && kept == 0)
                agent_raise(a, FAILURE_COUNTER_UNSET, NULL);
        else if (r == -ENOENT || (r == 0 && kept > now))
                agent_raise(a, FAILURE_COUNTER_LOST, detail);
        else if (r < 0)
                unreadable(a, r);
        a->suspended = r == 0 && kept < now;
        if (a->suspended)
                agent_raise(a, FAILURE_IMAGE_RESTORED, detail);
}

/* A TPM that does not answer must not keep a fleet from its policies. */
uint64_t counter_next(struct agent *a) {
        uint64_t now = 0;
        if (!index_of(a))
                return a->active.counter;
        int r = ask(a, TPM_PREPARE, 0, &now);
        (void) sd_notify(0, "WATCHDOG=1");
        if (r < 0)
                unreadable(a, r);
        return r < 0 || now >= COUNTER_MAX ? a->active.counter : now + 1;
}

void counter_reach(struct agent *a, uint64_t value) {
        uint64_t now = 0;
        static const enum failure over[] = { FAILURE_COUNTER_UNREADABLE, FAILURE_COUNTER_LOST, FAILURE_COUNTER_UNSET,
                                             FAILURE_IMAGE_RESTORED };
        if (!index_of(a) || value == 0)
                return;
        int r = ask(a, TPM_REACH, value, &now);
        (void) sd_notify(0, "WATCHDOG=1");
        if (r < 0) {
                unreadable(a, r);
                return;
        }
        a->suspended = false;
        for (size_t i = 0; i < sizeof over / sizeof *over; i++)
                agent_clear(a, over[i]);
}
