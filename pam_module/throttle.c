/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "throttle.h"

#include <string.h>

#define USEC UINT64_C(1000000)

uint32_t throttle_delay(const struct login_policy *p, uint32_t failures) {
        static const uint32_t steps[] = { 5, 15, 30, 60 };
        if (failures <= p->throttle_free)
                return 0;
        uint32_t n = failures - p->throttle_free - 1, delay = steps[n < 4 ? n : 3];
        for (uint32_t i = 3; i < n && delay < p->throttle_max_delay; i++)
                delay *= 2;
        return delay < p->throttle_max_delay ? delay : p->throttle_max_delay;
}

bool throttle_rearm(struct otp_state *s, const struct login_policy *p, const uint8_t *boot_id, uint64_t boot_usec) {
        if (memcmp(s->boot_id, boot_id, sizeof s->boot_id) == 0)
                return false;
        memcpy(s->boot_id, boot_id, sizeof s->boot_id);
        s->not_before = boot_usec + throttle_delay(p, s->failures) * USEC;
        s->drift_boot_usec = 0; /* a first code of the boot before proves nothing any more */
        return true;
}

enum throttle_answer throttle_ask(const struct otp_state *s, const struct login_policy *p, uint64_t boot_usec) {
        if (s->failures >= p->throttle_stop_after)
                return THROTTLE_LOCKED;
        return boot_usec < s->not_before ? THROTTLE_WAIT : THROTTLE_GO;
}

void throttle_charge(struct otp_state *s, const struct login_policy *p, uint64_t boot_usec) {
        if (s->failures < UINT32_MAX)
                s->failures++;
        s->not_before = boot_usec + throttle_delay(p, s->failures) * USEC;
}
