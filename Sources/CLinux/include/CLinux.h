#pragma once
// What `import Glibc` leaves out: epoll, eventfd, peer credentials.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "Commands.h"
#include "FileBlocks.h"
#include "FileSeals.h"
#include "GuestDevices.h"
#include "Mounts.h"
#include "Process.h"
#include "Programs.h"
#include "Sockets.h"
#include "Trees.h"
