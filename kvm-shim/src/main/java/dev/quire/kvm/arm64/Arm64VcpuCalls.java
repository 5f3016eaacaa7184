package dev.quire.kvm.arm64;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.VmStructs;
import java.util.ArrayList;
import java.util.List;

/**
 * Calls on an arm64 vCPU, in the order in which Linux checks their arguments (Linux v6.18
 * arch/arm64/kvm/arm.c, kvm_arch_vcpu_ioctl; guest.c). VM thread only.
 */
final class Arm64VcpuCalls {
  private static final int TARGET_GENERIC_V8 = 5;
  private static final int INIT_BYTES = 32;
  private static final int EVENTS_BYTES = 64;

  // struct kvm_vcpu_events.
  private static final int SERROR_PENDING_AT = 0;
  private static final int EXT_DABT_PENDING_AT = 2;
  private static final int EVENTS_PAD_AT = 3;
  private static final int SERROR_ESR_AT = 8;
  private static final int RESERVED_AT = 16;

  private static final int DEBUG_BYTES = 520;

  private static final int FEATURE_POWER_OFF = 1;
  private static final int FEATURE_PSCI_0_2 = 1 << 2;
  private static final int FEATURE_PAUTH = 1 << 5 | 1 << 6;

  /** All features that have a number, and those that this host has. */
  private static final int FEATURES_KNOWN = (1 << 9) - 1;

  private static final int FEATURES_HERE = FEATURE_POWER_OFF | FEATURE_PSCI_0_2 | FEATURE_PAUTH;

  private static final int DEBUG_ENABLE = 1;
  private static final int DEBUG_SINGLE_STEP = 2;
  private static final int DEBUG_SOFTWARE_BREAKPOINTS = 1 << 16;

  private static final int MP_RUNNABLE = 0;
  private static final int MP_STOPPED = 5;

  /** KVM_REG_ARM_PSCI_VERSION, and versions that can be asked for. */
  private static final long PSCI_VERSION = OneReg.ARM64 | OneReg.FIRMWARE | OneReg.size(8);

  private static final long PSCI_0_2 = 2;
  private static final long PSCI_1_0 = 0x1_0000;

  private final Arm64Vcpu vcpu;
  private final CoreRegisters core;
  private final SystemRegisterStore system;
  private long psciVersion = PSCI_1_0;

  Arm64VcpuCalls(Arm64Vcpu vcpu, CoreRegisters core, SystemRegisterStore system) {
    this.vcpu = vcpu;
    this.core = core;
    this.system = system;
  }

