/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words, numbers and digests. */
#include "values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"
#include "text.h"
#include "values_private.h"

#define TEXT_BYTES_MAX 1024
#define ID_MAX         64
#define ACCOUNT_MAX    255

bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(const char *set, char c) {
        return c != 0 && strchr(set, c);
}

/* By a table, because there are no two ways to guess at the digits of a digest. */
int hex_digit(char c) {
        static const int8_t values[] = {
                ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
                ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
                ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
        };
        unsigned char i = (unsigned char) c;
        return i < sizeof values ? values[i] - 1 : -1;
}

bool has_prefix(const struct token *t, const char *prefix, size_t *ret_rest) {
        size_t n = strlen(prefix);
        if (t->length < n || memcmp(t->text, prefix, n) != 0)
                return false;
        *ret_rest = n;
        return true;
}

bool number_parse(const char *s, size_t length, uint64_t *ret) {
        uint64_t value = 0;
        if (length == 0 || (length > 1 && s[0] == '0'))
                return false;
        for (size_t i = 0; i < length; i++)
                if (!is_digit(s[i]) || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
                    __builtin_add_overflow(value, (uint64_t) (s[i] - '0'), &value))
                        return false;
        *ret = value;
        return true;
}

int store_string(struct parser *p, const struct key *k, const struct token *t, const char *s, size_t length,
                 void *field) {
        const char *copy;
        if (k->flags & KEY_UNIQUE) {
                struct intern_entry *e;
                if (intern_add(&p->unique[k->scope], p->arena, s, length, true, &e) < 0)
                        return -ENOMEM;
                if (e->number) {
                        char quoted[QUOTE_MAX];
                        return report_error(&p->report, t->at, _("\"%s\" is already used in line %u"),
                                            report_quote(quoted, s, length), (unsigned) e->number);
                }
                e->number = t->at.line;
                copy = e->bytes;
        } else {
                copy = parser_string(p, s, length);
        }
        if (!copy)
                return -ENOMEM;
        memcpy(field, &copy, sizeof copy);
        return 0;
}

static int store_if(struct parser *p, const struct token *t, const struct key *k, void *field, bool valid) {
        return valid ? store_string(p, k, t, t->text, t->length, field) : report_expected(p, t, _(k->value->expected));
}

void print_string(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p, (void) k;
        const char *s;
        memcpy(&s, field, sizeof s);
        if (s)
                (void) fputs(s, f);
}

static int parse_text(struct parser *p, const struct token *t, const struct key *k, void *field) {
        return store_if(p, t, k, field, t->length >= 1 && t->length <= TEXT_BYTES_MAX);
}
static int parse_serial(struct parser *p, const struct token *t, const struct key *k, void *field) {
        return store_if(p, t, k, field, t->length >= 1 && t->length < DEVICE_TEXT_MAX);
}

static bool is_id(const char *s, size_t length) {
        if (length < 1 || length > ID_MAX || !(is_letter(s[0]) || is_digit(s[0])))
                return false;
        for (size_t i = 1; i < length; i++)
                if (!is_letter(s[i]) && !is_digit(s[i]) && !is_one_of("._-", s[i]))
                        return false;
        return true;
}
static int parse_id(struct parser *p, const struct token *t, const struct key *k, void *field) {
        return store_if(p, t, k, field, is_id(t->text, t->length));
}

/* Names of accounts come from directories too, so they may hold more than letters; but nothing that a person cannot
 * see, and nothing that has a meaning of its own in the language. */
static bool is_account(const char *s, size_t length) {
        if (length < 1 || length > ACCOUNT_MAX || s[0] == '-')
                return false;
        for (size_t i = 0; i < length;) {
                uint32_t c = 0;
                i += text_decode((const unsigned char *) s + i, length - i, &c);
                if (c == ' ' || c == 0xa0 || c == 0x3000 || c == ':' || c == '/' || c == ',')
                        return false;
        }
        return true;
}
static int parse_account(struct parser *p, const struct token *t, const struct key *k, void *field) {
        return store_if(p, t, k, field, is_account(t->text, t->length));
}
static int parse_principal(struct parser *p, const struct token *t, const struct key *k, void *field) {
        size_t rest = 0;
        (void) has_prefix(t, "group:", &rest);
        return store_if(p, t, k, field, is_account(t->text + rest, t->length - rest));
}

