/* test: threads */
/* The resolver behind libunbound (net_unbound) with the mock DNS as the server it asks. */
#include "dns/lib_dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_time.h"
#include "net/net_unbound.h"

#include "cmocka_all.h"

struct fixture {
    struct lib_dns *lib;
    struct fc_net_unbound *unbound;
    char server[32], from[64]; /* from: "[resolver SERVER]" */
};

static int setup_patient(void **state, int64_t timeout, int64_t tries)
{
    struct fixture *f = fc_calloc(1, sizeof *f);
    void *lib = NULL;

    *state = f;
    if (lib_dns_setup(&lib) != 0 || lib_dns_serve(lib) != 0)
        return -1;
    f->lib = lib;
    snprintf(f->server, sizeof f->server, "127.0.0.1:%u", f->lib->port);
    snprintf(f->from, sizeof f->from, "[resolver %s]", f->server);
    const struct fc_net_unbound_params params = {.server = f->server, .timeout = timeout, .tries = tries};
    return fc_net_unbound_new(&params, &f->unbound, &f->lib->err);
}

static int setup(void **state)
{
    return setup_patient(state, FC_SECOND, 10);
}

static int setup_hasty(void **state)
{
    return setup_patient(state, 200 * FC_MS, 3);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    void *lib = f->lib;

    fc_net_unbound_free(f->unbound);
    lib_dns_teardown(&lib);
    free(f);
    return 0;
}

static void set(struct fixture *f, const char *name, const char *type, const char *json)
{
    if (lib_dns_set(f->lib, name, type, json) != 0)
        fail_msg("%s %s: %s", name, type, f->lib->err.text);
}

/* The answer without "[resolver ...]", which must end it. */
static const char *ask(struct fixture *f, const char *name, enum fc_dns_type type)
{
    lib_dns_ask_begin(f->lib, fc_net_unbound_resolver(f->unbound), name, type);
    const char *text = lib_dns_ask_end(f->lib);
    char *from = strstr(f->lib->text, f->from);
    if (!from || strcmp(from, f->from) != 0)
        fail_msg("'%s' is not from '%s'", text, f->from);
    *from = '\0';
    return text;
}
#define ASK(name, type, says) assert_string_equal(ask(f, name, type), says)

static void every_type_is_answered(void **state)
{
    struct fixture *f = *state;
    char text[600], says[700];

    set(f, "a.test", "A", "192.0.2.1");
    set(f, "a.test", "AAAA", "2001:db8::1");
    set(f, "a.test", "CAA", "{\"values\":[\"128 issue \\\"letsencrypt.org\\\"\"]}");
    memset(text, 'x', 599);
    text[599] = '\0';
    set(f, "_acme-challenge.a.test", "TXT", text);
    snprintf(says, sizeof says, "%s ", text);
    ASK("a.test", FC_DNS_A, "192.0.2.1 ");
    ASK("a.test", FC_DNS_AAAA, "2001:db8::1 ");
    ASK("a.test", FC_DNS_CAA, "128:issue:letsencrypt.org ");
    ASK("_acme-challenge.a.test", FC_DNS_TXT, says); /* three strings, joined */
    ASK("b.test", FC_DNS_A, "127.0.0.1 ");
    ASK("b.test", FC_DNS_AAAA, "no data ");
    ASK("b.test", FC_DNS_CAA, "no data ");
}

/* Zones that a resolver answers by itself unless it is told not to (RFC 6761, 6303), and private addresses. */
static void no_zone_is_reserved(void **state)
{
    static const char *const names[] = {"localhost",
                                        "a.localhost",
                                        "test",
                                        "a.test",
                                        "a.invalid",
                                        "a.example",
                                        "a.onion",
                                        "a.local",
                                        "a.internal",
                                        "host.home.arpa",
                                        "1.0.0.127.in-addr.arpa",
                                        "1.0.0.10.in-addr.arpa",
                                        "1.168.192.in-addr.arpa",
                                        "d.f.ip6.arpa"};
    struct fixture *f = *state;

    set(f, "*", "A", "10.1.2.3");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ASK(names[i], FC_DNS_A, "10.1.2.3 ");
}

static void trouble_is_told(void **state)
{
    struct fixture *f = *state;

    set(f, "gone.test", "*", "NXDOMAIN");
    set(f, "sick.test", "*", "SERVFAIL");
    set(f, "shy.test", "*", "REFUSED");
    ASK("gone.test", FC_DNS_A, "rcode 3 ");
    ASK("sick.test", FC_DNS_A, "rcode 2 ");
    /* as a resolver tells its clients: no server gave an answer that can be used */
    ASK("shy.test", FC_DNS_TXT, "rcode 2 ");
}

