#include "base/base_text.h"

#include <inttypes.h>
#include <string.h>

bool fc_text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool fc_text_ends(const char *text, const char *suffix)
{
    size_t text_len = strlen(text);
    size_t suffix_len = strlen(suffix);

    return text_len >= suffix_len && memcmp(text + text_len - suffix_len, suffix, suffix_len) == 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool fc_text_equal_nocase(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

void fc_text_lower(char *text)
{
    for (; *text; text++)
        *text = lower(*text);
}

/* The digits as a number that is added up below zero, where the range of int64_t is larger by one. -1 no number, -2 too
 * long a number. */
static int parse_digits(const char *digits, bool negative, int64_t *ret_value)
{
    int64_t value = 0;
    int result = 0;

    if (!*digits)
        return -1;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9')
            return -1;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *digits - '0', &value))
            result = -2;
    }
    if (result == 0 && !negative && __builtin_sub_overflow(0, value, &value))
        result = -2;
    *ret_value = value;
    return result;
}

int fc_text_int(const char *text, int64_t min, int64_t max, int64_t *ret_value, struct fc_err *err)
{
    bool negative = min < 0 && *text == '-';
    int64_t value = 0;
    int parsed = parse_digits(text + negative, negative, &value);

    if (parsed == -1)
        return fc_err_set(err, FC_E_PARSE, "'%.100s' is not a whole number", text);
    if (parsed == -2 || value < min || value > max)
        return fc_err_set(err, FC_E_RANGE, "'%.100s' is not from %" PRId64 " to %" PRId64, text, min, max);
    *ret_value = value;
    return 0;
}

void fc_text_hex(const void *data, size_t len, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = data;

    for (size_t i = 0; i < len; i++) {
        *ret_text++ = digits[in[i] >> 4];
        *ret_text++ = digits[in[i] & 15];
    }
    *ret_text = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int fc_text_unhex(const char *text, void *ret_data, size_t room, size_t *ret_len)
{
    uint8_t *out = ret_data;
    size_t len = 0;

    for (; *text; text += 2) {
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0 || len == room)
            return -1;
        out[len++] = (uint8_t)(high << 4 | low);
    }
    *ret_len = len;
    return 0;
}
