/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus.h"
#include "guard.h"
#include "netlog.h"
#include "network.h"
#include "storage.h"
#include "transfer.h"
#include "usb.h"

const struct guard_ops *const guard_table[] = {
        &storage_guard_ops,  /* first: what is mounted is to be known before a port is shut */
        &usb_guard_ops,      /* USB ports */
        &bus_guard_ops,      /* all other buses */
        &transfer_guard_ops, /* what is written to media */
        &network_guard_ops,  /* what goes over the wire */
        &netlog_guard_ops,   /* what was held back there */
        NULL,
};
