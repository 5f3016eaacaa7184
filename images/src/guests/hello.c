/* hello: own page tables, a user program, three system calls. */
#include "mmu.h"
#include "trap.h"

u64 user_hello(u64 a, u64 b);

void guest_main(void) {
  printf("hello from the kernel\n");
  u64 result = run_user_default_stack(user_hello, 20, 22);
  check(result == 42, "the user program returned %lu, expected 42", result);
  check(syscalls_made() == 3, "%lu system calls, expected 3", syscalls_made());
  printf("user program returned %lu after %lu system calls\n", result, syscalls_made());
}
