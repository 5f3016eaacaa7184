package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.emulator.exec.X86CpuState;

/**
 * One attempt to deliver an event through a 64-bit gate (SDM vol. 3A, 6.14; vol. 2A, INT n, the
 * IA-32e branches). Everything is read and probed first; the state changes only after the last
 * write succeeded.
 */
final class LongModeDelivery {
  private static final int GATE_BYTES = 16;
  private static final int SLOT = 8;
  private static final int TSS_RSP0 = 4;
  private static final int TSS_IST1 = 36;
  private static final int NULL_SS_ATTRIBUTES = 0;

  private final DeliveryContext context;
  private final X86CpuState state;
  private final DescriptorTables tables;
  private long gateLow;
  private long gateHigh;
  private long codeDescriptor;
  private int newCpl;
  private long stackPointer;

  LongModeDelivery(DeliveryContext context) {
    this.context = context;
    this.state = context.state;
    this.tables = new DescriptorTables(context);
  }

  int attempt() {
    int status = readGate();
    if (status == DeliveryContext.OK) {
      status = readCodeSegment();
    }
    if (status == DeliveryContext.OK) {
      status = findStack();
    }
    if (status == DeliveryContext.OK) {
      status = enter();
    }
    return status;
  }

  private int readGate() {
    int offset = context.vector * GATE_BYTES;
    if (Integer.compareUnsigned(offset + GATE_BYTES - 1, state.idtrLimit()) > 0) {
      return context.gateFault(X86Vector.GENERAL_PROTECTION);
    }
    int status = context.readTable(state.idtrBase() + offset, 8);
    if (status != DeliveryContext.OK) {
      return status;
    }
    gateLow = context.value;
    status = context.readTable(state.idtrBase() + offset + 8, 8);
    if (status != DeliveryContext.OK) {
      return status;
    }
    gateHigh = context.value;
    int type = SegmentDescriptor.typeWithS(gateLow);
    if (type != SegmentDescriptor.TYPE_INTERRUPT_GATE && type != SegmentDescriptor.TYPE_TRAP_GATE) {
      return context.gateFault(X86Vector.GENERAL_PROTECTION);
    }
    if (context.checksGateDpl && SegmentDescriptor.dpl(gateLow) < state.cpl()) {
      return context.gateFault(X86Vector.GENERAL_PROTECTION);
    }
    if (!SegmentDescriptor.isPresent(gateLow)) {
      return context.gateFault(X86Vector.SEGMENT_NOT_PRESENT);
    }
    return DeliveryContext.OK;
  }

  private int readCodeSegment() {
    int selector = SegmentDescriptor.gateSelector(gateLow);
    if (DescriptorTables.isNull(selector)) {
      return context.fault(X86Vector.GENERAL_PROTECTION, context.extBit);
    }
    if (!tables.isWithinLimit(selector)) {
      return context.selectorFault(X86Vector.GENERAL_PROTECTION, selector);
    }
    int status = tables.read(selector);
    if (status != DeliveryContext.OK) {
      return status;
    }
    codeDescriptor = context.value;
    int dpl = SegmentDescriptor.dpl(codeDescriptor);
    boolean usable =
        SegmentDescriptor.isCode(codeDescriptor)
            && dpl <= state.cpl()
            && SegmentDescriptor.isLong(codeDescriptor)
            && !SegmentDescriptor.isBig(codeDescriptor);
    if (!usable) {
      return context.selectorFault(X86Vector.GENERAL_PROTECTION, selector);
    }
    if (!SegmentDescriptor.isPresent(codeDescriptor)) {
      return context.selectorFault(X86Vector.SEGMENT_NOT_PRESENT, selector);
    }
    newCpl = SegmentDescriptor.isConforming(codeDescriptor) ? state.cpl() : dpl;
    return DeliveryContext.OK;
  }

