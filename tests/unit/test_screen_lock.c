/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which session has to lock now, which one stays open, and when to look again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/screen_lock.h"

#define N(a)  (sizeof(a) / sizeof *(a))
#define S     UINT64_C(1000000)
#define NOW   (10000 * S)
#define LIMIT (300 * S)
#define NEVER UINT64_MAX

/* A person's, on a seat. */
#define X11  .user = true, .graphical = true, .seat = "seat0", .type = "x11"
#define TEXT .user = true, .seat = "seat0", .type = "tty"

static const struct row {
        const char *name;
        struct session_info session;
        struct screen screen;
        uint64_t limit;
        enum screen_step step;
        uint64_t due;
} rows[] = {
        { "no limit", { X11, .idle = true }, { .id = "" }, 0, SCREEN_WAIT, NEVER },
        { "a greeter", { .graphical = true, .seat = "seat0", .idle = true }, { .id = "" }, LIMIT, SCREEN_WAIT, NEVER },
        { "by ssh", { .user = true, .type = "tty", .idle_since = 1 }, { .id = "" }, LIMIT, SCREEN_WAIT, NEVER },
        { "left", { X11, .idle = true, .closing = true }, { .id = "" }, LIMIT, SCREEN_WAIT, NEVER },
        { "nothing known", { X11 }, { .id = "" }, LIMIT, SCREEN_WAIT, NEVER },
        { "locked already", { X11, .idle = true, .locked = true }, { .id = "" }, LIMIT, SCREEN_WAIT, NEVER },

        { "the helper says so", { X11 }, { .told = NOW, .measured = LIMIT }, LIMIT, SCREEN_LOCK, NOW + 10 * S },
        { "the helper says less",
          { X11 },
          { .told = NOW, .measured = LIMIT - 2 * S },
          LIMIT,
          SCREEN_WAIT,
          NOW + 2 * S },
        { "it said so, and was not heard since",
          { X11 },
          { .told = NOW - 20 * S, .measured = LIMIT },
          LIMIT,
          SCREEN_WAIT,
          NEVER },
        { "the desktop says so, the helper does not",
          { X11, .idle = true },
          { .told = NOW - 20 * S, .measured = LIMIT },
          LIMIT,
          SCREEN_WAIT,
          NEVER },
        { "the desktop says so, and there is no helper",
          { X11, .idle = true },
          { .id = "" },
          LIMIT,
          SCREEN_LOCK,
          NOW + 10 * S },
        { "the helper has gone",
          { X11, .idle = true },
          { .told = NOW - 2 * LIMIT, .measured = LIMIT },
          LIMIT,
          SCREEN_LOCK,
          NOW + 10 * S },
        { "a locker without a word for logind",
          { X11 },
          { .told = NOW, .measured = LIMIT, .told_locked = true },
          LIMIT,
          SCREEN_WAIT,
          NEVER },
        { "a remote desktop",
          { .user = true, .graphical = true, .type = "x11", .remote = true },
          { .told = NOW, .measured = LIMIT },
          LIMIT,
          SCREEN_LOCK,
          NOW + 10 * S },

        { "asked a moment ago",
          { X11 },
          { .told = NOW, .measured = LIMIT, .asked = NOW - 4 * S },
          LIMIT,
          SCREEN_WAIT,
          NOW + 6 * S },
        { "asked, and it stays open",
          { X11 },
          { .told = NOW, .measured = LIMIT, .asked = NOW - 10 * S },
          LIMIT,
          SCREEN_STAYS,
          NOW + 15 * S + 1 },
        { "asked again after a minute",
          { X11 },
          { .told = NOW, .measured = LIMIT, .asked = NOW - 60 * S },
          LIMIT,
          SCREEN_LOCK,
          NOW + 10 * S },

        { "text, a key a while ago",
          { TEXT, .idle_since = NOW - 290 * S },
          { .id = "" },
          LIMIT,
          SCREEN_WAIT,
          NOW + 10 * S },
        { "text, a key just now", { TEXT, .idle_since = NOW }, { .id = "" }, LIMIT, SCREEN_WAIT, NOW + 60 * S },
        { "text, a key in the future",
          { TEXT, .idle_since = NOW + S },
          { .id = "" },
          LIMIT,
          SCREEN_WAIT,
          NOW + 60 * S },
        { "text, nobody there", { TEXT, .idle_since = NOW - LIMIT }, { .id = "" }, LIMIT, SCREEN_LOCK, NOW + 10 * S },
        { "text, and nothing locks it",
          { TEXT, .idle_since = NOW - LIMIT },
          { .asked = NOW - 12 * S },
          LIMIT,
          SCREEN_STAYS,
          NOW + 48 * S },
};

static const struct sleep_row {
        const char *name;
        struct session_info session;
        struct screen screen;
        uint64_t limit, asleep;
        bool overslept;
} sleep_rows[] = {
        { "as long as may be", { X11 }, { .id = "" }, LIMIT, LIMIT, true },
        { "not so long", { X11 }, { .id = "" }, LIMIT, LIMIT - S, false },
        { "and nobody was there before", { X11 }, { .told = NOW, .measured = 100 * S }, LIMIT, LIMIT - 100 * S, true },
        { "not so long, with what was before",
          { X11 },
          { .told = NOW, .measured = 100 * S },
          LIMIT,
          LIMIT - 101 * S,
          false },
        { "somebody typed just before", { X11 }, { .told = NOW - 60 * S }, LIMIT, LIMIT - S, false },
        { "locked before", { X11, .locked = true }, { .id = "" }, LIMIT, 100 * LIMIT, false },
        { "locked, as the helper says", { X11 }, { .told = NOW, .told_locked = true }, LIMIT, 100 * LIMIT, false },
        { "a greeter", { .graphical = true, .seat = "seat0" }, { .id = "" }, LIMIT, 100 * LIMIT, false },
        { "text: logind's clock went on", { TEXT, .idle_since = NOW }, { .id = "" }, LIMIT, 100 * LIMIT, false },
        { "no limit", { X11 }, { .id = "" }, 0, 100 * LIMIT, false },
};

static void test_row(void **state) {
        const struct row *row = *state;
        uint64_t due = 0;
        assert_int_equal(screen_step(&row->session, &row->screen, row->limit, NOW, &due), row->step);
        assert_int_equal(due, row->due);
        assert_true(due > NOW); /* or the agent would never sleep */
}

static void test_sleep(void **state) {
        const struct sleep_row *row = *state;
        assert_int_equal(screen_oversleeps(&row->session, &row->screen, row->limit, row->asleep, NOW), row->overslept);
}

int main(void) {
        struct CMUnitTest tests[N(rows) + N(sleep_rows)];
        for (size_t i = 0; i < N(rows); i++)
                tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        for (size_t i = 0; i < N(sleep_rows); i++)
                tests[N(rows) + i] = (struct CMUnitTest){ sleep_rows[i].name, test_sleep, NULL, NULL,
                                                          (void *) (uintptr_t) &sleep_rows[i] };
        return cmocka_run_group_tests_name("screen_lock", tests, NULL, NULL);
}