static int parse_service(struct parser *p, const struct token *t, const struct key *k, void *field) {
        bool valid = t->length >= 1 && t->length <= ID_MAX && t->text[0] != '.' && t->text[0] != '-';
        for (size_t i = 0; i < t->length; i++)
                valid = valid && (is_letter(t->text[i]) || is_digit(t->text[i]) || is_one_of("._@-", t->text[i]));
        return store_if(p, t, k, field, valid);
}

static bool is_lower_hex(const char *s, size_t length) {
        for (size_t i = 0; i < length; i++)
                if (hex_digit(s[i]) < 0 || (s[i] >= 'A' && s[i] <= 'F'))
                        return false;
        return true;
}
static int parse_target(struct parser *p, const struct token *t, const struct key *k, void *field) {
        size_t rest = 0;
        bool valid = t->length == 3 && memcmp(t->text, "all", 3) == 0;
        if (has_prefix(t, "host:", &rest))
                valid = t->length - rest == 32 && is_lower_hex(t->text + rest, 32);
        else if (has_prefix(t, "group:", &rest))
                valid = is_id(t->text + rest, t->length - rest);
        return store_if(p, t, k, field, valid);
}

static int parse_program(struct parser *p, const struct token *t, const struct key *k, void *field) {
        bool valid = t->length >= 2 && t->length < 4096 && t->text[0] == '/' && t->text[t->length - 1] != '/';
        for (const char *s = t->text; valid && s; s = strchr(s + 1, '/'))
                valid = s[1] != '/' && !(s[1] == '.' && (s[2] == '/' || s[2] == 0)) &&
                        !(s[1] == '.' && s[2] == '.' && (s[3] == '/' || s[3] == 0));
        return store_if(p, t, k, field, valid);
}

/* "one of: a, b" for the names that are valid under a key. */
static void list_names(const struct key *k, char *buffer, size_t size) {
        size_t used = 0;
        buffer[0] = 0;
        for (unsigned i = 0; i < k->names->n; i++) {
                if (k->valid && !((k->valid >> i) & 1u))
                        continue;
                int n = snprintf(buffer + used, size - used, "%s%s", used ? ", " : "", k->names->list[i]);
                if (n < 0 || (size_t) n >= size - used)
                        return;
                used += (size_t) n;
        }
}

static int parse_enum(struct parser *p, const struct token *t, const struct key *k, void *field) {
        int i = names_find(k->names, t->text, t->length);
        if (i >= 0 && (k->valid == 0 || (k->valid >> i) & 1u)) {
                store_number(field, k, (uint64_t) i);
                return 0;
        }
        char known[256], quoted[QUOTE_MAX];
        list_names(k, known, sizeof known);
        report_quote(quoted, t->text, t->length);
        const char *near = suggest_name(k->names, k->valid, t->text, t->length);
        if (t->length == 0)
                return report_error(&p->report, t->at, _("the value is missing; expected one of: %s"), known);
        if (near)
                return report_error(&p->report, t->at,
                                    _("\"%s\" is not valid here; did you mean \"%s\"? expected one of: %s"), quoted,
                                    near, known);
        return report_error(&p->report, t->at, _("\"%s\" is not valid here; expected one of: %s"), quoted, known);
}
static void print_enum(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p;
        const char *s = names_get(k->names, (int) load_number(field, k));
        (void) fputs(s ? s : "?", f);
}

