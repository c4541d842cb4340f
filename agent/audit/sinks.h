/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of each record to the journal and to the kernel's audit trail. Best effort: a failure is counted.
 *
 * Private to agent/audit. The two ways out are function pointers, so that tests see what would be sent.
 */
#pragma once

#include <stdint.h>

#include "audit/audit.h"

struct sink_ops {
        /* One datagram of the journal's native protocol. 0 or -errno; must not block. */
        int (*journal_send)(const struct root *root, const void *bytes, size_t size);
        /* As audit_open(3): a file descriptor or -errno. */
        int (*audit_open)(void);
        /* As audit_log_user_message(3): > 0, or -errno. */
        int (*audit_send)(int fd, int type, const char *message, int result);
};

extern const struct sink_ops sink_ops_system;

struct sinks; /* of one log */

/* root, time: borrowed. 0 or -ENOMEM. */
int sinks_new(const struct root *root, const struct time_source *time, struct sinks **ret);
struct sinks *sinks_free(struct sinks *s);

void sinks_set_mask(struct sinks *s, uint32_t mask);
void sinks_set_ops(struct sinks *s, const struct sink_ops *ops); /* for tests */
uint64_t sinks_failures(const struct sinks *s);

/* event: a complete record; head: hex SHA-256 of its line. */
void sinks_send(struct sinks *s, const json_t *event, const char *head);

/* For tests of a whole log. */
struct sinks *audit_log_sinks(struct audit_log *l);
