/* Which keys are acceptable: the rules of Boulder's key policy (letsencrypt.md D.5), in its order and words. */
#include "pki/pki_int.h"

#include <string.h>

#include <openssl/err.h>

#include "base/base_assert.h"

#define SMALL_PRIME_MAX 751
#define FERMAT_ROUNDS 110

FC_CLEANUP(BN_CTX *, BN_CTX_free)

static bool has_small_factor(const BIGNUM *n)
{
    for (unsigned p = 2; p <= SMALL_PRIME_MAX; p++) {
        bool prime = true;
        for (unsigned d = 2; prime && d * d <= p; d++)
            prime = p % d != 0;
        if (prime && BN_mod_word(n, p) == 0)
            return true;
    }
    return false;
}

static bool is_power_of_65537(BN_ULONG residue, unsigned p)
{
    unsigned power = 1;

    do {
        if (power == residue)
            return true;
        power = power * (65537 % p) % p;
    } while (power != 1);
    return false;
}

/* ROCA (CVE-2017-15361): the affected chips make primes k * M + 65537^a mod M with M a product of small primes, so the modulus
 * is a power of 65537 modulo each of them. Only these primes tell: modulo the others 65537 reaches everything. */
static bool has_roca_mark(const BIGNUM *n)
{
    static const unsigned primes[] = {11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157};

    for (size_t i = 0; i < sizeof primes / sizeof *primes; i++)
        if (!is_power_of_65537(BN_mod_word(n, primes[i]), primes[i]))
            return false;
    return true;
}

/* ---- Fermat's factorization: n = a^2 - b^2 with a just above the root when the primes are close together ---- */

struct fermat {
    BN_CTX *ctx;
    BIGNUM *a, *b2, *b, *next, *rest;
};

/* Largest whole number whose square is at most n, by Newton's method from above. */
static bool square_root(struct fermat *f, BIGNUM *root, const BIGNUM *n)
{
    BN_zero(root);
    if (!BN_set_bit(root, (BN_num_bits(n) + 1) / 2))
        return false;
    while (BN_div(f->next, f->rest, n, root, f->ctx) && BN_add(f->next, f->next, root) &&
           BN_rshift1(f->next, f->next)) {
        if (BN_cmp(f->next, root) >= 0)
            return true;
        if (!BN_copy(root, f->next))
            return false;
    }
    return false;
}

static bool is_square_modulo(BN_ULONG residue, unsigned modulus)
{
    for (unsigned i = 0; i <= modulus / 2; i++)
        if (i * i % modulus == residue % modulus)
            return true;
    return false;
}

/* A root costs much more than a division by a word, and this sieve lets one number in 140 through. */
static bool may_be_square(const BIGNUM *n)
{
    BN_ULONG residue = BN_mod_word(n, 64 * 63 * 65 * 11);

    return is_square_modulo(residue, 64) && is_square_modulo(residue, 63) && is_square_modulo(residue, 65) &&
           is_square_modulo(residue, 11);
}

/* 1 when b2 is a square (b is then its root), 0 when not, -1 on failure. */
static int is_square(struct fermat *f)
{
    if (!may_be_square(f->b2))
        return 0;
    if (BN_is_zero(f->b2)) {
        BN_zero(f->b);
        return 1;
    }
    if (!square_root(f, f->b, f->b2) || !BN_sqr(f->next, f->b, f->ctx))
        return -1;
    return BN_cmp(f->next, f->b2) == 0;
}

static int refuse_factored(struct fermat *f, struct fc_err *err)
{
    char *p = NULL, *q = NULL;

    if (BN_add(f->next, f->a, f->b) && BN_sub(f->rest, f->a, f->b)) {
        p = BN_bn2dec(f->next);
        q = BN_bn2dec(f->rest);
    }
    fc_err_set(err, FC_E_CRYPTO,
               "key generated with factors too close together: public modulus n = pq factored into p: %s; q: %s",
               p ? p : "?", q ? q : "?");
    OPENSSL_free(p);
    OPENSSL_free(q);
    return -1;
}

