package dev.quire.kernel.filemap;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;

/**
 * A tree from indexes to folios whose entries may cover 2^order aligned indexes (multi-index
 * entries), with one mark an entry. Nodes have 64 slots; a node whose slots hold no entry any more
 * is given back at once, as Linux does, so that a tree without entries has no nodes.
 *
 * <p>A slot is an int: {@link #EMPTY}, a folio's pfn plus one, a sibling of an earlier slot of the
 * node, or {@link #NODE}. Unlike Linux a single entry at index 0 has a node of its own.
 *
 * <p>Lookups here ({@link #get}) stand for those without the lock and count {@link
 * Primitive#XARRAY_QUERY}; all else goes through an {@link XaState}. Insertion allocates nodes and
 * nothing else. Used on the kernel's thread. Source: Linux v6.18 lib/xarray.c.
 */
public final class XArray {
  /** No entry. */
  public static final int NONE = -1;

  static final int CHUNK_SHIFT = 6;
  static final int CHUNK = 1 << CHUNK_SHIFT;
  static final int CHUNK_MASK = CHUNK - 1;

  /** The largest order of an entry (MAX_XAS_ORDER): it may be split over two levels at most. */
  public static final int MAX_ORDER = CHUNK_SHIFT * 2 - 1;

  static final int EMPTY = 0;
  static final int NODE = Integer.MIN_VALUE;

  /** 64 slots that cover 2^shift indexes each. */
  static final class Node {
    final int shift;
    final int[] slots = new int[CHUNK];

    /** Nodes below, where {@link #slots} says {@link #NODE}; null in a lowest node. */
    final Node[] children;

    /** Entries with the mark, or nodes below with such entries. */
    long marks;

    Node parent;
    int offset;
    int used;

    Node(int shift, Node parent, int offset) {
      this.shift = shift;
      this.children = shift > 0 ? new Node[CHUNK] : null;
      this.parent = parent;
      this.offset = offset;
    }

    int offsetOf(long index) {
      return (int) (index >>> shift) & CHUNK_MASK;
    }

    void setChild(int slot, Node child) {
      slots[slot] = NODE;
      children[slot] = child;
    }
  }

  final KernelCounters counters;
  private Node head;
  private long nodes;

  public XArray(KernelCounters counters) {
    this.counters = counters;
  }

  static boolean isSibling(int slot) {
    return slot < EMPTY && slot != NODE;
  }

  static int sibling(int ofSlot) {
    return -1 - ofSlot;
  }

  static int canonical(int sibling) {
    return -1 - sibling;
  }

  Node head() {
    return head;
  }

  void setHead(Node node) {
    head = node;
    if (node != null) {
      node.parent = null;
      node.offset = 0;
    }
  }

  Node newNode(int shift, Node parent, int offset) {
    nodes++;
    counters.count(Primitive.XARRAY_NODE_ALLOC);
    return new Node(shift, parent, offset);
  }

  void nodeFreed() {
    nodes--;
  }

  /** Nodes the tree has now. */
  public long nodes() {
    return nodes;
  }

  public boolean isEmpty() {
    return head == null;
  }

  /** The highest index that nodes {@code node} and below can hold. */
  static long maxIndex(Node node) {
    return node.shift + CHUNK_SHIFT >= Long.SIZE - 1
        ? Long.MAX_VALUE
        : (1L << node.shift + CHUNK_SHIFT) - 1;
  }

  /** The entry at an index, looked up without the lock, or {@link #NONE}. */
  public int get(long index) {
    counters.count(Primitive.XARRAY_QUERY);
    Node node = head;
    if (node == null || index > maxIndex(node)) {
      return NONE;
    }
    while (true) {
      int slot = node.offsetOf(index);
      int value = node.slots[slot];
      if (value > EMPTY) {
        return value - 1;
      }
      if (value == EMPTY) {
        return NONE;
      }
      if (value != NODE) {
        return node.slots[canonical(value)] - 1;
      }
      node = node.children[slot];
    }
  }

  /**
   * Turns the entry of {@code oldOrder} at {@code index} into entries of {@code newOrder} with the
   * same value and mark, for the caller to store the split folio's parts over (xas_split).
   */
  public void split(long index, int oldOrder, int newOrder) {
    if (newOrder >= oldOrder || oldOrder > MAX_ORDER) {
      throw new IllegalArgumentException("split of order " + oldOrder + " to " + newOrder);
    }
    counters.count(Primitive.XARRAY_DESCENT);
    int level = oldOrder / CHUNK_SHIFT * CHUNK_SHIFT;
    Node node = head;
    while (node != null && node.shift > level) {
      node = node.children[node.offsetOf(index)];
    }
    if (node == null) {
      throw new IllegalStateException("no entry of order " + oldOrder + " at " + index);
    }
    int first = node.offsetOf(index >> oldOrder << oldOrder);
    spread(node, first, 1 << oldOrder - level, node.slots[first], newOrder, marked(node, first));
  }

  private static boolean marked(Node node, int slot) {
    return (node.marks >>> slot & 1) != 0;
  }

  private void spread(Node node, int first, int slots, int value, int order, boolean mark) {
    if (order >= node.shift) {
      int width = 1 << order - node.shift;
      for (int i = 0; i < slots; i++) {
        boolean canonical = i % width == 0;
        node.slots[first + i] = canonical ? value : sibling(first + i - i % width);
        if (mark && canonical) {
          node.marks |= 1L << first + i;
        }
        counters.count(Primitive.XARRAY_STORE);
      }
      return;
    }
    for (int i = 0; i < slots; i++) {
      Node child = newNode(node.shift - CHUNK_SHIFT, node, first + i);
      child.used = CHUNK;
      node.setChild(first + i, child);
      if (mark) {
        node.marks |= 1L << first + i;
      }
      spread(child, 0, CHUNK, value, order, mark);
    }
  }
}
