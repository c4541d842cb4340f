/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes an old record: for tests of what may be deleted. Nothing but the writer itself, with a clock of its own.
 *
 *   age_record ROOT SEGMENTS DAYS-AGO [RECORDS-IN-EACH [otp]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "audit/audit.h"

static int64_t now;

static int64_t wall(void *userdata) {
        (void) userdata;
        return now;
}

int main(int argc, char **argv) {
        struct root root;
        struct time_source time_source = { .wall = wall };
        struct audit_recovery recovery;
        struct audit_log *l = NULL;
        enum audit_key key;
        const struct audit_terminal t = { "0123456789abcdef0123456789abcdef", "madoguchi-03", "0.1.0" };
        if (argc < 4 || root_open(argv[1], &root) < 0)
                return 2;
        bool logins = argc > 5; /* the verifier's log */
        int segments = atoi(argv[2]), records = argc > 4 ? atoi(argv[4]) : 20;
        now = (int64_t) time(NULL) - (int64_t) atoi(argv[3]) * 86400;
        if (audit_log_open_in(&root, logins ? AUDIT_OTP_DIRECTORY : AUDIT_DIRECTORY, &time_source,
                              logins ? "otp" : "agent", &l, &recovery) < 0 ||
            audit_log_sign(l, &root, &t, logins ? "var/lib/sekisho/otp" : "var/lib/sekisho/record", &key) < 0)
                return 1;
        for (int s = 0; s < segments; s++, now += 86400) {
                for (int i = 0; i < records; i++) {
                        json_t *event = audit_event_agent(&t, now, "trouble", "events-lost", "long ago");
                        int r = audit_log_append(l, event, AUDIT_BATCH, NULL);
                        json_decref(event);
                        if (r < 0)
                                return 1;
                }
                if (audit_log_rotate(l) < 0)
                        return 1;
        }
        (void) audit_log_free(l);
        root_close(&root);
        return 0;
}
