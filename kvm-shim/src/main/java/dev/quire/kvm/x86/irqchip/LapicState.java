package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.x86.LocalApic;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** struct kvm_lapic_state: the register page as far as it goes. */
public final class LapicState {
  public static final int BYTES = 1024;

  private LapicState() {}

  /** The registers of a local APIC. */
  public static byte[] of(LocalApic from) {
    ByteBuffer out = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int offset = 0; offset < BYTES; offset += 16) {
      if (isRegister(offset)) {
        out.putInt(offset, from.readWord(offset));
      }
    }
    return out.array();
  }

  /** Whether a register is at this offset of the page. */
  public static boolean isRegister(int offset) {
    return switch (offset) {
      case 0x020, 0x030, 0x080, 0x0a0, 0x0d0, 0x0e0, 0x0f0, 0x280, 0x300, 0x310 -> true;
      case 0x380, 0x390, 0x3e0 -> true;
      default -> offset >= 0x100 && offset < 0x280 || offset >= 0x320 && offset < 0x380;
    };
  }

  /** Puts registers back. */
  public static void load(LocalApic to, byte[] state) {
    ByteBuffer in = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
    to.setRegisters(in::getInt);
  }
}
