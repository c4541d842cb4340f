/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses, ports and interfaces. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "parser.h"
#include "values_private.h"

static void prefix_format(const struct prefix *x, char *buffer, size_t size) {
        char address[INET6_ADDRSTRLEN] = "?";
        (void) inet_ntop(x->family == 4 ? AF_INET : AF_INET6, x->address, address, sizeof address);
        (void) snprintf(buffer, size, "%s/%u", address, x->length);
}

/* Clears the bits behind the prefix; true when there were any. */
static bool clear_host_bits(struct prefix *x) {
        bool found = false;
        for (unsigned i = 0; i < sizeof x->address; i++) {
                unsigned keep = x->length > 8 * i ? x->length - 8 * i : 0;
                unsigned mask = keep >= 8 ? 0xffu : (0xff00u >> keep) & 0xffu;
                found = found || (x->address[i] & ~mask & 0xff);
                x->address[i] = (uint8_t) (x->address[i] & mask);
        }
        return found;
}

static bool address_parse(const char *s, size_t length, struct prefix *ret) {
        char text[INET6_ADDRSTRLEN] = "";
        if (length >= sizeof text)
                return false;
        memcpy(text, s, length);
        ret->family = memchr(s, ':', length) ? 6 : 4;
        return inet_pton(ret->family == 4 ? AF_INET : AF_INET6, text, ret->address) == 1;
}

static bool is_mapped(const struct prefix *x) {
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
        return x->family == 6 && memcmp(x->address, mapped, sizeof mapped) == 0;
}

static int parse_prefix(struct parser *p, const struct token *t, const struct key *k, void *field) {
        struct prefix x;
        memset(&x, 0, sizeof x);
        char quoted[QUOTE_MAX], proposal[INET6_ADDRSTRLEN + 4];
        const char *slash = memchr(t->text, '/', t->length);
        size_t length = slash ? (size_t) (slash - t->text) : t->length;
        if (!address_parse(t->text, length, &x))
                return report_expected(p, t, _(k->value->expected));

        uint64_t bits = x.family == 4 ? 32 : 128, given = bits;
        if (slash && (!number_parse(slash + 1, t->length - length - 1, &given) || given > bits))
                return report_expected(p, t, _(k->value->expected));
        x.length = (uint8_t) given;
        if (is_mapped(&x))
                return report_error(&p->report, t->at, _("\"%s\" is an IPv4 address in IPv6 form; write it as IPv4"),
                                    report_quote(quoted, t->text, t->length));
        bool host_bits = clear_host_bits(&x);
        prefix_format(&x, proposal, sizeof proposal);
        if (!slash)
                return report_error(&p->report, t->at, _("\"%s\" has no prefix length; a single address is \"%s\""),
                                    report_quote(quoted, t->text, t->length), proposal);
        if (host_bits)
                return report_error(&p->report, t->at,
                                    _("\"%s\" has bits set behind its prefix; the network is \"%s\""),
                                    report_quote(quoted, t->text, t->length), proposal);
        memcpy(field, &x, sizeof x);
        return 0;
}
static void print_prefix(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p, (void) k;
        struct prefix x;
        char text[INET6_ADDRSTRLEN + 4];
        memcpy(&x, field, sizeof x);
        prefix_format(&x, text, sizeof text);
        (void) fputs(text, f);
}

static int parse_ports(struct parser *p, const struct token *t, const struct key *k, void *field) {
        uint64_t first = 0, last = 0;
        const char *dash = memchr(t->text, '-', t->length);
        size_t length = dash ? (size_t) (dash - t->text) : t->length;
        bool valid = number_parse(t->text, length, &first);
        if (dash)
                valid = valid && number_parse(dash + 1, t->length - length - 1, &last) && last > first;
        else
                last = first;
        if (!valid || first < 1 || last > UINT16_MAX)
                return report_expected(p, t, _(k->value->expected));
        struct port_range range = { (uint16_t) first, (uint16_t) last };
        memcpy(field, &range, sizeof range);
        return 0;
}
static void print_ports(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p, (void) k;
        struct port_range range;
        memcpy(&range, field, sizeof range);
        if (range.first == range.last)
                (void) fprintf(f, "%u", range.first);
        else
                (void) fprintf(f, "%u-%u", range.first, range.last);
}

