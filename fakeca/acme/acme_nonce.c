/* Nonces without a store: an encrypted counter, so that any number may be out unused (letsencrypt.md H.4), and the used ones of a
 * window. Text: 8 characters of the instance, then base64url of 32 bytes. */
#include "acme/acme_int.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_b64.h"

#define PREFIX_LEN 8
#define SEALED 32
#define HALF 16
#define KEY_LEN 16

/* The counters of used nonces: a heap to find the smallest, a hash table to find any. Both grow up to the window. */
struct used {
    uint64_t *heap;
    size_t count, room;
    uint64_t *table; /* open addressing, 0: empty */
    size_t slots;    /* a power of two, at least twice count */
};

struct fc_acme_nonces {
    pthread_mutex_t lock;
    char prefix[PREFIX_LEN + 1];
    /* under the lock */
    EVP_CIPHER_CTX *seal, *open;
    uint64_t latest;   /* counter of the newest nonce; the first is 1 */
    uint64_t earliest; /* this and older ones are refused */
    size_t window;
    struct used used;
};

/* ---- the set of used counters ---- */

static size_t slot_of(const struct used *used, uint64_t value)
{
    return (size_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (used->slots - 1);
}

static bool used_has(const struct used *used, uint64_t value)
{
    for (size_t i = slot_of(used, value); used->table[i]; i = (i + 1) & (used->slots - 1))
        if (used->table[i] == value)
            return true;
    return false;
}

static void table_put(struct used *used, uint64_t value)
{
    size_t i = slot_of(used, value);

    while (used->table[i])
        i = (i + 1) & (used->slots - 1);
    used->table[i] = value;
}

/* Closes the gap: each follower that may not stand behind an empty slot moves into it. */
static void table_drop(struct used *used, uint64_t value)
{
    size_t mask = used->slots - 1, hole = slot_of(used, value);

    while (used->table[hole] != value)
        hole = (hole + 1) & mask;
    used->table[hole] = 0;
    for (size_t i = (hole + 1) & mask; used->table[i]; i = (i + 1) & mask) {
        size_t home = slot_of(used, used->table[i]);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        used->table[hole] = used->table[i];
        used->table[i] = 0;
        hole = i;
    }
}

static void used_grow(struct used *used)
{
    used->room = used->room ? 2 * used->room : 64;
    used->slots = 2 * used->room;
    used->heap = fc_reallocarray(used->heap, used->room, sizeof *used->heap);
    free(used->table);
    used->table = fc_calloc(used->slots, sizeof *used->table);
    for (size_t i = 0; i < used->count; i++)
        table_put(used, used->heap[i]);
}

static void used_add(struct used *used, uint64_t value)
{
    if (used->count == used->room)
        used_grow(used);
    table_put(used, value);
    size_t i = used->count++;
    for (; i > 0 && used->heap[(i - 1) / 2] > value; i = (i - 1) / 2)
        used->heap[i] = used->heap[(i - 1) / 2];
    used->heap[i] = value;
}

static uint64_t used_pop(struct used *used)
{
    uint64_t smallest = used->heap[0], last = used->heap[--used->count];
    size_t i = 0, child;

    table_drop(used, smallest);
    while ((child = 2 * i + 1) < used->count) {
        if (child + 1 < used->count && used->heap[child + 1] < used->heap[child])
            child++;
        if (used->heap[child] >= last)
            break;
        used->heap[i] = used->heap[child];
        i = child;
    }
    used->heap[i] = last;
    return smallest;
}

/* ---- the counter, sealed ---- */

static EVP_CIPHER_CTX *cipher(const unsigned char key[KEY_LEN], int encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    FC_ASSERT(ctx && EVP_CipherInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL, encrypt) == 1);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    return ctx;
}

struct fc_acme_nonces *fc_acme_nonce_new(size_t window)
{
    struct fc_acme_nonces *nonces = fc_calloc(1, sizeof *nonces);
    unsigned char key[KEY_LEN], name[PREFIX_LEN * 3 / 4];

