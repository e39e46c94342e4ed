/* The key rules of letsencrypt.md D.5, with moduli that are really weak. */
#include "pki/pki_key.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>

#include "base/base_b64.h"

#include "cmocka_all.h"
#include "lib_pki.h"

static const struct fc_key_rules letsencrypt = {.rsa_bits = {2048, 3072, 4096}, .p256 = true, .p384 = true};

static void refused(const struct fc_key *key, const char *says)
{
    struct fc_err err = {0};

    if (fc_key_check(key, &letsencrypt, &err) == 0)
        fail_msg("taken, should say '%s'", says);
    assert_int_equal(err.code, FC_E_CRYPTO);
    assert_string_equal(err.text, says);
}

static void taken(const struct fc_key *key)
{
    struct fc_err err = {0};

    if (fc_key_check(key, &letsencrypt, &err))
        fail_msg("refused: %s", err.text);
}

static struct fc_key *rsa_of(struct lab *lab, const char *n, const char *e)
{
    return lab_jwk_key(lab, fc_arena_printf(lab->arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", n, e));
}

static struct fc_key *rsa_of_bn(struct lab *lab, const BIGNUM *n)
{
    unsigned char bytes[512];
    char text[FC_B64URL_LEN(sizeof bytes) + 1];

    fc_b64url_encode(bytes, (size_t)BN_bn2bin(n, bytes), text);
    return rsa_of(lab, text, "AQAB");
}

static void good_keys(void **state)
{
    struct lab *lab = *state;

    taken(lab_key(lab, FC_KEY_P256));
    taken(lab_key(lab, FC_KEY_P384));
    taken(lab_key(lab, FC_KEY_RSA));
}

static void curves_and_types(void **state)
{
    static const struct {
        const char *arg[2], *says;
    } others[] = {
        {{"ED25519", NULL}, "unsupported key type ed25519.PublicKey"},
        {{"ED448", NULL}, "unsupported key type ED448"},
        {{"EC", "ec_paramgen_curve:secp256k1"}, "ECDSA curve secp256k1 not allowed"},
    };
    struct lab *lab = *state;

    refused(lab_key(lab, FC_KEY_P521), "ECDSA curve P-521 not allowed");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i].arg[1])
            lab_openssl(lab, "genpkey", "-algorithm", others[i].arg[0], "-pkeyopt", others[i].arg[1], "-out", "k.pem",
                        NULL);
        else
            lab_openssl(lab, "genpkey", "-algorithm", others[i].arg[0], "-out", "k.pem", NULL);
        refused(lab_read_key(lab, "k.pem"), others[i].says);
    }
    lab_openssl(lab, "dsaparam", "-genkey", "-out", "k.pem", "1024", NULL);
    refused(lab_read_key(lab, "k.pem"), "unsupported key type *dsa.PublicKey");
}

static void each_curve_has_its_switch(void **state)
{
    static const enum fc_key_type types[] = {FC_KEY_P256, FC_KEY_P384, FC_KEY_P521};
    static const struct fc_key_rules only[] = {{.p256 = true}, {.p384 = true}, {.p521 = true}};

    for (size_t i = 0; i < 3; i++) {
        struct fc_key *key = lab_key(*state, (int)types[i]);
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(fc_key_check(key, &only[j], NULL), i == j ? 0 : -1);
    }
}

static void rsa_size_and_exponent(void **state)
{
    struct lab *lab = *state;

    lab_openssl(lab, "genrsa", "-out", "k.pem", "1024", NULL);
    refused(lab_read_key(lab, "k.pem"), "key size not supported: 1024");
    lab_openssl(lab, "genrsa", "-out", "k.pem", "2056", NULL);
    refused(lab_read_key(lab, "k.pem"), "key size not supported: 2056");
    lab_openssl(lab, "genrsa", "-3", "-out", "k.pem", "2048", NULL);
    refused(lab_read_key(lab, "k.pem"), "key exponent must be 65537");
    lab_openssl(lab, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt",
                "rsa_keygen_pubexp:4294967297", "-out", "k.pem", NULL);
    refused(lab_read_key(lab, "k.pem"), "key exponent must be 65537");
}

