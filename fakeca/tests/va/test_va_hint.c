/* Cause and remedy for every failure of letsencrypt.md part B; a hop as a line; the command that repeats it. */
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_proc.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "va/va.h"
#include "va/va_hint.h"

#include "cmocka_all.h"
#include "va/lib_texts.h"

struct fixture {
    struct fc_arena *arena;
    struct texts texts;
    char *text;
    json_t *json;
};

static int setup(void **state)
{
    struct fixture *t = fc_calloc(1, sizeof *t);

    *state = t;
    t->arena = fc_arena_new();
    texts_load(&t->texts);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *t = *state;

    texts_release(&t->texts);
    fc_arena_free(t->arena);
    json_decref(t->json);
    free(t->text);
    free(t);
    return 0;
}

/* ---- the catalogue ---- */

/* A text with every placeholder filled by the same sample (an address: {ip} takes nothing else): two texts that differ only in placeholders' names become equal. */
static const char *sample(struct fc_arena *arena, const char *text)
{
    const char *filled = "";

    while (*text != '\0') {
        size_t plain = strcspn(text, "{");
        filled = fc_arena_printf(arena, "%s%.*s", filled, (int)plain, text);
        text += plain;
        if (*text == '\0')
            break;
        filled = fc_arena_printf(arena, "%s192.0.2.1", filled);
        text += strcspn(text, "}") + 1;
    }
    return filled;
}

/* Texts of finalize and of the CA's own state have no validation behind them. */
static bool concerns_a_validation(const struct text_row *row)
{
    return row->section[0] == 'B' || strcmp(row->text, "Identifier type for DNS was not itself DNS") == 0;
}

static void every_failure_has_a_hint(void **state)
{
    struct fixture *t = *state;
    size_t count = 0;

    for (size_t i = 0; i < t->texts.count; i++) {
        const struct text_row *row = &t->texts.rows[i];
        size_t same = 0;
        if (!concerns_a_validation(row))
            continue;
        const char *filled = sample(t->arena, row->text);
        for (size_t j = 0; j < fc_va_hints_count; j++)
            same += strcmp(sample(t->arena, fc_va_hints[j].text), filled) == 0;
        if (same != 1)
            fail_msg("%zu hints for '%s'", same, row->text);
        count++;
    }
    assert_int_equal(count, fc_va_hints_count);
}

static void is_one_line(const char *what, const char *text)
{
    if (strlen(text) < 10 || strchr(text, '\n') != NULL || fc_text_ends(text, ".") || strchr(text, '{') != NULL)
        fail_msg("%s: '%s'", what, text);
}

static void every_hint_is_found_by_its_own_text(void **state)
{
    struct fixture *t = *state;

    for (size_t i = 0; i < fc_va_hints_count; i++) {
        const struct fc_va_hint *hint = &fc_va_hints[i];
        struct fc_va_advice advice;
        const char *detail = sample(t->arena, hint->text);
        assert_true(fc_va_hint_find(t->arena, detail, &advice));
        const char *cause = sample(t->arena, hint->cause);
        if (!fc_text_starts(advice.cause, cause) || !fc_text_starts(advice.remedy, sample(t->arena, hint->remedy)))
            fail_msg("'%s' gives '%s', not '%s'", detail, advice.cause, cause);
        is_one_line(detail, advice.cause);
        is_one_line(detail, advice.remedy);
    }
}

/* ---- details as they come ---- */

static void what_differs_is_named(void **state)
{
    static const struct {
        const char *detail, *cause;
    } rows[] = {
        {"::1: Fetching http://a.test/x: Connection refused",
         "nothing listens on the port of ::1 to which the validation connects"},
        {"127.0.0.1: Fetching https://a.test:8443/x: Invalid port in redirect target. Only ports 80 and 443 are "
         "supported, not 8443",
         "the redirect names port 8443, and only 80 and 443 are followed"},
        {"127.0.0.1: Invalid response from http://a.test/x: 404",
         "the server answered 404, and only 200 with the key authorization passes"},
        {"127.0.0.1: Invalid response from http://a.test/x: \"<html>: 404\"",
         "the server answered 200 with a body of 128 bytes or more, which is more than any key authorization has"},
        /* both look-ups are told, the first is enough */
        {"DNS problem: SERVFAIL looking up A for a.test - the domain's nameservers may be malfunctioning; DNS problem: "
         "SERVFAIL looking up AAAA for a.test - the domain's nameservers may be malfunctioning",
         "the zone's name servers gave no usable answer, or its DNSSEC chain is broken"},
        {"DNS problem: REFUSED looking up A for a.test; no valid AAAA records found for a.test",
         "the name server answered REFUSED"},
        {"no valid A records found for a.test; DNS problem: SERVFAIL looking up AAAA for a.test - the domain's "
         "nameservers may be malfunctioning",
         "the name has no A record that can be used, and for AAAA: SERVFAIL looking up AAAA for a.test - the domain's "
         "nameservers may be malfunctioning"},
        {"127.0.0.1: Fetching http://b.test/x: DNS problem: query timed out looking up A for b.test",
         "the host to which the server redirects cannot be looked up: query timed out looking up A for b.test"},
        {"During secondary validation: 127.0.0.1: Fetching http://a.test/x: Connection refused",
         "the primary perspective was satisfied, and too many of the remote ones were not: nothing listens on the port "
         "of 127.0.0.1 to which the validation connects"},
        {"While processing CAA for *.a.test: CAA record for a.test prevents issuance",
         "the CAA records at a.test do not permit this CA (or this account or method) for *.a.test"},
    };
    struct fixture *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_va_advice advice;
        assert_true(fc_va_hint_find(t->arena, rows[i].detail, &advice));
        assert_string_equal(advice.cause, rows[i].cause);
    }
}

