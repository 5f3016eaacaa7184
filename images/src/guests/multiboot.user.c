#include "user.h"

u64 user_multiboot(u64 a, u64 b) { return a * b; }
