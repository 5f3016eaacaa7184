package dev.quire.kvm.x86;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmDebugregs;
import dev.quire.kvm.abi.KvmDeviceAttr;
import dev.quire.kvm.abi.KvmFpu;
import dev.quire.kvm.abi.KvmGuestDebug;
import dev.quire.kvm.abi.KvmMce;
import dev.quire.kvm.abi.KvmRegs;
import dev.quire.kvm.abi.KvmSregs;
import dev.quire.kvm.abi.KvmTranslation;
import dev.quire.kvm.abi.KvmVcpuEvents;
import dev.quire.kvm.abi.KvmXcrs;
import dev.quire.kvm.abi.KvmXsave;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.mmu.x86.ControlRegisters;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Cr4;
import dev.quire.mmu.x86.Efer;

/**
 * The calls on an x86 vCPU's state: copies in, checks, and copies out in the kernel's order (Linux
 * v6.18 virt/kvm/kvm_main.c, kvm_vcpu_ioctl; arch/x86/kvm/x86.c, kvm_arch_vcpu_ioctl). VM thread
 * only.
 */
final class VcpuCalls {
  private static final int LAPIC_BYTES = 1024;
  private static final int TPR_ACCESS_CTL_BYTES = 40;
  private static final int ENABLE_CAP_FLAGS = 4;
  private static final int ENABLE_CAP_ARGS = 8;
  private static final int ENABLE_CAP_BYTES = 104;
  private static final int NESTED_STATE_BYTES = 128;
  private static final int ONE_REG_BYTES = 16;
  private static final int SIGNAL_SET_BYTES = 8;
  private static final int DEBUG_EXCEPTION = 1;
  private static final int BREAKPOINT = 3;
  private static final int MACHINE_CHECK = 18;

  /** KVM_REG_X86, 64 bits wide, of type MSR, but for the number. */
  private static final long MSR_REGISTER = 0x2030_0002_0000_0000L;

  private static final long REGISTER_ARCHITECTURE = 0xff00_0000_0000_0000L;
  private static final long REGISTER_X86 = 0x2000_0000_0000_0000L;
  private static final long LOW_32 = 0xffff_ffffL;

  private final X86VcpuState vcpu;
  private final FloatingPoint floatingPoint;
  private final SpecialRegisters special;
  private final EventCalls events;
  private final LinearTranslation translation;
  private Long signalMask;

  VcpuCalls(
      X86VcpuState vcpu, FloatingPoint floatingPoint, SpecialRegisters special, EventCalls events) {
    this.vcpu = vcpu;
    this.floatingPoint = floatingPoint;
    this.special = special;
    this.events = events;
    this.translation = new LinearTranslation(vcpu.vm().context());
  }

  Long signalMask() {
    return signalMask;
  }

  /** A structure a call takes. */
  private interface Taker {
    /** 0 or -errno. */
    long take(byte[] struct);
  }

  private static long take(Caller caller, long argument, int bytes, Taker taker) {
    byte[] struct = UserStructs.copyIn(caller, argument, bytes);
    return struct == null ? -Errno.EFAULT : taker.take(struct);
  }

