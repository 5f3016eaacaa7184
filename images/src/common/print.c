#include "guest.h"

static void print_number(u64 value, unsigned base, unsigned width, char pad, bool negative) {
  char digits[24];
  unsigned n = 0;
  do {
    digits[n++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  if (negative) {
    digits[n++] = '-';
  }
  for (; width > n; width--) {
    putchar_console(pad);
  }
  while (n) {
    putchar_console(digits[--n]);
  }
}

static void print_string(const char *s, unsigned width) {
  unsigned n = 0;
  for (; s[n]; n++) {
    putchar_console(s[n]);
  }
  for (; n < width; n++) {
    putchar_console(' ');
  }
}

void vprintf(const char *f, va_list args) {
  for (; *f; f++) {
    if (*f != '%') {
      putchar_console(*f);
      continue;
    }
    char pad = ' ';
    unsigned width = 0;
    bool is_long = false;
    if (*++f == '0') {
      pad = '0';
    }
    for (; *f >= '0' && *f <= '9'; f++) {
      width = width * 10 + (unsigned)(*f - '0');
    }
    for (; *f == 'l'; f++) {
      is_long = true;
    }
    switch (*f) {
      case 'd': {
        s64 v = is_long ? va_arg(args, s64) : va_arg(args, int);
        print_number(v < 0 ? -(u64)v : (u64)v, 10, width, pad, v < 0);
        break;
      }
      case 'u':
      case 'x': {
        u64 v = is_long ? va_arg(args, u64) : va_arg(args, unsigned);
        print_number(v, *f == 'u' ? 10 : 16, width, pad, false);
        break;
      }
      case 's':
        print_string(va_arg(args, const char *), width);
        break;
      case 'c':
        putchar_console((char)va_arg(args, int));
        break;
      default:
        putchar_console(*f);
    }
  }
}

void printf(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
}
