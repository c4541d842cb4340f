/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard by itself: what it notices. What it does about it is test_usb_enforce.c's. */
#include "usb_guard_fixture.h"

static const struct name {
        const char *name;
        bool is_device;
        const char *parent;
} names[] = {
        { "usb1", true, NULL },
        { "usb12", true, NULL },
        { "1-2", true, "usb1" },
        { "12-3", true, "usb12" },
        { "1-2.3", true, "1-2" },
        { "1-2.3.4", true, "1-2.3" },
        { "1-2:1.0", false, NULL },
        { "usb", false, NULL },
        { "usbx", false, NULL },
        { "1-", false, NULL },
        { "-1", false, NULL },
        { "1-2.", false, NULL },
        { "", false, NULL },
        { "..", false, NULL },
        { "1-2/../3", false, NULL },
        { "1", false, NULL },
        { "1-2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3", false, NULL },
};

static void test_names(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                char parent[USB_NAME_MAX] = "";
                assert_int_equal(usb_name_is_device(names[i].name), names[i].is_device);
                if (!names[i].is_device)
                        continue;
                assert_int_equal(usb_name_parent(names[i].name, parent), names[i].parent != NULL);
                assert_string_equal(parent, names[i].parent ? names[i].parent : "");
        }
}

static void test_shuts_ports_first(void **state) {
        const struct fixture *f = *state;
        assert_int_equal(usb_guard_ops.shut_early(&f->root), 0);
        char line[8];
        int fd = openat(f->root.fd, "sys/module/usbcore/parameters", O_PATH | O_CLOEXEC);
        assert_true(file_read_line_at(fd, "authorized_default", line, sizeof line - 1) > 0);
        assert_string_equal(line, "0");
        (void) close(fd);
        fd = openat(f->root.fd, USB_DEVICES "/usb1", O_PATH | O_CLOEXEC);
        assert_true(file_read_line_at(fd, "authorized_default", line, sizeof line - 1) > 0);
        assert_string_equal(line, "0");
        (void) close(fd);
}

static void test_facts(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        start(f);
        assert_int_equal(f->n_noticed, 2);
        assert_int_equal(f->facts.vendor, 0x04e6);
        assert_int_equal(f->facts.product, 0x5116);
        assert_string_equal(f->facts.serial, "A 1 "); /* every byte counts: only sysfs' newline is cut */
        assert_string_equal(f->facts.name, "Maker Thing");
        assert_string_equal(f->facts.port, "1-2");
        assert_int_equal(f->facts.bus, BUS_USB);
        assert_true(f->facts.descriptors_valid && f->facts.has_digest && f->facts.present_at_boot);
        assert_false(f->facts.is_root_hub);
        assert_int_equal(f->facts.n_interfaces, 1);
        assert_int_equal(f->facts.interfaces[0].class, 0x0b);
}

static void test_virtual_controller(void **state) {
        struct fixture *f = *state;
        remove_below(f, USB_DEVICES "/usb1");
        assert_int_equal(root_mkdirs(&f->root, "sys/devices/platform/vhci_hcd.0", 0700), 0);
        plug(f, "usb3", 1, 9);
        char from[256], to[256];
        (void) snprintf(from, sizeof from, "%s/" USB_DEVICES "/usb3", f->path);
        (void) snprintf(to, sizeof to, "%s/sys/devices/platform/vhci_hcd.0/usb3", f->path);
        assert_int_equal(rename(from, to), 0);
        assert_int_equal(symlink("../../../devices/platform/vhci_hcd.0/usb3", from), 0);
        start(f);
        assert_int_equal(f->n_noticed, 1);
        assert_int_equal(f->facts.bus, BUS_VHCI);
        assert_true(f->facts.is_root_hub);

        plug(f, "3-1", 2, 0x0b); /* what hangs on it comes the same way */
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        assert_string_equal(f->facts.port, "3-1");
        assert_int_equal(f->facts.bus, BUS_VHCI);
        assert_false(f->facts.is_root_hub);
}

static void test_resync_tells_all_and_repairs(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        start(f);
        unsigned noticed = f->n_noticed;
        uint64_t handle = f->handle;
        put_text(f, USB_DEVICES "/1-2", "authorized", "1\n");
        unsigned before = f->n_effects;
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        assert_int_equal(f->n_noticed, noticed + 2);
        assert_true(f->handle == handle);
        assert_string_equal(f->trouble, "drift");
        run(f, before + 2);
        assert_int_equal(authorized(f, "1-2"), '0');
}

/* What is no address of a USB device is one that is not there yet. */
static void test_address(void **state) {
        const struct fixture *f = *state;
        static const struct {
                const char *dev;
                int result;
                unsigned busnum, devnum;
        } rows[] = {
                { "189:0\n", 0, 1, 1 },
                { "189:126\n", 0, 1, 127 },
                { "189:127\n", -EAGAIN, 0, 0 },
                { "189:129\n", 0, 2, 2 },
                { "189:1048574\n", 0, 8192, 127 },
                { "189:1048576\n", -EAGAIN, 0, 0 },
                { "188:1\n", -EAGAIN, 0, 0 },
                { "189:\n", -EAGAIN, 0, 0 },
                { "189:-1\n", -EAGAIN, 0, 0 },
                { "189: 1\n", -EAGAIN, 0, 0 },
                { "189:1x\n", -EAGAIN, 0, 0 },
                { "1\n", -EAGAIN, 0, 0 },
                { "", -EAGAIN, 0, 0 },
                { "189:00000000000000000000000001\n", -EAGAIN, 0, 0 },
        };
        plug(f, "usb1", 1, 9);
        plug(f, "1-2", 2, 0x0b);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                put_text(f, USB_DEVICES "/1-2", "dev", rows[i].dev);
                struct usb_device d;
                assert_int_equal(usb_device_look(&f->root, "1-2", NULL, &d), rows[i].result);
                if (rows[i].result == 0) {
                        assert_int_equal(d.identity.busnum, rows[i].busnum);
                        assert_int_equal(d.identity.devnum, rows[i].devnum);
                }
                usb_device_clear(&d);
        }
}

