/* What a file needs while it is summed: a digest context and a buffer, used again and again.
 *
 * There are at most as many as files may be open at once; they are made when first needed, and the one given back last
 * is handed out first, so that its buffer is still in the cache. */
#ifndef PAWL_SUM_HASHER_H
#define PAWL_SUM_HASHER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#include "gate.h"
#include "text.h"

#define HASHER_BUFFER_SIZE ((size_t)128 * 1024)
#define HASHER_DIGEST_SIZE 32

struct hasher {
    struct hasher *next;
    EVP_MD_CTX *context;
    struct text line; /* room to write a report in */
    unsigned char buffer[HASHER_BUFFER_SIZE];
};

struct hashers {
    EVP_MD *digest;
    struct gate gate;
    pthread_mutex_t lock;
    struct hasher *idle; /* under lock */
};

/* false: libcrypto has no SHA-256. */
bool hashers_init(struct hashers *hashers, unsigned count);
void hashers_fini(struct hashers *hashers);

/* Suspends until one is free. */
struct hasher *hashers_take(struct hashers *hashers);
void hashers_give(struct hashers *hashers, struct hasher *hasher);

/* Begin, add any number of times, end. false: libcrypto failed. None suspends. */
bool hasher_begin(struct hasher *hasher);
bool hasher_add(struct hasher *hasher, size_t size); /* the first `size` bytes of the buffer */
bool hasher_end(struct hasher *hasher, unsigned char digest[HASHER_DIGEST_SIZE]);

#endif
