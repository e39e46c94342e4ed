/* test: threads */
/* The resolver behind libunbound: what it may be told, and servers that answer badly. (tests/dns asks the mock DNS with it.) */
#include "net/net_unbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_time.h"
#include "net/lib_dnspeer.h"

#include "cmocka_all.h"

#define QUESTION 12 /* where it begins */

struct fixture {
    struct dnspeer *peer;
    struct fc_net_unbound *unbound;
};

/* ---- bad answers, by the first label of the name that is asked ---- */

struct bad {
    const char *label;
    const char *says; /* what comes of it */
    /* Changes a good answer, whose record begins at `record`; returns its new length. */
    size_t (*spoil)(unsigned char *answer, size_t len, size_t record);
};

static size_t nothing(unsigned char *answer, size_t len, size_t record)
{
    (void)answer;
    (void)record;
    return len;
}

static size_t no_answer(unsigned char *answer, size_t len, size_t record)
{
    (void)answer;
    (void)len;
    (void)record;
    return 0;
}

static size_t garbage(unsigned char *answer, size_t len, size_t record)
{
    (void)record;
    memset(answer, 0xff, len);
    return len;
}

static size_t other_id(unsigned char *answer, size_t len, size_t record)
{
    (void)record;
    answer[0] ^= 0xff;
    return len;
}

static size_t header_only(unsigned char *answer, size_t len, size_t record)
{
    (void)answer;
    (void)len;
    (void)record;
    return 12;
}

static size_t half_a_header(unsigned char *answer, size_t len, size_t record)
{
    (void)answer;
    (void)len;
    (void)record;
    return 5;
}

static size_t is_a_question(unsigned char *answer, size_t len, size_t record)
{
    (void)record;
    answer[2] &= 0x7f;
    return len;
}

static size_t many_records(unsigned char *answer, size_t len, size_t record)
{
    (void)record;
    answer[6] = answer[7] = 0xff;
    return len;
}

static size_t cut_off(unsigned char *answer, size_t len, size_t record)
{
    (void)answer;
    (void)record;
    return len - 2;
}

static size_t pointer_to_itself(unsigned char *answer, size_t len, size_t record)
{
    answer[record] = 0xc0;
    answer[record + 1] = (unsigned char)record;
    return len;
}

static size_t three_bytes(unsigned char *answer, size_t len, size_t record)
{
    answer[record + 11] = 3;
    return len - 1;
}

static size_t five_bytes(unsigned char *answer, size_t len, size_t record)
{
    answer[record + 11] = 5;
    answer[len] = 9;
    return len + 1;
}

static size_t length_beyond(unsigned char *answer, size_t len, size_t record)
{
    answer[record + 10] = 0x40;
    return len;
}

static size_t other_name(unsigned char *answer, size_t len, size_t record)
{
    (void)record;
    answer[QUESTION + 1] ^= 1;
    return len;
}

static size_t other_class(unsigned char *answer, size_t len, size_t record)
{
    answer[record + 5] = 3;
    return len;
}

static size_t always_cut(unsigned char *answer, size_t len, size_t record)
{
    (void)len;
    answer[2] |= 2;
    answer[7] = 0;
    return record;
}

static size_t huge(unsigned char *answer, size_t len, size_t record)
{
    size_t size = len - record, copies = (DNSPEER_MESSAGE - record) / size;

    for (size_t i = 1; i < copies; i++) {
        memcpy(answer + record + i * size, answer + record, size);
        answer[record + (i + 1) * size - 1] = (unsigned char)i;
        answer[record + (i + 1) * size - 2] = (unsigned char)(i >> 8);
    }
    answer[6] = (unsigned char)(copies >> 8);
    answer[7] = (unsigned char)copies;
    return record + copies * size;
}

