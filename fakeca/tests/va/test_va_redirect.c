/* The redirect rules of letsencrypt.md B.3, each row with `rehearsal` off ("to the letter") and on. */
#include "va/va_int.h"

#include <stdlib.h>
#include <string.h>

#include "net/net_portmap.h"

#include "cmocka_all.h"

#define FROM "http://a.example.com/.well-known/acme-challenge/token"
#define TLD "Invalid host in redirect target, must end in IANA registered TLD"
#define RESERVED "Invalid host in redirect target: IP address is in a reserved address block: "

struct bed {
    struct fc_arena *arena;
    struct fc_policy *loaded;
    struct fc_policy policy;
    struct fc_net_portmap *portmap;
    struct fc_net_url from;
    struct fc_va_redirect redirect;
};

static int setup(void **state)
{
    struct bed *bed = fc_calloc(1, sizeof *bed);

    *state = bed;
    bed->arena = fc_arena_new();
    bed->portmap = fc_net_portmap_new();
    if (fc_policy_builtin("production", &bed->loaded, NULL) != 0)
        return -1;
    bed->policy = *bed->loaded;
    return fc_net_portmap_set(bed->portmap, "80=5002,443=5003,8080=5004", NULL);
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    fc_net_portmap_free(bed->portmap);
    fc_policy_free(bed->loaded);
    fc_arena_free(bed->arena);
    free(bed);
    return 0;
}

static enum fc_va_redirect_verdict judge(struct bed *bed, int status, const char *location)
{
    assert_int_equal(fc_net_url_parse(bed->arena, FROM, &bed->from, NULL), 0);
    bed->redirect.policy = &bed->policy;
    bed->redirect.portmap = bed->portmap;
    bed->redirect.from = &bed->from;
    bed->redirect.status = status;
    bed->redirect.location = location;
    bed->redirect.rehearsal = bed->redirect.message = NULL;
    return fc_va_redirect_judge(bed->arena, &bed->redirect);
}

static void refused(struct bed *bed, const char *location, const char *message)
{
    enum fc_va_redirect_verdict verdict = judge(bed, 301, location);

    if (verdict != FC_VA_REDIRECT_REFUSED)
        fail_msg("'%s': verdict %d", location, (int)verdict);
    assert_string_equal(bed->redirect.message, message);
}

static void followed(struct bed *bed, const char *location, const char *url, unsigned port, const char *rehearsal)
{
    enum fc_va_redirect_verdict verdict = judge(bed, 302, location);

    if (verdict != FC_VA_REDIRECT_FOLLOW)
        fail_msg("'%s': verdict %d, %s", location, (int)verdict, bed->redirect.message);
    assert_string_equal(bed->redirect.to.text, url);
    assert_int_equal(bed->redirect.port, port);
    assert_string_equal(bed->redirect.rehearsal != NULL ? bed->redirect.rehearsal : "-",
                        rehearsal != NULL ? rehearsal : "-");
}

static void which_statuses_redirect(void **state)
{
    static const struct {
        int status;
        enum fc_va_redirect_verdict verdict;
    } rows[] = {
        {301, FC_VA_REDIRECT_FOLLOW}, {302, FC_VA_REDIRECT_FOLLOW},  {307, FC_VA_REDIRECT_FOLLOW},
        {308, FC_VA_REDIRECT_FOLLOW}, {303, FC_VA_REDIRECT_REFUSED}, {300, FC_VA_REDIRECT_NONE},
        {304, FC_VA_REDIRECT_NONE},   {305, FC_VA_REDIRECT_NONE},    {306, FC_VA_REDIRECT_NONE},
        {200, FC_VA_REDIRECT_NONE},   {201, FC_VA_REDIRECT_NONE},    {404, FC_VA_REDIRECT_NONE},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(judge(bed, rows[i].status, "http://b.example.com/x"), rows[i].verdict);
        assert_int_equal(judge(bed, rows[i].status, NULL), FC_VA_REDIRECT_NONE);
    }
    judge(bed, 303, "http://b.example.com/x");
    assert_string_equal(bed->redirect.message, "received disallowed redirect status code");
    assert_int_equal(judge(bed, 301, "http://b.example.com/%zz"), FC_VA_REDIRECT_UNPARSABLE);
    assert_int_equal(judge(bed, 301, "http://b.example.com:port/"), FC_VA_REDIRECT_UNPARSABLE);
}

