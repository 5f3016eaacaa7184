package dev.quire.kvm.vm;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import dev.quire.kvm.KvmService;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.fd.EventDescriptor;
import dev.quire.kvm.fd.UserMemory;
import dev.quire.kvm.host.HostMachine;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.util.ArrayList;
import java.util.List;

/** A process with 16 pages of memory and a table of descriptors, on a machine with a KVM. */
final class TestClient implements Caller, UserMemory, Descriptors, AutoCloseable {
  /** Where structures of calls may lie. */
  static final long BUFFER = 0x10_0000;

  static final long HVA = 0x7e00_0000_0000L;
  static final int PAGE = 4096;
  static final int SLOT_PAGES = 1024;

  private static final int BUFFER_BYTES = 16 * PAGE;
  private static final int READ_WRITE = 3;

  final FakeArchitecture architecture = new FakeArchitecture();

  /** VMs that have a host. */
  int hosts;

  private final HostMachine machine;
  private final Process process;
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private final List<Descriptor> files = new ArrayList<>();
  private final KvmService service;
  private Object addressSpace = this;

  /** How many descriptors there may be. */
  int mostFiles = 100;

  TestClient(KernelProfile profile) {
    machine =
        new HostMachine(
            KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 15)
                .withProfile(profile),
            new LinuxX86Pte(Ia32ePte.FOUR_LEVEL));
    process = machine.kernel().spawn();
    int flags = Mman.MAP_FIXED | Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
    process.mmap(HVA, (long) SLOT_PAGES * PAGE, READ_WRITE, flags, null, 0);
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

  void closeFile(int number) {
    find(number).put();
    files.set(number, null);
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
  public UserMemory memory() {
    return this;
  }

  @Override
  public Descriptors descriptors() {
    return this;
  }

  @Override
  public Object addressSpace() {
    return addressSpace;
  }

  @Override
  public boolean read(long address, byte[] target, int offset, int bytes) {
    boolean inside = address >= BUFFER && address + bytes <= BUFFER + BUFFER_BYTES;
    if (inside) {
      System.arraycopy(buffer, (int) (address - BUFFER), target, offset, bytes);
    }
    return inside;
  }

  @Override
  public boolean write(long address, byte[] source, int offset, int bytes) {
    boolean inside = address >= BUFFER && address + bytes <= BUFFER + BUFFER_BYTES;
    if (inside) {
      System.arraycopy(source, offset, buffer, (int) (address - BUFFER), bytes);
    }
    return inside;
  }

  @Override
  public long install(Descriptor file) {
    if (files.size() >= mostFiles) {
      file.put();
      return -24;
    }
    files.add(file);
    return files.size() - 1L;
  }

  @Override
  public Descriptor find(int number) {
    return number >= 0 && number < files.size() ? files.get(number) : null;
  }

  /** Closes what is open, the newest first. */
  void closeAll() {
    for (int i = files.size() - 1; i >= 0; i--) {
      if (files.get(i) != null) {
        closeFile(i);
      }
    }
  }

  long freeTablePages() {
    return machine.tableFrames().freePages();
  }

  @Override
  public void close() {
    closeAll();
    machine.close();
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
