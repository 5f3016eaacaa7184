package dev.quire.emulator.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The table by which a guest finds its CPUs and the I/O APIC: Intel MultiProcessor Specification
 * 1.4, chapter 4. ISA interrupts go to the pin of their number, the timer's to pin 2.
 */
final class MpTable {
  private static final int LAPIC_GPA = 0xfee00000;
  private static final int IOAPIC_GPA = 0xfec00000;
  private static final int SPEC_REVISION = 4;
  private static final int POINTER_BYTES = 16;
  private static final int HEADER_BYTES = 44;
  private static final int PROCESSOR_BYTES = 20;
  private static final int ENTRY_BYTES = 8;
  private static final int ISA_INTERRUPTS = 16;
  private static final int CASCADE = 2;

  private static final byte PROCESSOR = 0;
  private static final byte BUS = 1;
  private static final byte IOAPIC = 2;
  private static final byte IO_INTERRUPT = 3;
  private static final byte LOCAL_INTERRUPT = 4;

  private static final byte VECTORED = 0;
  private static final byte NMI = 1;
  private static final byte EXTINT = 3;
  private static final byte EVERY_APIC = (byte) 0xff;

  private static final int LAPIC_VERSION = 0x14;
  private static final int IOAPIC_VERSION = 0x11;
  private static final int ENABLED = 1;
  private static final int BOOT_CPU = 2;

  private MpTable() {}

  /** The floating pointer and, right behind it, the configuration table, for {@code tableGpa}. */
  static byte[] build(int cpus, long tableGpa) {
    int interrupts = ISA_INTERRUPTS - 1;
    int entries = cpus + 1 + 1 + interrupts + 2;
    int bytes = HEADER_BYTES + cpus * PROCESSOR_BYTES + (entries - cpus) * ENTRY_BYTES;
    ByteBuffer table = ByteBuffer.allocate(POINTER_BYTES + bytes).order(ByteOrder.LITTLE_ENDIAN);
    putPointer(table, (int) tableGpa + POINTER_BYTES);
    putHeader(table, bytes, entries);
    for (int cpu = 0; cpu < cpus; cpu++) {
      int flags = ENABLED | (cpu == 0 ? BOOT_CPU : 0);
      table.put(PROCESSOR).put((byte) cpu).put((byte) LAPIC_VERSION).put((byte) flags);
      table.putInt(0x600).putInt(0x201).putLong(0);
    }
    table.put(BUS).put((byte) 0).put("ISA   ".getBytes(StandardCharsets.US_ASCII));
    table.put(IOAPIC).put((byte) 0).put((byte) IOAPIC_VERSION).put((byte) ENABLED);
    table.putInt(IOAPIC_GPA);
    for (int irq = 0; irq < ISA_INTERRUPTS; irq++) {
      if (irq != CASCADE) {
        int pin = irq == 0 ? CASCADE : irq;
        putInterrupt(table, IO_INTERRUPT, VECTORED, irq, (byte) 0, pin);
      }
    }
    putInterrupt(table, LOCAL_INTERRUPT, EXTINT, 0, EVERY_APIC, 0);
    putInterrupt(table, LOCAL_INTERRUPT, NMI, 0, EVERY_APIC, 1);
    putChecksum(table, 0, POINTER_BYTES, 10);
    putChecksum(table, POINTER_BYTES, bytes, POINTER_BYTES + 7);
    return table.array();
  }

  private static void putPointer(ByteBuffer table, int configurationGpa) {
    table.put("_MP_".getBytes(StandardCharsets.US_ASCII)).putInt(configurationGpa);
    table.put((byte) 1).put((byte) SPEC_REVISION).put((byte) 0);
    table.put(new byte[5]);
  }

  private static void putHeader(ByteBuffer table, int bytes, int entries) {
    table.put("PCMP".getBytes(StandardCharsets.US_ASCII)).putShort((short) bytes);
    table.put((byte) SPEC_REVISION).put((byte) 0);
    table.put("QUIRE   PC          ".getBytes(StandardCharsets.US_ASCII));
    table.putInt(0).putShort((short) 0).putShort((short) entries);
    table.putInt(LAPIC_GPA).putInt(0);
  }

  private static void putInterrupt(
      ByteBuffer table, byte type, byte kind, int irq, byte apic, int pin) {
    table.put(type).put(kind).putShort((short) 0).put((byte) 0).put((byte) irq);
    table.put(apic).put((byte) pin);
  }

  private static void putChecksum(ByteBuffer table, int from, int bytes, int at) {
    int sum = 0;
    for (int i = from; i < from + bytes; i++) {
      sum += table.get(i);
    }
    table.put(at, (byte) -sum);
  }
}
