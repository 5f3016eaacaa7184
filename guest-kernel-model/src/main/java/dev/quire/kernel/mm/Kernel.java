package dev.quire.kernel.mm;

import dev.quire.kernel.contpte.ContPte;
import dev.quire.kernel.gather.FreedPages;
import dev.quire.kernel.gather.MmuGather;
import dev.quire.kernel.page.DeferredSplitQueue;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.MemoryLayout;
import dev.quire.kernel.page.PageAllocator;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.rmap.ReverseMap;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;

/**
 * A modelled Linux kernel and the machine under it: the place where its parts are put together. Not
 * thread-safe: all calls on a kernel and its processes come from one thread.
 *
 * <p>When memory is out, system calls answer ENOMEM and accesses end with {@link
 * UserSignal#OOM_KILLED}.
 */
public final class Kernel {
  private final KernelConfig config;
  private final KernelPteFormat format;
  private final KernelCounters counters = new KernelCounters();
  private final FrameTable frames;
  private final Folios folios;
  private final ReverseMap rmap;
  private final MmuGather gather;
  private final TlbFlushes tlb;
  private final ThpPolicy thp;
  private final Ptes ptes;
  private final HugeZero hugeZero;
  private final Mlock mlock;
  private final MmCalls calls;
  private final UffdMemory uffd;
  private final UserAccess userAccess;
  private final ZapRange zapRange;
  private final FileClean fileClean;
  private final ReverseLookup reverseLookup;
  private final FolioSplit folioSplit;
  private final Hugetlb hugetlb;
  private final PinnedPages pinnedPages;
  private final long zeroPage;

  private final PageContents contents;
  private FileSystems fileSystems;
  private int lastMmId;

  /**
   * @param format how the processors read page tables: LinuxX86Pte or LinuxArm64Pte of the
   *     configured granule
   * @throws IllegalArgumentException if format and configuration disagree on page sizes
   */
  public Kernel(KernelConfig config, KernelPteFormat format) {
    this(config, format, layout(config));
  }

  /** The same on memory of another layout. */
  public Kernel(KernelConfig config, KernelPteFormat format, MemoryLayout layout) {
    if (format.hardware().leafOrder(0) != config.granule().baseOrder()
        || format.hardware().leafOrder(1) != config.granule().pmdOrder()) {
      throw new IllegalArgumentException(
          "page tables of another page size than " + config.granule());
    }
    this.config = config;
    this.format = format;
    frames = new FrameTable(config.memoryPages());
    DeferredSplitQueue deferred = new DeferredSplitQueue(frames, counters, config.pmdOrder());
    contents = new PageContents(frames, config.granule().baseOrder());
    folios = new Folios(frames, new PageAllocator(frames, layout, counters), deferred, counters);
    rmap = new ReverseMap(frames, counters, deferred::add, config.rmap(), config.pmdOrder());
    tlb = new TlbFlushes(counters, config.architecture(), pageShift(), pmdShift());
    gather =
        new MmuGather(config.gather(), (int) pageBytes(), frames, rmap, new Freed(), tlb, counters);
    zeroPage = folios.allocator().allocate(0);
    frames.set(zeroPage, PageFlag.RESERVED | PageFlag.UPTODATE);
    thp = new ThpPolicy(config.thp(), pageShift(), config.pmdOrder());
    ContPte contPte =
        config.contPte() == null
            ? null
            : new ContPte(format, frames, counters, tlb, config.contPte());
    ptes = new Ptes(format, frames, counters, contPte);
    hugeZero = new HugeZero(this);
    mlock = new Mlock(this);
    hugetlb = new Hugetlb(this);
    HugePmd hugePmd = new HugePmd(this);
    AnonOrders orders = new AnonOrders(config, thp, ptes);
    boolean full = config.anonFault() == AnonFaultAlgorithm.SERIES_V1_FULL;
    FileFault fileFault = new FileFault(this);
    FaultHandler faults =
        new FaultHandler(
            this,
            new AnonFault(this, orders),
            new CowFault(this, full ? new LargeCow(this, orders) : null),
            fileFault,
            hugePmd,
            new HugeFault(this, hugePmd));
    userAccess = new UserAccess(this, faults);
    pinnedPages = new PinnedPages(this, userAccess);
    zapRange = new ZapRange(this, hugePmd);
    fileClean = new FileClean(this);
    reverseLookup = new ReverseLookup(this);
    folioSplit = new FolioSplit(this, reverseLookup);
    calls = new MmCalls(this, faults, zapRange, hugePmd, folioSplit);
    uffd = new UffdMemory(this, calls, userAccess);
  }

