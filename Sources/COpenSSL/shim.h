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

/* An RSA key of a big-endian modulus without leading zeros, at most 1024 bytes, and an exponent. */
static inline EVP_PKEY *copenssl_rsa_public_key(const unsigned char *modulus, size_t modulus_count, uint32_t exponent) {
  unsigned char little_endian[1024];
  EVP_PKEY *key = NULL;
  if (modulus_count > sizeof little_endian) return NULL;
  for (size_t index = 0; index < modulus_count; index++) little_endian[index] = modulus[modulus_count - 1 - index];
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, little_endian, modulus_count),
      OSSL_PARAM_construct_uint32(OSSL_PKEY_PARAM_RSA_E, &exponent),
      OSSL_PARAM_construct_end(),
  };
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  if (!context) return NULL;
  if (EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    EVP_PKEY_free(key);
    key = NULL;
  }
  EVP_PKEY_CTX_free(context);
  return key;
}

/* A public key on the curve of another key: a third of the time of looking the curve up by name. Refuses points that
   are not on the curve. */
static inline EVP_PKEY *copenssl_ec_public_key(EVP_PKEY *curve, const unsigned char *point, size_t point_count) {
  EVP_PKEY *key = EVP_PKEY_new();
  if (key && EVP_PKEY_copy_parameters(key, curve) == 1 &&
      EVP_PKEY_set1_encoded_public_key(key, point, point_count) == 1)
    return key;
  EVP_PKEY_free(key);
  return NULL;
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

/* HKDF with SHA-256. In C because a parameter keeps the pointer to its name, and Swift passes names as temporaries. */
static inline int copenssl_hkdf_sha256(EVP_KDF *hkdf, const void *secret, size_t secret_count, const void *salt,
                                       size_t salt_count, const void *info, size_t info_count, void *output,
                                       size_t output_count) {
  EVP_KDF_CTX *context = EVP_KDF_CTX_new(hkdf);
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
      /* The library tells "no key" from "an empty key" by the pointer alone. */
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret ? (void *)secret : (void *)"", secret_count),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_count),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_count),
      OSSL_PARAM_construct_end(),
  };
  int done = context && EVP_KDF_derive(context, (unsigned char *)output, output_count, parameters) == 1;
  EVP_KDF_CTX_free(context);
  return done;
}

static inline void copenssl_free(void *memory) { OPENSSL_free(memory); }
static inline void copenssl_clear_free(void *memory, size_t count) { OPENSSL_clear_free(memory, count); }

/* TLS: the macros, and a socket BIO. */

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

static inline int copenssl_ssl_min_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline int copenssl_ssl_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline int copenssl_ssl_set_groups(SSL_CTX *context, const char *list) {
  return (int)SSL_CTX_set1_groups_list(context, list);
}
static inline int copenssl_ssl_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, name);
}
/* No compression, renegotiation, tickets or resumption: each is state that outlives a connection. Writes may be partial
   and repeated from another buffer, as a non-blocking caller does; idle connections give their buffers back. */
static inline void copenssl_ssl_harden(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
}

/* The library's own socket BIO calls write(2), which kills the process with SIGPIPE when a peer has gone. */
static inline int copenssl_socket_write(BIO *bio, const char *bytes, int count) {
  int socket = (int)(intptr_t)BIO_get_data(bio);
  ssize_t written;
  do written = send(socket, bytes, (size_t)count, MSG_NOSIGNAL);
  while (written < 0 && errno == EINTR);
  BIO_clear_retry_flags(bio);
  if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(bio);
  return (int)written;
}
static inline int copenssl_socket_read(BIO *bio, char *bytes, int count) {
  int socket = (int)(intptr_t)BIO_get_data(bio);
  ssize_t received;
  do received = recv(socket, bytes, (size_t)count, 0);
  while (received < 0 && errno == EINTR);
  BIO_clear_retry_flags(bio);
  if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
  if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return (int)received;
}
static inline long copenssl_socket_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  (void)pointer;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}
static inline BIO_METHOD *copenssl_socket_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
  if (method) {
    BIO_meth_set_write(method, copenssl_socket_write);
    BIO_meth_set_read(method, copenssl_socket_read);
    BIO_meth_set_ctrl(method, copenssl_socket_ctrl);
  }
  return method;
}
/* Reads and writes the socket, and leaves closing it to its owner. */
static inline BIO *copenssl_socket_bio(const BIO_METHOD *method, int socket) {
  BIO *bio = BIO_new(method);
  if (bio) {
    BIO_set_data(bio, (void *)(intptr_t)socket);
    BIO_set_init(bio, 1);
  }
  return bio;
}
