// What a TPM stores at NV indexes: counters that only rise, and bytes that others put there.
#include "Connection.h"

#include <string.h>

// Anybody may count up and read; nobody can write another value to an index of this type.
static const TPMA_NV counter_attributes =
    (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT) | TPMA_NV_OWNERWRITE | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD |
    TPMA_NV_AUTHREAD | TPMA_NV_NO_DA;

static TSS2_RC find_index(struct ctpm *tpm, uint32_t index, ESYS_TR *object, TPMS_NV_PUBLIC *description) {
  TPM2B_NV_PUBLIC *public = NULL;
  TSS2_RC code = ctpm_find(tpm, index, object);
  if (code == TSS2_RC_SUCCESS)
    code =
        Esys_NV_ReadPublic(tpm->esys, *object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL);
  if (code == TSS2_RC_SUCCESS) *description = public->nvPublic;
  Esys_Free(public);
  return code;
}

static TSS2_RC find_counter(struct ctpm *tpm, uint32_t index, ESYS_TR *object) {
  TPMS_NV_PUBLIC found = {0};
  TSS2_RC code = find_index(tpm, index, object, &found);
  if (code != TSS2_RC_SUCCESS) return code;
  const bool is_ours =
      (found.attributes & ~(TPMA_NV)TPMA_NV_WRITTEN) == counter_attributes && found.dataSize == 8 &&
      found.authPolicy.size == 0;
  return is_ours ? TSS2_RC_SUCCESS : (TSS2_RC)CTPM_FOREIGN;
}

uint32_t ctpm_define_counter(struct ctpm *tpm, uint32_t index) {
  const TPM2B_AUTH empty = {0};
  TPM2B_NV_PUBLIC public = {0};
  public.nvPublic.nvIndex = index;
  public.nvPublic.nameAlg = TPM2_ALG_SHA256;
  public.nvPublic.attributes = counter_attributes;
  public.nvPublic.dataSize = 8;
  ESYS_TR object = ESYS_TR_NONE;
  TSS2_RC code = Esys_NV_DefineSpace(
      tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &empty, &public, &object);
  if (code == TPM2_RC_NV_DEFINED) code = find_counter(tpm, index, &object);
  ctpm_forget(tpm, &object);
  return code;
}

uint32_t ctpm_increment_counter(struct ctpm *tpm, uint32_t index) {
  ESYS_TR object = ESYS_TR_NONE;
  TSS2_RC code = find_counter(tpm, index, &object);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_NV_Increment(tpm->esys, object, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
  ctpm_forget(tpm, &object);
  return code;
}

uint32_t ctpm_read_counter(struct ctpm *tpm, uint32_t index, uint64_t *value) {
  ESYS_TR object = ESYS_TR_NONE;
  TPM2B_MAX_NV_BUFFER *data = NULL;
  TSS2_RC code = find_counter(tpm, index, &object);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_NV_Read(tpm->esys, object, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, 8, 0, &data);
  if (code == TSS2_RC_SUCCESS && data->size != 8) code = CTPM_ANSWER;
  if (code == TSS2_RC_SUCCESS) {
    *value = 0;
    for (int i = 0; i < 8; i++) *value = *value << 8 | data->buffer[i];
  }
  Esys_Free(data);
  ctpm_forget(tpm, &object);
  return code;
}

uint32_t ctpm_read_index(struct ctpm *tpm, uint32_t index, uint8_t *bytes, size_t *count) {
  const size_t capacity = *count;
  *count = 0;
  ESYS_TR object = ESYS_TR_NONE;
  TPMS_NV_PUBLIC found = {0};
  uint32_t chunk = 0;
  TSS2_RC code = find_index(tpm, index, &object, &found);
  if (code == TSS2_RC_SUCCESS && found.dataSize > capacity) code = CTPM_SPACE;
  if (code == TSS2_RC_SUCCESS) code = ctpm_property(tpm, TPM2_PT_NV_BUFFER_MAX, &chunk);
  if (code == TSS2_RC_SUCCESS && (chunk == 0 || chunk > TPM2_MAX_NV_BUFFER_SIZE)) chunk = 512;
  const ESYS_TR authority = (found.attributes & TPMA_NV_OWNERREAD) ? ESYS_TR_RH_OWNER : object;
  size_t filled = 0;
  while (code == TSS2_RC_SUCCESS && filled < found.dataSize) {
    TPM2B_MAX_NV_BUFFER *data = NULL;
    const size_t rest = found.dataSize - filled;
    const UINT16 wanted = (UINT16)(rest < chunk ? rest : chunk);
    code = Esys_NV_Read(
        tpm->esys, authority, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, wanted, (UINT16)filled, &data);
    if (code == TSS2_RC_SUCCESS && (data->size == 0 || data->size > wanted)) code = CTPM_ANSWER;
    if (code == TSS2_RC_SUCCESS) {
      memcpy(bytes + filled, data->buffer, data->size);
      filled += data->size;
    }
    Esys_Free(data);
  }
  if (code == TSS2_RC_SUCCESS) *count = filled;
  ctpm_forget(tpm, &object);
  return code;
}
