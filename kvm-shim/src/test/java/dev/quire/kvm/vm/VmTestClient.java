package dev.quire.kvm.vm;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.KvmService;
import dev.quire.kvm.TestProcess;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.EventDescriptor;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;

/** A process with 16 pages of memory and a table of descriptors, on a machine with a KVM. */
final class VmTestClient extends TestProcess {
  /** Where structures of calls may lie. */
  static final long BUFFER = 0x10_0000;

  static final int PAGE = 4096;
  static final int SLOT_PAGES = 1024;

  private static final int BUFFER_BYTES = 16 * PAGE;

  final FakeArchitecture architecture = new FakeArchitecture();

  /** VMs that have a host. */
  int hosts;

  private final KvmService service;
  private Object addressSpace = this;

  /** How many descriptors there may be. */
  int mostFiles = 100;

  VmTestClient(KernelProfile profile) {
    super(
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 15).withProfile(profile),
        new LinuxX86Pte(Ia32ePte.FOUR_LEVEL),
        (long) SLOT_PAGES * PAGE,
        BUFFER,
        BUFFER_BYTES);
    service =
        new KvmService(
            profile,
            architecture,
            new VmHosts() {
              @Override
              public VmHost open(Caller caller) {
                hosts++;
                return machine.host(process);
              }

              @Override
              public void close(VmHost host) {
                hosts--;
              }
            });
  }

  /** An open /dev/kvm. */
  int open() {
    return (int) install(service.open());
  }

  /** A new VM. */
  int vm() {
    return vm(FakeArchitecture.TYPE);
  }

  int vm(long type) {
    return (int) ioctl(open(), dev.quire.kvm.abi.Ioctls.CREATE_VM, type);
  }

  long ioctl(int file, int request, long argument) {
    return find(file).ioctl(this, request, argument);
  }

  /** A call with a structure of these 32-bit words. */
  long ioctlInts(int file, int request, int... words) {
    for (int i = 0; i < words.length; i++) {
      LittleEndian.putInt(buffer, i * Integer.BYTES, words[i]);
    }
    return ioctl(file, request, BUFFER);
  }

  /** A call with a structure of these 64-bit words, the rest of it zeros. */
  long ioctlLongs(int file, int request, long... words) {
    putLongs(0, new long[32]);
    putLongs(0, words);
    return ioctl(file, request, BUFFER);
  }

  void putLongs(int offset, long... words) {
    for (int i = 0; i < words.length; i++) {
      LittleEndian.putLong(buffer, offset + i * Long.BYTES, words[i]);
    }
  }

  long getLong(int offset) {
    return LittleEndian.getLong(buffer, offset);
  }

  int getInt(int offset) {
    return LittleEndian.getInt(buffer, offset);
  }

  /** As if the calls that follow came from a child. */
  void fork() {
    addressSpace = new Object();
  }

  TestEvent event(int number) {
    return (TestEvent) find(number);
  }

  int newEvent() {
    return (int) install(new TestEvent());
  }

  @Override
  public Object addressSpace() {
    return addressSpace;
  }

  @Override
  public long install(Descriptor file) {
    if (numbers() >= mostFiles) {
      file.put();
      return -24;
    }
    return super.install(file);
  }

  long freeTablePages() {
    return machine.tableFrames().freePages();
  }

  static final class TestEvent extends EventDescriptor {
    long count;
    boolean released;
    private Runnable listener;
    private final Object identity;

    TestEvent() {
      identity = this;
    }

    /** Another descriptor of the same eventfd. */
    TestEvent(TestEvent same) {
      identity = same;
    }

    @Override
    public Object identity() {
      return identity;
    }

    /** A write by the client. */
    void store(long value) {
      count += value;
      if (listener != null) {
        listener.run();
      }
    }

    @Override
    public void signal(long value) {
      count += value;
    }

    @Override
    public void listen(Runnable onSignal) {
      listener = onSignal;
    }

    @Override
    public long consume() {
      long was = count;
      count = 0;
      return was;
    }

    @Override
    protected void released() {
      released = true;
    }
  }
}
