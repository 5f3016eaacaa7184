package dev.quire.kvm.host;

import dev.quire.bindings.NativeMemory;
import dev.quire.emulator.exec.EngineMemory;
import dev.quire.emulator.machine.FrameSource;
import dev.quire.emulator.machine.GuestFrames;
import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.mm.BuddyFrames;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.page.MemoryLayout;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;
import java.lang.foreign.MemorySegment;

/**
 * A modelled machine whose memory has bytes: an arena of native memory, of which the real host
 * gives a page when it is first touched, and a kernel on it. Its processes are what VMs stand on
 * ({@link #host}). One thread, but for {@link #close}, after which nothing may be called.
 */
public final class HostMachine implements AutoCloseable {
  private final NativeMemory arena;
  private final HostMemory memory;
  private final EngineMemory engineMemory;
  private final GuestFrames bytes;
  private final Kernel kernel;
  private final ModelledFiles files;
  private final FrameAllocator tableFrames;

  /** Whose addresses a system call names. */
  private KernelAddressSpace caller;

  /**
   * @param format how the machine's processors read page tables
   * @throws OutOfMemoryError if the real host has no room for the address space of its memory
   */
  public HostMachine(KernelConfig config, KernelPteFormat format) {
    this(config, format, Kernel.layout(config));
  }

  /**
   * The same with memory that the kernel does not allocate from: what clients lend.
   *
   * @param layout of the lowest frames; those beyond, up to the configuration's, are not the
   *     allocator's
   */
  HostMachine(KernelConfig config, KernelPteFormat format, MemoryLayout layout) {
    long frames = config.memoryPages() << config.granule().baseOrder();
    arena =
        NativeMemory.reserveConfined(frames + EngineMemory.HIDDEN_PAGES << Order.BASE_PAGE_SHIFT);
    memory = new HostMemory(arena.segment().asSlice(0, frames << Order.BASE_PAGE_SHIFT));
    engineMemory = new EngineMemory(arena.segment(), memory);
    bytes = new GuestFrames(memory, engineMemory.coherence());
    bytes.setSource(new CallersMemory());
    kernel = new Kernel(config, format, layout);
    kernel.setStorage(bytes);
    files = ModelledFiles.of(kernel);
    kernel.setFileSystems(files);
    tableFrames = bytes.forTables(new BuddyFrames(kernel.folios(), config.granule()));
  }

  /** What VMs of a process of this machine stand on. */
  public ModelledHost host(Process process) {
    return new ModelledHost(this, new KernelAddressSpace(process));
  }

  public HostMemory memory() {
    return memory;
  }

  public EngineMemory engineMemory() {
    return engineMemory;
  }

  public Kernel kernel() {
    return kernel;
  }

  public ModelledFiles files() {
    return files;
  }

  /** The bytes of all frames: frame n at byte 4096 n. */
  NativeMemory arena() {
    return arena;
  }

  /** Frames for second-stage tables. */
  public FrameAllocator tableFrames() {
    return tableFrames;
  }

  /** Something was stored in a frame that neither the kernel nor a vCPU stored. */
  public void wrote(long pfn) {
    bytes.wrote(pfn);
  }

  /** The process whose system calls follow, so that the kernel copies from its memory. */
  public void setCaller(KernelAddressSpace space) {
    caller = space;
  }

  @Override
  public void close() {
    arena.close();
  }

  /** The kernel has made sure that what it copies is there. */
  private final class CallersMemory implements FrameSource {
    @Override
    public boolean isZero(long userAddress) {
      return false;
    }

    @Override
    public void read(long userAddress, MemorySegment target) {
      long done = 0;
      while (done < target.byteSize()) {
        long from = userAddress + done;
        long found = caller.lookup(from);
        if (Translation.failed(found)) {
          throw new IllegalStateException("no page at 0x%x to copy from".formatted(from));
        }
        long inPage = from & Order.offsetMask(0);
        long count = Math.min(target.byteSize() - done, Order.bytes(0) - inPage);
        MemorySegment page = memory.bytesOf(Translation.pfn(found));
        MemorySegment.copy(page, inPage, target, done, count);
        done += count;
      }
    }

    @Override
    public boolean hasContent(OpenFile file) {
      return false;
    }

    @Override
    public boolean isZero(OpenFile file, long pgoff) {
      return true;
    }

    @Override
    public void readFile(OpenFile file, long pgoff, MemorySegment target) {}
  }
}
