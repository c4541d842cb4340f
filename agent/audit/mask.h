/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Individual numbers (My Number) in the names of files and people never enter the record, nor a report.
 *
 * Owned by agent/audit. Who may call it: its mappings, and ctl for what it puts into reports. */
#pragma once

/* Puts a star for each digit of what may be a My Number, in place and without changing the length: twelve digits in a
 * row, half or full width, whose last is the check digit of the others; also within a longer row, and in groups of four
 * with one hyphen, space, dot or the like between them. s: NUL-terminated, any bytes.
 * Source of the check digit:
 * 行政手続における特定の個人を識別するための番号の利用等に関する法律の規定による通知カード及び
 * 個人番号カード並びに情報提供ネットワークシステムによる特定個人情報の提供等に関する省令 第5条. */
void mask_numbers(char *s);
