#pragma once
// Sockets as values: what would otherwise be casts between sockaddr types in Swift.
#include <stddef.h>
#include <stdint.h>

/// A numeric address: family 4 or 6, or 0 for a unix socket. An IPv4 address stands in the first four bytes.
struct linux_address {
  uint8_t bytes[16];
  uint16_t port;
  uint8_t family;
};

/// Reads a numeric IPv4 or IPv6 address. Returns 0, or -1 when the text is none.
int linux_parse_address(const char *text, uint16_t port, struct linux_address *address);

/// Writes the numeric form into `text`, which holds at least 46 bytes.
void linux_format_address(const struct linux_address *address, char *text);

/// Binds and listens, non-blocking, close-on-exec, TCP_NODELAY for what is accepted. Puts the bound port into `address`.
/// Returns the descriptor or -errno.
int linux_listen_tcp(struct linux_address *address, int backlog);

/// Binds a unix socket, sets the mode of its file, then listens: nobody can connect before the mode is set.
int linux_listen_unix(const char *path, uint32_t mode, int backlog);

/// Connects to a unix or TCP address, blocking. Returns the descriptor or -errno.
int linux_connect_unix(const char *path);
int linux_connect_tcp(const struct linux_address *address);

/// Accepts a connection, non-blocking and close-on-exec. Returns the descriptor or -errno.
int linux_accept(int listener, struct linux_address *peer);

/// SO_PEERCRED. Returns 0 or -errno.
int linux_peer_credentials(int socket, uint32_t *uid, uint32_t *gid, int32_t *pid);
