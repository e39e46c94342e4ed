/* test: threads */
/* HTTP-01 against peers that misbehave: the exact texts of letsencrypt.md B.3 and B.4. */
#include "va/lib_va.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_time.h"
#include "net/lib_peer.h"

#include "cmocka_all.h"

#define URL "http://a.test" CHALLENGE_PATH
#define EXPIRED FIXTURES "/net/expired.pem"
#define ZEROS "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

enum { PEERS = 4 };

struct http_bed {
    struct bed *bed;
    struct peer *peers[PEERS];
    size_t n_peers;
};

static const struct zone_row zone[] = {
    {"a.test", FC_DNS_A, {"127.0.0.1"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"a.test", FC_DNS_AAAA, {NULL}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"b.test", FC_DNS_A, {"127.0.0.1"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"both.test", FC_DNS_A, {"127.0.0.1", "127.0.0.2"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"both.test", FC_DNS_AAAA, {"::1"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"six.test", FC_DNS_AAAA, {"::1"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"public.test", FC_DNS_A, {"192.0.2.1", "10.0.0.1", "8.8.8.8"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"later.test", FC_DNS_A, {"127.0.0.1"}, 0, FC_DNS_ANSWER, ZONE_LATER},
    {"later.test", FC_DNS_AAAA, {NULL}, 0, FC_DNS_ANSWER, ZONE_LATER},
    {"half.test", FC_DNS_A, {"127.0.0.1"}, 0, FC_DNS_ANSWER, ZONE_LATER},
    {"half.test", FC_DNS_AAAA, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
    {"never.test", FC_DNS_A, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
    {"never.test", FC_DNS_AAAA, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
    {"servfail.test", FC_DNS_A, {NULL}, 2, FC_DNS_ANSWER, ZONE_NOW},
    {"servfail.test", FC_DNS_AAAA, {NULL}, 2, FC_DNS_ANSWER, ZONE_NOW},
    {"refused.test", FC_DNS_A, {NULL}, 5, FC_DNS_ANSWER, ZONE_NOW},
    {"broken.test", FC_DNS_A, {NULL}, 0, FC_DNS_NETWORK, ZONE_NOW},
    {"broken.test", FC_DNS_AAAA, {NULL}, 0, FC_DNS_TIMEOUT, ZONE_NOW},
    {"one.test", FC_DNS_A, {"127.0.0.1"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"one.test", FC_DNS_AAAA, {NULL}, 2, FC_DNS_ANSWER, ZONE_NOW},
    {"reserved.test", FC_DNS_A, {"169.254.1.1", "192.0.2.1"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"reserved.test", FC_DNS_AAAA, {"2001:db8::1"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"none.test", FC_DNS_A, {NULL}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"none.test", FC_DNS_AAAA, {NULL}, 2, FC_DNS_ANSWER, ZONE_NOW},
};

static int setup(void **state)
{
    struct http_bed *bed = fc_calloc(1, sizeof *bed);

    *state = bed;
    if (bed_setup((void **)&bed->bed) != 0)
        return -1;
    bed->bed->zone = zone;
    bed->bed->n_zone = sizeof zone / sizeof *zone;
    return 0;
}

static int teardown(void **state)
{
    struct http_bed *bed = *state;

    bed_teardown((void **)&bed->bed);
    for (size_t i = 0; i < bed->n_peers; i++)
        peer_stop(bed->peers[i]);
    free(bed);
    return 0;
}

static struct peer *add_peer(struct http_bed *bed, struct peer *peer)
{
    assert_true(bed->n_peers < PEERS);
    return bed->peers[bed->n_peers++] = peer;
}

static void drop_peers(struct http_bed *bed)
{
    while (bed->n_peers > 0)
        peer_stop(bed->peers[--bed->n_peers]);
}

static struct peer *serve(struct http_bed *bed, enum peer_mode mode, const char *bytes)
{
    struct peer *peer = add_peer(bed, peer_start_simple(mode, bytes));

    bed_map(bed->bed, peer_port(peer), 0);
    return peer;
}

static struct peer *serve_routes(struct http_bed *bed, const struct peer_answer *answers, size_t count)
{
    struct peer *peer = add_peer(bed, peer_start(&(struct peer_params){.answers = answers, .n_answers = count}));

    bed_map(bed->bed, peer_port(peer), 0);
    return peer;
}

static const char *redirect_to(char *buf, size_t size, int status, const char *location)
{
    snprintf(buf, size, "HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location);
    return buf;
}

static void hurry(struct http_bed *bed)
{
    bed->bed->policy.validation.connect_timeout = 300 * FC_MS;
    bed->bed->policy.validation.total_timeout = 300 * FC_MS;
}

/* ---- the good way ---- */

static void valid_with_its_trace(void **state)
{
    struct http_bed *bed = *state;
    struct peer *peer = serve(bed, PEER_ANSWER, GOOD_ANSWER);
    char text[128];

    json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
    bed_expect_valid(bed->bed);
    assert_int_equal(peer_count(peer), 1);
    assert_string_equal(
        peer_request(peer, 0),
        "GET " CHALLENGE_PATH " HTTP/1.1\r\n"
        "Host: a.test\r\n"
        "User-Agent: Mozilla/5.0 (compatible; Let's Encrypt validation server; +https://www.letsencrypt.org)\r\n"
        "Accept: */*\r\n"
        "Accept-Encoding: gzip\r\n"
        "Connection: close\r\n\r\n");
    assert_int_equal(json_array_size(json_object_get(verdict, "hops")), 1);
    assert_string_equal(hop_text(verdict, 0, "url"), URL);
    assert_string_equal(hop_text(verdict, 0, "host"), "a.test");
    assert_string_equal(hop_text(verdict, 0, "used"), "127.0.0.1");
    snprintf(text, sizeof text, "127.0.0.1:%u", peer_port(peer));
    assert_string_equal(hop_text(verdict, 0, "connected"), text);
    assert_string_equal(hop_text(verdict, 0, "rule"), "a row of the test");
    assert_string_equal(hop_text(verdict, 0, "rehearsal"), "private address");
    assert_string_equal(hop_text(verdict, 0, "error"), "");
    fc_auto_free char *record = json_dumps(json_object_get(verdict, "record"), JSON_COMPACT);
    assert_string_equal(record, "[{\"url\":\"" URL "\",\"hostname\":\"a.test\",\"port\":\"80\","
                                "\"addressesResolved\":[\"127.0.0.1\"],\"addressUsed\":\"127.0.0.1\"}]");
}

static void bodies_that_pass(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.0 200 OK\r\n\r\n" KEY_AUTH,
        "HTTP/1.1 200 OK\r\n\r\n" KEY_AUTH "\r\n \t\v\f\n",
        "HTTP/1.1 200 OK\r\n\r\n" KEY_AUTH "\xC2\xA0\xE2\x80\x83",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" KEY_AUTH,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n57\r\n" KEY_AUTH "\r\n0\r\n\r\n",
    };
    struct http_bed *bed = *state;

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        serve(bed, PEER_ANSWER, answers[i]);
        bed_validate(bed->bed, "http-01", "a.test");
        bed_expect_valid(bed->bed);
        drop_peers(bed);
    }
}

static void ip_identifiers_are_not_looked_up(void **state)
{
    struct http_bed *bed = *state;
    struct peer *peer = serve(bed, PEER_ANSWER, GOOD_ANSWER);
    const struct peer_answer answer = {"", GOOD_ANSWER, 0};
    char map[64];

    bed_validate_ident(bed->bed, "http-01", FC_IDENT_IP, "127.0.0.1");
    bed_expect_valid(bed->bed);
    assert_non_null(strstr(peer_request(peer, 0), "Host: 127.0.0.1\r\n"));
    peer = add_peer(bed, peer_start(&(struct peer_params){.ip = "::1", .answers = &answer, .n_answers = 1}));
    snprintf(map, sizeof map, "80=%u", peer_port(peer));
    assert_int_equal(fc_net_portmap_set(bed->bed->portmap, map, NULL), 0);
    json_t *verdict = bed_validate_ident(bed->bed, "http-01", FC_IDENT_IP, "::1");
    bed_expect_valid(bed->bed);
    assert_non_null(strstr(peer_request(peer, 0), "Host: [::1]\r\n"));
    assert_string_equal(hop_text(verdict, 0, "url"), "http://[::1]" CHALLENGE_PATH);
}

/* ---- one hop that fails ---- */

struct failure {
    enum peer_mode mode;
    const char *bytes;
    const char *type;
    int status;
    const char *detail;
    bool slow;
};

static void expect_failures(struct http_bed *bed, const struct failure *rows, size_t count)
{
    int64_t connect = bed->bed->policy.validation.connect_timeout, total = bed->bed->policy.validation.total_timeout;

    for (size_t i = 0; i < count; i++) {
        bed->bed->policy.validation.connect_timeout = connect;
        bed->bed->policy.validation.total_timeout = total;
        if (rows[i].slow)
            hurry(bed);
        serve(bed, rows[i].mode, rows[i].bytes);
        json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
        bed_expect(bed->bed, rows[i].type, rows[i].status, rows[i].detail);
        assert_string_not_equal(hop_text(verdict, 0, "error"), "");
        assert_int_equal(json_array_size(json_object_get(verdict, "record")), 1);
        drop_peers(bed);
    }
}

#define FETCHING "127.0.0.1: Fetching " URL ": "
#define NO_DATA FETCHING "Error getting validation data"

static void connections_that_fail(void **state)
{
    static const struct failure rows[] = {
        {PEER_REFUSE, NULL, "connection", 400, FETCHING "Connection refused", false},
        {PEER_FULL, NULL, "connection", 400, FETCHING "Timeout during connect (likely firewall problem)", true},
        {PEER_HANG, NULL, "connection", 400, FETCHING "Timeout after connect (your server may be slow or overloaded)",
         true},
        {PEER_TRICKLE, "HTTP/1.1 200 OK\r\nX: y\r\n", "connection", 400,
         FETCHING "Timeout after connect (your server may be slow or overloaded)", true},
        {PEER_ANSWER_HOLD, "HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\nevaG", "connection", 400,
         FETCHING "Timeout during read (your server may be slow or overloaded)", true},
        {PEER_RESET, NULL, "connection", 400, FETCHING "Connection reset by peer", false},
        {PEER_CLOSE, NULL, "connection", 400, NO_DATA, false},
        {PEER_ANSWER, "SSH-2.0-OpenSSH_9.2\r\n", "connection", 400, NO_DATA, false},
        {PEER_ANSWER, "\x15\x03\x01", "connection", 400, NO_DATA, false},
        {PEER_ANSWER, "HTTP/1.1 301 Moved\r\nLocation: http://[::1/\r\n\r\n", "connection", 400, NO_DATA, false},
    };

    expect_failures(*state, rows, sizeof rows / sizeof *rows);
}

static void the_network_is_unreachable(void **state)
{
    struct http_bed *bed = *state;

    /* the broadcast address of loopback: no TCP there */
    assert_int_equal(fc_net_portmap_set(bed->bed->portmap, "80=127.255.255.255:80", NULL), 0);
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "connection", 400, FETCHING "Network unreachable");
}

static void http2_on_port_80(void **state)
{
    static const char settings[] = "\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff";
    const struct peer_answer answer = {"", settings, sizeof settings - 1};
    struct http_bed *bed = *state;
    struct peer *peer =
        add_peer(bed, peer_start(&(struct peer_params){.mode = PEER_GREET, .answers = &answer, .n_answers = 1}));

    bed_map(bed->bed, peer_port(peer), 0);
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "connection", 400, FETCHING "Server is speaking HTTP/2 over HTTP");
}

#define MISMATCH                                                                                                       \
    "The key authorization file from the server did not match this challenge. Expected \"" KEY_AUTH "\" (got \""

static void answers_that_fail(void **state)
{
    static const struct failure rows[] = {
        {PEER_ANSWER, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found", "unauthorized", 403,
         "127.0.0.1: Invalid response from " URL ": 404", false},
        {PEER_ANSWER_HOLD, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", "unauthorized", 403,
         "127.0.0.1: Invalid response from " URL ": 404", false},
        {PEER_ANSWER, "HTTP/1.1 201 Created\r\nContent-Length: 87\r\n\r\n" KEY_AUTH, "unauthorized", 403,
         "127.0.0.1: Invalid response from " URL ": 201", false},
        {PEER_ANSWER, "HTTP/1.1 204 No Content\r\n\r\n", "unauthorized", 403,
         "127.0.0.1: Invalid response from " URL ": 204", false},
        {PEER_ANSWER, "HTTP/1.1 206 Partial Content\r\nContent-Length: 87\r\n\r\n" KEY_AUTH, "unauthorized", 403,
         "127.0.0.1: Invalid response from " URL ": 206", false},
        {PEER_ANSWER, "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", "unauthorized", 403,
         "127.0.0.1: Invalid response from " URL ": 301", false},
        {PEER_ANSWER, "HTTP/1.1 300 Choices\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "unauthorized", 403,
         "127.0.0.1: Invalid response from " URL ": 300", false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 88\r\n\r\n" KEY_AUTH, "unauthorized", 403,
         "127.0.0.1: Error reading HTTP response body: unexpected EOF", false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "unauthorized", 403,
         "127.0.0.1: Error reading HTTP response body: invalid byte in chunk length", false},
        {PEER_ANSWER_HOLD, "HTTP/1.1 200 OK\r\n\r\n" ZEROS "012345678901234567890123456789tail", "unauthorized", 403,
         "127.0.0.1: Invalid response from " URL ": \"" ZEROS "012345678901234567890123456789\"", false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "unauthorized", 403, MISMATCH "\")", false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\n\r\n<h1>\xFF\"hello\"\n</h1>\n", "unauthorized", 403,
         MISMATCH "<h1>\\xff\\\"hello\\\"\\n</h1>\")", false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\n\r\n " KEY_AUTH, "unauthorized", 403, MISMATCH " " KEY_AUTH "\")", false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\n\r\n\xEF\xBB\xBF" KEY_AUTH, "unauthorized", 403,
         MISMATCH "\\ufeff" KEY_AUTH "\")", false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\n\r\n" KEY_AUTH "x", "unauthorized", 403, MISMATCH KEY_AUTH "x\")", false},
    };

    expect_failures(*state, rows, sizeof rows / sizeof *rows);
}

static void white_space_counts_towards_the_limit(void **state)
{
    struct http_bed *bed = *state;
    char answer[512], detail[1024];

    /* 87 bytes and 40 of white space are 127: fine; one more is too much */
    snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n\r\n%s%*s", KEY_AUTH, 40, "");
    serve(bed, PEER_ANSWER, answer);
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect_valid(bed->bed);
    drop_peers(bed);
    snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n\r\n%s%*s", KEY_AUTH, 41, "");
    serve(bed, PEER_ANSWER, answer);
    bed_validate(bed->bed, "http-01", "a.test");
    snprintf(detail, sizeof detail, "127.0.0.1: Invalid response from " URL ": \"%s%*s\"", KEY_AUTH, 41, "");
    bed_expect(bed->bed, "unauthorized", 403, detail);
}

static void a_reset_in_the_body(void **state)
{
    struct http_bed *bed = *state;

    serve(bed, PEER_ANSWER_RESET, "HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\nevaG");
    json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
    const char *detail = verdict_text(verdict, "detail");
    assert_string_equal(verdict_text(verdict, "type"), "unauthorized");
    assert_non_null(strstr(detail, "127.0.0.1: Error reading HTTP response body: read tcp 127.0.0.1:"));
    assert_non_null(strstr(detail, "->127.0.0.1:80: read: connection reset by peer"));
}

static void headers_without_end(void **state)
{
    struct http_bed *bed = *state;
    static const size_t size = 400000;
    fc_auto_free char *answer = fc_malloc(size + 1);
    int len = snprintf(answer, size, "HTTP/1.1 200 OK\r\nX-Large: ");

    memset(answer + len, 'x', size - (size_t)len);
    answer[size] = '\0';
    serve(bed, PEER_ANSWER, answer);
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "connection", 400, NO_DATA);
}

/* ---- look-ups ---- */

static void lookups_that_fail(void **state)
{
    static const struct {
        const char *name, *detail;
    } rows[] = {
        {"missing.test",
         "DNS problem: NXDOMAIN looking up A for missing.test - check that a DNS record exists for this "
         "domain; DNS problem: NXDOMAIN looking up AAAA for missing.test - check that a DNS record "
         "exists for this domain"},
        {"servfail.test", "DNS problem: SERVFAIL looking up A for servfail.test - the domain's nameservers may be "
                          "malfunctioning; DNS problem: SERVFAIL looking up AAAA for servfail.test - the domain's "
                          "nameservers may be malfunctioning"},
        {"broken.test", "DNS problem: networking error looking up A for broken.test; DNS problem: query timed out "
                        "looking up AAAA for broken.test"},
        {"refused.test", "DNS problem: REFUSED looking up A for refused.test; no valid AAAA records found for "
                         "refused.test"},
        {"reserved.test", "no valid A records found for reserved.test; no valid AAAA records found for reserved.test"},
        {"none.test",
         "no valid A records found for none.test; DNS problem: SERVFAIL looking up AAAA for none.test - the "
         "domain's nameservers may be malfunctioning"},
    };
    struct http_bed *bed = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *verdict = bed_validate(bed->bed, "http-01", rows[i].name);
        bed_expect(bed->bed, "dns", 400, rows[i].detail);
        assert_string_equal(hop_text(verdict, 0, "error"), rows[i].detail);
        assert_int_equal(json_array_size(json_object_get(verdict, "record")), 0);
    }
}

static void one_family_is_enough(void **state)
{
    struct http_bed *bed = *state;

    serve(bed, PEER_ANSWER, GOOD_ANSWER);
    bed_validate(bed->bed, "http-01", "one.test");
    bed_expect_valid(bed->bed);
}

static void resolvers_may_take_their_time(void **state)
{
    struct http_bed *bed = *state;

    bed->bed->policy.validation.dns_timeout = 100 * FC_MS;
    bed->bed->policy.validation.dns_tries = 2;
    serve(bed, PEER_ANSWER, GOOD_ANSWER);
    bed_validate(bed->bed, "http-01", "half.test"); /* A comes from another thread, AAAA too late */
    bed_expect_valid(bed->bed);
    bed_validate(bed->bed, "http-01", "never.test");
    bed_expect(bed->bed, "dns", 400,
               "DNS problem: query timed out looking up A for never.test; DNS problem: query timed out looking up AAAA "
               "for never.test");
    bed->bed->policy.validation.dns_timeout = 30 * FC_SECOND;
    bed_validate(bed->bed, "http-01", "later.test");
    bed_expect_valid(bed->bed);
}

static void to_the_letter_private_addresses_do_not_exist(void **state)
{
    struct http_bed *bed = *state;
    struct peer *peer = serve(bed, PEER_ANSWER, GOOD_ANSWER);
    char map[64];

    bed->bed->policy.rehearsal = false;
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "dns", 400, "no valid A records found for a.test; no valid AAAA records found for a.test");
    /* a public address leads to the peer by the map */
    snprintf(map, sizeof map, "8.8.8.8:80=127.0.0.1:%u", peer_port(peer));
    assert_int_equal(fc_net_portmap_set(bed->bed->portmap, map, NULL), 0);
    json_t *verdict = bed_validate(bed->bed, "http-01", "public.test");
    bed_expect_valid(bed->bed);
    assert_string_equal(hop_text(verdict, 0, "used"), "8.8.8.8");
    assert_string_equal(hop_text(verdict, 0, "rehearsal"), "");
    fc_auto_free char *record = json_dumps(json_object_get(verdict, "record"), JSON_COMPACT);
    assert_non_null(strstr(record, "\"addressesResolved\":[\"8.8.8.8\"]"));
    bed->bed->policy.rehearsal = true;
    bed_validate(bed->bed, "http-01", "public.test");
    assert_string_equal(hop_text(bed->bed->verdict, 0, "used"), "10.0.0.1");
}

/* ---- IPv6 and its fall-back ---- */

/* Peers for ::1 and 127.0.0.1 behind port 80. */
static void serve_both(struct http_bed *bed, enum peer_mode mode6, const char *bytes6, enum peer_mode mode4,
                       const char *bytes4)
{
    const struct peer_answer answer6 = {"", bytes6, 0}, answer4 = {"", bytes4, 0};
    struct peer *six =
        add_peer(bed, peer_start(&(struct peer_params){
                          .ip = "::1", .mode = mode6, .answers = &answer6, .n_answers = bytes6 != NULL ? 1 : 0}));
    struct peer *four = add_peer(bed, peer_start(&(struct peer_params){
                                          .mode = mode4, .answers = &answer4, .n_answers = bytes4 != NULL ? 1 : 0}));
    char map[128];

    snprintf(map, sizeof map, "[::1]:80=[::1]:%u,80=127.0.0.1:%u", peer_port(six), peer_port(four));
    assert_int_equal(fc_net_portmap_set(bed->bed->portmap, map, NULL), 0);
}

static void ipv6_comes_first(void **state)
{
    struct http_bed *bed = *state;

    serve_both(bed, PEER_ANSWER, GOOD_ANSWER, PEER_REFUSE, NULL);
    json_t *verdict = bed_validate(bed->bed, "http-01", "both.test");
    bed_expect_valid(bed->bed);
    fc_auto_free char *record = json_dumps(json_object_get(verdict, "record"), JSON_COMPACT);
    assert_string_equal(record, "[{\"url\":\"http://both.test" CHALLENGE_PATH "\",\"hostname\":\"both.test\","
                                "\"port\":\"80\",\"addressesResolved\":[\"::1\",\"127.0.0.1\",\"127.0.0.2\"],"
                                "\"addressUsed\":\"::1\"}]");
}

static void a_failed_connect_falls_back_to_ipv4(void **state)
{
    struct http_bed *bed = *state;

    serve_both(bed, PEER_REFUSE, NULL, PEER_ANSWER, GOOD_ANSWER);
    json_t *verdict = bed_validate(bed->bed, "http-01", "both.test");
    bed_expect_valid(bed->bed);
    assert_int_equal(json_array_size(json_object_get(verdict, "record")), 2);
    assert_string_equal(hop_text(verdict, 0, "used"), "::1");
    assert_string_equal(hop_text(verdict, 0, "error"), "Connection refused");
    assert_string_equal(hop_text(verdict, 1, "used"), "127.0.0.1");
    assert_string_equal(hop_text(verdict, 1, "error"), "");
}

static void both_families_refuse(void **state)
{
    struct http_bed *bed = *state;

    serve_both(bed, PEER_REFUSE, NULL, PEER_REFUSE, NULL);
    bed_validate(bed->bed, "http-01", "both.test");
    bed_expect(bed->bed, "connection", 400,
               "127.0.0.1: Fetching http://both.test" CHALLENGE_PATH ": Connection refused");
    bed_validate(bed->bed, "http-01", "six.test"); /* no IPv4 to fall back to */
    bed_expect(bed->bed, "connection", 400, "::1: Fetching http://six.test" CHALLENGE_PATH ": Connection refused");
}

static void nothing_but_a_failed_connect_falls_back(void **state)
{
    static const struct {
        enum peer_mode mode;
        const char *bytes;
        const char *detail;
    } rows[] = {
        {PEER_RESET, NULL, "::1: Fetching http://both.test" CHALLENGE_PATH ": Connection reset by peer"},
        {PEER_CLOSE, NULL, "::1: Fetching http://both.test" CHALLENGE_PATH ": Error getting validation data"},
        {PEER_ANSWER, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
         "::1: Invalid response from http://both.test" CHALLENGE_PATH ": 404"},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", MISMATCH "wrong\")"},
        {PEER_HANG, NULL,
         "::1: Fetching http://both.test" CHALLENGE_PATH
         ": Timeout after connect (your server may be slow or overloaded)"},
    };
    struct http_bed *bed = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].mode == PEER_HANG)
            hurry(bed);
        serve_both(bed, rows[i].mode, rows[i].bytes, PEER_ANSWER, GOOD_ANSWER);
        json_t *verdict = bed_validate(bed->bed, "http-01", "both.test");
        if (strcmp(verdict_text(verdict, "detail"), rows[i].detail) != 0)
            fail_msg("row %zu: %s", i, verdict_text(verdict, "detail"));
        drop_peers(bed);
    }
}

/* letsencrypt.md B.3, "Consequence of the fallback rule". */
static void a_redirect_that_cannot_be_connected_restarts_at_the_first_url(void **state)
{
    struct http_bed *bed = *state;
    char answer[256];

    /* 443 is refused; IPv6 redirects there */
    struct peer *refuser = add_peer(bed, peer_start_simple(PEER_REFUSE, NULL));
    char map[160];
    redirect_to(answer, sizeof answer, 301, "https://b.test/x");
    serve_both(bed, PEER_ANSWER, answer, PEER_ANSWER, GOOD_ANSWER);
    fc_auto_free char *both = fc_net_portmap_text(bed->bed->portmap);
    snprintf(map, sizeof map, "%s,443=127.0.0.1:%u", both, peer_port(refuser));
    assert_int_equal(fc_net_portmap_set(bed->bed->portmap, map, NULL), 0);
    json_t *verdict = bed_validate(bed->bed, "http-01", "both.test");
    bed_expect_valid(bed->bed);
    assert_int_equal(json_array_size(json_object_get(verdict, "hops")), 3);
    assert_string_equal(hop_text(verdict, 1, "url"), "https://b.test/x");
    assert_string_equal(hop_text(verdict, 1, "error"), "Connection refused");
    assert_string_equal(hop_text(verdict, 2, "url"), "http://both.test" CHALLENGE_PATH);
    assert_string_equal(hop_text(verdict, 2, "used"), "127.0.0.1");
}

static void what_was_visited_before_the_fall_back_still_counts(void **state)
{
    struct http_bed *bed = *state;
    char answer[256], map[160];
    struct peer *refuser = add_peer(bed, peer_start_simple(PEER_REFUSE, NULL));

    redirect_to(answer, sizeof answer, 301, "https://b.test/x");
    serve_both(bed, PEER_ANSWER, answer, PEER_ANSWER, answer);
    fc_auto_free char *both = fc_net_portmap_text(bed->bed->portmap);
    snprintf(map, sizeof map, "%s,443=127.0.0.1:%u", both, peer_port(refuser));
    assert_int_equal(fc_net_portmap_set(bed->bed->portmap, map, NULL), 0);
    bed_validate(bed->bed, "http-01", "both.test");
    bed_expect(bed->bed, "connection", 400, "127.0.0.1: Fetching https://b.test/x: Redirect loop detected");
}

/* ---- redirects ---- */

static void redirects_are_followed(void **state)
{
    struct http_bed *bed = *state;
    char first[256], second[256];
    const struct peer_answer answers[] = {
        {CHALLENGE_PATH, redirect_to(first, sizeof first, 302, "/moved?x=y#z"), 0},
        {"/moved", redirect_to(second, sizeof second, 308, "http://b.test/end"), 0},
        {"/end", GOOD_ANSWER, 0},
    };
    struct peer *peer = serve_routes(bed, answers, 3);

    json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
    bed_expect_valid(bed->bed);
    assert_int_equal(json_array_size(json_object_get(verdict, "record")), 3);
    assert_string_equal(hop_text(verdict, 0, "location"), "/moved?x=y#z");
    assert_string_equal(hop_text(verdict, 1, "url"), "http://a.test/moved?x=y");
    assert_string_equal(hop_text(verdict, 2, "url"), "http://b.test/end");
    assert_string_equal(hop_text(verdict, 2, "rehearsal"), "private address, redirect host");
    assert_null(strstr(peer_request(peer, 0), "Referer"));
    assert_non_null(strstr(peer_request(peer, 1), "GET /moved?x=y HTTP/1.1\r\nHost: a.test\r\n"));
    assert_non_null(strstr(peer_request(peer, 1), "Accept: */*\r\nReferer: " URL "\r\nAccept-Encoding"));
    assert_non_null(strstr(peer_request(peer, 2), "Host: b.test\r\n"));
    assert_non_null(strstr(peer_request(peer, 2), "Referer: http://a.test/moved?x=y\r\n"));
}

static void https_is_not_verified_and_tells_no_referer_to_http(void **state)
{
    struct http_bed *bed = *state;
    char to_https[256], to_http[256];
    const struct peer_answer plain[] = {
        {CHALLENGE_PATH, redirect_to(to_https, sizeof to_https, 301, "https://user:secret@b.test" CHALLENGE_PATH), 0},
        {"/end", GOOD_ANSWER, 0},
    };
    const struct peer_answer secure = {"", redirect_to(to_http, sizeof to_http, 307, "http://a.test/end"), 0};
    struct peer *http = add_peer(bed, peer_start(&(struct peer_params){.answers = plain, .n_answers = 2}));
    struct peer *https =
        add_peer(bed, peer_start(&(struct peer_params){.answers = &secure, .n_answers = 1, .pem = EXPIRED}));

    bed_map(bed->bed, peer_port(http), peer_port(https));
    json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
    bed_expect_valid(bed->bed);
    assert_string_equal(hop_text(verdict, 1, "tls"), "TLSv1.3");
    assert_string_equal(peer_sni(https), "b.test");
    assert_non_null(strstr(peer_request(https, 0), "Host: b.test\r\n"));
    assert_non_null(strstr(peer_request(https, 0), "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"));
    assert_non_null(strstr(peer_request(https, 0), "Referer: " URL "\r\n"));
    assert_null(strstr(peer_request(http, 1), "Referer"));
    assert_null(strstr(peer_request(http, 1), "Authorization"));
}

static void redirects_that_are_refused(void **state)
{
    static const struct {
        int status;
        const char *location, *detail;
    } rows[] = {
        {303, "http://b.test/x", "127.0.0.1: Fetching http://b.test/x: received disallowed redirect status code"},
        {301, "https://b.test:8443/x",
         "127.0.0.1: Fetching https://b.test:8443/x: Invalid port in redirect target. Only ports 80 and 443 are "
         "supported, not 8443"},
        {301, CHALLENGE_PATH, "127.0.0.1: Fetching " CHALLENGE_PATH ": Redirect loop detected"},
        {301, "http://b.lan/x",
         "127.0.0.1: Fetching http://b.lan/x: Invalid host in redirect target, must end in IANA registered TLD"},
        {302, "http://b.test.well-known/acme",
         "127.0.0.1: Fetching http://b.test.well-known/acme: Invalid host in redirect target "
         "\"b.test.well-known\". Check webserver config for missing '/' in redirect target."},
        {301, "http:///x", "127.0.0.1: Fetching http:///x: Invalid empty host in redirect target"},
        {301, "http://[fe80::1%25eth0]/x",
         "127.0.0.1: Fetching http://[fe80::1%25eth0]/x: Invalid host in redirect target: contains scope zone"},
        {301, "http://192.0.2.1/x",
         "127.0.0.1: Fetching http://192.0.2.1/x: Invalid host in redirect target: IP address is in a reserved address "
         "block: [RFC5737]: Documentation (TEST-NET-1)"},
        {301, "gopher://b.test/\xFFx",
         "127.0.0.1: Fetching gopher://b.test/\xEF\xBF\xBDx: Invalid protocol scheme in redirect target. Only "
         "\"http\" and \"https\" protocol schemes are supported, not \"gopher\""},
    };
    struct http_bed *bed = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[512];
        serve(bed, PEER_ANSWER, redirect_to(answer, sizeof answer, rows[i].status, rows[i].location));
        json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
        bed_expect(bed->bed, "connection", 400, rows[i].detail);
        assert_int_equal(json_array_size(json_object_get(verdict, "record")), 1);
        drop_peers(bed);
    }
}

/* 2000 bytes of path are followed, 2001 are not (letsencrypt.md B.3); the query does not count. */
static void the_path_of_a_redirect_has_a_limit(void **state)
{
    struct http_bed *bed = *state;
    char location[2101], answer[2400], detail[2400];
    const struct peer_answer answers[] = {{CHALLENGE_PATH, answer, 0}, {location, GOOD_ANSWER, 0}};

    memset(location, 'x', sizeof location);
    location[0] = '/';
    snprintf(location + 2000, sizeof location - 2000, "?%s", ZEROS);
    redirect_to(answer, sizeof answer, 301, location);
    serve_routes(bed, answers, 2);
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect_valid(bed->bed);
    drop_peers(bed);

    snprintf(location + 2000, sizeof location - 2000, "x");
    serve(bed, PEER_ANSWER, redirect_to(answer, sizeof answer, 301, location));
    bed_validate(bed->bed, "http-01", "a.test");
    snprintf(detail, sizeof detail, "127.0.0.1: Fetching %s: Redirect target too long", location);
    bed_expect(bed->bed, "connection", 400, detail);
}

/* Peer i of the chain: /.well-known/... -> /1 -> /2 -> ... */
static void count_redirects(struct http_bed *bed, int hops)
{
    struct peer_answer answers[16];
    char paths[16][16], texts[16][128];

    for (int i = 0; i <= hops; i++) {
        char next[16];
        snprintf(paths[i], sizeof paths[i], "/%d/", i);
        snprintf(next, sizeof next, "/%d/", i + 1);
        answers[i] =
            (struct peer_answer){i == 0 ? CHALLENGE_PATH : paths[i],
                                 i == hops ? GOOD_ANSWER : redirect_to(texts[i], sizeof texts[i], 301, next), 0};
    }
    serve_routes(bed, answers, (size_t)hops + 1);
    bed_validate(bed->bed, "http-01", "a.test");
}

static void eleven_redirects_pass_and_the_twelfth_fails(void **state)
{
    struct http_bed *bed = *state;

    count_redirects(bed, 11);
    bed_expect_valid(bed->bed);
    drop_peers(bed);
    count_redirects(bed, 12);
    bed_expect(bed->bed, "connection", 400, "127.0.0.1: Fetching /12/: Too many redirects");
}

static void a_redirect_may_name_the_mapped_port(void **state)
{
    struct http_bed *bed = *state;
    char answer[256], location[64];
    struct peer_answer answers[] = {{CHALLENGE_PATH, answer, 0}, {"/end", GOOD_ANSWER, 0}};
    struct peer *end = add_peer(bed, peer_start(&(struct peer_params){.answers = answers + 1, .n_answers = 1}));

    snprintf(location, sizeof location, "http://b.test:%u/end", peer_port(end));
    redirect_to(answer, sizeof answer, 301, location);
    struct peer *begin = add_peer(bed, peer_start(&(struct peer_params){.answers = answers, .n_answers = 1}));
    bed_map(bed->bed, peer_port(begin), peer_port(end));
    json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
    bed_expect_valid(bed->bed);
    assert_string_equal(hop_text(verdict, 1, "rehearsal"), "private address, mapped port, redirect host");
    bed->bed->policy.rehearsal = false;
    bed_validate(bed->bed, "http-01", "a.test");
    assert_non_null(strstr(verdict_text(bed->bed->verdict, "detail"), "no valid A records found for a.test"));
}

static void targets_of_redirects_that_fail(void **state)
{
    struct http_bed *bed = *state;
    char answer[512];
    struct peer *refuser = add_peer(bed, peer_start_simple(PEER_REFUSE, NULL));

    redirect_to(answer, sizeof answer, 301, "https://user:secret@b.test/x");
    struct peer *begin = add_peer(bed, peer_start_simple(PEER_ANSWER, answer));
    bed_map(bed->bed, peer_port(begin), peer_port(refuser));
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "connection", 400, "127.0.0.1: Fetching https://user:***@b.test/x: Connection refused");

    redirect_to(answer, sizeof answer, 301, "https://missing.test/x");
    begin = add_peer(bed, peer_start_simple(PEER_ANSWER, answer));
    bed_map(bed->bed, peer_port(begin), 0);
    json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "dns", 400,
               "127.0.0.1: Fetching https://missing.test/x: DNS problem: NXDOMAIN looking up A for missing.test - "
               "check that a DNS record exists for this domain; DNS problem: NXDOMAIN looking up AAAA for missing.test "
               "- check that a DNS record exists for this domain");
    assert_int_equal(json_array_size(json_object_get(verdict, "record")), 1);
    assert_int_equal(json_array_size(json_object_get(verdict, "hops")), 2);

    peer_stop(begin);
    bed->peers[bed->n_peers - 1] = begin =
        peer_start_simple(PEER_ANSWER, redirect_to(answer, sizeof answer, 301, "http://reserved.test/x"));
    bed_map(bed->bed, peer_port(begin), 0);
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "dns", 400,
               "127.0.0.1: Fetching http://reserved.test/x: no valid A records found for reserved.test; no valid AAAA "
               "records found for reserved.test");
}

