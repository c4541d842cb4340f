/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every value of every enum has a name, every name leads back to its value, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <errno.h>
#include <sekisho/policy.h>
#include <string.h>

#include "names.h"

static const struct {
        const char *what;
        const struct names *names;
        unsigned n;
} tables[] = {
        { "mode", &mode_names, MODE_MAX },
        { "action", &action_names, ACTION_MAX },
        { "keyboards", &keyboards_names, KEYBOARDS_MAX },
        { "interfaces", &interfaces_names, INTERFACES_MODE_MAX },
        { "encrypted", &encrypted_names, ENCRYPTED_MAX },
        { "flow type", &flow_type_names, FLOW_TYPE_MAX },
        { "helper", &helper_names, HELPER_MAX },
        { "otp algorithm", &otp_algorithm_names, OTP_ALGORITHM_MAX },
        { "enrolment", &enrolment_names, ENROLMENT_MAX },
        { "protocol", &protocol_names, PROTOCOL_MAX },
        { "sink", &sink_names, SINK_MAX },
        { "bus", &bus_names, BUS_MAX },
        { "class", &class_names, CLASS_MAX },
        { "my number", &my_number_names, 2 },
};

static void test_tables(void **state) {
        (void) state;
        for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
                const struct names *names = tables[t].names;
                assert_int_equal(names->n, tables[t].n);
                for (unsigned i = 0; i < names->n; i++) {
                        const char *name = names_get(names, (int) i);
                        if (!name || !name[0])
                                fail_msg("%s %u has no name", tables[t].what, i);
                        /* Also shows that no two have the same. */
                        assert_int_equal(names_find(names, name, strlen(name)), i);
                        assert_int_equal(names_find(names, name, strlen(name) - 1), -EINVAL);
                }
                assert_null(names_get(names, -EINVAL));
                assert_null(names_get(names, (int) names->n));
                assert_int_equal(names_find(names, "", 0), -EINVAL);
        }
}

static void test_public(void **state) {
        (void) state;
        assert_string_equal(mode_name(MODE_OBSERVE), "observe");
        assert_string_equal(action_name(ACTION_READ_ONLY), "read-only");
        assert_int_equal(action_from_name("exempt"), ACTION_EXEMPT);
        assert_int_equal(action_from_name("Exempt"), ACTION_INVALID);
        assert_int_equal(action_from_name(NULL), ACTION_INVALID);
        assert_string_equal(keyboards_name(KEYBOARDS_LISTED), "listed");
        assert_string_equal(protocol_name(PROTOCOL_ICMPV6), "icmpv6");
        assert_int_equal(protocol_from_name("sctp"), PROTOCOL_SCTP);
        assert_string_equal(bus_name(BUS_VHCI), "vhci");
        assert_int_equal(bus_from_name("usb"), BUS_USB);
        assert_int_equal(bus_from_name("isa"), BUS_INVALID);
        assert_string_equal(class_name(CLASS_VENDOR), "vendor");
        assert_int_equal(class_from_name("smartcard"), CLASS_SMARTCARD);
        assert_int_equal(class_from_name("disk"), CLASS_INVALID);
        assert_null(class_name(CLASS_INVALID));
        assert_null(bus_name(BUS_MAX));
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_tables), cmocka_unit_test(test_public) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
