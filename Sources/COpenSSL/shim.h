#pragma once
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* What Swift cannot import: function-like macros, cast constants, functions marked deprecated. */

/* The low-level SHA-256 is deprecated in favour of EVP, but it alone keeps its state on the stack: a Merkle tree
   hashes millions of 65-byte nodes, and one EVP context per node costs more than the compression itself. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline void copenssl_sha256_init(SHA256_CTX *state) { SHA256_Init(state); }
static inline void copenssl_sha256_update(SHA256_CTX *state, const void *bytes, size_t count) {
  SHA256_Update(state, bytes, count);
}
static inline void copenssl_sha256_final(SHA256_CTX *state, void *digest) {
  SHA256_Final((unsigned char *)digest, state);
}
static inline void copenssl_sha256(const void *bytes, size_t count, void *digest) {
  SHA256_CTX state;
  SHA256_Init(&state);
  SHA256_Update(&state, bytes, count);
  SHA256_Final((unsigned char *)digest, &state);
}
#pragma GCC diagnostic pop

/* A key on a named curve. `scalar` is little-endian (the byte order OSSL_PARAM integers have on this machine) or
   NULL for a public key. Refuses points that are not on the curve. */
static inline EVP_PKEY *copenssl_ec_key(const char *group, const unsigned char *point, size_t point_count,
                                        unsigned char *scalar, size_t scalar_count) {
  OSSL_PARAM parameters[4];
  int count = 0;
  EVP_PKEY *key = NULL;
  parameters[count++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0);
  parameters[count++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, point_count);
  if (scalar) parameters[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, scalar, scalar_count);
  parameters[count] = OSSL_PARAM_construct_end();
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  if (!context) return NULL;
  if (EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &key, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    EVP_PKEY_free(key);
    key = NULL;
  }
  EVP_PKEY_CTX_free(context);
  return key;
}

/* The uncompressed point of a big-endian scalar on the curve; 1 on success. */
static inline int copenssl_ec_public_point(int curve, const unsigned char *scalar, size_t scalar_count,
                                           unsigned char *point, size_t point_count) {
  int done = 0;
  EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
  EC_POINT *product = group ? EC_POINT_new(group) : NULL;
  BIGNUM *number = BN_bin2bn(scalar, (int)scalar_count, NULL);
  if (number) BN_set_flags(number, BN_FLG_CONSTTIME);
  if (product && number && EC_POINT_mul(group, product, number, NULL, NULL, NULL) == 1)
    done = EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED, point, point_count, NULL) == point_count;
  BN_clear_free(number);
  EC_POINT_free(product);
  EC_GROUP_free(group);
  return done;
}

static inline void copenssl_free(void *memory) { OPENSSL_free(memory); }
static inline void copenssl_clear_free(void *memory, size_t count) { OPENSSL_clear_free(memory, count); }
