/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the system's hardware database (usb.ids and others, compiled by udev) calls a device. For people only: it goes
 * by the vendor and product that a device claims. Owned by agent/sys. Source: hwdb(7), sd_hwdb_new(3).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hwdb;

/* 0, or -errno: there is no database. */
int hwdb_open(struct hwdb **ret);

/* "Sony Corp. RC-S380", or the maker alone. "": not in the database, or h is NULL. Cut to size. */
void hwdb_usb_name(struct hwdb *h, uint16_t vendor, uint16_t product, char *ret, size_t size);

void hwdb_pci_name(struct hwdb *h, uint16_t vendor, uint16_t device, char *ret, size_t size); /* the same */

struct hwdb *hwdb_close(struct hwdb *h); /* NULL allowed */
