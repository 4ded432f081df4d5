#define _GNU_SOURCE
#include "Sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int linux_parse_address(const char *text, uint16_t port, struct linux_address *address) {
  memset(address, 0, sizeof *address);
  address->port = port;
  if (inet_pton(AF_INET, text, address->bytes) == 1) {
    address->family = 4;
    return 0;
  }
  if (inet_pton(AF_INET6, text, address->bytes) == 1) {
    address->family = 6;
    return 0;
  }
  return -1;
}

void linux_format_address(const struct linux_address *address, char *text) {
  text[0] = 0;
  if (address->family == 4) inet_ntop(AF_INET, address->bytes, text, 46);
  if (address->family == 6) inet_ntop(AF_INET6, address->bytes, text, 46);
}

static socklen_t to_sockaddr(const struct linux_address *address, struct sockaddr_storage *storage) {
  memset(storage, 0, sizeof *storage);
  if (address->family == 4) {
    struct sockaddr_in *in = (struct sockaddr_in *)storage;
    in->sin_family = AF_INET;
    in->sin_port = htons(address->port);
    memcpy(&in->sin_addr, address->bytes, 4);
    return sizeof *in;
  }
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(address->port);
  memcpy(&in6->sin6_addr, address->bytes, 16);
  return sizeof *in6;
}

static void from_sockaddr(const struct sockaddr_storage *storage, struct linux_address *address) {
  memset(address, 0, sizeof *address);
  if (storage->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
    address->family = 4;
    address->port = ntohs(in->sin_port);
    memcpy(address->bytes, &in->sin_addr, 4);
  } else if (storage->ss_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;
    address->family = 6;
    address->port = ntohs(in6->sin6_port);
    memcpy(address->bytes, &in6->sin6_addr, 16);
  }
}

static int close_with(int fd) {
  int error = errno;
  close(fd);
  return -error;
}

int linux_listen_tcp(struct linux_address *address, int backlog) {
  struct sockaddr_storage storage;
  socklen_t length = to_sockaddr(address, &storage);
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int one = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) return close_with(fd);
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) return close_with(fd);
  if (address->family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) return close_with(fd);
  if (bind(fd, (struct sockaddr *)&storage, length) < 0) return close_with(fd);
  if (listen(fd, backlog) < 0) return close_with(fd);
  length = sizeof storage;
  if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return close_with(fd);
  from_sockaddr(&storage, address);
  return fd;
}

static int to_sockaddr_un(const char *path, struct sockaddr_un *un) {
  memset(un, 0, sizeof *un);
  un->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof un->sun_path) return -1;
  strcpy(un->sun_path, path);
  return 0;
}

int linux_listen_unix(const char *path, uint32_t mode, int backlog) {
  struct sockaddr_un un;
  if (to_sockaddr_un(path, &un) < 0) return -ENAMETOOLONG;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (bind(fd, (struct sockaddr *)&un, sizeof un) < 0) return close_with(fd);
  if (chmod(path, mode) < 0) return close_with(fd);
  if (listen(fd, backlog) < 0) return close_with(fd);
  return fd;
}

int linux_connect_unix(const char *path) {
  struct sockaddr_un un;
  if (to_sockaddr_un(path, &un) < 0) return -ENAMETOOLONG;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&un, sizeof un) < 0) return close_with(fd);
  return fd;
}

int linux_connect_tcp(const struct linux_address *address) {
  struct sockaddr_storage storage;
  socklen_t length = to_sockaddr(address, &storage);
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int one = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) return close_with(fd);
  if (connect(fd, (struct sockaddr *)&storage, length) < 0) return close_with(fd);
  return fd;
}

int linux_accept(int listener, struct linux_address *peer) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  memset(&storage, 0, sizeof storage);
  int fd = accept4(listener, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -errno;
  from_sockaddr(&storage, peer);
  return fd;
}

int linux_peer_credentials(int socket, uint32_t *uid, uint32_t *gid, int32_t *pid) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
  *uid = credentials.uid;
  *gid = credentials.gid;
  *pid = credentials.pid;
  return 0;
}
