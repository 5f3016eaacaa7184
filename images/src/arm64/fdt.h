/* What the guests want from the device tree (Devicetree Specification 0.4, chapter 5). */
#pragma once
#include "cpu.h"
#include "guest.h"

struct machine {
  char bootargs[512];
  u64 ram_bytes;  /* of the range at RAM_PA */
  u64 debug_exit; /* physical address, 0 if there is no such device */
  bool psci_smc;
  unsigned cpus;
  unsigned mpidr[MAX_CPUS];
};

/* NULL, or what is wrong. */
const char *fdt_parse(const void *dtb, struct machine *machine);
