package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;
import java.util.Arrays;
import java.util.List;

/**
 * One array of entries: of translations, of table entries above the leaf, or of second-stage
 * translations, as its tags tell. Parallel primitive arrays by slot; a set's ways are neighbours.
 *
 * <pre>
 *  key   63  60 59                     8 7    6 5     0     owner  63..32 vmid
 *       +------+------------------------+------+-------+           31..0  0 none, 1 global, 2 + asid
 *       |  0   | va or gpa >> 12 + order | kind | order |
 *       +------+------------------------+------+-------+    info   {@link EntryInfo}
 *                                        \____ tag ____/
 * </pre>
 *
 * <p>A few ways are scanned; many are found through hash chains. Both are exact.
 */
final class TranslationCache {
  /** Kinds of entries, in place in the tag: a translation of all of its page. */
  static final int WHOLE = 0;

  /** A translation of some of the base pages of its aligned group. */
  static final int PART = 1 << 6;

  /** A stage-1 entry that leads to another table. */
  static final int TABLE = 2 << 6;

  /** A second-stage translation. */
  static final int NESTED = 3 << 6;

  static final int ORDER_MASK = 0x3f;
  static final int TAG_MASK = 0xff;
  private static final int TAG_BITS = 8;
  static final int KIND_MASK = NESTED;
  static final int GLOBAL = 1;
  static final int FIRST_ASID = 2;

  /** In place of a key: bits of it that no key has are set. */
  static final long FREE = -1;

  private static final int SLOT_LONGS = 3;
  private static final int KEY = 0;
  private static final int OWNER = 1;
  private static final int INFO = 2;
  private static final long LOW_HALF = 0xffff_ffffL;
  private static final int MOST_SCANNED = 4;
  private static final int FREE_BUCKETS = 4096;
  private static final int KINDS = 4;
  private static final int NONE = -1;

  private final int entries;
  private final int ways;
  private final int setMask;

  /** Key, owner and info of a slot side by side. */
  private final long[] slots;

  /** Of a chained slot: its bucket in the upper half, the slot behind it in the lower; or null. */
  private final long[] links;

  /** Null under another policy than LRU. */
  private final RecencyOrder recency;

  /** Whether that is the policy for all entries alike. */
  private final boolean plainLru;

  /** Null under another policy. Bit n of a set: the half right of node n was used longer ago. */
  private final long[] trees;

  private long randomState;

  /** Hash chains through the slots, or null where the ways are scanned. */
  private final int[] heads;

  private final int bucketBits;

  /** By order; null where any entry may be in any way. */
  private final int[] firstWay;

  private final int[] wayCount;

  /** Entries by tag, and by kind the orders that have any. */
  private final int[] live = new int[TAG_MASK + 1];

  private final long[] ordersInUse = new long[KINDS];
  private int size;

  /** Whether there may be translations that fall with more than their page, or parts of groups. */
  private boolean irregular;

  private LookupPath[] watchers = {};

  /** L1, if this is an inclusive L2; or null. */
  private TranslationCache[] inner;

  /** Its place among a geometry's arrays, and what it counts there; fills by order. */
  final int structure;

  long hits;
  final long[] fills = new long[ORDER_MASK + 1];

  /**
   * @param limits orders confined to some ways
   */
  TranslationCache(
      int structure,
      int entries,
      int ways,
      TlbReplacement replacement,
      List<TlbArray.WayLimit> limits,
      long seed) {
    this.structure = structure;
    this.entries = entries;
    this.ways = ways;
    setMask = entries / ways - 1;
    slots = new long[SLOT_LONGS * entries];
    recency = replacement == TlbReplacement.LRU ? new RecencyOrder(setMask + 1, ways) : null;
    trees = replacement == TlbReplacement.TREE_PLRU ? new long[setMask + 1] : null;
    randomState = mixed(seed + structure) | 1;
    boolean hashed = ways > MOST_SCANNED;
    links = hashed ? new long[entries] : null;
    heads = hashed ? new int[buckets(entries)] : null;
    bucketBits = hashed ? Integer.numberOfTrailingZeros(heads.length) : 0;
    boolean limited = !limits.isEmpty();
    plainLru = recency != null && !limited;
    firstWay = limited ? new int[ORDER_MASK + 1] : null;
    wayCount = limited ? new int[ORDER_MASK + 1] : null;
    if (limited) {
      Arrays.fill(wayCount, ways);
    }
    for (TlbArray.WayLimit limit : limits) {
      firstWay[limit.order()] = limit.firstWay();
      wayCount[limit.order()] = limit.ways();
    }
    clear();
  }

