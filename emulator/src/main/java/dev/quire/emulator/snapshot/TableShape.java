package dev.quire.emulator.snapshot;

import dev.quire.emulator.boot.GuestRam;

/**
 * Where the nodes of a block table lie in its file: level 0 holds the entries of the blocks, each
 * level above one entry for every node of the level below, up to the level of one node, the root.
 * The levels stand one behind the other, level 0 first. All of it follows from the number of
 * blocks.
 */
final class TableShape {
  /** Entries of a node; the last of a level may have fewer. */
  static final int FANOUT = 128;

  static final int MOST_BLOCKS = (int) (GuestRam.MAX_BYTES / BlockTable.BLOCK_BYTES) + 32;

  static final int BLOCK_ENTRY_BYTES = 32;
  static final int NODE_ENTRY_BYTES = 48;

  /** Seven bits a level: more than 31 bits of blocks need no more. */
  private static final int MOST_LEVELS = 6;

  private final int[] entries = new int[MOST_LEVELS];
  private final long[] offsets = new long[MOST_LEVELS];
  private final int levels;
  private final long bytes;

  /**
   * @param blocks not negative
   */
  TableShape(int blocks) {
    long end = 0;
    int level = 0;
    int count = blocks;
    while (true) {
      entries[level] = count;
      offsets[level] = end;
      end += (long) count * entryBytes(level);
      if (count <= FANOUT) {
        break;
      }
      count = nodes(level);
      level++;
    }
    levels = level + 1;
    bytes = end;
  }

  static int entryBytes(int level) {
    return level == 0 ? BLOCK_ENTRY_BYTES : NODE_ENTRY_BYTES;
  }

  int levels() {
    return levels;
  }

  /** Of the file. */
  long bytes() {
    return bytes;
  }

  /** How many nodes a level has. */
  int nodes(int level) {
    return Math.max(1, (int) (((long) entries[level] + FANOUT - 1) / FANOUT));
  }

  /** How many entries a node has; none only where there are no blocks at all. */
  int entries(int level, int node) {
    return Math.min(FANOUT, entries[level] - node * FANOUT);
  }

  long offset(int level, int node) {
    return offsets[level] + (long) node * FANOUT * entryBytes(level);
  }

  int nodeBytes(int level, int node) {
    return entries(level, node) * entryBytes(level);
  }
}
