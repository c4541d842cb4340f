/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hours.h"

#define DAY 1440u

static unsigned nearer(unsigned best, unsigned boundary, unsigned minute) {
        unsigned ahead = (boundary + DAY - minute) % DAY;
        ahead = ahead == 0 ? DAY : ahead;
        return best == 0 || ahead < best ? ahead : best;
}

unsigned hours_minutes_ahead(const struct device_policy *d, uint16_t minute) {
        unsigned best = 0;
        for (uint32_t i = 0; i < d->n_rules; i++) {
                const struct hours *h = &d->rules[i].hours;
                for (uint32_t k = 0; k < h->n; k++) {
                        best = nearer(best, h->list[k].start % DAY, minute % DAY);
                        best = nearer(best, h->list[k].end % DAY, minute % DAY);
                }
        }
        return best;
}
