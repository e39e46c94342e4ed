#include "base/base_b64.h"

#include <stdint.h>

#include "base/base_assert.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of a character, or -1. */
static int value_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

size_t fc_b64url_encode(const void *data, size_t len, char *ret_text)
{
    const uint8_t *in = data;
    char *out = ret_text;
    size_t i = 0;

    FC_ASSERT(len < SIZE_MAX / 4);
    for (; i + 3 <= len; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        *out++ = alphabet[v >> 18];
        *out++ = alphabet[v >> 12 & 63];
        *out++ = alphabet[v >> 6 & 63];
        *out++ = alphabet[v & 63];
    }
    if (len - i == 1) {
        *out++ = alphabet[in[i] >> 2];
        *out++ = alphabet[(in[i] & 3) << 4];
    } else if (len - i == 2) {
        *out++ = alphabet[in[i] >> 2];
        *out++ = alphabet[(in[i] & 3) << 4 | in[i + 1] >> 4];
        *out++ = alphabet[(in[i + 1] & 15) << 2];
    }
    *out = '\0';
    return (size_t)(out - ret_text);
}

int fc_b64url_decode(const char *text, size_t text_len, void *ret_data, size_t *ret_len)
{
    uint8_t *out = ret_data;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t len = 0;

    if (text_len % 4 == 1)
        return -1;
    for (size_t i = 0; i < text_len; i++) {
        int v = value_of((unsigned char)text[i]);
        if (v < 0)
            return -1;
        bits = bits << 6 | (uint32_t)v;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[len++] = (uint8_t)(bits >> n_bits);
            bits &= (1U << n_bits) - 1;
        }
    }
    /* RFC 4648 section 3.5: two texts must not stand for the same bytes */
    if (bits != 0)
        return -1;
    *ret_len = len;
    return 0;
}

bool fc_b64url_alphabet(const char *text, size_t text_len)
{
    for (size_t i = 0; i < text_len; i++) {
        if (value_of((unsigned char)text[i]) < 0)
            return false;
    }
    return true;
}