  long ioctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.ARM_VCPU_INIT -> initialize(caller, argument);
      case Ioctls.GET_ONE_REG -> oneReg(caller, argument, false);
      case Ioctls.SET_ONE_REG -> oneReg(caller, argument, true);
      case Ioctls.GET_REG_LIST -> regList(caller, argument);
      case Ioctls.ARM_VCPU_FINALIZE -> finalizeFeature(caller, argument);
      case Ioctls.GET_MP_STATE -> getMpState(caller, argument);
      case Ioctls.SET_MP_STATE -> setMpState(caller, argument);
      case Ioctls.GET_VCPU_EVENTS -> getEvents(caller, argument);
      case Ioctls.SET_VCPU_EVENTS -> setEvents(caller, argument);
      case Ioctls.ARM64_SET_GUEST_DEBUG -> setGuestDebug(caller, argument);
      case Ioctls.SET_DEVICE_ATTR, Ioctls.GET_DEVICE_ATTR, Ioctls.HAS_DEVICE_ATTR -> -Errno.ENXIO;
      default -> ArchVcpu.UNKNOWN;
    };
  }

  private long initialize(Caller caller, long argument) {
    byte[] init = VmStructs.read(caller, argument, INIT_BYTES);
    if (init == null) {
      return -Errno.EFAULT;
    }
    int features = LittleEndian.getInt(init, 4);
    int lasting = features & ~FEATURE_POWER_OFF;
    if (LittleEndian.getInt(init, 0) != TARGET_GENERIC_V8) {
      return -Errno.EINVAL;
    }
    if ((features & ~FEATURES_KNOWN) != 0) {
      return -Errno.ENOENT;
    }
    for (int word = 1; word < 7; word++) {
      if (LittleEndian.getInt(init, 4 + 4 * word) != 0) {
        return -Errno.ENOENT;
      }
    }
    boolean pauth = (features & FEATURE_PAUTH) == FEATURE_PAUTH;
    if ((features & ~FEATURES_HERE) != 0
        || (features & FEATURE_PAUTH) != 0 && !pauth
        || !vcpu.vm().agree(lasting)) {
      return -Errno.EINVAL;
    }
    vcpu.initialize(pauth, (features & FEATURE_POWER_OFF) != 0);
    return 0;
  }

  private long oneReg(Caller caller, long argument, boolean set) {
    if (!vcpu.isInitialized()) {
      return Arm64Vcpu.notInitialized();
    }
    byte[] struct = VmStructs.read(caller, argument, 16);
    if (struct == null) {
      return -Errno.EFAULT;
    }
    long id = LittleEndian.getLong(struct, 0);
    long address = LittleEndian.getLong(struct, 8);
    if (!OneReg.isArm64(id)) {
      return -Errno.EINVAL;
    }
    long error = error(id);
    if (error != 0) {
      return error;
    }
    if (set) {
      byte[] value = VmStructs.read(caller, address, OneReg.bytes(id));
      return value == null ? -Errno.EFAULT : set(id, value);
    }
    byte[] value = new byte[OneReg.bytes(id)];
    get(id, value);
    return VmStructs.write(caller, address, value) ? 0 : -Errno.EFAULT;
  }

  /** Whether there is a register with this number: 0, -ENOENT or -EINVAL. */
  private long error(long id) {
    long coprocessor = OneReg.coprocessor(id);
    if (coprocessor == OneReg.CORE) {
      return core.error(id);
    }
    if (coprocessor == OneReg.SYSREG) {
      boolean known = OneReg.bytes(id) == Long.BYTES && system.has((int) id & 0xffff);
      return known ? 0 : -Errno.ENOENT;
    }
    return id == PSCI_VERSION ? 0 : -Errno.ENOENT;
  }

  private void get(long id, byte[] into) {
    if (OneReg.coprocessor(id) == OneReg.CORE) {
      core.get(id, into);
    } else if (id == PSCI_VERSION) {
      LittleEndian.putLong(into, 0, psciVersion);
    } else {
      LittleEndian.putLong(into, 0, system.get((int) id & 0xffff));
    }
  }

  private long set(long id, byte[] from) {
    if (OneReg.coprocessor(id) == OneReg.CORE) {
      return core.set(id, from);
    }
    long value = LittleEndian.getLong(from, 0);
    if (id == PSCI_VERSION) {
      if (value != PSCI_0_2 && value != PSCI_1_0) {
        return -Errno.EINVAL;
      }
      psciVersion = value;
      return 0;
    }
    return system.set((int) id & 0xffff, value, !vcpu.vm().hasRun());
  }

  private long regList(Caller caller, long argument) {
    if (!vcpu.isInitialized()) {
      return Arm64Vcpu.notInitialized();
    }
    byte[] header = VmStructs.read(caller, argument, Long.BYTES);
    if (header == null) {
      return -Errno.EFAULT;
    }
    List<Long> ids = new ArrayList<>();
    CoreRegisters.list(ids::add);
    ids.add(PSCI_VERSION);
    system.list(ids::add);
    long room = LittleEndian.getLong(header, 0);
    LittleEndian.putLong(header, 0, ids.size());
    if (!VmStructs.write(caller, argument, header)) {
      return -Errno.EFAULT;
    }
    if (Long.compareUnsigned(room, ids.size()) < 0) {
      return -Errno.E2BIG;
    }
    byte[] list = new byte[ids.size() * Long.BYTES];
    for (int i = 0; i < ids.size(); i++) {
      LittleEndian.putLong(list, i * Long.BYTES, ids.get(i));
    }
    return VmStructs.write(caller, argument + Long.BYTES, list) ? 0 : -Errno.EFAULT;
  }

  /** Only SVE would be to finalize. */
  private long finalizeFeature(Caller caller, long argument) {
    if (!vcpu.isInitialized()) {
      return Arm64Vcpu.notInitialized();
    }
    return VmStructs.read(caller, argument, 4) == null ? -Errno.EFAULT : -Errno.EINVAL;
  }

  private long getMpState(Caller caller, long argument) {
    byte[] state = new byte[4];
    LittleEndian.putInt(state, 0, vcpu.isOff() ? MP_STOPPED : MP_RUNNABLE);
    return VmStructs.write(caller, argument, state) ? 0 : -Errno.EFAULT;
  }

  private long setMpState(Caller caller, long argument) {
    byte[] state = VmStructs.read(caller, argument, 4);
    if (state == null) {
      return -Errno.EFAULT;
    }
    switch (LittleEndian.getInt(state, 0)) {
      case MP_RUNNABLE -> vcpu.powerOn();
      case MP_STOPPED -> vcpu.powerOff();
      default -> {
        return -Errno.EINVAL;
      }
    }
    return 0;
  }

  /** SErrors cannot be pending, and external aborts are taken as they come. */
  private long getEvents(Caller caller, long argument) {
    if (!vcpu.isInitialized()) {
      return Arm64Vcpu.notInitialized();
    }
    return VmStructs.write(caller, argument, new byte[EVENTS_BYTES]) ? 0 : -Errno.EFAULT;
  }

  private long setEvents(Caller caller, long argument) {
    if (!vcpu.isInitialized()) {
      return Arm64Vcpu.notInitialized();
    }
    byte[] events = VmStructs.read(caller, argument, EVENTS_BYTES);
    if (events == null) {
      return -Errno.EFAULT;
    }
    for (int at = 0; at < EVENTS_BYTES; at++) {
      if (events[at] != 0 && (at >= EVENTS_PAD_AT && at < SERROR_ESR_AT || at >= RESERVED_AT)) {
        return -Errno.EINVAL;
      }
    }
    if (events[EXT_DABT_PENDING_AT] != 0) {
      vcpu.injectExternalAbort();
    }
    return events[SERROR_PENDING_AT] == 0 ? 0 : -Errno.EINVAL;
  }

  private long setGuestDebug(Caller caller, long argument) {
    byte[] debug = VmStructs.read(caller, argument, DEBUG_BYTES);
    if (debug == null) {
      return -Errno.EFAULT;
    }
    int control = LittleEndian.getInt(debug, 0);
    if ((control & ~Arm64Architecture.GUEST_DEBUG_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    boolean enabled = (control & DEBUG_ENABLE) != 0;
    vcpu.setDebug(
        enabled && (control & DEBUG_SINGLE_STEP) != 0,
        enabled && (control & DEBUG_SOFTWARE_BREAKPOINTS) != 0);
    return 0;
  }
}
