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
 * <p>Four ways are compared ({@link FourWays}); among more a page is found through {@link
 * WayMarks}, among very many through {@link SlotChains}. All are exact.
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
  static final int MISSED = 3;

  private static final int SLOT_LONGS = 3;
  private static final int KEY = 0;
  private static final int OWNER = 1;
  private static final int INFO = 2;
  private static final int NONE = -1;

  private final int entries;
  private final int ways;
  private final int setMask;

  /** Key, owner and info of a slot side by side; behind the last some free, as marks may name. */
  private final long[] slots;

  private final boolean lru;

  /** Whether any entry may take the place of the one not used for longest. */
  private final boolean plainLru;

  /**
   * Under LRU, when a slot was used last: the way in the low bits, so that the least of a set tells
   * the way, and zero above it while the slot is free. Null under another policy and with a ring.
   */
  private final long[] lastUses;

  private final int wayMask;
  private final long clockStep;
  private long clock;

  /** The order of last use of a set so large that the least is not searched; or null. */
  private final SlotRing ring;

  /** Null under another policy. */
  private final TreeOrder trees;

  private final WayChoice choice;

  /** At most one of the two; four ways have none. */
  private final WayMarks marks;

  private final SlotChains chains;

  private final TagCensus census = new TagCensus(this);

  /** Whether there may be translations that fall with more than their page, or parts of groups. */
  private boolean irregular;

  /** L1, if this is an inclusive L2; or null. */
  private Inclusion inner;

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
    slots = new long[SLOT_LONGS * (entries + WayMarks.MOST_WAYS)];
    Arrays.fill(slots, FREE);
    boolean many = ways > WayMarks.MOST_WAYS;
    ring = lru && sets == 1 && many ? new SlotRing(ways) : null;
    lastUses = lru && ring == null ? new long[entries] : null;
    wayMask = Integer.highestOneBit(2 * ways - 1) - 1;
    clockStep = wayMask + 1L;
    trees = replacement == TlbReplacement.TREE_PLRU ? new TreeOrder(sets, ways) : null;
    choice = new WayChoice(ways, limits, seed + structure);
    chains = many ? new SlotChains(entries) : null;
    marks = many || ways == FourWays.WAYS ? null : new WayMarks(sets, ways);
    plainLru = lru && limits.isEmpty();
    clear();
  }

  /** Translations that leave this cache leave those too. */
  void setInner(Inclusion newInner) {
    inner = newInner;
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
    int slot = find(page, key, set);
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
  private int find(long page, long key, int set) {
    if (ways == FourWays.WAYS) {
      return FourWays.find(slots, SLOT_LONGS, set * FourWays.WAYS, key);
    }
    if (marks == null) {
      return chained(page, key);
    }
    if (marks.guesses()) {
      int slot = set * ways + marks.guess(page);
      if (slots[SLOT_LONGS * slot + KEY] == key) {
        return slot;
      }
    }
    return marked(page, key, set);
  }

  private int marked(long page, long key, int set) {
    long candidates = marks.candidates(set, page, (int) key & TAG_MASK);
    while (candidates != 0) {
      int way = WayMarks.way(candidates);
      int slot = set * ways + way;
      if (slots[SLOT_LONGS * slot + KEY] == key) {
        marks.found(page, way);
        return slot;
      }
      candidates &= candidates - 1;
    }
    return NONE;
  }

  private int chained(long page, long key) {
    int slot = chains.first(page);
    while (slot != NONE && slots[SLOT_LONGS * slot + KEY] != key) {
      slot = chains.next(slot);
    }
    return slot;
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
    if (lastUses != null) {
      clock += clockStep;
      lastUses[slot] = clock | slot - set * ways;
    } else if (ring != null) {
      ring.touch(slot);
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
    if (inner != null) {
      inner.leaves(this, slot);
    }
    // A free slot has a tag of its own.
    if (((int) (old ^ key) & TAG_MASK) != 0) {
      countReplacement(old, key);
    }
    write(slot, set, page, key, old, owner, info);
    if (EntryInfo.stage1Extent(info) > (tag & ORDER_MASK) || (tag & KIND_MASK) == PART) {
      irregular = true;
    }
    if (!plainLru) {
      touch(slot, set);
    }
  }

  private void write(int slot, int set, long page, long key, long old, long owner, long info) {
    if (marks != null) {
      marks.set(set, slot - set * ways, page, (int) key & TAG_MASK);
    } else if (chains != null) {
      if (old != FREE) {
        chains.remove(slot);
      }
      chains.add(slot, page);
    }
    slots[SLOT_LONGS * slot + KEY] = key;
    slots[SLOT_LONGS * slot + OWNER] = owner;
    slots[SLOT_LONGS * slot + INFO] = info;
  }

  private int renewOldest(int set) {
    if (ring != null) {
      return ring.renewOldest();
    }
    int slot = set * ways + leastRecent(set * ways, ways);
    touch(slot, set);
    return slot;
  }

  private int leastRecent(int first, int count) {
    long[] in = lastUses;
    if (count == FourWays.WAYS) {
      return (int) FourWays.least(in, first) & wayMask;
    }
    long least = in[first];
    for (int slot = first + 1; slot < first + count; slot++) {
      least = Math.min(least, in[slot]);
    }
    return (int) least & wayMask;
  }

  /** Whether any entry may take the place of the one not used for longest. */
  boolean isPlain() {
    return plainLru;
  }

  /**
   * The usual access, to the only size that this array and the next level have: a page's entry is
   * here; or it is in the next level and takes the place of the oldest here, of a page of the same
   * size; or it is nowhere.
   *
   * @return {@link #HIT}, {@link #REFILLED}; {@link #MISSED} or {@link #OTHER}, with nothing
   *     changed
   */
  int useOrRefill(int tag, TranslationCache behind, int tagBehind, long vpn, long owner) {
    long page = vpn >>> tag;
    long key = page << TAG_BITS | tag;
    int set = (int) page & setMask;
    int found = find(page, key, set);
    if (found != NONE) {
      if (slots[SLOT_LONGS * found + OWNER] != owner) {
        return OTHER;
      }
      hits++;
      touch(found, set);
      return HIT;
    }
    long pageBehind = vpn >>> tagBehind;
    int setBehind = (int) pageBehind & behind.setMask;
    int there = behind.find(pageBehind, pageBehind << TAG_BITS | tagBehind, setBehind);
    if (there == NONE) {
      return MISSED;
    }
    long info = behind.slots[SLOT_LONGS * there + INFO];
    if (behind.slots[SLOT_LONGS * there + OWNER] != owner
        || ((int) info & EntryInfo.ORDERS_AND_PAGES) != EntryInfo.ofWholePage(tag)) {
      return OTHER;
    }
    int slot = ring != null ? ring.oldest() : set * ways + leastRecent(set * ways, ways);
    long old = slots[SLOT_LONGS * slot + KEY];
    if (((int) (old ^ key) & TAG_MASK) != 0) {
      return OTHER;
    }
    touch(slot, set);
    write(slot, set, page, key, old, owner, info);
    fills[tag]++;
    behind.hits++;
    behind.touch(there, setBehind);
    return REFILLED;
  }

  void remove(int slot) {
    if (chains != null) {
      chains.remove(slot);
    }
    census.change((int) slots[SLOT_LONGS * slot + KEY] & TAG_MASK, -1);
    if (ring != null) {
      ring.age(slot);
    } else if (lru) {
      lastUses[slot] &= wayMask;
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
      if (lastUses != null) {
        lastUses[slot] = slot % ways;
      }
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

  private int setOf(long key) {
    return (int) pageOf(key) & setMask;
  }

  private static long pageOf(long key) {
    return key >>> TAG_BITS;
  }
}
