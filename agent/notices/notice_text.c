/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libintl.h>
#include <stdlib.h>
#include <string.h>

#include <sekisho/decision.h>
#include <sekisho/mynumber.h>

#include "base/characters.h"
#include "base/cleanup.h"
#include "notice.h"

/* Where kanji have no shape, the words are English. */
#define _(text)     (style->ascii ? (text) : dgettext("sekisho", text))
#define N_(text)    (text)

#define NAME_MAX_   48u
#define NOTE_MAX    160u
#define CONTACT_MAX 120u
#define SOON        60 /* seconds: so near to its end a permit's notice stays on the screen */

/* ---- hostile text ---- */

static bool star(const struct mynumber_match *m, void *userdata) {
        char *text = userdata;
        memset(text + m->offset, '*', m->length);
        return true;
}

/* A copy in which no My Number stands. Names are short, so that nothing speaks for one but its check digit. free() */
static char *without_numbers(const char *text) {
        char *copy = strdup(text);
        if (copy)
                (void) mynumber_scan(text, strlen(text), 0, strlen(text), star, copy);
        return copy;
}

static void put_character(FILE *f, const unsigned char *p, size_t n, const struct notice_style *style) {
        static const struct {
                unsigned char c;
                const char *escaped;
        } markup[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&apos;" } };
        for (size_t i = 0; style->markup && n == 1 && i < sizeof markup / sizeof *markup; i++)
                if (markup[i].c == *p) {
                        (void) fputs(markup[i].escaped, f);
                        return;
                }
        (void) fwrite(p, 1, n, f);
}

void notice_put(FILE *f, const char *text, size_t max, const struct notice_style *style) {
        CLEANUP(free_p) char *copy = without_numbers(text);
        if (!copy)
                return;
        size_t left = strlen(copy);
        for (const unsigned char *p = (const unsigned char *) copy; left > 0;) {
                uint32_t c = 0;
                size_t n = character_decode(p, left, &c);
                bool shows = n > 0 && !character_is_unfit(c) && (!style->ascii || c < 0x80);
                if (shows && max-- == 0) {
                        (void) fputs(style->ascii ? "..." : "…", f);
                        return;
                }
                if (shows)
                        put_character(f, p, n, style);
                n = n ? n : 1;
                p += n;
                left -= n;
        }
}

/* Whether anything of it would show. */
static bool shows(const char *text, const struct notice_style *style) {
        CLEANUP(free_p) char *shown = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&shown, &size);
        if (!f)
                return false;
        notice_put(f, text, NOTE_MAX, style);
        if (fclose(f) != 0)
                return false;
        return strspn(shown, " \t") < size;
}

/* Our own sentences: no markup in them but what may come with a translation. */
static void put_own(FILE *f, const char *text, const struct notice_style *style) {
        for (const unsigned char *p = (const unsigned char *) text; *p; p++)
                if (!style->ascii || *p < 0x80)
                        put_character(f, p, 1, style);
}

/* ---- why, and whom to ask ---- */

static const char *reason_sentence(const char *code, const struct notice_style *style) {
        static const struct {
                const char *code, *sentence;
        } own[] = {
                { "withheld-record", N_("The record cannot be written at the moment, so nothing new is opened.") },
                { "withheld-condition", N_("The terminal cannot hold the condition under which it is permitted.") },
                { "withheld-lock", N_("It works once the screen is locked.") },
                { "not-held",
                  N_("It does not fulfil the condition under which it is permitted, for example encryption.") },
        };
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
                if (strcmp(own[i].code, code) == 0)
                        return _(own[i].sentence);
        for (int r = 0; r < REASON_MAX; r++)
                if (strcmp(reason_code((enum reason) r), code) == 0)
                        return style->ascii ? reason_english((enum reason) r) : reason_text((enum reason) r);
        return "";
}

/* The rule's own words are the better reason, unless the decision rests on something else. */
static void put_why(FILE *f, const json_t *e, const struct notice_style *style) {
        const char *note = notice_string(e, "note"), *reason = notice_string(e, "reason");
        bool by_rule = strcmp(reason, reason_code(REASON_RULE)) == 0;
        const char *sentence = by_rule && shows(note, style) ? "" : reason_sentence(reason, style);
        if (shows(sentence, style)) {
                put_own(f, sentence, style);
                (void) fputc('\n', f);
        }
        if (shows(note, style)) {
                notice_put(f, note, NOTE_MAX, style);
                (void) fputc('\n', f);
        }
}

