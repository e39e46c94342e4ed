/* A TLS server for tls-alpn-01 that behaves well or badly, on a thread and a port of its own. */
#ifndef FC_TESTS_VA_LIB_ALPN_H
#define FC_TESTS_VA_LIB_ALPN_H

#include <stdbool.h>

/* Zeroed: the right answer for KEY_AUTH, but for the SAN. */
struct alpn_cert {
    const char *san;      /* "DNS:example.com,IP:192.0.2.1"; NULL: no SAN */
    const char *san_hex;  /* the SAN extension's bytes; overrides san */
    const char *cn;       /* subject and issuer; NULL: "challenge" */
    const char *issuer;   /* another issuer name; NULL: the subject */
    const char *key_auth; /* NULL: KEY_AUTH; "": no acmeIdentifier extension */
    const char *ext_hex;  /* the acmeIdentifier extension's bytes; overrides key_auth */
    bool not_critical;
    bool twice;     /* an extension stands there twice */
    bool other_key; /* signed with another key */
    bool expired;
};

enum alpn_mode {
    ALPN_RIGHT,
    ALPN_IGNORE, /* chooses no protocol */
    ALPN_ALERT,  /* no_application_protocol */
    ALPN_TLS12,  /* TLS 1.2 only */
    ALPN_TLS11   /* TLS 1.1 only */
};

struct alpn;

/* ip NULL: 127.0.0.1. Never NULL. */
struct alpn *alpn_start(const char *ip, enum alpn_mode mode, const struct alpn_cert *cert);
void alpn_stop(struct alpn *alpn); /* NULL allowed */
unsigned alpn_port(const struct alpn *alpn);
/* Server name of the last client, valid until alpn_stop. */
const char *alpn_sni(struct alpn *alpn);

#endif
