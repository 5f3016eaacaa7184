#include "apic.h"

#include "platform.h"

#define IOAPIC_PA 0xfec00000ul
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43

static void ioapic_write(u32 index, u32 value) {
  *(volatile u32 *)IOAPIC_PA = index;
  *(volatile u32 *)(IOAPIC_PA + 0x10) = value;
}

void lapic_enable(void) { lapic_write(LAPIC_SVR, 0x1ff); }

void send_ipi(unsigned apic_id, u32 icr) {
  lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
  lapic_write(LAPIC_ICR, icr | ICR_ASSERT);
}

void send_self(unsigned vector) { lapic_write(LAPIC_ICR, vector | ICR_SELF | ICR_ASSERT); }

void ioapic_route(unsigned pin, unsigned vector) {
  ioapic_write(0x11 + 2 * pin, lapic_read(LAPIC_ID));
  ioapic_write(0x10 + 2 * pin, vector);
}

void ioapic_mask(unsigned pin) { ioapic_write(0x10 + 2 * pin, LVT_MASKED); }

void pic_init(unsigned base) {
  for (unsigned i = 0; i < 2; i++) {
    u16 port = i ? PORT_PIC2 : PORT_PIC1;
    outb(port, 0x11);                   /* ICW1: edge, cascade, ICW4 follows */
    outb(port + 1, (u8)(base + 8 * i)); /* ICW2: vectors */
    outb(port + 1, i ? 2 : 4);          /* ICW3: cascade on line 2 */
    outb(port + 1, 1);                  /* ICW4: 8086 mode */
    outb(port + 1, 0xff);               /* all masked */
  }
}

void pic_unmask(unsigned irq) {
  u16 port = irq < 8 ? PORT_PIC1 : PORT_PIC2;
  outb(port + 1, inb(port + 1) & (u8) ~(1u << (irq & 7)));
}

void pit_start(unsigned mode, u16 count) {
  outb(PIT_COMMAND, (u8)(0x30 | mode << 1)); /* channel 0, low then high byte */
  outb(PIT_CHANNEL0, (u8)count);
  outb(PIT_CHANNEL0, (u8)(count >> 8));
}

u16 pit_read(void) {
  outb(PIT_COMMAND, 0); /* latch channel 0 */
  u8 low = inb(PIT_CHANNEL0);
  return (u16)(low | inb(PIT_CHANNEL0) << 8);
}
