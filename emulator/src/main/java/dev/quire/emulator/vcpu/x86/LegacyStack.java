package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.emulator.exec.X86CpuState;

/**
 * A 16- or 32-bit stack onto which a frame is pushed: limits, wrap-around at the stack's address
 * size, expand-down segments. Nothing reaches the register file; the caller commits {@link
 * #pointer()}.
 */
final class LegacyStack {
  private static final int EXPAND_DOWN = 1 << 10;
  private static final int BIG = 1 << 22;
  private static final long LOW_32 = 0xffff_ffffL;

  private final DeliveryContext context;
  private long base;
  private long limit;
  private int attributes;
  private long pointer;
  private int slotBytes;
  private int access;

  LegacyStack(DeliveryContext context) {
    this.context = context;
  }

  /** The stack in SS:ESP. */
  void current(int slotBytes, int access) {
    X86CpuState state = context.state;
    use(
        state.segmentBase(X86RegisterView.SS),
        state.segmentLimit(X86RegisterView.SS),
        state.segmentAttributes(X86RegisterView.SS),
        state.gpr(X86RegisterView.RSP),
        slotBytes,
        access);
  }

  void use(long base, int limit, int attributes, long pointer, int slotBytes, int access) {
    this.base = base;
    this.limit = limit & LOW_32;
    this.attributes = attributes;
    this.pointer = pointer & LOW_32;
    this.slotBytes = slotBytes;
    this.access = access;
  }

  /**
   * Checks room for {@code slots} pushes; {@code errorCode} is that of the #SS if there is none.
   */
  int probe(int slots, int errorCode) {
    for (int i = 1; i <= slots; i++) {
      long offset = offsetBelow((long) i * slotBytes);
      if (!isWithinLimits(offset)) {
        return context.fault(X86Vector.STACK_FAULT, errorCode);
      }
      int status = context.probeStack(base + offset & LOW_32, slotBytes, access);
      if (status != DeliveryContext.OK) {
        return status;
      }
    }
    return DeliveryContext.OK;
  }

  int push(long value) {
    long offset = offsetBelow(slotBytes);
    int status = context.writeStack(base + offset & LOW_32, slotBytes, value, access);
    pointer = pointer & ~mask() | offset;
    return status;
  }

  /** ESP after the pushes; with a 16-bit stack its upper half is unchanged. */
  long pointer() {
    return pointer;
  }

  private long mask() {
    return (attributes & BIG) != 0 ? LOW_32 : 0xffff;
  }

  private long offsetBelow(long bytes) {
    return pointer - bytes & mask();
  }

  private boolean isWithinLimits(long offset) {
    long last = offset + slotBytes - 1;
    if ((attributes & EXPAND_DOWN) != 0) {
      return offset > limit && last <= mask();
    }
    return last <= limit;
  }
}