/* A group address is nobody's, and so no next hop. */
static bool mac_parse(const char *s, size_t length, struct mac *ret) {
        if (length != 17)
                return false;
        uint8_t any = 0;
        for (size_t i = 0; i < 6; i++) {
                int high = hex_digit(s[3 * i]), low = hex_digit(s[3 * i + 1]);
                if (high < 0 || low < 0 || (i < 5 && s[3 * i + 2] != ':'))
                        return false;
                ret->octets[i] = (uint8_t) (high << 4 | low);
                any |= ret->octets[i];
        }
        return any != 0 && (ret->octets[0] & 1) == 0;
}
static int parse_mac(struct parser *p, const struct token *t, const struct key *k, void *field) {
        struct mac m;
        if (!mac_parse(t->text, t->length, &m))
                return report_expected(p, t, _(k->value->expected));
        memcpy(field, &m, sizeof m);
        return 0;
}
static void print_mac(const struct policy *p, const struct key *k, const void *field, FILE *f) {
        (void) p, (void) k;
        struct mac m;
        memcpy(&m, field, sizeof m);
        (void) fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x", m.octets[0], m.octets[1], m.octets[2], m.octets[3],
                       m.octets[4], m.octets[5]);
}

/* A name as the kernel would accept it (dev_valid_name(): up to 15 bytes, no '/', ':' or space), or mac: and an
 * address, which is stored in lower case. */
static int parse_interface(struct parser *p, const struct token *t, const struct key *k, void *field) {
        size_t rest;
        struct mac m;
        if (has_prefix(t, "mac:", &rest)) {
                if (!mac_parse(t->text + rest, t->length - rest, &m))
                        return report_expected(p, t, _(k->value->expected));
                char text[32];
                int n = snprintf(text, sizeof text, "mac:%02x:%02x:%02x:%02x:%02x:%02x", m.octets[0], m.octets[1],
                                 m.octets[2], m.octets[3], m.octets[4], m.octets[5]);
                return store_string(p, k, t, text, (size_t) n, field);
        }
        bool valid = t->length >= 1 && t->length <= 15 && !memchr(t->text, '/', t->length) &&
                     !memchr(t->text, ':', t->length) && t->text[0] != '.';
        for (size_t i = 0; i < t->length; i++)
                valid = valid && t->text[i] > ' ' && t->text[i] < 0x7f;
        return valid ? store_string(p, k, t, t->text, t->length, field) : report_expected(p, t, _(k->value->expected));
}

#define MAC_PATTERN "([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"

const struct value value_prefix = { N_("a network as ADDRESS/LENGTH, as in 10.20.30.0/24 or 2001:db8:20::/48"),
                                    "^[0-9A-Fa-f:.]+/(0|[1-9][0-9]{0,2})$",
                                    false,
                                    sizeof(struct prefix),
                                    parse_prefix,
                                    print_prefix };
const struct value value_ports = { N_("a port from 1 to 65535, or a range as in 8443-8450"),
                                   "^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$",
                                   true,
                                   sizeof(struct port_range),
                                   parse_ports,
                                   print_ports };
const struct value value_mac = { N_("a MAC address of one card, as in 52:54:00:12:34:56"),
                                 "^" MAC_PATTERN "$",
                                 false,
                                 sizeof(struct mac),
                                 parse_mac,
                                 print_mac };
const struct value value_interface = { N_("the name of a network interface, or mac:52:54:00:12:34:56"),
                                       "^(mac:" MAC_PATTERN "|[^\\s/:.][^\\s/:]{0,14})$",
                                       false,
                                       sizeof(char *),
                                       parse_interface,
                                       print_string };