  /** Memory as a machine of this configuration has it. */
  public static MemoryLayout layout(KernelConfig config) {
    return config.architecture() == HostArchitecture.X86_64
        ? MemoryLayout.x86(config.memoryPages())
        : MemoryLayout.arm64(12 + config.granule().baseOrder(), config.memoryPages());
  }

  /** Has user memory hold real bytes from now on, cleared and copied with the pages. */
  public void setStorage(FrameStorage bytes) {
    contents.setStorage(bytes);
    cleared(zeroPage, 0);
  }

  /** What pages of user memory and of files hold. */
  public PageContents contents() {
    return contents;
  }

  /** Pages of user memory were cleared. */
  void cleared(long page, int order) {
    contents.cleared(page, order);
  }

  /** Where the gather sends pages: what waits for the LRU holds references, and is let go first. */
  private final class Freed implements FreedPages {
    @Override
    public void put(long folio, int references) {
      if (folios.lru().waiting() > 0) {
        folios.lru().drain();
      }
      folios.put(folio, references);
    }

    @Override
    public void freeTable(long table) {
      Kernel.this.freeTable(table);
    }
  }

  public KernelConfig config() {
    return config;
  }

  public KernelPteFormat format() {
    return format;
  }

  public KernelCounters counters() {
    return counters;
  }

  public FrameTable frames() {
    return frames;
  }

  public Folios folios() {
    return folios;
  }

  public ReverseMap rmap() {
    return rmap;
  }

  /** Bytes of a base page are 1 shifted left by this. */
  public int pageShift() {
    return 12 + config.granule().baseOrder();
  }

  public long pageBytes() {
    return 1L << pageShift();
  }

  int pmdShift() {
    return 12 + config.granule().pmdOrder();
  }

  long pmdBytes() {
    return 1L << pmdShift();
  }

  /** User addresses are below this. */
  long taskSize() {
    if (config.architecture() == HostArchitecture.X86_64) {
      return (1L << 47) - pageBytes();
    }
    int root = format.hardware().rootLevel();
    return (long) format.hardware().entries(root) << 12 + format.hardware().leafOrder(root);
  }

  /** The files this kernel can open; until it is set opening fails with ENODEV. */
  public void setFileSystems(FileSystems files) {
    fileSystems = files;
  }

  FileSystems fileSystems() {
    return fileSystems;
  }

  /**
   * A process with an empty address space.
   *
   * @throws OutOfModelMemoryException if there is no page for its root table
   */
  public Process spawn() {
    MmStruct mm = newMm();
    if (mm == null) {
      throw new OutOfModelMemoryException("no memory for a new process's page tables");
    }
    return new Process(this, mm);
  }

  /** An empty address space, or null if memory is out. */
  MmStruct newMm() {
    PageTables tables = PageTables.create(this, lastMmId + 1);
    return tables == null ? null : new MmStruct(this, ++lastMmId, tables);
  }

  /**
   * Unmaps pages of a file from every process (unmap_mapping_range).
   *
   * @param firstPgoff in base pages
   * @param pages how many
   * @param evenCows private copies too, as truncation does
   */
  public void unmapMappingRange(
      FileMappings mappings, long firstPgoff, long pages, boolean evenCows) {
    for (int i = 0; i < mappings.size(); i++) {
      Vma vma = mappings.get(i);
      long start = Math.max(vma.start(), vma.address(Math.max(firstPgoff, vma.pgoff())));
      long past = firstPgoff + pages < 0 ? Long.MAX_VALUE : firstPgoff + pages;
      long last = Math.min(past, vma.pgoff(vma.end()));
      if (last > vma.pgoff() && vma.address(last) > start) {
        zapRange.zapSingle(vma, start, vma.address(last), evenCows);
      }
    }
  }

