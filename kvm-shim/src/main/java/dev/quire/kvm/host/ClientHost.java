package dev.quire.kvm.host;

import dev.quire.bindings.HostFile;
import dev.quire.bindings.NativeMemory;
import dev.quire.bindings.TruncationGuard;
import dev.quire.emulator.exec.EngineMemory;
import dev.quire.emulator.exec.ForeignStores;
import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.gmem.GuestMemfdUser;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UffdMemory;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kernel.stat.VmEvent;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.GuestMemory;
import dev.quire.kvm.vm.VmHost;
import dev.quire.mmu.Order;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;

/**
 * What one VM of a client stands on: a machine of its own, and in it a process whose memory is the
 * client's. What the VM is about to use is mapped into that process as a shared file; the file's
 * pages are one run of frames, and the client's own file is mapped over the bytes of exactly those
 * frames. So engines, walkers and the kernel's model see memory like any other.
 *
 * <p>On the VM's thread.
 */
public final class ClientHost implements VmHost, AutoCloseable {
  private static final Logger LOG = System.getLogger(ClientHost.class.getName());

  private final ClientMemory memory;
  private final HostMachine machine;
  private final ModelledHost host;
  private final Process process;
  private final FrameRuns runs;
  private final ForeignStores foreign;
  private final TouchGate gate = new TouchGate();
  private final TruncationGuard guard;
  private final TreeMap<Long, Lease> leases = new TreeMap<>();

  /** What VMs asked for: end by beginning, apart from each other. */
  private final TreeMap<Long, Long> wanted = new TreeMap<>();

  /** Walks of each vCPU that the VM made. */
  private final List<LongSupplier> vcpus = new CopyOnWriteArrayList<>();

  private volatile long leasedBytes;

  /** Counts what made pages untouched again. */
  private long forgotten;

  ClientHost(ClientMemory memory, ClientMachines machines) {
    this.memory = memory;
    machine = machines.make();
    guard = TruncationGuard.over(machine.arena());
    process = machine.kernel().spawn();
    host = machine.host(process);
    foreign = machine.engineMemory().watchForeignStores();
    runs = new FrameRuns(ClientMachines.ownPages(), machines.lentPages());
  }

  @Override
  public void prepare(long hva, long bytes) {
    long first = hva & -Order.bytes(0);
    long end = hva + bytes + Order.bytes(0) - 1 & -Order.bytes(0);
    if (bytes <= 0 || first < 0 || end <= first) {
      return;
    }
    want(first, end);
    lease(first, end);
  }

  private void want(long first, long end) {
    long from = first;
    long to = end;
    Map.Entry<Long, Long> before = wanted.floorEntry(to);
    while (before != null && before.getValue() >= from) {
      from = Math.min(from, before.getKey());
      to = Math.max(to, before.getValue());
      wanted.remove(before.getKey());
      before = wanted.floorEntry(to);
    }
    wanted.put(from, to);
  }

  /** Maps what the client shares of a range and is not mapped. */
  private void lease(long first, long end) {
    for (ClientRange range : memory.ranges(first, end)) {
      long from = Math.max(first, range.hva());
      long to = Math.min(end, range.end());
      while (from < to) {
        Map.Entry<Long, Lease> below = leases.floorEntry(from);
        if (below != null && below.getValue().range().end() > from) {
          from = below.getValue().range().end();
          continue;
        }
        Long next = leases.ceilingKey(from);
        long stop = next == null ? to : Math.min(to, next);
        map(range.part(from, stop));
        from = stop;
      }
    }
  }

  private void map(ClientRange range) {
    long pages = range.bytes() >>> Order.BASE_PAGE_SHIFT;
    long pfn = runs.allocate(pages);
    if (pfn == FrameRuns.NONE) {
      LOG.log(Level.WARNING, "event=no-frames hva=0x{0} pages={1}", hex(range.hva()), pages);
      return;
    }
    if (!putIntoArena(range, pfn)) {
      runs.free(pfn, pages);
      return;
    }
    wrote(pfn, pages);
    OpenFile file = machine.files().lent(pfn, pages);
    int prot = range.readOnly() ? Mman.PROT_READ : Mman.PROT_READ | Mman.PROT_WRITE;
    int flags = Mman.MAP_SHARED | Mman.MAP_FIXED;
    long result = process.mmap(range.hva(), range.bytes(), prot, flags, file, 0);
    if (result != range.hva()) {
      file.put();
      LOG.log(Level.WARNING, "event=no-mmap hva=0x{0} result={1}", hex(range.hva()), result);
      giveBack(pfn, pages);
      return;
    }
    range.file().get();
    Lease lease = new Lease(range, pfn, file);
    leases.put(range.hva(), lease);
    leasedBytes += range.bytes();
    watch(lease, range.hva(), range.end());
  }