static int fermat_rounds(struct fermat *f, const BIGNUM *n, struct fc_err *err)
{
    if (!f->rest || !square_root(f, f->a, n) || !BN_add_word(f->a, 1))
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot examine the modulus");
    for (int round = 0; round < FERMAT_ROUNDS; round++) {
        if (!BN_sqr(f->b2, f->a, f->ctx) || !BN_sub(f->b2, f->b2, n))
            return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot examine the modulus");
        int square = is_square(f);
        if (square < 0)
            return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot examine the modulus");
        if (square)
            return refuse_factored(f, err);
        if (!BN_add_word(f->a, 1))
            return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot examine the modulus");
    }
    return 0;
}

static int check_fermat(const BIGNUM *n, struct fc_err *err)
{
    fc_auto(BN_CTX_free) BN_CTX *ctx = BN_CTX_new();
    struct fermat f = {.ctx = ctx};

    if (!ctx)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot examine the modulus");
    BN_CTX_start(ctx);
    f.a = BN_CTX_get(ctx);
    f.b2 = BN_CTX_get(ctx);
    f.b = BN_CTX_get(ctx);
    f.next = BN_CTX_get(ctx);
    f.rest = BN_CTX_get(ctx); /* NULL if an earlier one is */
    int r = fermat_rounds(&f, n, err);
    BN_CTX_end(ctx);
    return r;
}

/* ---- the rules ---- */

static int check_rsa(const struct fc_key *key, const struct fc_key_rules *rules, struct fc_err *err)
{
    static const unsigned char f4[] = {1, 0, 1};
    const size_t n_rules = sizeof rules->rsa_bits / sizeof *rules->rsa_bits;
    bool size_ok = false;

    for (size_t i = 0; i < n_rules && rules->rsa_bits[i]; i++)
        size_ok = size_ok || rules->rsa_bits[i] == key->bits;
    if (!size_ok)
        return fc_err_set(err, FC_E_CRYPTO, "key size not supported: %d", key->bits);
    if (key->pub_len - key->n_len != sizeof f4 || memcmp(key->pub + key->n_len, f4, sizeof f4) != 0)
        return fc_err_set(err, FC_E_CRYPTO, "key exponent must be 65537");
    fc_auto(BN_free) BIGNUM *n = BN_bin2bn(key->pub, (int)key->n_len, NULL);
    if (!n)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot examine the modulus");
    if (has_small_factor(n))
        return fc_err_set(err, FC_E_CRYPTO, "key divisible by small prime");
    if (has_roca_mark(n))
        return fc_err_set(err, FC_E_CRYPTO, "key generated by vulnerable Infineon-based hardware");
    return check_fermat(n, err);
}

/* That the point lies on its curve was checked when the key was read. */
static int check_curve(const char *name, bool allowed, struct fc_err *err)
{
    return allowed ? 0 : fc_err_set(err, FC_E_CRYPTO, "ECDSA curve %s not allowed", name);
}

static int check_other(const struct fc_key *key, struct fc_err *err)
{
    char group[64];
    const char *type = EVP_PKEY_get0_type_name(key->evp);

    if (EVP_PKEY_is_a(key->evp, "EC")) {
        bool named = EVP_PKEY_get_group_name(key->evp, group, sizeof group, NULL) == 1;
        ERR_clear_error();
        return check_curve(named ? group : "without a name", false, err);
    }
    if (fc_pki_key_ed25519(key))
        type = "ed25519.PublicKey";
    else if (EVP_PKEY_is_a(key->evp, "DSA"))
        type = "*dsa.PublicKey";
    return fc_err_set(err, FC_E_CRYPTO, "unsupported key type %s", type ? type : "unknown");
}

int fc_key_check(const struct fc_key *key, const struct fc_key_rules *rules, struct fc_err *err)
{
    switch (key->type) {
    case FC_KEY_P256:
        return check_curve("P-256", rules->p256, err);
    case FC_KEY_P384:
        return check_curve("P-384", rules->p384, err);
    case FC_KEY_P521:
        return check_curve("P-521", rules->p521, err);
    case FC_KEY_RSA:
        return check_rsa(key, rules, err);
    case FC_KEY_OTHER:
        if (rules->ed25519 && fc_pki_key_ed25519(key))
            return 0;
        return check_other(key, err);
    }
    FC_IMPOSSIBLE("a key type that the enumeration does not have");
}
