// Primary keys, and where the attestation keys are kept.
#include "Connection.h"

#include <string.h>

// PolicySecret(endorsement): what both default templates of endorsement keys carry (TCG EK Credential Profile 2.4,
// B.3).
static const TPM2B_DIGEST endorsement_policy = {
    .size = 32,
    .buffer = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24,
               0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA}};

// What sets our attestation keys apart from others of the same template: part of the derivation (part 3, section 24.1).
static const char attestation_label[] = "safebox/attestation-key/v1";

static const TPMA_OBJECT endorsement_attributes =
    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_ADMINWITHPOLICY |
    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
static const TPMA_OBJECT attestation_attributes =
    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT;
static const TPMA_OBJECT storage_attributes =
    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;

static const TPMT_SYM_DEF_OBJECT aes128 = {
    .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};
static const TPMT_SYM_DEF_OBJECT no_cipher = {.algorithm = TPM2_ALG_NULL};

static TPM2B_PUBLIC rsa_template(TPMA_OBJECT attributes, TPMT_SYM_DEF_OBJECT symmetric) {
  TPM2B_PUBLIC template = {0};
  template.publicArea.type = TPM2_ALG_RSA;
  template.publicArea.nameAlg = TPM2_ALG_SHA256;
  template.publicArea.objectAttributes = attributes;
  template.publicArea.parameters.rsaDetail.symmetric = symmetric;
  template.publicArea.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
  template.publicArea.parameters.rsaDetail.keyBits = 2048;
  return template;
}

static TPM2B_PUBLIC p256_template(TPMA_OBJECT attributes, TPMT_SYM_DEF_OBJECT symmetric) {
  TPM2B_PUBLIC template = {0};
  template.publicArea.type = TPM2_ALG_ECC;
  template.publicArea.nameAlg = TPM2_ALG_SHA256;
  template.publicArea.objectAttributes = attributes;
  template.publicArea.parameters.eccDetail.symmetric = symmetric;
  template.publicArea.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
  template.publicArea.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
  template.publicArea.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  return template;
}

static TPM2B_PUBLIC template_of(enum ctpm_key kind) {
  TPM2B_PUBLIC template;
  switch (kind) {
    case CTPM_EK_RSA:
      template = rsa_template(endorsement_attributes, aes128);
      template.publicArea.authPolicy = endorsement_policy;
      template.publicArea.unique.rsa.size = 256;
      break;
    case CTPM_EK_P256:
      template = p256_template(endorsement_attributes, aes128);
      template.publicArea.authPolicy = endorsement_policy;
      template.publicArea.unique.ecc.x.size = 32;
      template.publicArea.unique.ecc.y.size = 32;
      break;
    case CTPM_AK_RSA:
      template = rsa_template(attestation_attributes, no_cipher);
      template.publicArea.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
      template.publicArea.parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
      template.publicArea.unique.rsa.size = sizeof attestation_label - 1;
      memcpy(template.publicArea.unique.rsa.buffer, attestation_label, sizeof attestation_label - 1);
      break;
    case CTPM_AK_P256:
    default:
      template = p256_template(attestation_attributes, no_cipher);
      template.publicArea.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
      template.publicArea.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
      template.publicArea.unique.ecc.x.size = sizeof attestation_label - 1;
      memcpy(template.publicArea.unique.ecc.x.buffer, attestation_label, sizeof attestation_label - 1);
      break;
  }
  return template;
}

TSS2_RC ctpm_primary(
    struct ctpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *template, ESYS_TR *key, TPM2B_PUBLIC **public) {
  const TPM2B_SENSITIVE_CREATE nothing_secret = {0};
  const TPM2B_DATA nothing_outside = {0};
  const TPML_PCR_SELECTION no_registers = {0};
  return Esys_CreatePrimary(
      tpm->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing_secret, template, &nothing_outside,
      &no_registers, key, public, NULL, NULL, NULL);
}

TSS2_RC ctpm_endorsement_primary(struct ctpm *tpm, enum ctpm_key kind, ESYS_TR *key, TPM2B_PUBLIC **public) {
  if (kind != CTPM_EK_RSA && kind != CTPM_EK_P256) return CTPM_INPUT;
  const TPM2B_PUBLIC template = template_of(kind);
  return ctpm_primary(tpm, ESYS_TR_RH_ENDORSEMENT, &template, key, public);
}

TSS2_RC ctpm_storage_primary(struct ctpm *tpm, ESYS_TR *key) {
  TPM2B_PUBLIC template = p256_template(storage_attributes, aes128);
  template.publicArea.unique.ecc.x.size = 32;
  template.publicArea.unique.ecc.y.size = 32;
  return ctpm_primary(tpm, ESYS_TR_RH_OWNER, &template, key, NULL);
}

uint32_t ctpm_endorsement_key(
    struct ctpm *tpm, enum ctpm_key kind, uint8_t *public_area, size_t *public_count, uint8_t *name,
    size_t *name_count) {
  ESYS_TR key = ESYS_TR_NONE;
  TPM2B_PUBLIC *public = NULL;
  TSS2_RC code = ctpm_endorsement_primary(tpm, kind, &key, &public);
  if (code == TSS2_RC_SUCCESS) code = ctpm_put_public(public, public_area, public_count);
  if (code == TSS2_RC_SUCCESS) code = ctpm_put_name(tpm, key, name, name_count);
  Esys_Free(public);
  ctpm_flush(tpm, &key);
  return code;
}

