#pragma once
// What the files of this target share.
#include <CTPM.h>
#include <signal.h>
#include <stdbool.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

struct ctpm {
  TSS2_TCTI_CONTEXT *tcti;
  ESYS_CONTEXT *esys;
  sigset_t signals;
  bool broken_pipe_was_pending;
};

/// A response code without the number of the handle, session or parameter that it is about (part 2, section 6.6.2).
TSS2_RC ctpm_plain(TSS2_RC code);

/// Copies out, if there is room.
TSS2_RC ctpm_put(const void *source, size_t source_count, uint8_t *bytes, size_t *count);

/// Copies into a TPM2B's buffer, if there is room.
TSS2_RC ctpm_take(const uint8_t *source, size_t source_count, uint8_t *buffer, size_t capacity, UINT16 *size);

/// Marshals a TPMT_PUBLIC and copies the name of an object.
TSS2_RC ctpm_put_public(const TPM2B_PUBLIC *public, uint8_t *bytes, size_t *count);
TSS2_RC ctpm_put_name(struct ctpm *tpm, ESYS_TR object, uint8_t *bytes, size_t *count);

/// Finds what lies at a persistent handle or NV index. CTPM_ABSENT when nothing does. To be closed with ctpm_forget.
TSS2_RC ctpm_find(struct ctpm *tpm, TPM2_HANDLE handle, ESYS_TR *object);

/// Drops the software stack's record of what lies in the TPM and stays there.
void ctpm_forget(struct ctpm *tpm, ESYS_TR *object);

/// Takes a transient object or session out of the TPM; ESYS_TR_NONE is ignored.
void ctpm_flush(struct ctpm *tpm, ESYS_TR *object);

/// Makes a primary key from a template. The caller flushes it.
TSS2_RC ctpm_primary(
    struct ctpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *template, ESYS_TR *key, TPM2B_PUBLIC **public);
TSS2_RC ctpm_endorsement_primary(struct ctpm *tpm, enum ctpm_key kind, ESYS_TR *key, TPM2B_PUBLIC **public);

/// The storage key below which secrets are sealed: P-256 (TCG TPM v2.0 Provisioning Guidance, section 7.5.1). The
/// caller flushes it.
TSS2_RC ctpm_storage_primary(struct ctpm *tpm, ESYS_TR *key);

/// A session of a type, salted to a key unless that is ESYS_TR_NONE; then its first parameters cross the bus encrypted
/// in the directions of `attributes`. The caller flushes it.
TSS2_RC ctpm_session(
    struct ctpm *tpm, TPM2_SE type, ESYS_TR salt_key, TPMA_SESSION attributes, ESYS_TR *session);

/// A selection of registers of one bank.
TPML_PCR_SELECTION ctpm_selection(uint16_t bank, const uint8_t selection[3]);
