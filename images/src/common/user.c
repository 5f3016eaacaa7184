/* The kernel's side of user programs: system calls, the default stack, the fault hook. */
#include "mmu.h"
#include "trap.h"

static fault_hook hook;
static u64 syscalls;

void on_fault(fault_hook new_hook) { hook = new_hook; }

enum fault_action call_fault_hook(const struct fault *fault) {
  return hook ? hook(fault) : FAULT_UNHANDLED;
}

u64 syscalls_made(void) { return syscalls; }

static u64 user_string(u64 from, u64 bytes, bool mark) {
  char copy[128];
  if (bytes > sizeof(copy)) {
    return OP_FAULTED;
  }
  user_access_begin();
  memcpy(copy, (const void *)from, bytes);
  user_access_end();
  for (u64 i = 0; i < bytes; i++) {
    if (mark) {
      marker_byte(copy[i]);
    } else {
      putchar_console(copy[i]);
    }
  }
  if (mark) {
    marker_byte('\n');
  }
  return bytes;
}

u64 syscall_dispatch(u64 number, u64 a, u64 b) {
  syscalls++;
  switch (number) {
    case SYS_EXIT:
      user_return(a);
    case SYS_WRITE:
      return user_string(a, b, false);
    case SYS_MARK:
      return user_string(a, b, true);
    default:
      return OP_FAULTED;
  }
}

static u64 default_stack[4096 / 8] __attribute__((aligned(4096), section(".bss.user")));

u64 run_user_default_stack(op entry, u64 a, u64 b) {
  return run_user(entry, a, b, (u64)default_stack + sizeof(default_stack));
}