  /**
   * Makes entries of shared mappings of a file clean and read-only, so that the next write asks the
   * file again (folio_mkclean).
   *
   * @param firstPgoff in base pages
   * @param pages how many
   */
  public void cleanMappingRange(FileMappings mappings, long firstPgoff, long pages) {
    for (int i = 0; i < mappings.size(); i++) {
      Vma vma = mappings.get(i);
      long first = Math.max(firstPgoff, vma.pgoff());
      long last = Math.min(firstPgoff + pages, vma.pgoff(vma.end()));
      if (first < last && vma.is(VmFlags.SHARED)) {
        fileClean.clean(vma, vma.address(first), vma.address(last));
      }
    }
  }

  /** Splits a large folio to base pages (split_folio): 0, or -errno. The caller holds one ref. */
  public int splitFolio(long folio) {
    return folioSplit.split(folio);
  }

  MmuGather gather() {
    return gather;
  }

  ThpPolicy thp() {
    return thp;
  }

  Ptes ptes() {
    return ptes;
  }

  HugeZero hugeZero() {
    return hugeZero;
  }

  PinnedPages pinnedPages() {
    return pinnedPages;
  }

  /** Sizes and pools of hugetlb pages. */
  public Hugetlb hugetlb() {
    return hugetlb;
  }

  Mlock mlock() {
    return mlock;
  }

  MmCalls calls() {
    return calls;
  }

  /** What a userfaultfd does to memory. */
  public UffdMemory uffd() {
    return uffd;
  }

  UserAccess userAccess() {
    return userAccess;
  }

  ReverseLookup reverseLookup() {
    return reverseLookup;
  }

  long zeroPage() {
    return zeroPage;
  }

  /** The mapped entry for the base page {@code pages} further on. */
  long advanced(long entry, long pages) {
    return format.advanced(entry, 0, pages << config.granule().baseOrder());
  }

  /** Whether a huge entry maps the huge zero folio: of all huge pages it alone is special. */
  boolean isHugeZero(long entry) {
    return format.isSpecial(entry);
  }

  /** A cleared folio for user memory, charged, with one reference; or NONE. */
  long allocateUser(int order) {
    long folio = folios.allocator().allocate(order);
    if (folio != FrameTable.NONE) {
      counters.count(Primitive.MEMCG_CHARGE);
      if (order == 0) {
        counters.count(Primitive.PAGE_CLEAR);
      } else {
        counters.count(Primitive.PAGE_CLEAR_EXTENT, 1L << order);
      }
      cleared(folio, order);
      frames.set(folio, PageFlag.UPTODATE);
    }
    return folio;
  }

  /** A base page that holds what {@code page} holds, or NONE. */
  long allocateCopy(long page) {
    return allocateCopies(page, 0);
  }

  /** A folio that holds copies of consecutive pages, or NONE. */
  long allocateCopies(long firstPage, int order) {
    long folio = folios.allocator().allocate(order);
    if (folio != FrameTable.NONE) {
      counters.count(Primitive.MEMCG_CHARGE);
      counters.count(Primitive.PAGE_COPY, 1L << order);
      frames.set(folio, PageFlag.UPTODATE);
      contents.copied(firstPage, folio, 1 << order);
    }
    return folio;
  }

  /** folio_add_lru_vma: pages of locked mappings are unevictable. */
  void addAnonToLru(long folio, Vma vma) {
    mlock.addNew(vma, folio);
    folios.addToLru(folio);
  }

  /** Frees the frame of a page table. */
  void freeTable(long frame) {
    counters.count(Primitive.TABLE_FREE);
    frames.clear(frame, PageFlag.TABLE);
    folios.put(frame, 1);
  }

  void flushPage(MmStruct mm, long address) {
    tlb.range(mm.id(), address, address + pageBytes(), 0, false);
  }

  void flushRange(MmStruct mm, long start, long end) {
    tlb.range(mm.id(), start, end, 0, false);
  }

  void flushHuge(MmStruct mm, long address) {
    tlb.range(mm.id(), address, address + pmdBytes(), 1, false);
  }

  void flushHugetlb(MmStruct mm, long address, HugetlbSize size) {
    tlb.range(mm.id(), address, address + size.bytes(), size.level(), false);
  }

  void flushAll(MmStruct mm) {
    tlb.process();
  }
}
