/* What a target's certificate says of itself: never verified, only told of. */
#include "va/va_int.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/pki_cert.h"

enum { NAME_MAX_SHOWN = 512 };

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
    if (run->now != 0 && run->now > fc_cert_not_after(cert))
        add(run->arena, &list, "expired");
    if (run->now != 0 && run->now < fc_cert_not_before(cert))
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
