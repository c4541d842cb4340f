/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the helper outside of our sandbox to take a disk away from those who have it mounted. Private to the storage
 * guard.
 *
 * Unmounting needs the machine's own mount namespace and CAP_SYS_ADMIN, and the agent has neither. systemd listens on
 * the socket and starts `sekisho-media close` for one request: "DISK INODE HOW" up, 0 or a negative errno down.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/file.h"

#define STORAGE_CLOSER_DIRECTORY "run/sekisho"
#define STORAGE_CLOSER_SOCKET    "media.sock"

enum storage_close { STORAGE_CLOSE_NONE, STORAGE_CLOSE_READ_ONLY, STORAGE_CLOSE_DETACH };

struct storage_closer;

/* done: once, never from inside this call, and not at all when the closer is freed first. result: 0 or -errno. 0 or
 * -errno of asking. *ret: owned by the caller, who frees it also after done. */
int storage_closer_new(sd_event *event, const struct root *root, const char *disk, uint64_t inode,
                       enum storage_close how, void (*done)(int result, void *userdata), void *userdata,
                       struct storage_closer **ret);
struct storage_closer *storage_closer_free(struct storage_closer *c); /* NULL allowed */
