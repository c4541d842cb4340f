/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conditions.h"

#define MEDIA (CLASS_BIT(CLASS_STORAGE) | CLASS_BIT(CLASS_OPTICAL))

/* Tapes are storage, but no disk: nobody holds a condition on them. SPC-4 table 139. */
static bool is_tape(const struct device_facts *d, struct interface_triple t) {
        return (d->bus == BUS_ATA || d->bus == BUS_SCSI || d->bus == BUS_FIREWIRE) && t.class == 0x01;
}

static bool opens_storage_only(const struct device_facts *d, const struct verdict *v) {
        for (size_t i = 0; i < d->n_interfaces && i < DEVICE_INTERFACES_MAX; i++) {
                bool opened = v->interfaces == 0 || (v->interfaces >> i & 1);
                if (opened && ((interface_classes(d->bus, d->interfaces[i]) & ~MEDIA) || is_tape(d, d->interfaces[i])))
                        return false;
        }
        return d->n_interfaces > 0;
}

const char *condition_not_held(const struct device_facts *d, const struct verdict *v, bool media_held) {
        if (!verdict_has_conditions(v) || (media_held && opens_storage_only(d, v)))
                return NULL;
        if (v->action == ACTION_READ_ONLY)
                return "read-only";
        return v->users.n > 0 ? "users" : "encrypted";
}
