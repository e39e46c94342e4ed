#include "va/lib_alpn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_text.h"
#include "va/lib_va.h"

struct alpn {
    enum alpn_mode mode;
    int listener, stop[2];
    unsigned port;
    pthread_t thread;
    SSL_CTX *context;
    pthread_mutex_t lock;
    char sni[256];
};

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "alpn: %s: %s\n", what, strerror(errno));
    exit(99);
}

/* ---- the certificate ---- */

static void add_bytes(X509 *x509, const char *oid, bool critical, const unsigned char *bytes, size_t len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

    ASN1_OCTET_STRING_set(value, bytes, (int)len);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    need(X509_add_ext(x509, extension, -1) == 1, oid);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
}

static void add_hex(X509 *x509, const char *oid, bool critical, const char *hex)
{
    unsigned char bytes[512];
    size_t len = 0;

    need(fc_text_unhex(hex, bytes, sizeof bytes, &len) == 0, hex);
    add_bytes(x509, oid, critical, bytes, len);
}

static void add_san(X509 *x509, const struct alpn_cert *cert)
{
    if (cert->san_hex != NULL) {
        add_hex(x509, "2.5.29.17", false, cert->san_hex);
        return;
    }
    if (cert->san == NULL)
        return;
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, cert->san);
    need(extension != NULL && X509_add_ext(x509, extension, -1) == 1, cert->san);
    if (cert->twice)
        X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
}

/* RFC 8737 section 3: an OCTET STRING of the digest. */
static void add_identifier(X509 *x509, const struct alpn_cert *cert)
{
    static const char oid[] = "1.3.6.1.5.5.7.1.31";
    const char *key_auth = cert->key_auth != NULL ? cert->key_auth : KEY_AUTH;
    unsigned char bytes[2 + SHA256_DIGEST_LENGTH] = {0x04, SHA256_DIGEST_LENGTH};

    if (cert->ext_hex != NULL) {
        add_hex(x509, oid, !cert->not_critical, cert->ext_hex);
        return;
    }
    if (key_auth[0] == '\0')
        return;
    SHA256((const unsigned char *)key_auth, strlen(key_auth), bytes + 2);
    add_bytes(x509, oid, !cert->not_critical, bytes, sizeof bytes);
}

static void set_name(X509_NAME *name, const char *cn)
{
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
}

static X509 *make_certificate(const struct alpn_cert *cert, EVP_PKEY *key)
{
    X509 *x509 = X509_new();
    const char *cn = cert->cn != NULL ? cert->cn : "challenge";
    EVP_PKEY *other = cert->other_key ? EVP_EC_gen("P-256") : NULL;

    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    set_name(X509_get_subject_name(x509), cn);
    set_name(X509_get_issuer_name(x509), cert->issuer != NULL ? cert->issuer : cn);
    ASN1_TIME_set_string(X509_getm_notBefore(x509), "20200101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x509), cert->expired ? "20200201000000Z" : "21000101000000Z");
    X509_set_pubkey(x509, key);
    add_san(x509, cert);
    add_identifier(x509, cert);
    need(X509_sign(x509, other != NULL ? other : key, EVP_sha256()) > 0, "sign");
    EVP_PKEY_free(other);
    return x509;
}

/* ---- serving ---- */

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                  void *cookie)
{
    static const char wanted[] = "\x0A"
                                 "acme-tls/1";
    const struct alpn *alpn = cookie;

    (void)ssl;
    if (alpn->mode == ALPN_ALERT || in_len != sizeof wanted - 1 || memcmp(in, wanted, in_len) != 0)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static int on_sni(SSL *ssl, int *alert, void *cookie)
{
    struct alpn *alpn = cookie;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    pthread_mutex_lock(&alpn->lock);
    snprintf(alpn->sni, sizeof alpn->sni, "%s", name != NULL ? name : "");
    pthread_mutex_unlock(&alpn->lock);
    return SSL_TLSEXT_ERR_OK;
}

static void serve(struct alpn *alpn)
{
    const struct timeval patience = {.tv_sec = 5};
    int fd = accept(alpn->listener, NULL, NULL);
    SSL *ssl = SSL_new(alpn->context);
    char byte;

    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        SSL_read(ssl, &byte, 1); /* until the client goes */
    SSL_free(ssl);
    ERR_clear_error();
    close(fd);
}

static void *loop(void *cookie)
{
    struct alpn *alpn = cookie;

    for (;;) {
        struct pollfd polls[] = {{.fd = alpn->stop[0], .events = POLLIN}, {.fd = alpn->listener, .events = POLLIN}};
        if ((poll(polls, 2, -1) < 0 && errno != EINTR) || polls[0].revents != 0)
            return NULL;
        if (polls[1].revents != 0)
            serve(alpn);
    }
}

/* ---- life ---- */

static void open_port(struct alpn *alpn, const char *ip)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    bool v6 = inet_pton(AF_INET6, ip, &in6.sin6_addr) == 1;
    socklen_t len = v6 ? sizeof in6 : sizeof in;
    struct sockaddr *addr = v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;

    need(v6 || inet_pton(AF_INET, ip, &in.sin_addr) == 1, ip);
    alpn->listener = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(alpn->listener >= 0 && bind(alpn->listener, addr, len) == 0 && listen(alpn->listener, 64) == 0, "listen");
    need(getsockname(alpn->listener, addr, &len) == 0, "getsockname");
    alpn->port = ntohs(v6 ? in6.sin6_port : in.sin_port);
}

struct alpn *alpn_start(const char *ip, enum alpn_mode mode, const struct alpn_cert *cert)
{
    struct alpn *alpn = fc_calloc(1, sizeof *alpn);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = make_certificate(cert, key);

    signal(SIGPIPE, SIG_IGN);
    alpn->mode = mode;
    alpn->context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(alpn->context, 0);
    if (mode == ALPN_TLS12 || mode == ALPN_TLS11)
        SSL_CTX_set_max_proto_version(alpn->context, mode == ALPN_TLS12 ? TLS1_2_VERSION : TLS1_1_VERSION);
    need(SSL_CTX_use_certificate(alpn->context, x509) == 1 && SSL_CTX_use_PrivateKey(alpn->context, key) == 1, "key");
    X509_free(x509);
    EVP_PKEY_free(key);
    if (mode != ALPN_IGNORE)
        SSL_CTX_set_alpn_select_cb(alpn->context, choose, alpn);
    SSL_CTX_set_tlsext_servername_callback(alpn->context, on_sni);
    SSL_CTX_set_tlsext_servername_arg(alpn->context, alpn);
    pthread_mutex_init(&alpn->lock, NULL);
    need(pipe(alpn->stop) == 0, "pipe");
    open_port(alpn, ip != NULL ? ip : "127.0.0.1");
    need(pthread_create(&alpn->thread, NULL, loop, alpn) == 0, "thread");
    return alpn;
}

void alpn_stop(struct alpn *alpn)
{
    if (alpn == NULL)
        return;
    need(write(alpn->stop[1], "x", 1) == 1, "stop");
    pthread_join(alpn->thread, NULL);
    close(alpn->listener);
    close(alpn->stop[0]);
    close(alpn->stop[1]);
    SSL_CTX_free(alpn->context);
    pthread_mutex_destroy(&alpn->lock);
    free(alpn);
}

unsigned alpn_port(const struct alpn *alpn)
{
    return alpn->port;
}

const char *alpn_sni(struct alpn *alpn)
{
    pthread_mutex_lock(&alpn->lock);
    const char *sni = alpn->sni;
    pthread_mutex_unlock(&alpn->lock);
    return sni;
}