    FC_ASSERT(RAND_bytes(key, sizeof key) == 1 && RAND_bytes(name, sizeof name) == 1);
    fc_b64url_encode(name, sizeof name, nonces->prefix);
    pthread_mutex_init(&nonces->lock, NULL);
    nonces->seal = cipher(key, 1);
    nonces->open = cipher(key, 0);
    OPENSSL_cleanse(key, sizeof key);
    nonces->window = window;
    used_grow(&nonces->used);
    return nonces;
}

void fc_acme_nonce_free(struct fc_acme_nonces *nonces)
{
    if (!nonces)
        return;
    EVP_CIPHER_CTX_free(nonces->seal);
    EVP_CIPHER_CTX_free(nonces->open);
    free(nonces->used.heap);
    free(nonces->used.table);
    pthread_mutex_destroy(&nonces->lock);
    free(nonces);
}

/* Two blocks, each the counter and a mark of its own: who cannot encrypt hits both marks with probability 2^-128, and halves of
 * two nonces do not fit together because their counters differ. */
static void layout(uint64_t counter, unsigned char ret_plain[SEALED])
{
    memset(ret_plain, 0, SEALED);
    memcpy(ret_plain, &counter, sizeof counter);
    memcpy(ret_plain + HALF, &counter, sizeof counter);
    memset(ret_plain + HALF + sizeof counter, 0xff, HALF - sizeof counter);
}

static void crypt(EVP_CIPHER_CTX *ctx, const unsigned char in[SEALED], unsigned char ret_out[SEALED])
{
    int len = 0;

    FC_ASSERT(EVP_CipherUpdate(ctx, ret_out, &len, in, SEALED) == 1 && len == SEALED);
}

void fc_acme_nonce_make(struct fc_acme_nonces *nonces, char ret_text[FC_ACME_NONCE_LEN + 1])
{
    unsigned char plain[SEALED], sealed[SEALED];

    _Static_assert(FC_ACME_NONCE_LEN == PREFIX_LEN + FC_B64URL_LEN(SEALED), "letsencrypt.md H.4");
    pthread_mutex_lock(&nonces->lock);
    layout(++nonces->latest, plain);
    crypt(nonces->seal, plain, sealed);
    pthread_mutex_unlock(&nonces->lock);
    memcpy(ret_text, nonces->prefix, PREFIX_LEN);
    fc_b64url_encode(sealed, sizeof sealed, ret_text + PREFIX_LEN);
}

/* With the lock held. 0 is no counter. */
static uint64_t unseal(struct fc_acme_nonces *nonces, const unsigned char sealed[SEALED])
{
    unsigned char plain[SEALED], expected[SEALED];
    uint64_t counter;

    crypt(nonces->open, sealed, plain);
    memcpy(&counter, plain, sizeof counter);
    layout(counter, expected);
    return CRYPTO_memcmp(plain, expected, SEALED) == 0 ? counter : 0;
}

static bool take(struct fc_acme_nonces *nonces, uint64_t counter)
{
    if (counter <= nonces->earliest || counter > nonces->latest || used_has(&nonces->used, counter))
        return false;
    used_add(&nonces->used, counter);
    if (nonces->used.count > nonces->window)
        nonces->earliest = used_pop(&nonces->used);
    return true;
}

bool fc_acme_nonce_use(struct fc_acme_nonces *nonces, const char *text)
{
    unsigned char sealed[SEALED + 1];
    size_t len;

    if (!text || strlen(text) != FC_ACME_NONCE_LEN || memcmp(text, nonces->prefix, PREFIX_LEN) != 0)
        return false;
    if (fc_b64url_decode(text + PREFIX_LEN, FC_ACME_NONCE_LEN - PREFIX_LEN, sealed, &len) || len != SEALED)
        return false;
    pthread_mutex_lock(&nonces->lock);
    bool good = take(nonces, unseal(nonces, sealed));
    pthread_mutex_unlock(&nonces->lock);
    return good;
}