static void https_targets_that_are_broken(void **state)
{
    static const char alert[] = {21, 3, 3, 0, 2, 2, 40};
    const struct peer_answer alerts = {"", alert, sizeof alert};
    struct http_bed *bed = *state;
    char answer[256];

    redirect_to(answer, sizeof answer, 301, "https://b.test/x");
    struct peer *begin = add_peer(bed, peer_start_simple(PEER_ANSWER, answer));
    struct peer *alerter =
        add_peer(bed, peer_start(&(struct peer_params){.mode = PEER_GREET, .answers = &alerts, .n_answers = 1}));
    struct peer *plain = add_peer(bed, peer_start_simple(PEER_ANSWER, "HTTP/1.1 400 Bad Request\r\n\r\n"));

    bed_map(bed->bed, peer_port(begin), peer_port(alerter));
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "tls", 400, "127.0.0.1: Fetching https://b.test/x: remote error: tls: handshake failure");
    peer_stop(plain);
    bed->peers[bed->n_peers - 1] = plain = peer_start_simple(PEER_GREET, "HTTP/1.1 400 Bad Request\r\n\r\n");
    bed_map(bed->bed, peer_port(begin), peer_port(plain));
    bed_validate(bed->bed, "http-01", "a.test");
    bed_expect(bed->bed, "connection", 400, "127.0.0.1: Fetching https://b.test/x: Error getting validation data");
}

