package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.emulator.exec.X86CpuState;

/**
 * One attempt to deliver an event through the real-address mode vector table (SDM vol. 3B, 21.1.4).
 * No error code is ever pushed.
 */
final class RealModeDelivery {
  private static final int VECTOR_BYTES = 4;
  private static final int SLOT = 2;
  private static final int SLOTS = 3;

  private final DeliveryContext context;
  private final X86CpuState state;
  private final LegacyStack stack;

  RealModeDelivery(DeliveryContext context) {
    this.context = context;
    this.state = context.state;
    this.stack = new LegacyStack(context);
  }

  int attempt() {
    int offset = context.vector * VECTOR_BYTES;
    if (Integer.compareUnsigned(offset + VECTOR_BYTES - 1, state.idtrLimit()) > 0) {
      return context.fault(X86Vector.GENERAL_PROTECTION, 0);
    }
    int status = context.readTable(state.idtrBase() + offset & 0xffff_ffffL, VECTOR_BYTES);
    if (status != DeliveryContext.OK) {
      return status;
    }
    int target = (int) context.value & 0xffff;
    int selector = (int) (context.value >>> 16) & 0xffff;
    stack.current(SLOT, 0);
    status = stack.probe(SLOTS, 0);
    if (status == DeliveryContext.OK) {
      status = writeFrame();
    }
    if (status == DeliveryContext.OK) {
      commit(selector, target);
    }
    return status;
  }

  private int writeFrame() {
    int status = stack.push(context.pushedFlags);
    if (status == DeliveryContext.OK) {
      status = stack.push(state.segmentSelector(X86RegisterView.CS));
    }
    if (status == DeliveryContext.OK) {
      status = stack.push(context.returnRip);
    }
    return status;
  }

  private void commit(int selector, int target) {
    long cleared = X86Flags.RFLAGS_IF | X86Flags.RFLAGS_TF | X86Flags.RFLAGS_AC;
    state.setRflags(state.rflags() & ~(cleared | X86Flags.RFLAGS_RF));
    state.setGpr(X86RegisterView.RSP, stack.pointer());
    state.loadCodeSegment(
        selector,
        (long) selector << 4,
        state.segmentLimit(X86RegisterView.CS),
        state.segmentAttributes(X86RegisterView.CS),
        0);
    state.setRip(target);
  }
}
