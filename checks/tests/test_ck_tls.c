/* test: threads. Handshakes with a server that OpenSSL plays: what it sends is what is seen; STARTTLS as RFC 3207 (SMTP), RFC 3501
 * (IMAP) and RFC 2595 (POP3) have it; and every way in which a server can fail. */
#include "cmocka_all.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/base_alloc.h"
#include "base/base_time.h"
#include "pki/pki_cert.h"
#include "pki/pki_key.h"
#include "setup/ck_setup.h"
#include "stage/ck_tls.h"

struct fixture {
    int listener;
    struct fc_net_addr at;
    SSL_CTX *ctx;
    char *serial;
    int64_t not_after;
    pthread_t thread;
    bool running;
    const char *const *talk; /* what the server says and waits for before TLS: "> text" and "< text"; NULL: at once */
    bool tls;                /* false: closes after the talk */
    char name[100];          /* SNI that came */
};

static bool read_line(int fd, const char *expected)
{
    char line[200];
    size_t len = 0;

    while (len < sizeof line - 1 && read(fd, line + len, 1) == 1)
        if (line[len++] == '\n')
            break;
    line[len] = '\0';
    return strncmp(line, expected, strlen(expected)) == 0;
}

static void *serve(void *cookie)
{
    struct fixture *f = cookie;
    int fd = accept(f->listener, NULL, NULL);
    bool good = fd >= 0;

    for (const char *const *step = f->talk; good && step && *step; step++) {
        const char *text = *step + 2;
        good = **step == '>' ? write(fd, text, strlen(text)) == (ssize_t)strlen(text) : read_line(fd, text);
    }
    SSL *ssl = good && f->tls ? SSL_new(f->ctx) : NULL;
    if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        snprintf(f->name, sizeof f->name, "%s", name ? name : "none");
    }
    SSL_free(ssl);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);
    fc_auto(fc_key_free) struct fc_key *key = NULL;
    fc_auto(fc_cert_free) struct fc_cert *ca = NULL, *leaf = NULL;
    static const char *const names[] = {"a.test", NULL};
    struct sockaddr_storage name;
    socklen_t len, size = sizeof name;

    f->not_after = FC_TIME_MIN + 9999 * FC_DAY;
    const struct fc_cert_ca params = {
        .cn = "TEST ONLY", .not_before = FC_TIME_MIN, .not_after = FC_TIME_MAX, .path_len = -1};
    struct fc_cert_ca mine = params;
    if (fc_key_generate(FC_KEY_P256, 0, &key, NULL))
        return -1;
    mine.key = key;
    if (fc_cert_make_ca(&mine, &ca, NULL) ||
        fc_cert_make_tls(key, names, FC_TIME_MIN, f->not_after, ca, key, &leaf, NULL))
        return -1;
    f->serial = fc_cert_serial(leaf);
    f->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(f->ctx, fc_cert_x509(leaf));
    SSL_CTX_add1_chain_cert(f->ctx, fc_cert_x509(ca));
    SSL_CTX_use_PrivateKey(f->ctx, fc_key_evp(key));
    fc_net_addr_parse("127.0.0.1:0", &f->at, NULL);
    len = (socklen_t)fc_net_addr_sockaddr(&f->at, &name);
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    f->tls = true;
    *state = f;
    if (bind(f->listener, (struct sockaddr *)&name, len) || listen(f->listener, 4) ||
        getsockname(f->listener, (struct sockaddr *)&name, &size))
        return -1;
    fc_net_addr_from_sockaddr(&name, &f->at);
    return 0;
}

static void finish(struct fixture *f)
{
    if (f->running)
        pthread_join(f->thread, NULL);
    f->running = false;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    finish(f);
    close(f->listener);
    SSL_CTX_free(f->ctx);
    free(f->serial);
    free(f);
    return 0;
}

static void look(struct fixture *f, int starttls, const char *name, struct ck_tls_peer *peer)
{
    const struct ck_tls_params params = {
        .to = f->at, .server_name = name, .starttls = starttls, .timeout = 5 * FC_SECOND};

    f->running = pthread_create(&f->thread, NULL, serve, f) == 0;
    ck_tls_look(&params, peer);
    finish(f);
}

