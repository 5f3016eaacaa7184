/* The arm64 "virt" machine: start-up from the device tree, PL011, PSCI, debug-exit device. */
#pragma once
#include "guest.h"

#define UART_PA 0x09000000ul
#define GICD_PA 0x08000000ul
#define GICC_PA 0x08010000ul
#define RAM_PA 0x40000000ul

void paging_init(void);

#define PSCI_VERSION 0x84000000
#define PSCI_CPU_OFF 0x84000002
#define PSCI_CPU_ON 0xc4000003
#define PSCI_AFFINITY_INFO 0xc4000004
#define PSCI_SYSTEM_OFF 0x84000008
#define PSCI_SYSTEM_RESET 0x84000009
#define PSCI_FEATURES 0x8400000a
u64 psci(u64 function, u64 a, u64 b, u64 c);
unsigned cpus_present(void);     /* as the device tree says */
unsigned cpu_mpidr(unsigned id); /* affinity of a CPU, from its reg property */