static void chains_are_followed(void **state)
{
    struct fixture *f = *state;

    set(f, "a.test", "CNAME", "b.test");
    set(f, "b.test", "CNAME", "c.example");
    set(f, "c.example", "A", "192.0.2.3");
    set(f, "l.test", "CNAME", "m.test");
    set(f, "m.test", "CNAME", "l.test");
    set(f, "x.test", "CNAME", "gone.test");
    set(f, "gone.test", "*", "NXDOMAIN");
    ASK("a.test", FC_DNS_A, "192.0.2.3 ");
    ASK("a.test", FC_DNS_AAAA, "no data ");
    ASK("l.test", FC_DNS_A, "rcode 2 ");
    ASK("x.test", FC_DNS_A, "rcode 3 ");
}

static void nothing_is_remembered(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 5; i++) {
        char value[32], says[32];
        snprintf(value, sizeof value, "192.0.2.%d", i);
        snprintf(says, sizeof says, "192.0.2.%d ", i);
        set(f, "a.test", "A", value);
        ASK("a.test", FC_DNS_A, says);
        set(f, "a.test", "A", "NXDOMAIN");
        ASK("a.test", FC_DNS_A, "rcode 3 ");
        set(f, "a.test", "A", "SERVFAIL");
        ASK("a.test", FC_DNS_A, "rcode 2 ");
        set(f, "a.test", "A", "{\"values\":[]}");
        ASK("a.test", FC_DNS_A, "no data ");
    }
}

static void cut_answers_come_over_tcp(void **state)
{
    struct fixture *f = *state;
    char text[4097], says[4100];

    set(f, "a.test", "A", "{\"values\":[\"192.0.2.1\"],\"truncate\":true}");
    ASK("a.test", FC_DNS_A, "192.0.2.1 ");
    memset(text, 'x', 4096); /* longer than any datagram that is asked for */
    text[4096] = '\0';
    set(f, "long.test", "TXT", text);
    snprintf(says, sizeof says, "%s ", text);
    ASK("long.test", FC_DNS_TXT, says);
}

static void late_answers_are_waited_for(void **state)
{
    struct fixture *f = *state;

    set(f, "slow.test", "A", "{\"values\":[\"192.0.2.1\"],\"delay\":\"300ms\"}");
    int64_t begin = fc_clock_mono();
    ASK("slow.test", FC_DNS_A, "192.0.2.1 ");
    assert_true(fc_clock_mono() - begin >= 300 * FC_MS);
}

/* However often a server has not answered for one name, it is asked for others. */
static void what_is_dropped_times_out(void **state)
{
    struct fixture *f = *state;

    set(f, "gone.test", "*", "DROP");
    for (int i = 0; i < 4; i++) {
        int64_t begin = fc_clock_mono();
        ASK("gone.test", FC_DNS_A, "timeout ");
        int64_t took = fc_clock_mono() - begin;
        assert_true(took >= 600 * FC_MS && took < 5 * FC_SECOND);
        ASK("a.test", FC_DNS_A, "127.0.0.1 ");
    }
}

/* ---- many at once ---- */

struct many {
    pthread_mutex_t lock;
    pthread_cond_t news;
    size_t answers, timeouts;
};

static void count_answer(void *cookie, const struct fc_dns_answer *answer)
{
    struct many *many = cookie;

    pthread_mutex_lock(&many->lock);
    many->answers += answer->outcome == FC_DNS_ANSWER && answer->n_records == 1;
    many->timeouts += answer->outcome == FC_DNS_TIMEOUT;
    pthread_cond_signal(&many->news);
    pthread_mutex_unlock(&many->lock);
}

static void hanging_questions_hinder_no_others(void **state)
{
    enum { HANG = 200, GOOD = 500 };
    struct fixture *f = *state;
    struct many many = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
    const struct fc_resolver *resolver = fc_net_unbound_resolver(f->unbound);
    char name[32];

    set(f, "*.gone.test", "*", "DROP");
    for (int i = 0; i < GOOD; i++) {
        snprintf(name, sizeof name, "n%d.gone.test", i);
        if (i < HANG)
            resolver->ask(resolver->self, name, FC_DNS_A, count_answer, &many);
        snprintf(name, sizeof name, "n%d.test", i);
        resolver->ask(resolver->self, name, FC_DNS_A, count_answer, &many);
    }
    pthread_mutex_lock(&many.lock);
    while (many.answers < GOOD && many.timeouts == 0)
        pthread_cond_wait(&many.news, &many.lock);
    size_t answers = many.answers, timeouts = many.timeouts;
    pthread_mutex_unlock(&many.lock);
    assert_int_equal(answers, GOOD);
    assert_int_equal(timeouts, 0);
    /* who still waits is told at the end */
    fc_net_unbound_free(FC_TAKE(f->unbound));
    assert_int_equal(many.timeouts, HANG);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_type_is_answered),
        T(no_zone_is_reserved),
        T(trouble_is_told),
        T(chains_are_followed),
        T(nothing_is_remembered),
        T(cut_answers_come_over_tcp),
        T(late_answers_are_waited_for),
        cmocka_unit_test_setup_teardown(what_is_dropped_times_out, setup_hasty, teardown),
        T(hanging_questions_hinder_no_others),
    };
    RUN(tests);
}
