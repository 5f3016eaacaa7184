package dev.quire.kvm.arm64;

import dev.quire.emulator.device.MmioDevice;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.KvmBus;
import dev.quire.kvm.vm.KvmDevice;
import dev.quire.kvm.vm.VmStructs;

/**
 * An in-kernel interrupt controller of a VM: a device to user space, a bus device to the guest
 * (Linux v6.18 arch/arm64/kvm/vgic/vgic-kvm-device.c). It is made whole when user space says so, or
 * at the first run, since it must know how many vCPUs there are. VM thread only.
 */
abstract class Vgic implements KvmDevice, KvmBus.Device {
  static final int GROUP_ADDRESS = 0;
  static final int GROUP_DISTRIBUTOR = 1;
  private static final int GROUP_INTERRUPTS = 3;
  private static final int GROUP_CONTROL = 4;
  private static final int CONTROL_INIT = 0;

  static final long UNDEFINED = -1;
  private static final int INTERRUPTS_LEAST = 64;
  private static final int INTERRUPTS_MOST = 992;
  private static final int INTERRUPTS_DEFAULT = 288;
  private static final int FIRST_SHARED = 32;

  private final Arm64Vm vm;
  private int interrupts;
  private boolean initialized;
  private long answer;

  Vgic(Arm64Vm vm) {
    this.vm = vm;
  }

  Arm64Vm vm() {
    return vm;
  }

  /** How many interrupts it has; once initialized. */
  int interrupts() {
    return interrupts;
  }

  /** Makes the controller for the vCPUs there are: 0, or -EINVAL without any. */
  long initialize() {
    if (initialized) {
      return 0;
    }
    if (vm.vcpuCount() == 0) {
      return -Errno.EINVAL;
    }
    interrupts = interrupts == 0 ? INTERRUPTS_DEFAULT : interrupts;
    make();
    initialized = true;
    return 0;
  }

  boolean isInitialized() {
    return initialized;
  }

  /** Makes the controller itself. */
  abstract void make();

  /** Whether user space has told where the guest finds it. */
  abstract boolean isPlaced();

  /** Asserts a private interrupt of a vCPU, or a shared one. */
  abstract void setLine(int vcpu, int intid, boolean level);

  /** Bytes of an attribute's value. */
  abstract int attributeBytes(int group);

  /** KVM_DEV_ARM_VGIC_GRP_ADDR: 0 or -errno. */
  abstract long place(long type, long gpa);

  /** What {@link #place} was told; {@link #UNDEFINED} before. */
  abstract long placeOf(long type);

  /** A group of registers that user space reads or writes: 0 or -errno. */
  abstract long access(int group, long attribute, boolean write, byte[] value);

  /** Whether there is such an attribute among addresses and registers. */
  abstract boolean knows(int group, long attribute);

  /** The registers with an address, and where they begin; null where none are. */
  abstract MmioDevice deviceAt(long address, int bytes);

  /** The offset of an address in {@link #deviceAt}'s. */
  abstract long offsetOf(long address);

  /** SPI or PPI: 0 or -EINVAL. */
  final long inject(int vcpu, int intid, boolean level) {
    if (initialize() != 0 || intid >= interrupts) {
      return -Errno.EINVAL;
    }
    setLine(vcpu, intid, level);
    return 0;
  }

  static boolean isPrivate(int intid) {
    return intid < FIRST_SHARED;
  }

  @Override
  public final long setAttribute(Caller caller, int group, long attribute, long address) {
    if (hasAttribute(group, attribute) != 0) {
      return -Errno.ENXIO;
    }
    if (group == GROUP_CONTROL) {
      return initialize();
    }
    byte[] value = VmStructs.read(caller, address, attributeBytes(group));
    if (value == null) {
      return -Errno.EFAULT;
    }
    return switch (group) {
      case GROUP_ADDRESS -> place(attribute, LittleEndian.getLong(value, 0));
      case GROUP_INTERRUPTS -> setInterrupts(LittleEndian.getInt(value, 0));
      default -> initialize() == 0 ? access(group, attribute, true, value) : -Errno.EINVAL;
    };
  }

  private long setInterrupts(int count) {
    if (count < INTERRUPTS_LEAST || count > INTERRUPTS_MOST || (count & 31) != 0) {
      return -Errno.EINVAL;
    }
    if (interrupts != 0) {
      return -Errno.EBUSY;
    }
    interrupts = count;
    return 0;
  }

  @Override
  public final long getAttribute(Caller caller, int group, long attribute, long address) {
    if (group == GROUP_CONTROL || hasAttribute(group, attribute) != 0) {
      return -Errno.ENXIO;
    }
    byte[] value = new byte[attributeBytes(group)];
    long error = 0;
    switch (group) {
      case GROUP_ADDRESS -> LittleEndian.putLong(value, 0, placeOf(attribute));
      case GROUP_INTERRUPTS -> LittleEndian.putInt(value, 0, interrupts);
      default -> error = initialize() == 0 ? access(group, attribute, false, value) : -Errno.EINVAL;
    }
    if (error != 0) {
      return error;
    }
    return VmStructs.write(caller, address, value) ? 0 : -Errno.EFAULT;
  }

  @Override
  public final long hasAttribute(int group, long attribute) {
    boolean known =
        switch (group) {
          case GROUP_INTERRUPTS -> true;
          case GROUP_CONTROL -> attribute == CONTROL_INIT;
          default -> knows(group, attribute);
        };
    return known ? 0 : -Errno.ENXIO;
  }

  /** Checks where user space puts a region: 0, -EINVAL or -E2BIG. */
  final long rangeError(long gpa, long bytes, long alignment) {
    if ((gpa & alignment - 1) != 0 || gpa + bytes < gpa) {
      return -Errno.EINVAL;
    }
    return gpa < 0 || gpa + bytes > 1L << vm.ipaBits() ? -Errno.E2BIG : 0;
  }

  /** A register of four bytes. */
  static long accessWord(MmioDevice device, long offset, boolean write, byte[] value) {
    if (write) {
      device.write(offset, Integer.BYTES, LittleEndian.getInt(value, 0) & 0xffff_ffffL);
    } else {
      LittleEndian.putInt(value, 0, (int) device.read(offset, Integer.BYTES));
    }
    return 0;
  }

  static boolean isInside(long address, int bytes, long base, long size) {
    return base != UNDEFINED && address >= base && address + bytes <= base + size;
  }

  // KvmBus.Device

  @Override
  public final boolean write(boolean port, long address, int bytes, long data) {
    MmioDevice device = initialized ? deviceAt(address, bytes) : null;
    if (device == null) {
      return false;
    }
    device.write(offsetOf(address), bytes, data);
    return true;
  }

  @Override
  public final boolean read(boolean port, long address, int bytes) {
    MmioDevice device = initialized ? deviceAt(address, bytes) : null;
    if (device == null) {
      return false;
    }
    answer = device.read(offsetOf(address), bytes);
    return true;
  }

  @Override
  public final long answer() {
    return answer;
  }

  @Override
  public final void close() {
    initialized = false;
  }
}
