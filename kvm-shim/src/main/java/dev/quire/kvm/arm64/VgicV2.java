package dev.quire.kvm.arm64;

import dev.quire.emulator.device.MmioDevice;
import dev.quire.emulator.device.arm64.GicOutputs;
import dev.quire.emulator.device.arm64.Gicv2;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.abi.VmStructs;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.KvmBus;
import dev.quire.kvm.vm.KvmDevice;
import java.util.function.IntSupplier;

/**
 * The in-kernel GICv2 of a VM: a device to user space, a bus device to the guest (Linux v6.18
 * arch/arm64/kvm/vgic/vgic-kvm-device.c). It is made whole when user space says so, or at the first
 * run, since it must know how many vCPUs there are. VM thread only.
 */
final class VgicV2 implements KvmDevice, KvmBus.Device {
  static final int TYPE = 5;

  static final int DISTRIBUTOR = 0;
  static final int CPU_INTERFACE = 1;

  private static final int GROUP_ADDRESS = 0;
  private static final int GROUP_DISTRIBUTOR = 1;
  private static final int GROUP_CPU = 2;
  private static final int GROUP_INTERRUPTS = 3;
  private static final int GROUP_CONTROL = 4;
  private static final int CONTROL_INIT = 0;

  private static final long DISTRIBUTOR_BYTES = 0x1000;
  private static final long CPU_INTERFACE_BYTES = 0x2000;
  private static final long UNDEFINED = -1;
  private static final int INTERRUPTS_LEAST = 64;
  private static final int INTERRUPTS_MOST = 992;
  private static final int INTERRUPTS_DEFAULT = 288;

  /** As the GICv2 that a guest of Linux's vGIC sees: five bits. */
  private static final int PRIORITY_BITS = 5;

  private final IntSupplier vcpus;
  private final IntSupplier current;
  private final GicOutputs outputs;
  private final long ipaLimit;
  private long distributorGpa = UNDEFINED;
  private long cpuInterfaceGpa = UNDEFINED;
  private int interrupts;

  /** Null until {@link #initialize}. */
  private Gicv2 gic;

  private long answer;

  /** The vCPU whose registers user space reads or writes, or -1. */
  private int accessedByUser = -1;

  /**
   * @param vcpus how many there are
   * @param current index of the vCPU whose access is being served
   */
  VgicV2(IntSupplier vcpus, IntSupplier current, GicOutputs outputs, int ipaBits) {
    this.vcpus = vcpus;
    this.current = current;
    this.outputs = outputs;
    this.ipaLimit = 1L << ipaBits;
  }

  @Override
  public String name() {
    return "kvm-arm-vgic-v2";
  }

  /** Makes the controller for the vCPUs there are: 0, or -EINVAL. */
  long initialize() {
    if (gic != null) {
      return 0;
    }
    if (vcpus.getAsInt() == 0) {
      return -Errno.EINVAL;
    }
    interrupts = interrupts == 0 ? INTERRUPTS_DEFAULT : interrupts;
    gic =
        new Gicv2(
            vcpus.getAsInt(),
            interrupts,
            PRIORITY_BITS,
            () -> accessedByUser >= 0 ? accessedByUser : current.getAsInt(),
            outputs);
    return 0;
  }

  boolean isInitialized() {
    return gic != null;
  }

  /** Whether user space has told where the guest finds it. */
  boolean isPlaced() {
    return distributorGpa != UNDEFINED && cpuInterfaceGpa != UNDEFINED;
  }

  /** The controller; after {@link #initialize}. */
  Gicv2 gic() {
    return gic;
  }

  /** SPI or PPI: 0 or -EINVAL. */
  long inject(int vcpu, int intid, boolean level) {
    long error = initialize();
    if (error != 0 || intid >= interrupts) {
      return -Errno.EINVAL;
    }
    if (intid < 32) {
      gic.privateInterrupt(vcpu, intid).set(level);
    } else {
      gic.shared(intid).set(level);
    }
    return 0;
  }

  /** Where the guest finds it: 0 or -errno. */
  long place(long type, long gpa) {
    boolean distributor = type == DISTRIBUTOR;
    if (!distributor && type != CPU_INTERFACE) {
      return -Errno.ENODEV;
    }
    long bytes = distributor ? DISTRIBUTOR_BYTES : CPU_INTERFACE_BYTES;
    if ((distributor ? distributorGpa : cpuInterfaceGpa) != UNDEFINED) {
      return -Errno.EEXIST;
    }
    if ((gpa & 0xfff) != 0 || gpa + bytes < gpa) {
      return -Errno.EINVAL;
    }
    if (gpa < 0 || gpa + bytes > ipaLimit) {
      return -Errno.E2BIG;
    }
    if (distributor) {
      distributorGpa = gpa;
    } else {
      cpuInterfaceGpa = gpa;
    }
    return 0;
  }

