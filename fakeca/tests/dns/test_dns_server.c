/* test: threads */
/* The mock over the wire: dig as the client, and bytes that no client sends. */
#include "dns/lib_dns.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_time.h"
#include "dns/dns_int.h"

#include "cmocka_all.h"

#define MAX_CONNS 3

/* The mock of lib_dns behind its server, and a server of the test's own with short limits over a table of its own. */
struct fixture {
    struct lib_dns *lib;
    struct fc_dns_table *table;
    struct fc_dns_server *server;
    unsigned port;
    int fds[8];
};

static void seen(void *cookie, const struct fc_dns_reply *reply, const char *from)
{
    (void)cookie;
    (void)reply;
    (void)from;
}

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);
    void *lib = NULL;

    for (size_t i = 0; i < 8; i++)
        f->fds[i] = -1;
    if (lib_dns_setup(&lib) != 0 || lib_dns_serve(lib) != 0 || fc_dns_table_new(NULL, &f->table, NULL) != 0)
        return -1;
    f->lib = lib;
    const struct fc_dns_server_params params = {
        .table = f->table, .seen = seen, .tcp_deadline = 300 * FC_MS, .tcp_max = MAX_CONNS};
    if (fc_dns_server_start(&params, "127.0.0.1:0", 0, &f->port, &f->server, NULL) != 0)
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    void *lib = f->lib;

    for (size_t i = 0; i < 8; i++) {
        if (f->fds[i] >= 0)
            close(f->fds[i]);
    }
    fc_dns_server_stop(f->server);
    fc_dns_table_free(f->table);
    lib_dns_teardown(&lib);
    free(f);
    return 0;
}

static void set(struct fixture *f, const char *name, const char *type, const char *value)
{
    if (lib_dns_set(f->lib, name, type, value) != 0)
        fail_msg("%s %s: %s", name, type, f->lib->err.text);
}

static const char *dig(struct fixture *f, const char *args)
{
    const char *text = lib_dns_dig(f->lib, args);

    if (!text)
        fail_msg("dig %s: %s", args, f->lib->err.text);
    return text;
}

#define DIG(args, says) assert_string_equal(dig(f, args), says)
#define HAS(text, part)                                                                                                \
    do {                                                                                                               \
        if (!strstr(text, part))                                                                                       \
            fail_msg("'%s' is not in '%s'", part, text);                                                               \
    } while (0)

static void dig_gets_every_type_over_udp_and_tcp(void **state)
{
    struct fixture *f = *state;

    set(f, "a.test", "A", "{\"values\":[\"192.0.2.1\",\"192.0.2.2\"]}");
    set(f, "a.test", "AAAA", "2001:db8::1");
    set(f, "a.test", "TXT", "{\"values\":[\"one two\",\"a \\\"quote\\\"\"]}");
    set(f, "a.test", "CAA", "0 issue \"letsencrypt.org; validationmethods=http-01\"");
    set(f, "www.a.test", "CNAME", "a.test");
    for (int tcp = 0; tcp <= 1; tcp++) {
        char args[128];
        static const struct {
            const char *question, *says;
        } cases[] = {
            {"a.test A", "192.0.2.1\n192.0.2.2"},
            {"A.TesT A", "192.0.2.1\n192.0.2.2"},
            {"a.test AAAA", "2001:db8::1"},
            {"a.test TXT", "\"one two\"\n\"a \\\"quote\\\"\""},
            {"a.test CAA", "0 issue \"letsencrypt.org; validationmethods=http-01\""},
            {"www.a.test CNAME", "a.test."},
            {"www.a.test AAAA", "a.test.\n2001:db8::1"},
            {"b.test A", "127.0.0.1"},
            {"b.test AAAA", ""},
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            snprintf(args, sizeof args, "+short +%stcp %s", tcp ? "" : "no", cases[i].question);
            DIG(args, cases[i].says);
        }
    }
}

static void header_and_ttl(void **state)
{
    struct fixture *f = *state;

    const char *text = dig(f, "+noall +comments +answer +question A.test A");
    HAS(text, "status: NOERROR");
    HAS(text, "flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1");
    HAS(text, "EDNS: version: 0, flags:; udp: 1232");
    HAS(text, ";A.test.\t\t\t\tIN\tA"); /* the question as it was asked */
    HAS(text, "A.test.\t\t\t0\tIN\tA\t127.0.0.1");
    text = dig(f, "+noedns +norecurse +noall +comments a.test A");
    HAS(text, "flags: qr aa ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0");
    text = dig(f, "+dnssec +noall +comments a.test A");
    HAS(text, "flags: do; udp: 1232");
}

