package dev.quire.lab.stream;

import dev.quire.kernel.mm.DemandAddressSpace;
import dev.quire.kernel.mm.FirstTouchFrames;
import dev.quire.kernel.mm.FirstTouchFrames.Layout;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.FrameStorage;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.page.Fragmentation;
import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.tlb.WalkedPages;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The address space a stream runs in: a guest's under a second stage, or a process's of the host
 * itself. It has no memory and no tables, only addresses of them: what a walk would read follows
 * from the same rules as the real tables ({@link TableShape}, and the host's {@link
 * DemandAddressSpace}).
 *
 * <p>Simplifications, all towards a steady state: memory was populated before, in 2 MiB pieces in
 * rising order, so that a layout does not depend on the stream's own order; accessed and dirty
 * flags are set; the guest's physical memory is not fragmented (an aligned piece of virtual memory
 * is one piece of guest physical memory). The host's is: its frames lie as on a machine that has
 * run for long, contiguous within a folio and by chance elsewhere.
 *
 * <p>One thread. Only the first touch of a page allocates.
 */
public final class StreamAddressSpace {
  private static final int CHUNK_SHIFT = 21;
  private static final int CHUNK_ORDER = CHUNK_SHIFT - Order.BASE_PAGE_SHIFT;
  private static final int CHUNK_PAGES = 1 << CHUNK_ORDER;
  private static final long CHUNK_BYTES = 1L << CHUNK_SHIFT;

  /** Frames of the host: 256 GiB. */
  private static final long HOST_PAGES = 1L << 26;

  /** Guest physical addresses, or those of the host process; the guest's tables are at the top. */
  private static final long SPAN = 1L << 37;

  private static final long TABLES = SPAN - (1L << 34);

  /** Neighbours are looked at within one chunk. */
  private static final int LARGEST_NEIGHBOUR_ORDER = CHUNK_ORDER - 3;

  private static final long ATTRIBUTES = 1;
  private static final int ASID = 1;

  private final HostPagePolicy policy;
  private final FrameAllocator frames;
  private final DemandAddressSpace host;
  private final TableShape stage1;

  /** Null for a process of the host. */
  private final GuestPages guest;

  private final TableShape stage2;
  private final int blockOrder;
  private final WalkedPages pages = new WalkedPages();
  private final PageWalk walk = new PageWalk();
  private final Map<Long, Long> blocks = new HashMap<>();
  private final Map<Long, Long> tables = new HashMap<>();
  private long nextBlock;
  private long nextTable = TABLES;
  private long tablesEnd = TABLES;

  /** Page ids of each 2 MiB by a hash of its number; open addressing. */
  private long[] chunkNumbers = new long[64];

  private int[][] chunkIds = new int[64][];
  private int chunkCount;

  private StreamAddressSpace(
      GuestPages guest,
      HostPagePolicy policy,
      HostArchitecture architecture,
      Fragmentation fragmentation,
      long seed) {
    policy.requireArchitecture(architecture);
    boolean x86 = architecture == HostArchitecture.X86_64;
    Granule granule = granule(policy.granule());
    this.policy = policy;
    this.guest = guest;
    if (guest != null) {
      this.stage1 = guest.shape();
      this.stage2 = x86 ? TableShape.x86Stage2() : TableShape.arm64Stage2(granule);
    } else {
      this.stage1 = x86 ? TableShape.x86Stage1() : TableShape.arm64Stage1(granule);
      this.stage2 = null;
    }
    int guestOrder = guest == null ? 0 : Math.max(guest.leafOrder(), guest.groupOrder());
    this.blockOrder = Math.max(CHUNK_ORDER, Math.max(guestOrder, policy.order()));
    this.frames = new FirstTouchFrames(HOST_PAGES, Layout.SHUFFLED, seed);
    this.host = new DemandAddressSpace(FrameStorage.none(), frames, policy, fragmentation);
    host.map(0, SPAN);
  }

  /** A guest's address space. */
  public static StreamAddressSpace nested(
      GuestPages guest,
      HostPagePolicy policy,
      HostArchitecture architecture,
      Fragmentation fragmentation,
      long seed) {
    return new StreamAddressSpace(guest, policy, architecture, fragmentation, seed);
  }

  /**
   * The address space of a process of the host: its leaves are as large as its folios allow, and on
   * arm64 carry the contiguous bit where a folio holds a group (Linux v6.18
   * arch/arm64/mm/contpte.c).
   */
  public static StreamAddressSpace ofHostProcess(
      HostPagePolicy policy,
      HostArchitecture architecture,
      Fragmentation fragmentation,
      long seed) {
    return new StreamAddressSpace(null, policy, architecture, fragmentation, seed);
  }

