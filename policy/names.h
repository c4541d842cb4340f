/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One table of names per enum, in the enum's order. Private to the policy library: the parser, the schema and the
 * difference read the same tables that the public *_name() functions show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct names {
        const char *const *list;
        unsigned n;
};

extern const struct names mode_names, action_names, keyboards_names, interfaces_names, encrypted_names, flow_type_names,
        helper_names, otp_algorithm_names, enrolment_names, protocol_names, sink_names, bus_names, class_names,
        my_number_names, trust_role_names, presence_names, consent_names;

/* Whether s[0..length) is that name: words so short that a call would take longer than looking. */
static inline bool name_is(const char *name, const char *s, size_t length) {
        for (size_t i = 0; i < length; i++)
                if (name[i] != s[i] || name[i] == '\0')
                        return false;
        return name[length] == '\0';
}

/* Index of s[0..length), or -EINVAL. */
int names_find(const struct names *t, const char *s, size_t length);

/* NULL when i is out of range. */
const char *names_get(const struct names *t, int i);
