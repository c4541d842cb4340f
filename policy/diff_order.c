/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which rules moved, and whether that can change an answer. */
#include <errno.h>
#include <stdlib.h>

#include "diff.h"

/* Pairs of rules that are looked at. Beyond it a moved rule is reported without knowing whether it matters: the work
 * for two hostile policies of 100,000 rules stays within a second. */
#define PAIRS_MAX 20000000u

/* Marks the rows of a longest increasing subsequence of the old positions: those stayed, the others moved. */
static int mark_stayed(const struct row_pair *common, uint32_t n, bool *stayed) {
        uint32_t *tails = calloc((size_t) n + 1, sizeof *tails), *previous = calloc((size_t) n + 1, sizeof *previous);
        uint32_t length = 0;
        if (!tails || !previous) {
                free(tails);
                free(previous);
                return -ENOMEM;
        }
        for (uint32_t i = 0; i < n; i++) {
                uint32_t low = 0, high = length;
                while (low < high) {
                        uint32_t middle = (low + high) / 2;
                        if (common[tails[middle]].before < common[i].before)
                                low = middle + 1;
                        else
                                high = middle;
                }
                previous[i] = low > 0 ? tails[low - 1] : UINT32_MAX;
                tails[low] = i;
                if (low == length)
                        length++;
        }
        for (uint32_t i = length > 0 ? tails[length - 1] : UINT32_MAX; i != UINT32_MAX; i = previous[i])
                stayed[i] = true;
        free(tails);
        free(previous);
        return 0;
}

static bool matters(const struct mapping *m, const struct list *before, const struct row_pair *common, uint32_t n,
                    uint32_t moved, uint32_t *budget) {
        const char *rows = before->rows;
        const struct row_pair *x = &common[moved];
        for (uint32_t i = 0; i < n; i++) {
                const struct row_pair *y = &common[i];
                if (*budget == 0)
                        return true;
                (*budget)--;
                if ((x->before < y->before) != (x->after < y->after) &&
                    m->conflict(rows + (size_t) x->before * m->size, rows + (size_t) y->before * m->size))
                        return true;
        }
        return false;
}

int diff_order(const struct diff *d, const struct mapping *m, const char *path, const struct list *before,
               const struct row_pair *common, uint32_t n) {
        if (!m->conflict || n < 2)
                return 0;
        bool *stayed = calloc(n, sizeof *stayed);
        if (!stayed)
                return -ENOMEM;

        uint32_t budget = PAIRS_MAX;
        int r = mark_stayed(common, n, stayed);
        for (uint32_t i = 0; r == 0 && i < n; i++) {
                if (stayed[i] || !matters(m, before, common, n, i, &budget))
                        continue;
                char full[DIFF_PATH_SIZE], old_place[16], new_place[16];
                diff_path(full, (const char *const[]){ path, "[", common[i].name, "].position", NULL });
                (void) snprintf(old_place, sizeof old_place, "%u", common[i].before + 1);
                (void) snprintf(new_place, sizeof new_place, "%u", common[i].after + 1);
                r = diff_tell(d, full, old_place, new_place, true);
        }
        free(stayed);
        return r;
}