static void put_contact(FILE *f, const json_t *e, const struct notice_style *style) {
        const char *contact = notice_string(e, "contact");
        if (!shows(contact, style))
                return;
        put_own(f, _("Questions: "), style);
        notice_put(f, contact, CONTACT_MAX, style);
        (void) fputc('\n', f);
}

/* ---- one kind each: the title, and what stands in the body before the reason ---- */

/* From the class that says most about what is refused. */
static const struct {
        const char *class, *title;
} devices[] = {
        { "storage", N_("This storage device cannot be used") },
        { "optical", N_("This optical drive cannot be used") },
        { "phone", N_("This phone or camera cannot be used") },
        { "network", N_("This network adapter cannot be used") },
        { "modem", N_("This modem cannot be used") },
        { "bluetooth", N_("This Bluetooth device cannot be used") },
        { "camera", N_("This camera cannot be used") },
        { "video", N_("This camera cannot be used") },
        { "printer", N_("This printer cannot be used") },
        { "smartcard", N_("This card reader cannot be used") },
        { "audio", N_("This audio device cannot be used") },
        { "keyboard", N_("This keyboard or mouse cannot be used") },
        { "mouse", N_("This keyboard or mouse cannot be used") },
        { "hid", N_("This input device cannot be used") },
};

static bool has_class(const json_t *e, const char *class) {
        size_t i;
        json_t *c;
        json_array_foreach(json_object_get(e, "classes"), i, c) {
                const char *name = json_string_value(c);
                if (name && strcmp(name, class) == 0)
                        return true;
        }
        return false;
}

static const char *device_title(const json_t *e, const struct notice_style *style) {
        if (strcmp(notice_string(e, "reason"), "withheld-lock") == 0)
                return _("A keyboard waits for the screen to be locked");
        for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
                if (has_class(e, devices[i].class))
                        return _(devices[i].title);
        return _("This device cannot be used");
}

static void put_times(FILE *f, unsigned count, const struct notice_style *style) {
        if (count < 2)
                return;
        char text[96];
        (void) snprintf(text, sizeof text, _(" (%u times)"), count);
        put_own(f, text, style);
}

static void put_device(FILE *f, const struct notice_facts *n, const struct notice_style *style) {
        const char *name = notice_string(n->event, "subject");
        if (!shows(name, style))
                return;
        notice_put(f, name, NAME_MAX_, style);
        put_times(f, n->count, style);
        (void) fputc('\n', f);
}

/* "firefox-esr: 10.20.30.40, port 443, and others" */
static void put_connection(FILE *f, const struct notice_facts *n, const struct notice_style *style) {
        const json_t *e = n->event;
        const char *program = notice_string(e, "subject"), *slash = strrchr(program, '/');
        const char *peer = notice_string(e, "peer");
        char port[64] = "";
        if (json_is_integer(json_object_get(e, "port")))
                (void) snprintf(port, sizeof port, _(", port %lld"), (long long) notice_number(e, "port"));
        notice_put(f, slash ? slash + 1 : program, NAME_MAX_, style);
        if (*program && *peer)
                (void) fputs(": ", f);
        notice_put(f, peer, NAME_MAX_, style);
        put_own(f, port, style);
        if (n->others)
                put_own(f, _(", and others"), style);
        if (*program || *peer)
                (void) fputc('\n', f);
}

static void put_paste(FILE *f, const struct notice_facts *n, const struct notice_style *style) {
        const char *const ends[] = { notice_string(n->event, "from"), notice_string(n->event, "to") };
        for (int i = 0; i < 2; i++) {
                if (i == 1)
                        (void) fputs(style->ascii ? " -> " : " → ", f);
                if (*ends[i])
                        notice_put(f, ends[i], NAME_MAX_, style);
                else
                        put_own(f, _("other programs"), style);
        }
        put_times(f, n->count, style);
        (void) fputc('\n', f);
}

static void put_permit(FILE *f, const struct notice_facts *n, const struct notice_style *style) {
        bool ending = strcmp(notice_string(n->event, "detail"), "ending") == 0;
        put_own(f, ending ? _("Finish copying and remove the medium safely.") : _("The medium is shut. Bring it back."),
                style);
        (void) fputc('\n', f);
        if (shows(notice_string(n->event, "ticket"), style)) {
                notice_put(f, notice_string(n->event, "ticket"), NOTE_MAX, style);
                (void) fputc('\n', f);
        }
}

