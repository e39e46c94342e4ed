#include "pki/pki_int.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/base_assert.h"

#define DER_PUTS(der, literal) fc_buf_append(der, literal, sizeof(literal) - 1)

/* Extensions without any variable part, whole. */
static const char usage_sign[] = "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80";
static const char usage_sign_encipher[] = "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x05\xa0";
static const char usage_ca[] = "\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x01\x86";
static const char server_auth[] =
    "\x30\x13\x06\x03\x55\x1d\x25\x04\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01";
static const char server_and_client_auth[] = "\x30\x1d\x06\x03\x55\x1d\x25\x04\x16\x30\x14"
                                             "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
                                             "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02";
static const char basic_end[] = "\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00";

/* id-ce is 2.5.29: the last octet names the extension */
enum {
    CE_SKI = 14,
    CE_SAN = 17,
    CE_BASIC = 19,
    CE_CRL_NUMBER = 20,
    CE_IDP = 28,
    CE_CRL_URL = 31,
    CE_POLICIES = 32,
    CE_AKI = 35
};

struct ext {
    size_t whole, value;
};

static struct ext ext_open_oid(struct fc_buf *der, const void *oid, size_t oid_len, bool critical)
{
    struct ext ext;

    ext.whole = fc_pki_der_open(der, FC_DER_SEQUENCE);
    fc_pki_der_put(der, FC_DER_OID, oid, oid_len);
    if (critical)
        DER_PUTS(der, "\x01\x01\xff");
    ext.value = fc_pki_der_open(der, FC_DER_OCTET_STRING);
    return ext;
}

static struct ext ext_open(struct fc_buf *der, unsigned char id, bool critical)
{
    const unsigned char oid[] = {0x55, 0x1d, id};

    return ext_open_oid(der, oid, sizeof oid, critical);
}

static void ext_close(struct fc_buf *der, const struct ext *ext)
{
    fc_pki_der_close(der, ext->value);
    fc_pki_der_close(der, ext->whole);
}

void fc_pki_ext_usage(struct fc_buf *der, enum fc_pki_usage usage)
{
    switch (usage) {
    case FC_PKI_USAGE_SIGN:
        DER_PUTS(der, usage_sign);
        return;
    case FC_PKI_USAGE_SIGN_ENCIPHER:
        DER_PUTS(der, usage_sign_encipher);
        return;
    case FC_PKI_USAGE_CA:
        DER_PUTS(der, usage_ca);
        return;
    }
    FC_IMPOSSIBLE("a key usage that the enumeration does not have");
}

void fc_pki_ext_server_auth(struct fc_buf *der, bool client_too)
{
    if (client_too)
        DER_PUTS(der, server_and_client_auth);
    else
        DER_PUTS(der, server_auth);
}

void fc_pki_ext_basic(struct fc_buf *der, bool ca, int path_len)
{
    if (!ca) {
        DER_PUTS(der, basic_end);
        return;
    }
    struct ext ext = ext_open(der, CE_BASIC, true);
    size_t seq = fc_pki_der_open(der, FC_DER_SEQUENCE);
    DER_PUTS(der, "\x01\x01\xff");
    if (path_len >= 0)
        fc_pki_der_uint64(der, (uint64_t)path_len);
    fc_pki_der_close(der, seq);
    ext_close(der, &ext);
}

void fc_pki_ext_ski_of(const void *bits, size_t len, unsigned char ret_ski[FC_PKI_SKI_LEN])
{
    unsigned char hash[32];

    fc_key_sha256(bits, len, hash);
    memcpy(ret_ski, hash, FC_PKI_SKI_LEN);
}

void fc_pki_ext_ski(struct fc_buf *der, const unsigned char *ski, size_t len)
{
    struct ext ext = ext_open(der, CE_SKI, false);

    fc_pki_der_put(der, FC_DER_OCTET_STRING, ski, len);
    ext_close(der, &ext);
}

void fc_pki_ext_aki(struct fc_buf *der, const unsigned char *ski, size_t len)
{
    struct ext ext = ext_open(der, CE_AKI, false);
    size_t seq = fc_pki_der_open(der, FC_DER_SEQUENCE);

    fc_pki_der_put(der, FC_DER_CONTEXT | 0, ski, len);
    fc_pki_der_close(der, seq);
    ext_close(der, &ext);
}

