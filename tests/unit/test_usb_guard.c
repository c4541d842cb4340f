/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard by itself: what it notices, enforces and reads back. It never decides: the test does. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "guards/usb.h"
#include "guards/usb_device.h"
#include "sys/worker.h"

#define SEEN_MAX 64

struct fixture {
        char path[64];
        struct root root;
        struct time_source time;
        sd_event *event;
        struct worker_pool *pool;
        struct guard *guard;
        bool allow; /* what the test's decide() says */
        unsigned n_noticed, n_gone, n_trouble, n_effects;
        uint64_t handle;                           /* of the last one noticed */
        struct device_facts facts, last[SEEN_MAX]; /* of the last one noticed, and of all of them */
        size_t n_last;
        struct effect effect;
        char trouble[64];
};

/* One configuration with one interface: 08/06/50, or what the caller puts in. */
static void descriptors(uint8_t ret[36], uint8_t class, uint8_t subclass, uint8_t protocol) {
        static const uint8_t bytes[36] = { 18, 1, 0,  2, 0, 0, 0, 64,   0xe6, 0x04, 0x16, 0x51, 0, 1, 0, 0, 0,    1,
                                           9,  2, 27, 0, 1, 1, 0, 0x80, 50,   9,    4,    0,    0, 0, 8, 6, 0x50, 0 };
        memcpy(ret, bytes, sizeof bytes);
        ret[32] = class;
        ret[33] = subclass;
        ret[34] = protocol;
}

static void put(const struct fixture *f, const char *directory, const char *name, const void *bytes, size_t size) {
        char path[256];
        (void) snprintf(path, sizeof path, "%s/%s", directory, name);
        int fd = openat(f->root.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, size), (ssize_t) size);
        (void) close(fd);
}

static void put_text(const struct fixture *f, const char *directory, const char *name, const char *text) {
        put(f, directory, name, text, strlen(text));
}

static void plug(const struct fixture *f, const char *name, const char *devnum, uint8_t class) {
        char directory[128];
        (void) snprintf(directory, sizeof directory, USB_DEVICES "/%s", name);
        assert_int_equal(root_mkdirs(&f->root, directory, 0700), 0);
        uint8_t bytes[36];
        descriptors(bytes, class, 0, 0);
        put(f, directory, "descriptors", bytes, sizeof bytes);
        put_text(f, directory, "idVendor", "04e6\n");
        put_text(f, directory, "idProduct", "5116\n");
        put_text(f, directory, "busnum", "1\n");
        put_text(f, directory, "devnum", devnum);
        put_text(f, directory, "serial", "A 1 \n");
        put_text(f, directory, "manufacturer", "Maker\n");
        put_text(f, directory, "product", "Thing\n");
        put_text(f, directory, "authorized_default", "1\n");
        put_text(f, directory, "authorized", "0\n");
}