  /** Small arrays, which miss more often than not, get more of them: an empty one ends a search. */
  private static int buckets(int entries) {
    return Integer.highestOneBit(Math.min(32 * entries, Math.max(4 * entries, FREE_BUCKETS)) - 1);
  }

  /** Tells a lookup path when an order it can probe appears or vanishes. */
  void addWatcher(LookupPath path) {
    watchers = Arrays.copyOf(watchers, watchers.length + 1);
    watchers[watchers.length - 1] = path;
  }

  /** Translations that leave this cache leave those too. */
  void setInner(TranslationCache[] caches) {
    inner = caches;
  }

  /** The key of the page that holds {@code vpn}; a shift takes the tag's low six bits alone. */
  static long key(long vpn, int tag) {
    return vpn >>> tag << TAG_BITS | tag;
  }

  /**
   * The slot of an entry that covers {@code vpn}, now the one used last; or -1.
   *
   * @param tag kind and order of the entry sought
   */
  int use(int tag, long vpn, long owner, long globalOwner) {
    long page = vpn >>> tag;
    long key = page << TAG_BITS | tag;
    int set = (int) page & setMask;
    int slot = heads == null ? scan(set * ways, key) : chained(page, key);
    if (slot == NONE) {
      return NONE;
    }
    long found = slots[SLOT_LONGS * slot + OWNER];
    boolean owned = found == owner || found == globalOwner;
    if (!owned || !EntryInfo.covers(slots[SLOT_LONGS * slot + INFO], vpn)) {
      slot = findAfter(slot, key, vpn, owner, globalOwner);
      if (slot == NONE) {
        return NONE;
      }
    }
    touch(slot, set);
    return slot;
  }

  private int chained(long page, long key) {
    int slot = heads[bucketOf(page)];
    while (slot != NONE && slots[SLOT_LONGS * slot + KEY] != key) {
      slot = (int) links[slot];
    }
    return slot;
  }

  private int scan(int base, long key) {
    if (ways == MOST_SCANNED) {
      // The usual case without a loop.
      int at = SLOT_LONGS * base + KEY;
      if (slots[at] == key) {
        return base;
      }
      if (slots[at + SLOT_LONGS] == key) {
        return base + 1;
      }
      if (slots[at + 2 * SLOT_LONGS] == key) {
        return base + 2;
      }
      return slots[at + 3 * SLOT_LONGS] == key ? base + 3 : NONE;
    }
    for (int way = 0; way < ways; way++) {
      if (slots[SLOT_LONGS * (base + way) + KEY] == key) {
        return base + way;
      }
    }
    return NONE;
  }

  /** Goes on where the key is another address space's, or other pages of the group. */
  private int findAfter(int before, long key, long vpn, long owner, long globalOwner) {
    for (int slot = next(before, key); slot != NONE; slot = next(slot, key)) {
      long found = slots[SLOT_LONGS * slot + OWNER];
      if (slots[SLOT_LONGS * slot + KEY] == key
          && (found == owner || found == globalOwner)
          && EntryInfo.covers(slots[SLOT_LONGS * slot + INFO], vpn)) {
        return slot;
      }
    }
    return NONE;
  }

  private void touch(int slot, int set) {
    if (recency != null) {
      recency.touch(set, slot);
    } else if (trees != null) {
      touchTree(slot);
    }
  }

