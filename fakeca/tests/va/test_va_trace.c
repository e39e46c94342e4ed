/* test: threads */
/* What a trace tells of each hop, and the wishes of a probe. */
#include "va/lib_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_time.h"
#include "net/net_addr.h"

#include "cmocka_all.h"

#define TO(location) "HTTP/1.1 301 x\r\nLocation: " location "\r\nContent-Length: 0\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

struct trace_bed {
    struct bed *bed;
    struct peer *plain, *secure, *six;
};

static const struct peer_answer plain[] = {
    {CHALLENGE_PATH, TO("https://" OTHER "/x"), 0}, {"/bad", OK "\r\n" TOKEN ".wrong \n", 0}, {"", GOOD_ANSWER, 0}};
static const struct peer_answer secure[] = {
    {"", OK "Strict-Transport-Security: max-age=1\r\nServer:  nginx/1.22.1 \r\nContent-Length: 87\r\n\r\n" KEY_AUTH,
     0}};

static int setup(void **state)
{
    struct trace_bed *t = fc_calloc(1, sizeof *t);
    char map[512];

    *state = t;
    if (bed_setup((void **)&t->bed) != 0)
        return -1;
    t->bed->zone = row_zone;
    t->bed->n_zone = row_zone_count;
    t->plain = peer_start(&(struct peer_params){.answers = plain, .n_answers = COUNT(plain)});
    t->secure = peer_start(
        &(struct peer_params){.answers = secure, .n_answers = COUNT(secure), .pem = FIXTURES "/net/expired.pem"});
    t->six = peer_start(&(struct peer_params){.ip = "::1", .answers = &plain[2], .n_answers = 1});
    snprintf(map, sizeof map, V4 ":80=127.0.0.1:%u," V4 ":443=127.0.0.1:%u,[" V6 "]:80=[::1]:%u", peer_port(t->plain),
             peer_port(t->secure), peer_port(t->six));
    return fc_net_portmap_set(t->bed->portmap, map, NULL);
}

static int teardown(void **state)
{
    struct trace_bed *t = *state;

    bed_teardown((void **)&t->bed);
    peer_stop(t->plain);
    peer_stop(t->secure);
    peer_stop(t->six);
    free(t);
    return 0;
}

static struct fc_va_job job_for(const char *name)
{
    return (struct fc_va_job){.method = "http-01",
                              .ident = {.type = FC_IDENT_DNS, .value = name},
                              .token = TOKEN,
                              .key_authorization = KEY_AUTH,
                              .scope = FC_VA_DCV,
                              .now = ROW_NOW};
}

static json_int_t hop_int(const json_t *verdict, size_t hop, const char *member)
{
    return json_integer_value(json_object_get(json_array_get(json_object_get(verdict, "hops"), hop), member));
}

static void a_redirect_to_https(void **state)
{
    struct trace_bed *t = *state;
    const struct fc_va_job job = job_for(NAME);

    json_t *verdict = bed_validate_job(t->bed, &job);
    bed_expect_valid(t->bed);
    assert_string_equal(hop_text(verdict, 0, "step"), "http");
    assert_string_equal(hop_text(verdict, 0, "perspective"), "primary");
    assert_string_equal(hop_text(verdict, 0, "family"), "IPv4");
    assert_string_equal(hop_text(verdict, 0, "rule"), "a row of the test");
    assert_string_equal(hop_text(verdict, 0, "redirect"), "followed");
    assert_string_equal(hop_text(verdict, 0, "redirect_rule"), "name");
    assert_string_equal(hop_text(verdict, 0, "cert_subject"), "");
    assert_int_equal(strncmp(hop_text(verdict, 0, "source"), "127.0.0.1:", 10), 0);
    assert_string_equal(hop_text(verdict, 1, "url"), "https://" OTHER "/x");
    assert_string_equal(hop_text(verdict, 1, "tls"), "TLSv1.3");
    assert_string_equal(hop_text(verdict, 1, "hsts"), "max-age=1");
    assert_string_equal(hop_text(verdict, 1, "server"), "nginx/1.22.1");
    assert_string_equal(hop_text(verdict, 0, "server"), "");
    assert_non_null(strstr(hop_text(verdict, 1, "cert_fault"), "expired"));
    assert_non_null(strstr(hop_text(verdict, 1, "cert_fault"), "wrong name"));
    assert_string_not_equal(hop_text(verdict, 1, "cert_subject"), "");
    assert_string_not_equal(hop_text(verdict, 1, "cert_issuer"), "");
    assert_true(hop_int(verdict, 1, "cert_not_after") > 0);
    assert_int_equal(hop_int(verdict, 1, "compared"), strlen(KEY_AUTH));
    assert_int_equal(hop_int(verdict, 1, "first_difference"), -1);
    assert_string_equal(hop_text(verdict, 1, "expected"), "\"" KEY_AUTH "\"");
    assert_string_equal(hop_text(verdict, 1, "received"), "\"" KEY_AUTH "\"");
}

static void the_first_byte_that_differs(void **state)
{
    static const struct peer_answer wrong = {"", OK "\r\n" TOKEN ".wrong \n", 0};
    struct trace_bed *t = *state;
    struct fc_va_job job = job_for(NAME);

    peer_stop(FC_TAKE(t->plain));
    t->plain = peer_start(&(struct peer_params){.answers = &wrong, .n_answers = 1});
    bed_map(t->bed, peer_port(t->plain), 0);
    json_t *verdict = bed_validate_job(t->bed, &job);
    assert_int_equal(hop_int(verdict, 0, "first_difference"), strlen(TOKEN ".") + 0);
    assert_int_equal(hop_int(verdict, 0, "compared"), strlen(TOKEN ".wrong"));
    assert_string_equal(hop_text(verdict, 0, "received"), "\"" TOKEN ".wrong\"");
    job.key_authorization = NULL; /* a probe that expects nothing */
    verdict = bed_validate_job(t->bed, &job);
    bed_expect_valid(t->bed);
    assert_string_equal(hop_text(verdict, 0, "expected"), "");
    assert_string_equal(hop_text(verdict, 0, "received"), "\"" TOKEN ".wrong\"");
}

