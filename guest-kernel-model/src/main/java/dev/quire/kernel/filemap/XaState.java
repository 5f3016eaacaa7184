package dev.quire.kernel.filemap;

import static dev.quire.kernel.filemap.XArray.CHUNK;
import static dev.quire.kernel.filemap.XArray.CHUNK_MASK;
import static dev.quire.kernel.filemap.XArray.CHUNK_SHIFT;
import static dev.quire.kernel.filemap.XArray.EMPTY;
import static dev.quire.kernel.filemap.XArray.NODE;
import static dev.quire.kernel.filemap.XArray.NONE;

import dev.quire.kernel.stat.Primitive;

/**
 * A place in an {@link XArray} and the operations at it (Linux's xa_state and xas_* functions): set
 * it to an index, then load, look for a conflict, store, or step on. It stays where an operation
 * left it, so that the next one starts from its node and not from the root.
 *
 * <p>Counts {@link Primitive#XARRAY_DESCENT} for a walk down from the root, or through a parent to
 * a neighbouring node; {@link Primitive#XARRAY_STEP} for a step within a node; {@link
 * Primitive#XARRAY_STORE} for a store. Reusable and without allocation; nothing else may change the
 * tree between two operations of one state unless {@link #set} comes first. Source: Linux v6.18
 * include/linux/xarray.h, lib/xarray.c.
 */
public final class XaState {
  private final XArray tree;
  private long index;

  /** Shift of the node that holds an entry of this order, and the siblings it has there. */
  private int shift;

  private int siblings;

  private XArray.Node node;
  private int offset;

  /** Past what the tree covers: {@link #node} is null, and {@link #next} need not look. */
  private boolean outOfBounds;

  /** What a walk down from the root counts as. */
  private final Primitive walk;

  /** Gigantic hugetlb pages have the largest entries; {@link XArray#MAX_ORDER} bounds a split. */
  private static final int MOST_ORDER = 20;

  /** For use under the tree's lock. */
  public XaState(XArray tree) {
    this(tree, Primitive.XARRAY_DESCENT);
  }

  private XaState(XArray tree, Primitive walk) {
    this.tree = tree;
    this.walk = walk;
  }

  /** For looking without the lock: walks down count as {@link Primitive#XARRAY_QUERY}. */
  static XaState unlocked(XArray tree) {
    return new XaState(tree, Primitive.XARRAY_QUERY);
  }

  public long index() {
    return index;
  }

  /** Goes to one index; the next operation starts at the root. */
  public void set(long toIndex) {
    setOrder(toIndex, 0);
  }

  /** Goes to the 2^order indexes around one of them. */
  public void setOrder(long toIndex, int order) {
    if (toIndex < 0 || order > MOST_ORDER) {
      throw new IllegalArgumentException("index " + toIndex + ", order " + order);
    }
    index = toIndex >>> order << order;
    shift = order / CHUNK_SHIFT * CHUNK_SHIFT;
    siblings = (1 << order % CHUNK_SHIFT) - 1;
    restart();
  }

  private void restart() {
    node = null;
    outOfBounds = false;
  }

  /** The entry here, or {@link XArray#NONE} (xas_load). */
  public int load() {
    if (node != null) {
      return entryAt(node.slots[offset]);
    }
    XArray.Node head = tree.head();
    if (head == null || index > XArray.maxIndex(head)) {
      if (walk == Primitive.XARRAY_QUERY) {
        // Under the lock the store that follows makes the walk.
        tree.counters.count(walk);
      }
      outOfBounds = true;
      return NONE;
    }
    tree.counters.count(walk);
    int slot = descend(head, index);
    while (slot == NODE && node.shift > shift) {
      slot = descend(node.children[offset], index);
    }
    return entryAt(slot);
  }

  /** Enters a node at the slot of an index and returns what the canonical slot there holds. */
  private int descend(XArray.Node into, long toIndex) {
    node = into;
    offset = into.offsetOf(toIndex);
    int slot = into.slots[offset];
    if (XArray.isSibling(slot)) {
      offset = XArray.canonical(slot);
      slot = into.slots[offset];
    }
    return slot;
  }

  private static int entryAt(int slot) {
    return slot > EMPTY ? slot - 1 : NONE;
  }

