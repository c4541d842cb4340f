/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of which refusal, what hostile names become, and that a flood is a handful. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notices/notice.h"

#define N(a) (sizeof(a) / sizeof *(a))
#define SEC  UINT64_C(1000000)

static const struct notice_style plain = { .again_usec = 2 * SEC, .quiet_usec = 30 * SEC };
static const struct notice_style markup = { .markup = true, .again_usec = 2 * SEC, .quiet_usec = 30 * SEC };
static const struct notice_style ascii = { .ascii = true, .again_usec = 2 * SEC, .quiet_usec = 30 * SEC };

static const struct row {
        const char *name;
        const struct notice_style *style;
        const char *event;
        const char *title, *body; /* NULL: it is nothing to show */
        enum notice_urgency urgency;
} rows[] = {
        { "a stick that no rule lists", &plain,
          "{'kind':'device','subject':'SanDisk Ultra','classes':['storage'],'reason':'default','contact':'joho 2345'}",
          "This storage device cannot be used",
          "SanDisk Ultra\nNo rule of the policy lists this.\nQuestions: joho 2345", NOTICE_NORMAL },
        { "the rule's note is the reason", &plain,
          "{'kind':'device','subject':'Pixel','classes':['phone','vendor'],'reason':'rule','rule':'r','note':'"
          "スマートフォン'}",
          "This phone or camera cannot be used", "Pixel\nスマートフォン", NOTICE_NORMAL },
        { "a rule without a note", &plain,
          "{'kind':'device','subject':'X','classes':['vendor'],'reason':'rule','rule':'r'}",
          "This device cannot be used", "X\nA rule of the policy decided this.", NOTICE_NORMAL },
        { "a note beside another reason", &plain,
          "{'kind':'device','subject':'X','classes':['storage'],'reason':'outside-hours','note':'joho'}",
          "This storage device cannot be used", "X\nThis is permitted, but not at this hour.\njoho", NOTICE_NORMAL },
        { "not encrypted", &plain, "{'kind':'device','subject':'X','classes':['storage'],'reason':'not-held'}",
          "This storage device cannot be used",
          "X\nIt does not fulfil the condition under which it is permitted, for example encryption.", NOTICE_NORMAL },
        { "a keyboard that waits", &plain,
          "{'kind':'device','subject':'K','classes':['keyboard'],'reason':'withheld-lock'}",
          "A keyboard waits for the screen to be locked", "K\nIt works once the screen is locked.", NOTICE_NORMAL },
        { "markup in a name", &markup, "{'kind':'device','subject':'<b>a</b>&\\'','classes':[],'reason':'default'}",
          "This device cannot be used", "&lt;b&gt;a&lt;/b&gt;&amp;&apos;\nNo rule of the policy lists this.",
          NOTICE_NORMAL },
        { "markup where none is read", &plain, "{'kind':'device','subject':'<b>','classes':[],'reason':'default'}",
          "This device cannot be used", "<b>\nNo rule of the policy lists this.", NOTICE_NORMAL },
        { "controls, direction, a line end", &plain,
          "{'kind':'device','subject':'a\\u001b[31m\\u202eb\\nc\\u200b','classes':[],'reason':'default'}",
          "This device cannot be used", "a[31mbc\nNo rule of the policy lists this.", NOTICE_NORMAL },
        { "a name of nothing that shows", &plain,
          "{'kind':'device','subject':'\\u202e\\u200b','classes':[],'reason':'default'}", "This device cannot be used",
          "No rule of the policy lists this.", NOTICE_NORMAL },
        { "a name without end", &plain,
          "{'kind':'device','subject':'0123456789012345678901234567890123456789abcdefghXYZ','classes':[],'reason':'x'}",
          "This device cannot be used", "0123456789012345678901234567890123456789abcdefgh…", NOTICE_NORMAL },
        { "a My Number for a name", &plain,
          "{'kind':'device','subject':'disk 123456789018 "
          "x','classes':['storage'],'reason':'x','note':'1234-5678-9018'}",
          "This storage device cannot be used", "disk ************ x\n**************", NOTICE_NORMAL },
        { "in full width", &plain, "{'kind':'network','subject':'/usr/bin/１２３４５６７８９０１８','reason':'x'}",
          "A connection that is not permitted was blocked", "************************************", NOTICE_NORMAL },
        { "where kanji have no shape", &ascii,
          "{'kind':'device','subject':'市民 A','classes':['storage'],'reason':'rule','note':'住民','contact':'情報 "
          "2345'}",
          "This storage device cannot be used", " A\nA rule of the policy decided this.\nQuestions:  2345",
          NOTICE_NORMAL },
        { "a connection", &plain,
          "{'kind':'network','subject':'/usr/bin/firefox-esr','peer':'10.9.8.7','port':443,'reason':'default'}",
          "A connection that is not permitted was blocked",
          "firefox-esr: 10.9.8.7, port 443\nNo rule of the policy lists this.", NOTICE_NORMAL },
        { "from outside", &plain,
          "{'kind':'network','subject':'','direction':'in','peer':'10.9.8.7','reason':'default'}",
          "A connection from outside was blocked", "10.9.8.7\nNo rule of the policy lists this.", NOTICE_NORMAL },
        { "a connection of which nothing is known", &plain, "{'kind':'network','reason':'default'}",
          "A connection that is not permitted was blocked", "No rule of the policy lists this.", NOTICE_NORMAL },
        { "a paste", &plain, "{'kind':'clipboard','from':'juminhyo','to':'office','reason':'my-number'}",
          "This may not be pasted here", "juminhyo → office\nThe content holds a My Number (Individual Number).",
          NOTICE_NORMAL },
        { "a paste to what is in no zone", &ascii, "{'kind':'clipboard','from':'juminhyo','to':'','reason':'default'}",
          "This may not be pasted here", "juminhyo -> other programs\nNo rule of the policy lists this.",
          NOTICE_NORMAL },
        { "a permit that ends in ten minutes", &plain,
          "{'kind':'permit','subject':'id','detail':'ending','left':600,'ticket':'様式第1号'}",
          "Your medium will be shut in 10 min", "Finish copying and remove the medium safely.\n様式第1号",
          NOTICE_NORMAL },
        { "a permit that ends in one", &plain, "{'kind':'permit','subject':'id','detail':'ending','left':59}",
          "Your medium will be shut in 1 min", "Finish copying and remove the medium safely.", NOTICE_CRITICAL },
        { "a permit that is over", &plain, "{'kind':'permit','subject':'id','detail':'ended','left':0}",
          "The permit for your medium is over", "The medium is shut. Bring it back.", NOTICE_NORMAL },
        { "a screen", &plain, "{'kind':'screen','subject':'2','reason':''}", "The screen did not lock by itself",
          "Lock it by hand whenever you leave your seat.", NOTICE_CRITICAL },
        { "settings", &plain, "{'kind':'settings','contact':'x','screen_lock':300}", NULL, NULL, NOTICE_NORMAL },
        { "no kind", &plain, "{}", NULL, NULL, NOTICE_NORMAL },
        { "types that lie", &plain,
          "{'kind':'device','subject':7,'classes':'storage','reason':[],'note':{},'contact':null}",
          "This device cannot be used", "", NOTICE_NORMAL },
};

