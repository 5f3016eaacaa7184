package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;
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
 * <p>The ways of a set are scanned, many of them after a look at the one where the page was last;
 * very many are found through {@link SlotChains}. All are exact.
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

  /** What {@link #useOrRefill} did. */
  static final int OTHER = 0;

  static final int HIT = 1;
  static final int REFILLED = 2;

  private static final int SLOT_LONGS = 4;
  private static final int KEY = 0;
  private static final int OWNER = 1;
  private static final int INFO = 2;
  private static final int USED = 3;
  private static final int USUAL_L1_WAYS = 4;
  private static final int MOST_SCANNED = 24;
  private static final int GUESSES_PER_ENTRY = 4;
  private static final int NONE = -1;

  private final int entries;
  private final int ways;
  private final int setMask;

  /**
   * Key, owner and info of a slot side by side, and under LRU when it was used last: the way in the
   * low bits, so that the least of a set tells the way, and zero above it while it is free.
   */
  private final long[] slots;

  private final boolean lru;

  /** Whether any entry may take the place of the one not used for longest. */
  private final boolean plainLru;

  /** Of the way in the time of last use. */
  private final int wayMask;

  private final long clockStep;
  private long clock;

  /** The order of last use of a set so large that the least is not searched; or null. */
  private final SlotRing ring;

  /** Null under another policy. */
  private final TreeOrder trees;

  private final WayChoice choice;

  /** Null where the ways are scanned. */
  private final SlotChains chains;

  /** By low bits of the page, in which way it was when it was last met; or null. */
  private final byte[] guessedWays;

  private final int guessBits;

  private final TagCensus census = new TagCensus(this);

  /** Whether there may be translations that fall with more than their page, or parts of groups. */
  private boolean irregular;

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
    int sets = entries / ways;
    lru = replacement == TlbReplacement.LRU;
    slots = new long[SLOT_LONGS * entries];
    wayMask = Integer.highestOneBit(2 * ways - 1) - 1;
    clockStep = wayMask + 1L;
    ring = lru && sets == 1 && ways > MOST_SCANNED ? new SlotRing(ways) : null;
    trees = replacement == TlbReplacement.TREE_PLRU ? new TreeOrder(sets, ways) : null;
    choice = new WayChoice(ways, limits, seed + structure);
    chains = ways > MOST_SCANNED ? new SlotChains(entries) : null;
    boolean guesses = chains == null && ways > USUAL_L1_WAYS;
    guessedWays = guesses ? new byte[guesses(entries)] : null;
    guessBits = guesses ? Integer.numberOfTrailingZeros(guessedWays.length) : 0;
    plainLru = lru && limits.isEmpty();
    clear();
  }

  private static int guesses(int entries) {
    return Integer.highestOneBit(2 * GUESSES_PER_ENTRY * entries - 1);
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
    int slot = find(slots, page, key, set * ways);
    if (slot == NONE) {
      return NONE;
    }
    long found = slots[SLOT_LONGS * slot + OWNER];
    boolean owned = found == owner || found == globalOwner;
    if (!owned || !EntryInfo.covers(slots[SLOT_LONGS * slot + INFO], vpn)) {
      slot = findOwned(key, vpn, owner, globalOwner);
      if (slot == NONE) {
        return NONE;
      }
    }
    touch(slot, set);
    return slot;
  }

  /** A slot with this key, whoever owns it. */
  private int find(long[] in, long page, long key, int base) {
    if (ways == USUAL_L1_WAYS) {
      return scanFour(in, base, key);
    }
    if (guessedWays != null) {
      return guess(in, base, page, key);
    }
    return chains != null ? chained(in, page, key) : scan(in, base, key);
  }

  private int chained(long[] in, long page, long key) {
    int slot = chains.first(page);
    while (slot != NONE && in[SLOT_LONGS * slot + KEY] != key) {
      slot = chains.next(slot);
    }
    return slot;
  }

  private static int scanFour(long[] in, int base, long key) {
    int at = SLOT_LONGS * base + KEY;
    if (in[at] == key) {
      return base;
    }
    if (in[at + SLOT_LONGS] == key) {
      return base + 1;
    }
    if (in[at + 2 * SLOT_LONGS] == key) {
      return base + 2;
    }
    return in[at + 3 * SLOT_LONGS] == key ? base + 3 : NONE;
  }

  private int guess(long[] in, int base, long page, long key) {
    int slot = base + guessedWays[guessOf(page)];
    return in[SLOT_LONGS * slot + KEY] == key ? slot : scanAndGuess(in, base, page, key);
  }

  private int scanAndGuess(long[] in, int base, long page, long key) {
    int slot = scan(in, base, key);
    if (slot != NONE) {
      guessedWays[guessOf(page)] = (byte) (slot - base);
    }
    return slot;
  }

  private int scan(long[] in, int base, long key) {
    for (int way = 0; way < ways; way++) {
      if (in[SLOT_LONGS * (base + way) + KEY] == key) {
        return base + way;
      }
    }
    return NONE;
  }

  private int guessOf(long page) {
    return (int) (page ^ page >>> guessBits) & guessedWays.length - 1;
  }

  /** Where the key may be another address space's too, or other pages of the group. */
  private int findOwned(long key, long vpn, long owner, long globalOwner) {
    for (int slot = first(key); slot != NONE; slot = next(slot, key)) {
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
    if (ring != null) {
      ring.touch(slot);
    } else if (lru) {
      clock += clockStep;
      slots[SLOT_LONGS * slot + USED] = clock | slot - set * ways;
    } else if (trees != null) {
      trees.touch(set, slot - set * ways);
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
    int slot = plainLru ? renewOldest(set) : victim(tag, set);
    long old = slots[SLOT_LONGS * slot + KEY];
    if (inner != null && isTranslation(slot)) {
      dropFromInner(slot);
    }
    // A free slot has a tag of its own.
    if (((int) (old ^ key) & TAG_MASK) != 0) {
      countReplacement(old, key);
    }
    if (guessedWays != null) {
      guessedWays[guessOf(page)] = (byte) (slot - set * ways);
    } else if (chains != null) {
      if (old != FREE) {
        chains.remove(slot);
      }
      chains.add(slot, page);
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

  private int renewOldest(int set) {
    if (ring != null) {
      return ring.renewOldest();
    }
    int first = set * ways;
    int way = ways == USUAL_L1_WAYS ? leastRecentOfFour(slots, first) : leastRecent(first, ways);
    clock += clockStep;
    slots[SLOT_LONGS * (first + way) + USED] = clock | way;
    return first + way;
  }

  private static int leastRecentOfFour(long[] in, int first) {
    int at = SLOT_LONGS * first + USED;
    long least =
        Math.min(
            Math.min(in[at], in[at + SLOT_LONGS]),
            Math.min(in[at + 2 * SLOT_LONGS], in[at + 3 * SLOT_LONGS]));
    return (int) least & USUAL_L1_WAYS - 1;
  }

  private int leastRecent(int first, int count) {
    long least = slots[SLOT_LONGS * first + USED];
    for (int slot = first + 1; slot < first + count; slot++) {
      least = Math.min(least, slots[SLOT_LONGS * slot + USED]);
    }
    return (int) least & wayMask;
  }

  /** Whether {@link #refill} can ever find something. */
  boolean isGuessed() {
    return lru && guessedWays != null;
  }

  /** Whether {@link #refill} can put something here. */
  boolean isPlain() {
    return plainLru;
  }

  /**
   * The usual access: a page's entry is here; or it is in the next level, in the way where it was
   * when it was last met, and takes the place of the oldest here, of a page of the same size.
   *
   * @return {@link #HIT}, {@link #REFILLED}; or {@link #OTHER}, with nothing changed
   */
  int useOrRefill(int tag, TranslationCache behind, int tagBehind, long vpn, long owner) {
    long page = vpn >>> tag;
    long key = page << TAG_BITS | tag;
    int set = (int) page & setMask;
    int base = set * ways;
    long[] to = slots;
    int found = find(to, page, key, base);
    if (found != NONE) {
      if (to[SLOT_LONGS * found + OWNER] != owner) {
        return OTHER;
      }
      hits++;
      touch(found, set);
      return HIT;
    }
    long pageBehind = vpn >>> tagBehind;
    int guess = behind.guessedWays[behind.guessOf(pageBehind)];
    int there = SLOT_LONGS * (((int) pageBehind & behind.setMask) * behind.ways + guess);
    long[] from = behind.slots;
    behind.clock += behind.clockStep;
    if (from[there + KEY] != (pageBehind << TAG_BITS | tagBehind) || from[there + OWNER] != owner) {
      return OTHER;
    }
    long info = from[there + INFO];
    if (((int) info & EntryInfo.ORDERS_AND_PAGES) != EntryInfo.ofWholePage(tag)) {
      return OTHER;
    }
    int slot = oldest(to, base);
    if (!replace(to, slot, base, page, key, owner, info)) {
      return OTHER;
    }
    fills[tag]++;
    behind.hits++;
    from[there + USED] = behind.clock | guess;
    return REFILLED;
  }

  /** False, with nothing changed, if more than the slot would change. */
  private boolean replace(
      long[] to, int slot, int base, long page, long key, long owner, long info) {
    int here = SLOT_LONGS * slot;
    if (((int) (to[here + KEY] ^ key) & TAG_MASK) != 0) {
      return false;
    }
    if (chains != null) {
      if (!chains.replace(slot, page)) {
        return false;
      }
    } else if (guessedWays != null) {
      guessedWays[guessOf(page)] = (byte) (slot - base);
    }
    if (ring != null) {
      ring.renewOldest();
    } else {
      clock += clockStep;
      to[here + USED] = clock | slot - base;
    }
    to[here + KEY] = key;
    to[here + OWNER] = owner;
    to[here + INFO] = info;
    return true;
  }

  private int oldest(long[] in, int base) {
    if (ring != null) {
      return ring.oldest();
    }
    return base + (ways == USUAL_L1_WAYS ? leastRecentOfFour(in, base) : leastRecent(base, ways));
  }

  void remove(int slot) {
    if (chains != null) {
      chains.remove(slot);
    }
    census.change((int) slots[SLOT_LONGS * slot + KEY] & TAG_MASK, -1);
    if (ring != null) {
      ring.age(slot);
    } else {
      slots[SLOT_LONGS * slot + USED] &= wayMask;
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
    return chains == null ? setOf(key) * ways : chains.first(pageOf(key));
  }

  /** The slot after; take it before a removal of {@code slot}. */
  int next(int slot, long key) {
    if (chains != null) {
      return chains.next(slot);
    }
    return slot + 1 < (setOf(key) + 1) * ways ? slot + 1 : NONE;
  }

  void clear() {
    for (int slot = 0; slot < entries; slot++) {
      slots[SLOT_LONGS * slot + KEY] = FREE;
      slots[SLOT_LONGS * slot + USED] = slot % ways;
    }
    if (chains != null) {
      chains.clear();
    }
    census.clear();
    irregular = false;
    if (ring != null) {
      ring.reset();
    } else if (trees != null) {
      trees.reset();
    }
  }

  int entries() {
    return entries;
  }

  TagCensus census() {
    return census;
  }

  /** Whether a translation here may fall with an address outside its page. */
  boolean hasIrregular() {
    return irregular;
  }

  /** A scan found none. */
  void clearIrregular() {
    irregular = false;
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
    if (old != FREE) {
      census.change((int) old & TAG_MASK, -1);
    }
    census.change((int) key & TAG_MASK, 1);
  }

  private int victim(int tag, int set) {
    int count = choice.count(tag);
    int first = set * ways + choice.first(tag);
    int free = freeOf(first, first + count);
    if (free != NONE) {
      return free;
    }
    if (ring != null) {
      return ring.oldestOf(first, count);
    }
    if (lru) {
      return set * ways + leastRecent(first, count);
    }
    return trees != null ? set * ways + trees.victim(set) : first + choice.random(count);
  }

  private int freeOf(int first, int end) {
    for (int slot = first; slot < end; slot++) {
      if (slots[SLOT_LONGS * slot + KEY] == FREE) {
        return slot;
      }
    }
    return NONE;
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
}