static void targets_that_pass_to_the_letter(void **state)
{
    struct bed *bed = *state;

    bed->policy.rehearsal = false;
    followed(bed, "/x?y=z#f", "http://a.example.com/x?y=z", 80, NULL);
    followed(bed, "other", "http://a.example.com/.well-known/acme-challenge/other", 80, NULL);
    followed(bed, "//b.example.com/x", "http://b.example.com/x", 80, NULL);
    followed(bed, "https://B.Example.COM/x", "https://b.example.com/x", 443, NULL);
    followed(bed, "http://b.example.com:443/x", "http://b.example.com:443/x", 443, NULL);
    followed(bed, "https://b.example.com:80/x", "https://b.example.com:80/x", 80, NULL);
    followed(bed, "http://u:p@b.example.com/x", "http://u:p@b.example.com/x", 80, NULL);
    followed(bed, "http://a_b.github.io/x", "http://a_b.github.io/x", 80, NULL);
    followed(bed, "http://b.co.uk", "http://b.co.uk", 80, NULL);
    followed(bed, "http://xn--80ak6aa92e.xn--p1ai/", "http://xn--80ak6aa92e.xn--p1ai/", 80, NULL);
    followed(bed, "http://com/", "http://com/", 80, NULL);
    followed(bed, "http://8.8.8.8/x", "http://8.8.8.8/x", 80, NULL);
    followed(bed, "https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x", 443, NULL);
}

static void targets_that_are_refused_to_the_letter(void **state)
{
    static const struct {
        const char *location, *message;
    } rows[] = {
        {"ftp://b.example.com/x", "Invalid protocol scheme in redirect target. Only \"http\" and \"https\" protocol "
                                  "schemes are supported, not \"ftp\""},
        {"http://b.example.com:8080/x",
         "Invalid port in redirect target. Only ports 80 and 443 are supported, not 8080"},
        {"http://b.example.com:5002/x",
         "Invalid port in redirect target. Only ports 80 and 443 are supported, not 5002"},
        {"http://b.example.com:0/x", "Invalid port in redirect target. Only ports 80 and 443 are supported, not 0"},
        {"http:///x", "Invalid empty host in redirect target"},
        {"http:opaque", "Invalid empty host in redirect target"},
        {"http://example.com.well-known/acme-challenge/token",
         "Invalid host in redirect target \"example.com.well-known\". Check webserver config for missing '/' in "
         "redirect target."},
        {"http://[fe80::1%25eth0]/x", "Invalid host in redirect target: contains scope zone"},
        {"http://10.0.0.1/x", RESERVED "[RFC1918]: Private-Use"},
        {"http://127.0.0.1/x", RESERVED "[RFC1122], Section 3.2.1.3: Loopback"},
        {"http://169.254.1.1/x", RESERVED "[RFC3927]: Link Local"},
        {"https://[::1]/x", RESERVED "[RFC4291]: Loopback Address"},
        {"https://[2001:db8::1]/x", RESERVED "[RFC3849]: Documentation"},
        {"http://localhost/x", TLD},
        {"http://b.test/x", TLD},
        {"http://b.internal/x", TLD},
        {"http://b.example/x", TLD},
        {"http://b.home/x", TLD},
        {"http://example.com./x", TLD},
        {"http://0x7f.1/x", TLD},
        {"http://2130706433/x", TLD},
        {"http://127.1/x", TLD},
    };
    struct bed *bed = *state;

    bed->policy.rehearsal = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(bed, rows[i].location, rows[i].message);
}