static char authorized(const struct fixture *f, const char *name) {
        char path[128], c = '?';
        (void) snprintf(path, sizeof path, USB_DEVICES "/%s/authorized", name);
        int fd = openat(f->root.fd, path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, &c, 1), 1);
        (void) close(fd);
        return c;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static void remove_below(const struct fixture *f, const char *name) {
        char path[256];
        (void) snprintf(path, sizeof path, "%s/%s", f->path, name);
        assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void on_noticed(struct guard *g, uint64_t handle, const struct facts *facts, void *userdata) {
        struct fixture *f = userdata;
        f->n_noticed++;
        f->handle = handle;
        f->facts = facts->device;
        f->last[f->n_last++ % SEEN_MAX] = facts->device;
        struct verdict v = { .action = f->allow || facts->device.is_root_hub ? ACTION_ALLOW : ACTION_BLOCK,
                             .enforce = true,
                             .handle = handle };
        assert_int_equal(g->ops->apply(g, &v), 0);
}

static void on_effect(struct guard *g, uint64_t handle, const struct effect *effect, void *userdata) {
        struct fixture *f = userdata;
        (void) g;
        (void) handle;
        f->effect = *effect;
        f->n_effects++;
}

static void on_gone(struct guard *g, uint64_t handle, void *userdata) {
        struct fixture *f = userdata;
        (void) g;
        (void) handle;
        f->n_gone++;
}

static void on_trouble(struct guard *g, const char *code, const char *detail, void *userdata) {
        struct fixture *f = userdata;
        (void) g;
        (void) detail;
        f->n_trouble++;
        (void) snprintf(f->trouble, sizeof f->trouble, "%s", code);
}

static void on_worker_trouble(const char *code, const char *detail, void *userdata) {
        on_trouble(NULL, code, detail, userdata);
}

static void start(struct fixture *f) {
        const struct guard_env env = { .event = f->event,
                                       .root = &f->root,
                                       .time = &f->time,
                                       .workers = f->pool,
                                       .userdata = f,
                                       .noticed = on_noticed,
                                       .effect = on_effect,
                                       .gone = on_gone,
                                       .trouble = on_trouble };
        assert_int_equal(usb_guard_ops.start(&env, &f->guard), 0);
}

static void run(struct fixture *f, unsigned n_effects) {
        for (int i = 0; i < 500 && f->n_effects < n_effects; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_true(f->n_effects >= n_effects);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        if (!f)
                return -1;
        *state = f;
        (void) snprintf(f->path, sizeof f->path, "/tmp/test_usb_guard.XXXXXX");
        if (!mkdtemp(f->path) || root_open(f->path, &f->root) < 0)
                return -1;
        if (root_mkdirs(&f->root, "run/sekisho", 0700) < 0 ||
            root_mkdirs(&f->root, "sys/module/usbcore/parameters", 0700) < 0)
                return -1;
        put_text(f, "sys/module/usbcore/parameters", "authorized_default", "1\n");
        plug(f, "usb1", "1\n", 9);
        put_text(f, USB_DEVICES "/usb1", "authorized", "1\n");

        sigset_t set;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        if (sd_event_new(&f->event) < 0 || worker_pool_new(&WORKER_LIMITS, &f->pool) < 0)
                return -1;
        return worker_pool_attach(f->pool, f->event, on_worker_trouble, f);
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        usb_guard_ops.stop(f->guard);
        (void) worker_pool_free(f->pool);
        (void) sd_event_unref(f->event);
        root_close(&f->root);
        int r = nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
        return r;
}

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
        plug(f, "1-2", "2\n", 0x0b);
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
        plug(f, "usb3", "1\n", 9);
        char from[256], to[256];
        (void) snprintf(from, sizeof from, "%s/" USB_DEVICES "/usb3", f->path);
        (void) snprintf(to, sizeof to, "%s/sys/devices/platform/vhci_hcd.0/usb3", f->path);
        assert_int_equal(rename(from, to), 0);
        assert_int_equal(symlink("../../../devices/platform/vhci_hcd.0/usb3", from), 0);
        start(f);
        assert_int_equal(f->n_noticed, 1);
        assert_int_equal(f->facts.bus, BUS_VHCI);
        assert_true(f->facts.is_root_hub);
}

static void test_opens_shuts_and_reads_back(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", "2\n", 0x0b);
        f->allow = true;
        start(f);
        run(f, 2);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_true(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '1');

        struct verdict v = { .action = ACTION_BLOCK, .enforce = true, .handle = f->handle };
        unsigned before = f->n_effects;
        assert_int_equal(usb_guard_ops.apply(f->guard, &v), 0);
        run(f, before + 1);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_false(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '0');

        /* Observe mode: the action says block, the door opens. */
        v.enforce = false;
        before = f->n_effects;
        assert_int_equal(usb_guard_ops.apply(f->guard, &v), 0);
        run(f, before + 1);
        assert_int_equal(authorized(f, "1-2"), '1');

        v.handle = 4711;
        assert_int_equal(usb_guard_ops.apply(f->guard, &v), 1);
}

/* Keyboard and storage in one configuration. What a kernel does with the files is seen in the terminal's scenarios;
 * here is seen which files are written, and what is made of what they say. */
static void plug_composite(const struct fixture *f) {
        static const uint8_t bytes[] = { 18, 1, 0, 2, 0, 0,  0, 64, 0xe6, 0x04, 0x16, 0x51, 0, 1,    0,
                                         0,  0, 1, 9, 2, 36, 0, 2,  1,    0,    0x80, 50,   9, 4,    0,
                                         0,  0, 3, 1, 1, 0,  9, 4,  1,    0,    0,    8,    6, 0x50, 0 };
        plug(f, "1-2", "2\n", 3);
        put(f, USB_DEVICES "/1-2", "descriptors", bytes, sizeof bytes);
        put_text(f, USB_DEVICES "/1-2", "bConfigurationValue", "1\n");
        put_text(f, USB_DEVICES "/usb1", "interface_authorized_default", "0\n"); /* left so by a killed agent */
        put_text(f, "sys/bus/usb", "drivers_probe", "");
        for (int i = 0; i < 2; i++) {
                char directory[64];
                (void) snprintf(directory, sizeof directory, USB_DEVICES "/1-2/1-2:1.%d", i);
                assert_int_equal(root_mkdirs(&f->root, directory, 0700), 0);
                put_text(f, directory, "bInterfaceNumber", i ? "01\n" : "00\n");
                put_text(f, directory, "authorized", i ? "1\n" : "0\n"); /* each the wrong way round */
        }
}

static bool has_mark(const struct fixture *f) {
        return faccessat(f->root.fd, "run/sekisho/root-only/1-2", F_OK, 0) == 0;
}

static void apply_and_run(struct fixture *f, const struct verdict *v) {
        unsigned before = f->n_effects;
        assert_int_equal(usb_guard_ops.apply(f->guard, v), 0);
        run(f, before + 1);
}

static void test_opens_in_part(void **state) {
        struct fixture *f = *state;
        plug_composite(f);
        start(f);
        run(f, 2); /* shut */
        assert_int_equal(authorized(f, "usb1"), '1');
        char line[64];
        int hub = openat(f->root.fd, USB_DEVICES "/usb1", O_PATH | O_CLOEXEC);
        assert_true(file_read_line_at(hub, "interface_authorized_default", line, sizeof line - 1) > 0);
        assert_string_equal(line, "1");

        struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle, .interfaces = 1 };
        apply_and_run(f, &v);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_true(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '1');
        assert_int_equal(authorized(f, "1-2/1-2:1.0"), '1');
        assert_int_equal(authorized(f, "1-2/1-2:1.1"), '0');
        assert_true(has_mark(f));
        int bus = openat(f->root.fd, "sys/bus/usb", O_PATH | O_CLOEXEC);
        assert_true(file_read_line_at(bus, "drivers_probe", line, sizeof line - 1) > 0);
        assert_string_equal(line, "1-2:1.0");
        assert_true(file_read_line_at(hub, "interface_authorized_default", line, sizeof line - 1) > 0);
        assert_string_equal(line, "1");

        put_text(f, USB_DEVICES "/1-2/1-2:1.1", "authorized", "1\n"); /* somebody else opens the stranger */
        apply_and_run(f, &v);
        assert_string_equal(f->trouble, "drift");
        assert_int_equal(authorized(f, "1-2/1-2:1.1"), '0');

        v.interfaces = 0;
        apply_and_run(f, &v);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_int_equal(authorized(f, "1-2/1-2:1.1"), '1');
        assert_false(has_mark(f));
        (void) close(hub);
        (void) close(bus);
}

