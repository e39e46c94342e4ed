/* What a target's certificate says of itself: never verified, only told of. */
#include "va/va_int.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_text.h"
#include "pki/pki_cert.h"
#include "pki/pki_key.h"

enum { NAME_MAX_SHOWN = 512, DIGEST = 32, NAMES_MAX = 100, OID_TEXT = 128 };

static const char acme_identifier[] = "1.3.6.1.5.5.7.1.31", subject_alt_name[] = "2.5.29.17";

FC_CLEANUP(BIO *, BIO_free_all)

static const char *name_text(struct fc_arena *arena, const X509_NAME *name)
{
    const unsigned long flags = XN_FLAG_ONELINE & ~(unsigned long)(ASN1_STRFLGS_ESC_MSB | XN_FLAG_SPC_EQ);
    fc_auto(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;

    if (bio == NULL)
        return "";
    X509_NAME_print_ex(bio, name, 0, flags);
    long len = BIO_get_mem_data(bio, &data);
    if (len > NAME_MAX_SHOWN)
        len = NAME_MAX_SHOWN;
    return fc_va_text_utf8(arena, fc_arena_strndup(arena, data != NULL ? data : "", (size_t)len));
}

static bool fits_name(X509 *x509, const char *host)
{
    struct fc_net_addr addr;

    if (fc_net_addr_parse_ip(host, &addr, NULL) == 0)
        return X509_check_ip(x509, addr.bytes, fc_net_addr_len(&addr), 0) == 1;
    return X509_check_host(x509, host, strlen(host), 0, NULL) == 1;
}

static void add(struct fc_arena *arena, const char **list, const char *what)
{
    *list = *list != NULL ? fc_arena_printf(arena, "%s, %s", *list, what) : what;
}

static const char *faults(struct fc_va_run *run, const struct fc_cert *cert, const char *host)
{
    X509 *x509 = fc_cert_x509(cert);
    const char *list = NULL;

    if (X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)) == 0)
        add(run->arena, &list, "self-signed");
    if (run->job->now != 0 && run->job->now > fc_cert_not_after(cert))
        add(run->arena, &list, "expired");
    if (run->job->now != 0 && run->job->now < fc_cert_not_before(cert))
        add(run->arena, &list, "not yet valid");
    if (!fits_name(x509, host))
        add(run->arena, &list, "wrong name");
    return list;
}

void fc_va_cert_describe(struct fc_va_run *run, struct fc_va_hop *hop, const unsigned char *der, size_t len)
{
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;

    if (der == NULL || fc_cert_from_der(der, len, &cert, NULL) != 0)
        return;
    hop->cert_subject = name_text(run->arena, X509_get_subject_name(fc_cert_x509(cert)));
    hop->cert_issuer = name_text(run->arena, X509_get_issuer_name(fc_cert_x509(cert)));
    hop->cert_not_after = fc_cert_not_after(cert);
    hop->cert_fault = faults(run, cert, hop->host);
    ERR_clear_error();
}

/* ---- what tls-alpn-01 asks of a certificate (letsencrypt.md B.5) ---- */

/* The extension of that OID, or NULL. */
static X509_EXTENSION *find_extension(const X509 *x509, const char *oid)
{
    char text[OID_TEXT];

    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        X509_EXTENSION *extension = X509_get_ext(x509, i);
        OBJ_obj2txt(text, sizeof text, X509_EXTENSION_get_object(extension), 1);
        if (strcmp(text, oid) == 0)
            return extension;
    }
    return NULL;
}

static bool is_self_signed(X509 *x509)
{
    EVP_PKEY *key = X509_get0_pubkey(x509);

    return X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)) == 0 && key != NULL &&
           X509_verify(x509, key) == 1;
}

