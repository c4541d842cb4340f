/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network_faults.h"

#include "ctl.h"

static const struct {
        const char *word, *text;
} faults[NETWORK_FAULT_MAX] = {
        [NETWORK_NO_TABLES] = { "not-loaded", N_("no network rules of Sekisho are loaded") },
        [NETWORK_LEFT_BEHIND] = { "left-behind",
                                  N_("sekisho-netd does not hold the rules; the copy that it left does") },
        [NETWORK_RULE_MISSING] = { "missing", N_("missing") },
        [NETWORK_RULE_FOREIGN] = { "foreign", N_("not called for by the policy") },
        [NETWORK_INTERFACE_UP] = { "interface-up", N_("an interface that is not listed is up") },
        [NETWORK_INTERFACE_OPEN] = { "interface-open", N_("an interface has no rules of its own") },
};

const char *network_fault_word(enum network_fault fault) {
        return faults[fault].word;
}

const char *network_fault_text(enum network_fault fault) {
        return _(faults[fault].text);
}
