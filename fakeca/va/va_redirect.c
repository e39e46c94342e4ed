#include "va/va_int.h"

#include <string.h>

#include "base/base_text.h"
#include "model/model_ident.h"
#include "net/net_portmap.h"

/* Each check returns the message with which the redirect is refused, or NULL. They run in Boulder's order. */
typedef const char *(*check_fn)(struct fc_arena *arena, struct fc_va_redirect *redirect);

static const char *check_count(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    (void)arena;
    return redirect->followed >= (size_t)redirect->policy->validation.max_redirects ? "Too many redirects" : NULL;
}

static const char *check_tls(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    const char *version = redirect->tls_version;

    (void)arena;
    if (version == NULL || strcmp(version, "TLSv1.2") == 0 || strcmp(version, "TLSv1.3") == 0)
        return NULL;
    return "validation attempt was redirected to an HTTPS server that doesn't support TLSv1.2 or better. See "
           "https://community.letsencrypt.org/t/rejecting-sha-1-csrs-and-validation-using-tls-1-0-1-1-urls/175144";
}

static const char *check_status(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    (void)arena;
    return redirect->status == 303 && !redirect->policy->lenient.redirects ? "received disallowed redirect status code"
                                                                           : NULL;
}

static const char *check_scheme(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    const char *scheme = redirect->to.scheme;

    if (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
        return NULL;
    return fc_arena_printf(arena,
                           "Invalid protocol scheme in redirect target. Only \"http\" and \"https\" protocol schemes "
                           "are supported, not %s",
                           fc_va_text_quote(arena, scheme, strlen(scheme)));
}

static void allow(struct fc_arena *arena, struct fc_va_redirect *redirect, const char *what)
{
    redirect->rehearsal =
        redirect->rehearsal != NULL ? fc_arena_printf(arena, "%s, %s", redirect->rehearsal, what) : what;
}

static const char *check_port(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    const unsigned http = (unsigned)redirect->policy->validation.http_port;
    const unsigned https = (unsigned)redirect->policy->validation.https_port;
    unsigned port = redirect->to.port;

    if (!redirect->to.port_given)
        port = strcmp(redirect->to.scheme, "https") == 0 ? https : http;
    redirect->port = port;
    if (port == http || port == https)
        return NULL;
    if (redirect->policy->rehearsal && redirect->portmap != NULL)
        redirect->port = fc_net_portmap_reverse(redirect->portmap, port);
    if (redirect->port == http || redirect->port == https) {
        allow(arena, redirect, "mapped port");
        return NULL;
    }
    if (redirect->policy->lenient.redirects) {
        redirect->port = port;
        return NULL;
    }
    return fc_arena_printf(arena, "Invalid port in redirect target. Only ports %u and %u are supported, not %u", http,
                           https, port);
}

static const char *check_missing_slash(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    const char *host = redirect->to.host;

    if (host[0] == '\0')
        return "Invalid empty host in redirect target";
    if (!fc_text_ends(host, ".well-known"))
        return NULL;
    return fc_arena_printf(
        arena, "Invalid host in redirect target %s. Check webserver config for missing '/' in redirect target.",
        fc_va_text_quote(arena, host, strlen(host)));
}

static const char *check_ip(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    struct fc_net_addr addr;

    if (redirect->to.scope_zone)
        return "Invalid host in redirect target: contains scope zone";
    if (fc_net_addr_parse_ip(redirect->to.host, &addr, NULL) != 0)
        return "Invalid host in redirect target, must end in IANA registered TLD";
    const char *block = fc_ident_reserved_block(addr.bytes, fc_net_addr_len(&addr));
    if (block == NULL)
        return NULL;
    if (redirect->policy->rehearsal && fc_ident_private_address(addr.bytes, fc_net_addr_len(&addr)))
        return NULL; /* the hop itself says "private address" */
    return fc_arena_printf(arena, "Invalid host in redirect target: IP address is in a reserved address block: %s",
                           block);
}

/* Whether a name ends in a suffix of the Public Suffix List's ICANN section: asked of the rules for identifiers with two
 * harmless labels before the last one, since every ICANN suffix is or lies under a TLD of that section. */
static bool icann_name(struct fc_arena *arena, const char *host)
{
    const struct fc_ident_rules rules = {0};
    const char *dot = strrchr(host, '.');
    struct fc_problem problem = {0};

    return fc_ident_check_dns(fc_arena_printf(arena, "a.b.%s", dot != NULL ? dot + 1 : host), &rules, arena, &problem,
                              NULL) == 0;
}

static const char *check_host(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    if (redirect->policy->lenient.redirects && !redirect->to.scope_zone)
        return NULL;
    if (redirect->to.host_is_ip || redirect->to.scope_zone)
        return check_ip(arena, redirect);
    if (icann_name(arena, redirect->to.host))
        return NULL;
    if (redirect->policy->rehearsal && fc_ident_rehearsal_name(redirect->to.host)) {
        allow(arena, redirect, "redirect host");
        return NULL;
    }
    return "Invalid host in redirect target, must end in IANA registered TLD";
}

/* The limit is on the decoded path. */
static const char *check_path(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    int64_t len = 0;

    (void)arena;
    for (const char *c = redirect->to.path; *c != '\0'; c += *c == '%' ? 3 : 1)
        len++;
    return len > redirect->policy->validation.max_redirect_path ? "Redirect target too long" : NULL;
}

static const char *check_loop(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    (void)arena;
    for (size_t i = 0; i < redirect->n_hops; i++)
        if (redirect->hops[i].url != NULL && strcmp(redirect->hops[i].url, redirect->to.text) == 0)
            return "Redirect loop detected";
    return NULL;
}

static bool redirects(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

enum fc_va_redirect_verdict fc_va_redirect_judge(struct fc_arena *arena, struct fc_va_redirect *redirect)
{
    static const struct {
        check_fn check;
        const char *rule;
    } checks[] = {{check_count, "count"},   {check_tls, "tls"},   {check_status, "status"},
                  {check_scheme, "scheme"}, {check_port, "port"}, {check_missing_slash, "host"},
                  {check_host, "host"},     {check_path, "path"}, {check_loop, "loop"}};

    if (!redirects(redirect->status) || redirect->location == NULL)
        return FC_VA_REDIRECT_NONE;
    redirect->rule = "url";
    if (fc_net_url_resolve(arena, redirect->from, redirect->location, &redirect->to, NULL) != 0)
        return FC_VA_REDIRECT_UNPARSABLE;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        redirect->message = checks[i].check(arena, redirect);
        redirect->rule = checks[i].rule;
        if (redirect->message != NULL)
            return FC_VA_REDIRECT_REFUSED;
    }
    redirect->rule = redirect->to.host_is_ip ? "address" : "name";
    return FC_VA_REDIRECT_FOLLOW;
}
