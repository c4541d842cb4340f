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
#define STATE_DIRECTORY    "var/lib/sekisho/network"
#define STATE_FILE         "radios"
#define STATE_BEGIN        "off before:"

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

static int change_all(const struct radios *r, unsigned type, bool off) {
        const struct rfkill_event e = { .type = (uint8_t) type, .op = RFKILL_OP_CHANGE_ALL, .soft = off };
        ssize_t n = r->fd < 0 ? (ssize_t) RFKILL_EVENT_SIZE_V1 : write(r->fd, &e, RFKILL_EVENT_SIZE_V1);
        return n < 0 ? -errno : 0;
}

/* ---- what was off before: it stays off afterwards, also when that is after a restart ---- */

static const char *const type_names[NUM_RFKILL_TYPES] = {
        [RFKILL_TYPE_WLAN] = "wlan", [RFKILL_TYPE_BLUETOOTH] = "bluetooth",
        [RFKILL_TYPE_UWB] = "uwb",   [RFKILL_TYPE_WIMAX] = "wimax",
        [RFKILL_TYPE_WWAN] = "wwan", [RFKILL_TYPE_GPS] = "gps",
        [RFKILL_TYPE_FM] = "fm",     [RFKILL_TYPE_NFC] = "nfc",
};

/* A bit for each kind of which one radio is off. Each who opens the device is told of all there are. */
static uint32_t kinds_off(const struct root *root) {
        struct rfkill_event e;
        uint32_t off = 0;
        CLEANUP(close_p) int fd = root_openat(root, "dev/rfkill", O_RDONLY | O_NONBLOCK, 0);
        while (fd >= 0 && read(fd, &e, sizeof e) >= (ssize_t) RFKILL_EVENT_SIZE_V1)
                if (e.op == RFKILL_OP_ADD && e.soft && e.type < NUM_RFKILL_TYPES)
                        off |= UINT32_C(1) << e.type;
        return off;
}

static int keep_off(const struct root *root, uint32_t off) {
        char line[128] = STATE_BEGIN;
        size_t used = strlen(line);
        for (unsigned type = 0; type < NUM_RFKILL_TYPES; type++)
                if (off & UINT32_C(1) << type && type_names[type])
                        used += (size_t) snprintf(line + used, sizeof line - used, " %s", type_names[type]);
        line[used++] = '\n';
        int r = root_mkdirs(root, STATE_DIRECTORY, 0750);
        CLEANUP(close_p)
        int directory = r < 0 ? r : root_openat(root, STATE_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        return directory < 0 ? directory : file_replace_at(directory, STATE_FILE, line, used, 0640);
}

/* True when something is written down. */
static bool was_off(const struct root *root, uint32_t *ret) {
        char line[128], *save = NULL;
        uint32_t off = 0;
        CLEANUP(close_p) int directory = root_openat(root, STATE_DIRECTORY, O_PATH | O_DIRECTORY, 0);
        if (directory < 0 || file_read_line_at(directory, STATE_FILE, line, sizeof line - 1) <= 0)
                return false;
        for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
                for (unsigned type = 0; type < NUM_RFKILL_TYPES; type++)
                        if (type_names[type] && strcmp(word, type_names[type]) == 0)
                                off |= UINT32_C(1) << type;
        *ret = off;
        return true;
}

/* ---- ---- */

int radios_block(const struct radios *r, const struct root *root, bool wireless) {
        uint32_t off = 0;
        int result = was_off(root, &off) ? 0 : keep_off(root, kinds_off(root));
        for (unsigned type = RFKILL_TYPE_ALL + 1; type < NUM_RFKILL_TYPES; type++) {
                int e = wireless && is_wireless((uint8_t) type) ? 0 : change_all(r, type, true);
                if (e < 0 && result == 0)
                        result = e;
        }
        return result;
}

static int let(const struct radios *r, uint32_t off, bool wireless_only) {
        int result = 0;
        for (unsigned type = RFKILL_TYPE_ALL + 1; type < NUM_RFKILL_TYPES; type++) {
                bool stays = off & UINT32_C(1) << type || (wireless_only && !is_wireless((uint8_t) type));
                int e = stays ? 0 : change_all(r, type, false);
                if (e < 0 && result == 0)
                        result = e;
        }
        return result;
}

int radios_let_wireless(const struct radios *r, const struct root *root) {
        uint32_t off = 0;
        return was_off(root, &off) ? let(r, off, true) : 0;
}

int radios_release(const struct radios *r, const struct root *root) {
        uint32_t off = 0;
        if (!was_off(root, &off))
                return 0;
        int result = let(r, off, false);
        CLEANUP(close_p) int directory = root_openat(root, STATE_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (result == 0 && (directory < 0 || unlinkat(directory, STATE_FILE, 0) < 0))
                result = directory < 0 ? directory : -errno;
        return result;
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
