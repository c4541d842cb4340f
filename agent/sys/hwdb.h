/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the system's hardware database (usb.ids and others, compiled by udev) calls a device. For people only: it goes
 * by the vendor and product that a device claims. Owned by agent/sys. Source: hwdb(7), sd_hwdb_new(3).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hwdb;

/* The database is read where it lies, and opened when it is asked; the last names are remembered. 0, or -ENOMEM. */
int hwdb_open(struct hwdb **ret);
/* Lets go of the database (a megabyte of it stays in memory) until somebody asks for a name that is not remembered. */
void hwdb_rest(struct hwdb *h); /* NULL allowed */

/* "Sony Corp. RC-S380", or the maker alone. "": not in the database, there is none, or h is NULL. Cut to size. */
void hwdb_usb_name(struct hwdb *h, uint16_t vendor, uint16_t product, char *ret, size_t size);

void hwdb_pci_name(struct hwdb *h, uint16_t vendor, uint16_t device, char *ret, size_t size); /* the same */

struct hwdb *hwdb_close(struct hwdb *h); /* NULL allowed */
