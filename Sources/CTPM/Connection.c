#include "Connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tss2/tss2_tctildr.h>

// The software stack writes its errors to standard error, from where nobody reads them; ours go to the caller. Done
// before main, because setenv is not safe beside other threads; what the environment already says is kept.
__attribute__((constructor)) static void ctpm_silence(void) { setenv("TSS2_LOG", "all+none", 0); }

static void hold_broken_pipes(struct ctpm *tpm) {
  sigset_t broken_pipe, pending;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  sigemptyset(&pending);
  sigpending(&pending);
  tpm->broken_pipe_was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &broken_pipe, &tpm->signals);
}

static void release_broken_pipes(struct ctpm *tpm) {
  // A SIGPIPE of ours must not be delivered when the mask is put back.
  if (!tpm->broken_pipe_was_pending) {
    sigset_t broken_pipe;
    const struct timespec now = {0, 0};
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    while (sigtimedwait(&broken_pipe, NULL, &now) < 0 && errno == EINTR) {}
  }
  pthread_sigmask(SIG_SETMASK, &tpm->signals, NULL);
}

uint32_t ctpm_open(const char *tcti, struct ctpm **out) {
  *out = NULL;
  struct ctpm *tpm = calloc(1, sizeof *tpm);
  if (!tpm) return TSS2_ESYS_RC_MEMORY;
  hold_broken_pipes(tpm);
  TSS2_RC code = Tss2_TctiLdr_Initialize(tcti, &tpm->tcti);
  if (code == TSS2_RC_SUCCESS) code = Esys_Initialize(&tpm->esys, tpm->tcti, NULL);
  if (code != TSS2_RC_SUCCESS) {
    ctpm_close(tpm);
    return code;
  }
  *out = tpm;
  return TSS2_RC_SUCCESS;
}

void ctpm_close(struct ctpm *tpm) {
  if (!tpm) return;
  if (tpm->esys) Esys_Finalize(&tpm->esys);
  if (tpm->tcti) Tss2_TctiLdr_Finalize(&tpm->tcti);
  release_broken_pipes(tpm);
  free(tpm);
}

TSS2_RC ctpm_plain(TSS2_RC code) {
  // Only the TPM's own format-one codes carry a number: bit 7 set, no layer.
  if ((code & 0xFFFF0000) != 0 || (code & TPM2_RC_FMT1) == 0) return code;
  return code & (TPM2_RC_FMT1 | 0x3F);
}

TSS2_RC ctpm_put(const void *source, size_t source_count, uint8_t *bytes, size_t *count) {
  if (source_count > *count) {
    *count = 0;
    return CTPM_SPACE;
  }
  memcpy(bytes, source, source_count);
  *count = source_count;
  return TSS2_RC_SUCCESS;
}

TSS2_RC ctpm_take(const uint8_t *source, size_t source_count, uint8_t *buffer, size_t capacity, UINT16 *size) {
  if (source_count > capacity) return CTPM_INPUT;
  if (source_count > 0) memcpy(buffer, source, source_count);
  *size = (UINT16)source_count;
  return TSS2_RC_SUCCESS;
}

TSS2_RC ctpm_put_public(const TPM2B_PUBLIC *public, uint8_t *bytes, size_t *count) {
  uint8_t buffer[sizeof(TPMT_PUBLIC)];
  size_t offset = 0;
  TSS2_RC code = Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, buffer, sizeof buffer, &offset);
  return code != TSS2_RC_SUCCESS ? code : ctpm_put(buffer, offset, bytes, count);
}

TSS2_RC ctpm_put_name(struct ctpm *tpm, ESYS_TR object, uint8_t *bytes, size_t *count) {
  TPM2B_NAME *name = NULL;
  TSS2_RC code = Esys_TR_GetName(tpm->esys, object, &name);
  if (code == TSS2_RC_SUCCESS) code = ctpm_put(name->name, name->size, bytes, count);
  Esys_Free(name);
  return code;
}

TSS2_RC ctpm_find(struct ctpm *tpm, TPM2_HANDLE handle, ESYS_TR *object) {
  *object = ESYS_TR_NONE;
  TSS2_RC code =
      Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, object);
  // TPM2_ReadPublic and TPM2_NV_ReadPublic answer TPM_RC_HANDLE about their first handle when nothing is there.
  return ctpm_plain(code) == TPM2_RC_HANDLE ? (TSS2_RC)CTPM_ABSENT : code;
}

void ctpm_forget(struct ctpm *tpm, ESYS_TR *object) {
  if (*object != ESYS_TR_NONE) Esys_TR_Close(tpm->esys, object);
  *object = ESYS_TR_NONE;
}

void ctpm_flush(struct ctpm *tpm, ESYS_TR *object) {
  // A TPM that cannot be asked any more has nothing left to flush: it is gone, or its resource manager clears up.
  if (*object != ESYS_TR_NONE && Esys_FlushContext(tpm->esys, *object) != TSS2_RC_SUCCESS)
    Esys_TR_Close(tpm->esys, object);
  *object = ESYS_TR_NONE;
}

TSS2_RC ctpm_session(
    struct ctpm *tpm, TPM2_SE type, ESYS_TR salt_key, TPMA_SESSION attributes, ESYS_TR *session) {
  TPMT_SYM_DEF symmetric = {.algorithm = TPM2_ALG_NULL};
  if (salt_key != ESYS_TR_NONE)
    symmetric = (TPMT_SYM_DEF){.algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};
  TSS2_RC code = Esys_StartAuthSession(
      tpm->esys, salt_key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, type, &symmetric,
      TPM2_ALG_SHA256, session);
  if (code != TSS2_RC_SUCCESS) return code;
  // The TPM keeps the session until it is flushed, so that there is one way in which it ends.
  return Esys_TRSess_SetAttributes(tpm->esys, *session, attributes | TPMA_SESSION_CONTINUESESSION, 0xFF);
}

TPML_PCR_SELECTION ctpm_selection(uint16_t bank, const uint8_t selection[3]) {
  TPML_PCR_SELECTION list = {.count = 1};
  list.pcrSelections[0].hash = bank;
  list.pcrSelections[0].sizeofSelect = 3;
  memcpy(list.pcrSelections[0].pcrSelect, selection, 3);
  return list;
}