/* Without the root hub's file the strangers could not be held: the device stays shut. */
static void test_part_needs_the_hub(void **state) {
        struct fixture *f = *state;
        plug_composite(f);
        remove_below(f, USB_DEVICES "/usb1/interface_authorized_default");
        start(f);
        run(f, 2);
        const struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle, .interfaces = 1 };
        apply_and_run(f, &v);
        assert_int_equal(f->effect.result, EFFECT_FAILED);
        assert_int_equal(authorized(f, "1-2"), '0');
}

static void test_last_word_counts(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", "2\n", 0x0b);
        start(f);
        struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle };
        for (int i = 0; i < 9; i++) {
                v.action = i % 2 ? ACTION_BLOCK : ACTION_ALLOW; /* while the first is with a worker */
                assert_int_equal(usb_guard_ops.apply(f->guard, &v), 0);
        }
        v.action = ACTION_BLOCK;
        assert_int_equal(usb_guard_ops.apply(f->guard, &v), 0);
        for (int i = 0; i < 25; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(authorized(f, "1-2"), '0');
        assert_false(f->effect.open);
}

static void test_resync_tells_all_and_repairs(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", "2\n", 0x0b);
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

static void test_another_device_under_the_same_name(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", "2\n", 0x0b);
        start(f);
        uint64_t handle = f->handle;
        put_text(f, USB_DEVICES "/1-2", "devnum", "3\n");
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
        plug(f, "1-2", "2\n", 0x0b);
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
        plug(f, "1-4.1", "5\n", 0x0b);
        for (int i = 0; i < 5; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(f->facts.is_root_hub, true); /* not judged yet */
        plug(f, "1-4", "4\n", 9);
        for (int i = 0; i < 100 && strcmp(f->facts.port, "1-4.1") != 0; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_string_equal(f->facts.port, "1-4.1");
}

/* What is said of the device that comes to this port now. */
static struct device_facts comes(struct fixture *f, const char *name, const char *devnum, uint8_t class) {
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
        plug(f, "1-4", "4\n", 9);
        start(f);
        assert_true(comes(f, "1-4.1", "5\n", 3).present_at_boot); /* the hub was just opened */

        for (int turn = 0; turn < 2; turn++) {
                remove_below(f, USB_DEVICES "/1-4.1");
                remove_below(f, USB_DEVICES "/1-4");
                assert_int_equal(usb_guard_ops.resync(f->guard), 0);
                struct device_facts hub = comes(f, "1-4", turn ? "9\n" : "6\n", 9);
                assert_true(hub.present_at_boot && hub.returned);
                struct device_facts same = comes(f, "1-4.1", turn ? "10\n" : "7\n", 3);
                assert_true(same.present_at_boot && same.returned);
                struct device_facts other = comes(f, "1-4.2", turn ? "11\n" : "8\n", 3);
                assert_false(other.present_at_boot || other.returned);
                remove_below(f, USB_DEVICES "/1-4.2");
        }
}

/* The kernel counts devices to 127 and begins again; what says all that the one at boot said may have its number, too.
 */
static void test_number_of_one_that_has_gone(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", "2\n", 3);
        start(f);
        assert_true(f->last[f->n_last - 1].present_at_boot);
        remove_below(f, USB_DEVICES "/1-2");
        assert_false(comes(f, "1-2", "3\n", 8).present_at_boot); /* another one: no moment's absence any more */
        remove_below(f, USB_DEVICES "/1-2");
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        assert_false(comes(f, "1-2", "2\n", 3).present_at_boot);
}

static void test_next_agent_vouches_for_no_newcomer(void **state) {
        struct fixture *f = *state;
        f->allow = true;
        plug(f, "1-4", "4\n", 9);
        start(f);
        usb_guard_ops.stop(f->guard);
        start(f);
        assert_true(comes(f, "1-4", "4\n", 9).present_at_boot);
        assert_false(comes(f, "1-4.1", "5\n", 3).present_at_boot);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                CASE(test_shuts_ports_first),
                CASE(test_facts),
                CASE(test_virtual_controller),
                CASE(test_opens_shuts_and_reads_back),
                CASE(test_opens_in_part),
                CASE(test_part_needs_the_hub),
                CASE(test_last_word_counts),
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