static void a_probe_of_one_family(void **state)
{
    struct trace_bed *t = *state;
    struct fc_va_job job = job_for(BOTH);

    job.family = AF_INET6;
    json_t *verdict = bed_validate_job(t->bed, &job);
    bed_expect_valid(t->bed);
    assert_string_equal(hop_text(verdict, 0, "family"), "IPv6");
    job.family = AF_INET;
    verdict = bed_validate_job(t->bed, &job);
    bed_expect_valid(t->bed);
    assert_string_equal(hop_text(verdict, 0, "family"), "IPv4");
    job.ident.value = SIX;
    bed_validate_job(t->bed, &job);
    bed_expect(t->bed, "dns", 400, "no valid A records found for " SIX "; no valid AAAA records found for " SIX);
}

static void a_probe_from_an_address_to_a_backend(void **state)
{
    struct trace_bed *t = *state;
    struct fc_va_job job = job_for(NAME);
    struct peer *backend = peer_start_simple(PEER_ANSWER, GOOD_ANSWER);
    char text[64];

    snprintf(text, sizeof text, "127.0.0.1:%u", peer_port(backend));
    assert_int_equal(fc_net_addr_parse(text, &job.connect_to, NULL), 0);
    assert_int_equal(fc_net_addr_parse_ip("127.0.0.9", &job.from, NULL), 0);
    json_t *verdict = bed_validate_job(t->bed, &job);
    size_t count = peer_count(backend);
    peer_stop(backend);
    bed_expect_valid(t->bed);
    assert_int_equal(count, 1);
    assert_string_equal(hop_text(verdict, 0, "used"), V4);
    assert_string_equal(hop_text(verdict, 0, "connected"), text);
    assert_int_equal(strncmp(hop_text(verdict, 0, "source"), "127.0.0.9:", 10), 0);
}

/* A backend has one port: its redirect to HTTPS is followed where the name and the port map lead. */
static void a_redirect_of_a_backend_goes_its_own_way(void **state)
{
    struct trace_bed *t = *state;
    struct fc_va_job job = job_for(NAME);
    struct peer *backend = peer_start_simple(PEER_ANSWER, "HTTP/1.1 301 Moved\r\nLocation: https://" NAME
                                                          "/x\r\nContent-Length: 0\r\n\r\n");
    char text[64];

    snprintf(text, sizeof text, "127.0.0.1:%u", peer_port(backend));
    assert_int_equal(fc_net_addr_parse(text, &job.connect_to, NULL), 0);
    job.perspective = 1;
    json_t *verdict = bed_validate_job(t->bed, &job);
    size_t count = peer_count(backend);
    peer_stop(backend);
    assert_int_equal(count, 1);
    assert_string_equal(hop_text(verdict, 0, "connected"), text);
    assert_string_not_equal(hop_text(verdict, 1, "connected"), text);
}

static void caa_says_what_it_found(void **state)
{
    struct trace_bed *t = *state;
    struct fc_va_job job = job_for("a.parent.example.com");

    job.scope = FC_VA_CAA;
    json_t *verdict = bed_validate_job(t->bed, &job);
    assert_string_equal(hop_text(verdict, 0, "step"), "caa");
    assert_string_equal(hop_text(verdict, 0, "host"), "parent.example.com");
    assert_string_equal(hop_text(verdict, 0, "expected"), "0 issue \"letsencrypt.org\"");
    assert_string_equal(hop_text(verdict, 0, "received"), "0 issue \"ca.example\"");
    assert_string_equal(hop_text(verdict, 0, "error"), "CAA record for parent.example.com prevents issuance");
}

static void tls_alpn_says_what_it_compared(void **state)
{
    const struct alpn_cert cert = {.san = "DNS:" NAME, .key_auth = "x.y", .expired = true};
    struct trace_bed *t = *state;
    struct fc_va_job job = job_for(NAME);
    struct alpn *alpn = alpn_start(NULL, ALPN_RIGHT, &cert);

    job.method = "tls-alpn-01";
    bed_map(t->bed, 0, alpn_port(alpn));
    json_t *verdict = bed_validate_job(t->bed, &job);
    alpn_stop(alpn);
    assert_string_equal(hop_text(verdict, 0, "step"), "tls-alpn");
    assert_string_equal(hop_text(verdict, 0, "tls"), "TLSv1.3");
    assert_string_equal(hop_text(verdict, 0, "cert_fault"), "self-signed, expired");
    assert_int_equal(hop_int(verdict, 0, "compared"), 32);
    assert_int_equal(hop_int(verdict, 0, "first_difference"), 0);
    assert_int_equal(strlen(hop_text(verdict, 0, "expected")), 64);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_redirect_to_https),
        TEST(the_first_byte_that_differs),
        TEST(a_probe_of_one_family),
        TEST(a_probe_from_an_address_to_a_backend),
        TEST(a_redirect_of_a_backend_goes_its_own_way),
        TEST(caa_says_what_it_found),
        TEST(tls_alpn_says_what_it_compared),
    };
    RUN(tests);
}
