/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sodium.h>
#include <string.h>

#include "otpd.h"

#define TICKET_USEC (UINT64_C(180) * 1000000) /* for the escort to come and type */

void ticket_issue(struct otpd *o, uid_t uid, const char *factor, char *ret) {
        struct ticket *t = &o->tickets[0];
        for (size_t i = 1; i < TICKETS_MAX; i++)
                if (o->tickets[i].deadline_boot_usec < t->deadline_boot_usec)
                        t = &o->tickets[i];
        unsigned char random[(TICKET_SIZE - 1) / 2];
        randombytes_buf(random, sizeof random);
        *t = (struct ticket){ .factor = factor,
                              .uid = uid,
                              .deadline_boot_usec = time_boot_usec(&o->time) + TICKET_USEC };
        (void) sodium_bin2hex(t->text, sizeof t->text, random, sizeof random);
        memcpy(ret, t->text, TICKET_SIZE);
}

const char *ticket_redeem(struct otpd *o, uid_t uid, const char *text) {
        if (strlen(text) != TICKET_SIZE - 1)
                return NULL;
        const char *factor = NULL;
        for (size_t i = 0; i < TICKETS_MAX; i++) {
                struct ticket *t = &o->tickets[i];
                if (sodium_memcmp(t->text, text, TICKET_SIZE) != 0 || t->uid != uid)
                        continue;
                if (time_boot_usec(&o->time) < t->deadline_boot_usec)
                        factor = t->factor;
                *t = (struct ticket){ .uid = 0 };
        }
        return factor;
}
