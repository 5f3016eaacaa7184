/* The x86 "pc" machine: start-up, serial line, debug ports. */
#pragma once
#include "guest.h"

void idt_init(void);
void serial_init(void);
void paging_init(void);
bool on_tcg(void); /* QEMU's TCG, by its CPUID signature */

#define PORT_PIC1 0x20
#define PORT_PIC2 0xa0
#define PORT_COM1 0x3f8
#define PORT_DEBUG_EXIT 0xf4
#define PORT_MARKER 0xe9