  /**
   * Writes an entry over a free slot of its set or over the one that must give way.
   *
   * @param tag its kind and order
   * @param vpn any page that it covers
   */
  void insert(int tag, long vpn, long owner, long info) {
    long page = vpn >>> tag;
    long key = page << TAG_BITS | tag;
    int set = (int) page & setMask;
    // A free slot counts as the oldest, and which free slot is taken makes no difference.
    int slot = plainLru ? recency.renewOldest(set) : victim(tag, set);
    long old = slots[SLOT_LONGS * slot + KEY];
    if (inner != null && isTranslation(slot)) {
      dropFromInner(slot);
    }
    // A free slot has a tag of its own.
    if (((int) (old ^ key) & TAG_MASK) != 0) {
      countReplacement(old, key);
    }
    if (heads != null) {
      if (old != FREE) {
        unchain(slot);
      }
      int bucket = bucketOf(page);
      links[slot] = (long) bucket << Integer.SIZE | heads[bucket] & LOW_HALF;
      heads[bucket] = slot;
    }
    slots[SLOT_LONGS * slot + KEY] = key;
    slots[SLOT_LONGS * slot + OWNER] = owner;
    slots[SLOT_LONGS * slot + INFO] = info;
    if (EntryInfo.stage1Extent(info) > (tag & ORDER_MASK) || (tag & KIND_MASK) == PART) {
      irregular = true;
    }
    if (!plainLru) {
      touch(slot, set);
    }
  }

  void remove(int slot) {
    if (heads != null) {
      unchain(slot);
    }
    size--;
    countTag((int) slots[SLOT_LONGS * slot + KEY] & TAG_MASK, -1);
    if (recency != null) {
      recency.age(setOf(slots[SLOT_LONGS * slot + KEY]), slot);
    }
    slots[SLOT_LONGS * slot + KEY] = FREE;
  }

  /** Removes entries with this key that share a page with {@code pages}. */
  void removeOverlapping(long key, long owner, int pages) {
    int next;
    for (int slot = first(key); slot != NONE; slot = next) {
      next = next(slot, key);
      if (slots[SLOT_LONGS * slot + KEY] == key
          && slots[SLOT_LONGS * slot + OWNER] == owner
          && (EntryInfo.pages(slots[SLOT_LONGS * slot + INFO]) & pages) != 0) {
        remove(slot);
      }
    }
  }

  /** The first slot where a key may be; -1 if there is none. */
  int first(long key) {
    return heads == null ? setOf(key) * ways : heads[bucketOf(pageOf(key))];
  }

  /** The slot after; take it before a removal of {@code slot}. */
  int next(int slot, long key) {
    if (heads != null) {
      return (int) links[slot];
    }
    return slot + 1 < (setOf(key) + 1) * ways ? slot + 1 : NONE;
  }

  void clear() {
    for (int slot = 0; slot < entries; slot++) {
      slots[SLOT_LONGS * slot + KEY] = FREE;
    }
    if (heads != null) {
      Arrays.fill(heads, NONE);
    }
    for (int tag = 0; tag < live.length; tag++) {
      countTag(tag, -live[tag]);
    }
    size = 0;
    irregular = false;
    if (recency != null) {
      recency.reset();
    } else if (trees != null) {
      Arrays.fill(trees, 0);
    }
  }

  int entries() {
    return entries;
  }

  boolean isEmpty() {
    return size == 0;
  }

  /** Whether a translation here may fall with an address outside its page. */
  boolean hasIrregular() {
    return irregular;
  }

  /** A scan found none. */
  void clearIrregular() {
    irregular = false;
  }

  /** Bit set of the orders that entries of a kind have. */
  long ordersInUse(int kind) {
    return ordersInUse[kind >>> 6];
  }

  long key(int slot) {
    return slots[SLOT_LONGS * slot + KEY];
  }

  long owner(int slot) {
    return slots[SLOT_LONGS * slot + OWNER];
  }

  /** The first address of its page. */
  long start(int slot) {
    return pageOf(slots[SLOT_LONGS * slot + KEY]) << Order.shift(order(slot));
  }

  /** See {@link EntryInfo}. */
  long info(int slot) {
    return slots[SLOT_LONGS * slot + INFO];
  }

  int kind(int slot) {
    return (int) slots[SLOT_LONGS * slot + KEY] & KIND_MASK;
  }