  /** The first entry that overlaps the state's indexes, or {@link XArray#NONE}. */
  public int findConflict() {
    if (node == null) {
      XArray.Node head = tree.head();
      if (head == null || index > XArray.maxIndex(head)) {
        outOfBounds = true;
        return NONE;
      }
      tree.counters.count(walk);
      int slot = descend(head, index);
      while (slot == NODE) {
        slot = descend(node.children[offset], index);
      }
      if (slot != EMPTY) {
        return entryAt(slot);
      }
    }
    return node.shift > shift ? NONE : conflictBehind();
  }

  private int conflictBehind() {
    while (true) {
      if (node.shift == shift) {
        if ((offset & siblings) == siblings) {
          break;
        }
      } else if (offset == CHUNK_MASK) {
        offset = node.offset;
        node = node.parent;
        if (node == null) {
          return NONE;
        }
        continue;
      }
      int slot = node.slots[++offset];
      if (XArray.isSibling(slot)) {
        continue;
      }
      while (slot == NODE) {
        node = node.children[offset];
        offset = 0;
        slot = node.slots[0];
      }
      if (slot != EMPTY) {
        return entryAt(slot);
      }
    }
    offset -= siblings;
    return NONE;
  }

  /**
   * Puts an entry over all of the state's indexes, replacing what is there, or with {@link
   * XArray#NONE} takes it away (xas_store).
   */
  public void store(int pfn) {
    tree.counters.count(Primitive.XARRAY_STORE);
    if (pfn == NONE) {
      erase();
      return;
    }
    create();
    int gained = 0;
    long squashed = 0;
    for (int i = 0; i <= siblings; i++) {
      int old = node.slots[offset + i];
      if (old == NODE) {
        dropBelow(node.children[offset + i]);
        node.children[offset + i] = null;
      }
      gained += old == EMPTY ? 1 : 0;
      node.slots[offset + i] = i == 0 ? pfn + 1 : XArray.sibling(offset);
      squashed |= 1L << offset + i;
    }
    if (siblings > 0 && (node.marks & squashed) != 0) {
      node.marks = node.marks & ~squashed | 1L << offset;
    }
    node.used += gained;
  }

  private void dropBelow(XArray.Node dropped) {
    tree.nodeFreed();
    if (dropped.children != null) {
      for (XArray.Node child : dropped.children) {
        if (child != null) {
          dropBelow(child);
        }
      }
    }
  }

  /** Makes the nodes down to the state's order (xas_create). */
  private void create() {
    if (node == null) {
      tree.counters.count(walk);
      descend(expand(), index);
    }
    while (node.shift > shift) {
      int slot = node.slots[offset];
      if (slot == EMPTY) {
        node.setChild(offset, tree.newNode(node.shift - CHUNK_SHIFT, node, offset));
        node.used++;
      } else if (slot != NODE) {
        throw new IllegalStateException("index " + index + " is part of an entry of higher order");
      }
      descend(node.children[offset], index);
    }
  }

  /** Adds levels above the root until the tree covers the state's last index (xas_expand). */
  private XArray.Node expand() {
    long size = siblings + 1L << shift;
    long last = index | size - 1;
    XArray.Node head = tree.head();
    if (head == null) {
      int top = 0;
      while (last >>> top >= CHUNK || top < shift) {
        top += CHUNK_SHIFT;
      }
      head = tree.newNode(top, null, 0);
      tree.setHead(head);
      return head;
    }
    while (last > XArray.maxIndex(head) || head.shift < shift) {
      XArray.Node above = tree.newNode(head.shift + CHUNK_SHIFT, null, 0);
      above.setChild(0, head);
      above.used = 1;
      above.marks = head.marks != 0 ? 1 : 0;
      tree.setHead(above);
      head.parent = above;
      head = above;
    }
    return head;
  }

  private void erase() {
    load();
    if (node == null || node.slots[offset] == EMPTY) {
      return;
    }
    if (node.slots[offset] == NODE) {
      throw new IllegalStateException("entries of lower order at " + index);
    }
    clearMark();
    int taken = 0;
    do {
      node.slots[offset + taken] = EMPTY;
      taken++;
    } while (offset + taken < CHUNK && node.slots[offset + taken] == XArray.sibling(offset));
    node.used -= taken;
    if (node.used == 0) {
      deleteNode();
    }
  }