  @Override
  public long setAttribute(Caller caller, int group, long attribute, long address) {
    if (group == GROUP_CONTROL) {
      return attribute == CONTROL_INIT ? initialize() : -Errno.ENXIO;
    }
    int size = group == GROUP_ADDRESS ? Long.BYTES : Integer.BYTES;
    if (hasAttribute(group, attribute) != 0) {
      return -Errno.ENXIO;
    }
    byte[] value = VmStructs.read(caller, address, size);
    if (value == null) {
      return -Errno.EFAULT;
    }
    return switch (group) {
      case GROUP_ADDRESS -> place(attribute, LittleEndian.getLong(value, 0));
      case GROUP_INTERRUPTS -> setInterrupts(LittleEndian.getInt(value, 0));
      default -> access(group, attribute, true, value);
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
  public long getAttribute(Caller caller, int group, long attribute, long address) {
    if (group == GROUP_CONTROL || hasAttribute(group, attribute) != 0) {
      return -Errno.ENXIO;
    }
    byte[] value = new byte[group == GROUP_ADDRESS ? Long.BYTES : Integer.BYTES];
    switch (group) {
      case GROUP_ADDRESS ->
          LittleEndian.putLong(
              value, 0, attribute == DISTRIBUTOR ? distributorGpa : cpuInterfaceGpa);
      case GROUP_INTERRUPTS -> LittleEndian.putInt(value, 0, interrupts);
      default -> {
        long error = access(group, attribute, false, value);
        if (error != 0) {
          return error;
        }
      }
    }
    return VmStructs.write(caller, address, value) ? 0 : -Errno.EFAULT;
  }

  /** A register as vCPU {@code attribute[39:32]} sees it. */
  private long access(int group, long attribute, boolean write, byte[] value) {
    int vcpu = (int) (attribute >>> 32) & 0xff;
    if (vcpu >= vcpus.getAsInt() || initialize() != 0) {
      return -Errno.EINVAL;
    }
    MmioDevice device = group == GROUP_CPU ? gic.cpuInterface() : gic.distributor();
    long offset = attribute & 0xffff_ffffL;
    accessedByUser = vcpu;
    try {
      if (write) {
        device.write(offset, Integer.BYTES, LittleEndian.getInt(value, 0) & 0xffff_ffffL);
      } else {
        LittleEndian.putInt(value, 0, (int) device.read(offset, Integer.BYTES));
      }
    } finally {
      accessedByUser = -1;
    }
    return 0;
  }

  @Override
  public long hasAttribute(int group, long attribute) {
    long offset = attribute & 0xffff_ffffL;
    boolean known =
        switch (group) {
          case GROUP_ADDRESS -> attribute == DISTRIBUTOR || attribute == CPU_INTERFACE;
          case GROUP_DISTRIBUTOR -> offset < DISTRIBUTOR_BYTES && (offset & 3) == 0;
          case GROUP_CPU -> offset < CPU_INTERFACE_BYTES && (offset & 3) == 0;
          case GROUP_INTERRUPTS -> true;
          case GROUP_CONTROL -> attribute == CONTROL_INIT;
          default -> false;
        };
    return known ? 0 : -Errno.ENXIO;
  }

  @Override
  public void close() {
    gic = null;
  }

  // KvmBus.Device

  @Override
  public boolean write(boolean port, long address, int bytes, long data) {
    MmioDevice device = deviceAt(address, bytes);
    if (device == null) {
      return false;
    }
    device.write(offset(address), bytes, data);
    return true;
  }

  @Override
  public boolean read(boolean port, long address, int bytes) {
    MmioDevice device = deviceAt(address, bytes);
    if (device == null) {
      return false;
    }
    answer = device.read(offset(address), bytes);
    return true;
  }

  @Override
  public long answer() {
    return answer;
  }

  private MmioDevice deviceAt(long address, int bytes) {
    if (gic == null) {
      return null;
    }
    if (isInside(address, bytes, distributorGpa, DISTRIBUTOR_BYTES)) {
      return gic.distributor();
    }
    return isInside(address, bytes, cpuInterfaceGpa, CPU_INTERFACE_BYTES)
        ? gic.cpuInterface()
        : null;
  }

  private static boolean isInside(long address, int bytes, long base, long size) {
    return base != UNDEFINED && address >= base && address + bytes <= base + size;
  }

  private long offset(long address) {
    return isInside(address, 1, distributorGpa, DISTRIBUTOR_BYTES)
        ? address - distributorGpa
        : address - cpuInterfaceGpa;
  }
}
