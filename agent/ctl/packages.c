/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packages.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe_files.h"

#define NAME_MAX_BYTES 256

struct paragraph {
        char name[NAME_MAX_BYTES], version[NAME_MAX_BYTES];
        bool installed;
        int (*each)(const struct package *p, void *userdata);
        void *userdata;
        bool stop;
};

static bool take(const char *line, const char *field, char ret[static NAME_MAX_BYTES]) {
        size_t n = strlen(field);
        if (strncmp(line, field, n) != 0)
                return false;
        line += n;
        line += strspn(line, " \t");
        /* A longer one is no name of dpkg's. */
        (void) snprintf(ret, NAME_MAX_BYTES, "%.255s", strlen(line) < NAME_MAX_BYTES ? line : "");
        return true;
}

static int end_paragraph(struct paragraph *p) {
        const struct package found = { p->name, p->version, p->installed };
        int r = *p->name ? p->each(&found, p->userdata) : 0;
        p->name[0] = p->version[0] = 0;
        p->installed = false;
        p->stop = r != 0;
        return r;
}

static int hear_line(char *line, void *userdata) {
        struct paragraph *p = userdata;
        char status[NAME_MAX_BYTES];
        if (!*line)
                return end_paragraph(p);
        if (!take(line, "Package:", p->name) && !take(line, "Version:", p->version) && take(line, "Status:", status))
                p->installed = strstr(status, " ok installed") != NULL;
        return 0;
}

int packages_read(const struct root *root, const char *path, int (*each)(const struct package *p, void *userdata),
                  void *userdata) {
        struct paragraph p = { .each = each, .userdata = userdata };
        int r = look_lines(root, path, hear_line, &p);
        if (r == 0 && !p.stop)
                (void) end_paragraph(&p);
        return r;
}

/* ---- versions ---- */

/* "~" comes before the end, letters before everything else. */
static int weight(char c) {
        return c == '~' ? -1 : !c || isdigit((unsigned char) c) ? 0 : isalpha((unsigned char) c) ? c : c + 256;
}

static int compare_part(const char *a, const char *a_end, const char *b, const char *b_end) {
        while (a < a_end || b < b_end) {
                while ((a < a_end && !isdigit((unsigned char) *a)) || (b < b_end && !isdigit((unsigned char) *b))) {
                        int wa = a < a_end ? weight(*a) : 0, wb = b < b_end ? weight(*b) : 0;
                        if (wa != wb)
                                return wa - wb;
                        a += a < a_end;
                        b += b < b_end;
                }
                while (a < a_end && *a == '0')
                        a++;
                while (b < b_end && *b == '0')
                        b++;
                const char *a_number = a, *b_number = b;
                while (a < a_end && isdigit((unsigned char) *a))
                        a++;
                while (b < b_end && isdigit((unsigned char) *b))
                        b++;
                if (a - a_number != b - b_number)
                        return a - a_number < b - b_number ? -1 : 1;
                int order = strncmp(a_number, b_number, (size_t) (a - a_number));
                if (order != 0)
                        return order;
        }
        return 0;
}

int package_version_compare(const char *a, const char *b) {
        const char *a_colon = strchr(a, ':'), *b_colon = strchr(b, ':');
        long a_epoch = a_colon ? strtol(a, NULL, 10) : 0, b_epoch = b_colon ? strtol(b, NULL, 10) : 0;
        if (a_epoch != b_epoch)
                return a_epoch < b_epoch ? -1 : 1;
        a = a_colon ? a_colon + 1 : a;
        b = b_colon ? b_colon + 1 : b;
        const char *a_end = a + strlen(a), *b_end = b + strlen(b), *a_dash = strrchr(a, '-'), *b_dash = strrchr(b, '-');
        int order = compare_part(a, a_dash ? a_dash : a_end, b, b_dash ? b_dash : b_end);
        if (order != 0)
                return order;
        return compare_part(a_dash ? a_dash + 1 : a_end, a_end, b_dash ? b_dash + 1 : b_end, b_end);
}