static void trouble_by_rule(void **state)
{
    struct fixture *f = *state;

    set(f, "gone.test", "*", "NXDOMAIN");
    set(f, "sick.test", "*", "SERVFAIL");
    set(f, "www.test", "CNAME", "gone.test");
    const char *text = dig(f, "+noall +comments +authority gone.test AAAA");
    HAS(text, "status: NXDOMAIN");
    HAS(text, "test.\t\t\t0\tIN\tSOA\tlocalhost. hostmaster.fakeca.invalid. 1 3600 600 86400 0");
    HAS(dig(f, "+noall +comments sick.test A"), "status: SERVFAIL");
    static const char *const codes[] = {"FORMERR", "NOTIMP",  "REFUSED", "YXDOMAIN",
                                        "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char says[64];
        set(f, "odd.test", "*", codes[i]);
        snprintf(says, sizeof says, "status: %s", codes[i]);
        HAS(dig(f, "+noall +comments odd.test A"), says);
    }
    text = dig(f, "+noall +comments +answer www.test A");
    HAS(text, "status: NXDOMAIN");
    HAS(text, "CNAME\tgone.test.");
}

static void negative_answers_carry_an_soa(void **state)
{
    struct fixture *f = *state;

    const char *text = dig(f, "+noall +comments +authority x.a.test AAAA");
    HAS(text, "status: NOERROR");
    HAS(text, "ANSWER: 0, AUTHORITY: 1");
    HAS(text, "test.\t\t\t0\tIN\tSOA\tlocalhost.");
    /* how clients look for the zone of a name: upwards until an SOA answers */
    DIG("+short a.test SOA", "");
    DIG("+short test SOA", "localhost. hostmaster.fakeca.invalid. 1 3600 600 86400 0");
    /* and then for its name servers */
    DIG("+short test NS", "localhost.");
    DIG("+short a.test NS", "");
    HAS(dig(f, "+noall +comments +authority a.test NS"), "ANSWER: 0, AUTHORITY: 1");
}

static void what_the_mock_does_not_have(void **state)
{
    struct fixture *f = *state;

    HAS(dig(f, "+noall +comments +notcp a.test ANY"), "status: NOERROR");
    HAS(dig(f, "+noall +comments a.test MX"), "ANSWER: 0, AUTHORITY: 1");
    HAS(dig(f, "+noall +comments a.test TYPE65534"), "status: NOERROR");
    HAS(dig(f, "+noall +comments . A"), "status: NOERROR");
    HAS(dig(f, "+noall +comments version.bind CH TXT"), "status: REFUSED");
    HAS(dig(f, "+noall +comments +onesoa a.test IXFR=1"), "REFUSED");
    HAS(dig(f, "+noall +comments +opcode=STATUS a.test A"), "status: NOTIMP");
    HAS(dig(f, "+noall +comments +opcode=UPDATE a.test A"), "status: NOTIMP");
    HAS(dig(f, "+noall +comments +edns=5 +noednsnegotiation a.test A"), "status: BADVERS");
}

static void names_of_every_kind_are_answered(void **state)
{
    struct fixture *f = *state;

    set(f, "*.test", "A", "192.0.2.7");
    DIG("+short +noidnin a\\.b.test A", "192.0.2.7");
    DIG("+short +noidnin \\000\\255.test A", "192.0.2.7");
    DIG("+short aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.test A", "192.0.2.7");
}