static void seen(const struct fixture *f, struct ck_tls_peer *peer)
{
    bool ok = peer->ok, same = strcmp(peer->serial, f->serial) == 0, named = ck_tls_peer_names(peer, "a.test"),
         other = ck_tls_peer_names(peer, "b.test");
    size_t n = peer->n_chain;

    ck_tls_peer_release(peer);
    assert_string_equal(peer->error, "");
    assert_true(ok && same && named);
    assert_false(other);
    assert_int_equal(n, 2);
    assert_true(peer->not_after == f->not_after);
}

static void test_plain(void **state)
{
    struct fixture *f = *state;
    struct ck_tls_peer peer;

    look(f, CK_STARTTLS_NONE, "a.test", &peer);
    seen(f, &peer);
    assert_string_equal(f->name, "a.test");
    f->name[0] = '\0';
    look(f, CK_STARTTLS_NONE, NULL, &peer);
    seen(f, &peer);
    assert_string_equal(f->name, "none");
}

static void test_starttls(void **state)
{
    static const char *const smtp[] = {"> 220-mail.a.test ESMTP\r\n",
                                       "> 220 ready\r\n",
                                       "< EHLO ",
                                       "> 250-mail.a.test\r\n250-SIZE\r\n",
                                       "> 250 STARTTLS\r\n",
                                       "< STARTTLS",
                                       "> 220 go ahead\r\n",
                                       NULL};
    static const char *const imap[] = {"> * OK IMAP4rev1 ready\r\n", "< a STARTTLS", "> a OK begin\r\n", NULL};
    static const char *const pop3[] = {"> +OK POP3\r\n", "< STLS", "> +OK begin\r\n", NULL};
    const char *const *const talks[] = {
        [CK_STARTTLS_SMTP] = smtp, [CK_STARTTLS_IMAP] = imap, [CK_STARTTLS_POP3] = pop3};
    struct fixture *f = *state;

    for (int i = CK_STARTTLS_SMTP; i <= CK_STARTTLS_POP3; i++) {
        struct ck_tls_peer peer;
        f->talk = talks[i];
        look(f, i, "a.test", &peer);
        seen(f, &peer);
    }
}

static void failed(struct fixture *f, int starttls, const char *text)
{
    struct ck_tls_peer peer;

    look(f, starttls, "a.test", &peer);
    size_t n = peer.n_chain;
    ck_tls_peer_release(&peer);
    assert_false(peer.ok);
    assert_int_equal(n, 0);
    if (!strstr(peer.error, text))
        fail_msg("'%s' is not in '%s'", text, peer.error);
}

static void test_failures(void **state)
{
    static const char *const refusal[] = {"> 220 ready\r\n", "< EHLO ", "> 502 no\r\n", NULL};
    static const char *const http[] = {"> HTTP/1.1 400 Bad Request\r\n\r\n", NULL};
    static const char *const nothing[] = {NULL};
    struct fixture *f = *state;

    f->tls = false;
    f->talk = refusal;
    failed(f, CK_STARTTLS_SMTP, "502 no");
    f->talk = nothing;
    failed(f, CK_STARTTLS_IMAP, "STARTTLS");
    failed(f, CK_STARTTLS_NONE, "TLS handshake");
    f->talk = http;
    failed(f, CK_STARTTLS_NONE, "TLS handshake");

    struct ck_tls_peer peer;
    struct ck_tls_params params = {.to = f->at, .timeout = 300 * FC_MS};
    ck_tls_look(&params, &peer); /* the kernel accepts, nobody answers */
    assert_false(peer.ok);
    assert_non_null(strstr(peer.error, "out of time"));
    shutdown(f->listener, SHUT_RDWR);
    close(f->listener);
    f->listener = -1;
    ck_tls_look(&params, &peer);
    assert_false(peer.ok);
    assert_non_null(strstr(peer.error, "Connection refused"));
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* the client may leave before the server has said all */
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_starttls, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_failures, setup, teardown)};
    RUN(tests);
}
