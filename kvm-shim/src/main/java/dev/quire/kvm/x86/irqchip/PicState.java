package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.x86.PicRegisters;

/** struct kvm_pic_state: 16 bytes, one a field. */
final class PicState {
  static final int BYTES = 16;

  private static final int[] ELCR_MASK = {0xf8, 0xde};

  private PicState() {}

  /** All zeros but what the chip fixes: nothing is masked, no initialization word awaited. */
  static PicRegisters atCreation(boolean slave) {
    byte[] state = new byte[BYTES];
    state[BYTES - 1] = (byte) ELCR_MASK[slave ? 1 : 0];
    return parse(state, 0);
  }

  static byte[] of(PicRegisters from) {
    return new byte[] {
      (byte) from.lines(),
      (byte) from.irr(),
      (byte) from.imr(),
      (byte) from.isr(),
      (byte) (from.lowestPriority() + 1 & 7),
      (byte) from.vectorBase(),
      flag(from.readIsr()),
      flag(from.poll()),
      flag(from.specialMask()),
      (byte) (from.nextIcw() == 0 ? 0 : from.nextIcw() - 1),
      flag(from.autoEoi()),
      flag(from.rotateOnAutoEoi()),
      flag(from.fullyNested()),
      flag(from.icw4Follows()),
      (byte) from.elcr(),
      (byte) from.elcrMask()
    };
  }

  static PicRegisters parse(byte[] state, int at) {
    int init = state[at + 9] & 0xff;
    return new PicRegisters(
        state[at] & 0xff,
        state[at + 1] & 0xff,
        state[at + 2] & 0xff,
        state[at + 3] & 0xff,
        state[at + 4] - 1 & 7,
        state[at + 5] & 0xff,
        state[at + 6] != 0,
        state[at + 7] != 0,
        state[at + 8] != 0,
        init == 0 ? 0 : init + 1,
        state[at + 10] != 0,
        state[at + 11] != 0,
        state[at + 12] != 0,
        state[at + 13] != 0,
        state[at + 14] & 0xff,
        state[at + 15] & 0xff);
  }

  private static byte flag(boolean set) {
    return (byte) (set ? 1 : 0);
  }
}