static void long_answers_are_cut_over_udp_and_whole_over_tcp(void **state)
{
    struct fixture *f = *state;
    char value[8192] = "{\"values\":[";

    for (int i = 0; i < 40; i++)
        snprintf(value + strlen(value), sizeof value - strlen(value),
                 "%s\"%02d-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"", i ? "," : "", i);
    snprintf(value + strlen(value), sizeof value - strlen(value), "]}");
    set(f, "a.test", "TXT", value);
    const char *text = dig(f, "+noedns +ignore +noall +comments a.test TXT");
    HAS(text, "flags: qr aa tc rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 0");
    HAS(dig(f, "+bufsize=1232 +ignore +noall +comments a.test TXT"), "flags: qr aa tc rd ra;");
    HAS(dig(f, "+bufsize=4096 +ignore +noall +comments a.test TXT"), "flags: qr aa rd ra; QUERY: 1, ANSWER: 40");
    HAS(dig(f, "+noall +comments a.test TXT"), "ANSWER: 40"); /* dig asks again over TCP */
}

static void very_long_answers_go_over_tcp(void **state)
{
    struct fixture *f = *state;
    static char value[40000];
    static char line[4097];

    memset(line, 'y', 4000);
    line[4000] = '\0';
    snprintf(value, sizeof value, "{\"values\":[\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\"]}", line, line, line,
             line, line, line, line);
    set(f, "a.test", "TXT", value);
    HAS(dig(f, "+bufsize=65535 +ignore +noall +comments a.test TXT"), "flags: qr aa tc rd ra;");
    HAS(dig(f, "+tcp +noall +comments a.test TXT"), "ANSWER: 7");
}

static void a_rule_cuts_answers_over_udp(void **state)
{
    struct fixture *f = *state;

    set(f, "a.test", "A", "{\"values\":[\"192.0.2.1\"],\"truncate\":true}");
    set(f, "www.test", "CNAME", "a.test");
    HAS(dig(f, "+ignore +noall +comments a.test A"), "flags: qr aa tc rd ra; QUERY: 1, ANSWER: 0");
    HAS(dig(f, "+ignore +noall +comments www.test A"), "flags: qr aa tc rd ra; QUERY: 1, ANSWER: 0");
    HAS(dig(f, "+tcp +noall +comments a.test A"), "flags: qr aa rd ra; QUERY: 1, ANSWER: 1");
    DIG("+short www.test A", "a.test.\n192.0.2.1"); /* dig asks again over TCP */
}

/* The first label of the question in an answer. */
static const char *first_label(const unsigned char *answer, long len, char label[64])
{
    assert_true(len > 13 && answer[12] < 64 && len > 13 + answer[12]);
    memcpy(label, answer + 13, answer[12]);
    label[answer[12]] = '\0';
    return label;
}

static void a_late_answer_delays_no_other(void **state)
{
    struct fixture *f = *state;
    unsigned char question[300], got[4096];
    char label[64];

    set(f, "slow.test", "A", "{\"values\":[\"192.0.2.1\"],\"delay\":\"400ms\"}");
    set(f, "less.test", "A", "{\"values\":[\"192.0.2.1\"],\"delay\":\"200ms\"}");
    int fd = f->fds[0] = lib_dns_connect(f->lib->port, false);
    int64_t begin = fc_clock_mono();
    static const char *const asked[] = {"slow.test", "less.test", "fast.test"};
    static const char *const answers[] = {"fast", "less", "slow"};
    for (size_t i = 0; i < 3; i++) {
        size_t len = lib_dns_question(asked[i], 1, question);
        assert_int_equal(send(fd, question, len, 0), len);
    }
    for (size_t i = 0; i < 3; i++) {
        long n = lib_dns_exchange(fd, NULL, 0, got, sizeof got, PATIENCE);
        assert_string_equal(first_label(got, n, label), answers[i]);
    }
    assert_true(fc_clock_mono() - begin >= 400 * FC_MS);
    assert_string_equal(
        lib_dns_events(f->lib, "dns.rule"),
        "mock DNS: set slow.test A 192.0.2.1, after 400ms\nmock DNS: set less.test A 192.0.2.1, after 200ms\n");
}

static void what_is_dropped_gets_no_answer(void **state)
{
    struct fixture *f = *state;
    unsigned char question[300], got[4096];
    char label[64];

    set(f, "gone.test", "*", "DROP");
    set(f, "www.test", "CNAME", "gone.test");
    int fd = f->fds[0] = lib_dns_connect(f->lib->port, false);
    static const char *const asked[] = {"gone.test", "www.test", "next.test"};
    for (size_t i = 0; i < 3; i++) {
        size_t len = lib_dns_question(asked[i], 1, question);
        assert_int_equal(send(fd, question, len, 0), len);
    }
    long n = lib_dns_exchange(fd, NULL, 0, got, sizeof got, PATIENCE);
    assert_string_equal(first_label(got, n, label), "next");
    assert_string_equal(lib_dns_events(f->lib, "dns.query"), "mock DNS: gone.test A -> DROP\n"
                                                             "mock DNS: www.test A -> DROP\n"
                                                             "mock DNS: next.test A -> 127.0.0.1\n");
}

static void questions_are_events(void **state)
{
    struct fixture *f = *state;

    set(f, "b.test", "*", "NXDOMAIN");
    dig(f, "A.test A");
    dig(f, "+tcp b.test MX");
    dig(f, "+short a.test AAAA");
    dig(f, "version.bind CH TXT");
    assert_string_equal(lib_dns_events(f->lib, "dns.query"), "mock DNS: a.test A -> 127.0.0.1\n"
                                                             "mock DNS: b.test MX -> NXDOMAIN\n"
                                                             "mock DNS: a.test AAAA -> no data\n");
}

/* ---- bytes ---- */

static int udp(struct fixture *f)
{
    f->fds[7] = f->fds[7] >= 0 ? f->fds[7] : lib_dns_connect(f->port, false);
    assert_true(f->fds[7] >= 0);
    return f->fds[7];
}

static void bad_packets_get_formerr_or_nothing(void **state)
{
    static const struct {
        const char *what;
        unsigned char bytes[40];
        size_t len;
        int rcode; /* -1: no answer */
    } cases[] = {
        {"nothing", {0}, 0, -1},
        {"a short header", {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0}, 11, -1},
        {"an answer", {0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 17, -1},
        {"no question", {0x12, 0x34, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 1},
        {"a missing question", {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 12, 1},
        {"two questions", {0x12, 0x34, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1}, 22, 1},
        {"65535 questions", {0x12, 0x34, 1, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 17, 1},
        {"65535 records", {0x12, 0x34, 1, 0, 0, 1, 255, 255, 255, 255, 255, 255, 0, 0, 1, 0, 1}, 17, 1},
        {"a name beyond the end", {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, 'a', 'b'}, 15, 1},
        {"a pointer to itself", {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1}, 18, 1},
        {"a pointer beyond the end", {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 255, 0, 1, 0, 1}, 18, 1},
        {"a label type of old", {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x41, 'a', 0, 0, 1, 0, 1}, 19, 1},
        {"a question without class", {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 15, 1},
        {"another opcode", {0x12, 0x34, 0x29, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 4},
    };
    struct fixture *f = *state;
    unsigned char question[300], got[4096];
    size_t len = lib_dns_question("a.test", 1, question);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(send(udp(f), cases[i].bytes, cases[i].len, 0) >= 0);
        if (cases[i].rcode < 0)
            continue; /* the next answer must be another's */
        long n = lib_dns_exchange(udp(f), NULL, 0, got, sizeof got, PATIENCE);
        if (n != 12 || got[0] != 0x12 || got[1] != 0x34 || (got[2] & 0x80) == 0 || (got[3] & 15) != cases[i].rcode)
            fail_msg("%s: %ld bytes, rcode %d", cases[i].what, n, got[3] & 15);
    }
    assert_int_equal(lib_dns_exchange(udp(f), question, len, got, sizeof got, PATIENCE), len + 16);
}

/* A question with its length before it. */
static size_t tcp_question(const char *name, unsigned char *ret_data)
{
    size_t len = lib_dns_question(name, 1, ret_data + 2);

    ret_data[0] = (unsigned char)(len >> 8);
    ret_data[1] = (unsigned char)len;
    return len + 2;
}

static long read_message(int fd, unsigned char *data)
{
    size_t have = 0, want = 2;

    while (have < want) {
        long got = lib_dns_exchange(fd, NULL, 0, data + have, want - have, PATIENCE);
        if (got <= 0)
            return -1;
        have += (size_t)got;
        if (have == 2)
            want = 2 + ((size_t)data[0] << 8 | data[1]);
    }
    return (long)have;
}

static int tcp(struct fixture *f, size_t i)
{
    f->fds[i] = lib_dns_connect(f->port, true);
    assert_true(f->fds[i] >= 0);
    return f->fds[i];
}

/* Rules by way of the mock of lib_dns, whose limits are long. */
static void tcp_answers_come_late_or_never(void **state)
{
    struct fixture *f = *state;
    unsigned char slow[300], next[300], gone[300], got[4096];
    char label[64];

    set(f, "slow.test", "A", "{\"values\":[\"192.0.2.1\"],\"delay\":\"300ms\"}");
    set(f, "gone.test", "A", "DROP");
    size_t slow_len = tcp_question("slow.test", slow), next_len = tcp_question("next.test", next);
    size_t gone_len = tcp_question("gone.test", gone);
    for (size_t i = 0; i < 3; i++)
        f->fds[i] = lib_dns_connect(f->lib->port, true);
    int64_t begin = fc_clock_mono();
    assert_int_equal(send(f->fds[0], slow, slow_len, MSG_NOSIGNAL), slow_len);
    assert_int_equal(send(f->fds[1], slow, slow_len, MSG_NOSIGNAL), slow_len);
    close(f->fds[1]); /* a peer that does not wait */
    f->fds[1] = -1;
    assert_int_equal(send(f->fds[2], gone, gone_len, MSG_NOSIGNAL), gone_len);
    assert_int_equal(send(f->fds[2], next, next_len, MSG_NOSIGNAL), next_len);
    assert_string_equal(first_label(got + 2, read_message(f->fds[2], got) - 2, label), "next");
    assert_string_equal(first_label(got + 2, read_message(f->fds[0], got) - 2, label), "slow");
    assert_true(fc_clock_mono() - begin >= 300 * FC_MS);
    assert_int_equal(send(f->fds[0], next, next_len, MSG_NOSIGNAL), next_len);
    assert_string_equal(first_label(got + 2, read_message(f->fds[0], got) - 2, label), "next");
}

static void the_server_stops_with_answers_that_wait(void **state)
{
    struct fixture *f = *state;
    unsigned char question[300], got[4096];

    set(f, "slow.test", "A", "{\"values\":[\"192.0.2.1\"],\"delay\":\"1m\"}");
    f->fds[0] = lib_dns_connect(f->lib->port, false);
    f->fds[1] = lib_dns_connect(f->lib->port, true);
    size_t len = lib_dns_question("slow.test", 1, question);
    assert_int_equal(send(f->fds[0], question, len, 0), len);
    len = tcp_question("slow.test", question);
    assert_int_equal(send(f->fds[1], question, len, MSG_NOSIGNAL), len);
    len = lib_dns_question("next.test", 1, question);
    assert_true(lib_dns_exchange(f->fds[0], question, len, got, sizeof got, PATIENCE) > 0);
}

static void tcp_takes_messages_in_pieces_and_several_at_once(void **state)
{
    struct fixture *f = *state;
    unsigned char one[300], two[600], got[4096];
    size_t len = tcp_question("a.test", one);
    int fd = tcp(f, 0);

    for (size_t i = 0; i < len; i++)
        assert_int_equal(send(fd, one + i, 1, MSG_NOSIGNAL), 1);
    assert_int_equal(read_message(fd, got), len + 16);
    memcpy(two, one, len);
    memcpy(two + len, one, len);
    two[len + 2] = 0x99;
    assert_int_equal(send(fd, two, 2 * len, MSG_NOSIGNAL), 2 * len);
    assert_int_equal(read_message(fd, got), len + 16);
    assert_int_equal(got[2], 0x12);
    assert_int_equal(read_message(fd, got), len + 16);
    assert_int_equal(got[2], 0x99);
    /* a client that has said all it has to say still gets its answer */
    assert_int_equal(send(fd, one, len, MSG_NOSIGNAL), len);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_int_equal(read_message(fd, got), len + 16);
    assert_true(lib_dns_ended(fd, PATIENCE));
}

static void tcp_ends_what_makes_no_sense(void **state)
{
    static const struct {
        unsigned char bytes[20];
        size_t len;
    } cases[] = {
        {{0, 0}, 2},                        /* no message at all */
        {{0xff, 0xff, 1}, 3},               /* longer than questions are */
        {{0, 5, 1, 2, 3, 4, 5}, 7},         /* shorter than a header */
        {{0, 12, 0x12, 0x34, 0x80, 0}, 14}, /* an answer */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = tcp(f, 0);
        assert_int_equal(send(fd, cases[i].bytes, cases[i].len, MSG_NOSIGNAL), cases[i].len);
        if (!lib_dns_ended(fd, PATIENCE))
            fail_msg("case %zu", i);
        close(fd);
        f->fds[0] = -1;
    }
}

static void tcp_has_a_total_deadline(void **state)
{
    struct fixture *f = *state;
    unsigned char question[300];
    size_t len = tcp_question("a.test", question), at = 0;
    int silent = tcp(f, 0), slow = tcp(f, 1);
    int64_t start = fc_clock_mono();
    char buf[16];
    bool ended = false;

    /* a byte each 60 ms: never idle for long, and never done within 300 ms */
    while (!ended && at < len - 1) {
        send(slow, question + at++, 1, MSG_NOSIGNAL);
        ended = lib_dns_exchange(slow, NULL, 0, buf, sizeof buf, 60 * FC_MS) == 0;
    }
    assert_true(ended);
    assert_in_range(fc_clock_mono() - start, 290 * FC_MS, PATIENCE);
    assert_true(lib_dns_ended(silent, PATIENCE));
}

static void tcp_beyond_the_cap_waits(void **state)
{
    struct fixture *f = *state;
    unsigned char question[300], got[4096];
    size_t len = tcp_question("a.test", question);

    for (size_t i = 0; i < MAX_CONNS; i++)
        tcp(f, i);
    int last = tcp(f, MAX_CONNS);
    assert_int_equal(send(last, question, len, MSG_NOSIGNAL), len);
    /* meanwhile UDP is served */
    assert_int_equal(lib_dns_exchange(udp(f), question + 2, len - 2, got, sizeof got, PATIENCE), len + 14);
    /* a place comes free when one leaves, or its time is over */
    assert_int_equal(read_message(last, got), len + 16);
}

static void client_that_does_not_read_is_ended(void **state)
{
    struct fixture *f = *state;
    unsigned char questions[28 * 1000];
    unsigned char question[300];
    size_t len = tcp_question("a.test", question);
    int fd = tcp(f, 0), small = 2048;
    bool ended = false;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (size_t i = 0; i < sizeof questions / len; i++)
        memcpy(questions + i * len, question, len);
    int64_t until = fc_clock_mono() + PATIENCE;
    while (!ended && fc_clock_mono() < until) {
        ended = send(fd, questions, sizeof questions / len * len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN;
        /* full: leave the processor to the server until it has read or hung up */
        struct pollfd full = {.fd = fd, .events = POLLOUT};
        poll(&full, 1, 50);
    }
    assert_true(ended);
}

/* ---- addresses ---- */

static void localhost_is_both_loopbacks(void **state)
{
    struct fixture *f = *state;

    fc_dns_server_stop(FC_TAKE(f->server));
    const struct fc_dns_server_params params = {
        .table = f->table, .seen = seen, .tcp_deadline = FC_SECOND, .tcp_max = MAX_CONNS};
    assert_int_equal(fc_dns_server_start(&params, "localhost:0", f->port, &f->lib->port, &f->server, NULL), 0);
    assert_int_equal(f->lib->port, f->port); /* preferred, and free */
    DIG("+short a.test A", "127.0.0.1");
    if (access("/proc/net/if_inet6", R_OK) != 0)
        return;
    HAS(dig(f, "@::1 +noall +answer +stats a.test A"), "SERVER: ::1#");
    HAS(f->lib->text, "127.0.0.1");
    DIG("@::1 +tcp +short a.test A", "127.0.0.1");
}

static void no_host_is_every_address(void **state)
{
    struct fixture *f = *state;

    fc_dns_server_stop(FC_TAKE(f->server));
    const struct fc_dns_server_params params = {
        .table = f->table, .seen = seen, .tcp_deadline = FC_SECOND, .tcp_max = MAX_CONNS};
    assert_int_equal(fc_dns_server_start(&params, ":0", 0, &f->lib->port, &f->server, NULL), 0);
    DIG("+short a.test A", "127.0.0.1");
    HAS(dig(f, "@127.0.0.2 +tcp +noall +answer +stats a.test A"), "SERVER: 127.0.0.2#");
    HAS(f->lib->text, "IN\tA\t127.0.0.1");
}

static void taken_and_impossible_addresses(void **state)
{
    static const char *const wrong[] = {"",      "53", "localhost", "example.com:53", "127.0.0.1:x", "127.0.0.1:65536",
                                        "::1:53"};
    struct fixture *f = *state;
    const struct fc_dns_server_params params = {.table = f->table, .seen = seen, .tcp_max = 1};
    struct fc_dns_server *server = NULL;
    struct fc_err err = {0};
    char listen[64], says[160];
    unsigned port = 0;

    snprintf(listen, sizeof listen, "127.0.0.1:%u", f->port);
    snprintf(says, sizeof says, "cannot listen on %s (dns): address in use; give another with --dns-listen", listen);
    assert_int_equal(fc_dns_server_start(&params, listen, 0, &port, &server, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    assert_string_equal(err.text, says);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fc_err_clear(&err);
        assert_int_equal(fc_dns_server_start(&params, wrong[i], 0, &port, &server, &err), -1);
        if (err.code != FC_E_USAGE)
            fail_msg("'%s': %s", wrong[i], err.text);
    }
    fc_err_clear(&err);
    assert_int_equal(fc_dns_server_start(&params, "192.0.2.1:0", 0, &port, &server, &err), -1);
    assert_int_equal(err.code, FC_E_SYSTEM);
    /* a taken port is only preferred: another one then */
    assert_int_equal(fc_dns_server_start(&params, "127.0.0.1:0", f->port, &port, &server, NULL), 0);
    assert_int_not_equal(port, f->port);
    fc_dns_server_stop(server);
}

/* ---- rules change while questions come ---- */

struct changer {
    struct lib_dns *lib;
    pthread_t thread;
    int failed;
};

static void *change(void *cookie)
{
    struct changer *c = cookie;
    struct fc_err err = {0};

    for (int i = 0; i < 300 && c->failed == 0; i++) {
        int64_t removed = 0;
        json_t *value = json_pack("{s:[s,s]}", "values", "192.0.2.1", "192.0.2.2");
        c->failed = fc_dns_set(c->lib->dns, "a.test", "A", value, LIB_NOW, &err) ||
                    fc_dns_clear(c->lib->dns, "a.test", NULL, LIB_NOW, &removed, &err);
        json_decref(value);
    }
    return NULL;
}

static void rules_change_under_load(void **state)
{
    struct fixture *f = *state;
    struct changer changers[2] = {{.lib = f->lib}, {.lib = f->lib}};
    unsigned char question[300], got[4096];
    size_t len = lib_dns_question("a.test", 1, question);
    unsigned good = 0;

    f->fds[0] = lib_dns_connect(f->lib->port, false);
    for (size_t i = 0; i < 2; i++)
        pthread_create(&changers[i].thread, NULL, change, &changers[i]);
    for (int i = 0; i < 1000; i++) {
        long n = lib_dns_exchange(f->fds[0], question, len, got, sizeof got, PATIENCE);
        good += n == (long)len + 16 || n == (long)len + 32; /* the default's record, or the rule's two */
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(changers[i].thread, NULL);
    assert_int_equal(good, 1000);
    assert_int_equal(changers[0].failed | changers[1].failed, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(dig_gets_every_type_over_udp_and_tcp),
        T(header_and_ttl),
        T(trouble_by_rule),
        T(negative_answers_carry_an_soa),
        T(what_the_mock_does_not_have),
        T(names_of_every_kind_are_answered),
        T(long_answers_are_cut_over_udp_and_whole_over_tcp),
        T(very_long_answers_go_over_tcp),
        T(a_rule_cuts_answers_over_udp),
        T(a_late_answer_delays_no_other),
        T(what_is_dropped_gets_no_answer),
        T(tcp_answers_come_late_or_never),
        T(the_server_stops_with_answers_that_wait),
        T(questions_are_events),
        T(bad_packets_get_formerr_or_nothing),
        T(tcp_takes_messages_in_pieces_and_several_at_once),
        T(tcp_ends_what_makes_no_sense),
        T(tcp_has_a_total_deadline),
        T(tcp_beyond_the_cap_waits),
        T(client_that_does_not_read_is_ended),
        T(localhost_is_both_loopbacks),
        T(no_host_is_every_address),
        T(taken_and_impossible_addresses),
        T(rules_change_under_load),
    };
    RUN(tests);
}
