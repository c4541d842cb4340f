/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pam_messages.h"

#include <stddef.h>
#include <string.h>

static const struct {
        const char *english, *japanese;
} messages[MESSAGE_MAX] = {
        [MESSAGE_PROMPT] = { "One-time code: ", "確認コード: " },
        [MESSAGE_ESCORT_NAME] = { "Escort's user name: ", "立会者のユーザー名: " },
        [MESSAGE_ESCORT_CODE] = { "Escort's one-time code: ", "立会者の確認コード: " },
        /* The same for a wrong password, a wrong code, a wait and an account that does not exist. */
        [MESSAGE_REFUSED] = { "Login refused. Check password and code; after several wrong codes wait up to 15 "
                              "minutes. No "
                              "token at hand: enter ? as the code. Help: %s",
                              "ログインできません。パスワードと確認コードをお確かめください。続けて間違えたときは15分ほ"
                              "どお待ちください。"
                              "機器が手元にないときは、コードに ? と入力してください。連絡先: %s" },
        [MESSAGE_OUTSIDE_HOURS] = { "This account may not log in at this hour. Help: %s",
                                    "このアカウントは、この時間帯にはログインできません。連絡先: %s" },
        [MESSAGE_BLOCKED] = { "The policy of this terminal does not permit this login. Help: %s",
                              "この端末のポリシーでは、このログインは許可されていません。連絡先: %s" },
        [MESSAGE_GUARD] = { "This terminal's guard (Sekisho) is not running, so nobody may log in. Help: %s",
                            "この端末の持ち出し制御(Sekisho)が動作していないため、ログインできません。問い合わせ先: "
                            "%s" },
        [MESSAGE_KEY_ONLY] = { "A key alone does not suffice here; a one-time code is needed too. Help: %s",
                               "鍵だけではログインできません。確認コードも必要です。連絡先: %s" },
        [MESSAGE_UNAVAILABLE] = { "The one-time code cannot be checked on this terminal now. Tell the administrator.",
                                  "この端末では現在、確認コードを確認できません。管理者にお知らせください。" },
        [MESSAGE_PHONE] = { "Tell the help desk this number: %s. When they say so, log in again with it as the code. "
                            "Help: %s",
                            "次の番号を担当へ電話でお伝えください: %s "
                            "連絡を受けたら、この番号を確認コードとしてログインしてください。"
                            "連絡先: %s" },
        [MESSAGE_ENROL] = { "Please enrol your second factor: run \"sekishoctl otp enroll\".",
                            "二要素認証の登録期間中です。端末で「sekishoctl otp enroll」を実行し、登録してください。" },
        [MESSAGE_REENROL] = { "You used a spare way in. Have your token enrolled again. Help: %s",
                              "予備の方法でログインしました。認証機器を登録し直してください。連絡先: %s" },
};

/* A contact may be written in kanji, which a screen for English cannot show: what is left of it is mostly the extension
 * number. */
static size_t put_value(const char *value, bool japanese, char *ret, size_t n, size_t size) {
        const size_t began = n;
        for (; *value && n + 1 < size; value++)
                if (japanese || ((unsigned char) *value < 0x80 && (*value != ' ' || n > began)))
                        ret[n++] = *value;
        return n;
}

void message_fill(enum message m, bool japanese, const char *first, const char *second, char *ret, size_t size) {
        const char *format = japanese ? messages[m].japanese : messages[m].english;
        const char *next[] = { first, second, "" };
        size_t n = 0, used = 0;
        for (const char *p = format; *p && n + 1 < size; p++) {
                if (p[0] == '%' && p[1] == 's') {
                        n = put_value(next[used < 2 ? used++ : 2], japanese, ret, n, size);
                        p++;
                } else {
                        ret[n++] = *p;
                }
        }
        ret[n] = '\0';
}

enum message message_of(const char *reason) {
        static const struct {
                const char *reason;
                enum message message;
        } those[] = {
                { "outside-hours", MESSAGE_OUTSIDE_HOURS },
                { "blocked", MESSAGE_BLOCKED },
                { "guard-required", MESSAGE_GUARD },
                { "key-only", MESSAGE_KEY_ONLY },
                { "phone", MESSAGE_PHONE },
        };
        for (size_t i = 0; i < sizeof those / sizeof *those; i++)
                if (strcmp(reason, those[i].reason) == 0)
                        return those[i].message;
        return MESSAGE_REFUSED;
}

bool pam_shows_japanese(const char *service, const char *tty, const char *display) {
        /* Greeters draw with fonts of their own, whatever terminal they were started on. */
        static const char *const greeters[] = { "gdm", "lightdm", "sddm", "xdm", "greetd" };
        if (display && *display)
                return true;
        for (size_t i = 0; service && i < sizeof greeters / sizeof *greeters; i++)
                if (strncmp(service, greeters[i], strlen(greeters[i])) == 0)
                        return true;
        if (!tty)
                return true;
        if (strncmp(tty, "/dev/", 5) == 0)
                tty += 5;
        return strncmp(tty, "tty", 3) != 0 && strncmp(tty, "hvc", 3) != 0 && strcmp(tty, "console") != 0;
}
