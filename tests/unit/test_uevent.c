/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libudev's monitor against umockdev: which events lead to a look. Needs umockdev's preload library (see
 * CMakeLists.txt). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <umockdev.h>

#include "sys/uevent.h"

struct heard {
        char names[512];
        unsigned n_all, n_lost;
};

static void on_event(enum uevent_kind kind, const char *name, void *userdata) {
        struct heard *h = userdata;
        if (kind == UEVENT_LOOK)
                (void) strncat(strncat(h->names, name, 64), " ", 2);
        h->n_all += kind == UEVENT_LOOK_AT_ALL;
        h->n_lost += kind == UEVENT_LOST;
}

static void add_device(UMockdevTestbed *bed, const char *subsystem, const char *name, const char *devtype) {
        char *path = umockdev_testbed_add_device(bed, subsystem, name, NULL, "authorized", "0\n", NULL, "DEVTYPE",
                                                 devtype, NULL);
        assert_non_null(path);
        g_free(path);
}

static void test_actions(void **state) {
        (void) state;
        UMockdevTestbed *bed = umockdev_testbed_new();
        char *directory = umockdev_testbed_get_root_dir(bed);
        struct root root;
        assert_int_equal(root_open(directory, &root), 0);
        g_free(directory);

        sd_event *event = NULL;
        struct uevent_monitor *monitor = NULL;
        struct heard heard = { .n_all = 0 };
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(uevent_monitor_new(event, &root, UEVENT_USB_DEVICES, true, on_event, &heard, &monitor), 0);

        add_device(bed, "usb", "1-1", "usb_device"); /* says "add" itself */
        umockdev_testbed_uevent(bed, "/sys/devices/1-1", "change");
        umockdev_testbed_uevent(bed, "/sys/devices/1-1", "bind");
        add_device(bed, "usb", "1-1:1.0", "usb_interface");
        umockdev_testbed_uevent(bed, "/sys/devices/1-1", "remove");
        add_device(bed, "usb", "1-2", "usb_device");
        for (int i = 0; i < 50 && !strstr(heard.names, "1-2 "); i++)
                assert_true(sd_event_run(event, 20000) >= 0);
        assert_string_equal(heard.names, "1-1 1-1 1-2 ");
        assert_int_equal(heard.n_all + heard.n_lost, 0);

        (void) uevent_monitor_free(monitor);
        (void) sd_event_unref(event);
        root_close(&root);
        g_object_unref(bed);
}

/* Each hears its own, whoever else listens on the same loop, and after another has gone. */
static void test_listeners(void **state) {
        (void) state;
        UMockdevTestbed *bed = umockdev_testbed_new();
        struct root root = { .fd = -1 };
        sd_event *event = NULL;
        assert_true(sd_event_new(&event) >= 0);

        static const enum uevent_devices kinds[] = { UEVENT_BLOCK_DEVICES, UEVENT_USB_DEVICES, UEVENT_MMC_DEVICES };
        struct heard heard[3] = { { .n_all = 0 } };
        struct uevent_monitor *monitors[3] = { NULL };
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(uevent_monitor_new(event, &root, kinds[i], true, on_event, &heard[i], &monitors[i]),
                                 0);

        add_device(bed, "usb", "1-1", "usb_device");
        add_device(bed, "block", "sda", "disk");
        umockdev_testbed_uevent(bed, "/sys/devices/sda", "change");
        add_device(bed, "mmc", "mmc0:0001", NULL);
        for (int i = 0; i < 50 && !strstr(heard[2].names, "mmc"); i++)
                assert_true(sd_event_run(event, 20000) >= 0);
        assert_string_equal(heard[0].names, "sda sda ");
        assert_string_equal(heard[1].names, "1-1 ");
        assert_string_equal(heard[2].names, "mmc0:0001 ");

        monitors[0] = uevent_monitor_free(monitors[0]);
        add_device(bed, "block", "sdb", "disk");
        add_device(bed, "usb", "1-2", "usb_device");
        for (int i = 0; i < 50 && !strstr(heard[1].names, "1-2 "); i++)
                assert_true(sd_event_run(event, 20000) >= 0);
        assert_string_equal(heard[0].names, "sda sda ");
        assert_string_equal(heard[1].names, "1-1 1-2 ");

        for (size_t i = 0; i < 3; i++)
                (void) uevent_monitor_free(monitors[i]);
        (void) sd_event_unref(event);
        g_object_unref(bed);
}

int main(void) {
        const char *preload = getenv("LD_PRELOAD");
        if (!preload || !strstr(preload, "libumockdev-preload")) {
                (void) fprintf(stderr, "needs LD_PRELOAD=libumockdev-preload.so.0\n");
                return 1;
        }
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_actions), cmocka_unit_test(test_listeners) };
        return cmocka_run_group_tests_name("uevent", tests, NULL, NULL);
}