static void put_screen(FILE *f, const struct notice_facts *n, const struct notice_style *style) {
        (void) n;
        put_own(f, _("Lock it by hand whenever you leave your seat."), style);
        (void) fputc('\n', f);
}

static void put_title(FILE *f, enum notice_kind kind, const json_t *e, const struct notice_style *style) {
        switch (kind) {
        case NOTICE_DEVICE:
                (void) fputs(device_title(e, style), f);
                return;
        case NOTICE_NETWORK:
                (void) fputs(strcmp(notice_string(e, "direction"), "in") == 0
                                     ? _("A connection from outside was blocked")
                                     : _("A connection that is not permitted was blocked"),
                             f);
                return;
        case NOTICE_CLIPBOARD:
                (void) fputs(_("This may not be pasted here"), f);
                return;
        case NOTICE_PERMIT: {
                int64_t left = notice_number(e, "left");
                unsigned minutes = left <= 0 ? 0 : left > 86400 ? 1440 : (unsigned) ((left + 59) / 60);
                if (strcmp(notice_string(e, "detail"), "ending") == 0)
                        (void) fprintf(f, _("Your medium will be shut in %u min"), minutes);
                else
                        (void) fputs(_("The permit for your medium is over"), f);
                return;
        }
        case NOTICE_SCREEN:
                (void) fputs(_("The screen did not lock by itself"), f);
                return;
        default:
                return;
        }
}

static void put_shared_title(FILE *f, enum notice_kind kind, unsigned count, const struct notice_style *style) {
        switch (kind) {
        case NOTICE_NETWORK:
                (void) fprintf(f, _("Further connections were blocked: %u"), count);
                return;
        case NOTICE_CLIPBOARD:
                (void) fprintf(f, _("Further pastes were refused: %u"), count);
                return;
        case NOTICE_PERMIT:
                (void) fprintf(f, _("Further permits are over or will be soon: %u"), count);
                return;
        default:
                (void) fprintf(f, _("Further devices cannot be used: %u"), count);
                return;
        }
}

static enum notice_urgency urgency_of(enum notice_kind kind, const json_t *e) {
        bool ends_soon = kind == NOTICE_PERMIT && strcmp(notice_string(e, "detail"), "ending") == 0 &&
                         notice_number(e, "left") <= SOON;
        return kind == NOTICE_SCREEN || ends_soon ? NOTICE_CRITICAL : NOTICE_NORMAL;
}

static void put_body(FILE *f, enum notice_kind kind, const struct notice_facts *n, const struct notice_style *style) {
        static void (*const put[NOTICE_KIND_MAX])(FILE * f, const struct notice_facts *n,
                                                  const struct notice_style *style) = {
                [NOTICE_DEVICE] = put_device, [NOTICE_NETWORK] = put_connection, [NOTICE_CLIPBOARD] = put_paste,
                [NOTICE_PERMIT] = put_permit, [NOTICE_SCREEN] = put_screen,
        };
        if (!n->shared) {
                put[kind](f, n, style);
                put_why(f, n->event, style);
        }
        put_contact(f, n->event, style);
}

/* The title is no markup, and without line ends; the body without the last of its own. */
static int finish(FILE *f, char **text) {
        if (fclose(f) != 0)
                return -ENOMEM;
        size_t n = strlen(*text);
        if (n > 0 && (*text)[n - 1] == '\n')
                (*text)[n - 1] = '\0';
        return 0;
}

int notice_text(enum notice_kind kind, const struct notice_facts *n, const struct notice_style *style,
                struct notice *ret) {
        CLEANUP(free_p) char *title = NULL;
        CLEANUP(free_p) char *body = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&title, &size);
        if (!f)
                return -ENOMEM;
        if (n->shared)
                put_shared_title(f, kind, n->count, style);
        else
                put_title(f, kind, n->event, style);
        if (finish(f, &title) < 0)
                return -ENOMEM;
        f = open_memstream(&body, &size);
        if (!f)
                return -ENOMEM;
        put_body(f, kind, n, style);
        if (finish(f, &body) < 0)
                return -ENOMEM;
        ret->urgency = urgency_of(kind, n->event);
        ret->title = TAKE_PTR(title);
        ret->body = TAKE_PTR(body);
        return 0;
}
