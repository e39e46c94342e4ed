#include "lib_pki_chain.h"

#include "pki/pki_cert.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"

static struct fc_cert *make(struct lab *lab, const struct fc_cert_ca *params)
{
    struct fc_cert *cert = NULL;
    struct fc_err err = {0};

    if (fc_cert_make_ca(params, &cert, &err))
        fail_msg("%s", err.text);
    return lab_keep_cert(lab, cert);
}

struct chain chain_make(struct lab *lab, int type)
{
    struct chain chain = {.root_key = lab_key(lab, type), .inter_key = lab_key(lab, type)};

    chain.root = make(lab, &(struct fc_cert_ca){.country = "US",
                                                .organization = "fakeca TEST",
                                                .cn = "fakeca TEST Root - do not trust",
                                                .not_before = CHAIN_NOW - 4000 * FC_DAY,
                                                .not_after = FC_TIME_MAX,
                                                .key = chain.root_key,
                                                .path_len = -1});
    chain.inter = make(lab, &(struct fc_cert_ca){.country = "US",
                                                 .organization = "Let\xe2\x80\x99s Pretend",
                                                 .cn = "TE1",
                                                 .not_before = CHAIN_NOW - 300 * FC_DAY,
                                                 .not_after = CHAIN_NOW + 700 * FC_DAY,
                                                 .key = chain.inter_key,
                                                 .issuer = chain.root,
                                                 .issuer_key = chain.root_key,
                                                 .path_len = 0,
                                                 .aia_url = "http://localhost:15001/pki/production/root.der",
                                                 .crl_url = "http://localhost:15001/pki/production/root/1.crl",
                                                 .policy_oid = "2.23.140.1.2.1",
                                                 .server_auth = true});
    lab_write_cert(lab, "root.pem", chain.root);
    lab_write_cert(lab, "inter.pem", chain.inter);
    return chain;
}
