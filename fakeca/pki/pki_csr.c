#include "pki/pki_csr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/base_text.h"
#include "pki/pki_int.h"
#include "pki/pki_req.h"

/* Growing NULL-terminated list of texts, capped by the size of the request. */
struct texts {
    char **at;
    size_t count, room;
};

struct fc_csr {
    struct fc_pki_req *req;
    struct fc_key *key; /* NULL when unreadable */
    struct texts dns, ips;
    char *cn;
    size_t emails, uris;
    bool must_staple;
};

static void texts_add(struct texts *texts, char *text)
{
    if (texts->count + 1 >= texts->room) {
        texts->room = texts->room ? texts->room * 2 : 8;
        texts->at = fc_reallocarray(texts->at, texts->room, sizeof *texts->at);
    }
    texts->at[texts->count++] = text;
    texts->at[texts->count] = NULL;
}

static void texts_free(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->at[i]);
    free(texts->at);
}

struct place {
    const char *text;
    size_t index;
};

static int by_text(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = strcmp(left->text, right->text);

    return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* Keeps the first of equal texts, and the order. Sorted, because 64 KiB hold twenty thousand names. */
static void texts_unique(struct texts *texts)
{
    size_t kept = 0;

    if (texts->count < 2)
        return;
    fc_auto_free struct place *sorted = fc_calloc(texts->count, sizeof *sorted);
    fc_auto_free bool *again = fc_calloc(texts->count, sizeof *again);
    for (size_t i = 0; i < texts->count; i++)
        sorted[i] = (struct place){.text = texts->at[i], .index = i};
    qsort(sorted, texts->count, sizeof *sorted, by_text);
    for (size_t i = 1; i < texts->count; i++)
        again[sorted[i].index] = strcmp(sorted[i].text, sorted[i - 1].text) == 0;
    for (size_t i = 0; i < texts->count; i++) {
        if (again[i])
            free(texts->at[i]);
        else
            texts->at[kept++] = texts->at[i];
    }
    texts->at[kept] = NULL;
    texts->count = kept;
}

/* ---- the subject alternative name ---- */

static int add_dns(struct fc_csr *csr, const ASN1_STRING *value, struct fc_err *err)
{
    const unsigned char *data = ASN1_STRING_get0_data(value);
    size_t len = (size_t)ASN1_STRING_length(value);

    for (size_t i = 0; i < len; i++)
        if (data[i] == 0 || data[i] > 0x7f)
            return fc_err_set(err, FC_E_PARSE, "the dNSName number %zu holds octet 0x%02x", csr->dns.count + 1,
                              data[i]);
    char *name = fc_strndup((const char *)data, len);
    fc_text_lower(name);
    texts_add(&csr->dns, name);
    return 0;
}

static int add_ip(struct fc_csr *csr, const ASN1_STRING *value, struct fc_err *err)
{
    int len = ASN1_STRING_length(value);
    char text[INET6_ADDRSTRLEN];

    if ((len != 4 && len != 16) ||
        !inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), text, sizeof text))
        return fc_err_set(err, FC_E_PARSE, "an iPAddress has %d octets instead of 4 or 16", len);
    texts_add(&csr->ips, fc_strdup(text));
    return 0;
}

static int add_name(struct fc_csr *csr, const GENERAL_NAME *name, struct fc_err *err)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

    switch (type) {
    case GEN_DNS:
        return add_dns(csr, value, err);
    case GEN_IPADD:
        return add_ip(csr, value, err);
    case GEN_EMAIL:
        csr->emails++;
        return 0;
    case GEN_URI:
        csr->uris++;
        return 0;
    default:
        return 0; /* ignored, as Boulder does */
    }
}

FC_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)

static int read_san(struct fc_csr *csr, const X509_EXTENSION *ext, struct fc_err *err)
{
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data((X509_EXTENSION *)(uintptr_t)ext);
    const unsigned char *at = ASN1_STRING_get0_data(value);
    const unsigned char *end = at + ASN1_STRING_length(value);
    fc_auto(GENERAL_NAMES_free) GENERAL_NAMES *names = d2i_GENERAL_NAMES(NULL, &at, ASN1_STRING_length(value));

    if (!names || at != end)
        return fc_pki_ossl_err(err, FC_E_PARSE, "the subject alternative name does not parse");
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (add_name(csr, sk_GENERAL_NAME_value(names, i), err))
            return -1;
    texts_unique(&csr->dns);
    texts_unique(&csr->ips);
    return 0;
}

/* ---- attributes, subject ---- */

typedef STACK_OF(X509_EXTENSION) extension_stack;

static void free_extensions(extension_stack *exts)
{
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
}
FC_CLEANUP(extension_stack *, free_extensions)

/* The only extension of that kind; NULL when there is none. */
static int find_extension(const extension_stack *exts, int nid, const X509_EXTENSION **ret_ext, struct fc_err *err)
{
    int at = X509v3_get_ext_by_NID(exts, nid, -1);

    if (at < 0)
        return 0;
    if (X509v3_get_ext_by_NID(exts, nid, at) >= 0)
        return fc_err_set(err, FC_E_PARSE, "extension '%s' is requested twice", OBJ_nid2ln(nid));
    *ret_ext = X509v3_get_ext(exts, at);
    return 0;
}