static void an_unknown_detail_has_no_hint(void **state)
{
    static const char *const details[] = {"", "x", "Connection refused",
                                          "127.0.0.1: Fetching http://a.test/x: nonsense"};
    struct fixture *t = *state;
    struct fc_va_advice advice;

    for (size_t i = 0; i < sizeof details / sizeof *details; i++)
        assert_false(fc_va_hint_find(t->arena, details[i], &advice));
}

static void placeholders_take_as_little_as_fits(void **state)
{
    (void)state;
    assert_int_equal(fc_va_hint_fit("a {x} b", "a 1 b"), 5);
    assert_int_equal(fc_va_hint_fit("a {x} b", "a  b"), 5);
    assert_int_equal(fc_va_hint_fit("a {x} b", "a 1 b 2 b"), 5);
    assert_int_equal(fc_va_hint_fit("{x}: {y}", "::1: z"), 3);
    assert_int_equal(fc_va_hint_fit("{x}", ""), 1);
    assert_int_equal(fc_va_hint_fit("", ""), 1);
    assert_int_equal(fc_va_hint_fit("a {x} b", "a b"), 0);
    assert_int_equal(fc_va_hint_fit("a {x} b", "a 1 bc"), 0);
    assert_int_equal(fc_va_hint_fit("a", "ab"), 0);
    assert_int_equal(fc_va_hint_fit("ab", "a"), 0);
    assert_int_equal(fc_va_hint_fit("{x}ab{y}ab", "ab"), 0);
}

/* ---- hops ---- */

static const char *const resolved[] = {"::1", "127.0.0.1", NULL};

static const char **addresses(struct fc_arena *arena)
{
    return fc_arena_memdup(arena, resolved, sizeof resolved);
}

static const char *line_of(struct fixture *t, const struct fc_va_hop *hop)
{
    json_decref(t->json);
    free(t->text);
    t->json = fc_va_hint_hop_json(hop);
    t->text = fc_va_hint_hop_text(t->json);
    return t->text;
}

static void a_hop_is_a_line(void **state)
{
    struct fixture *t = *state;
    struct fc_va_hop hop = {.perspective = "primary",
                            .step = "http",
                            .url = "http://a.test/x",
                            .host = "a.test",
                            .port = 80,
                            .resolved = addresses(t->arena),
                            .used = "127.0.0.1",
                            .family = "IPv4",
                            .connected = "127.0.0.1:5002",
                            .source = "127.0.0.2:40312",
                            .dns_rule = "default",
                            .status = 301,
                            .location = "https://a.test/x",
                            .redirect = "followed",
                            .redirect_rule = "name, redirect host",
                            .first_difference = -1,
                            .rehearsal = true,
                            .rehearsal_what = "private address",
                            .connect_ns = 340 * 1000,
                            .total_ns = FC_MS};

    assert_string_equal(line_of(t, &hop),
                        "primary: GET http://a.test/x at 127.0.0.1:5002 (IPv4 127.0.0.1, DNS rule: default; connected "
                        "in 0.3 ms from 127.0.0.2:40312) -> 301 Location: https://a.test/x, followed (rule: name, "
                        "redirect host); allowed only in rehearsal: private address");
    assert_int_equal(json_array_size(json_object_get(t->json, "resolved")), 2);
    assert_null(json_object_get(t->json, "first_difference"));
}