/* What libunbound makes of each: silence, or SERVFAIL at once when the answer belongs to the question but is no good. */
static const struct bad bads[] = {
    {"good", "192.0.2.1", nothing},
    {"silent", "timeout", no_answer},
    {"garbage", "timeout", garbage},
    {"id", "timeout", other_id},
    {"half", "timeout", half_a_header},
    {"question", "rcode 2|timeout", is_a_question},
    {"header", "rcode 2|timeout", header_only},
    {"many", "rcode 2|timeout", many_records},
    {"cut", "rcode 2|timeout", cut_off},
    {"pointer", "rcode 2|timeout", pointer_to_itself},
    {"three", "rcode 2|timeout|no data", three_bytes},
    {"five", "rcode 2|timeout|no data", five_bytes},
    {"beyond", "rcode 2|timeout", length_beyond},
    {"name", "rcode 2|timeout", other_name},
    {"class", "rcode 2|timeout|no data", other_class},
    {"tc", "rcode 2|timeout", always_cut}, /* nobody listens on TCP */
    {"huge", "192.0.", huge},
};
#define N_BADS (sizeof bads / sizeof bads[0])

/* The question without EDNS, and one A record: 192.0.2.1. */
static size_t good_answer(const unsigned char *query, size_t len, unsigned char *answer)
{
    static const unsigned char record[] = {0xc0, QUESTION, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 1};
    size_t end = QUESTION;

    while (end < len && query[end] != 0)
        end += 1 + (size_t)query[end];
    end += 5;
    memcpy(answer, query, end);
    answer[2] |= 0x80;
    answer[3] = 0x80;
    answer[7] = 1;
    answer[8] = answer[9] = answer[10] = answer[11] = 0;
    memcpy(answer + end, record, sizeof record);
    return end + sizeof record;
}

static size_t answer_badly(void *cookie, const unsigned char *query, size_t len, unsigned char *answer)
{
    size_t end = good_answer(query, len, answer);

    (void)cookie;
    for (size_t i = 0; i < N_BADS; i++) {
        size_t label = strlen(bads[i].label);
        if (query[QUESTION] == label && memcmp(query + QUESTION + 1, bads[i].label, label) == 0)
            return bads[i].spoil(answer, end, end - 16);
    }
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);
    struct fc_err err = {0};

    *state = f;
    f->peer = dnspeer_start(answer_badly, NULL);
    const struct fc_net_unbound_params params = {
        .server = dnspeer_address(f->peer), .timeout = 200 * FC_MS, .tries = 3};
    return fc_net_unbound_new(&params, &f->unbound, &err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fc_net_unbound_free(f->unbound);
    dnspeer_stop(f->peer);
    free(f);
    return 0;
}

/* Whether one of "a|b|c" begins the text. */
static bool one_of(const char *text, const char *choices)
{
    for (;;) {
        size_t len = strcspn(choices, "|");
        if (strncmp(text, choices, len) == 0)
            return true;
        if (choices[len] == '\0')
            return false;
        choices += len + 1;
    }
}

static void bad_answers_are_no_answers(void **state)
{
    struct fixture *f = *state;
    const struct fc_resolver *resolver = fc_net_unbound_resolver(f->unbound);

    for (size_t i = 0; i < N_BADS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.test", bads[i].label);
        const char *text = dnspeer_ask(resolver, name, FC_DNS_A);
        if (!one_of(text, bads[i].says))
            fail_msg("%s: '%.80s', not '%s'", bads[i].label, text, bads[i].says);
        assert_string_equal(dnspeer_ask(resolver, "good.test", FC_DNS_A), "192.0.2.1");
    }
}

static void a_silent_server_is_asked_again(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(dnspeer_ask(fc_net_unbound_resolver(f->unbound), "silent.test", FC_DNS_A), "timeout");
    size_t count = dnspeer_count(f->peer);
    if (count < 2 || count > 3)
        fail_msg("asked %zu times in three tries' time", count);
}

static void names_that_are_none_fail(void **state)
{
    struct fixture *f = *state;
    const struct fc_resolver *resolver = fc_net_unbound_resolver(f->unbound);
    char name[400];

    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_string_equal(dnspeer_ask(resolver, name, FC_DNS_A), "network error");
    assert_string_equal(dnspeer_ask(resolver, "a..test", FC_DNS_A), "network error");
    assert_string_equal(dnspeer_ask(resolver, "good.test", FC_DNS_A), "192.0.2.1");
}