  /** Gives back nodes without entries, upwards, then roots with their first slot only. */
  private void deleteNode() {
    XArray.Node empty = node;
    while (empty.used == 0) {
      XArray.Node parent = empty.parent;
      tree.nodeFreed();
      if (parent == null) {
        tree.setHead(null);
        restart();
        outOfBounds = true;
        return;
      }
      parent.slots[empty.offset] = EMPTY;
      parent.children[empty.offset] = null;
      parent.used--;
      node = parent;
      offset = empty.offset;
      empty = parent;
    }
    XArray.Node head = tree.head();
    while (head.used == 1 && head.slots[0] == NODE) {
      if (node == head) {
        restart();
      }
      tree.nodeFreed();
      head = head.children[0];
      tree.setHead(head);
    }
  }

  /** Steps to the next index and returns the entry there (xas_next). */
  public int next() {
    if (node == null) {
      if (!outOfBounds) {
        return load();
      }
      index++;
      return NONE;
    }
    index++;
    if (offset != CHUNK_MASK
        && node.shift == 0
        && !XArray.isSibling(node.slots[offset + 1])
        && node.slots[offset + 1] != NODE) {
      tree.counters.count(Primitive.XARRAY_STEP);
      offset++;
      return entryAt(node.slots[offset]);
    }
    return nextElsewhere();
  }

  private int nextElsewhere() {
    XArray.Node from = node;
    while (index - 1 >>> node.shift >>> CHUNK_SHIFT != index >>> node.shift >>> CHUNK_SHIFT) {
      node = node.parent;
      if (node == null) {
        outOfBounds = true;
        return NONE;
      }
    }
    boolean near = node == from && node.shift == 0;
    tree.counters.count(near ? Primitive.XARRAY_STEP : walk);
    int slot = descend(node, index);
    while (slot == NODE) {
      slot = descend(node.children[offset], index);
    }
    return entryAt(slot);
  }

  /**
   * The first entry at or behind the index, up to {@code last}, and the state on it, or {@link
   * XArray#NONE}. Called again it goes on behind that entry (xas_find).
   */
  public int find(long last) {
    return find(last, false);
  }

  /** As {@link #find}, of entries with the mark (xas_find_marked). */
  public int findMarked(long last) {
    return find(last, true);
  }

  private int find(long last, boolean markedOnly) {
    if (outOfBounds || index > last) {
      return NONE;
    }
    if (node == null) {
      int entry = load();
      if (node == null) {
        return NONE;
      }
      if (entry != NONE && (!markedOnly || marked())) {
        return entry;
      }
      if (node.slots[offset] == EMPTY || entry != NONE) {
        advance();
      }
    } else {
      advance();
    }
    while (node != null && index <= last) {
      if (offset == CHUNK) {
        offset = node.offset + 1;
        node = node.parent;
        continue;
      }
      int slot = node.slots[offset];
      if (slot == NODE && (!markedOnly || marked())) {
        node = node.children[offset];
        offset = 0;
        continue;
      }
      if (slot > EMPTY && (!markedOnly || marked())) {
        tree.counters.count(Primitive.XARRAY_STEP);
        return slot - 1;
      }
      advance();
    }
    outOfBounds = node == null;
    return NONE;
  }

  /** To the first index behind the entry, or the empty slot, here (xas_next_offset). */
  private void advance() {
    int of = XArray.sibling(offset);
    offset++;
    while (offset < CHUNK && node.slots[offset] == of) {
      offset++;
    }
    index = (index >>> node.shift & ~(long) CHUNK_MASK) + offset << node.shift;
  }

  private boolean marked() {
    return (node.marks >>> offset & 1) != 0;
  }

  /** Whether the entry here has the mark; after {@link #load} or the like. */
  public boolean isMarked() {
    return node != null && marked();
  }

  /** Marks the entry here, which there must be (xas_set_mark). */
  public void setMark() {
    XArray.Node at = node;
    int slot = offset;
    while (at != null && (at.marks >>> slot & 1) == 0) {
      at.marks |= 1L << slot;
      slot = at.offset;
      at = at.parent;
    }
  }

  /** Takes the mark from the entry here (xas_clear_mark). */
  public void clearMark() {
    XArray.Node at = node;
    int slot = offset;
    while (at != null && (at.marks >>> slot & 1) != 0) {
      at.marks &= ~(1L << slot);
      if (at.marks != 0) {
        return;
      }
      slot = at.offset;
      at = at.parent;
    }
  }
}