/* The events above have single quotes for readability. */
static json_t *event_of(const char *text) {
        char *copy = strdup(text);
        assert_non_null(copy);
        for (char *p = copy; *p; p++)
                if (*p == '\'' && (p == copy || p[-1] != '\\'))
                        *p = '"';
        for (char *p = copy; (p = strstr(p, "\\'"));)
                memmove(p, p + 1, strlen(p));
        json_t *j = json_loads(copy, 0, NULL);
        free(copy);
        assert_non_null(j);
        return j;
}

static void test_row(void **state) {
        const struct row *row = *state;
        struct notice_board *b = NULL;
        struct notice n = { 0 };
        assert_int_equal(notice_board_new(&b), 0);
        json_t *e = event_of(row->event);
        assert_int_equal(notice_board_take(b, e, SEC, row->style), row->title ? 0 : 1);
        json_decref(e);
        assert_int_equal(notice_board_next(b, SEC, row->style, &n), row->title ? 1 : 0);
        if (row->title) {
                assert_string_equal(n.title, row->title);
                assert_string_equal(n.body, row->body);
                assert_int_equal(n.urgency, row->urgency);
                assert_false(n.again);
        }
        notice_clear(&n);
        assert_int_equal(notice_board_next(b, SEC, row->style, &n), 0);
        assert_true(notice_board_due(b, row->style) == UINT64_MAX);
        (void) notice_board_free(b);
}

static void give(struct notice_board *b, const char *kind, const char *subject, uint64_t now) {
        json_t *e = json_pack("{s:s, s:s, s:s}", "kind", kind, "subject", subject, "reason", "default");
        assert_int_equal(notice_board_take(b, e, now, &plain), 0);
        json_decref(e);
}

static unsigned drain(struct notice_board *b, uint64_t now, struct notice *ret_last) {
        unsigned n = 0;
        struct notice one = { 0 };
        while (notice_board_next(b, now, &plain, &one) == 1) {
                n++;
                notice_clear(ret_last);
                *ret_last = one;
        }
        return n;
}

