/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "digest/digest.h"
#include "sys/sysfs.h"

#define FILE_MAX 262144u

/* One line each: "boot ID", then "NAME BUS DEVICE DIGEST". */
static void boot_line(const struct root *root, char *ret, size_t size) {
        char id[64] = "unknown";
        CLEANUP(close_p) int directory = root_openat(root, "proc/sys/kernel/random", O_PATH | O_DIRECTORY, 0);
        if (directory >= 0 && file_read_line_at(directory, "boot_id", id, sizeof id - 1) <= 0)
                (void) snprintf(id, sizeof id, "unknown");
        (void) snprintf(ret, size, "boot %s\n", id);
}

static bool entry_is(const struct usb_boot_entry *e, const struct usb_device *d) {
        return strcmp(e->name, d->name) == 0 && e->busnum == d->identity.busnum && e->devnum == d->identity.devnum &&
               memcmp(e->digest, d->identity.digest, DIGEST_SIZE) == 0;
}

bool usb_boot_has(const struct usb_boot *b, const struct usb_device *d) {
        for (size_t i = 0; i < b->n; i++)
                if (entry_is(&b->list[i], d))
                        return true;
        return false;
}

static struct usb_boot_entry *new_entry(struct usb_boot *b) {
        if (b->n == b->n_allocated) {
                size_t wanted = b->n_allocated ? b->n_allocated * 2 : 32;
                struct usb_boot_entry *list = reallocarray(b->list, wanted, sizeof *list);
                if (!list)
                        return NULL;
                b->list = list;
                b->n_allocated = wanted;
        }
        return &b->list[b->n];
}

int usb_boot_add(struct usb_boot *b, const struct usb_device *d) {
        if (usb_boot_has(b, d))
                return 0;
        struct usb_boot_entry *e = new_entry(b);
        if (!e)
                return -ENOMEM;
        *e = (struct usb_boot_entry){ .busnum = d->identity.busnum, .devnum = d->identity.devnum };
        memcpy(e->name, d->name, sizeof e->name);
        memcpy(e->digest, d->identity.digest, DIGEST_SIZE);
        b->n++;
        b->changed = true;
        return 0;
}

void usb_boot_remove(struct usb_boot *b, const struct usb_device *d) {
        for (size_t i = b->n; i-- > 0;)
                if (entry_is(&b->list[i], d)) {
                        b->list[i] = b->list[--b->n];
                        b->changed = true;
                }
}

static bool parse_number(const char *text, uint32_t *ret) {
        char *end = NULL;
        errno = 0;
        unsigned long value = strtoul(text, &end, 10);
        if (errno != 0 || end == text || *end || value > UINT32_MAX)
                return false;
        *ret = (uint32_t) value;
        return true;
}

static bool parse_digest(const char *hex, uint8_t digest[DIGEST_SIZE]) {
        static const char digits[] = "0123456789abcdef";
        if (strlen(hex) != 2 * (size_t) DIGEST_SIZE || strspn(hex, digits) != 2 * (size_t) DIGEST_SIZE)
                return false;
        for (size_t i = 0; i < DIGEST_SIZE; i++)
                digest[i] = (uint8_t) ((strchr(digits, hex[2 * i]) - digits) << 4 |
                                       (strchr(digits, hex[2 * i + 1]) - digits));
        return true;
}

/* A line that does not parse is skipped: its device then simply was not there at boot. line is cut up. */
static int parse_line(struct usb_boot *b, char *line) {
        struct usb_boot_entry e = { .busnum = 0 };
        char *rest = NULL;
        const char *name = strtok_r(line, " ", &rest), *bus = strtok_r(NULL, " ", &rest);
        const char *device = strtok_r(NULL, " ", &rest), *digest = strtok_r(NULL, " ", &rest);
        if (!digest || !usb_name_is_device(name) || !parse_number(bus, &e.busnum) || !parse_number(device, &e.devnum) ||
            !parse_digest(digest, e.digest))
                return 0;
        (void) snprintf(e.name, sizeof e.name, "%s", name);
        struct usb_boot_entry *slot = new_entry(b);
        if (!slot)
                return -ENOMEM;
        *slot = e;
        b->n++;
        return 0;
}

int usb_boot_load(const struct root *root, struct usb_boot *ret) {
        *ret = (struct usb_boot){ .first_scan = true };
        CLEANUP(close_p) int directory = root_openat(root, USB_BOOT_DIRECTORY, O_PATH | O_DIRECTORY, 0);
        if (directory < 0)
                return directory == -ENOENT ? 0 : directory;
        CLEANUP(free_p) char *text = malloc(FILE_MAX + 1);
        if (!text)
                return -ENOMEM;
        if (file_read_at(directory, USB_BOOT_FILE, text, FILE_MAX) < 0)
                return 0;

        char expected[128];
        boot_line(root, expected, sizeof expected);
        if (strncmp(text, expected, strlen(expected)) != 0)
                return 0; /* the run directory outlived the boot */
        ret->first_scan = false;

        char *rest = NULL;
        for (char *line = strtok_r(text + strlen(expected), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                int r = parse_line(ret, line);
                if (r < 0)
                        return r;
        }
        return 0;
}

int usb_boot_save(const struct root *root, struct usb_boot *b) {
        if (!b->changed)
                return 0;
        CLEANUP(free_p) char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        char first[128], hex[DIGEST_HEX_SIZE];
        boot_line(root, first, sizeof first);
        (void) fputs(first, f);
        for (size_t i = 0; i < b->n; i++) {
                digest_hex(b->list[i].digest, hex);
                (void) fprintf(f, "%s %u %u %s\n", b->list[i].name, b->list[i].busnum, b->list[i].devnum, hex);
        }
        bool failed = ferror(f) != 0;
        failed = fclose(f) != 0 || failed;
        if (failed || !text)
                return -ENOMEM;

        CLEANUP(close_p) int directory = root_openat(root, USB_BOOT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        int r = file_replace_at(directory, USB_BOOT_FILE, text, size, 0600);
        if (r < 0)
                return r;
        b->changed = false;
        b->first_scan = false;
        return 0;
}

void usb_boot_clear(struct usb_boot *b) {
        free(b->list);
        *b = (struct usb_boot){ 0 };
}
