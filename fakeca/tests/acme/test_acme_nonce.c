/* Nonces as letsencrypt.md H.4 and RFC 8555 section 6.5 want them. test: threads */
#include "acme/acme_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"

#include "cmocka_all.h"

#define WINDOW 64

static int setup(void **state)
{
    *state = fc_acme_nonce_new(WINDOW);
    return 0;
}

static int teardown(void **state)
{
    fc_acme_nonce_free(*state);
    return 0;
}

static void form(void **state)
{
    char first[FC_ACME_NONCE_LEN + 1], second[FC_ACME_NONCE_LEN + 1];

    fc_acme_nonce_make(*state, first);
    fc_acme_nonce_make(*state, second);
    assert_int_equal(strlen(first), 51);
    assert_true(fc_b64url_alphabet(first, strlen(first)));
    assert_memory_equal(first, second, 8);
    assert_string_not_equal(first + 8, second + 8);
}

static void works_once(void **state)
{
    char nonce[FC_ACME_NONCE_LEN + 1];

    fc_acme_nonce_make(*state, nonce);
    assert_true(fc_acme_nonce_use(*state, nonce));
    assert_false(fc_acme_nonce_use(*state, nonce));
}

static void foreign_ones_are_refused(void **state)
{
    char nonce[FC_ACME_NONCE_LEN + 1];
    static const char *const bad[] = {"",     "a",   "a+b/",
                                      "abc=", "a b", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};

    assert_false(fc_acme_nonce_use(*state, NULL));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(fc_acme_nonce_use(*state, bad[i]));
    /* one character changed, at every place */
    fc_acme_nonce_make(*state, nonce);
    for (size_t i = 0; i < FC_ACME_NONCE_LEN; i++) {
        char right = nonce[i];
        nonce[i] = right == 'A' ? 'E' : 'A';
        assert_false(fc_acme_nonce_use(*state, nonce));
        nonce[i] = right;
    }
    assert_true(fc_acme_nonce_use(*state, nonce));
}

static void halves_of_two_do_not_fit(void **state)
{
    char first[FC_ACME_NONCE_LEN + 1], second[FC_ACME_NONCE_LEN + 1], mixed[FC_ACME_NONCE_LEN + 1];
    unsigned char a[33], b[33];
    size_t len;

    fc_acme_nonce_make(*state, first);
    fc_acme_nonce_make(*state, second);
    assert_int_equal(fc_b64url_decode(first + 8, 43, a, &len), 0);
    assert_int_equal(fc_b64url_decode(second + 8, 43, b, &len), 0);
    memcpy(a + 16, b + 16, 16);
    memcpy(mixed, first, 8);
    fc_b64url_encode(a, 32, mixed + 8);
    assert_false(fc_acme_nonce_use(*state, mixed));
}

static void another_instance_refuses(void **state)
{
    struct fc_acme_nonces *other = fc_acme_nonce_new(WINDOW);
    char nonce[FC_ACME_NONCE_LEN + 1];

    fc_acme_nonce_make(*state, nonce);
    bool taken = fc_acme_nonce_use(other, nonce);
    fc_acme_nonce_free(other);
    assert_false(taken);
}

/* The window counts used nonces; unused ones stay good, however many are out. */
static void window(void **state)
{
    enum { N = 10 * WINDOW };
    static char nonces[N][FC_ACME_NONCE_LEN + 1];

    for (size_t i = 0; i < N; i++)
        fc_acme_nonce_make(*state, nonces[i]);
    assert_true(fc_acme_nonce_use(*state, nonces[1]));
    for (size_t i = 0; i < WINDOW - 1; i++) /* backwards, so that the heap has work */
        assert_true(fc_acme_nonce_use(*state, nonces[N - 1 - i]));
    assert_true(fc_acme_nonce_use(*state, nonces[0]));
    /* the one use beyond the window made the oldest used one the new border */
    assert_true(fc_acme_nonce_use(*state, nonces[2]));
    assert_false(fc_acme_nonce_use(*state, nonces[0]));
    assert_false(fc_acme_nonce_use(*state, nonces[1]));
    assert_false(fc_acme_nonce_use(*state, nonces[2]));
    /* older than the border, though never used */
    for (size_t i = 3; i < N - WINDOW + 1; i++)
        assert_true(fc_acme_nonce_use(*state, nonces[i]));
    for (size_t i = 0; i < N; i++)
        assert_false(fc_acme_nonce_use(*state, nonces[i]));
}

/* Against the plain rule: used or at the border is refused, else taken. */
static void shuffled_uses_agree_with_the_rule(void **state)
{
    enum { N = 4 * WINDOW };
    static char nonces[N][FC_ACME_NONCE_LEN + 1];
    bool used[N] = {false};
    size_t border = 0, n_used = 0; /* nonces below border are refused */
    unsigned random = 1;

    for (size_t i = 0; i < N; i++)
        fc_acme_nonce_make(*state, nonces[i]);
    for (int round = 0; round < 20 * N; round++) {
        random = random * 1103515245U + 12345U;
        size_t i = random / 65536 % N;
        bool expected = i >= border && !used[i];
        assert_int_equal(fc_acme_nonce_use(*state, nonces[i]), expected);
        if (!expected)
            continue;
        used[i] = true;
        if (++n_used <= WINDOW)
            continue;
        while (!used[border])
            border++;
        border++;
        n_used--;
    }
}

#define THREADS 4
#define PAIRS 200

struct racer {
    struct fc_acme_nonces *nonces;
    char (*texts)[FC_ACME_NONCE_LEN + 1];
    size_t taken;
};

static void *race(void *cookie)
{
    struct racer *racer = cookie;

    for (size_t i = 0; i < PAIRS; i++)
        racer->taken += fc_acme_nonce_use(racer->nonces, racer->texts[i]);
    return NULL;
}

static void of_many_uses_at_once_one_passes(void **state)
{
    static char texts[PAIRS][FC_ACME_NONCE_LEN + 1];
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    struct fc_acme_nonces *nonces = fc_acme_nonce_new(2 * PAIRS);
    size_t taken = 0;

    (void)state;
    for (size_t i = 0; i < PAIRS; i++)
        fc_acme_nonce_make(nonces, texts[i]);
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.nonces = nonces, .texts = texts};
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        taken += racers[i].taken;
    }
    fc_acme_nonce_free(nonces);
    assert_int_equal(taken, PAIRS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(form),
        TEST(works_once),
        TEST(foreign_ones_are_refused),
        TEST(halves_of_two_do_not_fit),
        TEST(another_instance_refuses),
        TEST(window),
        TEST(shuffled_uses_agree_with_the_rule),
        TEST(of_many_uses_at_once_one_passes),
    };
    RUN(tests);
}