  int order(int slot) {
    return (int) slots[SLOT_LONGS * slot + KEY] & ORDER_MASK;
  }

  boolean isTranslation(int slot) {
    return slots[SLOT_LONGS * slot + KEY] != FREE && kind(slot) <= PART;
  }

  boolean isIrregular(int slot) {
    return kind(slot) == PART || EntryInfo.stage1Extent(info(slot)) > order(slot);
  }

  private void countReplacement(long old, long key) {
    if (old == FREE) {
      size++;
    } else {
      countTag((int) old & TAG_MASK, -1);
    }
    countTag((int) key & TAG_MASK, 1);
  }

  private void countTag(int tag, int change) {
    live[tag] += change;
    boolean present = live[tag] != 0;
    long bit = 1L << tag;
    long orders = ordersInUse[tag >>> 6];
    if (present != ((orders & bit) != 0)) {
      ordersInUse[tag >>> 6] = orders ^ bit;
      for (LookupPath path : watchers) {
        path.presence(this, tag, present);
      }
    }
  }

  private void unchain(int slot) {
    long link = links[slot];
    int bucket = (int) (link >>> Integer.SIZE);
    int before = heads[bucket];
    if (before == slot) {
      heads[bucket] = (int) link;
      return;
    }
    while ((int) links[before] != slot) {
      before = (int) links[before];
    }
    links[before] = link;
  }

  private int victim(int tag, int set) {
    int from = 0;
    int count = ways;
    // Ways are limited by page order only: a walk-cache entry may be anywhere.
    if (firstWay != null && (tag & KIND_MASK) <= PART) {
      from = firstWay[tag & ORDER_MASK];
      count = wayCount[tag & ORDER_MASK];
    }
    int first = set * ways + from;
    int free = freeOf(first, first + count);
    if (free != NONE) {
      return free;
    }
    if (recency != null) {
      return recency.oldestOf(set, from, count);
    }
    return trees != null ? set * ways + treeVictim(trees[set]) : first + random(count);
  }

  private int freeOf(int first, int end) {
    for (int slot = first; slot < end; slot++) {
      if (slots[SLOT_LONGS * slot + KEY] == FREE) {
        return slot;
      }
    }
    return NONE;
  }

  private int treeVictim(long tree) {
    int node = 1;
    while (node < ways) {
      node = 2 * node + (int) (tree >>> node & 1);
    }
    return node - ways;
  }

  private void touchTree(int slot) {
    int set = slot / ways;
    long tree = trees[set];
    for (int node = slot % ways + ways; node > 1; node >>>= 1) {
      long parent = 1L << (node >>> 1);
      tree = (node & 1) == 0 ? tree | parent : tree & ~parent;
    }
    trees[set] = tree;
  }

  private int random(int bound) {
    randomState ^= randomState << 13;
    randomState ^= randomState >>> 7;
    randomState ^= randomState << 17;
    return (int) Long.remainderUnsigned(randomState >>> 16, bound);
  }

  private void dropFromInner(int slot) {
    long start = start(slot);
    long last = start | Order.offsetMask(order(slot));
    for (TranslationCache cache : inner) {
      for (int other = 0; other < cache.entries; other++) {
        if (cache.slots[SLOT_LONGS * other + KEY] != FREE && cache.owner(other) == owner(slot)) {
          long otherStart = cache.start(other);
          long otherLast = otherStart | Order.offsetMask(cache.order(other));
          if (Long.compareUnsigned(otherStart, last) <= 0
              && Long.compareUnsigned(otherLast, start) >= 0) {
            cache.remove(other);
          }
        }
      }
    }
  }

  private int setOf(long key) {
    return (int) pageOf(key) & setMask;
  }

  private static long pageOf(long key) {
    return key >>> TAG_BITS;
  }

  /** Pages of one region have different buckets; pages a power of two apart do not share one. */
  private int bucketOf(long page) {
    long region = page >>> bucketBits;
    return (int) (page ^ region * 0x9E3779B97F4A7C15L >>> 44) & heads.length - 1;
  }

  private static long mixed(long seed) {
    long z = (seed ^ seed >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
