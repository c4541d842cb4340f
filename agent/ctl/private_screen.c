/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "private_screen.h"

#include <fcntl.h>
#include <poll.h>
#include <qrencode.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#define PATIENCE_MSEC 300000
#define INTERRUPT     3 /* ^C, as a character: the interrupt key only ends the line */
#define QUIET_ZONE    2 /* squares of white around; the standard's four do not fit into 24 lines */

/* The other screen of the terminal, where it has one; the text console has none, but forgets what has scrolled away. */
static const char cover[] = "\033[?1049h\033[H\033[2J";
static const char uncover[] = "\033[0m\033[H\033[2J\033[?1049l";
static const char uncover_console[] = "\033[0m\033[H\033[2J\033[3J";

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define N_SIGNALS (sizeof ending_signals / sizeof *ending_signals)

struct private_screen {
        int fd;
        bool covered, console, dumb;
        struct termios before;
        struct sigaction handlers[N_SIGNALS];
};

/* For the handler, which can be given nothing. */
static struct private_screen *current;

static void put(const struct private_screen *s, const char *bytes, size_t n) {
        if (file_write_all(s->fd, bytes, n) < 0)
                return; /* the terminal is gone, and what it showed with it */
}

static void restore(const struct private_screen *s) {
        (void) tcsetattr(s->fd, TCSANOW, &s->before);
        if (s->covered && s->console)
                put(s, uncover_console, sizeof uncover_console - 1);
        else if (s->covered)
                put(s, uncover, sizeof uncover - 1);
}

static void on_signal(int number) {
        restore(current);
        (void) signal(number, SIG_DFL);
        (void) raise(number);
}

enum outcome private_screen_open(struct private_screen **ret) {
        CLEANUP(close_p) int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct private_screen *s = fd < 0 ? NULL : calloc(1, sizeof *s);
        if (!s || tcgetattr(fd, &s->before) < 0) {
                complain(_("This needs a terminal: what it shows and asks goes nowhere else."));
                free(s);
                return OUTCOME_BAD;
        }
        const char *term = getenv("TERM");
        s->fd = TAKE_FD(fd);
        s->dumb = !term || strcmp(term, "dumb") == 0;
        s->console = term && strncmp(term, "linux", 5) == 0;
        current = s;
        const struct sigaction ending = { .sa_handler = on_signal };
        for (size_t i = 0; i < N_SIGNALS; i++)
                (void) sigaction(ending_signals[i], &ending, &s->handlers[i]);
        *ret = s;
        return OUTCOME_YES;
}

void private_screen_cover(struct private_screen *s) {
        s->covered = !s->dumb;
        if (s->covered)
                put(s, cover, sizeof cover - 1);
}

struct private_screen *private_screen_free(struct private_screen *s) {
        if (!s)
                return NULL;
        restore(s);
        for (size_t i = 0; i < N_SIGNALS; i++)
                (void) sigaction(ending_signals[i], &s->handlers[i], NULL);
        current = NULL;
        (void) close(s->fd);
        explicit_bzero(s, sizeof *s);
        free(s);
        return NULL;
}

void private_screen_line(struct private_screen *s, const char *format, ...) {
        char *text = NULL;
        va_list arguments;
        va_start(arguments, format);
        int n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n < 0)
                return;
        put(s, text, (size_t) n);
        put(s, "\n", 1);
        explicit_bzero(text, (size_t) n);
        free(text);
}

/* ---- the picture ---- */

static void qr_p(QRcode **qr) {
        if (!*qr)
                return;
        explicit_bzero((*qr)->data, (size_t) (*qr)->width * (size_t) (*qr)->width);
        QRcode_free(*qr);
}

static bool is_dark(const QRcode *qr, int x, int y) {
        return x >= 0 && y >= 0 && x < qr->width && y < qr->width && (qr->data[y * qr->width + x] & 1);
}

static void draw(const struct private_screen *s, const QRcode *qr) {
        static const char *const pairs[] = { " ", "▄", "▀", "█" }; /* above dark: 2; below dark: 1 */
        for (int y = -QUIET_ZONE; y < qr->width + QUIET_ZONE; y += 2) {
                char line[1024] = "";
                size_t n = 0;
                for (int x = -QUIET_ZONE; x < qr->width + QUIET_ZONE; x++) {
                        const char *square = pairs[is_dark(qr, x, y) * 2 + is_dark(qr, x, y + 1)];
                        while (*square)
                                line[n++] = *square++;
                }
                put(s, "\033[0;30;47m", 10);
                put(s, line, n);
                put(s, "\033[0m\n", 5);
                explicit_bzero(line, sizeof line);
        }
}

bool private_screen_picture(struct private_screen *s, const char *text, unsigned lines) {
        CLEANUP(qr_p) QRcode *qr = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
        struct winsize size = { .ws_row = 24, .ws_col = 80 };
        if (ioctl(s->fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
                size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
        if (!s->covered || !qr || qr->width > 300)
                return false;
        int across = qr->width + 2 * QUIET_ZONE;
        if (across > size.ws_col || (across + 1) / 2 + (int) lines > size.ws_row)
                return false;
        draw(s, qr);
        return true;
}

/* ---- questions ---- */

/* false: the line ended otherwise than with its end. */
static bool read_line(const struct private_screen *s, char *buffer, size_t size) {
        size_t n = 0;
        for (;;) {
                struct pollfd p = { .fd = s->fd, .events = POLLIN };
                char c;
                int r = poll(&p, 1, PATIENCE_MSEC);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0 || read(s->fd, &c, 1) != 1 || c == INTERRUPT)
                        return false;
                if (c == '\n') {
                        bool fits = n < size;
                        buffer[fits ? n : 0] = '\0';
                        return fits;
                }
                if (n < size)
                        buffer[n++] = c;
        }
}

int private_screen_ask(struct private_screen *s, const char *question, bool echo, char *buffer, size_t size) {
        struct termios asking = s->before;
        asking.c_lflag |= ICANON;
        asking.c_lflag &= (tcflag_t) ~(ISIG | (echo ? 0u : (tcflag_t) ECHO));
        asking.c_cc[VEOL] = INTERRUPT;
        (void) tcsetattr(s->fd, TCSANOW, &asking);
        put(s, question, strlen(question));
        bool whole = read_line(s, buffer, size);
        (void) tcsetattr(s->fd, TCSANOW, &s->before);
        if (!echo || !whole)
                put(s, "\n", 1);
        if (!whole)
                explicit_bzero(buffer, size);
        return whole ? 0 : 1;
}