  /** Has the frames from {@code pfn} on hold the client's bytes. */
  private boolean putIntoArena(ClientRange range, long pfn) {
    NativeMemory arena = machine.arena();
    HostFile file = range.file().file;
    long at = pfn << Order.BASE_PAGE_SHIFT;
    int error = arena.mapFile(at, range.bytes(), file, range.offset());
    if (error == -Errno.EACCES && range.readOnly()) {
      // The client itself has it open for reading only.
      error = arena.mapFileForReading(at, range.bytes(), file, range.offset());
    }
    if (error != 0) {
      LOG.log(Level.WARNING, "event=no-map hva=0x{0} errno={1}", hex(range.hva()), -error);
    }
    return error == 0;
  }

  private static String hex(long value) {
    return Long.toHexString(value);
  }

  private void giveBack(long pfn, long pages) {
    long bytes = pages << Order.BASE_PAGE_SHIFT;
    if (machine.arena().mapAnonymous(pfn << Order.BASE_PAGE_SHIFT, bytes) == 0) {
      runs.free(pfn, pages);
    }
  }

  /** The client's memory in a range is another now, or none. */
  void changed(long first, long end) {
    List<Lease> gone = leases(first, end);
    for (Lease lease : gone) {
      release(lease);
    }
    for (Lease lease : gone) {
      again(lease.range().hva(), lease.range().end());
    }
    again(first, end);
  }

  /** What is leased of a range, in order. */
  private List<Lease> leases(long first, long end) {
    List<Lease> found = new ArrayList<>();
    Map.Entry<Long, Lease> at = leases.floorEntry(first);
    if (at == null || at.getValue().range().end() <= first) {
      at = leases.higherEntry(first);
    }
    while (at != null && at.getKey() < end) {
      found.add(at.getValue());
      at = leases.higherEntry(at.getKey());
    }
    return found;
  }

  /** Leases anew what of a range was wanted. */
  private void again(long first, long end) {
    Map.Entry<Long, Long> below = wanted.floorEntry(first);
    List<long[]> parts = new ArrayList<>();
    if (below != null && below.getValue() > first) {
      parts.add(new long[] {first, Math.min(end, below.getValue())});
    }
    for (Map.Entry<Long, Long> part : wanted.subMap(first, false, end, false).entrySet()) {
      parts.add(new long[] {part.getKey(), Math.min(end, part.getValue())});
    }
    parts.forEach(part -> lease(part[0], part[1]));
  }

  private void release(Lease lease) {
    leases.remove(lease.range().hva());
    leasedBytes -= lease.range().bytes();
    process.munmap(lease.range().hva(), lease.range().bytes());
    lease.file().put();
    forgotten++;
    giveBack(lease.firstPfn(), lease.pages());
    lease.range().file().put();
  }

  /** The client stored something into its memory. */
  void stored(long hva, long bytes) {
    for (Lease lease : leases(hva, hva + bytes)) {
      long from = Math.max(hva, lease.range().hva());
      long to = Math.min(hva + bytes, lease.range().end());
      long first = from - lease.range().hva() >>> Order.BASE_PAGE_SHIFT;
      long last = to - 1 - lease.range().hva() >>> Order.BASE_PAGE_SHIFT;
      wrote(lease.firstPfn() + first, last - first + 1);
    }
  }

  /** The client's kernel has nothing there any more, or wants to see who touches it. */
  void discarded(long hva, long bytes) {
    forgotten++;
    stored(hva, bytes);
    for (Lease lease : leases(hva, hva + bytes)) {
      long from = Math.max(hva, lease.range().hva());
      long to = Math.min(hva + bytes, lease.range().end());
      lease.forget(from, to - from);
      watch(lease, from, to);
    }
  }

  private void wrote(long firstPfn, long pages) {
    for (long page = 0; page < pages; page++) {
      machine.wrote(firstPfn + page);
    }
  }

  /** What the client watches of a range is another now. */
  void watched(long first, long end) {
    for (Lease lease : leases(first, end)) {
      watch(lease, Math.max(first, lease.range().hva()), Math.min(end, lease.range().end()));
    }
  }

