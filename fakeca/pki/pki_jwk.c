/* JSON Web Keys (RFC 7517, 7518 section 6, 8037) and their thumbprints (RFC 7638). Hostile input. */
#include "pki/pki_int.h"

#include <string.h>

#include "base/base_assert.h"
#include "base/base_b64.h"

#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 8192
#define E_OCTETS_MAX 8
#define PUB_MAX (RSA_BITS_MAX / 8 + E_OCTETS_MAX)

/* A string member. */
static const char *text_member(const json_t *jwk, const char *name, struct fc_err *err)
{
    const json_t *value = json_object_get(jwk, name);

    if (!json_is_string(value)) {
        fc_err_set(err, FC_E_PARSE, "jwk member '%s' is %s", name, value ? "no string" : "missing");
        return NULL;
    }
    return json_string_value(value);
}

/* The octets of a base64url member, at most `room`. */
static int octets_member(const json_t *jwk, const char *name, unsigned char *ret, size_t room, size_t *ret_len,
                         struct fc_err *err)
{
    const char *text = text_member(jwk, name, err);

    if (!text)
        return -1;
    size_t len = strlen(text);
    if (len > FC_B64URL_LEN(room))
        return fc_err_set(err, FC_E_PARSE, "jwk member '%s' is too long", name);
    if (fc_b64url_decode(text, len, ret, ret_len))
        return fc_err_set(err, FC_E_PARSE, "jwk member '%s' is not base64url", name);
    return 0;
}

static int fixed_member(const json_t *jwk, const char *name, unsigned char *ret, size_t octets, struct fc_err *err)
{
    size_t len = 0;

    if (octets_member(jwk, name, ret, octets, &len, err))
        return -1;
    if (len != octets)
        return fc_err_set(err, FC_E_PARSE, "jwk member '%s' has %zu octets instead of %zu", name, len, octets);
    return 0;
}

/* RFC 7518 section 6.3.1: no leading zero octets, or one key would have several thumbprints. */
static int number_member(const json_t *jwk, const char *name, unsigned char *ret, size_t room, size_t *ret_len,
                         struct fc_err *err)
{
    if (octets_member(jwk, name, ret, room, ret_len, err))
        return -1;
    if (*ret_len == 0 || ret[0] == 0)
        return fc_err_set(err, FC_E_PARSE, "jwk member '%s' is %s", name, *ret_len ? "padded with a zero" : "empty");
    return 0;
}

static int read_ec(const json_t *jwk, unsigned char pub[PUB_MAX], struct fc_pki_build *build, struct fc_err *err)
{
    const char *crv = text_member(jwk, "crv", err);

    if (!crv)
        return -1;
    const struct fc_pki_curve *curve = fc_pki_key_curve(crv);
    if (!curve)
        return fc_err_set(err, FC_E_PARSE, "jwk curve '%.64s' is not supported", crv);
    if (fixed_member(jwk, "x", pub, curve->octets, err) ||
        fixed_member(jwk, "y", pub + curve->octets, curve->octets, err))
        return -1;
    build->type = curve->type;
    build->curve = curve;
    build->pub_len = 2 * curve->octets;
    return 0;
}

static int bit_length(const unsigned char *number, size_t len)
{
    int bits = (int)len * 8;

    for (unsigned top = number[0]; !(top & 0x80); top <<= 1)
        bits--;
    return bits;
}

static int read_rsa(const json_t *jwk, unsigned char pub[PUB_MAX], struct fc_pki_build *build, struct fc_err *err)
{
    size_t n_len = 0, e_len = 0;

    if (number_member(jwk, "n", pub, RSA_BITS_MAX / 8, &n_len, err) ||
        number_member(jwk, "e", pub + n_len, E_OCTETS_MAX, &e_len, err))
        return -1;
    int bits = bit_length(pub, n_len);
    if (bits < RSA_BITS_MIN)
        return fc_err_set(err, FC_E_CRYPTO, "rsa modulus of %d bits, at least %d are needed", bits, RSA_BITS_MIN);
    if (!(pub[n_len - 1] & 1) || !(pub[n_len + e_len - 1] & 1) || (e_len == 1 && pub[n_len] == 1))
        return fc_err_set(err, FC_E_CRYPTO, "rsa modulus and exponent must be odd and the exponent above 1");
    build->type = FC_KEY_RSA;
    build->n_len = n_len;
    build->pub_len = n_len + e_len;
    return 0;
}

static int read_okp(const json_t *jwk, unsigned char pub[PUB_MAX], struct fc_pki_build *build, struct fc_err *err)
{
    const char *crv = text_member(jwk, "crv", err);

    if (!crv)
        return -1;
    if (strcmp(crv, "Ed25519") != 0)
        return fc_err_set(err, FC_E_PARSE, "jwk curve '%.64s' is not supported", crv);
    build->type = FC_KEY_OTHER;
    build->pub_len = 32;
    return fixed_member(jwk, "x", pub, 32, err);
}