  private static Granule granule(HostGranule host) {
    return switch (host) {
      case BASE_4K -> Granule.SIZE_4K;
      case BASE_16K -> Granule.SIZE_16K;
      case BASE_64K -> Granule.SIZE_64K;
    };
  }

  /** The pages touched so far. */
  public WalkedPages pages() {
    return pages;
  }

  /** The one address space identifier. */
  public int asid() {
    return ASID;
  }

  /**
   * Finds the page of each access, walking where it is the first.
   *
   * @param ids receives ids of {@link #pages}
   */
  public void resolve(long[] accesses, int count, int[] ids) {
    long lastChunk = -1;
    int[] chunk = null;
    for (int i = 0; i < count; i++) {
      long vpn = PackedAccess.vpn(accesses[i]);
      long number = vpn >>> CHUNK_ORDER;
      if (number != lastChunk) {
        chunk = chunk(number);
        lastChunk = number;
      }
      int id = chunk[(int) vpn & CHUNK_PAGES - 1];
      ids[i] = id >= 0 ? id : firstTouch(chunk, vpn);
    }
  }

  private int[] chunk(long number) {
    int mask = chunkNumbers.length - 1;
    int slot = slot(number, mask);
    while (chunkIds[slot] != null) {
      if (chunkNumbers[slot] == number) {
        return chunkIds[slot];
      }
      slot = slot + 1 & mask;
    }
    return newChunk(number, slot);
  }

  private static int slot(long number, int mask) {
    return (int) (number * 0x9e3779b97f4a7c15L >>> 40) & mask;
  }

  private int[] newChunk(long number, int freeSlot) {
    int[] ids = new int[CHUNK_PAGES];
    Arrays.fill(ids, -1);
    populate(gpaOf(number << CHUNK_SHIFT));
    chunkNumbers[freeSlot] = number;
    chunkIds[freeSlot] = ids;
    chunkCount++;
    if (chunkCount * 2 > chunkNumbers.length) {
      rehash();
    }
    return ids;
  }

  private void rehash() {
    long[] oldNumbers = chunkNumbers;
    int[][] oldIds = chunkIds;
    chunkNumbers = new long[2 * oldNumbers.length];
    chunkIds = new int[2 * oldNumbers.length][];
    int mask = chunkNumbers.length - 1;
    for (int i = 0; i < oldNumbers.length; i++) {
      if (oldIds[i] != null) {
        int slot = slot(oldNumbers[i], mask);
        while (chunkIds[slot] != null) {
          slot = slot + 1 & mask;
        }
        chunkNumbers[slot] = oldNumbers[i];
        chunkIds[slot] = oldIds[i];
      }
    }
  }

  /** Walks, and gives the same id to every 4 KiB of the page that lies in this chunk. */
  private int firstTouch(int[] chunk, long vpn) {
    int id = walk(vpn << Order.BASE_PAGE_SHIFT);
    int order = pages.order(id);
    if (order >= CHUNK_ORDER) {
      id = shared(id, vpn, order);
      Arrays.fill(chunk, id);
    } else {
      int first = (int) vpn & CHUNK_PAGES - 1 & -(1 << order);
      Arrays.fill(chunk, first, first + (1 << order), id);
    }
    return id;
  }

  /** The id that an earlier chunk of the same page got. */
  private int shared(int id, long vpn, int order) {
    long key = tableKey(WHOLE_PAGES, vpn >>> order);
    Long earlier = tables.putIfAbsent(key, (long) id);
    if (earlier == null) {
      return id;
    }
    pages.remove(id);
    return earlier.intValue();
  }

