/* A root and an intermediate as the CA makes them, for the tests of leaves and CRLs. */
#ifndef FC_TESTS_LIB_PKI_CHAIN_H
#define FC_TESTS_LIB_PKI_CHAIN_H

#include "base/base_time.h"
#include "lib_pki.h"

/* 2026-08-03T12:00:00Z; openssl's -attime takes the seconds. */
#define CHAIN_NOW (INT64_C(1785758400) * FC_SECOND)
#define CHAIN_NOW_S "1785758400"

struct chain {
    struct fc_key *root_key, *inter_key;
    struct fc_cert *root, *inter;
};

/* Keys of that enum fc_key_type; files root.pem and inter.pem. */
struct chain chain_make(struct lab *lab, int type);

#endif
