#include "GuestDevices.h"

#include <errno.h>
#include <linux/sev-guest.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

int linux_snp_report(
    int device, const uint8_t data[64], uint32_t privilege_level, uint8_t *response, uint8_t *certificates,
    uint64_t *firmware) {
  struct snp_ext_report_req request = {.data.vmpl = privilege_level};
  struct snp_report_resp answer = {0};
  memcpy(request.data.user_data, data, sizeof request.data.user_data);
  // The most that the kernel takes, and it takes whole pages only.
  request.certs_address = (uint64_t)(uintptr_t)certificates;
  request.certs_len = 16384;
  struct snp_guest_request_ioctl call = {
      .msg_version = 1, .req_data = (uint64_t)(uintptr_t)&request, .resp_data = (uint64_t)(uintptr_t)&answer};
  if (ioctl(device, SNP_GET_EXT_REPORT, &call) != 0) {
    *firmware = call.exitinfo2;
    return -errno;
  }
  memcpy(response, answer.data, sizeof answer.data);
  return 0;
}

// linux/nsm.h, which older headers lack.
struct nsm_raw {
  struct iovec request;
  struct iovec response;
};

int linux_nsm_request(
    int device, const uint8_t *request, size_t request_count, uint8_t *response, size_t *response_count) {
  struct nsm_raw call = {
      .request = {.iov_base = (void *)request, .iov_len = request_count},
      .response = {.iov_base = response, .iov_len = *response_count}};
  if (ioctl(device, _IOWR(0x0A, 0x0, struct nsm_raw), &call) != 0) return -errno;
  if (call.response.iov_len > *response_count) return -EOVERFLOW;
  *response_count = call.response.iov_len;
  return 0;
}
