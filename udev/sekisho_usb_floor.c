/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-usb-floor: lets hubs, keyboards and mice work when nobody else is there to decide.
 *
 * udev starts it for every USB device that appears, in the initramfs and later. It opens hub-only and HID-only
 * devices, and only while the agent is not alive; it never closes anything, and it knows no policy. See README.md
 * beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include <sekisho/device.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/usbdesc.h"

#define AGENT_LOCK "/run/sekisho/agent.lock"

enum outcome { /* exit status; sekisho-usb-floor(8) */
               OUTCOME_OPEN = 0,
               OUTCOME_NOT_FLOOR = 1,
               OUTCOME_AGENT = 2,
               OUTCOME_INVALID = 3,
               OUTCOME_ERROR = 4,
               OUTCOME_REFUSED = 5,
};

/* The agent holds an exclusive flock(2) on its lock file for as long as it lives; the kernel lets go of it however
 * the agent dies. A shared lock is tried, so that many of us at once do not take each other for the agent, and let go
 * of at once. Whatever else goes wrong (no /run/sekisho, as in the initramfs) means that nobody is there: keyboards
 * stay alive. */
static bool agent_is_alive(const struct root *root) {
        CLEANUP(close_p) int fd = root_openat(root, AGENT_LOCK, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* udev gives the device path without /sys; a person types it with. Only a path of a device is taken, and nothing in
 * it may lead elsewhere. */
static int open_device(const struct root *root, const char *syspath) {
        if (strncmp(syspath, "/sys/", 5) == 0)
                syspath += 4;
        if (strncmp(syspath, "/devices/", 9) != 0 || strstr(syspath, "/.."))
                return -EINVAL;

        CLEANUP(free_p) char *path = NULL;
        if (asprintf(&path, "/sys%s", syspath) < 0)
                return -ENOMEM;
        return root_openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

static enum outcome judge(int device, const char **ret_kind) {
        static uint8_t bytes[USBDESC_MAX + 1];
        ssize_t size = file_read_at(device, "descriptors", bytes, USBDESC_MAX);
        if (size == -EFBIG)
                return OUTCOME_INVALID;
        if (size < 0)
                return OUTCOME_ERROR;

        struct usbdesc u;
        if (usbdesc_parse(bytes, (size_t) size, &u) != USBDESC_OK)
                return OUTCOME_INVALID;

        /* The same two questions that decide() asks, of the same structure. */
        static struct device_facts facts;
        facts.descriptors_valid = true;
        facts.n_interfaces = u.n_interfaces;
        memcpy(facts.interfaces, u.interfaces, sizeof facts.interfaces);
        if (device_is_hub_only(&facts))
                *ret_kind = "hub";
        else if (device_is_hid_only(&facts))
                *ret_kind = "hid";
        else
                return OUTCOME_NOT_FLOOR;
        return OUTCOME_OPEN;
}

/* What the kernel says, not what was asked of it. */
static bool is_authorized(int device) {
        char value[16];
        return file_read_line_at(device, "authorized", value, sizeof value - 1) == 1 && value[0] == '1';
}

static enum outcome open_floor(const struct root *root, const char *syspath, const char **ret_kind) {
        CLEANUP(close_p) int device = open_device(root, syspath);
        if (device < 0)
                return OUTCOME_ERROR;
        if (agent_is_alive(root))
                return OUTCOME_AGENT;

        enum outcome outcome = judge(device, ret_kind);
        if (outcome != OUTCOME_OPEN || is_authorized(device))
                return outcome;
        if (file_write_value_at(device, "authorized", "1") < 0)
                return OUTCOME_ERROR;
        return is_authorized(device) ? OUTCOME_OPEN : OUTCOME_REFUSED;
}

int main(int argc, char **argv) {
        const char *root_path = "/";
        if (argc == 4 && strcmp(argv[1], "--root") == 0) {
                root_path = argv[2];
                argv += 2;
                argc -= 2;
        }
        if (argc != 2 || argv[1][0] == '-') {
                (void) fputs("Usage: sekisho-usb-floor [--root DIR] SYSPATH\n", stderr);
                return OUTCOME_ERROR;
        }

        struct root root;
        if (root_open(root_path, &root) < 0)
                return OUTCOME_ERROR;

        const char *kind = NULL;
        enum outcome outcome = open_floor(&root, argv[1], &kind);
        if (outcome == OUTCOME_OPEN)
                (void) printf("SEKISHO_FLOOR=%s\n",
                              kind); /* a property of the device, for udevadm info and the rules */
        root_close(&root);
        return (int) outcome;
}
