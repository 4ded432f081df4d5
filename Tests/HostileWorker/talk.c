// Ways to break the protocol. Frames: u32 little-endian length, u8 kind, payload.
#define _GNU_SOURCE
#include "hostile.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { READY = 0, PROGRAM = 1, TURN = 3 };

static void put(const void *bytes, size_t count) {
  const char *at = bytes;
  while (count > 0) {
    ssize_t written = write(channel, at, count);
    if (written <= 0) _exit(0);
    at += written;
    count -= (size_t)written;
  }
}

static void put_header(uint32_t length, uint8_t kind) {
  unsigned char header[5];
  memcpy(header, &length, 4);
  header[4] = kind;
  put(header, 5);
}

static void get_byte(void) {
  char byte;
  if (read(channel, &byte, 1) != 1) _exit(0);
}

static void wait_for_ever(void) {
  char bytes[4096];
  while (read(channel, bytes, sizeof bytes) > 0) {
  }
  _exit(0);
}

static size_t put_text(unsigned char *at, const char *text) {
  uint32_t length = (uint32_t)strlen(text);
  memcpy(at, &length, 4);
  memcpy(at + 4, text, length);
  return 4 + length;
}

static void say_ready(const char *engine, int claims) {
  static const char *const layers[] = {"landlock-files", "landlock-network", "landlock-scope", "seccomp"};
  unsigned char payload[512];
  size_t length = put_text(payload, engine);
  uint32_t count = claims ? 4 : 0, none = 0;
  memcpy(payload + length, &count, 4);
  length += 4;
  for (uint32_t i = 0; i < count; i++) {
    length += put_text(payload + length, layers[i]);
    memcpy(payload + length, &none, 4);
    length += 4;
  }
  put_header((uint32_t)length, READY);
  put(payload, length);
}

// state finished, a result, fuel, no calls, no logs
static const unsigned char turn[] = {1, 1, 0, 0, 0, '7', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static void spin(void) {
  for (volatile long i = 0;; i++) {
  }
}

int talk(const char *name, const char *engine) {
#define WAY(text) if (strcmp(name, text) == 0)
  WAY("silent") wait_for_ever();
  WAY("exit") _exit(7);
  WAY("crash") *(volatile int *)8 = 1;
  WAY("garbage") {
    put("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 37);
    wait_for_ever();
  }
  WAY("wrong_engine") {
    say_ready("quickjs-ng 99", 1);
    wait_for_ever();
  }
  WAY("false_claims") {
    say_ready(engine, 1);
    wait_for_ever();
  }
  WAY("turn_for_ready") {
    put_header(sizeof turn, TURN);
    put(turn, sizeof turn);
    wait_for_ever();
  }
  WAY("half_ready") {
    put_header(100, READY);
    wait_for_ever();
  }
  WAY("stop") {
    kill(getpid(), SIGSTOP);
    wait_for_ever();
  }
  WAY("endless_ready") for (;;) say_ready(engine, 1);
  WAY("ready_then_exit") {
    say_ready(engine, 1);
    _exit(0);
  }
  WAY("ready_and_noise") {
    say_ready(engine, 1);
    // Once the host has taken note, or not: both must do.
    for (volatile long i = 0; i < 3000000; i++) {
    }
    // Wherever the host then is, a whole header is an end to it; of less than that it would wait for the rest.
    put_header(4, 200);
    wait_for_ever();
  }

  say_ready(engine, strcmp(name, "honest_and_bare") != 0);
  WAY("never_reads") spin();
  get_byte();
  WAY("exit_on_program") _exit(3);
  WAY("crash_on_program") *(volatile int *)8 = 1;
  WAY("forbidden_call") getpid();
  WAY("honest") {
    // Not before all of it is here: a program is larger than this, and the host would see an early answer.
    char bytes[65536];
    (void)!read(channel, bytes, sizeof bytes);
    put_header(sizeof turn, TURN);
    put(turn, sizeof turn);
    wait_for_ever();
  }
  char bytes[65536];
  (void)!read(channel, bytes, sizeof bytes);
  WAY("spin") spin();
  WAY("never_answers") wait_for_ever();
  WAY("giant_header") put_header(0xFFFFFFFF, TURN);
  WAY("largest_header") put_header((4u << 20) + (64u << 10), TURN);
  WAY("unknown_kind") put_header(4, 200);
  WAY("hosts_kind") {
    put_header(4, PROGRAM);
    put("code", 4);
  }
  WAY("ready_again") say_ready(engine, 1);
  WAY("half_turn") {
    put_header(sizeof turn, TURN);
    put(turn, 5);
  }
  WAY("half_turn_and_exit") {
    put_header(sizeof turn, TURN);
    put(turn, 5);
    _exit(0);
  }
  WAY("empty_turn") put_header(0, TURN);
  WAY("two_turns") {
    unsigned char both[2 * (5 + sizeof turn)] = {0};
    for (int i = 0; i < 2; i++) {
      unsigned char *at = both + i * (5 + sizeof turn);
      at[0] = sizeof turn;
      at[4] = TURN;
      memcpy(at + 5, turn, sizeof turn);
    }
    put(both, sizeof both);
  }
  WAY("trailing_bytes") {
    put_header(sizeof turn + 3, TURN);
    put(turn, sizeof turn);
    put("abc", 3);
  }
  WAY("lying_length") {
    unsigned char lie[sizeof turn];
    memcpy(lie, turn, sizeof turn);
    lie[1] = 200;
    put_header(sizeof lie, TURN);
    put(lie, sizeof lie);
  }
  WAY("lying_count") {
    // A thousand million calls are announced, and none comes.
    unsigned char lie[] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x3F};
    put_header(sizeof lie, TURN);
    put(lie, sizeof lie);
  }
  WAY("wrong_number") {
    // state waiting, fuel, one call with number 5
    unsigned char lie[64] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0};
    size_t length = 17 + put_text(lie + 17, "HTTP.get");
    length += put_text(lie + length, "{}");
    memset(lie + length, 0, 4);
    length += 4;
    put_header((uint32_t)length, TURN);
    put(lie, length);
  }
  WAY("slow_drip") {
    put_header(4 << 20, TURN);
    for (;;) {
      put("x", 1);
      for (volatile long i = 0; i < 300000; i++) {
      }
    }
  }
  WAY("flood") {
    static char zeroes[1 << 16];
    for (;;) put(zeroes, sizeof zeroes);
  }
  wait_for_ever();
  return 95;
}