static TSS2_RC put_object(
    struct ctpm *tpm, ESYS_TR object, TPM2B_PUBLIC **public, uint8_t *public_area, size_t *public_count, uint8_t *name,
    size_t *name_count) {
  TSS2_RC code =
      Esys_ReadPublic(tpm->esys, object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, public, NULL, NULL);
  if (code == TSS2_RC_SUCCESS) code = ctpm_put_public(*public, public_area, public_count);
  if (code == TSS2_RC_SUCCESS) code = ctpm_put_name(tpm, object, name, name_count);
  return code;
}

/// Whether a key is of the template, whatever its unique part.
static bool is_of(const TPM2B_PUBLIC *template, const TPM2B_PUBLIC *key) {
  TPM2B_PUBLIC expected = *template, found = *key;
  uint8_t left[sizeof(TPMT_PUBLIC)], right[sizeof(TPMT_PUBLIC)];
  size_t left_count = 0, right_count = 0;
  memset(&expected.publicArea.unique, 0, sizeof expected.publicArea.unique);
  memset(&found.publicArea.unique, 0, sizeof found.publicArea.unique);
  return Tss2_MU_TPMT_PUBLIC_Marshal(&expected.publicArea, left, sizeof left, &left_count) == TSS2_RC_SUCCESS &&
         Tss2_MU_TPMT_PUBLIC_Marshal(&found.publicArea, right, sizeof right, &right_count) == TSS2_RC_SUCCESS &&
         left_count == right_count && memcmp(left, right, left_count) == 0;
}

uint32_t ctpm_attestation_key(
    struct ctpm *tpm, enum ctpm_key kind, uint32_t handle, uint8_t *public_area, size_t *public_count, uint8_t *name,
    size_t *name_count) {
  if (kind != CTPM_AK_P256 && kind != CTPM_AK_RSA) return CTPM_INPUT;
  const TPM2B_PUBLIC template = template_of(kind);
  ESYS_TR primary = ESYS_TR_NONE, key = ESYS_TR_NONE;
  TPM2B_PUBLIC *public = NULL;
  TSS2_RC code = ctpm_find(tpm, handle, &key);
  if (code == (TSS2_RC)CTPM_ABSENT) {
    code = ctpm_primary(tpm, ESYS_TR_RH_OWNER, &template, &primary, NULL);
    if (code == TSS2_RC_SUCCESS)
      code = Esys_EvictControl(
          tpm->esys, ESYS_TR_RH_OWNER, primary, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle, &key);
    // Another client stored the same key a moment ago.
    if (code == TPM2_RC_NV_DEFINED) code = ctpm_find(tpm, handle, &key);
  }
  if (code == TSS2_RC_SUCCESS) code = put_object(tpm, key, &public, public_area, public_count, name, name_count);
  if (code == TSS2_RC_SUCCESS && !is_of(&template, public)) code = CTPM_FOREIGN;
  Esys_Free(public);
  ctpm_forget(tpm, &key);
  ctpm_flush(tpm, &primary);
  return code;
}

uint32_t ctpm_persistent_key(
    struct ctpm *tpm, uint32_t handle, uint8_t *public_area, size_t *public_count, uint8_t *name, size_t *name_count) {
  ESYS_TR key = ESYS_TR_NONE;
  TPM2B_PUBLIC *public = NULL;
  TSS2_RC code = ctpm_find(tpm, handle, &key);
  if (code == TSS2_RC_SUCCESS) code = put_object(tpm, key, &public, public_area, public_count, name, name_count);
  Esys_Free(public);
  ctpm_forget(tpm, &key);
  return code;
}

uint32_t ctpm_activate(
    struct ctpm *tpm, enum ctpm_key endorsement, uint32_t key, const uint8_t *credential, size_t credential_count,
    const uint8_t *secret, size_t secret_count, uint8_t *opened, size_t *opened_count) {
  TPM2B_ID_OBJECT blob = {0};
  TPM2B_ENCRYPTED_SECRET seed = {0};
  ESYS_TR attestation = ESYS_TR_NONE, primary = ESYS_TR_NONE, session = ESYS_TR_NONE;
  TPM2B_DIGEST *plain = NULL;
  TSS2_RC code = ctpm_take(credential, credential_count, blob.credential, sizeof blob.credential, &blob.size);
  if (code == TSS2_RC_SUCCESS) code = ctpm_take(secret, secret_count, seed.secret, sizeof seed.secret, &seed.size);
  if (code == TSS2_RC_SUCCESS) code = ctpm_find(tpm, key, &attestation);
  if (code == TSS2_RC_SUCCESS) code = ctpm_endorsement_primary(tpm, endorsement, &primary, NULL);
  if (code == TSS2_RC_SUCCESS) code = ctpm_session(tpm, TPM2_SE_POLICY, ESYS_TR_NONE, 0, &session);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_PolicySecret(
        tpm->esys, ESYS_TR_RH_ENDORSEMENT, session, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0,
        NULL, NULL);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_ActivateCredential(
        tpm->esys, attestation, primary, ESYS_TR_PASSWORD, session, ESYS_TR_NONE, &blob, &seed, &plain);
  if (code == TSS2_RC_SUCCESS) {
    code = ctpm_put(plain->buffer, plain->size, opened, opened_count);
    explicit_bzero(plain, sizeof *plain);
  }
  Esys_Free(plain);
  ctpm_flush(tpm, &session);
  ctpm_flush(tpm, &primary);
  ctpm_forget(tpm, &attestation);
  return code;
}
