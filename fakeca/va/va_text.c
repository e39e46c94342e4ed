#include "va/va_int.h"

#include <string.h>

#include "base/base_buf.h"

enum { TEXT_MAX = 1024 * 1024, INVALID = 0xFFFD, SHOWN_MAX = 256 };

struct range {
    uint32_t first, last;
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* Unicode's White_Space, which is what unicode.IsSpace asks. */
static bool is_space(uint32_t c)
{
    static const struct range spaces[] = {{'\t', '\r'},     {' ', ' '},       {0x85, 0x85},     {0xA0, 0xA0},
                                          {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                          {0x205F, 0x205F}, {0x3000, 0x3000}};
    return in_ranges(spaces, sizeof spaces / sizeof *spaces, c);
}

/* Go prints letters, marks, numbers, punctuation, symbols and the ASCII space as they are. Unassigned code points, which it
 * escapes, are not told apart here. */
static bool is_printable(uint32_t c)
{
    static const struct range hidden[] = {
        {0x00, 0x1F},     {0x7F, 0xA0},     {0xAD, 0xAD},     {0x600, 0x605},     {0x61C, 0x61C},
        {0x6DD, 0x6DD},   {0x70F, 0x70F},   {0x8E2, 0x8E2},   {0x1680, 0x1680},   {0x180E, 0x180E},
        {0x2000, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x206F}, {0x3000, 0x3000},   {0xD800, 0xF8FF},
        {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE00FF}, {0xE01F0, 0x10FFFF},
    };
    return !in_ranges(hidden, sizeof hidden / sizeof *hidden, c);
}

/* Length of the sequence that begins with this byte; 0: none does. */
static size_t sequence_len(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* The code point at the beginning and its length; length 0: these bytes are no UTF-8. */
static size_t decode(const char *text, size_t len, uint32_t *ret_c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    size_t need = sequence_len(bytes[0]);

    if (need == 0 || need > len)
        return 0;
    uint32_t c = need == 1 ? bytes[0] : bytes[0] & (0xFFu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (bytes[i] & 0x3Fu);
    }
    if (c < least[need] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *ret_c = c;
    return need;
}

/* The letter behind the backslash, or 0. */
static char escape_letter(uint32_t c)
{
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    const char *found = c != 0 && c < 0x80 ? strchr(from, (int)c) : NULL;

    return found != NULL ? to[found - from] : '\0';
}

static void quote_point(struct fc_buf *buf, const char *bytes, size_t len, uint32_t c)
{
    char letter = escape_letter(c);

    if (letter != '\0')
        fc_buf_printf(buf, "\\%c", letter);
    else if (is_printable(c))
        fc_buf_append(buf, bytes, len);
    else if (c < 0x80)
        fc_buf_printf(buf, "\\x%02x", c);
    else
        fc_buf_printf(buf, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

const char *fc_va_text_quote(struct fc_arena *arena, const char *bytes, size_t len)
{
    struct fc_buf buf fc_auto_buf;

    fc_buf_init(&buf, TEXT_MAX);
    fc_buf_putc(&buf, '"');
    for (size_t i = 0; i < len;) {
        uint32_t c = INVALID;
        size_t step = decode(bytes + i, len - i, &c);
        if (step == 0)
            fc_buf_printf(&buf, "\\x%02x", (unsigned)(unsigned char)bytes[i]);
        else
            quote_point(&buf, bytes + i, step, c);
        i += step > 0 ? step : 1;
    }
    fc_buf_putc(&buf, '"');
    return fc_arena_strndup(arena, buf.data, buf.len);
}

const char *fc_va_text_shown(struct fc_arena *arena, const char *bytes, size_t len)
{
    const char *quoted = fc_va_text_quote(arena, bytes, len < SHOWN_MAX ? len : SHOWN_MAX);

    return len > SHOWN_MAX ? fc_arena_printf(arena, "%s...", quoted) : quoted;
}

size_t fc_va_text_trim(const char *bytes, size_t len)
{
    while (len > 0) {
        size_t start = len - 1;
        uint32_t c = 0;
        while (start > 0 && len - start < 4 && ((unsigned char)bytes[start] & 0xC0) == 0x80)
            start--;
        if (decode(bytes + start, len - start, &c) != len - start || !is_space(c))
            break;
        len = start;
    }
    return len;
}

const char *fc_va_text_utf8(struct fc_arena *arena, const char *text)
{
    struct fc_buf buf fc_auto_buf = {0};
    size_t len = text != NULL ? strlen(text) : 0;

    if (text == NULL)
        return NULL;
    fc_buf_init(&buf, TEXT_MAX);
    for (size_t i = 0; i < len;) {
        uint32_t c = INVALID;
        size_t step = decode(text + i, len - i, &c);
        fc_buf_append(&buf, step > 0 ? text + i : "\xEF\xBF\xBD", step > 0 ? step : 3);
        i += step > 0 ? step : 1;
    }
    return fc_arena_strndup(arena, buf.data, buf.len);
}
