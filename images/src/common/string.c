#include "guest.h"

void *memcpy(void *to, const void *from, size_t n) {
  u8 *t = to;
  const u8 *f = from;
  while (n--) {
    *t++ = *f++;
  }
  return to;
}

/* Whole pages are cleared by words: page clearing is most of what a demand fault executes. */
void *memset(void *to, int byte, size_t n) {
  u8 *t = to;
  u64 word = (u8)byte * 0x0101010101010101ul;
  if (((uintptr_t)t & 7) == 0) {
    for (; n >= 8; n -= 8, t += 8) {
      *(u64 *)t = word;
    }
  }
  while (n--) {
    *t++ = (u8)byte;
  }
  return to;
}

int memcmp(const void *a, const void *b, size_t n) {
  const u8 *x = a, *y = b;
  for (; n--; x++, y++) {
    if (*x != *y) {
      return *x - *y;
    }
  }
  return 0;
}

size_t strlen(const char *s) {
  size_t n = 0;
  while (s[n]) {
    n++;
  }
  return n;
}

int strncmp(const char *a, const char *b, size_t n) {
  for (; n--; a++, b++) {
    if (*a != *b || !*a) {
      return (u8)*a - (u8)*b;
    }
  }
  return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }
