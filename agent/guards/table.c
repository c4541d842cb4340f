/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guard.h"
#include "transfer.h"
#include "usb.h"

const struct guard_ops *const guard_table[] = {
        &usb_guard_ops,
        &transfer_guard_ops,
        NULL,
};
