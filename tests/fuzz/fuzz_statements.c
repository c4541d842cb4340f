/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as an anchor, the signature of an export, a head from elsewhere, a receipt: refused, or whole; and no
 * signature is good. */
#include <sekisho/receipt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "audit/anchor.h"
#include "audit/export.h"
#include "fuzz.h"

#undef NDEBUG
#include <assert.h>

static const char key[] = "0707070707070707070707070707070707070707070707070707070707070707";

static void read_anchor(const json_t *event) {
        struct anchor a, b;
        int r = anchor_read(event, &a);
        assert(r == 0 || r == 1 || r == -74);
        if (r != 0)
                return;
        assert(strlen(a.head) == 64 && strlen(a.signature) == 128 && (!*a.next || strlen(a.next) == 64));
        assert(!strchr(a.machine, '\n') && !anchor_verify(&a, key));
        char text[ANCHOR_TEXT_MAX];
        anchor_text(&a, text);
        assert(strlen(text) < ANCHOR_TEXT_MAX - 1);
        json_t *again = json_pack("{s:{s:{s:s, s:o}}}", "unmapped", "sekisho", "log", a.log, "anchor", anchor_json(&a));
        assert(anchor_read(again, &b) == 0);
        char text_again[ANCHOR_TEXT_MAX]; /* all that is signed */
        anchor_text(&b, text_again);
        assert(strcmp(text, text_again) == 0 && strcmp(a.key, b.key) == 0 && strcmp(a.signature, b.signature) == 0);
        json_decref(again);
}

static void read_export(const json_t *j) {
        struct audit_export e;
        if (!audit_export_read(j, &e))
                return;
        assert(strlen(e.sha256) == 64 && !audit_export_verify(&e, key));
}

static void read_receipt(const char *text, size_t size) {
        struct problems problems = { 0 };
        struct receipt *r = NULL;
        int result = receipt_parse(text, size, &problems, &r);
        assert(result == 0 ? r && problems.n_errors == 0 : result == 1 && problems.n_errors > 0);
        if (r)
                assert(r->fleet && r->log && r->seq > 0 && r->target.n == 1);
        problems_clear(&problems);
        (void) receipt_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (sodium_init() < 0)
                abort();
        char *text = malloc(size + 1);
        assert(text);
        if (size)
                memcpy(text, data, size);
        text[size] = '\0';
        json_t *j = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        read_anchor(j);
        read_export(j);
        json_decref(j);
        struct audit_head h;
        if (audit_head_parse(text, &h))
                assert(h.seq > 0 && strlen(h.hash) == 64 && *h.log);
        read_receipt(text, size);
        free(text);
        return 0;
}
