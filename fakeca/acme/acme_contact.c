/* Contacts of accounts: checked as Boulder does (letsencrypt.md G.3). */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_text.h"

#define MAILTO "mailto:"

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* A colon before any slash ends a scheme; Go's url.Parse refuses texts whose scheme is none. */
static bool scheme_is_bad(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = strcspn(text, ":/?#");

    if (text[len] != ':')
        return false;
    return len == 0 || !strchr(letters, text[0]) ||
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.") < len;
}

/* A dot-atom of RFC 5322 section 3.2.3. */
static bool is_dot_atom(const char *text, size_t len)
{
    static const char atext[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.";

    if (len == 0 || text[0] == '.' || text[len - 1] == '.' || strspn(text, atext) < len)
        return false;
    for (size_t i = 1; i < len; i++)
        if (text[i] == '.' && text[i - 1] == '.')
            return false;
    return true;
}

static int check_domain(struct fc_acme_call *call, const char *mail_domain)
{
    const struct fc_ident_rules rules = {.any = fc_acme_policy(call)->lenient.names};
    char *domain = fc_arena_strdup(call->arena, mail_domain);
    struct fc_problem inner = {0};

    fc_text_lower(domain);
    if (fc_ident_check_dns(domain, &rules, call->arena, &inner, NULL))
        return fc_acme_refuse(call, INVALID_CONTACT, "contact email has invalid domain: %s", inner.detail);
    for (const char **bad = fc_acme_policy(call)->requests.forbidden_contact_domains; bad && *bad; bad++)
        if (strcmp(domain, *bad) == 0)
            return fc_acme_refuse(call, INVALID_CONTACT, "contact email has forbidden domain %s",
                                  fc_acme_problem_quote(call->arena, domain));
    return 0;
}

static int check_address(struct fc_acme_call *call, const char *address)
{
    const char *at = strrchr(address, '@');

    if (!at || !is_dot_atom(address, (size_t)(at - address)) || !is_dot_atom(at + 1, strlen(at + 1)))
        return fc_acme_refuse(call, INVALID_CONTACT, "unable to parse email address");
    return check_domain(call, at + 1);
}

static int check_one(struct fc_acme_call *call, const char *contact)
{
    if (!*contact)
        return fc_acme_refuse(call, INVALID_CONTACT, "empty contact");
    if (has_control(contact) || scheme_is_bad(contact))
        return fc_acme_refuse(call, INVALID_CONTACT, "unparsable contact");
    char *lower = fc_arena_strndup(call->arena, contact, strlen(MAILTO));
    fc_text_lower(lower);
    if (strcmp(lower, MAILTO) != 0)
        return fc_acme_refuse(call, UNSUPPORTED_CONTACT, "only contact scheme 'mailto:' is supported");
    if (contact[strcspn(contact, "?#")] == '?')
        return fc_acme_refuse(call, INVALID_CONTACT, "contact email contains a question mark");
    if (strchr(contact, '#'))
        return fc_acme_refuse(call, INVALID_CONTACT, "contact email contains a '#'");
    if (!is_ascii(contact))
        return fc_acme_refuse(call, INVALID_CONTACT, "contact email contains non-ASCII characters");
    return check_address(call, contact + strlen(MAILTO));
}

static int check_all(struct fc_acme_call *call, const json_t *contacts)
{
    int64_t max = fc_acme_policy(call)->requests.max_contacts;
    size_t count = json_array_size(contacts);

    if (count > (size_t)max)
        return fc_acme_refuse(call, MALFORMED, "too many contacts provided: %zu > %" PRId64, count, max);
    for (size_t i = 0; i < count; i++)
        if (check_one(call, json_string_value(json_array_get(contacts, i))))
            return -1;
    return 0;
}

int fc_acme_contact_check(struct fc_acme_call *call, const char *context, const char **ret_json, size_t *ret_count)
{
    const json_t *contacts = json_object_get(call->body, "contact");

    *ret_json = NULL;
    *ret_count = json_array_size(contacts);
    if (check_all(call, contacts))
        return fc_problem_context(&call->problem, call->arena, context);
    if (*ret_count > 0) {
        char *text = fc_json_text(contacts);
        fc_arena_defer(call->arena, free, text);
        *ret_json = text;
    }
    return 0;
}