int report_range(struct parser *p, const struct token *t, const struct key *k) {
        char *text[2] = { NULL, NULL };
        const uint64_t bounds[2] = { k->min, k->max };
        bool written = true;
        for (int i = 0; i < 2; i++) {
                char field[8];
                size_t size;
                FILE *f = open_memstream(&text[i], &size);
                if (!f) {
                        written = false;
                        continue;
                }
                store_number(field, k, bounds[i]);
                k->value->print(NULL, k, field, f);
                written = fclose(f) == 0 && written;
        }
        char quoted[QUOTE_MAX];
        int r = written && text[0] && text[1]
                        ? report_error(&p->report, t->at, _("\"%s\" is out of range; expected from %s to %s"),
                                       report_quote(quoted, t->text, t->length), text[0], text[1])
                        : -ENOMEM;
        free(text[0]);
        free(text[1]);
        return r;
}

int store_in_range(struct parser *p, const struct token *t, const struct key *k, uint64_t value, void *field) {
        if (value < k->min || value > k->max)
                return report_range(p, t, k);
        store_number(field, k, value);
        return 0;
}

static int parse_number(struct parser *p, const struct token *t, const struct key *k, void *field) {
        uint64_t value;
        if (!number_parse(t->text, t->length, &value))
                return report_expected(p, t, _(k->value->expected));
        return store_in_range(p, t, k, value, field);
}
static void print_number(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p;
        (void) fprintf(f, "%" PRIu64, load_number(field, k));
}

static int parse_version(struct parser *p, const struct token *t, const struct key *k, void *field) {
        (void) field;
        uint64_t value;
        if (!number_parse(t->text, t->length, &value))
                return report_expected(p, t, _(k->value->expected));
        if (value != k->max)
                return report_error(&p->report, t->at, _("format %llu is not known; this program reads format %llu"),
                                    (unsigned long long) value, (unsigned long long) k->max);
        return 0;
}
static void print_nothing(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p, (void) k, (void) field, (void) f;
}

static bool read_hex(const struct token *t, size_t digits, uint64_t *ret) {
        uint64_t value = 0;
        if (t->length != digits)
                return false;
        for (size_t i = 0; i < digits; i++) {
                int digit = hex_digit(t->text[i]);
                if (digit < 0)
                        return false;
                value = value << 4 | (unsigned) digit;
        }
        *ret = value;
        return true;
}

static int parse_hex16(struct parser *p, const struct token *t, const struct key *k, void *field) {
        uint64_t value;
        if (!read_hex(t, 4, &value))
                return report_expected(p, t, _(k->value->expected));
        store_number(field, k, value);
        return 0;
}
static void print_hex16(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p;
        (void) fprintf(f, "%04x", (unsigned) load_number(field, k));
}

static int parse_hex32(struct parser *p, const struct token *t, const struct key *k, void *field) {
        uint64_t value;
        if (!read_hex(t, 8, &value) || value < k->min || value > k->max)
                return report_expected(p, t, _(k->value->expected));
        store_number(field, k, value);
        return 0;
}
static void print_hex32(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p;
        (void) fprintf(f, "%08x", (unsigned) load_number(field, k));
}

static int parse_digest(struct parser *p, const struct token *t, const struct key *k, void *field) {
        uint8_t digest[DIGEST_SIZE];
        size_t rest;
        if (!has_prefix(t, "sha256:", &rest) || t->length - rest != 2 * sizeof digest)
                return report_expected(p, t, _(k->value->expected));
        for (size_t i = 0; i < sizeof digest; i++) {
                int high = hex_digit(t->text[rest + 2 * i]), low = hex_digit(t->text[rest + 2 * i + 1]);
                if (high < 0 || low < 0)
                        return report_expected(p, t, _(k->value->expected));
                digest[i] = (uint8_t) (high << 4 | low);
        }
        const uint8_t *copy = parser_block(p, digest, sizeof digest);
        if (!copy)
                return -ENOMEM;
        memcpy(field, &copy, sizeof copy);
        return 0;
}
static void print_digest(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p, (void) k;
        const uint8_t *digest;
        memcpy(&digest, field, sizeof digest);
        if (!digest)
                return;
        (void) fputs("sha256:", f);
        for (size_t i = 0; i < DIGEST_SIZE; i++)
                (void) fprintf(f, "%02x", digest[i]);
}