  long ioctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.GET_REGS -> {
        byte[] regs = new byte[KvmRegs.BYTES];
        vcpu.getRegs(regs, 0);
        yield UserStructs.copyOut(caller, argument, regs);
      }
      case Ioctls.SET_REGS -> take(caller, argument, KvmRegs.BYTES, this::setRegs);
      case Ioctls.GET_SREGS -> {
        byte[] sregs = new byte[KvmSregs.BYTES];
        vcpu.getSregs(sregs, 0);
        yield UserStructs.copyOut(caller, argument, sregs);
      }
      case Ioctls.SET_SREGS ->
          take(caller, argument, KvmSregs.BYTES, struct -> vcpu.setSregs(struct, 0));
      case Ioctls.GET_SREGS2 -> UserStructs.copyOut(caller, argument, special.getSecond());
      case Ioctls.SET_SREGS2 -> take(caller, argument, KvmSregs.SREGS2_BYTES, this::setSregs2);
      case Ioctls.GET_FPU -> UserStructs.copyOut(caller, argument, floatingPoint.getFpu());
      case Ioctls.SET_FPU -> take(caller, argument, KvmFpu.BYTES, this::setFpu);
      case Ioctls.GET_XSAVE, Ioctls.GET_XSAVE2 ->
          UserStructs.copyOut(caller, argument, floatingPoint.getXsave());
      case Ioctls.SET_XSAVE -> take(caller, argument, KvmXsave.BYTES, floatingPoint::setXsave);
      case Ioctls.GET_XCRS -> UserStructs.copyOut(caller, argument, floatingPoint.getXcrs());
      case Ioctls.SET_XCRS ->
          take(caller, argument, KvmXcrs.BYTES, struct -> floatingPoint.setXcrs(struct, 0));
      case Ioctls.GET_DEBUGREGS -> UserStructs.copyOut(caller, argument, getDebugRegisters());
      case Ioctls.SET_DEBUGREGS ->
          take(caller, argument, KvmDebugregs.BYTES, this::setDebugRegisters);
      case Ioctls.GET_MSRS -> MsrLists.perform(caller, argument, true, new HostReads());
      case Ioctls.SET_MSRS -> MsrLists.perform(caller, argument, false, new HostWrites());
      case Ioctls.SET_CPUID -> changed(vcpu.cpuid().setOld(caller, argument, vcpu.hasRun()));
      case Ioctls.SET_CPUID2 -> changed(vcpu.cpuid().set(caller, argument, vcpu.hasRun()));
      case Ioctls.GET_CPUID2 -> vcpu.cpuid().get(caller, argument);
      case Ioctls.TRANSLATE -> translate(caller, argument);
      default -> eventIoctl(caller, request, argument);
    };
  }

  private long eventIoctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.GET_VCPU_EVENTS -> {
        byte[] struct = new byte[KvmVcpuEvents.BYTES];
        events.get(struct, 0);
        yield UserStructs.copyOut(caller, argument, struct);
      }
      case Ioctls.SET_VCPU_EVENTS ->
          take(caller, argument, KvmVcpuEvents.BYTES, struct -> events.set(struct, 0));
      case Ioctls.INTERRUPT ->
          take(
              caller,
              argument,
              Integer.BYTES,
              struct -> events.interrupt(LittleEndian.getInt(struct, 0)));
      case Ioctls.NMI -> {
        vcpu.events().addNmi();
        yield 0;
      }
      // Built without system-management mode.
      case Ioctls.SMI -> -Errno.ENOTTY;
      case Ioctls.GET_MP_STATE -> {
        byte[] struct = new byte[Integer.BYTES];
        LittleEndian.putInt(struct, 0, vcpu.mpState());
        yield UserStructs.copyOut(caller, argument, struct);
      }
      case Ioctls.SET_MP_STATE -> take(caller, argument, Integer.BYTES, this::setMpState);
      case Ioctls.SET_GUEST_DEBUG ->
          take(caller, argument, KvmGuestDebug.BYTES, this::setGuestDebug);
      case Ioctls.X86_SETUP_MCE ->
          take(
              caller,
              argument,
              Long.BYTES,
              struct -> vcpu.msrs().machineCheck().setUp(LittleEndian.getLong(struct, 0)));
      case Ioctls.X86_SET_MCE -> take(caller, argument, KvmMce.BYTES, this::setMachineCheck);
      case Ioctls.SET_SIGNAL_MASK -> setSignalMask(caller, argument);
      case Ioctls.GET_LAPIC -> getLapic(caller, argument);
      case Ioctls.SET_LAPIC ->
          vcpu.apic() == null
              ? -Errno.EINVAL
              : take(caller, argument, LAPIC_BYTES, struct -> vcpu.apic().load(struct));
      case Ioctls.TPR_ACCESS_REPORTING -> setTaskPriorityReports(caller, argument);
      case Ioctls.SET_VAPIC_ADDR ->
          vcpu.apic() == null
              ? -Errno.EINVAL
              : take(caller, argument, Long.BYTES, this::setVapicAddress);
      default -> otherIoctl(caller, request, argument);
    };
  }

  private long otherIoctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.SET_TSC_KHZ -> setTscKhz((int) argument);
      case Ioctls.GET_TSC_KHZ -> vcpu.msrs().counter().khz();
      case Ioctls.KVMCLOCK_CTRL ->
          vcpu.msrs().paravirtual().clock().tellStopped() ? 0 : -Errno.EINVAL;
      case Ioctls.ENABLE_CAP -> take(caller, argument, ENABLE_CAP_BYTES, this::enableCapability);
      case Ioctls.GET_ONE_REG, Ioctls.SET_ONE_REG -> oneRegister(caller, request, argument);
      case Ioctls.GET_REG_LIST -> registerList(caller, argument);
      case Ioctls.HAS_DEVICE_ATTR, Ioctls.GET_DEVICE_ATTR, Ioctls.SET_DEVICE_ATTR ->
          deviceAttribute(caller, request, argument);
      // Not nested: there is no such state.
      case Ioctls.GET_NESTED_STATE -> -Errno.EINVAL;
      case Ioctls.SET_NESTED_STATE ->
          take(caller, argument, NESTED_STATE_BYTES, struct -> -Errno.EINVAL);
      default -> ArchVcpu.UNKNOWN;
    };
  }

  private long setRegs(byte[] struct) {
    vcpu.setRegs(struct, 0);
    return 0;
  }

  private long setFpu(byte[] struct) {
    floatingPoint.setFpu(struct);
    return 0;
  }

  private long changed(long result) {
    vcpu.applyCpuid();
    return result;
  }

  private long setSregs2(byte[] struct) {
    long flags = LittleEndian.getLong(struct, KvmSregs.FLAGS);
    boolean given = (flags & KvmSregs.PDPTRS_VALID) != 0;
    boolean pae =
        (LittleEndian.getLong(struct, KvmSregs.CR0) & Cr0.PG) != 0
            && (LittleEndian.getLong(struct, KvmSregs.CR4) & Cr4.PAE) != 0
            && (LittleEndian.getLong(struct, KvmSregs.EFER) & Efer.LMA) == 0;
    if ((flags & ~KvmSregs.PDPTRS_VALID) != 0 || given && !pae) {
      return -Errno.EINVAL;
    }
    long[] pdptes = null;
    if (given) {
      pdptes = new long[ControlRegisters.PDPTES];
      for (int index = 0; index < pdptes.length; index++) {
        pdptes[index] = LittleEndian.getLong(struct, KvmSregs.PDPTRS + Long.BYTES * index);
      }
    }
    return special.set(struct, 0, pdptes);
  }

  private byte[] getDebugRegisters() {
    byte[] struct = new byte[KvmDebugregs.BYTES];
    for (int number = 0; number < 4; number++) {
      int at = KvmDebugregs.DB + Long.BYTES * number;
      LittleEndian.putLong(struct, at, vcpu.core().debugRegister(number));
    }
    LittleEndian.putLong(struct, KvmDebugregs.DR6, vcpu.core().debugRegister(6));
    LittleEndian.putLong(struct, KvmDebugregs.DR7, vcpu.core().debugRegister(7));
    return struct;
  }

  private long setDebugRegisters(byte[] struct) {
    long dr6 = LittleEndian.getLong(struct, KvmDebugregs.DR6);
    long dr7 = LittleEndian.getLong(struct, KvmDebugregs.DR7);
    if (LittleEndian.getLong(struct, KvmDebugregs.FLAGS) != 0 || (dr6 | dr7) >>> 32 != 0) {
      return -Errno.EINVAL;
    }
    for (int number = 0; number < 4; number++) {
      int at = KvmDebugregs.DB + Long.BYTES * number;
      vcpu.core().setDebugRegister(number, LittleEndian.getLong(struct, at));
    }
    vcpu.core().setDebugRegister(6, dr6);
    vcpu.core().setDebugRegister(7, dr7);
    return 0;
  }

  private final class HostReads implements MsrLists.Access {
    @Override
    public boolean perform(int msr, long data) {
      return vcpu.msrs().readByHost(msr);
    }

    @Override
    public long value() {
      return vcpu.msrs().value();
    }
  }

  private final class HostWrites implements MsrLists.Access {
    @Override
    public boolean perform(int msr, long data) {
      return vcpu.msrs().writeByHost(msr, data);
    }

    @Override
    public long value() {
      return 0;
    }
  }

  private long translate(Caller caller, long argument) {
    byte[] struct = UserStructs.copyIn(caller, argument, KvmTranslation.BYTES);
    if (struct == null) {
      return -Errno.EFAULT;
    }
    long linear = LittleEndian.getLong(struct, KvmTranslation.LINEAR_ADDRESS);
    long gpa = translation.translate(vcpu.mmu().registers(), vcpu.core().rflags(), linear);
    if (translation.waits()) {
      return ArchVcpu.MUST_WAIT;
    }
    boolean valid = gpa != LinearTranslation.INVALID;
    LittleEndian.putLong(struct, KvmTranslation.PHYSICAL_ADDRESS, gpa);
    LittleEndian.putByte(struct, KvmTranslation.VALID, valid ? 1 : 0);
    LittleEndian.putByte(struct, KvmTranslation.WRITEABLE, 1);
    LittleEndian.putByte(struct, KvmTranslation.USERMODE, 0);
    return UserStructs.copyOut(caller, argument, struct);
  }

  private long setMpState(byte[] struct) {
    int wanted = LittleEndian.getInt(struct, 0);
    boolean ofApic =
        switch (wanted) {
          case X86VcpuState.UNINITIALIZED,
              X86VcpuState.HALTED,
              X86VcpuState.AP_RESET_HOLD,
              X86VcpuState.INIT_RECEIVED,
              X86VcpuState.SIPI_RECEIVED ->
              true;
          default -> false;
        };
    if (!ofApic && wanted != X86VcpuState.RUNNABLE || ofApic && vcpu.apic() == null) {
      return -Errno.EINVAL;
    }
    if (wanted == X86VcpuState.SIPI_RECEIVED) {
      vcpu.setMpState(X86VcpuState.INIT_RECEIVED);
      vcpu.apic().pendSipi();
    } else {
      vcpu.setMpState(wanted);
    }
    return 0;
  }

  private long setGuestDebug(byte[] struct) {
    int control = LittleEndian.getInt(struct, KvmGuestDebug.CONTROL);
    int injects = control & (GuestDebug.INJECT_DB | GuestDebug.INJECT_BP);
    if (injects != 0) {
      VcpuEvents events = vcpu.events();
      if (events.exceptionPending || events.tripleFault) {
        return -Errno.EBUSY;
      }
      boolean debug = (injects & GuestDebug.INJECT_DB) != 0;
      vcpu.events().queueException(debug ? DEBUG_EXCEPTION : BREAKPOINT, false, 0);
    }
    GuestDebug debug = vcpu.debug();
    debug.control = (control & GuestDebug.ENABLE) != 0 ? control : 0;
    if ((debug.control & GuestDebug.USE_HW_BP) != 0) {
      for (int index = 0; index < debug.addresses.length; index++) {
        int at = KvmGuestDebug.DEBUGREG + Long.BYTES * index;
        debug.addresses[index] = LittleEndian.getLong(struct, at);
      }
      debug.dr7 = LittleEndian.getLong(struct, KvmGuestDebug.DEBUGREG + Long.BYTES * 7);
    }
    return 0;
  }

  private long setMachineCheck(byte[] struct) {
    boolean enabled = (special.cr4() & Cr4.MCE) != 0;
    switch (vcpu.msrs().machineCheck().inject(struct, enabled)) {
      case INVALID -> {
        return -Errno.EINVAL;
      }
      case EXCEPTION -> vcpu.events().queueException(MACHINE_CHECK, false, 0);
      case TRIPLE_FAULT -> vcpu.events().tripleFault = true;
      case NOTHING -> {
        // Recorded, or lost, without an effect on the guest now.
      }
    }
    return 0;
  }

  private long setSignalMask(Caller caller, long argument) {
    if (argument == 0) {
      signalMask = null;
      return 0;
    }
    byte[] length = UserStructs.copyIn(caller, argument, Integer.BYTES);
    if (length == null) {
      return -Errno.EFAULT;
    }
    if (LittleEndian.getInt(length, 0) != SIGNAL_SET_BYTES) {
      return -Errno.EINVAL;
    }
    byte[] set = UserStructs.copyIn(caller, argument + Integer.BYTES, SIGNAL_SET_BYTES);
    if (set == null) {
      return -Errno.EFAULT;
    }
    signalMask = LittleEndian.getLong(set, 0);
    return 0;
  }

  private long getLapic(Caller caller, long argument) {
    if (vcpu.apic() == null) {
      return -Errno.EINVAL;
    }
    byte[] registers = new byte[LAPIC_BYTES];
    vcpu.apic().save(registers);
    return UserStructs.copyOut(caller, argument, registers);
  }

  private long setTaskPriorityReports(Caller caller, long argument) {
    byte[] struct = UserStructs.copyIn(caller, argument, TPR_ACCESS_CTL_BYTES);
    if (struct == null) {
      return -Errno.EFAULT;
    }
    if (LittleEndian.getInt(struct, Integer.BYTES) != 0) {
      return -Errno.EINVAL;
    }
    vcpu.taskPriorityReports().enable(LittleEndian.getInt(struct, 0) != 0);
    return UserStructs.copyOut(caller, argument, struct);
  }

  private long setVapicAddress(byte[] struct) {
    return vcpu.apic().setVirtualPage(LittleEndian.getLong(struct, 0)) ? 0 : -Errno.EINVAL;
  }

  private long setTscKhz(int khz) {
    if (Integer.compareUnsigned(khz, TimeStampCounter.MAX_KHZ) >= 0) {
      return -Errno.EINVAL;
    }
    vcpu.msrs().counter().setKhz(khz == 0 ? TimeStampCounter.HOST_KHZ : khz);
    return 0;
  }

  private long enableCapability(byte[] struct) {
    boolean enforces =
        LittleEndian.getInt(struct, 0) == Capabilities.ENFORCE_PV_FEATURE_CPUID
            && LittleEndian.getInt(struct, ENABLE_CAP_FLAGS) == 0;
    if (!enforces) {
      return -Errno.EINVAL;
    }
    vcpu.msrs().paravirtual().enforce(LittleEndian.getLong(struct, ENABLE_CAP_ARGS) != 0);
    return 0;
  }

  /** Registers by number are model-specific ones. */
  private long oneRegister(Caller caller, int request, long argument) {
    byte[] struct = UserStructs.copyIn(caller, argument, ONE_REG_BYTES);
    if (struct == null) {
      return -Errno.EFAULT;
    }
    long id = LittleEndian.getLong(struct, 0);
    long address = LittleEndian.getLong(struct, Long.BYTES);
    if ((id & REGISTER_ARCHITECTURE) != REGISTER_X86 || (id & ~LOW_32) != MSR_REGISTER) {
      return -Errno.EINVAL;
    }
    byte[] value = new byte[Long.BYTES];
    if (request == Ioctls.GET_ONE_REG) {
      if (!vcpu.msrs().readByHost((int) id)) {
        return -Errno.EINVAL;
      }
      LittleEndian.putLong(value, 0, vcpu.msrs().value());
      return UserStructs.copyOut(caller, address, value);
    }
    return take(
        caller,
        address,
        Long.BYTES,
        data ->
            vcpu.msrs().writeByHost((int) id, LittleEndian.getLong(data, 0)) ? 0 : -Errno.EINVAL);
  }

  /** KVM_GET_REG_LIST: none without shadow stacks. */
  private static long registerList(Caller caller, long argument) {
    byte[] count = UserStructs.copyIn(caller, argument, Long.BYTES);
    return count == null
        ? -Errno.EFAULT
        : UserStructs.copyOut(caller, argument, new byte[Long.BYTES]);
  }

  /** KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET. */
  private long deviceAttribute(Caller caller, int request, long argument) {
    byte[] struct = UserStructs.copyIn(caller, argument, KvmDeviceAttr.BYTES);
    if (struct == null) {
      return -Errno.EFAULT;
    }
    if (LittleEndian.getInt(struct, KvmDeviceAttr.GROUP) != 0
        || LittleEndian.getLong(struct, KvmDeviceAttr.ATTR) != 0) {
      return -Errno.ENXIO;
    }
    long address = LittleEndian.getLong(struct, KvmDeviceAttr.ADDR);
    TimeStampCounter counter = vcpu.msrs().counter();
    return switch (request) {
      case Ioctls.HAS_DEVICE_ATTR -> 0;
      case Ioctls.GET_DEVICE_ATTR -> {
        byte[] value = new byte[Long.BYTES];
        LittleEndian.putLong(value, 0, counter.offset());
        yield UserStructs.copyOut(caller, address, value);
      }
      default ->
          take(
              caller,
              address,
              Long.BYTES,
              value -> {
                counter.setOffset(LittleEndian.getLong(value, 0));
                return 0;
              });
    };
  }
}
