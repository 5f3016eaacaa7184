package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.x86.IoApic;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** struct kvm_ioapic_state. */
final class IoApicState {
  static final int BYTES = 24 + 8 * IoApic.PINS;

  private static final int SELECT_AT = 8;
  private static final int ID_AT = 12;
  private static final int IRR_AT = 16;
  private static final int ENTRIES_AT = 24;
  private static final long MASKED_OR_LEVEL = 1L << 16 | 1L << 15;

  private IoApicState() {}

  static byte[] of(IoApic from) {
    ByteBuffer out = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    out.putLong(0, IoApic.DEFAULT_BASE_GPA);
    out.putInt(SELECT_AT, from.select());
    out.putInt(ID_AT, from.id());
    int requested = 0;
    for (int pin = 0; pin < IoApic.PINS; pin++) {
      long entry = from.entry(pin);
      out.putLong(ENTRIES_AT + 8 * pin, entry);
      // An edge is no request any more once it was delivered.
      requested |= (entry & MASKED_OR_LEVEL) == 0 ? 0 : from.lines() & 1 << pin;
    }
    out.putInt(IRR_AT, requested);
    return out.array();
  }

  static void load(IoApic to, byte[] state, int at) {
    ByteBuffer in = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
    long[] entries = new long[IoApic.PINS];
    for (int pin = 0; pin < IoApic.PINS; pin++) {
      entries[pin] = in.getLong(at + ENTRIES_AT + 8 * pin);
    }
    to.setRegisters(
        in.getInt(at + SELECT_AT), in.getInt(at + ID_AT), entries, in.getInt(at + IRR_AT));
  }
}