/* The value of the one attribute that requests extensions; NULL in *ret_exts when there is none. */
static int requested_extensions(const struct fc_pki_req *req, extension_stack **ret_exts, struct fc_err *err)
{
    const struct stack_st_X509_ATTRIBUTE *attributes = req->info->attributes;
    int at = X509at_get_attr_by_NID(attributes, NID_ext_req, -1);

    if (at < 0)
        return 0;
    if (X509at_get_attr_by_NID(attributes, NID_ext_req, at) >= 0)
        return fc_err_set(err, FC_E_PARSE, "two attributes request extensions");
    const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(X509at_get_attr(attributes, at), 0);
    if (value && value->type == V_ASN1_SEQUENCE) {
        const unsigned char *bytes = value->value.sequence->data;
        *ret_exts = d2i_X509_EXTENSIONS(NULL, &bytes, value->value.sequence->length);
    }
    return *ret_exts ? 0 : fc_pki_ossl_err(err, FC_E_PARSE, "the requested extensions do not parse");
}

static int read_extensions(struct fc_csr *csr, struct fc_err *err)
{
    const X509_EXTENSION *san = NULL, *feature = NULL;
    fc_auto(free_extensions) extension_stack *exts = NULL;

    if (requested_extensions(csr->req, &exts, err) || find_extension(exts, NID_subject_alt_name, &san, err) ||
        find_extension(exts, NID_tlsfeature, &feature, err))
        return -1;
    csr->must_staple = feature != NULL;
    return san ? read_san(csr, san, err) : 0;
}

static int read_subject(struct fc_csr *csr, struct fc_err *err)
{
    const X509_NAME *subject = csr->req->info->subject;

    if (fc_pki_cert_name_cn(subject, &csr->cn, err))
        return -1;
    if (csr->cn)
        fc_text_lower(csr->cn);
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, at)) >= 0;)
        csr->emails++;
    return 0;
}

int fc_csr_parse(const unsigned char *der, size_t len, struct fc_csr **ret_csr, struct fc_err *err)
{
    const unsigned char *at = der;

    if (len > FC_PKI_INPUT_MAX)
        return fc_err_set(err, FC_E_PARSE, "%zu bytes, at most %d are read", len, FC_PKI_INPUT_MAX);
    struct fc_pki_req *req = fc_pki_req_d2i(&at, len);
    if (!req)
        return fc_pki_ossl_err(err, FC_E_PARSE, "not a certificate request in DER");
    fc_auto(fc_csr_free) struct fc_csr *csr = fc_calloc(1, sizeof *csr);
    csr->req = req;
    if (at != der + len)
        return fc_err_set(err, FC_E_PARSE, "trailing data behind the certificate request");
    if (read_extensions(csr, err) || read_subject(csr, err))
        return -1;
    csr->key = fc_pki_req_key(req->info->key);
    ERR_clear_error();
    *ret_csr = FC_TAKE(csr);
    return 0;
}

void fc_csr_free(struct fc_csr *csr)
{
    if (!csr)
        return;
    fc_pki_req_free(csr->req);
    fc_key_free(csr->key);
    texts_free(&csr->dns);
    texts_free(&csr->ips);
    free(csr->cn);
    free(csr);
}

/* ---- answers ---- */

static const char *const *texts_list(const struct texts *texts)
{
    static const char *const none[] = {NULL};

    return texts->at ? (const char *const *)(uintptr_t)texts->at : none;
}

const char *const *fc_csr_dns(const struct fc_csr *csr)
{
    return texts_list(&csr->dns);
}

const char *const *fc_csr_ips(const struct fc_csr *csr)
{
    return texts_list(&csr->ips);
}

const char *fc_csr_cn(const struct fc_csr *csr)
{
    return csr->cn;
}

size_t fc_csr_emails(const struct fc_csr *csr)
{
    return csr->emails;
}

size_t fc_csr_uris(const struct fc_csr *csr)
{
    return csr->uris;
}

bool fc_csr_must_staple(const struct fc_csr *csr)
{
    return csr->must_staple;
}

const struct fc_key *fc_csr_key(const struct fc_csr *csr)
{
    return csr->key;
}

/* letsencrypt.md D.4 */
static const struct signature_kind {
    int nid;
    const char *key;
    int sha;
} kinds[] = {
    {NID_sha256WithRSAEncryption, "RSA", 256}, {NID_sha384WithRSAEncryption, "RSA", 384},
    {NID_sha512WithRSAEncryption, "RSA", 512}, {NID_ecdsa_with_SHA256, "EC", 256},
    {NID_ecdsa_with_SHA384, "EC", 384},        {NID_ecdsa_with_SHA512, "EC", 512},
};

static const struct signature_kind *kind_of(const struct fc_csr *csr)
{
    int nid = OBJ_obj2nid(csr->req->algorithm->algorithm);

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].nid == nid)
            return &kinds[i];
    return NULL;
}

bool fc_csr_signature_algorithm_ok(const struct fc_csr *csr)
{
    return kind_of(csr) != NULL;
}

bool fc_csr_signature_ok(const struct fc_csr *csr)
{
    const struct signature_kind *kind = kind_of(csr);
    const ASN1_BIT_STRING *sig = csr->req->signature;

    if (!kind || !csr->key || !EVP_PKEY_is_a(csr->key->evp, kind->key) || !fc_pki_req_whole_octets(sig))
        return false;
    const struct fc_pki_ossl_check check = {.key = csr->key->evp,
                                            .sha = kind->sha,
                                            .data = csr->req->info->encoded.enc,
                                            .data_len = (size_t)csr->req->info->encoded.len};
    return fc_pki_ossl_verify(&check, sig->data, (size_t)sig->length);
}

int fc_pki_csr_key_bits(const struct fc_csr *csr, struct fc_buf *spki, const unsigned char **ret_bits, size_t *ret_len,
                        struct fc_err *err)
{
    return fc_pki_req_spki(csr->req->info->key, spki, ret_bits, ret_len, err);
}