/* None twice, and the two that matter are there. */
static const char *check_extensions(struct fc_va_run *run, const X509 *x509)
{
    char text[OID_TEXT];

    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        X509_EXTENSION *extension = X509_get_ext(x509, i);
        OBJ_obj2txt(text, sizeof text, X509_EXTENSION_get_object(extension), 1);
        if (find_extension(x509, text) != extension)
            return fc_arena_printf(run->arena, "Extension OID %s seen twice", text);
    }
    if (find_extension(x509, acme_identifier) == NULL)
        return fc_arena_printf(run->arena, "Required extension OID %s is not present", acme_identifier);
    if (find_extension(x509, subject_alt_name) == NULL)
        return fc_arena_printf(run->arena, "Required extension OID %s is not present", subject_alt_name);
    return NULL;
}

/* The names of a certificate, lower case, sorted, each once. */
struct names {
    struct fc_ident idents[NAMES_MAX];
    size_t count, dns, ip;
    const char *only; /* the last DNS name or address, as it stands there */
};

static void add_name(struct fc_arena *arena, struct names *names, const char *text, size_t len)
{
    if (names->count == NAMES_MAX || len == 0)
        return;
    char *name = fc_arena_strdup(arena, fc_va_text_utf8(arena, fc_arena_strndup(arena, text, len)));
    fc_text_lower(name);
    names->idents[names->count++].value = name;
}

static void add_general_name(struct fc_arena *arena, struct names *names, const GENERAL_NAME *name)
{
    int type = 0;
    const ASN1_STRING *string = GENERAL_NAME_get0_value(name, &type);
    struct fc_net_addr addr = {0};
    char text[FC_NET_ADDR_TEXT];

    if (type != GEN_DNS && type != GEN_IPADD && type != GEN_EMAIL && type != GEN_URI)
        return;
    const unsigned char *data = ASN1_STRING_get0_data(string);
    size_t len = (size_t)ASN1_STRING_length(string);
    names->dns += type == GEN_DNS ? 1 : 0;
    names->ip += type == GEN_IPADD ? 1 : 0;
    if (type == GEN_IPADD) {
        if (len != 4 && len != 16)
            return;
        addr.family = len == 4 ? AF_INET : AF_INET6;
        memcpy(addr.bytes, data, len);
        data = (const unsigned char *)fc_net_addr_ip(&addr, text);
        len = strlen(text);
    }
    if (type == GEN_DNS || type == GEN_IPADD)
        names->only = fc_arena_strndup(arena, (const char *)data, len);
    add_name(arena, names, (const char *)data, len);
}

static void read_names(struct fc_arena *arena, const X509 *x509, struct names *names)
{
    GENERAL_NAMES *list = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    int at = X509_NAME_get_index_by_NID(X509_get_subject_name(x509), NID_commonName, -1);

    if (at >= 0) {
        const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(X509_get_subject_name(x509), at));
        add_name(arena, names, (const char *)ASN1_STRING_get0_data(cn), (size_t)ASN1_STRING_length(cn));
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++)
        add_general_name(arena, names, sk_GENERAL_NAME_value(list, i));
    GENERAL_NAMES_free(list);
    names->count = fc_ident_sort_unique(names->idents, names->count);
}

/* Tag and length of a DER value of at most 65,535 bytes; returns the bytes written, at most 4. */
static size_t der_head(unsigned char *out, unsigned char tag, size_t len)
{
    size_t at = 0;

    out[at++] = tag;
    if (len > 255)
        out[at++] = 0x82;
    else if (len > 127)
        out[at++] = 0x81;
    if (len > 255)
        out[at++] = (unsigned char)(len >> 8);
    out[at++] = (unsigned char)(len & 255);
    return at;
}

/* The SAN extension must be the sequence of this one name, byte for byte. */
static bool san_bytes_fit(const X509 *x509, const struct fc_ident *ident)
{
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(find_extension(x509, subject_alt_name));
    const unsigned char *name = (const unsigned char *)ident->value;
    size_t name_len = strlen(ident->value);
    unsigned char tag = 0x82, inner[4], outer[4]; /* [2] dNSName */
    struct fc_net_addr addr;

    if (ident->type == FC_IDENT_IP) {
        if (fc_net_addr_parse_ip(ident->value, &addr, NULL) != 0)
            return false;
        tag = 0x87; /* [7] iPAddress */
        name = addr.bytes;
        name_len = fc_net_addr_len(&addr);
    }
    size_t inner_len = der_head(inner, tag, name_len);
    size_t outer_len = der_head(outer, 0x30, inner_len + name_len);
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    return (size_t)ASN1_STRING_length(value) == outer_len + inner_len + name_len &&
           memcmp(bytes, outer, outer_len) == 0 && memcmp(bytes + outer_len, inner, inner_len) == 0 &&
           memcmp(bytes + outer_len + inner_len, name, name_len) == 0;
}