/* 751 is the last prime that is tried, 757 the first that is not. */
static void small_primes(void **state)
{
    static const struct {
        BN_ULONG factor;
        const char *says;
    } factors[] = {
        {3, "key divisible by small prime"},
        {751, "key divisible by small prime"},
        {757, NULL},
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
        BIGNUM *n = BN_new();
        /* 2048 bits, odd, divisible by the factor and by no smaller prime: a prime times the factor */
        do {
            assert_true(BN_generate_prime_ex(n, 2048 - BN_num_bits_word(factors[i].factor), 0, NULL, NULL, NULL));
            assert_true(BN_mul_word(n, factors[i].factor));
        } while (BN_num_bits(n) != 2048);
        struct fc_key *key = rsa_of_bn(lab, n);
        BN_free(n);
        if (factors[i].says)
            refused(key, factors[i].says);
        else
            taken(key);
    }
}

/* Moduli of affected chips, as the detectors' authors publish them to test detectors. */
static const char *const roca[] = {
    "lze9c7qGdjDLVR_ntk-4ZkfMcYsAnmfTFHfe3Xv7jRQqPCXCULtr0y0jG3aRJmEenoXO9uDveqr43gFB9yvAdLEhu0aJqpB7lNZ-yXsvfVp_96dk"
    "SN8oWYL_dd9Z7GQOvVniHUY3Xsd7zdw2eYOyHSXhhA2Ttwnj3c1jEYfC0y9q1cU99aL0ogGDqolcOvlkJu-mGb-6-WyboFa1gwRukYxBHZWKiHCt"
    "_eihvXsPTzTlXmTXWdGJtA1xZDnCBWuZ90b5R0agXVIESTl0cCyHaQM_tLZmktJIU-Eu7ALBXemPg9kh3SCnYd3_YvDGCtYSXOWthHwlP5CImRBc"
    "QaNncQ",
    "kVOD39Rao7yBD5Msly74VCZzikzRV672cEkNEM6GB3wg15W7Nw9NxdzwlzBNB5fb_FXL3hd9m9djNkrd2fj6FG47dS4A9nK1b-KL7E-Yhh19MP1G"
    "Kxz3cW8sTg516fpvvnvPKUcRyyIOxARvvhuvs7tza_I7VjIBQSHpBKuiFBkJ5yeVq3iRuiuVnNMut-MllVSEeLEoNCmDAvRI7tTKXtlap1sPXb93"
    "D0x2LnzlNx_5jKSorQo2nPS4iwE8UPBGE6TRMr3ap9bjTG9tP0kEsHuM_OWBF1whlCvb_88BmE0x6v22i6ss3q_mkVt1bH0R-pgLaiRakJW7Zsgp"
    "a-sxPQ"};

static void roca_of_real_chips(void **state)
{
    for (size_t i = 0; i < sizeof roca / sizeof *roca; i++)
        refused(rsa_of(*state, roca[i], "AQAB"), "key generated by vulnerable Infineon-based hardware");
}