static void nobody_there_times_out(void **state)
{
    struct fixture *f = *state;
    struct fc_net_unbound *other = NULL;
    struct dnspeer *gone = dnspeer_start(answer_badly, NULL);
    char address[64];

    snprintf(address, sizeof address, "%s", dnspeer_address(gone));
    dnspeer_stop(gone);
    const struct fc_net_unbound_params params = {.server = address, .timeout = 200 * FC_MS, .tries = 3};
    assert_int_equal(fc_net_unbound_new(&params, &other, NULL), 0);
    char text[64];
    snprintf(text, sizeof text, "%s", dnspeer_ask(fc_net_unbound_resolver(other), "good.test", FC_DNS_A));
    fc_net_unbound_free(other);
    assert_string_equal(text, "timeout");
    assert_string_equal(dnspeer_ask(fc_net_unbound_resolver(f->unbound), "good.test", FC_DNS_A), "192.0.2.1");
}

/* ---- settings ---- */

static void servers_are_addresses(void **state)
{
    static const char *const good[] = {"127.0.0.1", "127.0.0.1:8053", "::1", "[::1]:53", "9.9.9.9", "localhost:53"};
    static const char *const bad[] = {"",           "53",    "dns.test",      "127.0.0.1:0",  "127.0.0.1:65536",
                                      "127.0.0.1:", "[::1]", "127.0.0.1:53 ", "127.0.0.1@53", "http://127.0.0.1"};
    struct fc_net_unbound *unbound = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct fc_err err = {0};
        if (fc_net_unbound_check(good[i], &err) != 0)
            fail_msg("'%s': %s", good[i], err.text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fc_err err = {0};
        const struct fc_net_unbound_params params = {.server = bad[i], .timeout = FC_SECOND, .tries = 1};
        if (fc_net_unbound_check(bad[i], &err) == 0 || err.code != FC_E_USAGE ||
            strstr(err.text, "is no address of a resolver") == NULL)
            fail_msg("'%s': '%s'", bad[i], err.text);
        assert_int_equal(fc_net_unbound_new(&params, &unbound, NULL), -1);
    }
}

/* A file with this text; the caller unlinks and frees. */
static char *file_with(const char *text)
{
    char *path = fc_strdup("/tmp/fakeca-test-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static void the_roots_need_their_files(void **state)
{
    char *hints = file_with(". 3600000 NS a.root.test.\na.root.test. 3600000 A 127.0.0.1\n");
    char *anchor = file_with(". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n");
    char *rubbish = file_with("this is no zone file\n");
    const struct {
        const char *hints, *anchor, *says;
    } cases[] = {
        {hints, anchor, NULL},
        {"/nonexistent/hints", anchor,
         "cannot read the root hints '/nonexistent/hints' (Debian's package dns-root-data"},
        {hints, "/nonexistent/key", "cannot read the trust anchor '/nonexistent/key' (Debian's package dns-root-data"},
        {hints, rubbish, "libunbound cannot use"},
    };
    char text[4][256];
    int results[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct fc_net_unbound *unbound = NULL;
        struct fc_err err = {0};
        const struct fc_net_unbound_params params = {
            .root_hints = cases[i].hints, .trust_anchor = cases[i].anchor, .timeout = FC_SECOND, .tries = 1};
        results[i] = fc_net_unbound_new(&params, &unbound, &err);
        snprintf(text[i], sizeof text[i], "%.255s", err.text);
        fc_net_unbound_free(unbound);
    }
    char *const files[] = {hints, anchor, rubbish};
    for (size_t i = 0; i < 3; i++)
        unlink(files[i]);
    for (size_t i = 0; i < 4; i++) {
        if ((results[i] == 0) != (cases[i].says == NULL) || (cases[i].says && strstr(text[i], cases[i].says) == NULL))
            fail_msg("case %zu: '%s'", i, text[i]);
    }
    for (size_t i = 0; i < 3; i++)
        free(files[i]);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(bad_answers_are_no_answers),
        T(a_silent_server_is_asked_again),
        T(names_that_are_none_fail),
        T(nobody_there_times_out),
        cmocka_unit_test(servers_are_addresses),
        cmocka_unit_test(the_roots_need_their_files),
    };
    RUN(tests);
}
