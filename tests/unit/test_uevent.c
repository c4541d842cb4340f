/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the kernel's messages lead to a look. The kernel itself sends them: whoever owns a network namespace may
 * have it tell what he likes there (lib/kobject_uevent.c, uevent_net_rcv()). */
#include <linux/netlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/uevent.h"
#include "sys/uevent_message.h"

#define BYTES(text) (text), sizeof(text)

/* ---- one message ---- */

static const struct row {
        const char *bytes;
        size_t size;
        const char *action, *name, *subsystem, *devtype; /* action NULL: refused */
} rows[] = {
        { BYTES("add@/devices/pci0/usb1/1-2\0ACTION=add\0DEVPATH=/devices/pci0/usb1/1-2\0SUBSYSTEM=usb\0MAJOR=189\0"
                "DEVTYPE=usb_device\0SEQNUM=7"),
          "add", "1-2", "usb", "usb_device" },
        { BYTES("change@/devices/x/block/cciss!c0d0\0ACTION=change\0DEVPATH=/devices/x/block/cciss!c0d0\0"
                "SUBSYSTEM=block"),
          "change", "cciss!c0d0", "block", NULL },
        { BYTES("a@/b\0SUBSYSTEM=usb\0DEVPATH=/b\0ACTION="), "", "b", "usb", NULL },
        { BYTES("a@/b\0ACTION=add\0DEVPATH=/b\0SUBSYSTEM=usb\0DEVTYPE=one\0DEVTYPE=two\0"), "add", "b", "usb", "two" },
        { BYTES("a@/b\0XACTION=add\0DEVPATH=/b\0SUBSYSTEM=usb"), NULL, NULL, NULL, NULL },
        { BYTES("a@/b\0ACTION=add\0DEVPATH=/b"), NULL, NULL, NULL, NULL },
        { BYTES("a@/b\0ACTION=add\0DEVPATH=/b/\0SUBSYSTEM=usb"), NULL, NULL, NULL, NULL },
        { BYTES("a@/b\0ACTION=add\0DEVPATH=b\0SUBSYSTEM=usb"), NULL, NULL, NULL, NULL },
        { BYTES("libudev\0ACTION=add\0DEVPATH=/b\0SUBSYSTEM=usb"), NULL, NULL, NULL, NULL },
        { "a@/b\0ACTION=add\0DEVPATH=/b\0SUBSYSTEM=usb", 40, NULL, NULL, NULL, NULL }, /* not ended */
        { "", 1, NULL, NULL, NULL, NULL },
        { "", 0, NULL, NULL, NULL, NULL },
};

static void assert_text(const char *said, const char *wanted) {
        assert_int_equal(said != NULL, wanted != NULL);
        if (wanted)
                assert_string_equal(said, wanted);
}

static void test_message(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct uevent_message m = { .action = NULL };
                assert_int_equal(uevent_message_parse(rows[i].bytes, rows[i].size, &m), rows[i].action != NULL);
                assert_text(m.action, rows[i].action);
                assert_text(m.name, rows[i].name);
                assert_text(m.subsystem, rows[i].subsystem);
                assert_text(m.devtype, rows[i].devtype);
        }
}

/* ---- from the kernel ---- */

#define LISTENERS 3

static const enum uevent_devices KINDS[LISTENERS] = { UEVENT_USB_DEVICES, UEVENT_BLOCK_DEVICES, UEVENT_MMC_DEVICES };

struct heard {
        char names[512];
        unsigned n_all, n_lost;
};

struct fixture {
        sd_event *event;
        int kernel; /* where it is asked to tell */
        struct uevent_monitor *monitors[LISTENERS];
        struct heard heard[LISTENERS];
};

static void on_event(enum uevent_kind kind, const char *name, void *userdata) {
        struct heard *h = userdata;
        if (kind == UEVENT_LOOK) {
                size_t n = strlen(h->names);
                (void) snprintf(h->names + n, sizeof h->names - n, "%s ", name);
        }
        h->n_all += kind == UEVENT_LOOK_AT_ALL;
        h->n_lost += kind == UEVENT_LOST;
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        if (!f)
                return -1;
        *state = f;
        f->kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        struct root root = { .fd = -1 };
        if (f->kernel < 0 || sd_event_new(&f->event) < 0)
                return -1;
        for (size_t i = 0; i < LISTENERS; i++)
                if (uevent_monitor_new(f->event, &root, KINDS[i], true, on_event, &f->heard[i], &f->monitors[i]) < 0)
                        return -1;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        for (size_t i = 0; i < LISTENERS; i++)
                (void) uevent_monitor_free(f->monitors[i]);
        (void) sd_event_unref(f->event);
        (void) close(f->kernel);
        free(f);
        return 0;
}

/* The strings of a message; what the caller asks for, with padding. Length, NUL bytes included. */
static size_t compose(char *buffer, size_t size, const char *action, const char *path, const char *kind) {
        char text[1024];
        int n = snprintf(text, sizeof text, "%s@%s|ACTION=%s|DEVPATH=%s|SUBSYSTEM=%s|", action, path, action, path,
                         kind);
        assert_in_range(n, 1, size - 1);
        memcpy(buffer, text, (size_t) n);
        for (int i = 0; i < n; i++)
                if (buffer[i] == '|')
                        buffer[i] = '\0';
        return (size_t) n;
}

