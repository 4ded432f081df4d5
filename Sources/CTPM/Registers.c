// Registers: quoting, reading and extending them.
#include "Connection.h"

#include <string.h>

enum { ATTEMPTS = 16 };

uint32_t ctpm_quote(
    struct ctpm *tpm, uint32_t key, const uint8_t *extra, size_t extra_count, uint16_t bank, const uint8_t selection[3],
    uint8_t *attest, size_t *attest_count, uint8_t *signature, size_t *signature_count) {
  const TPML_PCR_SELECTION registers = ctpm_selection(bank, selection);
  const TPMT_SIG_SCHEME of_the_key = {.scheme = TPM2_ALG_NULL};
  TPM2B_DATA qualifying = {0};
  ESYS_TR signer = ESYS_TR_NONE;
  TPM2B_ATTEST *quoted = NULL;
  TPMT_SIGNATURE *signed_by = NULL;
  TSS2_RC code = ctpm_take(extra, extra_count, qualifying.buffer, sizeof qualifying.buffer, &qualifying.size);
  if (code == TSS2_RC_SUCCESS) code = ctpm_find(tpm, key, &signer);
  if (code == TSS2_RC_SUCCESS)
    code = Esys_Quote(
        tpm->esys, signer, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &qualifying, &of_the_key, &registers, &quoted,
        &signed_by);
  if (code == TSS2_RC_SUCCESS) code = ctpm_put(quoted->attestationData, quoted->size, attest, attest_count);
  if (code == TSS2_RC_SUCCESS) {
    uint8_t buffer[sizeof(TPMT_SIGNATURE)];
    size_t offset = 0;
    code = Tss2_MU_TPMT_SIGNATURE_Marshal(signed_by, buffer, sizeof buffer, &offset);
    if (code == TSS2_RC_SUCCESS) code = ctpm_put(buffer, offset, signature, signature_count);
  }
  Esys_Free(quoted);
  Esys_Free(signed_by);
  ctpm_forget(tpm, &signer);
  return code;
}

static size_t digest_size(uint16_t bank) {
  switch (bank) {
    case TPM2_ALG_SHA1: return 20;
    case TPM2_ALG_SHA256: return 32;
    case TPM2_ALG_SHA384: return 48;
    case TPM2_ALG_SHA512: return 64;
    default: return 0;
  }
}

/// One walk over the selected registers. `is_steady` tells whether none was extended between the first and the last
/// answer.
static TSS2_RC read_once(
    struct ctpm *tpm, uint16_t bank, const uint8_t selection[3], uint8_t *values, size_t capacity, size_t *count,
    bool *is_steady) {
  const size_t size = digest_size(bank);
  uint8_t wanted[3];
  memcpy(wanted, selection, sizeof wanted);
  UINT32 first_update = 0;
  bool is_first = true;
  *is_steady = true;
  *count = 0;
  while (wanted[0] | wanted[1] | wanted[2]) {
    // The TPM answers with as many registers as one response holds, the lowest first.
    const TPML_PCR_SELECTION asked = ctpm_selection(bank, wanted);
    TPML_PCR_SELECTION *answered = NULL;
    TPML_DIGEST *digests = NULL;
    UINT32 update = 0;
    TSS2_RC code = Esys_PCR_Read(
        tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &asked, &update, &answered, &digests);
    if (code == TSS2_RC_SUCCESS && (digests->count == 0 || answered->count != 1)) code = CTPM_BANK;
    UINT32 digest = 0;
    for (unsigned i = 0; code == TSS2_RC_SUCCESS && i < 24; i++) {
      const uint8_t bit = (uint8_t)(1u << (i % 8));
      if (i / 8 >= answered->pcrSelections[0].sizeofSelect) break;
      if (!(answered->pcrSelections[0].pcrSelect[i / 8] & bit)) continue;
      if (!(wanted[i / 8] & bit) || digest >= digests->count || digests->digests[digest].size != size)
        code = CTPM_ANSWER;
      else if (capacity - *count < size)
        code = CTPM_SPACE;
      else {
        memcpy(values + *count, digests->digests[digest].buffer, size);
        *count += size;
        wanted[i / 8] &= (uint8_t)~bit;
        digest++;
      }
    }
    // An answer without any of the registers asked for would have us ask for ever.
    if (code == TSS2_RC_SUCCESS && digest == 0) code = CTPM_BANK;
    Esys_Free(answered);
    Esys_Free(digests);
    if (code != TSS2_RC_SUCCESS) return code;
    if (is_first) first_update = update;
    if (update != first_update) *is_steady = false;
    is_first = false;
  }
  return TSS2_RC_SUCCESS;
}

uint32_t ctpm_read_registers(
    struct ctpm *tpm, uint16_t bank, const uint8_t selection[3], uint8_t *values, size_t *count) {
  const size_t capacity = *count;
  *count = 0;
  if (digest_size(bank) == 0) return CTPM_BANK;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    bool is_steady = false;
    size_t filled = 0;
    TSS2_RC code = read_once(tpm, bank, selection, values, capacity, &filled, &is_steady);
    if (code != TSS2_RC_SUCCESS) return code;
    if (is_steady) {
      *count = filled;
      return TSS2_RC_SUCCESS;
    }
  }
  return CTPM_UNSTEADY;
}

uint32_t ctpm_banks(struct ctpm *tpm, uint16_t *banks, size_t *count) {
  const size_t capacity = *count;
  *count = 0;
  TPMS_CAPABILITY_DATA *data = NULL;
  TPMI_YES_NO more;
  // The list of banks comes whole whatever is asked for (part 3, section 30.2.1).
  TSS2_RC code = Esys_GetCapability(
      tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_PCRS, 0, TPM2_NUM_PCR_BANKS, &more, &data);
  if (code == TSS2_RC_SUCCESS) {
    const TPML_PCR_SELECTION *found = &data->data.assignedPCR;
    for (UINT32 i = 0; code == TSS2_RC_SUCCESS && i < found->count && i < TPM2_NUM_PCR_BANKS; i++) {
      const TPMS_PCR_SELECTION *bank = &found->pcrSelections[i];
      uint8_t any = 0;
      for (unsigned byte = 0; byte < bank->sizeofSelect && byte < sizeof bank->pcrSelect; byte++)
        any |= bank->pcrSelect[byte];
      if (any == 0) continue;
      if (*count == capacity)
        code = CTPM_SPACE;
      else
        banks[(*count)++] = bank->hash;
    }
  }
  if (code != TSS2_RC_SUCCESS) *count = 0;
  Esys_Free(data);
  return code;
}

uint32_t ctpm_extend(
    struct ctpm *tpm, uint32_t index, const uint16_t *banks, size_t bank_count, const uint8_t *digests,
    size_t digest_count) {
  if (index > 23 || bank_count == 0 || bank_count > TPM2_NUM_PCR_BANKS) return CTPM_INPUT;
  TPML_DIGEST_VALUES values = {.count = (UINT32)bank_count};
  size_t taken = 0;
  for (size_t i = 0; i < bank_count; i++) {
    const size_t size = digest_size(banks[i]);
    if (size == 0) return CTPM_BANK;
    if (digest_count - taken < size) return CTPM_INPUT;
    values.digests[i].hashAlg = banks[i];
    memcpy(&values.digests[i].digest, digests + taken, size);
    taken += size;
  }
  if (taken != digest_count) return CTPM_INPUT;
  return Esys_PCR_Extend(
      tpm->esys, ESYS_TR_PCR0 + index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &values);
}
