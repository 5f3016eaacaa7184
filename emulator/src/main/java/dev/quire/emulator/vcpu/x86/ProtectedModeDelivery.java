package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.emulator.exec.X86CpuState;

/**
 * One attempt to deliver an event through a 16- or 32-bit gate in legacy protected mode, virtual
 * 8086 mode included (SDM vol. 3A, 6.12.1; vol. 2A, INT n; vol. 3B, 21.3.1). Reads and probes come
 * first, the state changes last.
 */
final class ProtectedModeDelivery {
  private static final int GATE_BYTES = 8;
  private static final long LOW_32 = 0xffff_ffffL;
  private static final int TSS_TYPE_32_BIT = 8;

  private final DeliveryContext context;
  private final X86CpuState state;
  private final DescriptorTables tables;
  private final LegacyStack stack;
  private long gate;
  private int gateType;
  private int slotBytes;
  private long codeDescriptor;
  private int newCpl;
  private boolean switchesStack;
  private int stackSelector;
  private long stackDescriptor;

  ProtectedModeDelivery(DeliveryContext context) {
    this.context = context;
    this.state = context.state;
    this.tables = new DescriptorTables(context);
    this.stack = new LegacyStack(context);
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

  private boolean isVirtual8086() {
    return (state.rflags() & X86Flags.RFLAGS_VM) != 0;
  }

  private int readGate() {
    int iopl = (int) (state.rflags() >>> X86Flags.RFLAGS_IOPL_SHIFT) & 3;
    if (context.intN && isVirtual8086() && iopl < 3) {
      return context.fault(X86Vector.GENERAL_PROTECTION, 0);
    }
    int offset = context.vector * GATE_BYTES;
    if (Integer.compareUnsigned(offset + GATE_BYTES - 1, state.idtrLimit()) > 0) {
      return context.gateFault(X86Vector.GENERAL_PROTECTION);
    }
    int status = context.readTable(state.idtrBase() + offset & LOW_32, GATE_BYTES);
    if (status != DeliveryContext.OK) {
      return status;
    }
    gate = context.value;
    gateType = SegmentDescriptor.typeWithS(gate);
    switch (gateType) {
      case SegmentDescriptor.TYPE_INTERRUPT_GATE_16, SegmentDescriptor.TYPE_TRAP_GATE_16 ->
          slotBytes = 2;
      case SegmentDescriptor.TYPE_INTERRUPT_GATE, SegmentDescriptor.TYPE_TRAP_GATE -> slotBytes = 4;
      default -> {
        return context.gateFault(X86Vector.GENERAL_PROTECTION);
      }
    }
    if (context.checksGateDpl && SegmentDescriptor.dpl(gate) < state.cpl()) {
      return context.gateFault(X86Vector.GENERAL_PROTECTION);
    }
    if (!SegmentDescriptor.isPresent(gate)) {
      return context.gateFault(X86Vector.SEGMENT_NOT_PRESENT);
    }
    return DeliveryContext.OK;
  }

  private int readCodeSegment() {
    int selector = SegmentDescriptor.gateSelector(gate);
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
    if (!SegmentDescriptor.isCode(codeDescriptor) || dpl > state.cpl()) {
      return context.selectorFault(X86Vector.GENERAL_PROTECTION, selector);
    }
    if (!SegmentDescriptor.isPresent(codeDescriptor)) {
      return context.selectorFault(X86Vector.SEGMENT_NOT_PRESENT, selector);
    }
    newCpl = SegmentDescriptor.isConforming(codeDescriptor) ? state.cpl() : dpl;
    switchesStack = newCpl != state.cpl();
    if (isVirtual8086() && newCpl != 0) {
      return context.selectorFault(X86Vector.GENERAL_PROTECTION, selector);
    }
    return DeliveryContext.OK;
  }

  private int findStack() {
    int access = context.stackAccess(newCpl);
    if (!switchesStack) {
      stack.current(slotBytes, access);
      return DeliveryContext.OK;
    }
    boolean wide = (state.trAttributes() >>> 8 & TSS_TYPE_32_BIT) != 0;
    int width = wide ? 4 : 2;
    int offset = wide ? 4 + 8 * newCpl : 2 + 4 * newCpl;
    if (Integer.compareUnsigned(offset + width + 1, state.trLimit()) > 0) {
      return context.selectorFault(X86Vector.INVALID_TSS, state.trSelector());
    }
    int status = context.readTable(state.trBase() + offset & LOW_32, width);
    if (status != DeliveryContext.OK) {
      return status;
    }
    long pointer = context.value;
    status = context.readTable(state.trBase() + offset + width & LOW_32, 2);
    if (status != DeliveryContext.OK) {
      return status;
    }
    stackSelector = (int) context.value;
    status = checkStackSegment();
    if (status == DeliveryContext.OK) {
      stack.use(
          SegmentDescriptor.base(stackDescriptor),
          SegmentDescriptor.limit(stackDescriptor),
          SegmentDescriptor.attributes(stackDescriptor),
          pointer,
          slotBytes,
          access);
    }
    return status;
  }

  private int checkStackSegment() {
    if (DescriptorTables.isNull(stackSelector)) {
      return context.fault(X86Vector.INVALID_TSS, context.extBit);
    }
    if (!tables.isWithinLimit(stackSelector) || (stackSelector & 3) != newCpl) {
      return context.selectorFault(X86Vector.INVALID_TSS, stackSelector);
    }
    int status = tables.read(stackSelector);
    if (status != DeliveryContext.OK) {
      return status;
    }
    stackDescriptor = context.value;
    if (!SegmentDescriptor.isWritableData(stackDescriptor)
        || SegmentDescriptor.dpl(stackDescriptor) != newCpl) {
      return context.selectorFault(X86Vector.INVALID_TSS, stackSelector);
    }
    if (!SegmentDescriptor.isPresent(stackDescriptor)) {
      return context.selectorFault(X86Vector.STACK_FAULT, stackSelector);
    }
    return DeliveryContext.OK;
  }

  private int enter() {
    int selector = SegmentDescriptor.gateSelector(gate);
    int slots = (isVirtual8086() ? 9 : switchesStack ? 5 : 3) + (context.hasErrorCode ? 1 : 0);
    int room = switchesStack ? stackSelector & 0xfffc | context.extBit : context.extBit;
    int status = stack.probe(slots, room);
    if (status == DeliveryContext.OK
        && target() > (SegmentDescriptor.limit(codeDescriptor) & LOW_32)) {
      status = context.fault(X86Vector.GENERAL_PROTECTION, context.extBit);
    }
    if (status == DeliveryContext.OK) {
      status = tables.probeAccessed(selector, codeDescriptor);
    }
    if (status == DeliveryContext.OK && switchesStack) {
      status = tables.probeAccessed(stackSelector, stackDescriptor);
    }
    if (status == DeliveryContext.OK) {
      status = writeFrame(slots);
    }
    if (status == DeliveryContext.OK) {
      status = tables.setAccessed(selector, codeDescriptor);
    }
    if (status == DeliveryContext.OK && switchesStack) {
      status = tables.setAccessed(stackSelector, stackDescriptor);
    }
    if (status == DeliveryContext.OK) {
      commit(selector);
    }
    return status;
  }

  private long target() {
    int offset = SegmentDescriptor.gateOffset(gate);
    return slotBytes == 2 ? offset & 0xffff : offset & LOW_32;
  }

  /** Pushes, first to last: GS FS DS ES, SS ESP, EFLAGS CS EIP, error code. */
  private int writeFrame(int slots) {
    int first = isVirtual8086() ? 0 : switchesStack ? 4 : 6;
    int status = DeliveryContext.OK;
    for (int i = first; i < first + slots && status == DeliveryContext.OK; i++) {
      status = stack.push(frameValue(i));
    }
    return status;
  }

  private long frameValue(int slot) {
    return switch (slot) {
      case 0 -> state.segmentSelector(X86RegisterView.GS);
      case 1 -> state.segmentSelector(X86RegisterView.FS);
      case 2 -> state.segmentSelector(X86RegisterView.DS);
      case 3 -> state.segmentSelector(X86RegisterView.ES);
      case 4 -> state.segmentSelector(X86RegisterView.SS);
      case 5 -> state.gpr(X86RegisterView.RSP);
      case 6 -> context.pushedFlags;
      case 7 -> state.segmentSelector(X86RegisterView.CS);
      case 8 -> context.returnRip;
      default -> context.errorCode;
    };
  }

  private void commit(int selector) {
    boolean leavesVirtual8086 = isVirtual8086();
    long flags = state.rflags();
    flags &= ~(X86Flags.RFLAGS_TF | X86Flags.RFLAGS_NT | X86Flags.RFLAGS_RF | X86Flags.RFLAGS_VM);
    if ((gateType & 1) == 0) {
      flags &= ~X86Flags.RFLAGS_IF;
    }
    state.setRflags(flags);
    if (leavesVirtual8086) {
      for (int segment = X86RegisterView.DS; segment <= X86RegisterView.GS; segment++) {
        state.loadSegment(segment, 0, 0, 0, 0);
      }
      state.loadSegment(X86RegisterView.ES, 0, 0, 0, 0);
    }
    state.loadCodeSegment(
        selector & ~3 | newCpl,
        SegmentDescriptor.base(codeDescriptor),
        SegmentDescriptor.limit(codeDescriptor),
        SegmentDescriptor.attributes(codeDescriptor) | 1 << 8,
        newCpl);
    if (switchesStack) {
      state.loadSegment(
          X86RegisterView.SS,
          stackSelector,
          SegmentDescriptor.base(stackDescriptor),
          SegmentDescriptor.limit(stackDescriptor),
          SegmentDescriptor.attributes(stackDescriptor) | 1 << 8);
    }
    state.setGpr(X86RegisterView.RSP, stack.pointer());
    state.setRip(target());
  }
}
