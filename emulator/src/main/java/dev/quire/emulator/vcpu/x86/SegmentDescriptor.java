package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86CpuState;

/**
 * The 8-byte segment and gate descriptor, as a long (SDM vol. 3A, figures 3-8, 6-2 and 6-8).
 *
 * <pre>
 *  63      56 55 54 53  52 51    48 47 46 45 44 43  40 39      32 31      16 15       0
 * +----------+--+---+--+---+-------+--+-----+--+------+----------+----------+----------+
 * | base31-24|G |D/B|L |AVL|limit  |P | DPL |S | type | base23-16| base15-0 | limit15-0|
 * +----------+--+---+--+---+-------+--+-----+--+------+----------+----------+----------+
 * | offset 31-16                   |P | DPL |0 | type | 0   |IST | selector | offset   |
 * +--------------------------------+--+-----+--+------+----------+----------+----------+
 * </pre>
 */
final class SegmentDescriptor {
  static final int TYPE_TASK_GATE = 5;
  static final int TYPE_INTERRUPT_GATE_16 = 6;
  static final int TYPE_TRAP_GATE_16 = 7;
  static final int TYPE_INTERRUPT_GATE = 14;
  static final int TYPE_TRAP_GATE = 15;

  private static final int ATTRIBUTE_MASK = 0x00f0_ff00;

  private SegmentDescriptor() {}

  /** The attribute form of {@link X86CpuState#segmentAttributes}. */
  static int attributes(long descriptor) {
    return (int) (descriptor >>> 32) & ATTRIBUTE_MASK;
  }

  static long base(long descriptor) {
    return descriptor >>> 16 & 0xff_ffff | descriptor >>> 32 & 0xff00_0000L;
  }

  /** The limit in bytes, as an unsigned int. */
  static int limit(long descriptor) {
    int limit = (int) (descriptor & 0xffff | descriptor >>> 32 & 0xf_0000);
    return (descriptor & 1L << 55) != 0 ? limit << 12 | 0xfff : limit;
  }

  static boolean isPresent(long descriptor) {
    return (descriptor & 1L << 47) != 0;
  }

  static int dpl(long descriptor) {
    return (int) (descriptor >>> 45) & 3;
  }

  /** The S bit with the type: 0 to 15 for system descriptors, 16 to 31 for code and data. */
  static int typeWithS(long descriptor) {
    return (int) (descriptor >>> 40) & 0x1f;
  }

  static boolean isCode(long descriptor) {
    return (typeWithS(descriptor) & 0x18) == 0x18;
  }

  static boolean isConforming(long descriptor) {
    return (descriptor & 1L << 42) != 0;
  }

  static boolean isWritableData(long descriptor) {
    return (typeWithS(descriptor) & 0x1a) == 0x12;
  }

  static boolean isAccessed(long descriptor) {
    return (descriptor & 1L << 40) != 0;
  }

  static boolean isLong(long descriptor) {
    return (descriptor & 1L << 53) != 0;
  }

  static boolean isBig(long descriptor) {
    return (descriptor & 1L << 54) != 0;
  }

  static int gateSelector(long gate) {
    return (int) (gate >>> 16) & 0xffff;
  }

  static int gateOffset(long gate) {
    return (int) (gate & 0xffff | gate >>> 32 & 0xffff_0000L);
  }

  static int gateIst(long gate) {
    return (int) (gate >>> 32) & 7;
  }
}
