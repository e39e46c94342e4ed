#include "dns/dns_int.h"

#include <string.h>

#include "base/base_text.h"

#define LABEL_MAX 63
#define NAME_MAX_TEXT 253

static bool label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* The rule that a lower-case name breaks, or NULL. */
static const char *broken_rule(const char *name)
{
    if (strlen(name) > NAME_MAX_TEXT)
        return "a name has at most 253 characters";
    for (;;) {
        size_t len = strcspn(name, ".");
        if (len == 0)
            return "a label is empty";
        if (len > LABEL_MAX)
            return "a label has at most 63 characters";
        for (size_t i = 0; i < len; i++) {
            if (!label_char(name[i]))
                return name[i] == '*' ? "'*' stands only as the whole first label"
                                      : "labels hold letters, digits, '-' and '_' (other scripts as xn--...)";
        }
        if (name[len] == '\0')
            return NULL;
        name += len + 1;
    }
}

int fc_dns_name_normalize(const char *text, bool pattern, char ret_name[FC_DNS_NAME_SIZE], struct fc_err *err)
{
    char name[FC_DNS_NAME_SIZE];
    size_t len = strlen(text);

    if (len > 1 && text[len - 1] == '.')
        len--;
    if (len >= sizeof name)
        return fc_err_set(err, FC_E_USAGE, "'name': a name has at most 253 characters");
    memcpy(name, text, len);
    name[len] = '\0';
    fc_text_lower(name);

    bool all = pattern && strcmp(name, "*") == 0;
    const char *behind_star = pattern && fc_text_starts(name, "*.") ? name + 2 : name;
    const char *rule = all ? NULL : broken_rule(behind_star);
    if (rule)
        return fc_err_set(err, FC_E_USAGE, "'name': '%s' is no domain name: %s", name, rule);
    memcpy(ret_name, name, len + 1);
    return 0;
}

size_t fc_dns_name_wire(const char *name, unsigned char ret_wire[FC_DNS_NAME_SIZE])
{
    size_t at = 0;

    while (*name) {
        size_t len = strcspn(name, ".");
        ret_wire[at++] = (unsigned char)len;
        memcpy(ret_wire + at, name, len);
        at += len;
        name += len + (name[len] == '.');
    }
    ret_wire[at++] = 0;
    return at;
}
