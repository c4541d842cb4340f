/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus guard: what comes to this machine by other ways than a USB port (SD cards, SATA, SCSI, NVMe, PCI,
 * Thunderbolt) gets no driver before it is decided. */
#pragma once

#include "guard.h"

extern const struct guard_ops bus_guard_ops;