static void what_rehearsal_lifts_and_what_not(void **state)
{
    struct bed *bed = *state;

    followed(bed, "http://b.test/x", "http://b.test/x", 80, "redirect host");
    followed(bed, "http://b.example/x", "http://b.example/x", 80, "redirect host");
    followed(bed, "http://b.internal/x", "http://b.internal/x", 80, "redirect host");
    followed(bed, "http://b.localhost/x", "http://b.localhost/x", 80, "redirect host");
    followed(bed, "https://b.home.arpa/x", "https://b.home.arpa/x", 443, NULL); /* "arpa" is an ICANN suffix anyway */
    followed(bed, "http://localhost/x", "http://localhost/x", 80, "redirect host");
    followed(bed, "http://b.example.com/x", "http://b.example.com/x", 80, NULL);
    followed(bed, "http://127.0.0.1/x", "http://127.0.0.1/x", 80, NULL);
    followed(bed, "https://[::1]/x", "https://[::1]/x", 443, NULL);
    followed(bed, "http://b.test:5002/x", "http://b.test:5002/x", 80, "mapped port, redirect host");
    followed(bed, "https://b.example.com:5003/x", "https://b.example.com:5003/x", 443, "mapped port");
    refused(bed, "http://b.test:5004/x",
            "Invalid port in redirect target. Only ports 80 and 443 are supported, not 5004");
    refused(bed, "http://b.test:8080/x",
            "Invalid port in redirect target. Only ports 80 and 443 are supported, not 8080");
    refused(bed, "http://b.lan/x", TLD);
    refused(bed, "http://test./x", TLD);
    refused(bed, "http://169.254.1.1/x", RESERVED "[RFC3927]: Link Local");
    refused(bed, "http://192.0.2.1/x", RESERVED "[RFC5737]: Documentation (TEST-NET-1)");
}

static void eleven_are_followed(void **state)
{
    struct bed *bed = *state;

    bed->redirect.followed = 10;
    assert_int_equal(judge(bed, 301, "http://b.example.com/x"), FC_VA_REDIRECT_FOLLOW);
    bed->redirect.followed = 11;
    refused(bed, "ftp://b.example.com/x", "Too many redirects"); /* counted before anything else is looked at */
}

static void loops_are_exact_urls(void **state)
{
    const struct fc_va_hop hops[] = {{.url = FROM}, {.url = "https://b.example.com/x"}, {.url = NULL}};
    struct bed *bed = *state;

    bed->redirect.hops = hops;
    bed->redirect.n_hops = 3;
    refused(bed, FROM, "Redirect loop detected");
    refused(bed, "/.well-known/acme-challenge/token#again", "Redirect loop detected");
    refused(bed, "https://B.example.com/x", "Redirect loop detected");
    followed(bed, "https://b.example.com:443/x", "https://b.example.com:443/x", 443, NULL);
    followed(bed, "https://b.example.com/x?", "https://b.example.com/x?", 443, NULL);
}

static void paths_have_a_limit_and_queries_have_none(void **state)
{
    struct bed *bed = *state;
    char location[9000] = "/";

    memset(location + 1, 'x', 1999);
    assert_int_equal(judge(bed, 301, location), FC_VA_REDIRECT_FOLLOW);
    location[2000] = 'x';
    refused(bed, location, "Redirect target too long");
    memcpy(location + 1000, "?", 1);
    memset(location + 1001, 'y', 7000);
    assert_int_equal(judge(bed, 301, location), FC_VA_REDIRECT_FOLLOW);
    /* decoded bytes count */
    memset(location, 0, sizeof location);
    for (size_t i = 0; i < 1999; i++)
        memcpy(location + 1 + 3 * i, "%41", 3);
    location[0] = '/';
    assert_int_equal(judge(bed, 301, location), FC_VA_REDIRECT_FOLLOW);
    memcpy(location + 1 + 3 * 1999, "%41", 3);
    refused(bed, location, "Redirect target too long");
}

static void old_tls_does_not_lead_on(void **state)
{
    struct bed *bed = *state;

    bed->redirect.tls_version = "TLSv1.2";
    assert_int_equal(judge(bed, 301, "http://b.example.com/x"), FC_VA_REDIRECT_FOLLOW);
    bed->redirect.tls_version = "TLSv1.1";
    refused(bed, "http://b.example.com/x",
            "validation attempt was redirected to an HTTPS server that doesn't support TLSv1.2 or better. See "
            "https://community.letsencrypt.org/t/rejecting-sha-1-csrs-and-validation-using-tls-1-0-1-1-urls/175144");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(which_statuses_redirect),
        TEST(targets_that_pass_to_the_letter),
        TEST(targets_that_are_refused_to_the_letter),
        TEST(what_rehearsal_lifts_and_what_not),
        TEST(eleven_are_followed),
        TEST(loops_are_exact_urls),
        TEST(paths_have_a_limit_and_queries_have_none),
        TEST(old_tls_does_not_lead_on),
    };
    RUN(tests);
}
