package dev.quire.kvm;

import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.host.ModelledHost;
import dev.quire.kvm.vm.Architecture;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.vm.VcpuFile;
import dev.quire.kvm.vm.VmHost;
import dev.quire.kvm.vm.VmHosts;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Translation;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * A client of KVM in a modelled process: one VM with 256 KiB of memory, and what it passes in calls
 * in one small buffer at {@link #ARGUMENT}.
 */
public class TestClient extends TestProcess implements VmHosts {
  public static final long ARGUMENT = 0x1000;
  public static final long SECOND = 0x3000;

  /** struct kvm_segment: base, limit, selector, type, present, dpl, db, s, l, g, avl, unusable. */
  private static final int SEGMENT_BYTES = 24;

  private static final int SLICE = 1000;
  private static final int MOST_SLICES = 100;
  private static final long RAM_BYTES = 64 * 4096;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int BUFFER_BYTES = 0x10000;

  private final ModelledHost host;
  private final long ramGpa;
  private final ByteBuffer words = ByteBuffer.wrap(buffer).order(ByteOrder.LITTLE_ENDIAN);
  public final Descriptor kvm;
  public final Descriptor vm;

  /**
   * @param ramGpa where the VM's memory begins
   */
  // Subclasses have no state of their own.
  @SuppressWarnings("this-escape")
  protected TestClient(
      Architecture architecture, KernelConfig config, KernelPteFormat format, long ramGpa) {
    super(config, format, RAM_BYTES, ARGUMENT, BUFFER_BYTES);
    this.ramGpa = ramGpa;
    host = machine.host(process);
    kvm = new KvmService(KernelProfile.LINUX_6_18, architecture, this).open();
    vm = file(kvm.ioctl(this, Ioctls.CREATE_VM, 0));
    put(0, 0, 0).put64(ramGpa, RAM_BYTES, HVA);
    require(vm.ioctl(this, Ioctls.SET_USER_MEMORY_REGION, ARGUMENT));
  }

  public static void require(long result) {
    if (result < 0) {
      throw new IllegalStateException("the call gives " + result);
    }
  }

  /** A vCPU that is not initialized. */
  public Descriptor createVcpu(int id) {
    long number = vm.ioctl(this, Ioctls.CREATE_VCPU, id);
    require(number);
    return file(number);
  }

  public final Descriptor file(long number) {
    return find((int) number);
  }

  // Arguments.

  /** Clears the buffer and puts words from an offset on. */
  public TestClient put(int offset, int... values) {
    Arrays.fill(buffer, (byte) 0);
    for (int i = 0; i < values.length; i++) {
      words.putInt(offset + 4 * i, values[i]);
    }
    next = offset + 4 * values.length;
    return this;
  }

  private int next;

  public TestClient put64(long... values) {
    for (long value : values) {
      words.putLong(next, value);
      next += 8;
    }
    return this;
  }

  /** Puts words without clearing the buffer. */
  public TestClient put64At(int offset, long... values) {
    next = offset;
    return put64(values);
  }

  /** Of struct kvm_sregs in the buffer: base and selector 0 for cs, ds, es, fs, gs, ss. */
  public void clearSegmentBases() {
    for (int segment = 0; segment < 6; segment++) {
      words.putLong(SEGMENT_BYTES * segment, 0);
      words.putShort(SEGMENT_BYTES * segment + 12, (short) 0);
    }
  }

  /** Gives ds and es of a vCPU all 4 GiB, as after a visit to protected mode. */
  public void unlimitData(Descriptor vcpu) {
    require(vcpu.ioctl(this, Ioctls.GET_SREGS, ARGUMENT));
    for (int segment = 1; segment < 3; segment++) {
      words.putInt(SEGMENT_BYTES * segment + 8, -1);
      words.put(SEGMENT_BYTES * segment + 20, (byte) 1);
    }
    require(vcpu.ioctl(this, Ioctls.SET_SREGS, ARGUMENT));
  }

  /** Stores bytes in the guest's memory. */
  public TestClient bytes(long gpa, String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    for (int i = 0; i < bytes.length; i++) {
      page(gpa + i).set(ValueLayout.JAVA_BYTE, gpa + i & 4095, bytes[i]);
    }
    return this;
  }

  /** Puts a word at {@link #SECOND}. */
  public void second64(long value) {
    words.putLong((int) (SECOND - ARGUMENT), value);
  }

  public int word(int offset) {
    return words.getInt(offset);
  }

  public long word64(int offset) {
    return words.getLong(offset);
  }

  // Guest memory and kvm_run.

  public TestClient code(long gpa, int... instructions) {
    for (int i = 0; i < instructions.length; i++) {
      long at = gpa + 4L * i;
      page(at).set(INT, at & 4095, instructions[i]);
    }
    return this;
  }

  private MemorySegment page(long gpa) {
    long hva = HVA + gpa - ramGpa;
    if (process.touch(hva, true) != UserSignal.NONE) {
      throw new IllegalStateException("no memory at 0x%x".formatted(gpa));
    }
    long pfn = Translation.pfn(host.space().lookup(hva));
    host.wrote(pfn);
    return host.memory().bytesOf(pfn);
  }

  public static int exitReason(Descriptor vcpu) {
    return vcpu.pages(0).segment().get(INT, 8);
  }

  public static int runWord(Descriptor vcpu, int offset) {
    return vcpu.pages(0).segment().get(INT, offset);
  }

  public static long runWord64(Descriptor vcpu, int offset) {
    return vcpu.pages(0).segment().get(LONG, offset);
  }

  public static void setRunWord64(Descriptor vcpu, int offset, long value) {
    vcpu.pages(0).segment().set(LONG, offset, value);
  }

  public static void setRunByte(Descriptor vcpu, int offset, int value) {
    vcpu.pages(0).segment().set(ValueLayout.JAVA_BYTE, offset, (byte) value);
  }

  /** KVM_RUN to its end; a guest that goes on for long, or waits, is interrupted. */
  public long run(Descriptor vcpu) {
    RunCall call = ((VcpuFile) vcpu).begin(this, Ioctls.RUN, 0);
    int state = call.step(SLICE);
    for (int i = 0; i < MOST_SLICES && state == RunCall.MORE; i++) {
      state = call.step(SLICE);
    }
    if (state != RunCall.DONE) {
      call.signal();
      call.step(SLICE);
    }
    return call.result();
  }

  // VmHosts.

  @Override
  public VmHost open(Caller caller) {
    return host;
  }

  @Override
  public void close(VmHost gone) {}
}
