package dev.quire.kvm.arm64;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kvm.KvmService;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.fd.UserMemory;
import dev.quire.kvm.host.HostMachine;
import dev.quire.kvm.host.ModelledHost;
import dev.quire.kvm.vm.VmHost;
import dev.quire.kvm.vm.VmHosts;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.LinuxArm64Pte;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A client of KVM on an arm64 host: one VM with memory from guest-physical 0x40000000 on, and what
 * it passes in calls in one small buffer at {@link #ARGUMENT}.
 */
final class ArmClient implements Caller, UserMemory, Descriptors, VmHosts, AutoCloseable {
  static final long ARGUMENT = 0x1000;
  static final long SECOND = 0x3000;
  static final long RAM_GPA = 0x4000_0000L;
  private static final long HVA = 0x7e00_0000_0000L;
  private static final long RAM_BYTES = 64 * 4096;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final HostMachine machine =
      new HostMachine(
          KernelConfig.of(HostArchitecture.ARM64, HostGranule.BASE_4K, 1 << 16),
          new LinuxArm64Pte(Granule.SIZE_4K, 48));
  private final Process process = machine.kernel().spawn();
  private final ModelledHost host = machine.host(process);
  private final byte[] arguments = new byte[0x10000];
  private final ByteBuffer words = ByteBuffer.wrap(arguments).order(ByteOrder.LITTLE_ENDIAN);
  private final List<Descriptor> files = new ArrayList<>();
  final Descriptor kvm;
  final Descriptor vm;

  ArmClient() {
    int flags = Mman.MAP_FIXED | Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
    process.mmap(HVA, RAM_BYTES, 3, flags, null, 0);
    kvm = new KvmService(KernelProfile.LINUX_6_18, new Arm64Architecture(), this).open();
    vm = files.get((int) kvm.ioctl(this, Ioctls.CREATE_VM, 0));
    put(0, 0, 0).put64(RAM_GPA, RAM_BYTES, HVA);
    require(vm.ioctl(this, Ioctls.SET_USER_MEMORY_REGION, ARGUMENT));
  }

  static void require(long result) {
    if (result < 0) {
      throw new IllegalStateException("the call gives " + result);
    }
  }

  /** A vCPU that is not initialized. */
  Descriptor createVcpu(int id) {
    long number = vm.ioctl(this, Ioctls.CREATE_VCPU, id);
    require(number);
    return files.get((int) number);
  }

  /** A vCPU with these features. */
  Descriptor vcpu(int id, int features) {
    Descriptor vcpu = createVcpu(id);
    put(0, 5, features);
    require(vcpu.ioctl(this, Ioctls.ARM_VCPU_INIT, ARGUMENT));
    return vcpu;
  }

  Descriptor file(long number) {
    return files.get((int) number);
  }

  // Arguments.

  /** Clears the buffer and puts words from an offset on. */
  ArmClient put(int offset, int... values) {
    Arrays.fill(arguments, (byte) 0);
    for (int i = 0; i < values.length; i++) {
      words.putInt(offset + 4 * i, values[i]);
    }
    next = offset + 4 * values.length;
    return this;
  }

  private int next;

  ArmClient put64(long... values) {
    for (long value : values) {
      words.putLong(next, value);
      next += 8;
    }
    return this;
  }

  int word(int offset) {
    return words.getInt(offset);
  }

  long word64(int offset) {
    return words.getLong(offset);
  }

  // Registers by number.

  long setReg(Descriptor vcpu, long id, long value) {
    put(0).put64(id, SECOND);
    words.putLong((int) (SECOND - ARGUMENT), value);
    return vcpu.ioctl(this, Ioctls.SET_ONE_REG, ARGUMENT);
  }

  long getReg(Descriptor vcpu, long id) {
    put(0).put64(id, SECOND);
    require(vcpu.ioctl(this, Ioctls.GET_ONE_REG, ARGUMENT));
    return word64((int) (SECOND - ARGUMENT));
  }

  static long x(int index) {
    return 0x6030_0000_0010_0000L | 2L * index;
  }

  static final long PC = 0x6030_0000_0010_0040L;
  static final long PSTATE = 0x6030_0000_0010_0042L;

  static long system(int op0, int op1, int crn, int crm, int op2) {
    return 0x6030_0000_0013_0000L | op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
  }

  // Guest memory and kvm_run.

  ArmClient code(long gpa, int... instructions) {
    for (int i = 0; i < instructions.length; i++) {
      long at = gpa + 4L * i;
      page(at).set(INT, at & 4095, instructions[i]);
    }
    return this;
  }

  private MemorySegment page(long gpa) {
    long hva = HVA + gpa - RAM_GPA;
    if (process.touch(hva, true) != UserSignal.NONE) {
      throw new IllegalStateException("no memory at 0x%x".formatted(gpa));
    }
    long pfn = Translation.pfn(host.space().lookup(hva));
    host.wrote(pfn);
    return host.memory().bytesOf(pfn);
  }

  static int exitReason(Descriptor vcpu) {
    return vcpu.pages(0).segment().get(INT, 8);
  }

  static int runWord(Descriptor vcpu, int offset) {
    return vcpu.pages(0).segment().get(INT, offset);
  }

  static long runWord64(Descriptor vcpu, int offset) {
    return vcpu.pages(0).segment().get(LONG, offset);
  }

  static void setRunWord64(Descriptor vcpu, int offset, long value) {
    vcpu.pages(0).segment().set(LONG, offset, value);
  }

  static void setRunByte(Descriptor vcpu, int offset, int value) {
    vcpu.pages(0).segment().set(ValueLayout.JAVA_BYTE, offset, (byte) value);
  }

  long run(Descriptor vcpu) {
    return vcpu.ioctl(this, Ioctls.RUN, 0);
  }

  // Caller, UserMemory, Descriptors, VmHosts.

  @Override
  public UserMemory memory() {
    return this;
  }

  @Override
  public Descriptors descriptors() {
    return this;
  }

  @Override
  public Object addressSpace() {
    return this;
  }

  @Override
  public boolean read(long address, byte[] target, int offset, int bytes) {
    boolean inside = address >= ARGUMENT && address - ARGUMENT + bytes <= arguments.length;
    if (inside) {
      System.arraycopy(arguments, (int) (address - ARGUMENT), target, offset, bytes);
    }
    return inside;
  }

  @Override
  public boolean write(long address, byte[] source, int offset, int bytes) {
    boolean inside = address >= ARGUMENT && address - ARGUMENT + bytes <= arguments.length;
    if (inside) {
      System.arraycopy(source, offset, arguments, (int) (address - ARGUMENT), bytes);
    }
    return inside;
  }

  @Override
  public long install(Descriptor file) {
    files.add(file);
    return files.size() - 1;
  }

  @Override
  public Descriptor find(int number) {
    return number >= 0 && number < files.size() ? files.get(number) : null;
  }

  @Override
  public VmHost open(Caller caller) {
    return host;
  }

  @Override
  public void close(VmHost gone) {}

  @Override
  public void close() {
    for (int i = files.size() - 1; i >= 0; i--) {
      files.get(i).put();
    }
    machine.close();
  }

  static final long ENOEXEC = -8;
  static final long EINTR = -Errno.EINTR;
}
