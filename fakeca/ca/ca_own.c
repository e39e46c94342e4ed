#include "ca/ca_int.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "base/base_time.h"

/* Certificates below a smaller RSA root are refused by the clients of today's distributions (security level 2). */
#define RSA_BITS_MIN 2048

static int check_key(const struct fc_key *key, struct fc_err *err)
{
    if (fc_key_type(key) == FC_KEY_OTHER)
        return fc_err_set(err, FC_E_USAGE, "option '--root-key': its type is neither RSA nor P-256, P-384 or P-521");
    if (fc_key_type(key) == FC_KEY_RSA && fc_key_bits(key) < RSA_BITS_MIN)
        return fc_err_set(err, FC_E_USAGE, "option '--root-key': RSA with %d bits; at least %d are needed",
                          fc_key_bits(key), RSA_BITS_MIN);
    return 0;
}

/* Why the certificate cannot stand at the top of a hierarchy with intermediates, or NULL. */
static const char *unfit(const struct fc_cert *cert)
{
    X509 *x509 = fc_cert_x509(cert);

    if (!(X509_get_key_usage(x509) & KU_KEY_CERT_SIGN))
        return "its keyUsage lacks keyCertSign";
    if (!fc_cert_is_ca(cert))
        return "it is no CA certificate (basicConstraints CA:TRUE is missing)";
    if (X509_get_pathlen(x509) == 0)
        return "it permits no intermediates (pathlen:0)";
    if (!fc_cert_issued_by(cert, cert))
        return "it is no root: somebody else signed it";
    if (fc_cert_not_after(cert) < FC_TIME_MIN)
        return "it expired before every time that the clock can show";
    if (fc_cert_not_before(cert) > FC_TIME_MAX)
        return "it begins after every time that the clock can show";
    return NULL;
}

int fc_ca_own_pair(const char *what, const char *cert_pem, const char *key_pem, struct fc_key **ret_key,
                   struct fc_cert **ret_cert, struct fc_err *err)
{
    fc_auto(fc_key_free) struct fc_key *key = NULL;
    fc_auto(fc_key_free) struct fc_key *certified = NULL;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    struct fc_err cause = {0};

    if (fc_cert_from_pem(cert_pem, strlen(cert_pem), &cert, &cause) || fc_cert_key(cert, &certified, &cause))
        return fc_err_set(err, FC_E_USAGE, "option '--%s-cert': %s", what, cause.text);
    if (fc_key_from_pem(key_pem, strlen(key_pem), &key, &cause))
        return fc_err_set(err, FC_E_USAGE, "option '--%s-key': %s", what, cause.text);
    if (!fc_key_equal(key, certified))
        return fc_err_set(err, FC_E_USAGE, "option '--%s-key': it is not the key of the certificate in '--%s-cert'",
                          what, what);
    *ret_key = FC_TAKE(key);
    *ret_cert = FC_TAKE(cert);
    return 0;
}

int fc_ca_own_read(const char *cert_pem, const char *key_pem, struct fc_key **ret_key, struct fc_cert **ret_cert,
                   struct fc_err *err)
{
    fc_auto(fc_key_free) struct fc_key *key = NULL;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;

    if (fc_ca_own_pair("root", cert_pem, key_pem, &key, &cert, err) || check_key(key, err))
        return -1;
    const char *why = unfit(cert);
    if (why)
        return fc_err_set(err, FC_E_USAGE, "option '--root-cert': %s", why);
    *ret_key = FC_TAKE(key);
    *ret_cert = FC_TAKE(cert);
    return 0;
}