static void test_again(void **state) {
        (void) state;
        struct notice_board *b = NULL;
        struct notice n = { 0 };
        assert_int_equal(notice_board_new(&b), 0);
        give(b, "device", "X", 1 * SEC);
        assert_int_equal(drain(b, 1 * SEC, &n), 1);
        unsigned slot = n.slot;
        give(b, "device", "X", 1 * SEC + 1);
        give(b, "device", "X", 1 * SEC + 2);
        assert_int_equal(drain(b, 2 * SEC, &n), 0); /* not so soon */
        assert_true(notice_board_due(b, &plain) == 3 * SEC);
        assert_int_equal(drain(b, 3 * SEC, &n), 1);
        assert_true(n.again);
        assert_int_equal(n.slot, slot);
        assert_string_equal(n.body, "X (3 times)\nNo rule of the policy lists this.");

        notice_board_dismiss(b, slot); /* put away: the next is a new one */
        give(b, "device", "X", 6 * SEC);
        assert_int_equal(drain(b, 6 * SEC, &n), 1);
        assert_false(n.again);

        notice_board_lost(b, slot); /* nobody showed it: not counted once more, and not at once */
        assert_int_equal(drain(b, 7 * SEC, &n), 0);
        assert_true(notice_board_due(b, &plain) == 8 * SEC);
        assert_int_equal(drain(b, 8 * SEC, &n), 1);
        assert_false(n.again);
        assert_string_equal(n.body, "X (4 times)\nNo rule of the policy lists this.");

        give(b, "device", "X", 100 * SEC); /* after a quiet time it is not the fifth */
        assert_int_equal(drain(b, 100 * SEC, &n), 1);
        assert_false(n.again);
        assert_string_equal(n.body, "X\nNo rule of the policy lists this.");
        notice_clear(&n);
        (void) notice_board_free(b);
}

/* A thousand refusals of different things within ten seconds. */
static void test_flood(void **state) {
        const char *kind = *state;
        struct notice_board *b = NULL;
        struct notice n = { 0 };
        bool slots[NOTICE_SLOTS_ALL] = { false };
        unsigned shown = 0, windows = 0;
        assert_int_equal(notice_board_new(&b), 0);
        for (unsigned i = 0; i < 1000; i++) {
                char name[32];
                uint64_t now = SEC + i * (SEC / 100);
                (void) snprintf(name, sizeof name, "thing %u", i);
                give(b, kind, name, now);
                while (notice_board_next(b, now, &plain, &n) == 1) {
                        shown++;
                        windows += !slots[n.slot];
                        assert_int_equal(n.again, slots[n.slot]);
                        slots[n.slot] = true;
                        notice_clear(&n);
                }
        }
        shown += drain(b, 60 * SEC, &n);
        assert_int_equal(windows, NOTICE_SLOTS);
        assert_in_range(shown, NOTICE_SLOTS, 10);
        assert_non_null(strstr(n.title, "997"));
        notice_clear(&n);
        assert_true(notice_board_due(b, &plain) == UINT64_MAX);
        (void) notice_board_free(b);
}

static void test_peers(void **state) {
        (void) state;
        struct notice_board *b = NULL;
        struct notice n = { 0 };
        assert_int_equal(notice_board_new(&b), 0);
        for (int i = 0; i < 5; i++) {
                json_t *e = json_pack("{s:s, s:s, s:s, s:i, s:s}", "kind", "network", "subject", "/usr/bin/curl",
                                      "peer", i < 2 ? "10.0.0.1" : "10.0.0.2", "port", 80, "reason", "default");
                assert_int_equal(notice_board_take(b, e, SEC, &plain), 0);
                json_decref(e);
        }
        assert_int_equal(drain(b, SEC, &n), 1);
        assert_string_equal(n.body, "curl: 10.0.0.2, port 80, and others\nNo rule of the policy lists this.");
        notice_clear(&n);
        (void) notice_board_free(b);
}

static void test_permit_goes_on(void **state) {
        (void) state;
        struct notice_board *b = NULL;
        struct notice n = { 0 };
        assert_int_equal(notice_board_new(&b), 0);
        static const char *const steps[] = { "{'kind':'permit','subject':'i','detail':'ending','left':60}",
                                             "{'kind':'permit','subject':'i','detail':'ended','left':0}" };
        for (size_t i = 0; i < N(steps); i++) {
                json_t *e = event_of(steps[i]);
                assert_int_equal(notice_board_take(b, e, SEC + i, &plain), 0);
                json_decref(e);
                assert_int_equal(drain(b, SEC + i, &n), 1); /* at once */
                assert_int_equal(n.again, i > 0);
        }
        assert_string_equal(n.title, "The permit for your medium is over");
        notice_clear(&n);
        (void) notice_board_free(b);
}

int main(void) {
        static const char *const kinds[] = { "device", "network", "permit" };
        struct CMUnitTest tests[N(rows) + N(kinds) + 3];
        size_t n = 0;
        for (size_t i = 0; i < N(rows); i++)
                tests[n++] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        for (size_t i = 0; i < N(kinds); i++)
                tests[n++] = (struct CMUnitTest){ "flood", test_flood, NULL, NULL, (void *) (uintptr_t) kinds[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_again);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_peers);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_permit_goes_on);
        return cmocka_run_group_tests_name("notice", tests, NULL, NULL);
}