static void test_another_device_under_the_same_name(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        start(f);
        uint64_t handle = f->handle;
        put_text(f, USB_DEVICES "/1-2", "dev", "189:2\n");
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        assert_int_equal(f->n_gone, 1);
        assert_false(f->handle == handle);
        assert_true(f->facts.present_at_boot && f->facts.returned); /* within the moment that a loose plug takes */

        /* The same numbers, but other descriptors. */
        handle = f->handle;
        uint8_t bytes[36];
        descriptors(bytes, 8, 6, 0x50);
        put(f, USB_DEVICES "/1-2", "descriptors", bytes, sizeof bytes);
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        assert_int_equal(f->n_gone, 2);
        assert_false(f->handle == handle);
        assert_false(f->facts.present_at_boot || f->facts.returned);
        assert_int_equal(f->facts.interfaces[0].class, 8);
}

static void test_gone(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        start(f);
        remove_below(f, USB_DEVICES "/1-2");
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        assert_int_equal(f->n_gone, 1);
        char instance[GUARD_INSTANCE_MAX];
        assert_int_equal(f->guard->ops->instance(f->guard, f->handle, instance), 0);
        assert_memory_equal(instance, "usb1 ", 5); /* the root hub is what was noticed last */
}

static void test_waits_for_the_hub(void **state) {
        struct fixture *f = *state;
        start(f);
        plug(f, "1-4.1", 5, 0x0b);
        for (int i = 0; i < 5; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(f->facts.is_root_hub, true); /* not judged yet */
        plug(f, "1-4", 4, 9);
        for (int i = 0; i < 100 && strcmp(f->facts.port, "1-4.1") != 0; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_string_equal(f->facts.port, "1-4.1");
}

/* What is said of the device that comes to this port now. */
static struct device_facts comes(struct fixture *f, const char *name, unsigned devnum, uint8_t class) {
        plug(f, name, devnum, class);
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        struct device_facts facts = { .bus = BUS_USB };
        for (size_t i = 0; i < f->n_last && i < SEEN_MAX; i++)
                if (strcmp(f->last[i].port, name) == 0)
                        facts = f->last[i];
        assert_string_equal(facts.port, name);
        return facts;
}

/* What hangs on it is another kernel device and may be seen in the same moment, or while the hub is being opened. */
static void test_hub_that_comes_back(void **state) {
        struct fixture *f = *state;
        f->allow = true;
        plug(f, "1-4", 4, 9);
        start(f);
        assert_true(comes(f, "1-4.1", 5, 3).present_at_boot); /* the hub was just opened */

        for (int turn = 0; turn < 2; turn++) {
                remove_below(f, USB_DEVICES "/1-4.1");
                remove_below(f, USB_DEVICES "/1-4");
                assert_int_equal(usb_guard_ops.resync(f->guard), 0);
                struct device_facts hub = comes(f, "1-4", turn ? 9 : 6, 9);
                assert_true(hub.present_at_boot && hub.returned);
                struct device_facts same = comes(f, "1-4.1", turn ? 10 : 7, 3);
                assert_true(same.present_at_boot && same.returned);
                struct device_facts other = comes(f, "1-4.2", turn ? 11 : 8, 3);
                assert_false(other.present_at_boot || other.returned);
                remove_below(f, USB_DEVICES "/1-4.2");
        }
}

/* The kernel counts devices to 127 and begins again; what says all that the one at boot said may have its number, too.
 */
static void test_number_of_one_that_has_gone(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 3);
        start(f);
        assert_true(f->last[f->n_last - 1].present_at_boot);
        remove_below(f, USB_DEVICES "/1-2");
        assert_false(comes(f, "1-2", 3, 8).present_at_boot); /* another one: no moment's absence any more */
        remove_below(f, USB_DEVICES "/1-2");
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        assert_false(comes(f, "1-2", 2, 3).present_at_boot);
}

static void test_next_agent_vouches_for_no_newcomer(void **state) {
        struct fixture *f = *state;
        f->allow = true;
        plug(f, "1-4", 4, 9);
        start(f);
        usb_guard_ops.stop(f->guard);
        start(f);
        assert_true(comes(f, "1-4", 4, 9).present_at_boot);
        assert_false(comes(f, "1-4.1", 5, 3).present_at_boot);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                CASE(test_shuts_ports_first),
                CASE(test_facts),
                CASE(test_address),
                CASE(test_virtual_controller),
                CASE(test_resync_tells_all_and_repairs),
                CASE(test_another_device_under_the_same_name),
                CASE(test_gone),
                CASE(test_waits_for_the_hub),
                CASE(test_hub_that_comes_back),
                CASE(test_number_of_one_that_has_gone),
                CASE(test_next_agent_vouches_for_no_newcomer),
        };
        return cmocka_run_group_tests_name("usb_guard", tests, NULL, NULL);
}