  private int walk(long va) {
    long gpa = gpaOf(va);
    long frame = host.lookup(gpa);
    int folioOrder = Translation.order(frame);
    walk.begin();
    int order;
    int leafLevel;
    if (guest != null) {
      leafLevel = guest.leafLevel();
      int stage2Level = stage2.leafLevel(folioOrder);
      order = Math.min(guest.leafOrder(), stage2.leafOrders()[stage2Level]);
      walkTables(va, leafLevel);
      walk.end(gpa, stage2.leafOrders()[stage2Level], stage2.references(stage2Level));
      boolean grouped = policy.contpte() && stage2Level == 0 && folioOrder >= stage2.groupOrder();
      walk.contiguous(guest.groupOrder(), grouped ? stage2.groupOrder() : 0);
    } else {
      leafLevel = stage1.leafLevel(folioOrder);
      order = stage1.leafOrders()[leafLevel];
      walkTables(va, leafLevel);
      walk.end(Translation.pa(frame), PageWalk.NO_STAGE2, 0);
      boolean grouped = leafLevel == 0 && folioOrder >= stage1.groupOrder();
      walk.contiguous(grouped ? stage1.groupOrder() : 0, 0);
    }
    long translation =
        Translation.of(
            Translation.pfn(frame), Protection.ALL, order, stage1.leafOrders()[leafLevel]);
    return pages.add(va, ASID, false, translation, ATTRIBUTES, walk, neighbours(va, gpa, order));
  }

  private void walkTables(long va, int leafLevel) {
    for (int level = stage1.rootLevel(); level >= leafLevel; level--) {
      long entry = table(va, level) + stage1.entryOffset(va, level);
      if (guest == null) {
        walk.step(entry, stage1.shift(level), PageWalk.NO_STAGE2, 0);
      } else {
        int stage2Level = stage2.leafLevel(Translation.order(host.lookup(entry)));
        walk.step(
            entry,
            stage1.shift(level),
            stage2.leafOrders()[stage2Level],
            stage2.references(stage2Level));
      }
    }
  }

  /** See {@link WalkedPages#add}. */
  private int neighbours(long va, long gpa, int order) {
    int own = (int) (va >>> Order.shift(order)) & 7;
    if (order > LARGEST_NEIGHBOUR_ORDER) {
      return 1 << own;
    }
    long first = gpa & -Order.bytes(order + 3);
    long pfn = Translation.pfn(host.lookup(first + own * Order.bytes(order)));
    int mask = 0;
    for (int i = 0; i < 8; i++) {
      long other = Translation.pfn(host.lookup(first + i * Order.bytes(order)));
      if (other - pfn == (long) (i - own) << order) {
        mask |= 1 << i;
      }
    }
    return mask;
  }

  /** Where {@code va} lies in guest physical memory, or in the host process. */
  private long gpaOf(long va) {
    int shift = Order.shift(blockOrder);
    Long block = blocks.get(va >>> shift);
    if (block == null) {
      block = nextBlock;
      nextBlock += 1L << shift;
      if (nextBlock > TABLES) {
        throw new BadStreamException(
            "the stream touches more than the %d GiB that are modelled, in pieces of %d MiB"
                .formatted(TABLES >>> 30, 1L << shift - 20));
      }
      blocks.put(va >>> shift, block);
    }
    return block + (va & Order.offsetMask(blockOrder));
  }

  /** The address of the table of this level that maps {@code va}, made when first asked for. */
  private long table(long va, int level) {
    long key = tableKey(level, stage1.tableNumber(va, level));
    Long table = tables.get(key);
    if (table == null) {
      table = guest == null ? newHostTable() : newGuestTable();
      tables.put(key, table);
    }
    return table;
  }

  /** In place of a level: ids of pages of 2 MiB and up. */
  private static final int WHOLE_PAGES = 15;

  private static long tableKey(int level, long number) {
    return (long) level << 56 | number;
  }

  private long newHostTable() {
    long pfn = frames.allocate(stage1.tableOrder());
    if (pfn == FrameAllocator.NONE) {
      throw outOfMemory();
    }
    return pfn << Order.BASE_PAGE_SHIFT;
  }

  private long newGuestTable() {
    if (nextTable == tablesEnd) {
      if (tablesEnd == SPAN) {
        throw outOfMemory();
      }
      populate(tablesEnd);
      tablesEnd += CHUNK_BYTES;
    }
    long table = nextTable;
    nextTable += Order.bytes(stage1.tableOrder());
    return table;
  }

  /** Backs 2 MiB in rising order. */
  private void populate(long chunk) {
    for (long address = chunk; address < chunk + CHUNK_BYTES; ) {
      long frame = host.fault(address, true);
      if (Translation.failed(frame)) {
        throw outOfMemory();
      }
      int order = Translation.order(frame);
      address = (address & -Order.bytes(order)) + Order.bytes(order);
    }
  }

  private static BadStreamException outOfMemory() {
    return new BadStreamException(
        "the modelled host's %d GiB ran out: give the stream a smaller range"
            .formatted(HOST_PAGES >>> 30 - Order.BASE_PAGE_SHIFT));
  }
}