static void a_tls_hop_shows_what_was_ignored(void **state)
{
    struct fc_va_hop hop = {.perspective = "remote 1",
                            .step = "http",
                            .url = "https://a.test/x",
                            .host = "a.test",
                            .port = 443,
                            .used = "::1",
                            .family = "IPv6",
                            .connected = "[::1]:5003",
                            .dns_rule = "a.test AAAA",
                            .status = 200,
                            .tls = "TLSv1.3",
                            .hsts = "max-age=31536000",
                            .cert_subject = "CN=a\x1b[2J",
                            .cert_issuer = "CN=a",
                            .cert_not_after = FC_TIME_MIN,
                            .cert_fault = "self-signed",
                            .compared = 4,
                            .first_difference = 2,
                            .expected = "\"abcd\"",
                            .received = "\"abxx\"",
                            .error = "wrong"};

    assert_string_equal(line_of(*state, &hop),
                        "remote 1: GET https://a.test/x at [::1]:5003 (IPv6 ::1, DNS rule: a.test AAAA) -> 200; "
                        "TLSv1.3, certificate not verified: CN=a\\x1b[2J issued by CN=a until 2000-01-01T00:00:00Z "
                        "(self-signed); HSTS ignored: max-age=31536000; 4 bytes compared, first difference at byte 2 "
                        "(counted from 0): expected \"abcd\", got \"abxx\"; FAILED: wrong");
}

static void dns_steps_are_lines_too(void **state)
{
    struct fc_va_hop hop = {.perspective = "primary",
                            .step = "txt",
                            .host = "_acme-challenge.a.test",
                            .dns_rule = "a.test TXT",
                            .first_difference = -1,
                            .error = "No TXT record found at _acme-challenge.a.test"};

    assert_string_equal(line_of(*state, &hop), "primary: TXT _acme-challenge.a.test (DNS rule: a.test TXT); FAILED: No "
                                               "TXT record found at _acme-challenge.a.test");
    hop.step = "caa";
    hop.host = "a.test";
    hop.error = NULL;
    hop.expected = "0 issue \"letsencrypt.org\"";
    assert_string_equal(line_of(*state, &hop),
                        "primary: CAA a.test (DNS rule: a.test TXT) -> no records, which allows it");
    hop.received = "0 issue \"letsencrypt.org\"";
    assert_string_equal(line_of(*state, &hop), "primary: CAA a.test (DNS rule: a.test TXT) -> 0 issue "
                                               "\"letsencrypt.org\", which allows it");
    hop.received = "0 issue \"ca.example\"";
    hop.error = "CAA record for a.test prevents issuance";
    assert_string_equal(line_of(*state, &hop), "primary: CAA a.test (DNS rule: a.test TXT) -> 0 issue \"ca.example\"; "
                                               "FAILED: CAA record for a.test prevents issuance");
    hop = (struct fc_va_hop){.perspective = "primary",
                             .step = "txt",
                             .host = "_acme-challenge.a.test",
                             .dns_rule = "a.test TXT",
                             .first_difference = -1,
                             .expected = "\"digest\""};
    assert_string_equal(line_of(*state, &hop),
                        "primary: TXT _acme-challenge.a.test (DNS rule: a.test TXT) -> the expected record is there");
}

/* ---- commands ---- */

static const char *repeat(struct fixture *t, const char *hops, const char *dns)
{
    struct fc_va_hint_repeat what = {.user_agent = "it's me", .dns = dns};

    json_decref(t->json);
    free(t->text);
    t->json = json_loads(hops, 0, NULL);
    assert_non_null(t->json);
    what.hops = t->json;
    t->text = fc_va_hint_hop_repeat(&what);
    return t->text;
}

#define FIRST                                                                                                          \
    "{\"perspective\":\"primary\",\"step\":\"http\",\"url\":\"http://a.test/x\",\"host\":\"a.test\",\"port\":80,"      \
    "\"used\":\"127.0.0.1\",\"address\":\"127.0.0.1:5002\",\"source\":\"127.0.0.1:40000\",\"redirect\":\"followed\"}"

