/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections, pastes and logins, as a person types them. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "facts.h"

/* Out of memory shows as a problem without words. */
static bool wrong(char **ret_problem, const char *text, const char *expected) {
        if (asprintf(ret_problem, _("'%s' is not understood; expected: %s."), text, expected) < 0)
                *ret_problem = NULL;
        return false;
}

static bool read_port(const char *text, uint16_t *ret) {
        size_t n = strlen(text);
        if (n == 0 || n > 5 || strspn(text, "0123456789") != n)
                return false;
        unsigned long value = strtoul(text, NULL, 10);
        *ret = (uint16_t) value;
        return value >= 1 && value <= 65535;
}

/* Takes "10.0.0.1" or "[2001:db8::1]" off the front of text. */
static bool read_address(char **text, struct prefix *ret) {
        char *first = *text, *end;
        bool bracket = *first == '[';
        if (bracket) {
                end = strchr(++first, ']');
                if (!end || (end[1] && end[1] != ':'))
                        return false;
                *end = '\0';
                *text = end[1] ? end + 2 : end + 1;
        } else {
                end = strchr(first, ':');
                *text = end ? end + 1 : first + strlen(first);
                if (end)
                        *end = '\0';
        }
        *ret = (struct prefix){ .family = bracket ? 6 : 4, .length = bracket ? 128 : 32 };
        return inet_pton(bracket ? AF_INET6 : AF_INET, first, ret->address) == 1;
}

static bool read_connect(char *text, struct connect_facts *f) {
        if (strncmp(text, "in:", 3) == 0) {
                f->inbound = true;
                text += 3;
        }
        char *colon = strchr(text, ':');
        if (!colon)
                return false;
        *colon = '\0';
        f->protocol = protocol_from_name(text);
        if (f->protocol == PROTOCOL_INVALID)
                return false;
        text = colon + 1;
        if (!read_address(&text, &f->address))
                return false;
        bool portless = f->protocol == PROTOCOL_ICMP || f->protocol == PROTOCOL_ICMPV6;
        return portless ? !*text : read_port(text, &f->port);
}

bool facts_from_connect(const char *text, struct connect_facts *ret, char **ret_problem) {
        CLEANUP(free_p) char *copy = strdup(text);
        struct connect_facts f = { 0 };
        if (!copy || !read_connect(copy, &f))
                return wrong(ret_problem, text, "tcp:10.0.0.1:443, udp:[2001:db8::1]:53, in:tcp:10.0.0.1:22");
        *ret = f;
        return true;
}

bool facts_from_mac(const char *text, struct mac *ret) {
        if (strlen(text) != 17)
                return false;
        struct mac m;
        for (size_t i = 0; i < sizeof m.octets; i++) {
                const char *p = text + 3 * i;
                if (strspn(p, "0123456789abcdefABCDEF") != 2 || (i < 5 && p[2] != ':'))
                        return false;
                m.octets[i] = (uint8_t) strtoul((char[]){ p[0], p[1], '\0' }, NULL, 16);
        }
        *ret = m;
        return true;
}

/* Splits at ':' in place; number of parts, 0 when there are more than max or one is empty. */
static size_t split(char *text, char **parts, size_t max) {
        size_t n = 0;
        for (char *part = text; part;) {
                char *colon = strchr(part, ':');
                if (colon)
                        *colon = '\0';
                if (n == max || !*part)
                        return 0;
                parts[n++] = part;
                part = colon ? colon + 1 : NULL;
        }
        return n;
}

static bool read_type(const char *name, uint32_t *ret) {
        static const char *const names[FLOW_TYPE_MAX] = {
                [FLOW_TEXT] = "text", [FLOW_IMAGE] = "image", [FLOW_HTML] = "html", [FLOW_FILES] = "files"
        };
        for (unsigned i = 0; i < FLOW_TYPE_MAX; i++)
                if (strcmp(names[i], name) == 0) {
                        *ret = UINT32_C(1) << i;
                        return true;
                }
        return false;
}

bool facts_from_paste(const char *text, struct paste_facts *ret, char **ret_storage, char **ret_problem) {
        CLEANUP(free_p) char *copy = strdup(text);
        char *parts[3];
        size_t n = copy ? split(copy, parts, 3) : 0;
        uint32_t types = 0;
        if (n < 2 || (n == 3 && !read_type(parts[2], &types)))
                return wrong(ret_problem, text, "FROM:TO, FROM:TO:text, image, html, files");
        *ret = (struct paste_facts){ .from = parts[0], .to = parts[1], .types = types };
        *ret_storage = TAKE_PTR(copy);
        return true;
}

bool facts_from_login(const char *text, struct login_facts *ret, char **ret_storage, const char ***ret_groups,
                      char **ret_problem) {
        CLEANUP(free_p) char *copy = strdup(text);
        /* Not more groups than characters. */
        CLEANUP(free_p) const char **groups = calloc(strlen(text) + 1, sizeof *groups);
        char *parts[3];
        size_t n = copy && groups ? split(copy, parts, 3) : 0;
        if (n < 2)
                return wrong(ret_problem, text, "USER:SERVICE, USER:SERVICE:GROUP,GROUP");

        uint32_t n_groups = 0;
        char *rest = NULL;
        for (char *g = n == 3 ? strtok_r(parts[2], ",", &rest) : NULL; g; g = strtok_r(NULL, ",", &rest))
                groups[n_groups++] = g;
        *ret = (struct login_facts){ .user = parts[0], .service = parts[1], .groups = { groups, n_groups } };
        *ret_storage = TAKE_PTR(copy);
        *ret_groups = TAKE_PTR(groups);
        return true;
}
