/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "radios.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/rfkill.h>

#include "base/cleanup.h"

#define MODPROBE_DIRECTORY "run/modprobe.d"
#define MODPROBE_FILE      "sekisho-network.conf"

/* Sockets of these families need no right and pass no rule of ours, or make links of their own. */
static const struct {
        const char *name;
        bool wireless; /* let in where a listed interface is one */
} modules[] = {
        { "bluetooth", false },    { "btusb", false },
        { "vsock", false },        { "vmw_vsock_virtio_transport", false },
        { "can", false },          { "tipc", false },
        { "rds", false },          { "dccp", false },
        { "ax25", false },         { "netrom", false },
        { "rose", false },         { "x25", false },
        { "appletalk", false },    { "ipx", false },
        { "llc2", false },         { "atm", false },
        { "phonet", false },       { "caif", false },
        { "ieee802154", false },   { "nfc", false },
        { "qrtr", false },         { "smc", false },
        { "kcm", false },          { "batman_adv", false },
        { "slip", false },         { "ppp_generic", false },
        { "ipip", false },         { "sit", false },
        { "ip_gre", false },       { "ip6_gre", false },
        { "ip6_tunnel", false },   { "wireguard", false },
        { "vxlan", false },        { "geneve", false },
        { "gtp", false },          { "l2tp_core", false },
        { "firewire_net", false }, { "mac80211", true },
        { "cfg80211", true },
};

void radios_open(struct radios *r, const struct root *root) {
        int fd = root_openat(root, "dev/rfkill", O_RDWR | O_NONBLOCK, 0);
        r->fd = fd < 0 ? -1 : fd;
}

void radios_close(struct radios *r) {
        close_p(&r->fd);
        r->fd = -1;
}

int radios_fd(const struct radios *r) {
        return r->fd;
}

static bool is_wireless(uint8_t type) {
        return type == RFKILL_TYPE_WLAN || type == RFKILL_TYPE_WWAN;
}

static int change_all(const struct radios *r, uint8_t type, bool off) {
        const struct rfkill_event e = { .type = type, .op = RFKILL_OP_CHANGE_ALL, .soft = off };
        ssize_t n = r->fd < 0 ? (ssize_t) RFKILL_EVENT_SIZE_V1 : write(r->fd, &e, RFKILL_EVENT_SIZE_V1);
        return n < 0 ? -errno : 0;
}

int radios_block(const struct radios *r, bool wireless) {
        int result = 0;
        for (unsigned type = RFKILL_TYPE_ALL + 1; type < NUM_RFKILL_TYPES; type++) {
                int e = wireless && is_wireless((uint8_t) type) ? 0 : change_all(r, (uint8_t) type, true);
                if (e < 0 && result == 0)
                        result = e;
        }
        return result;
}

int radios_release(const struct radios *r) {
        return change_all(r, RFKILL_TYPE_ALL, false);
}

bool radios_process(const struct radios *r, bool wireless) {
        struct rfkill_event e;
        bool on = false;
        while (r->fd >= 0 && read(r->fd, &e, sizeof e) >= (ssize_t) RFKILL_EVENT_SIZE_V1)
                on = on || (e.op != RFKILL_OP_DEL && !e.soft && !(wireless && is_wireless(e.type)));
        return on;
}

static int modprobe_directory(const struct root *root) {
        int r = root_mkdirs(root, MODPROBE_DIRECTORY, 0755);
        return r < 0 ? r : root_openat(root, MODPROBE_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
}

int modules_keep_out(const struct root *root, bool wireless) {
        char text[4096];
        CLEANUP(close_p) int directory = modprobe_directory(root);
        if (directory < 0)
                return directory;
        size_t used =
                (size_t) snprintf(text, sizeof text, "# Written by sekisho-netd while a network policy is enforced.\n");
        for (size_t i = 0; i < sizeof modules / sizeof *modules && used < sizeof text; i++)
                if (!(wireless && modules[i].wireless))
                        used += (size_t) snprintf(text + used, sizeof text - used, "install %s /bin/false\n",
                                                  modules[i].name);
        return used < sizeof text ? file_replace_at(directory, MODPROBE_FILE, text, used, 0644) : -E2BIG;
}

int modules_let_in(const struct root *root) {
        CLEANUP(close_p) int directory = root_openat(root, MODPROBE_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0)
                return directory == -ENOENT ? 0 : directory;
        return unlinkat(directory, MODPROBE_FILE, 0) < 0 && errno != ENOENT ? -errno : 0;
}
