// Secrets that only this TPM opens, and only while its registers are those of a policy.
#include "Connection.h"

#include <string.h>

uint32_t ctpm_seal(
    struct ctpm *tpm, const uint8_t policy[32], const uint8_t *secret, size_t secret_count, uint8_t *public_area,
    size_t *public_count, uint8_t *private_area, size_t *private_count) {
  TPM2B_SENSITIVE_CREATE sensitive = {0};
  TPM2B_PUBLIC template = {0};
  const TPM2B_DATA nothing_outside = {0};
  const TPML_PCR_SELECTION no_registers = {0};
  ESYS_TR parent = ESYS_TR_NONE, session = ESYS_TR_NONE;
  TPM2B_PUBLIC *public = NULL;
  TPM2B_PRIVATE *private = NULL;
  // MAX_SYM_DATA: what every TPM takes (part 2, section 11.1.13).
  if (secret_count == 0 || secret_count > 128) return CTPM_INPUT;
  memcpy(sensitive.sensitive.data.buffer, secret, secret_count);
  sensitive.sensitive.data.size = (UINT16)secret_count;
  template.publicArea.type = TPM2_ALG_KEYEDHASH;
  template.publicArea.nameAlg = TPM2_ALG_SHA256;
  // Without userWithAuth there is no way in but the policy.
  template.publicArea.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA;
  template.publicArea.authPolicy.size = 32;
  memcpy(template.publicArea.authPolicy.buffer, policy, 32);
  template.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  TSS2_RC code = ctpm_storage_primary(tpm, &parent);
  if (code == TSS2_RC_SUCCESS) code = ctpm_session(tpm, TPM2_SE_HMAC, parent, TPMA_SESSION_DECRYPT, &session);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_Create(
        tpm->esys, parent, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &nothing_outside, &no_registers,
        &private, &public, NULL, NULL, NULL);
  if (code == TSS2_RC_SUCCESS) code = ctpm_put_public(public, public_area, public_count);
  if (code == TSS2_RC_SUCCESS) code = ctpm_put(private->buffer, private->size, private_area, private_count);
  explicit_bzero(&sensitive, sizeof sensitive);
  Esys_Free(public);
  Esys_Free(private);
  ctpm_flush(tpm, &session);
  ctpm_flush(tpm, &parent);
  return code;
}

uint32_t ctpm_unseal(
    struct ctpm *tpm, uint16_t bank, const uint8_t selection[3], const uint8_t *public_area, size_t public_count,
    const uint8_t *private_area, size_t private_count, uint8_t *secret, size_t *secret_count) {
  const TPML_PCR_SELECTION registers = ctpm_selection(bank, selection);
  const TPM2B_DIGEST as_they_are = {0};
  TPM2B_PUBLIC public = {0};
  TPM2B_PRIVATE private = {0};
  ESYS_TR parent = ESYS_TR_NONE, object = ESYS_TR_NONE, session = ESYS_TR_NONE;
  TPM2B_SENSITIVE_DATA *data = NULL;
  size_t offset = 0;
  TSS2_RC code = Tss2_MU_TPMT_PUBLIC_Unmarshal(public_area, public_count, &offset, &public.publicArea);
  if (code == TSS2_RC_SUCCESS && offset != public_count) code = CTPM_INPUT;
  if (code == TSS2_RC_SUCCESS)
    code = ctpm_take(private_area, private_count, private.buffer, sizeof private.buffer, &private.size);
  if (code == TSS2_RC_SUCCESS) code = ctpm_storage_primary(tpm, &parent);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_Load(
        tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private, &public, &object);
  if (code == TSS2_RC_SUCCESS) code = ctpm_session(tpm, TPM2_SE_POLICY, parent, TPMA_SESSION_ENCRYPT, &session);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_PolicyPCR(
        tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &as_they_are, &registers);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_Unseal(tpm->esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
  if (code == TSS2_RC_SUCCESS) {
    code = ctpm_put(data->buffer, data->size, secret, secret_count);
    explicit_bzero(data, sizeof *data);
  }
  Esys_Free(data);
  ctpm_flush(tpm, &session);
  ctpm_flush(tpm, &object);
  ctpm_flush(tpm, &parent);
  return code;
}
