/* What user-mode C (files named *.user.c, linked into the user pages) may use. */
#pragma once
#include "guest.h"
#include "trap.h"

static inline u64 syscall2(u64 number, u64 a, u64 b) {
#ifdef __x86_64__
  u64 result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b)
                   : "rcx", "r11", "memory");
  return result;
#else
  register u64 x0 __asm__("x0") = a;
  register u64 x1 __asm__("x1") = b;
  register u64 x8 __asm__("x8") = number;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
  return x0;
#endif
}

static inline void user_write(const char *text) {
  u64 n = 0;
  while (text[n]) {
    n++;
  }
  syscall2(SYS_WRITE, (u64)text, n);
}

static inline void user_mark(const char *name) {
  u64 n = 0;
  while (name[n]) {
    n++;
  }
  syscall2(SYS_MARK, (u64)name, n);
}
