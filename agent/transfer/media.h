/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which mounted file systems lie on media, and that both listeners hear of them. Private to agent/transfer. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/file.h"
#include "sys/backing.h"

struct medium {
        unsigned references;
        dev_t device;        /* of its files */
        int fsid[2];         /* as its events name it */
        unsigned long mount; /* id of the mount that it was found by */
        char *point;         /* where that is */
        char *below;         /* what of the file system is there: "" for all, "/folder" for a bind mount */
        char *filesystem;
        struct backing backing;
        bool names;      /* creating, renaming and deleting is heard, too; not every file system can say so */
        bool is_mounted; /* for us; elsewhere it may still be */
};

struct media {
        struct medium **list;
        size_t n;
};

struct media_listeners {
        int content, names; /* fanotify groups */
        unsigned long long content_mask, names_mask;
};

/* Reads the table of mounts and begins to listen on what is new. problem: a file system on a medium that cannot be
 * listened on; found: one that can, and was not known. 0 or -errno (of reading the table). */
int media_refresh(struct media *m, const struct root *root, const struct media_listeners *l,
                  void (*problem)(const char *filesystem, const char *disk, int error, void *userdata),
                  void (*found)(const struct medium *medium, void *userdata), void *userdata);
void media_clear(struct media *m);

struct medium *media_by_device(const struct media *m, dev_t device); /* borrowed; NULL: none */
struct medium *media_by_fsid(const struct media *m, const int fsid[2]);

struct medium *medium_ref(struct medium *m);
struct medium *medium_unref(struct medium *m); /* NULL allowed */

/* Where path (as this process sees it) is on the medium: new string, "/folder/file". *ret_outside: it is not below the
 * place that we know, and stays whole. NULL: no memory. medium may be NULL. */
char *medium_path(const struct medium *m, const char *path, bool *ret_outside);
