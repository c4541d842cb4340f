/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One message of the kernel's about a device, as bytes. Private to agent/sys; nothing here makes a system call.
 *
 * The source is lib/kobject_uevent.c: "ACTION@DEVPATH", then "KEY=VALUE" strings, each ended by a NUL byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Borrowed from the message; NULL where it does not say. */
struct uevent_message {
        const char *action; /* "add" */
        const char *name;   /* the last word of the path, as sysfs spells it: "1-2", "cciss!c0d0" */
        const char *subsystem, *devtype;
};

/* False: no message of that form, or without an action, a name or a subsystem. */
bool uevent_message_parse(const char *bytes, size_t size, struct uevent_message *ret);
