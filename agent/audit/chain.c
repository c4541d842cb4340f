/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/chain.h"

#include <assert.h>
#include <string.h>

#include "digest/digest.h"

static_assert(CHAIN_HEX + 1 == DIGEST_HEX_SIZE, "SHA-256");

const char chain_zeros[CHAIN_HEX + 1] = "0000000000000000000000000000000000000000000000000000000000000000";

void chain_hash(const void *line, size_t size, char ret[CHAIN_HEX + 1]) {
        uint8_t digest[DIGEST_BYTES];
        digest_sha256(line, size, digest);
        digest_hex(digest, ret);
}

bool chain_log_valid(const char *s, size_t size) {
        return size > 0 && size <= CHAIN_LOG_MAX && s[size] == '\0' &&
               strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static enum audit_fault read_fields(const json_t *event, struct chain *ret) {
        const json_t *sekisho = json_object_get(json_object_get(event, "unmapped"), "sekisho");
        const json_t *log = json_object_get(sekisho, "log");
        const json_t *prev = json_object_get(sekisho, "prev");
        const json_t *seq = json_object_get(sekisho, "seq");
        if (!json_is_string(log) || !json_is_string(prev) || !json_is_integer(seq))
                return AUDIT_NO_CHAIN;

        json_int_t n = json_integer_value(seq);
        const char *name = json_string_value(log), *hex = json_string_value(prev);
        if (n < 1 || (uint64_t) n > CHAIN_SEQ_LAST || !chain_log_valid(name, json_string_length(log)) ||
            json_string_length(prev) != CHAIN_HEX || strspn(hex, "0123456789abcdef") != CHAIN_HEX)
                return AUDIT_NO_CHAIN;

        struct chain c = { .seq = (uint64_t) n, .has_anchor = json_object_get(sekisho, "anchor") != NULL };
        memcpy(c.prev, hex, CHAIN_HEX);
        memcpy(c.log, name, json_string_length(log));
        *ret = c;
        return AUDIT_OK;
}

enum audit_fault chain_parse_json(const char *line, size_t size, struct chain *ret) {
        if (size > AUDIT_LINE_MAX)
                return AUDIT_NOT_JSON;

        json_t *event = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        enum audit_fault fault = json_is_object(event) ? read_fields(event, ret) : AUDIT_NOT_JSON;
        json_decref(event);
        return fault;
}

enum audit_fault chain_parse(const char *line, size_t size, struct chain *ret) {
        if (size <= AUDIT_LINE_MAX && chain_scan(line, size, ret))
                return AUDIT_OK;
        return chain_parse_json(line, size, ret);
}
