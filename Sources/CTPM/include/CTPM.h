#pragma once
// What is asked of a TPM 2.0, as functions over bytes: the software stack's structures, which Swift would import as
// tuples of thousands of members, stay in here.
//
// Every function returns 0 or a TSS2_RC: the TPM's own response code, one of the software stack's layers, or one of the
// CTPM_ codes below. Nothing that a function loads into the TPM outlives it, whether it succeeds or fails, other than
// what it says it stores. Authorisations of the hierarchies and of the keys made here are empty.
//
// An output is `bytes` with room for `*count`, which becomes how many were written; too little room is CTPM_SPACE and
// nothing is written. A ctpm belongs to one thread from ctpm_open to ctpm_close.
#include <stddef.h>
#include <stdint.h>

/// What this layer itself found wrong: numbers of a layer that neither the TPM nor the software stack uses.
enum {
  /// The output has too little room.
  CTPM_SPACE = 0x00C80001,
  /// An input is longer than the TPM's field for it.
  CTPM_INPUT = 0x00C80002,
  /// Nothing lies at the handle or index.
  CTPM_ABSENT = 0x00C80003,
  /// The TPM keeps no such bank of registers.
  CTPM_BANK = 0x00C80004,
  /// What lies there is not what was asked for: another kind of index, or with other attributes.
  CTPM_FOREIGN = 0x00C80005,
  /// The registers changed between reading the first and the last, again and again.
  CTPM_UNSTEADY = 0x00C80006,
  /// The TPM answered something that cannot be.
  CTPM_ANSWER = 0x00C80007,
};

/// A connection to a TPM.
struct ctpm;

/// Connects. `tcti` is `name:configuration` as in tss2-tctildr(3); the caller vouches for the name, which chooses a
/// library to load. Until ctpm_close, SIGPIPE is held off this thread: the stack writes to sockets whose other end may
/// be gone.
uint32_t ctpm_open(const char *tcti, struct ctpm **tpm);

/// Disconnects; NULL is ignored.
void ctpm_close(struct ctpm *tpm);

/// Flushes all transient objects and sessions that the TPM holds. Only for a TPM that serves one connection at a time
/// and has no resource manager: there, whatever is loaded while we are connected was left behind by somebody who died.
uint32_t ctpm_flush_remains(struct ctpm *tpm);

/// TPM2_GetCapability of one property (TPM_PT; part 2, section 6.13). CTPM_ABSENT when the TPM does not have it.
uint32_t ctpm_property(struct ctpm *tpm, uint32_t property, uint32_t *value);

/// The handles in use that begin with the first byte of `first` (TPM_HT; part 2, section 7.2), at most `*count` of
/// them.
uint32_t ctpm_handles(struct ctpm *tpm, uint32_t first, uint32_t *handles, size_t *count);

/// The keys that are made here, each a primary key from a fixed template: the same seed gives the same key for ever.
enum ctpm_key {
  /// RSA-2048 endorsement key, template L-1 (TCG EK Credential Profile 2.4, annex B.3.3).
  CTPM_EK_RSA,
  /// P-256 endorsement key, template L-2 (annex B.3.4).
  CTPM_EK_P256,
  /// Attestation key: restricted, signs with ECDSA P-256 and SHA-256. Owner hierarchy.
  CTPM_AK_P256,
  /// Attestation key: restricted, signs with RSASSA-PKCS1-v1_5 2048 and SHA-256. Owner hierarchy.
  CTPM_AK_RSA,
};

/// Derives an endorsement key and forgets it again. Puts out its TPMT_PUBLIC and its name.
uint32_t ctpm_endorsement_key(
    struct ctpm *tpm, enum ctpm_key kind, uint8_t *public_area, size_t *public_count, uint8_t *name,
    size_t *name_count);

/// The attestation key at a persistent handle; derives it and stores it there when nothing is there. Puts out its
/// TPMT_PUBLIC and its name. CTPM_FOREIGN when another key lies at the handle.
uint32_t ctpm_attestation_key(
    struct ctpm *tpm, enum ctpm_key kind, uint32_t handle, uint8_t *public_area, size_t *public_count, uint8_t *name,
    size_t *name_count);

