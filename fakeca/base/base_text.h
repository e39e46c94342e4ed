/* Small things with text that C lacks. ASCII rules, never the locale's. */
#ifndef FC_BASE_TEXT_H
#define FC_BASE_TEXT_H

#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool fc_text_starts(const char *text, const char *prefix);
bool fc_text_ends(const char *text, const char *suffix);
bool fc_text_equal_nocase(const char *a, const char *b);
/* Lowers A-Z in place. */
void fc_text_lower(char *text);
/* Whole text as a decimal number in [min, max]: no sign unless min < 0, no white space, no leading '+'. */
int fc_text_int(const char *text, int64_t min, int64_t max, int64_t *ret_value, struct fc_err *err);
/* Lower-case hex of len bytes, 2 * len characters and a NUL. */
void fc_text_hex(const void *data, size_t len, char *ret_text);
/* Strict: even length, hex digits only; -1 otherwise or when ret_data (room bytes) is too small. */
int fc_text_unhex(const char *text, void *ret_data, size_t room, size_t *ret_len);

#endif
