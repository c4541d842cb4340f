/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/audit.h"
#include "audit/lines.h"

/* A record whose time cannot be read is shown rather than hidden. */
static bool is_since(const json_t *event, int64_t since) {
        const json_t *time = json_object_get(event, "time");
        if (!json_is_integer(time))
                return true;

        json_int_t ms = json_integer_value(time);
        int64_t seconds = ms / 1000 - (ms % 1000 < 0);
        return seconds >= since;
}

static int tell(const struct line *line, int end, int64_t since,
                int (*each)(json_t *event, const char *line, size_t size, void *userdata), void *userdata) {
        json_t *event = NULL;
        if (end == LINE_COMPLETE) {
                event = json_loadb(line->text, line->size, JSON_REJECT_DUPLICATES, NULL);
                if (!json_is_object(event)) {
                        json_decref(event);
                        event = NULL;
                }
        }

        int r = event && !is_since(event, since) ? 0 : each(event, line->text, line->size, userdata);
        json_decref(event);
        return r;
}

int audit_read(int fd, int64_t since, int (*each)(json_t *event, const char *line, size_t size, void *userdata),
               void *userdata) {
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        int r = lines_init(&lines, fd);
        if (r < 0)
                return r;

        for (;;) {
                struct line line;
                int end = lines_next(&lines, &line);
                if (end <= 0)
                        return end;

                r = tell(&line, end, since, each, userdata);
                if (r == 0 && end == LINE_TOO_LONG)
                        r = lines_skip(&lines);
                if (r != 0)
                        return r;
        }
}
