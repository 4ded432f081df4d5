#pragma once
// Devices through which a confidential guest asks for evidence.
#include <stddef.h>
#include <stdint.h>

/// Asks /dev/sev-guest for a report over 64 bytes (SNP_GET_EXT_REPORT; linux/sev-guest.h). `response` holds 4000 bytes
/// and gets MSG_REPORT_RSP. `certificates` holds 16384 bytes and gets the table that the host keeps, or stays zero.
/// Returns 0 or -errno; then `firmware` is what the firmware (lower half) or the host (upper half) said.
int linux_snp_report(
    int device, const uint8_t data[64], uint32_t privilege_level, uint8_t *response, uint8_t *certificates,
    uint64_t *firmware);

/// Sends a request in CBOR to /dev/nsm. `response_count` is the room for the response and becomes its length. Returns 0
/// or -errno.
int linux_nsm_request(
    int device, const uint8_t *request, size_t request_count, uint8_t *response, size_t *response_count);