static void redirects_to_ip_literals(void **state)
{
    struct http_bed *bed = *state;
    char answer[256];
    const struct peer_answer answers[] = {{CHALLENGE_PATH, answer, 0}, {"/end", GOOD_ANSWER, 0}};

    redirect_to(answer, sizeof answer, 301, "http://127.0.0.1/end");
    serve_routes(bed, answers, 2);
    json_t *verdict = bed_validate(bed->bed, "http-01", "a.test");
    bed_expect_valid(bed->bed);
    fc_auto_free char *record = json_dumps(json_array_get(json_object_get(verdict, "record"), 1), JSON_COMPACT);
    assert_string_equal(record, "{\"url\":\"http://127.0.0.1/end\",\"hostname\":\"127.0.0.1\",\"port\":\"80\","
                                "\"addressesResolved\":[\"127.0.0.1\"],\"addressUsed\":\"127.0.0.1\"}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(valid_with_its_trace),
        TEST(bodies_that_pass),
        TEST(ip_identifiers_are_not_looked_up),
        TEST(connections_that_fail),
        TEST(the_network_is_unreachable),
        TEST(http2_on_port_80),
        TEST(answers_that_fail),
        TEST(white_space_counts_towards_the_limit),
        TEST(a_reset_in_the_body),
        TEST(headers_without_end),
        TEST(lookups_that_fail),
        TEST(one_family_is_enough),
        TEST(resolvers_may_take_their_time),
        TEST(to_the_letter_private_addresses_do_not_exist),
        TEST(ipv6_comes_first),
        TEST(a_failed_connect_falls_back_to_ipv4),
        TEST(both_families_refuse),
        TEST(nothing_but_a_failed_connect_falls_back),
        TEST(a_redirect_that_cannot_be_connected_restarts_at_the_first_url),
        TEST(what_was_visited_before_the_fall_back_still_counts),
        TEST(redirects_are_followed),
        TEST(https_is_not_verified_and_tells_no_referer_to_http),
        TEST(redirects_that_are_refused),
        TEST(the_path_of_a_redirect_has_a_limit),
        TEST(eleven_redirects_pass_and_the_twelfth_fails),
        TEST(a_redirect_may_name_the_mapped_port),
        TEST(targets_of_redirects_that_fail),
        TEST(https_targets_that_are_broken),
        TEST(redirects_to_ip_literals),
    };
    RUN(tests);
}
