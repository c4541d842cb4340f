/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "fat.h"

struct collecting {
        collect_fn *each;
        void *userdata;
        uint32_t files;
        uint64_t bytes;
        bool volume, folder;
};

static int take_file(struct volume *v, const struct volume_entry *e, void *userdata) {
        struct collecting *c = userdata;
        if (e->directory || e->name[0] == '.' || c->files >= CARRIED_FILES_MAX)
                return 0;
        c->files++;
        if (e->size > CARRIED_FILE_MAX || c->bytes + e->size > CARRIED_BYTES_MAX)
                return c->each(CARRIED_TOO_LARGE, e->name, NULL, 0, c->userdata);
        c->bytes += e->size;
        uint8_t *buffer = malloc(e->size + SECTOR_MAX);
        if (!buffer)
                return -ENOMEM;
        int r = volume_read(v, e, buffer);
        if (r == 0)
                r = c->each(CARRIED_FILE, e->name, buffer, (uint32_t) e->size, c->userdata);
        else if (r == -EILSEQ || r == -ERANGE)
                r = c->each(CARRIED_UNREADABLE, e->name, NULL, 0, c->userdata);
        free(buffer);
        return r;
}

struct finding {
        struct volume_entry folder;
        bool found;
};

static int find_folder(struct volume *v, const struct volume_entry *e, void *userdata) {
        struct finding *f = userdata;
        (void) v;
        if (!e->directory || strcasecmp(e->name, CARRIED_FOLDER) != 0)
                return 0;
        f->folder = *e;
        f->found = true;
        return 1;
}

static int take_volume(struct volume *v, void *userdata) {
        struct collecting *c = userdata;
        struct finding f = { .found = false };
        c->volume = true;
        int r = volume_list(v, NULL, find_folder, &f);
        if (r == -EILSEQ || r == -ERANGE || r == -E2BIG)
                return 1; /* a damaged volume hides no other */
        if (r < 0 || !f.found)
                return r < 0 ? r : 1;
        c->folder = true;
        r = volume_list(v, &f.folder, take_file, c);
        return r < 0 ? r : 0;
}

const char *collect(struct source *s, collect_fn *each, void *userdata) {
        struct collecting c = { .each = each, .userdata = userdata };
        int r = volumes_each(s, take_volume, &c);
        if (r < 0)
                return "error";
        return c.folder ? "ok" : c.volume ? "no-folder" : "no-volume";
}
