/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a record as a busy terminal would have it, by the agent's own writer: a year of it for the benches, a few
 * records at a time for a fleet.
 *
 *   make_record ROOT RECORDS [MACHINE-NUMBER]
 *
 * RECORDS are appended to the record below ROOT. A small fixed random number generator, so that each run makes the same
 * decisions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/audit.h"
#include "base/cleanup.h"

enum { DEVICES = 40, PEERS = 200, USERS = 12, FLUSH_EVERY = 250 };

static uint64_t state = 88172645463325252u;
static unsigned below(unsigned n) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (unsigned) (state % n);
}

static json_t *device(const struct audit_terminal *t, int64_t now) {
        unsigned n = below(DEVICES);
        bool storage = n % 4 == 0;
        struct device_facts f = { .bus = BUS_USB,
                                  .vendor = (uint16_t) (0x0780 + n),
                                  .product = (uint16_t) (0x5500 + n),
                                  .n_interfaces = 1,
                                  .descriptors_valid = true,
                                  .has_digest = true,
                                  .digest = { (uint8_t) n } };
        f.interfaces[0] = storage ? (struct interface_triple){ 8, 6, 0x50 } : (struct interface_triple){ 0x0b, 0, 0 };
        (void) snprintf(f.serial, sizeof f.serial, "4C5300012305241120%02u", n);
        (void) snprintf(f.name, sizeof f.name, "Some Vendor Model %u", n);
        (void) snprintf(f.port, sizeof f.port, "1-%u", n % 6 + 1);
        const struct verdict v = { .action = storage ? ACTION_BLOCK : ACTION_ALLOW,
                                   .reason = storage ? REASON_DEFAULT : REASON_RULE,
                                   .explicit_rule = !storage,
                                   .rule = storage ? NULL : "card-reader",
                                   .enforce = true,
                                   .policy_serial = 12 };
        return audit_event_device(t, now, AUDIT_DEVICE_CONNECT, &f, &v, below(2) ? "as-decided" : NULL);
}

static json_t *connection(const struct audit_terminal *t, int64_t now, uint64_t id) {
        unsigned n = below(PEERS);
        const struct blocked b = { .id = id,
                                   .direction = n % 7 ? BLOCKED_OUT : BLOCKED_IN,
                                   .family = 4,
                                   .has_protocol = true,
                                   .protocol = n % 3 ? 6 : 17,
                                   .has_port = true,
                                   .port = (uint16_t) (n % 5 ? 443 : 1024 + n),
                                   .peer = { 10, 20, (uint8_t) (n / 100), (uint8_t) n },
                                   .own = { 10, 20, 1, 7 },
                                   .uid = 1000 + n % USERS,
                                   .pid = 4000 + n,
                                   .login_uid = 1000 + n % USERS,
                                   .session = 3,
                                   .count = 1 + below(9),
                                   .bytes = 600,
                                   .first = now * 1000,
                                   .last = now * 1000 + 900,
                                   .interface = "eno1",
                                   .layer = "inet",
                                   .program = "/usr/lib/firefox-esr/firefox-esr",
                                   .command = "firefox-esr" };
        const struct verdict v = {
                .action = ACTION_BLOCK, .reason = REASON_DEFAULT, .enforce = true, .policy_serial = 12
        };
        return audit_event_blocked(t, now, &b, &v);
}

static json_t *login(const struct audit_terminal *t, int64_t now) {
        char user[16];
        bool refused = below(20) == 0;
        (void) snprintf(user, sizeof user, "staff%02u", below(USERS));
        const struct audit_login l = { .phase = "auth",
                                       .outcome = refused ? "refused" : "accepted",
                                       .user = user,
                                       .uid = 1000,
                                       .service = below(3) ? "lightdm" : "sudo",
                                       .tty = "tty7",
                                       .factor = "totp",
                                       .detail = refused ? "wrong-code" : NULL,
                                       .by = -1 };
        const struct verdict v = {
                .action = ACTION_REQUIRED, .reason = REASON_DEFAULT, .enforce = true, .policy_serial = 12
        };
        return audit_event_login(t, now, &l, &v);
}

int main(int argc, char **argv) {
        char id[40];
        unsigned long records = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
        unsigned long machine = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
        (void) snprintf(id, sizeof id, "%032lx", machine);
        char host[32];
        (void) snprintf(host, sizeof host, "madoguchi-%lu", machine);
        const struct audit_terminal terminal = { id, host, "0.1.0" };
        struct time_source clock = { .floor = 0 };
        struct audit_recovery recovery;
        struct audit_log *log = NULL;
        struct root root;
        if (records == 0 || (mkdir(argv[1], 0755) < 0 && errno != EEXIST) || root_open(argv[1], &root) < 0 ||
            root_mkdirs(&root, AUDIT_DIRECTORY, 0750) < 0 ||
            audit_log_open(&root, &clock, "agent", &log, &recovery) < 0)
                return 1;
        int64_t first = 1764547200; /* 2025-12-01 */
        for (unsigned long i = 0; i < records; i++) {
                int64_t now = first + (int64_t) (i * (365u * 86400u) / records);
                unsigned kind = below(10);
                json_t *event = kind < 5   ? connection(&terminal, now, i)
                                : kind < 8 ? device(&terminal, now)
                                           : login(&terminal, now);
                int r = event ? audit_log_append(log, event, AUDIT_BATCH, NULL) : -ENOMEM;
                json_decref(event);
                if (r < 0 || (i % FLUSH_EVERY == 0 && audit_log_flush(log) < 0))
                        return 1;
        }
        (void) audit_log_free(log);
        root_close(&root);
        return 0;
}
