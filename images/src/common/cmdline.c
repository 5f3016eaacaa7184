#include "guest.h"

static char line[1024];

void cmdline_set(const char *text) {
  size_t n = 0;
  for (; text && text[n] && n < sizeof(line) - 1; n++) {
    line[n] = text[n];
  }
  line[n] = 0;
}

const char *cmdline(void) { return line; }

/* The value of the last "name=" word (a later word overrides an earlier one), or NULL. */
static const char *find(const char *name) {
  size_t n = strlen(name);
  const char *found = NULL;
  for (const char *p = line; *p;) {
    while (*p == ' ') {
      p++;
    }
    if (!strncmp(p, name, n) && p[n] == '=') {
      found = p + n + 1;
    }
    while (*p && *p != ' ') {
      p++;
    }
  }
  return found;
}

static bool ends(char c) { return c == 0 || c == ' '; }

u64 arg_u64(const char *name, u64 otherwise) {
  const char *p = find(name);
  if (!p) {
    return otherwise;
  }
  u64 value = 0;
  for (; *p >= '0' && *p <= '9'; p++) {
    value = value * 10 + (u64)(*p - '0');
  }
  switch (*p) {
    case 'k': value *= KiB, p++; break;
    case 'm': value *= MiB, p++; break;
    case 'g': value *= GiB, p++; break;
  }
  if (!ends(*p)) {
    fail("argument %s= wants a number with an optional suffix k, m or g", name);
  }
  return value;
}

void arg_copy(const char *name, const char *otherwise, char *out, size_t out_bytes) {
  const char *p = find(name);
  if (!p) {
    p = otherwise;
  }
  size_t n = 0;
  for (; !ends(p[n]) && n < out_bytes - 1; n++) {
    out[n] = p[n];
  }
  out[n] = 0;
}

bool arg_is(const char *name, const char *value, const char *otherwise) {
  char text[32];
  arg_copy(name, otherwise, text, sizeof(text));
  return !strcmp(text, value);
}
