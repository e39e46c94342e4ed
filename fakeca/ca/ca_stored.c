#include "ca/ca_int.h"

#include "store/store_cert.h"

static int damaged(const struct fc_issuer *row, const char *why, struct fc_err *err)
{
    return fc_err_set(err, FC_E_DAMAGED, "the stored CA certificate '%s' is damaged: %s", row->name, why);
}

int fc_ca_stored_read(const struct fc_issuer *row, struct fc_key **ret_key, struct fc_cert **ret_cert,
                      struct fc_err *err)
{
    fc_auto(fc_key_free) struct fc_key *key = NULL;
    fc_auto(fc_key_free) struct fc_key *certified = NULL;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    struct fc_err cause = {0};

    if (fc_cert_from_der(row->cert_der, row->cert_len, &cert, &cause) || fc_cert_key(cert, &certified, &cause))
        return damaged(row, cause.text, err);
    if (row->key_der) {
        if (fc_key_from_der(row->key_der, row->key_len, &key, &cause))
            return damaged(row, cause.text, err);
        if (!fc_key_equal(key, certified))
            return damaged(row, "its key belongs to another certificate", err);
    }
    *ret_key = FC_TAKE(key);
    *ret_cert = FC_TAKE(cert);
    return 0;
}

int fc_ca_stored_row(const char *name, const struct fc_key *key, const struct fc_cert *cert, struct fc_issuer *ret_row,
                     unsigned char **ret_key_der, struct fc_err *err)
{
    struct fc_issuer row = {.name = name};
    unsigned char *key_der = NULL;

    row.cert_der = fc_cert_der(cert, &row.cert_len);
    if (key && fc_key_to_der(key, &key_der, &row.key_len, err))
        return -1;
    row.key_der = key_der;
    *ret_row = row;
    *ret_key_der = key_der;
    return 0;
}
