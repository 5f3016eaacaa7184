package dev.quire.mmu.tlb;

/**
 * A byte for each way of each set, from the page it holds: which ways to look at for a page, all at
 * once and without a branch; mostly the right one, or none where the page is not. Other candidates
 * may be named too, also ways past the last: keys decide. Of more than four ways, where a page was
 * last met is kept besides: a guess that costs less where it is right.
 */
final class WayMarks {
  private static final int BITS = 3;
  private static final int BYTE_MASK = 0xff;
  private static final long EVERY_BYTE = 0x0101_0101_0101_0101L;
  private static final long HIGH_BITS = EVERY_BYTE << 7;
  private static final int MOST_WORDS = 4;
  private static final int MOST_UNGUESSED = 4;
  private static final int GUESSES_PER_WAY = 4;

  /** The most ways that are marked; more take longer than a hash. */
  static final int MOST_WAYS = MOST_WORDS << BITS;

  /** Eight ways each; the words of a set are neighbours. */
  private final long[] words;

  /** By low bits of the page, in which way it was when it was last met; or null. */
  private final byte[] guesses;

  private final int guessBits;
  private final int wordsPerSet;
  private final int setBits;

  WayMarks(int sets, int ways) {
    wordsPerSet = ways + 7 >>> BITS;
    words = new long[sets * wordsPerSet];
    setBits = Integer.numberOfTrailingZeros(sets);
    int most = GUESSES_PER_WAY * sets * ways;
    guesses = ways > MOST_UNGUESSED ? new byte[Integer.highestOneBit(2 * most - 1)] : null;
    guessBits = guesses == null ? 0 : Integer.numberOfTrailingZeros(guesses.length);
  }

  boolean guesses() {
    return guesses != null;
  }

  /** The way where a page is most likely, if it is anywhere. */
  int guess(long page) {
    return guesses[guessOf(page)];
  }

  /** A page was found in a way. */
  void found(long page, int way) {
    if (guesses != null) {
      guesses[guessOf(page)] = (byte) way;
    }
  }

  private int guessOf(long page) {
    return (int) (page ^ page >>> guessBits) & guesses.length - 1;
  }

  /** Pages of one region that share a set differ in it. */
  private long mark(long page, int tag) {
    long above = page >>> setBits;
    return (above ^ above >>> 8 ^ tag) & BYTE_MASK;
  }

  /** The ways that may hold a page, for {@link #way} and without its lowest bit the next. */
  long candidates(int set, long page, int tag) {
    long pattern = mark(page, tag) * EVERY_BYTE;
    int at = set * wordsPerSet;
    long found = zeroBytes(words[at] ^ pattern) >>> 7;
    if (wordsPerSet > 1) {
      found |= zeroBytes(words[at + 1] ^ pattern) >>> 6;
      if (wordsPerSet > 2) {
        found |= more(at, pattern);
      }
    }
    return found;
  }

  private long more(int at, long pattern) {
    long third = zeroBytes(words[at + 2] ^ pattern) >>> 5;
    return wordsPerSet > 3 ? third | zeroBytes(words[at + 3] ^ pattern) >>> 4 : third;
  }

  /** The first candidate. */
  static int way(long candidates) {
    int bit = Long.numberOfTrailingZeros(candidates);
    return bit >>> BITS | (bit & 7) << BITS;
  }

  /** A page is in a way now. */
  void set(int set, int way, long page, int tag) {
    found(page, way);
    int at = set * wordsPerSet + (way >>> BITS);
    int shift = (way & 7) << BITS;
    words[at] = words[at] & ~((long) BYTE_MASK << shift) | mark(page, tag) << shift;
  }

  /** The high bits of the bytes that are zero, and perhaps of others above them. */
  private static long zeroBytes(long word) {
    return word - EVERY_BYTE & ~word & HIGH_BITS;
  }
}
