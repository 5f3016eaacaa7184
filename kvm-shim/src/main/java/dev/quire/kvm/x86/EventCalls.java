package dev.quire.kvm.x86;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmVcpuEvents;
import dev.quire.kvm.abi.LittleEndian;

/**
 * KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_INTERRUPT (Linux v6.18 arch/x86/kvm/x86.c). VM
 * thread only.
 */
final class EventCalls {
  private static final int VECTORS = 256;
  private static final int LAST_EXCEPTION = 31;
  private static final int NMI_VECTOR = 2;
  private static final int BREAKPOINT = 3;
  private static final int OVERFLOW = 4;

  /** DR6_ACTIVE_LOW: ones unless something happened. */
  private static final long DR6_ACTIVE_LOW = 0xffff_0ff0L;

  private static final int KNOWN_FLAGS =
      KvmVcpuEvents.VALID_NMI_PENDING
          | KvmVcpuEvents.VALID_SIPI_VECTOR
          | KvmVcpuEvents.VALID_SHADOW
          | KvmVcpuEvents.VALID_SMM
          | KvmVcpuEvents.VALID_PAYLOAD
          | KvmVcpuEvents.VALID_TRIPLE_FAULT;

  private final X86VcpuState vcpu;
  private final VcpuEvents events;

  EventCalls(X86VcpuState vcpu) {
    this.vcpu = vcpu;
    this.events = vcpu.events();
  }

  void get(byte[] target, int offset) {
    boolean payloads = vcpu.vm().hasExceptionPayload();
    if (!payloads && events.exceptionPending && events.exceptionHasPayload) {
      deliverPayload();
    }
    java.util.Arrays.fill(target, offset, offset + KvmVcpuEvents.BYTES, (byte) 0);
    boolean soft = events.exceptionVector == BREAKPOINT || events.exceptionVector == OVERFLOW;
    if (!soft) {
      boolean injected = events.exceptionInjected || !payloads && events.exceptionPending;
      putFlag(target, offset + KvmVcpuEvents.EXCEPTION_INJECTED, injected);
      putFlag(target, offset + KvmVcpuEvents.EXCEPTION_PENDING, events.exceptionPending);
    }
    LittleEndian.putByte(target, offset + KvmVcpuEvents.EXCEPTION_NR, events.exceptionVector);
    putFlag(target, offset + KvmVcpuEvents.EXCEPTION_HAS_ERROR_CODE, events.exceptionHasErrorCode);
    int code = offset + KvmVcpuEvents.EXCEPTION_ERROR_CODE;
    LittleEndian.putInt(target, code, events.exceptionErrorCode);
    putFlag(target, offset + KvmVcpuEvents.EXCEPTION_HAS_PAYLOAD, events.exceptionHasPayload);
    int payload = offset + KvmVcpuEvents.EXCEPTION_PAYLOAD;
    LittleEndian.putLong(target, payload, events.exceptionPayload);
    boolean interrupt = events.interruptInjected && !events.interruptSoft;
    putFlag(target, offset + KvmVcpuEvents.INTERRUPT_INJECTED, interrupt);
    LittleEndian.putByte(target, offset + KvmVcpuEvents.INTERRUPT_NR, events.interruptVector);
    int shadow = vcpu.core().interruptShadow() ? events.shadow : 0;
    LittleEndian.putByte(target, offset + KvmVcpuEvents.INTERRUPT_SHADOW, shadow);
    putFlag(target, offset + KvmVcpuEvents.NMI_INJECTED, events.nmiInjected);
    LittleEndian.putByte(target, offset + KvmVcpuEvents.NMI_PENDING, events.nmisPending);
    putFlag(target, offset + KvmVcpuEvents.NMI_MASKED, events.nmiMasked);
    boolean latched = vcpu.apic() != null && vcpu.apic().initLatched();
    putFlag(target, offset + KvmVcpuEvents.SMI_LATCHED_INIT, latched);
    int flags =
        KvmVcpuEvents.VALID_NMI_PENDING | KvmVcpuEvents.VALID_SHADOW | KvmVcpuEvents.VALID_SMM;
    flags |= payloads ? KvmVcpuEvents.VALID_PAYLOAD : 0;
    if (vcpu.vm().hasTripleFaultEvent()) {
      flags |= KvmVcpuEvents.VALID_TRIPLE_FAULT;
      putFlag(target, offset + KvmVcpuEvents.TRIPLE_FAULT_PENDING, events.tripleFault);
    }
    LittleEndian.putInt(target, offset + KvmVcpuEvents.FLAGS, flags);
  }

  private static void putFlag(byte[] target, int at, boolean set) {
    LittleEndian.putByte(target, at, set ? 1 : 0);
  }

  /** kvm_deliver_exception_payload: CR2 of a #PF, DR6 of a #DB. */
  private void deliverPayload() {
    if (events.exceptionVector == 14) {
      vcpu.core().setCr2(events.exceptionPayload);
    } else if (events.exceptionVector == 1) {
      vcpu.core().setDebugRegister(6, dr6With(events.exceptionPayload));
    }
    events.exceptionHasPayload = false;
    events.exceptionPayload = 0;
  }

  /** Trap bits are replaced; RTM and the bus-lock bit are told by clearing them. */
  private long dr6With(long payload) {
    long dr6 = vcpu.core().debugRegister(6) & ~0xfL | DR6_ACTIVE_LOW | payload;
    return dr6 ^ payload & DR6_ACTIVE_LOW;
  }

