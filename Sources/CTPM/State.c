// What a TPM tells about itself: properties, handles in use, its clock.
#include "Connection.h"

uint32_t ctpm_property(struct ctpm *tpm, uint32_t property, uint32_t *value) {
  TPMS_CAPABILITY_DATA *data = NULL;
  TPMI_YES_NO more;
  TSS2_RC code = Esys_GetCapability(
      tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, property, 1, &more, &data);
  if (code == TSS2_RC_SUCCESS) {
    // The TPM answers with the next property that it has.
    const TPML_TAGGED_TPM_PROPERTY *found = &data->data.tpmProperties;
    if (found->count >= 1 && found->tpmProperty[0].property == property)
      *value = found->tpmProperty[0].value;
    else
      code = CTPM_ABSENT;
  }
  Esys_Free(data);
  return code;
}

uint32_t ctpm_handles(struct ctpm *tpm, uint32_t first, uint32_t *handles, size_t *count) {
  const size_t capacity = *count;
  size_t filled = 0;
  TPM2_HANDLE next = first;
  TPMI_YES_NO more = TPM2_YES;
  TSS2_RC code = TSS2_RC_SUCCESS;
  while (code == TSS2_RC_SUCCESS && more == TPM2_YES && filled < capacity) {
    TPMS_CAPABILITY_DATA *data = NULL;
    const UINT32 room = capacity - filled < TPM2_MAX_CAP_HANDLES ? (UINT32)(capacity - filled) : TPM2_MAX_CAP_HANDLES;
    code = Esys_GetCapability(
        tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, next, room, &more, &data);
    if (code == TSS2_RC_SUCCESS) {
      const TPML_HANDLE *found = &data->data.handles;
      // An empty page that promises more would never end.
      if (found->count == 0 || found->count > room) more = TPM2_NO;
      for (UINT32 i = 0; i < found->count && i < room; i++) handles[filled++] = found->handle[i];
      if (filled > 0) next = handles[filled - 1] + 1;
    }
    Esys_Free(data);
  }
  *count = code == TSS2_RC_SUCCESS ? filled : 0;
  return code;
}

uint32_t ctpm_flush_remains(struct ctpm *tpm) {
  static const uint32_t kinds[] = {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST, TPM2_ACTIVE_SESSION_FIRST};
  for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
    uint32_t handles[64];
    size_t count = sizeof handles / sizeof handles[0];
    TSS2_RC code = ctpm_handles(tpm, kinds[kind], handles, &count);
    if (code != TSS2_RC_SUCCESS) return code;
    for (size_t i = 0; i < count; i++) {
      ESYS_TR object = ESYS_TR_NONE;
      // The list of saved sessions has handles of its own type; a flush names the session by its HMAC handle.
      const uint32_t handle = kinds[kind] == TPM2_TRANSIENT_FIRST
                                  ? handles[i]
                                  : (handles[i] & 0x00FFFFFF) | ((uint32_t)TPM2_HT_HMAC_SESSION << 24);
      code = Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);
      if (code == TSS2_RC_SUCCESS) ctpm_flush(tpm, &object);
    }
  }
  return TSS2_RC_SUCCESS;
}

uint32_t ctpm_read_clock(struct ctpm *tpm, struct ctpm_clock *clock) {
  TPMS_TIME_INFO *info = NULL;
  TSS2_RC code = Esys_ReadClock(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &info);
  if (code == TSS2_RC_SUCCESS)
    *clock = (struct ctpm_clock){
        .time = info->time,
        .clock = info->clockInfo.clock,
        .reset_count = info->clockInfo.resetCount,
        .restart_count = info->clockInfo.restartCount,
        .is_safe = info->clockInfo.safe == TPM2_YES};
  Esys_Free(info);
  return code;
}