/* A modulus of the published form: primes k * M + (65537^a mod M), M the product of the first 126 primes. */
static BIGNUM *roca_prime(BN_CTX *ctx)
{
    BIGNUM *m = BN_new(), *a = BN_new(), *k = BN_new(), *base = BN_new(), *p = BN_new();
    unsigned count = 0;

    BN_set_word(base, 65537);
    BN_one(m);
    for (unsigned i = 2; count < 126; i++) {
        BN_set_word(p, i);
        if (BN_check_prime(p, ctx, NULL) == 1) {
            BN_mul_word(m, i);
            count++;
        }
    }
    do {
        BN_rand(k, 1024 - BN_num_bits(m), BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
        BN_rand(a, 200, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
        /* M is even, so no Montgomery form */
        BN_mod_exp_simple(p, base, a, m, ctx);
        BN_mul(k, k, m, ctx);
        BN_add(p, p, k);
    } while (BN_num_bits(p) != 1024 || BN_check_prime(p, ctx, NULL) != 1);
    BN_free(m);
    BN_free(a);
    BN_free(k);
    BN_free(base);
    return p;
}

static void roca_of_the_published_form(void **state)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = roca_prime(ctx), *q = roca_prime(ctx), *n = BN_new();

    BN_mul(n, p, q, ctx);
    struct fc_key *key = rsa_of_bn(*state, n);
    BN_free(p);
    BN_free(q);
    BN_free(n);
    BN_CTX_free(ctx);
    refused(key, "key generated by vulnerable Infineon-based hardware");
}

static void next_prime(BIGNUM *p, BN_CTX *ctx)
{
    do
        BN_add_word(p, 2);
    while (BN_check_prime(p, ctx, NULL) != 1);
}

/* Two neighbouring primes: Fermat's method finds them at once, and the answer names them. */
static void fermat_of_close_primes(void **state)
{
    struct lab *lab = *state;
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = BN_new(), *q = BN_new(), *n = BN_new();

    assert_true(BN_generate_prime_ex(q, 1024, 0, NULL, NULL, NULL));
    BN_copy(p, q);
    next_prime(p, ctx);
    BN_mul(n, p, q, ctx);
    char *p_text = BN_bn2dec(p), *q_text = BN_bn2dec(q);
    const char *says = fc_arena_printf(lab->arena,
                                       "key generated with factors too close together: public modulus n = pq factored "
                                       "into p: %s; q: %s",
                                       p_text, q_text);
    struct fc_key *key = rsa_of_bn(lab, n);
    OPENSSL_free(p_text);
    OPENSSL_free(q_text);
    BN_free(p);
    BN_free(q);
    BN_free(n);
    BN_CTX_free(ctx);
    refused(key, says);
}

/* n = (a - b)(a + b) with a = floor(sqrt(n)) + rounds: the last round that is made finds it, the next one is not made.
 * b^2 = a^2 - n lies just above (rounds - 1) * 2a, so b of about 517 bits reaches a wanted round. */
static BIGNUM *found_in_round(unsigned rounds, BN_CTX *ctx)
{
    BIGNUM *a = BN_new(), *b = BN_new(), *b2 = BN_new(), *n = BN_new(), *root = BN_new();

    BN_rand(a, 1024, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
    /* b2 = (2 * rounds - 1) * a lies in the middle of the round's interval; its root by bisection */
    BN_copy(b2, a);
    BN_mul_word(b2, 2 * rounds - 1);
    BN_zero(b);
    for (int bit = BN_num_bits(b2) / 2 + 1; bit >= 0; bit--) {
        BN_set_bit(b, bit);
        BN_sqr(n, b, ctx);
        if (BN_cmp(n, b2) > 0)
            BN_clear_bit(b, bit);
    }
    if (BN_is_odd(a) == BN_is_odd(b))
        BN_sub_word(b, 1); /* n must be odd */
    do {                   /* until no small prime and no mark comes first */
        BN_sub(root, a, b);
        BN_add(n, a, b);
        BN_mul(n, n, root, ctx);
        bool small = false;
        for (BN_ULONG p = 3; p <= 751; p += 2)
            small = small || BN_mod_word(n, p) == 0;
        if (!small)
            break;
        BN_sub_word(b, 2);
    } while (true);
    BN_free(a);
    BN_free(b);
    BN_free(b2);
    BN_free(root);
    return n;
}

static void fermat_makes_110_rounds(void **state)
{
    struct lab *lab = *state;
    struct fc_err err = {0};
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *last = found_in_round(110, ctx), *over = found_in_round(111, ctx);
    struct fc_key *found = rsa_of_bn(lab, last), *missed = rsa_of_bn(lab, over);

    BN_free(last);
    BN_free(over);
    BN_CTX_free(ctx);
    assert_int_equal(fc_key_check(found, &letsencrypt, &err), -1);
    lab_has(err.text, "key generated with factors too close together: ");
    taken(missed);
}

static void fermat_of_4096_bits(void **state)
{
    struct lab *lab = *state;
    struct fc_err err = {0};
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = BN_new(), *q = BN_new(), *n = BN_new();

    /* no primes are needed, only odd numbers without small factors */
    assert_true(BN_generate_prime_ex(q, 2048, 0, NULL, NULL, NULL));
    BN_copy(p, q);
    bool small = true;
    while (small) {
        small = false;
        BN_add_word(p, 2);
        for (BN_ULONG d = 3; d <= 751; d += 2)
            small = small || BN_mod_word(p, d) == 0;
    }
    BN_mul(n, p, q, ctx);
    struct fc_key *key = rsa_of_bn(lab, n);
    BN_free(p);
    BN_free(q);
    BN_free(n);
    BN_CTX_free(ctx);
    assert_int_equal(fc_key_check(key, &letsencrypt, &err), -1);
    lab_has(err.text, "factored into p: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_keys, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(curves_and_types, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(each_curve_has_its_switch, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(rsa_size_and_exponent, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(small_primes, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(roca_of_real_chips, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(roca_of_the_published_form, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(fermat_of_close_primes, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(fermat_makes_110_rounds, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(fermat_of_4096_bits, lab_setup, lab_teardown),
    };
    RUN(tests);
}
