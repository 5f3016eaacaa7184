package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86CpuState;
import dev.quire.mmu.x86.Efer;

/** Reads descriptors out of the GDT or LDT and sets their accessed bit. */
final class DescriptorTables {
  private static final int TABLE_INDICATOR = 4;

  private final DeliveryContext context;

  DescriptorTables(DeliveryContext context) {
    this.context = context;
  }

  static boolean isNull(int selector) {
    return (selector & 0xfffc) == 0;
  }

  /** Whether the selector lies within its table's limit. */
  boolean isWithinLimit(int selector) {
    X86CpuState state = context.state;
    boolean local = (selector & TABLE_INDICATOR) != 0;
    int limit = local ? state.ldtrLimit() : state.gdtrLimit();
    return Integer.compareUnsigned((selector & 0xfff8) + 7, limit) <= 0;
  }

  long address(int selector) {
    X86CpuState state = context.state;
    boolean local = (selector & TABLE_INDICATOR) != 0;
    long linear = (local ? state.ldtrBase() : state.gdtrBase()) + (selector & 0xfff8);
    boolean longMode = (state.efer() & Efer.LMA) != 0;
    return longMode ? linear : linear & 0xffff_ffffL;
  }

  /** Reads the descriptor into {@link DeliveryContext#value}. */
  int read(int selector) {
    return context.readTable(address(selector), 8);
  }

  /** Checks that the accessed bit can be set, if it is not. */
  int probeAccessed(int selector, long descriptor) {
    return SegmentDescriptor.isAccessed(descriptor)
        ? DeliveryContext.OK
        : context.probeTable(address(selector) + 5, 1);
  }

  /** Sets the accessed bit, if it is not (SDM vol. 3A, 3.4.5.1). */
  int setAccessed(int selector, long descriptor) {
    return SegmentDescriptor.isAccessed(descriptor)
        ? DeliveryContext.OK
        : context.writeTable(address(selector) + 5, 1, descriptor >>> 40 & 0xff | 1);
  }
}