/* kind: "usb|DEVTYPE=usb_device" */
static void tell(const struct fixture *f, const char *action, const char *path, const char *kind) {
        struct {
                struct nlmsghdr header;
                char bytes[1024];
        } message = { .header = { .nlmsg_type = NLMSG_MIN_TYPE, .nlmsg_flags = NLM_F_REQUEST } };
        size_t n = compose(message.bytes, sizeof message.bytes, action, path, kind);
        message.header.nlmsg_len = (uint32_t) NLMSG_LENGTH(n);
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        assert_int_equal(
                sendto(f->kernel, &message, message.header.nlmsg_len, 0, (struct sockaddr *) &kernel, sizeof kernel),
                (ssize_t) message.header.nlmsg_len);
}

/* Messages come in order: until the MMC listener has heard a last one. */
static void run(struct fixture *f) {
        static unsigned n;
        char path[64], name[32];
        (void) snprintf(name, sizeof name, "end%u", ++n);
        (void) snprintf(path, sizeof path, "/devices/%s", name);
        f->heard[2].names[0] = '\0';
        tell(f, "add", path, "mmc");
        for (int i = 0; i < 500 && !strstr(f->heard[2].names, name); i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_non_null(strstr(f->heard[2].names, name));
}

static void test_actions(void **state) {
        struct fixture *f = *state;
        tell(f, "add", "/devices/1-1", "usb|DEVTYPE=usb_device");
        tell(f, "change", "/devices/1-1", "usb|DEVTYPE=usb_device");
        tell(f, "bind", "/devices/1-1", "usb|DEVTYPE=usb_device");
        tell(f, "add", "/devices/1-1/1-1:1.0", "usb|DEVTYPE=usb_interface");
        tell(f, "add", "/devices/1-9", "usbmisc|DEVTYPE=usb_device");
        tell(f, "remove", "/devices/1-1", "usb|DEVTYPE=usb_device");
        tell(f, "move", "/devices/1-2", "usb|DEVTYPE=usb_device");
        run(f);
        assert_string_equal(f->heard[0].names, "1-1 1-1 1-2 ");
        assert_int_equal(f->heard[0].n_all + f->heard[0].n_lost, 0);
}

/* Each hears its own, whoever else listens on the same loop, and after another has gone. */
static void test_listeners(void **state) {
        struct fixture *f = *state;
        tell(f, "add", "/devices/1-1", "usb|DEVTYPE=usb_device");
        tell(f, "add", "/devices/x/block/sda", "block|DEVTYPE=disk");
        tell(f, "change", "/devices/x/block/sda", "block|DEVTYPE=disk");
        run(f);
        assert_string_equal(f->heard[0].names, "1-1 ");
        assert_string_equal(f->heard[1].names, "sda sda ");

        f->monitors[1] = uevent_monitor_free(f->monitors[1]);
        tell(f, "add", "/devices/x/block/sdb", "block|DEVTYPE=disk");
        tell(f, "add", "/devices/1-2", "usb|DEVTYPE=usb_device");
        run(f);
        assert_string_equal(f->heard[0].names, "1-1 1-2 ");
        assert_string_equal(f->heard[1].names, "sda sda ");
}

/* A process that sends to the kernel's group is not the kernel. */
static void test_forged(void **state) {
        struct fixture *f = *state;
        char bytes[1024];
        size_t n = compose(bytes, sizeof bytes, "add", "/devices/1-3", "usb|DEVTYPE=usb_device");
        struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1 };
        int witness = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        assert_int_equal(bind(witness, (struct sockaddr *) &group, sizeof group), 0);
        /* It goes to the kernel itself, too, which does not want it: the answer says nothing. */
        (void) sendto(f->kernel, bytes, n, 0, (struct sockaddr *) &group, sizeof group);
        char arrived[1024];
        assert_int_equal(recv(witness, arrived, sizeof arrived, MSG_DONTWAIT), (ssize_t) n);
        assert_memory_equal(arrived, bytes, n);
        (void) close(witness);
        tell(f, "add", "/devices/1-4", "usb|DEVTYPE=usb_device");
        run(f);
        assert_string_equal(f->heard[0].names, "1-4 ");
}

static void test_lost(void **state) {
        struct fixture *f = *state;
        char kind[900];
        (void) snprintf(kind, sizeof kind, "net|PADDING=%0800d", 0);
        for (int i = 0; i < 20000; i++)
                tell(f, "add", "/devices/net/x", kind);
        int r;
        while ((r = sd_event_run(f->event, 100000)) > 0)
                ; /* until nothing is left in the buffer */
        assert_int_equal(r, 0);
        for (size_t i = 0; i < LISTENERS; i++)
                assert_true(f->heard[i].n_lost > 0);
        tell(f, "add", "/devices/1-5", "usb|DEVTYPE=usb_device"); /* and it goes on */
        run(f);
        assert_non_null(strstr(f->heard[0].names, "1-5 "));
}

int main(void) {
        if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0) {
                perror("unshare");
                return 1;
        }
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_message),
                cmocka_unit_test_setup_teardown(test_actions, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_listeners, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_forged, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lost, set_up, tear_down),
        };
        return cmocka_run_group_tests_name("uevent", tests, NULL, NULL);
}
