#define _GNU_SOURCE /* strcasestr */
#include "core/ck_redact.h"

#include <stdbool.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"

#define TEXT_MAX (4u << 20)

static const char *const words[] = {"hmac",    "password",   "passwd",  "secret", "apikey", "api_key",
                                    "api-key", "credential", "_token=", "-token", NULL};

/* Whether the word of that length names a secret. */
static bool names_secret(const char *word, size_t len)
{
    fc_auto_free char *copy = fc_strndup(word, len);

    for (const char *const *each = words; *each; each++)
        if (strcasestr(copy, *each))
            return true;
    return false;
}

/* Length of a private key in PEM that begins here; 0: none does. */
static size_t key_length(const char *text)
{
    static const char end[] = "-----END ";

    if (strncmp(text, "-----BEGIN ", 11) != 0 || !memmem(text, strcspn(text, "\n"), "PRIVATE KEY", 11))
        return 0;
    const char *stop = strstr(text, end);
    return stop ? (size_t)(stop - text) + strcspn(stop, "\n") : strlen(text);
}

char *ck_redact_text(const char *text)
{
    struct fc_buf out;

    fc_buf_init(&out, TEXT_MAX);
    for (bool hide = false; *text;) {
        size_t key = key_length(text), blank = strspn(text, " \t\n\"'"), word = strcspn(text, " \t\n\"'=:");
        if (key) {
            fc_buf_puts(&out, "*** (a private key)");
            text += key;
            continue;
        }
        if (blank) {
            fc_buf_append(&out, text, blank);
            hide &= !memchr(text, '\n', blank);
            text += blank;
            continue;
        }
        size_t n = word ? word : 1;
        bool separator = word == 0;
        if (hide && !separator)
            fc_buf_puts(&out, "***");
        else
            fc_buf_append(&out, text, n);
        if (!separator) /* "NAME=" and "--name value" hide what comes next; other words end it */
            hide = !hide && names_secret(text, n + (text[n] == '='));
        text += n;
    }
    return fc_buf_detach(&out);
}

json_t *ck_redact_json(const json_t *value)
{
    const char *name;
    json_t *member, *copy;
    size_t i;

    if (json_is_string(value)) {
        fc_auto_free char *text = ck_redact_text(json_string_value(value));
        return json_string(text);
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, member) json_array_append_new(copy, ck_redact_json(member));
        return copy;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        bool secret = json_is_string(member) && names_secret(name, strlen(name));
        json_object_set_new(copy, name, secret ? json_string("***") : ck_redact_json(member));
    }
    return copy;
}