  /** 0 or -EINVAL. */
  long set(byte[] source, int offset) {
    int flags = LittleEndian.getInt(source, offset + KvmVcpuEvents.FLAGS);
    if ((flags & ~KNOWN_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    boolean injected = isSet(source, offset + KvmVcpuEvents.EXCEPTION_INJECTED);
    boolean pending = isSet(source, offset + KvmVcpuEvents.EXCEPTION_PENDING);
    boolean payload = isSet(source, offset + KvmVcpuEvents.EXCEPTION_HAS_PAYLOAD);
    if ((flags & KvmVcpuEvents.VALID_PAYLOAD) != 0) {
      if (!vcpu.vm().hasExceptionPayload()) {
        return -Errno.EINVAL;
      }
      injected &= !pending;
      payload &= pending;
    } else {
      pending = false;
      payload = false;
    }
    int vector = LittleEndian.getByte(source, offset + KvmVcpuEvents.EXCEPTION_NR);
    if ((injected || pending) && (vector > LAST_EXCEPTION || vector == NMI_VECTOR)) {
      return -Errno.EINVAL;
    }
    events.exceptionInjected = injected;
    events.exceptionPending = pending;
    events.exceptionVector = vector;
    events.exceptionHasErrorCode = isSet(source, offset + KvmVcpuEvents.EXCEPTION_HAS_ERROR_CODE);
    events.exceptionErrorCode =
        LittleEndian.getInt(source, offset + KvmVcpuEvents.EXCEPTION_ERROR_CODE);
    events.exceptionHasPayload = payload;
    events.exceptionPayload =
        LittleEndian.getLong(source, offset + KvmVcpuEvents.EXCEPTION_PAYLOAD);
    setInterrupts(source, offset, flags);
    return setRest(source, offset, flags);
  }

  private static boolean isSet(byte[] source, int at) {
    return source[at] != 0;
  }

  private void setInterrupts(byte[] source, int offset, int flags) {
    events.interruptInjected = isSet(source, offset + KvmVcpuEvents.INTERRUPT_INJECTED);
    events.interruptVector = LittleEndian.getByte(source, offset + KvmVcpuEvents.INTERRUPT_NR);
    events.interruptSoft = isSet(source, offset + KvmVcpuEvents.INTERRUPT_SOFT);
    if ((flags & KvmVcpuEvents.VALID_SHADOW) != 0) {
      int known = VcpuEvents.SHADOW_MOV_SS | VcpuEvents.SHADOW_STI;
      int shadow = LittleEndian.getByte(source, offset + KvmVcpuEvents.INTERRUPT_SHADOW) & known;
      vcpu.core().setInterruptShadow(shadow != 0);
      events.shadow = shadow != 0 ? shadow : VcpuEvents.SHADOW_STI;
    }
    events.nmiInjected = isSet(source, offset + KvmVcpuEvents.NMI_INJECTED);
    events.nmiMasked = isSet(source, offset + KvmVcpuEvents.NMI_MASKED);
    if ((flags & KvmVcpuEvents.VALID_NMI_PENDING) != 0) {
      int nmis = LittleEndian.getByte(source, offset + KvmVcpuEvents.NMI_PENDING);
      events.nmisPending = Math.min(nmis, events.nmiMasked || events.nmiInjected ? 1 : 2);
    }
  }

  /** What comes after the point where KVM has begun to change the vCPU. */
  private long setRest(byte[] source, int offset, int flags) {
    KernelApic apic = vcpu.apic();
    if ((flags & KvmVcpuEvents.VALID_SIPI_VECTOR) != 0 && apic != null) {
      apic.setSipiVector(LittleEndian.getInt(source, offset + KvmVcpuEvents.SIPI_VECTOR));
    }
    if ((flags & KvmVcpuEvents.VALID_SMM) != 0) {
      if (isSet(source, offset + KvmVcpuEvents.SMI_SMM)
          || isSet(source, offset + KvmVcpuEvents.SMI_PENDING)
          || isSet(source, offset + KvmVcpuEvents.SMI_INSIDE_NMI)) {
        return -Errno.EINVAL;
      }
      if (apic != null) {
        apic.setInitLatched(isSet(source, offset + KvmVcpuEvents.SMI_LATCHED_INIT));
      }
    }
    if ((flags & KvmVcpuEvents.VALID_TRIPLE_FAULT) != 0) {
      if (!vcpu.vm().hasTripleFaultEvent()) {
        return -Errno.EINVAL;
      }
      events.tripleFault = isSet(source, offset + KvmVcpuEvents.TRIPLE_FAULT_PENDING);
    }
    return 0;
  }

  /** KVM_INTERRUPT: 0 or -errno. */
  long interrupt(int vector) {
    if (Integer.compareUnsigned(vector, VECTORS) >= 0) {
      return -Errno.EINVAL;
    }
    return switch (vcpu.vm().irqchip()) {
      case NONE -> {
        events.queueInterrupt(vector);
        yield 0;
      }
      case KERNEL -> -Errno.ENXIO;
      case SPLIT -> {
        if (events.externalVector != -1) {
          yield -Errno.EEXIST;
        }
        events.externalVector = vector;
        yield 0;
      }
    };
  }
}
