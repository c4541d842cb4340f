/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hwdb.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-hwdb.h>

#define NAME_SIZE  256 /* of what is remembered; longer ones are cut */
#define REMEMBERED 16u /* what is on a desk, is plugged again and again, and comes in dozens at boot */

struct remembered {
        char modalias[32]; /* "": none */
        char name[NAME_SIZE];
};

struct hwdb {
        sd_hwdb *db;    /* or NULL: closed */
        locale_t plain; /* "C"; 0: the one in force */
        struct remembered names[REMEMBERED];
        unsigned next;
};

int hwdb_open(struct hwdb **ret) {
        struct hwdb *h = calloc(1, sizeof *h);
        if (!h)
                return -ENOMEM;
        h->plain = newlocale(LC_CTYPE_MASK, "C", (locale_t) 0);
        *ret = h;
        return 0;
}

void hwdb_rest(struct hwdb *h) {
        if (h)
                h->db = sd_hwdb_unref(h->db);
}

static bool ask(struct hwdb *h) {
        return h->db || sd_hwdb_new(&h->db) >= 0;
}

/* A character is not cut in two. */
static void copy(const char *text, char *ret, size_t size) {
        size_t n = strnlen(text, size - 1);
        while (text[n] != '\0' && n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80)
                n--;
        memcpy(ret, text, n);
        ret[n] = '\0';
}

/* One search for both: the file has some hundred patterns to try. */
static void search(struct hwdb *h, const char *modalias, const char **ret_maker, const char **ret_model) {
        const char *key, *value;
        SD_HWDB_FOREACH_PROPERTY(h->db, modalias, key, value) {
                if (strcmp(key, "ID_VENDOR_FROM_DATABASE") == 0)
                        *ret_maker = value;
                else if (strcmp(key, "ID_MODEL_FROM_DATABASE") == 0)
                        *ret_model = value;
        }
}

static void look_up(struct hwdb *h, const char *modalias, char ret[NAME_SIZE]) {
        const char *maker = NULL, *model = NULL;
        /* fnmatch(3) makes wide characters of every pattern in any other locale. */
        locale_t before = uselocale(h->plain);
        search(h, modalias, &maker, &model);
        (void) uselocale(before);

        char name[2 * NAME_SIZE] = "";
        if (maker)
                (void) snprintf(name, sizeof name, "%s%s%s", maker, model ? " " : "", model ? model : "");
        copy(name, ret, NAME_SIZE);
}

/* Of what has no name that is remembered, too. */
static const char *find_remembered(const struct hwdb *h, const char *modalias) {
        for (size_t i = 0; i < REMEMBERED; i++)
                if (strcmp(h->names[i].modalias, modalias) == 0)
                        return h->names[i].name;
        return NULL;
}

static void find_name(struct hwdb *h, const char *modalias, char *ret, size_t size) {
        const char *known = h ? find_remembered(h, modalias) : "";
        if (!known && !ask(h))
                known = ""; /* no database: it may be there the next time */
        if (!known) {
                struct remembered *r = &h->names[h->next++ % REMEMBERED];
                (void) snprintf(r->modalias, sizeof r->modalias, "%s", modalias);
                look_up(h, modalias, r->name);
                known = r->name;
        }
        copy(known, ret, size);
}

void hwdb_usb_name(struct hwdb *h, uint16_t vendor, uint16_t product, char *ret, size_t size) {
        char modalias[32];
        (void) snprintf(modalias, sizeof modalias, "usb:v%04Xp%04X", vendor, product);
        find_name(h, modalias, ret, size);
}

void hwdb_pci_name(struct hwdb *h, uint16_t vendor, uint16_t device, char *ret, size_t size) {
        char modalias[32];
        (void) snprintf(modalias, sizeof modalias, "pci:v%08Xd%08X", (unsigned) vendor, (unsigned) device);
        find_name(h, modalias, ret, size);
}

struct hwdb *hwdb_close(struct hwdb *h) {
        if (!h)
                return NULL;
        (void) sd_hwdb_unref(h->db);
        if (h->plain)
                freelocale(h->plain);
        free(h);
        return NULL;
}
