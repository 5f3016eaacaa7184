/* nonce: where the number comes from on the pc machine. */
#include "cpu.h"
#include "platform.h"

u32 boot_nonce(void);

u32 boot_nonce(void) {
  u32 value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((u16)PORT_DEBUG_EXIT));
  return value;
}