  private void watch(Lease lease, long first, long end) {
    UffdMemory uffd = machine.kernel().uffd();
    uffd.unregister(process, gate, first, end, (start, bytes) -> {});
    for (Watches.Part part : memory.watched(first, end)) {
      boolean pages = (part.mode() & (Watches.MISSING | Watches.MINOR)) != 0;
      boolean writes = (part.mode() & Watches.WRITE_PROTECT) != 0 && !lease.range().readOnly();
      long modes = (pages ? VmFlags.UFFD_MISSING : 0) | (writes ? VmFlags.UFFD_WP : 0);
      long error = modes == 0 ? 0 : uffd.register(process, gate, part.first(), part.end(), modes);
      if (error == 0 && writes) {
        error = uffd.writeProtect(process, part.first(), part.end(), true);
      }
      if (error != 0) {
        LOG.log(Level.WARNING, "event=no-watch hva=0x{0} errno={1}", hex(part.first()), -error);
      }
    }
  }

  /**
   * What the client has to touch before the last access can go on, once: a page's address, and in
   * bit 0 whether for writing. -1 if it need not.
   */
  public long takeTouch() {
    return gate.take();
  }

  /** Changes when pages become untouched: what was asked before is to be asked again. */
  public long forgotten() {
    return forgotten;
  }

  /** The client touched what {@link #takeTouch} named. */
  public void touched(long touch) {
    long page = touch & -Order.bytes(0);
    long end = page + Order.bytes(0);
    for (Lease lease : leases(page, end)) {
      lease.touch(page, Order.bytes(0));
      if ((touch & TouchGate.WRITE) != 0) {
        // Does nothing where nothing is protected.
        machine.kernel().uffd().writeProtect(process, page, end, false);
      }
    }
  }

  /** It could not: the access that waits fails. */
  public void untouchable(long touch) {
    gate.refuse(touch);
  }

  /**
   * Whether the VM met memory whose file the client made shorter, since this was last asked. What
   * it read there was zeros, and what it stored is lost; the next access looks again whether the
   * file has the page.
   */
  public boolean metTruncated() {
    if (guard.takeHits() == 0) {
      return false;
    }
    for (Lease lease : leases.values()) {
      putIntoArena(lease.range(), lease.firstPfn());
    }
    return true;
  }

  /** Whether it met so much of that at once that nothing of its memory is left. */
  public boolean isLost() {
    return guard.isLost();
  }

  /** A vCPU is about to run: what its client stored meanwhile may be code. */
  public void beforeRun() {
    foreign.look();
  }

  /** How many vCPUs the VM has made. */
  public int vcpus() {
    return vcpus.size();
  }

  /**
   * The VM made one more.
   *
   * @param walks of its MMU so far
   */
  public void madeVcpu(LongSupplier walks) {
    vcpus.add(walks);
  }

  /** What the VM has and did so far. Any thread; may lag a little. */
  public HostFigures figures() {
    long walks = 0;
    for (LongSupplier vcpu : vcpus) {
      walks += vcpu.getAsLong();
    }
    long faults = machine.kernel().counters().of(VmEvent.PGFAULT);
    return new HostFigures(vcpus.size(), leasedBytes, faults, walks);
  }

  @Override
  public HostMemory memory() {
    return host.memory();
  }

  @Override
  public EngineMemory engineMemory() {
    return host.engineMemory();
  }

  @Override
  public Kernel kernel() {
    return host.kernel();
  }

  @Override
  public ModelledFiles files() {
    return host.files();
  }

  @Override
  public KernelAddressSpace space() {
    return host.space();
  }

  @Override
  public FrameAllocator tableFrames() {
    return host.tableFrames();
  }

  @Override
  public GuestMemory guestMemory(GuestMemfdUser vm, long pages, int flags) {
    GuestMemfdBytes bytes = GuestMemfdBytes.of(machine, runs, memory.quota(), pages);
    return bytes == null
        ? null
        : new GuestMemory(machine.files().guestMemfd(vm, pages, flags, bytes), bytes);
  }

  @Override
  public SharedPages allocate(int pages) {
    try {
      return new DescriptorPages(pages);
    } catch (UncheckedIOException e) {
      LOG.log(Level.WARNING, "event=no-pages pages={0} cause={1}", pages, e.getMessage());
      return null;
    }
  }

  @Override
  public void wrote(long pfn) {
    host.wrote(pfn);
  }

  /** Gives everything back; the VM is gone. */
  @Override
  public void close() {
    leases.values().forEach(lease -> lease.range().file().put());
    leases.clear();
    guard.close();
    machine.close();
  }
}