static const char *check_names(struct fc_va_run *run, const X509 *x509)
{
    const struct fc_ident *ident = &run->job->ident;
    struct names *names = fc_arena_alloc(run->arena, sizeof *names);
    const char *why = NULL, *list = "";
    bool dns = ident->type == FC_IDENT_DNS;

    read_names(run->arena, x509, names);
    if ((dns ? names->dns : names->ip) != 1 || (dns ? names->ip : names->dns) != 0)
        why = "wrong number of identifiers";
    else if (names->only == NULL || !fc_text_equal_nocase(names->only, ident->value))
        why = "identifier does not match expected identifier";
    else if (!san_bytes_fit(x509, ident))
        why = "SAN extension does not match expected bytes";
    if (why == NULL)
        return NULL;
    for (size_t i = 0; i < names->count; i++)
        list = fc_arena_printf(run->arena, "%s%s%s", list, i > 0 ? ", " : "", names->idents[i].value);
    return fc_arena_printf(run->arena, "Received certificate with unexpected identifiers (%s): \"%s\"",
                           fc_va_text_quote(run->arena, list, strlen(list)), why);
}

static const char *check_digest(struct fc_va_run *run, struct fc_va_hop *hop, const X509 *x509)
{
    X509_EXTENSION *extension = find_extension(x509, acme_identifier);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    const char *expected = run->job->key_authorization;
    unsigned char digest[DIGEST];
    char received_hex[2 * DIGEST + 1], expected_hex[2 * DIGEST + 1];

    if (X509_EXTENSION_get_critical(extension) != 1)
        return "Received certificate with acmeValidationV1 extension that is not Critical.";
    if (ASN1_STRING_length(value) != 2 + DIGEST || bytes[0] != V_ASN1_OCTET_STRING || bytes[1] != DIGEST)
        return "Received certificate with malformed acmeValidationV1 extension value.";
    fc_text_hex(bytes + 2, DIGEST, received_hex);
    hop->received = fc_arena_strdup(run->arena, received_hex);
    hop->compared = DIGEST;
    if (expected == NULL)
        return NULL;
    fc_key_sha256(expected, strlen(expected), digest);
    fc_text_hex(digest, DIGEST, expected_hex);
    hop->expected = fc_arena_strdup(run->arena, expected_hex);
    for (size_t i = DIGEST; i-- > 0;)
        if (digest[i] != bytes[2 + i])
            hop->first_difference = (int64_t)i;
    if (hop->first_difference < 0)
        return NULL;
    return fc_arena_printf(run->arena, "Received certificate with acmeValidationV1 extension value %s but expected %s.",
                           received_hex, expected_hex);
}

const char *fc_va_cert_acme(struct fc_va_run *run, struct fc_va_hop *hop, const unsigned char *der, size_t len)
{
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;

    if (fc_cert_from_der(der, len, &cert, NULL) != 0)
        return "Received certificate which is not self-signed.";
    X509 *x509 = fc_cert_x509(cert);
    const char *why = is_self_signed(x509) ? NULL : "Received certificate which is not self-signed.";
    if (why == NULL) {
        const char *extensions = check_extensions(run, x509);
        if (extensions != NULL)
            why = fc_arena_printf(run->arena, "Received certificate with unexpected extensions: \"%s\"", extensions);
    }
    if (why == NULL)
        why = check_names(run, x509);
    if (why == NULL)
        why = check_digest(run, hop, x509);
    ERR_clear_error();
    return why;
}