  /** The interrupt stack table wins over the privilege stack (SDM vol. 3A, 6.14.4 and 6.14.5). */
  private int findStack() {
    int ist = SegmentDescriptor.gateIst(gateLow);
    if (ist == 0 && newCpl == state.cpl()) {
      stackPointer = state.gpr(X86RegisterView.RSP);
    } else {
      int offset = ist != 0 ? TSS_IST1 + SLOT * (ist - 1) : TSS_RSP0 + SLOT * newCpl;
      if (Integer.compareUnsigned(offset + SLOT - 1, state.trLimit()) > 0) {
        return context.selectorFault(X86Vector.INVALID_TSS, state.trSelector());
      }
      int status = context.readTable(state.trBase() + offset, SLOT);
      if (status != DeliveryContext.OK) {
        return status;
      }
      stackPointer = context.value;
    }
    if (!X86Flags.isCanonical(stackPointer, state.cr4())) {
      return context.fault(X86Vector.STACK_FAULT, context.extBit);
    }
    stackPointer &= ~0xfL;
    if (!X86Flags.isCanonical(target(), state.cr4())) {
      return context.fault(X86Vector.GENERAL_PROTECTION, context.extBit);
    }
    return DeliveryContext.OK;
  }

  private long target() {
    return SegmentDescriptor.gateOffset(gateLow) & 0xffff_ffffL | gateHigh << 32;
  }

  private int enter() {
    int selector = SegmentDescriptor.gateSelector(gateLow);
    int access = context.stackAccess(newCpl);
    int slots = context.hasErrorCode ? 6 : 5;
    long frame = stackPointer - (long) slots * SLOT;
    int status = context.probeStack(frame, slots * SLOT, access);
    if (status != DeliveryContext.OK) {
      status = firstFailingPush(frame, access);
    } else {
      status = tables.probeAccessed(selector, codeDescriptor);
    }
    if (status == DeliveryContext.OK) {
      status = writeFrame(frame, access);
    }
    if (status == DeliveryContext.OK) {
      status = tables.setAccessed(selector, codeDescriptor);
    }
    if (status == DeliveryContext.OK) {
      commit(selector, frame);
    }
    return status;
  }

  /** SS is pushed first: a frame that does not fit faults at its highest slot that fails. */
  private int firstFailingPush(long frame, int access) {
    int status = DeliveryContext.OK;
    for (long slot = stackPointer - SLOT; status == DeliveryContext.OK && slot >= frame; ) {
      status = context.probeStack(slot, SLOT, access);
      slot -= SLOT;
    }
    return status;
  }

  private int writeFrame(long frame, int access) {
    long slot = frame;
    int status = DeliveryContext.OK;
    if (context.hasErrorCode) {
      status = context.writeStack(slot, SLOT, context.errorCode & 0xffff_ffffL, access);
      slot += SLOT;
    }
    for (int i = 0; i < 5 && status == DeliveryContext.OK; i++) {
      status = context.writeStack(slot, SLOT, frameValue(i), access);
      slot += SLOT;
    }
    return status;
  }

  private long frameValue(int slot) {
    return switch (slot) {
      case 0 -> context.returnRip;
      case 1 -> state.segmentSelector(X86RegisterView.CS);
      case 2 -> context.pushedFlags;
      case 3 -> state.gpr(X86RegisterView.RSP);
      default -> state.segmentSelector(X86RegisterView.SS);
    };
  }

  private void commit(int selector, long frame) {
    int oldCpl = state.cpl();
    long flags = state.rflags();
    flags &= ~(X86Flags.RFLAGS_TF | X86Flags.RFLAGS_NT | X86Flags.RFLAGS_RF | X86Flags.RFLAGS_VM);
    if (SegmentDescriptor.typeWithS(gateLow) == SegmentDescriptor.TYPE_INTERRUPT_GATE) {
      flags &= ~X86Flags.RFLAGS_IF;
    }
    state.loadCodeSegment(
        selector & ~3 | newCpl,
        // 64-bit code has no base (SDM vol. 3A, 3.2.4); the engine would add what stands there.
        0,
        SegmentDescriptor.limit(codeDescriptor),
        SegmentDescriptor.attributes(codeDescriptor) | 1 << 8,
        newCpl);
    if (newCpl != oldCpl) {
      // SS becomes null with the new CPL as its RPL (SDM vol. 3A, 6.14.4).
      state.loadSegment(X86RegisterView.SS, newCpl, 0, 0, NULL_SS_ATTRIBUTES | newCpl << 13);
    }
    state.setRflags(flags);
    state.setGpr(X86RegisterView.RSP, frame);
    state.setRip(target());
  }
}