/* GeneralName of a URI */
static void put_url(struct fc_buf *der, const char *url)
{
    fc_pki_der_put(der, FC_DER_CONTEXT | 6, url, strlen(url));
}

/* RFC 5280 section 4.2.2.1 */
static void put_access(struct fc_buf *der, char method, const char *url)
{
    const char oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, method};
    size_t access = fc_pki_der_open(der, FC_DER_SEQUENCE);

    fc_pki_der_put(der, FC_DER_OID, oid, sizeof oid);
    put_url(der, url);
    fc_pki_der_close(der, access);
}

void fc_pki_ext_aia(struct fc_buf *der, const char *ca_issuers, const char *ocsp)
{
    static const char info_access[] = "\x2b\x06\x01\x05\x05\x07\x01\x01";
    struct ext ext = ext_open_oid(der, info_access, sizeof info_access - 1, false);
    size_t list = fc_pki_der_open(der, FC_DER_SEQUENCE);

    if (ocsp)
        put_access(der, 1, ocsp);
    if (ca_issuers)
        put_access(der, 2, ca_issuers);
    fc_pki_der_close(der, list);
    ext_close(der, &ext);
}

static int put_ip(struct fc_buf *der, const char *text, struct fc_err *err)
{
    unsigned char bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1)
        fc_pki_der_put(der, FC_DER_CONTEXT | 7, bytes, 4);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        fc_pki_der_put(der, FC_DER_CONTEXT | 7, bytes, 16);
    else
        return fc_err_set(err, FC_E_USAGE, "'%s' is no IP address", text);
    return 0;
}

int fc_pki_ext_san(struct fc_buf *der, bool critical, const char *const *dns, const char *const *ips,
                   struct fc_err *err)
{
    struct ext ext = ext_open(der, CE_SAN, critical);
    size_t seq = fc_pki_der_open(der, FC_DER_SEQUENCE);

    for (; dns && *dns; dns++)
        fc_pki_der_put(der, FC_DER_CONTEXT | 2, *dns, strlen(*dns));
    for (; ips && *ips; ips++)
        if (put_ip(der, *ips, err))
            return -1;
    fc_pki_der_close(der, seq);
    ext_close(der, &ext);
    return 0;
}

int fc_pki_ext_policy(struct fc_buf *der, const char *oid, struct fc_err *err)
{
    struct ext ext = ext_open(der, CE_POLICIES, false);
    size_t list = fc_pki_der_open(der, FC_DER_SEQUENCE);
    size_t info = fc_pki_der_open(der, FC_DER_SEQUENCE);

    if (fc_pki_der_oid(der, oid, err))
        return -1;
    fc_pki_der_close(der, info);
    fc_pki_der_close(der, list);
    ext_close(der, &ext);
    return 0;
}

/* DistributionPointName of one URL, with the tag [0] that it has in both of its homes */
static void put_point(struct fc_buf *der, const char *url)
{
    size_t point = fc_pki_der_open(der, FC_DER_CONTEXT_CONSTRUCTED | 0);
    size_t full = fc_pki_der_open(der, FC_DER_CONTEXT_CONSTRUCTED | 0);

    put_url(der, url);
    fc_pki_der_close(der, full);
    fc_pki_der_close(der, point);
}

void fc_pki_ext_crl_url(struct fc_buf *der, const char *url)
{
    struct ext ext = ext_open(der, CE_CRL_URL, false);
    size_t list = fc_pki_der_open(der, FC_DER_SEQUENCE);
    size_t point = fc_pki_der_open(der, FC_DER_SEQUENCE);

    put_point(der, url);
    fc_pki_der_close(der, point);
    fc_pki_der_close(der, list);
    ext_close(der, &ext);
}

void fc_pki_ext_crl_number(struct fc_buf *der, uint64_t number)
{
    struct ext ext = ext_open(der, CE_CRL_NUMBER, false);

    fc_pki_der_uint64(der, number);
    ext_close(der, &ext);
}

void fc_pki_ext_crl_idp(struct fc_buf *der, const char *url)
{
    struct ext ext = ext_open(der, CE_IDP, true);
    size_t seq = fc_pki_der_open(der, FC_DER_SEQUENCE);

    put_point(der, url);
    DER_PUTS(der, "\x81\x01\xff"); /* onlyContainsUserCerts */
    fc_pki_der_close(der, seq);
    ext_close(der, &ext);
}