/// What lies at a persistent handle. CTPM_ABSENT when nothing does.
uint32_t ctpm_persistent_key(
    struct ctpm *tpm, uint32_t handle, uint8_t *public_area, size_t *public_count, uint8_t *name,
    size_t *name_count);

/// TPM2_Quote by the key at a persistent handle over the registers of one bank. Bit i of byte i/8 of `selection`
/// selects register i. Puts out TPMS_ATTEST and TPMT_SIGNATURE.
uint32_t ctpm_quote(
    struct ctpm *tpm, uint32_t key, const uint8_t *extra, size_t extra_count, uint16_t bank, const uint8_t selection[3],
    uint8_t *attest, size_t *attest_count, uint8_t *signature, size_t *signature_count);

/// Values of registers, one after another by index, all of one moment.
uint32_t ctpm_read_registers(
    struct ctpm *tpm, uint16_t bank, const uint8_t selection[3], uint8_t *values, size_t *count);

/// The banks of registers that the TPM keeps, by their hash's TPM_ALG_ID (TPM2_GetCapability, TPM_CAP_PCRS), at most
/// `*count` of them: what is announced without any register in it is left out.
uint32_t ctpm_banks(struct ctpm *tpm, uint16_t *banks, size_t *count);

/// TPM2_PCR_Extend of one register in several banks, all by one command or none. `digests` are one after another in the
/// order of the banks, each of its bank's size, `digest_count` bytes together.
uint32_t ctpm_extend(
    struct ctpm *tpm, uint32_t index, const uint16_t *banks, size_t bank_count, const uint8_t *digests,
    size_t digest_count);

/// TPM2_ActivateCredential for the key at a persistent handle: opens what was encrypted to an endorsement key for the
/// sake of exactly that key. `credential` and `secret` are the contents of TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET.
uint32_t ctpm_activate(
    struct ctpm *tpm, enum ctpm_key endorsement, uint32_t key, const uint8_t *credential, size_t credential_count,
    const uint8_t *secret, size_t secret_count, uint8_t *opened, size_t *opened_count);

/// Encrypts a secret of at most 128 bytes so that only this TPM opens it again, under a policy digest (SHA-256) that a
/// policy session must reach. Puts out TPMT_PUBLIC and the contents of TPM2B_PRIVATE. The secret crosses the bus
/// encrypted.
uint32_t ctpm_seal(
    struct ctpm *tpm, const uint8_t policy[32], const uint8_t *secret, size_t secret_count, uint8_t *public_area,
    size_t *public_count, uint8_t *private_area, size_t *private_count);

/// Opens it in a policy session of TPM2_PolicyPCR over the registers as they are now. TPM_RC_POLICY_FAIL when they are
/// not those of the policy; TPM_RC_INTEGRITY when another TPM made it.
uint32_t ctpm_unseal(
    struct ctpm *tpm, uint16_t bank, const uint8_t selection[3], const uint8_t *public_area, size_t public_count,
    const uint8_t *private_area, size_t private_count, uint8_t *secret, size_t *secret_count);

/// Stores a counter at an NV index (TPM_NT_COUNTER) unless it is there. A counter that is defined anew starts above
/// every counter that the TPM ever had (part 3, section 31.3.1).
uint32_t ctpm_define_counter(struct ctpm *tpm, uint32_t index);

/// TPM2_NV_Increment. CTPM_FOREIGN when the index is anything but a counter as ctpm_define_counter makes them: an
/// ordinary index in its place could be set to any value.
uint32_t ctpm_increment_counter(struct ctpm *tpm, uint32_t index);

/// The value, which is TPM_RC_NV_UNINITIALIZED before the first increment. CTPM_FOREIGN as above.
uint32_t ctpm_read_counter(struct ctpm *tpm, uint32_t index, uint64_t *value);

/// TPM2_ReadClock (TPMS_TIME_INFO; part 2, section 10.11.6): milliseconds and counts.
struct ctpm_clock {
  uint64_t time;
  uint64_t clock;
  uint32_t reset_count;
  uint32_t restart_count;
  uint8_t is_safe;
};
uint32_t ctpm_read_clock(struct ctpm *tpm, struct ctpm_clock *clock);

/// All bytes of an NV index, by the owner's authorisation where it suffices and else by the index's own.
uint32_t ctpm_read_index(struct ctpm *tpm, uint32_t index, uint8_t *bytes, size_t *count);
