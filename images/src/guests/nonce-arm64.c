/* nonce: where the number comes from on the virt machine. */
#include "cpu.h"
#include "platform.h"

#define DEBUG_EXIT_PA 0x090f0000ul

u32 boot_nonce(void);

u32 boot_nonce(void) { return (u32)mmio_read(DEBUG_EXIT_PA + 8); }