/* Zones may stand below the flows: the name is looked up when the section has been read. */
static int parse_zone(struct parser *p, const struct token *t, const struct key *k, void *field) {
        if (!is_id(t->text, t->length))
                return report_expected(p, t, _(k->value->expected));
        struct zone_reference z = { .row = p->row,
                                    .to = k->offset == offsetof(struct clipboard_flow, to),
                                    .at = t->at,
                                    .name = parser_string(p, t->text, t->length) };
        if (!z.name)
                return -ENOMEM;
        store_number(field, k, 0);
        return buffer_append(&p->zones, &z, sizeof z);
}
static void print_zone(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        uint64_t i = load_number(field, k);
        (void) fputs(i < p->clipboard.n_zones ? p->clipboard.zones[i].id : "?", f);
}

#define ID_PATTERN      "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
#define ACCOUNT_PATTERN "[^\\s:/,-][^\\s:/,]{0,254}"
#define STRING_VALUE    .size = sizeof(char *), .print = print_string

const struct value value_version = { N_("the number of the format, 1"), "^1$", true, 0, parse_version, print_nothing };
const struct value value_text = { N_("text of at most 1024 bytes"), "^.{1,1024}$", true, STRING_VALUE,
                                  .parse = parse_text };
const struct value value_serial = { N_("the serial number as the device gives it, at most 383 bytes"), "^.{1,383}$",
                                    true, STRING_VALUE, .parse = parse_serial };
const struct value value_id = { N_("a name of at most 64 letters a-z and A-Z, digits, \".\", \"_\" and \"-\""),
                                "^" ID_PATTERN "$", true, STRING_VALUE, .parse = parse_id };
const struct value value_user = { N_("the name of a user"), "^" ACCOUNT_PATTERN "$", true, STRING_VALUE,
                                  .parse = parse_account };
const struct value value_group = { N_("the name of a group, without \"group:\" in front"), "^" ACCOUNT_PATTERN "$",
                                   true, STRING_VALUE, .parse = parse_account };
const struct value value_principal = { N_("the name of a user, or group:NAME"), "^(group:)?" ACCOUNT_PATTERN "$", true,
                                       STRING_VALUE, .parse = parse_principal };
const struct value value_service = { N_("the name of a PAM service, as in /etc/pam.d"),
                                     "^[A-Za-z0-9_@][A-Za-z0-9._@-]{0,63}$", true, STRING_VALUE,
                                     .parse = parse_service };
const struct value value_target = { N_("all, host:MACHINE-ID (32 hexadecimal digits) or group:NAME"),
                                    "^(all|host:[0-9a-f]{32}|group:" ID_PATTERN ")$", false, STRING_VALUE,
                                    .parse = parse_target };
const struct value value_program = { N_("the full path of a program, from / on and without . and .. in it"),
                                     "^/.*[^/]$", false, STRING_VALUE, .parse = parse_program };
const struct value value_enum = { N_("a word"), NULL, false, sizeof(uint32_t), parse_enum, print_enum };
const struct value value_number = { N_("a whole number"), "^(0|[1-9][0-9]*)$", true, 0, parse_number, print_number };
const struct value value_hex16 = {
        N_("four hexadecimal digits, as in 0781"), "^[0-9A-Fa-f]{4}$", true, 0, parse_hex16, print_hex16
};
const struct value value_hex32 = { N_("eight hexadecimal digits, from 01800000 to 01bfffff"),
                                   "^01[89AaBb][0-9A-Fa-f]{5}$",
                                   true,
                                   0,
                                   parse_hex32,
                                   print_hex32 };
const struct value value_digest = {
        N_("sha256: and 64 hexadecimal digits"), "^sha256:[0-9A-Fa-f]{64}$", false, 0, parse_digest, print_digest
};
const struct value value_zone = { N_("the id of a zone"), "^" ID_PATTERN "$", true, 0, parse_zone, print_zone };
