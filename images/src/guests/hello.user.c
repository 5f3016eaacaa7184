#include "user.h"

u64 user_hello(u64 a, u64 b) {
  user_write("hello from user mode\n");
  user_mark("hello");
  return a + b;
}