static void the_way_can_be_repeated(void **state)
{
    struct fixture *t = *state;

    assert_string_equal(
        repeat(t,
               "[" FIRST ",{\"perspective\":\"primary\",\"step\":\"http\",\"url\":\"https://b.test/'\",\"host\":"
               "\"b.test\",\"port\":443,\"used\":\"::1\",\"address\":\"[::1]:5003\",\"error\":\"x\"}]",
               NULL),
        "curl -v --http1.1 --max-time 20 --connect-to 'a.test:80:127.0.0.1:5002' --connect-to 'b.test:443:[::1]:5003' "
        "-k -L --max-redirs 1 -A 'it'\\''s me' 'http://a.test/x'");
    /* the whole way where nothing failed */
    assert_non_null(strstr(
        repeat(t,
               "[" FIRST
               ",{\"perspective\":\"primary\",\"step\":\"http\",\"url\":\"https://a.test/y\",\"host\":\"a.test\","
               "\"port\":443,\"used\":\"127.0.0.1\",\"address\":\"127.0.0.1:5003\"},"
               "{\"perspective\":\"remote 1\",\"step\":\"http\",\"url\":\"http://a.test/x\"}]",
               NULL),
        "--connect-to 'a.test:443:127.0.0.1:5003' -k -L --max-redirs 1"));
    /* the remote perspective's own way, from its own address */
    assert_string_equal(
        repeat(t,
               "[" FIRST ",{\"perspective\":\"remote 1\",\"step\":\"http\",\"url\":\"http://[::1]/x\",\"host\":\"::1\","
               "\"port\":80,\"used\":\"::1\",\"address\":\"[::1]:5002\",\"source\":\"[fe80::1]:5\",\"error\":\"x\"}]",
               NULL),
        "curl -v --http1.1 --max-time 20 --connect-to '[::1]:80:[::1]:5002' --interface fe80::1 -A 'it'\\''s me' "
        "'http://[::1]/x'");
}

static void look_ups_can_be_repeated(void **state)
{
    struct fixture *t = *state;

    assert_string_equal(repeat(t,
                               "[{\"step\":\"http\",\"url\":\"http://a.test/x\",\"host\":\"a.test\",\"port\":80,"
                               "\"error\":\"DNS problem\"}]",
                               "127.0.0.1:8053"),
                        "dig @127.0.0.1 -p 8053 A 'a.test' AAAA 'a.test'");
    assert_string_equal(repeat(t, "[{\"step\":\"txt\",\"host\":\"_acme-challenge.a.test\"}]", NULL),
                        "dig TXT '_acme-challenge.a.test'");
    static const char *const servers[][2] = {{"127.0.0.1", "@127.0.0.1"},
                                             {"[::1]:8053", "@::1 -p 8053"},
                                             {"[::1]", "@::1"},
                                             {"2001:db8::53", "@2001:db8::53"}};
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
        assert_string_equal(repeat(t, "[{\"step\":\"txt\",\"host\":\"a.test\"}]", servers[i][0]),
                            fc_arena_printf(t->arena, "dig %s TXT 'a.test'", servers[i][1]));
    assert_string_equal(repeat(t, "[" FIRST ",{\"step\":\"caa\",\"host\":\"a.test\",\"error\":\"x\"}]", NULL),
                        "dig CAA 'a.test'");
    assert_string_equal(
        repeat(t, "[{\"step\":\"tls-alpn\",\"host\":\"a.test\",\"address\":\"127.0.0.1:5003\",\"used\":\"127.0.0.1\"}]",
               NULL),
        "openssl s_client -alpn acme-tls/1 -servername 'a.test' -connect 127.0.0.1:5003 </dev/null | openssl x509 "
        "-noout -text");
    assert_null(repeat(t, "[]", NULL));
}

/* What a server sends must stay one word for the shell: the shell itself says what it makes of the line. */
static void hostile_urls_stay_one_word(void **state)
{
    static const char url[] = "http://a.test/$(id)`id`';id;'\"\\ x";
    struct fixture *t = *state;
    fc_auto_json hops =
        json_pack("[{s:s,s:s,s:s,s:s}]", "step", "http", "url", url, "host", "a.test", "address", "127.0.0.1:80");
    const struct fc_va_hint_repeat what = {.hops = hops, .user_agent = "x"};
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;

    t->text = fc_va_hint_hop_repeat(&what);
    fc_auto_free char *script = fc_asprintf("curl() { for last; do :; done; printf %%s \"$last\"; }; %s", t->text);
    const char *const argv[] = {"sh", "-c", script, NULL};
    const struct fc_proc_spec spec = {.argv = argv, .max_out = 4096, .merge = true};
    assert_int_equal(fc_proc_run(&spec, 30 * FC_SECOND, &proc, &how, NULL), 0);
    assert_string_equal(fc_proc_output(proc, FC_PROC_OUT, NULL, NULL), url);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_failure_has_a_hint),
        TEST(every_hint_is_found_by_its_own_text),
        TEST(what_differs_is_named),
        TEST(an_unknown_detail_has_no_hint),
        TEST(placeholders_take_as_little_as_fits),
        TEST(a_hop_is_a_line),
        TEST(a_tls_hop_shows_what_was_ignored),
        TEST(dns_steps_are_lines_too),
        TEST(the_way_can_be_repeated),
        TEST(look_ups_can_be_repeated),
        TEST(hostile_urls_stay_one_word),
    };
    RUN(tests);
}