/* RFC 7518 sections 6.2.2, 6.3.2, 6.4: whoever sends one of these has given his private key away. */
static int refuse_private(const json_t *jwk, struct fc_err *err)
{
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_object_get(jwk, names[i]))
            return fc_err_set(err, FC_E_PARSE, "jwk holds private member '%s'", names[i]);
    return 0;
}

int fc_key_from_jwk(const json_t *jwk, struct fc_key **ret_key, struct fc_err *err)
{
    static const struct {
        const char *kty;
        int (*read)(const json_t *jwk, unsigned char pub[PUB_MAX], struct fc_pki_build *build, struct fc_err *err);
    } kinds[] = {{"EC", read_ec}, {"RSA", read_rsa}, {"OKP", read_okp}};
    unsigned char pub[PUB_MAX];
    struct fc_pki_build build = {.pub = pub};

    if (!json_is_object(jwk))
        return fc_err_set(err, FC_E_PARSE, "jwk is no object");
    const char *kty = text_member(jwk, "kty", err);
    if (!kty || refuse_private(jwk, err))
        return -1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kty, kty) != 0)
            continue;
        return kinds[i].read(jwk, pub, &build, err) ? -1 : fc_pki_key_build(&build, ret_key, err);
    }
    return fc_err_set(err, FC_E_PARSE, "jwk key type '%.64s' is not supported", kty);
}

/* ---- writing ---- */

/* RFC 7638 section 3.2: the required members in lexical order. */
struct member {
    const char *name;
    const char *text; /* or octets: */
    const unsigned char *octets;
    size_t len;
};
#define MEMBERS_MAX 4

/* Number of members; 0 for a key that has no JWK. */
static size_t members_of(const struct fc_key *key, struct member ret[MEMBERS_MAX])
{
    if (key->curve) {
        size_t octets = key->curve->octets;
        ret[0] = (struct member){.name = "crv", .text = key->curve->name};
        ret[1] = (struct member){.name = "kty", .text = "EC"};
        ret[2] = (struct member){.name = "x", .octets = key->pub, .len = octets};
        ret[3] = (struct member){.name = "y", .octets = key->pub + octets, .len = octets};
        return 4;
    }
    if (key->type == FC_KEY_RSA) {
        ret[0] = (struct member){.name = "e", .octets = key->pub + key->n_len, .len = key->pub_len - key->n_len};
        ret[1] = (struct member){.name = "kty", .text = "RSA"};
        ret[2] = (struct member){.name = "n", .octets = key->pub, .len = key->n_len};
        return 3;
    }
    if (!fc_pki_key_ed25519(key))
        return 0;
    ret[0] = (struct member){.name = "crv", .text = "Ed25519"};
    ret[1] = (struct member){.name = "kty", .text = "OKP"};
    ret[2] = (struct member){.name = "x", .octets = key->pub, .len = key->pub_len};
    return 3;
}

static const char *member_text(const struct member *member, struct fc_buf *text)
{
    if (member->text)
        return member->text;
    fc_auto_free char *b64 = fc_malloc(FC_B64URL_LEN(member->len) + 1);
    size_t len = fc_b64url_encode(member->octets, member->len, b64);
    fc_buf_clear(text);
    fc_buf_append(text, b64, len);
    return text->data;
}

json_t *fc_key_to_jwk(const struct fc_key *key)
{
    struct member members[MEMBERS_MAX];
    size_t count = members_of(key, members);
    struct fc_buf text fc_auto_buf;
    json_t *jwk = count ? json_object() : NULL;

    fc_buf_init(&text, FC_PKI_INPUT_MAX);
    for (size_t i = 0; i < count; i++)
        FC_ASSERT(json_object_set_new(jwk, members[i].name, json_string(member_text(&members[i], &text))) == 0);
    return jwk;
}

void fc_key_thumbprint(const struct fc_key *key, char ret_text[FC_KEY_THUMB_LEN + 1])
{
    struct member members[MEMBERS_MAX];
    size_t count = members_of(key, members);
    struct fc_buf json fc_auto_buf, text fc_auto_buf;
    unsigned char hash[32];

    fc_buf_init(&json, FC_PKI_INPUT_MAX);
    fc_buf_init(&text, FC_PKI_INPUT_MAX);
    for (size_t i = 0; i < count; i++)
        fc_buf_printf(&json, "%c\"%s\":\"%s\"", i ? ',' : '{', members[i].name, member_text(&members[i], &text));
    fc_buf_putc(&json, '}');
    fc_key_sha256(json.data, json.len, hash);
    ret_text[0] = '\0';
    if (count)
        fc_b64url_encode(hash, sizeof hash, ret_text);
}
